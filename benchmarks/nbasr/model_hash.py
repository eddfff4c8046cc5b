"""The hash by which the NAS-Bench-ASR files name their models.

Mehrotra et al. 2021, "NAS-Bench-ASR: Reproducible Neural Architecture Search for Speech Recognition";
official code `nasbench_asr/graph_utils.py` (`get_model_graph_np`, `graph_hash_np`).
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

from nascurve.benchmarks.nb101.graph_hash import iterated_md5, used_vertices

N_NODES = 3
ZERO = 5
"""The operation without output, by its place in the official order."""
_LABEL_INPUT, _LABEL_OUTPUT = -1, -2


def model_hash(ops: Sequence[int], skips: Sequence[Sequence[int]]) -> str:
    """The official hash of a cell: 32 lower-case hex digits.

    ops: the three nodes' operations, 0 to 5. skips: for each node its flags of the cell's input and of the
    nodes before it, as in `cell_graph`.
    """
    labels, predecessors = cell_graph(ops, skips)
    return _hash(labels, predecessors)


def cell_graph(
    ops: Sequence[int], skips: Sequence[Sequence[int]]
) -> tuple[tuple[int, ...], tuple[tuple[int, ...], ...]]:
    """The official graph of a cell, minimised: labels and predecessors of its vertices, both empty when no
    path leads from input to output.

    Vertex 0 is the input, 1 to 3 are the operations, 4 is the output. Edges lead from each vertex to the
    next, and a skip i of node n (counted from 1) is an edge from i to n + 1. Vertices with the operation
    `zero` lose all edges; what lies on no path is removed.
    """
    labels = (_LABEL_INPUT, *ops, _LABEL_OUTPUT)
    before: list[list[int]] = [[] for _ in labels]
    for node, flags in enumerate(skips, start=1):
        before[node + 1] = [source for source, flag in enumerate(flags) if flag] + [node]
    before[1] = [0]
    # Without outgoing edges a `zero` is on no path, so that its incoming ones go with it below.
    before = [[v for v in row if labels[v] != ZERO] for row in before]
    after = [[w for w, row in enumerate(before) if v in row] for v in range(len(labels))]
    used = used_vertices(before, after)
    place = {v: i for i, v in enumerate(used)}
    return (
        tuple(labels[v] for v in used),
        tuple(tuple(place[v] for v in before[w] if v in place) for w in used),
    )


@functools.cache
def _hash(labels: tuple[int, ...], predecessors: tuple[tuple[int, ...], ...]) -> str:
    successors = [[w for w, row in enumerate(predecessors) if v in row] for v in range(len(labels))]
    # The degrees are sums over a float matrix in the official code, so that its text has floats.
    seeds = [
        f"({float(len(after))}, {float(len(before))}, {label})"
        for label, before, after in zip(labels, predecessors, successors, strict=True)
    ]
    return iterated_md5(seeds, predecessors, successors)
