"""A recurrent cell of NAS-Bench-NLP, in canonical form."""

from __future__ import annotations

import json
import operator
from collections.abc import Sequence
from typing import Any, NoReturn

from nascurve.benchmarks.nbnlp.canonical import N_SOURCES, Graph, canonical
from nascurve.errors import ArchitectureError

OPS = (
    "in",
    "activation_sigm",
    "activation_tanh",
    "activation_leaky_relu",
    "elementwise_sum",
    "elementwise_prod",
    "linear",
    "blend",
)
"""Operations by their number in the compact form of NAS-Bench-x11 and NASLib; 0 is no operation."""
SIGM, TANH, LEAKY_RELU, SUM, PROD, LINEAR, BLEND = range(1, 8)
ARITIES = ((), (1,), (1,), (1,), (2,), (2,), (2, 3), (3,))
"""Numbers of inputs that each operation may have."""
MAX_HIDDENS = 3
MAX_NODES = 25
"""The authors' generator gives at most 3 hidden states + 21 nodes + 1 last activation."""
SOURCES = ("x", "h_prev_0", "h_prev_1", "h_prev_2")


class RecurrentCell:
    """One cell: a graph of operations from x and the previous hidden states to the new ones.

    Sources are numbered x = 0, h_prev_i = 1 + i; nodes from 4 on, in canonical topological order. Cells are
    equal exactly when their graphs are isomorphic: names and order of nodes do not count, nor the order of
    inputs but for `blend` (a*b + (1-a)*c); the indices of hidden states do. Nodes are not merged: two equal
    `linear` are two weight matrices.

    ops:     operation of each node, an index of `OPS`.
    inputs:  sources of each node; ascending, but for `blend`.
    outputs: the node that is h_new_i; the cell's output is h_new_0.

    The constructor takes nodes in any order (with consistent numbers) and raises ArchitectureError unless
    - every operation has as many inputs as it takes, all different, and there is no cycle;
    - x goes into `linear` only (it has another width than the hidden states);
    - there are as many h_prev as h_new, 1 to 3, and x and all h_prev are used;
    - every node leads to an output, and there are at most 25.
    The generator's further rule, that no h_new_i reads an h_prev directly, is one for sampling: the authors'
    own GRU breaks it.
    """

    __slots__ = ("_hash", "_text", "inputs", "ops", "outputs")
    ops: tuple[int, ...]
    inputs: tuple[tuple[int, ...], ...]
    outputs: tuple[int, ...]
    _hash: int
    _text: str | None

    def __new__(
        cls, ops: Sequence[int], inputs: Sequence[Sequence[int]], outputs: Sequence[int]
    ) -> RecurrentCell:
        try:
            graph = (_whole(ops), tuple(_whole(sources) for sources in inputs), _whole(outputs))
        except TypeError as error:
            raise ArchitectureError(
                f"A recurrent cell is made of sequences of whole numbers ({error}). Recipes are read by "
                "RecurrentSpace().from_recipe."
            ) from error
        fault = broken_rule(graph)
        if fault:
            raise ArchitectureError(f"A recurrent cell must be valid: {fault}.")
        return cls.trusted(canonical(graph))

    @classmethod
    def trusted(cls, graph: Graph) -> RecurrentCell:
        """The cell of a graph that is known to be valid and canonical, such as one from our own cache."""
        cell = object.__new__(cls)
        put = object.__setattr__
        for name, value in zip(("ops", "inputs", "outputs"), graph, strict=True):
            put(cell, name, value)
        put(cell, "_text", None)
        put(cell, "_hash", hash(graph))  # tuples of ints: the same in every process
        return cell

    @property
    def graph(self) -> Graph:
        return self.ops, self.inputs, self.outputs

    @property
    def n_hiddens(self) -> int:
        return len(self.outputs)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the four sources and of the nodes, by number: `h_new_i`, others `node_0`, `node_1`, …"""
        hidden = {node: f"h_new_{number}" for number, node in enumerate(self.outputs)}
        names = list(SOURCES)
        for node in range(N_SOURCES, N_SOURCES + len(self.ops)):
            names.append(hidden.get(node) or f"node_{len(names) - N_SOURCES}")
        return tuple(names)

    def recipe(self) -> dict[str, dict[str, Any]]:
        """The authors' form: node name -> {"op": name, "input": [names]}."""
        names = self.names
        return {
            name: {"op": OPS[op], "input": [names[source] for source in sources]}
            for name, op, sources in zip(names[N_SOURCES:], self.ops, self.inputs, strict=True)
        }

    def __str__(self) -> str:
        if self._text is None:
            object.__setattr__(self, "_text", json.dumps(self.recipe()))
        return self._text  # type: ignore[return-value]

    def __repr__(self) -> str:
        return f"<RecurrentCell {self}>"

    def __eq__(self, other: object) -> bool:
        if type(other) is not RecurrentCell:
            return NotImplemented
        return self is other or (self._hash == other._hash and self.graph == other.graph)

    def __hash__(self) -> int:
        return self._hash

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AttributeError(f"RecurrentCell is immutable: cannot set {name!r}.")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"RecurrentCell is immutable: cannot delete {name!r}.")

    def __reduce__(self) -> tuple[type[RecurrentCell], Graph]:
        return RecurrentCell, self.graph


