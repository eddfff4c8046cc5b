"""Cells in the authors' notation (recipes) and in the compact one of NAS-Bench-x11 and NASLib."""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Mapping, Sequence
from typing import Any

from nascurve.benchmarks.nbnlp.canonical import N_SOURCES
from nascurve.benchmarks.nbnlp.cell import OPS, SOURCES, RecurrentCell, live_nodes
from nascurve.errors import ArchitectureError

Compact = tuple[tuple[tuple[int, int], ...], tuple[int, ...], tuple[int, ...]]
"""Edges (from, to); operations with four zeros first for the sources; nodes that are hidden states."""

_OUTPUT = re.compile(r"h_new_(0|[1-9][0-9]*)")
_MOST_CHARACTERS = 20_000
_MOST_NODES = 100
_MOST_NAME = 100
_FORM = (
    '{"f": {"op": "linear", "input": ["x", "h_prev_0"]}, '
    '"h_new_0": {"op": "activation_tanh", "input": ["f"]}}'
)


def cell_of_recipe(recipe: object) -> RecurrentCell:
    """The cell of any recipe, as JSON text or as a mapping; names and order of its nodes are forgotten.

    Outputs are exactly the keys `h_new_<digits>`; nodes that lead to no output are left out, as they change
    nothing. Raises ArchitectureError for what is no recipe or breaks a rule of `RecurrentCell`.
    """
    nodes = checked_recipe(recipe)
    number = {name: place for place, name in enumerate([*SOURCES, *nodes])}
    found = sorted((int(match[1]), number[name]) for name in nodes if (match := _OUTPUT.fullmatch(name)))
    if [index for index, _ in found] != list(range(len(found))):
        raise _refusal(recipe, f"outputs h_new_{', h_new_'.join(str(i) for i, _ in found)}: one is missing")
    outputs = [node for _, node in found]
    inputs = []
    for name, (_, sources) in nodes.items():
        unknown = next((source for source in sources if source not in number), None)
        if unknown is not None:
            raise _refusal(recipe, f"{name!r} reads {unknown!r}, which is no node, x or h_prev_0 to h_prev_2")
        inputs.append([number[source] for source in sources])
    ops = [OPS.index(op) for op, _ in nodes.values()]
    return _live(ops, inputs, outputs)


def checked_recipe(recipe: object) -> dict[str, tuple[str, list[str]]]:
    """Node name -> (operation's name, names of inputs), in the recipe's order. Raises as `cell_of_recipe`."""
    if isinstance(recipe, str):
        recipe = _loaded(recipe)
    if not isinstance(recipe, Mapping) or not 1 <= len(recipe) <= _MOST_NODES:
        raise _refusal(recipe, f"not an object of 1 to {_MOST_NODES} nodes")
    nodes: dict[str, tuple[str, list[str]]] = {}
    for name, node in recipe.items():
        if not isinstance(name, str) or name in SOURCES or len(name) > _MOST_NAME:
            raise _refusal(recipe, f"a node has the name {name!r:.80}")
        op = node.get("op") if isinstance(node, Mapping) else None
        inputs = node.get("input") if isinstance(node, Mapping) else None
        if not isinstance(op, str) or op not in OPS[1:]:
            raise _refusal(recipe, f"{name!r:.80} has the operation {op!r:.80}; known: {', '.join(OPS[1:])}")
        if not isinstance(inputs, list | tuple) or not all(isinstance(source, str) for source in inputs):
            raise _refusal(recipe, f"{name!r:.80} has no list of input names")
        nodes[name] = op, list(inputs)
    return nodes


def compact_of_recipe(recipe: object) -> Compact:
    """The compact form, nodes in the recipe's own order, as the official conversion gives it: a node with an
    input not yet seen moves to the end and the scan starts again; hidden states are all nodes whose name
    contains `h_new`. Raises ArchitectureError for what is no recipe."""
    nodes = checked_recipe(recipe)
    cell_of_recipe(recipe)  # so that there is an order in which inputs come first
    order = list(nodes)
    place = 0
    while place < len(order):
        if set(order[:place]).union(SOURCES).issuperset(nodes[order[place]][1]):
            place += 1
        else:
            order.append(order.pop(place))
            place = 0
    number = {name: place for place, name in enumerate([*SOURCES, *order])}
    return (
        tuple((number[source], number[name]) for name in order for source in nodes[name][1]),
        (0,) * N_SOURCES + tuple(OPS.index(nodes[name][0]) for name in order),
        tuple(number[name] for name in order if "h_new" in name),
    )


def cell_of_compact(compact: object) -> RecurrentCell:
    """The cell of a compact form. Two things are lost in that form, and guessed as the official conversion
    does: inputs of `blend` are taken in the order of the edges, and hidden states are numbered in the order
    of the nodes. The authors' LSTM, with five nodes named `h_new…`, is no cell in it.

    Raises ArchitectureError for what is no compact form or breaks a rule of `RecurrentCell`.
    """
    try:
        parts: Any = compact
        pairs, numbers, outputs = parts
        edges = [(operator.index(source), operator.index(target)) for source, target in pairs]
        ops = [operator.index(op) for op in numbers]
        hiddens = sorted(operator.index(node) for node in outputs)
    except (TypeError, ValueError) as error:
        raise _compact_refusal(compact, str(error)) from error
    if len(ops) > _MOST_NODES or any(ops[:N_SOURCES]):
        raise _compact_refusal(compact, f"{len(ops)} operations, of which the first four must be 0")
    nodes = range(N_SOURCES, len(ops))
    if not all(target in nodes and 0 <= source < len(ops) for source, target in edges):
        raise _compact_refusal(compact, "an edge to or from a node that it has not")
    if not all(node in nodes for node in hiddens) or len(edges) > 3 * len(ops):
        raise _compact_refusal(compact, "hidden states or edges that do not fit its nodes")
    inputs = [[source for source, target in edges if target == node] for node in nodes]
    return _live(ops[N_SOURCES:], inputs, hiddens)


def _live(ops: Sequence[int], inputs: Sequence[Sequence[int]], outputs: Sequence[int]) -> RecurrentCell:
    """The cell without nodes that lead to no output."""
    live = sorted(live_nodes(inputs, outputs))
    number = {node: N_SOURCES + place for place, node in enumerate(live)}
    number.update((source, source) for source in range(N_SOURCES))
    return RecurrentCell(
        [ops[node - N_SOURCES] for node in live],
        [[number[source] for source in inputs[node - N_SOURCES]] for node in live],
        [number[node] for node in outputs],
    )


def _loaded(text: str) -> Any:
    if len(text) > _MOST_CHARACTERS:
        raise _refusal(text, f"{len(text)} characters")
    try:
        return json.loads(text, object_pairs_hook=_once_each)
    except (ValueError, RecursionError) as error:
        raise _refusal(text, str(error)) from error


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) < len(pairs):
        raise ValueError("a name stands there twice")
    return table


def _refusal(recipe: object, reason: str) -> ArchitectureError:
    return ArchitectureError(
        f"A recipe of a recurrent cell has the form {_FORM}; got {recipe!r:.200} ({reason:.300})."
    )


def _compact_refusal(compact: object, reason: str) -> ArchitectureError:
    return ArchitectureError(
        "The compact form of a recurrent cell is (edges, operations, hidden states), of whole numbers; "
        f"got {compact!r:.200} ({reason:.300})."
    )
