"""Recurrent cells as rows of numbers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nascurve.benchmarks.nbnlp.canonical import N_SOURCES
from nascurve.benchmarks.nbnlp.cell import (
    BLEND,
    LINEAR,
    MAX_HIDDENS,
    MAX_NODES,
    OPS,
    PROD,
    SIGM,
    RecurrentCell,
)
from nascurve.benchmarks.nbnlp.recipe import compact_of_recipe
from nascurve.errors import ConfigError
from nascurve.simulator.types import FloatArray

_N_OPS = len(OPS) - 1
_KINDS = N_SOURCES + _N_OPS
"""What an input can be: one of the four sources, or the result of one of the operations."""
_COMPACT_NODES = 13
_ACTIVATIONS = (1, 2, 3)
_NO_PATH = MAX_NODES + 1


def graph_features(cell: RecurrentCell) -> FloatArray:
    """213 counts that do not depend on any numbering:

    number of nodes; hidden states, one-hot (3); nodes of each operation (7), linear of three inputs; pairs of
    an input's kind and the operation that reads it (11 x 7); kind of each h_new, one-hot (3 x 7); readers of
    each h_new within the cell (3) and of each source (4); gates: products with a sigmoid, blends by a
    sigmoid, products of two activations; pairs (activation, operation that reads its reader) (3 x 7); and for
    each source and h_new (4 x 3, six numbers each): whether there is a path, log(1 + number of paths),
    shortest and longest, the fewest linear and the fewest activations on one, 0 where there is none.
    """
    ops, inputs = cell.ops, cell.inputs
    kinds = [*range(N_SOURCES), *(N_SOURCES - 1 + op for op in ops)]
    counts = np.zeros(_N_OPS)
    pairs = np.zeros((_KINDS, _N_OPS))
    triples = np.zeros((len(_ACTIVATIONS), _N_OPS))
    readers = np.zeros(N_SOURCES + len(ops))
    for op, sources in zip(ops, inputs, strict=True):
        counts[op - 1] += 1
        for source in sources:
            pairs[kinds[source], op - 1] += 1
            readers[source] += 1
            if source >= N_SOURCES:
                for above in inputs[source - N_SOURCES]:
                    if above >= N_SOURCES and ops[above - N_SOURCES] in _ACTIVATIONS:
                        triples[ops[above - N_SOURCES] - 1, op - 1] += 1
    hiddens = np.zeros(MAX_HIDDENS)
    hiddens[cell.n_hiddens - 1] = 1
    output_ops = np.zeros((MAX_HIDDENS, _N_OPS))
    output_readers = np.zeros(MAX_HIDDENS)
    for number, node in enumerate(cell.outputs):
        output_ops[number, ops[node - N_SOURCES] - 1] = 1
        output_readers[number] = readers[node]
    wide = sum(op == LINEAR and len(sources) == 3 for op, sources in zip(ops, inputs, strict=True))
    return np.concatenate(
        [
            [len(ops)],
            hiddens,
            counts,
            [wide],
            pairs.ravel(),
            output_ops.ravel(),
            output_readers,
            readers[:N_SOURCES],
            _gates(cell),
            triples.ravel(),
            *(_paths(cell, source) for source in range(N_SOURCES)),
        ]
    )


def _gates(cell: RecurrentCell) -> list[float]:
    def op_of(source: int) -> int:
        return cell.ops[source - N_SOURCES] if source >= N_SOURCES else 0

    by_sigmoid = blends = of_two = 0
    for op, sources in zip(cell.ops, cell.inputs, strict=True):
        above = [op_of(source) for source in sources]
        by_sigmoid += op == PROD and SIGM in above
        blends += op == BLEND and above[0] == SIGM
        of_two += op == PROD and all(other in _ACTIVATIONS for other in above)
    return [by_sigmoid, blends, of_two]


def _paths(cell: RecurrentCell, start: int) -> FloatArray:
    """Of the paths from a source to each output: six numbers, zero where there is none."""
    size = N_SOURCES + len(cell.ops)
    number, longest = [0] * size, [-_NO_PATH] * size
    shortest, linear, activations = ([_NO_PATH] * size for _ in range(3))
    number[start] = 1
    longest[start] = shortest[start] = linear[start] = activations[start] = 0
    for place, (op, sources) in enumerate(zip(cell.ops, cell.inputs, strict=True)):
        node = place + N_SOURCES
        number[node] = sum(number[source] for source in sources)
        if number[node]:
            longest[node] = max(longest[source] for source in sources) + 1
            shortest[node] = min(shortest[source] for source in sources) + 1
            linear[node] = min(linear[source] for source in sources) + (op == LINEAR)
            activations[node] = min(activations[source] for source in sources) + (op in _ACTIVATIONS)
    rows = np.zeros((MAX_HIDDENS, 6))
    for output, node in enumerate(cell.outputs):
        if number[node]:
            rows[output] = (
                1,
                np.log1p(float(number[node])),
                shortest[node],
                longest[node],
                linear[node],
                activations[node],
            )
    return rows.ravel()


def adjacency_features(cell: RecurrentCell) -> FloatArray:
    """975 numbers: for each of 25 nodes, in canonical order, its 29 possible inputs (1; inputs of a blend 1,
    2, 3 by their order), its operation one-hot (7), and which h_new it is, one-hot (3). One cell, one row."""
    edges = np.zeros((MAX_NODES, N_SOURCES + MAX_NODES))
    operations = np.zeros((MAX_NODES, _N_OPS))
    outputs = np.zeros((MAX_NODES, MAX_HIDDENS))
    for place, (op, sources) in enumerate(zip(cell.ops, cell.inputs, strict=True)):
        operations[place, op - 1] = 1
        for position, source in enumerate(sources):
            edges[place, source] = position + 1 if op == BLEND else 1
    for number, node in enumerate(cell.outputs):
        outputs[node - N_SOURCES, number] = 1
    return np.concatenate([edges.ravel(), operations.ravel(), outputs.ravel()])


def compact_features(cell: RecurrentCell) -> FloatArray:
    """The 185 numbers that the official NAS-Bench-x11 surrogate reads (with three validation scores behind
    them): adjacency of 13 nodes row by row, with the last node in the last place; 13 operation numbers, with
    the last one in the last place; 3 hidden nodes, zero-padded.

    Nodes stand in canonical order, since a cell knows no other; official rows have the order of the recipe
    (`compact_row(compact_of_recipe(text))`). Raises ConfigError for a cell of more than nine nodes.
    """
    return compact_row(compact_of_recipe(cell.recipe()))


def compact_row(
    compact: tuple[tuple[tuple[int, int], ...], tuple[int, ...], tuple[int, ...]],
) -> FloatArray:
    """`compact_features` of a compact form, its nodes in the order that they have there."""
    edges, ops, hiddens = compact
    last = len(ops) - 1
    if last >= _COMPACT_NODES or len(hiddens) > MAX_HIDDENS:
        raise ConfigError(
            f"The encoding 'compact' holds cells of at most {_COMPACT_NODES - N_SOURCES} nodes and "
            f"{MAX_HIDDENS} hidden states; got {len(ops) - N_SOURCES} and {len(hiddens)}. Use another one."
        )

    def slot(node: int) -> int:
        return _COMPACT_NODES - 1 if node == last else node

    adjacency = np.zeros((_COMPACT_NODES, _COMPACT_NODES))
    for source, target in edges:
        adjacency[slot(source), slot(target)] = 1
    operations = np.zeros(_COMPACT_NODES)
    for node, op in enumerate(ops):
        operations[slot(node)] = op
    padded = np.zeros(MAX_HIDDENS)
    padded[: len(hiddens)] = hiddens
    return np.concatenate([adjacency.ravel(), operations, padded])


WIDTHS = {"graph": 213, "adjacency": 975, "compact": 185}
ENCODERS: dict[str, Callable[[RecurrentCell], FloatArray]] = {
    "graph": graph_features,
    "adjacency": adjacency_features,
    "compact": compact_features,
}
