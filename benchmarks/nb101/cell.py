"""A cell of NAS-Bench-101: a directed acyclic graph of 7 vertices, those off every path included."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple, NoReturn

from nascurve.benchmarks.nb101.graph_hash import (
    INPUT,
    OPS,
    OUTPUT,
    checked_graph,
    hash_labelled,
    used_vertices,
)
from nascurve.errors import ArchitectureError

N_VERTICES = 7
MAX_EDGES = 9
"""Edges at most, after pruning."""
PAIRS = tuple((v, w) for v in range(N_VERTICES) for w in range(v + 1, N_VERTICES))
"""The 21 possible edges, row by row: bit k of `Cell101.edges` stands for the k-th."""
N_INNER = N_VERTICES - 2
N_LABELINGS: int = len(OPS) ** N_INNER

_BIT = {pair: 1 << k for k, pair in enumerate(PAIRS)}
_PLACES: tuple[int, ...] = tuple(len(OPS) ** (N_INNER - 1 - i) for i in range(N_INNER))
_CACHED = 2**16


class Graph(NamedTuple):
    """The pruned graph of a cell: its vertices by their numbers in the cell, and each one's neighbours by
    their places in this list."""

    vertices: tuple[int, ...]
    predecessors: tuple[tuple[int, ...], ...]
    successors: tuple[tuple[int, ...], ...]


class Cell101:
    """One cell as the official code and the optimizers of the literature hold it: 7 vertices, of which only
    those on a path from input to output count. What is off every path lies ready for later changes.

    matrix: n rows of n zeros and ones, n from 2 to 7, upper triangular, matrix[v][w] = 1 for an edge from v
        to w. A smaller one is filled up to 7 vertices before the output, without edges and with conv3x3.
    ops: the n vertices' operations, "input" first, "output" last.

    Raises ArchitectureError for anything else, for a cell whose output is not reached from its input, and for
    more than 9 edges after pruning.

    edges: the matrix as a number of 21 bits, `PAIRS[k]` in bit k.
    labeling: the positions in `OPS` of the five inner vertices as a number of base 3, first vertex first.
    """

    __slots__ = ("edges", "labeling")
    edges: int
    labeling: int

    def __new__(cls, matrix: Sequence[Sequence[int]], ops: Sequence[str]) -> Cell101:
        rows, labels = checked_graph(matrix, ops)
        n = len(rows)
        if n > N_VERTICES:
            raise ArchitectureError(f"Cell101: expected at most {N_VERTICES} vertices, got {n}.")
        place = [*range(n - 1), N_VERTICES - 1]
        edges = sum(_BIT[place[v], place[w]] for v in range(n) for w in range(v + 1, n) if rows[v][w])
        labeling = sum(label * _PLACES[i] for i, label in enumerate(labels[1:-1]))
        if pruned_graph(edges) is None:
            raise ArchitectureError(
                f"Cell101: expected a path from input to output and at most {MAX_EDGES} edges on such paths, "
                f"got the matrix {rows}."
            )
        return cell_of(edges, labeling)

    @property
    def matrix(self) -> tuple[tuple[int, ...], ...]:
        """7 rows of 7 zeros and ones."""
        return tuple(
            tuple(int(v < w and self.edges & _BIT[v, w] > 0) for w in range(N_VERTICES))
            for v in range(N_VERTICES)
        )

    @property
    def labels(self) -> tuple[int, ...]:
        """The positions in `OPS` of the five inner vertices."""
        return tuple(self.labeling // place % len(OPS) for place in _PLACES)

    @property
    def ops(self) -> tuple[str, ...]:
        """The 7 operations, "input" and "output" included."""
        return (INPUT, *(OPS[label] for label in self.labels), OUTPUT)

    @property
    def graph(self) -> Graph:
        """The pruned graph."""
        graph = pruned_graph(self.edges)
        assert graph is not None  # checked when the cell was made
        return graph

    def pruned(self) -> tuple[tuple[tuple[int, ...], ...], tuple[str, ...]]:
        """Matrix and operations of the vertices that count, as the official tables hold them."""
        vertices, ops, matrix = self.graph.vertices, self.ops, self.matrix
        return tuple(tuple(matrix[v][w] for w in vertices) for v in vertices), tuple(ops[v] for v in vertices)

    def official_hash(self) -> str:
        """The official key: equal for cells whose pruned graphs are isomorphic."""
        graph = self.graph
        labels = self.labels
        return _official_hash(
            (-1, *(labels[v - 1] for v in graph.vertices[1:-1]), -2), graph.predecessors, graph.successors
        )

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AttributeError(f"Cell101 is immutable: cannot set {name!r}.")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"Cell101 is immutable: cannot delete {name!r}.")

    def __eq__(self, other: object) -> bool:
        if type(other) is not Cell101:
            return NotImplemented
        return self.edges == other.edges and self.labeling == other.labeling

    def __hash__(self) -> int:
        return self.edges * N_LABELINGS + self.labeling

    def __reduce__(self) -> tuple[Any, ...]:
        return Cell101, (self.matrix, self.ops)

    def __str__(self) -> str:
        return f"{''.join(str(entry) for row in self.matrix for entry in row)}:{','.join(self.ops)}"

    def __repr__(self) -> str:
        return f"<Cell101 {self}>"


def cell_of(edges: int, labeling: int) -> Cell101:
    """The cell of two numbers that are known to be valid."""
    cell = object.__new__(Cell101)
    object.__setattr__(cell, "edges", edges)
    object.__setattr__(cell, "labeling", labeling)
    return cell


def is_valid(edges: int) -> bool:
    """Whether the output is reached and at most 9 edges remain after pruning."""
    return pruned_graph(edges) is not None


@functools.lru_cache(maxsize=_CACHED)
def pruned_graph(edges: int) -> Graph | None:
    """The pruned graph of 21 bits, None for an invalid cell."""
    predecessors: list[list[int]] = [[] for _ in range(N_VERTICES)]
    successors: list[list[int]] = [[] for _ in range(N_VERTICES)]
    for k, (v, w) in enumerate(PAIRS):
        if edges >> k & 1:
            predecessors[w].append(v)
            successors[v].append(w)
    vertices = used_vertices(predecessors, successors)
    if not vertices:
        return None
    place = {v: i for i, v in enumerate(vertices)}
    before = tuple(tuple(place[w] for w in predecessors[v] if w in place) for v in vertices)
    if sum(map(len, before)) > MAX_EDGES:
        return None
    after = tuple(tuple(place[w] for w in successors[v] if w in place) for v in vertices)
    return Graph(tuple(vertices), before, after)


@functools.lru_cache(maxsize=_CACHED)
def _official_hash(
    labels: tuple[int, ...],
    predecessors: tuple[tuple[int, ...], ...],
    successors: tuple[tuple[int, ...], ...],
) -> str:
    return hash_labelled(labels, predecessors, successors)