def _whole(numbers: Sequence[int]) -> tuple[int, ...]:
    return tuple(operator.index(number) for number in numbers)


def broken_rule(graph: Graph) -> str:
    """What is wrong with a graph, in words, by the rules of `RecurrentCell`; empty when nothing is."""
    ops, inputs, outputs = graph
    n_nodes, n_hiddens = len(ops), len(outputs)
    if not 1 <= n_hiddens <= MAX_HIDDENS:
        return f"it has {n_hiddens} outputs h_new_i, expected 1 to {MAX_HIDDENS}"
    if not n_hiddens <= n_nodes <= MAX_NODES or len(inputs) != n_nodes:
        return f"it has {n_nodes} nodes, expected 1 to {MAX_NODES}, one for each output at least"
    nodes = range(N_SOURCES, N_SOURCES + n_nodes)
    if len(set(outputs)) != n_hiddens or not all(node in nodes for node in outputs):
        return "its outputs are not different nodes"
    used: set[int] = set()
    for op, sources in zip(ops, inputs, strict=True):
        if op not in range(1, len(OPS)):
            return f"there is no operation {op!r}"
        if len(sources) not in ARITIES[op]:
            return f"{OPS[op]} takes {' or '.join(map(str, ARITIES[op]))} inputs, not {len(sources)}"
        if len(set(sources)) != len(sources):
            return f"{OPS[op]} reads the same input twice"
        if not all(source in nodes or 0 <= source <= n_hiddens for source in sources):
            return f"{OPS[op]} reads what is neither a node nor x nor an h_prev that has an h_new"
        if op != LINEAR and 0 in sources:
            return f"{OPS[op]} reads x, which only linear may"
        used.update(sources)
    unused = [SOURCES[source] for source in range(n_hiddens + 1) if source not in used]
    if unused:
        return f"{' and '.join(unused)} is not used"
    if len(live_nodes(inputs, outputs)) < n_nodes:
        return "a node leads to no output"
    return "there is a cycle" if _is_cyclic(inputs) else ""


def live_nodes(inputs: Sequence[Sequence[int]], outputs: Sequence[int]) -> set[int]:
    """The nodes from which an output can be reached."""
    live = set(outputs)
    frontier = list(outputs)
    while frontier:
        for source in inputs[frontier.pop() - N_SOURCES]:
            if source >= N_SOURCES and source not in live:
                live.add(source)
                frontier.append(source)
    return live


def _is_cyclic(inputs: Sequence[Sequence[int]]) -> bool:
    known = set(range(N_SOURCES))
    waiting = list(range(N_SOURCES, N_SOURCES + len(inputs)))
    while waiting:
        later = [node for node in waiting if not known.issuperset(inputs[node - N_SOURCES])]
        if len(later) == len(waiting):
            return True
        known.update(set(waiting).difference(later))
        waiting = later
    return False
