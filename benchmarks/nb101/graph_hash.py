"""The isomorphism-invariant graph hash of NAS-Bench-101, which NAS-Bench-ASR uses too.

Ying et al. 2019, "NAS-Bench-101: Towards Reproducible Neural Architecture Search"; official code
`nasbench/lib/graph_util.py:hash_module`. The authors checked exhaustively that within the space (7 vertices,
9 edges, 3 operations) cells with equal hashes are isomorphic.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import md5

from nascurve.errors import ArchitectureError

INPUT = "input"
OUTPUT = "output"
OPS = ("conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3")
"""Operations of an inner vertex in the official order, which the hash's labels count."""


def iterated_md5(
    labels: Sequence[str], predecessors: Sequence[Sequence[int]], successors: Sequence[Sequence[int]]
) -> str:
    """The hash of a directed graph of n vertices, equal for isomorphic ones: 32 lower-case hex digits.

    labels: n texts that start the vertices' hashes. The original writes the tuple of degrees and operation,
        out-degree first, as Python does: "(2, 0, -1)"; NAS-Bench-ASR has floats there, "(2.0, 0.0, -1)".
    predecessors, successors: for each vertex the numbers of the vertices with an edge to and from it.

    The vertices' MD5 hashes are mixed n times with those of their neighbours, all at once.
    """
    hashes = [md5(label.encode()).hexdigest() for label in labels]
    neighborhoods = list(zip(predecessors, successors, strict=True))
    for _ in labels:
        hashes = [
            md5(
                f"{''.join(sorted([hashes[w] for w in before]))}|"
                f"{''.join(sorted([hashes[w] for w in after]))}|{own}".encode()
            ).hexdigest()
            for own, (before, after) in zip(hashes, neighborhoods, strict=True)
        ]
    return md5(str(sorted(hashes)).encode()).hexdigest()


def used_vertices(predecessors: Sequence[Sequence[int]], successors: Sequence[Sequence[int]]) -> list[int]:
    """The vertices that lie on a path from the first to the last one, ascending; [] if there is no path.

    Expects the vertices in topological order, as an upper-triangular matrix has them.
    """
    n = len(predecessors)
    from_input, to_output = {0}, {n - 1}
    for v in range(1, n):
        if not from_input.isdisjoint(predecessors[v]):
            from_input.add(v)
    for v in range(n - 2, -1, -1):
        if not to_output.isdisjoint(successors[v]):
            to_output.add(v)
    used = sorted(from_input & to_output)
    return used if len(used) >= 2 else []


def cell_hash(matrix: Sequence[Sequence[int]], ops: Sequence[str]) -> str:
    """The official hash of a cell, vertices off every path from input to output removed first.

    matrix: n rows of n zeros and ones, upper triangular, matrix[v][w] = 1 for an edge from v to w.
    ops: the vertices' n operations, "input" first, "output" last.

    Raises ArchitectureError for anything that is no such cell, or whose output is not reached.
    """
    rows, labels = checked_graph(matrix, ops)
    n = len(rows)
    successors = [[w for w in range(n) if rows[v][w]] for v in range(n)]
    predecessors = [[w for w in range(n) if rows[w][v]] for v in range(n)]
    used = used_vertices(predecessors, successors)
    if not used:
        raise ArchitectureError(
            f"A NAS-Bench-101 cell: expected a path from input to output, got none in {rows!r:.200}."
        )
    place = {v: i for i, v in enumerate(used)}
    predecessors = [[place[w] for w in predecessors[v] if w in place] for v in used]
    successors = [[place[w] for w in successors[v] if w in place] for v in used]
    return hash_labelled([labels[v] for v in used], predecessors, successors)


def checked_graph(
    matrix: Sequence[Sequence[int]], ops: Sequence[str]
) -> tuple[list[list[int]], tuple[int, ...]]:
    """Matrix and operations of an unpruned cell, as in `cell_hash`, in plain ints: rows and labels (-1 for
    the input, positions in `OPS`, -2 for the output). Raises ArchitectureError for anything else."""
    try:
        rows = [[int(entry) for entry in row] for row in matrix]
        names = list(ops)
    except (TypeError, ValueError):
        rows, names = [], []
    n = len(rows)
    if n < 2 or len(names) != n or not all(_is_row(row, v, n) for v, row in enumerate(rows)):
        raise ArchitectureError(
            "A NAS-Bench-101 cell: expected an upper-triangular square matrix of zeros and ones and one "
            f"operation for each of its vertices, got {matrix!r:.200} and {ops!r:.200}."
        )
    unknown = next((op for op in names[1:-1] if op not in OPS), None)
    if names[0] != INPUT or names[-1] != OUTPUT or unknown is not None:
        raise ArchitectureError(
            f"A NAS-Bench-101 cell: expected the operations {INPUT!r}, any of {', '.join(OPS)}, then "
            f"{OUTPUT!r}; got {names!r:.300}."
        )
    return rows, (-1, *(OPS.index(op) for op in names[1:-1]), -2)


def _is_row(row: list[int], v: int, n: int) -> bool:
    return len(row) == n and set(row) <= {0, 1} and not any(row[: v + 1])


def hash_labelled(
    labels: Sequence[int], predecessors: Sequence[Sequence[int]], successors: Sequence[Sequence[int]]
) -> str:
    """The official hash of a pruned graph; labels as of `checked_graph`."""
    seeds = [
        f"({len(after)}, {len(before)}, {label})"
        for label, before, after in zip(labels, predecessors, successors, strict=True)
    ]
    return iterated_md5(seeds, predecessors, successors)
