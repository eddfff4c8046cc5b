"""The search space of NAS-Bench-101."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from nascurve import options
from nascurve.benchmarks.choices import checked_choices
from nascurve.benchmarks.encodings import chosen_encoder
from nascurve.benchmarks.nb101.cell import (
    MAX_EDGES,
    N_INNER,
    N_LABELINGS,
    N_VERTICES,
    PAIRS,
    Cell101,
    cell_of,
    is_valid,
)
from nascurve.benchmarks.nb101.graph_hash import INPUT, OPS, OUTPUT
from nascurve.errors import ArchitectureError
from nascurve.simulator.types import Architecture, FloatArray

N_CLASSES = 423_624
"""Official hashes, that is cells which differ after pruning and up to isomorphism (Ying et al. 2019)."""
SIZE = 1_538_083 * N_LABELINGS
"""Valid edge sets times labelings of the five inner vertices."""

_N_EDGE_SETS = 2 ** len(PAIRS)
_N_PATHS = sum(len(OPS) ** length for length in range(N_INNER + 1))
_ORDINAL = np.array([0.5, 0.0, 1.0])
_TEXT = re.compile(rf"[01]{{{N_VERTICES**2}}}:({INPUT}(?:,[a-z0-9-]+){{{N_INNER}}},{OUTPUT})")
_CROSSOVER_TRIES = 100

MUTATIONS: dict[str, tuple[float, float]] = {
    "official": (1 / 7, 1 / 5),
    "naslib": (1 / 7, 1 / 3),
    "naszilla": (1 / 21, 1 / 5),
}
"""The chances with which the published codes flip each possible edge and replace each operation."""


class NB101Space:
    """Cells of 7 vertices and 3 operations with at most 9 edges after pruning, as `Cell101`.

    Architectures are unpruned: 373,754,169 strings stand for 423,624 networks. Optimizers of the literature
    search in this form, where a change may have no effect at first, and a later one brings it to light
    ("neutral drift"); pruned cells could not grow by single changes. `key` is the official hash, equal for
    cells that build the same network.

    Strings are the two fields of the official records, `<49 zeros and ones>:input,<5 operations>,output`, the
    matrix row by row.

    mutation: what `mutate` does. "elementary": one change, uniform over `neighbors`; of random cells, 55 % of
        the changes leave the network as it is. "official", "naslib", "naszilla": each of the 21 possible
        edges and each of the 5 operations changes with the chances in `MUTATIONS`, drawn again while the cell
        is invalid or (unlike there) unchanged; 19, 16 and 35 % leave the network as it is. A child is then no
        neighbour in general, which the contract of search spaces asks for, but no optimizer here relies on.

    Sources: Ying et al. 2019 (space, `NASBench.ipynb` for sampling and mutation); naszilla and NASLib.
    """

    name = "nb101"
    size = SIZE
    encodings = ("adjacency", "path", "ordinal")

    def __init__(self, *, mutation: str = "elementary") -> None:
        self._mutation = options.choice("mutation", mutation, ("elementary", *MUTATIONS))

    def __repr__(self) -> str:
        return f"NB101Space(mutation={self._mutation!r})"

    def sample(self, rng: np.random.Generator) -> Cell101:
        """Every edge with chance 1/2, every operation uniform; drawn again until valid, as the official code
        does. Favours small networks: 0.3 % of the cells use all 7 vertices, of the 423,624 networks 85 %."""
        while True:
            edges = int(rng.random() * _N_EDGE_SETS)
            if is_valid(edges):
                return cell_of(edges, int(rng.random() * N_LABELINGS))

    def mutate(self, arch: Architecture, rng: np.random.Generator) -> Cell101:
        """A different cell; see `mutation` of the class."""
        cell = _cell(arch)
        if self._mutation != "elementary":
            return _mutate_all(cell, *MUTATIONS[self._mutation], rng)
        changes = len(PAIRS) + N_INNER * (len(OPS) - 1)
        while True:
            change = int(rng.random() * changes)
            edges, labeling = _changed(cell, change)
            if is_valid(edges):
                return cell_of(edges, labeling)

    def neighbors(self, arch: Architecture) -> tuple[Cell101, ...]:
        """The valid cells with one edge more or less, in the order of `PAIRS`, then those with another
        operation on one inner vertex, those off every path included: at most 31."""
        cell = _cell(arch)
        changes = (_changed(cell, change) for change in range(len(PAIRS) + N_INNER * (len(OPS) - 1)))
        return tuple(cell_of(edges, labeling) for edges, labeling in changes if is_valid(edges))

    def crossover(self, a: Architecture, b: Architecture, rng: np.random.Generator) -> Cell101:
        """Each possible edge and each operation from either parent with equal chance, drawn again while
        invalid; after 100 draws in vain, one of the parents."""
        one, other = _cell(a), _cell(b)
        for _ in range(_CROSSOVER_TRIES):
            mask = int(rng.random() * _N_EDGE_SETS)
            labels = zip(one.labels, other.labels, (rng.random(N_INNER) < 0.5).tolist(), strict=True)
            edges = one.edges & mask | other.edges & ~mask
            if is_valid(edges):
                return cell_of(edges, _number([mine if first else theirs for mine, theirs, first in labels]))
        return one if rng.random() < 0.5 else other

    def parameters(self) -> dict[str, tuple[int, ...] | tuple[str, ...]]:
        """A cell as independent choices (`tpe`): the nine edges "edge_0" to "edge_8", each the number of a
        possible edge (`PAIRS`; twice the same is one edge), and the operations "op_1" to "op_5". It is the
        form "NASCifar10B" of automl/nas_benchmarks; some choices have no path from input to output."""
        edges = {f"edge_{i}": tuple(range(len(PAIRS))) for i in range(MAX_EDGES)}
        return {**edges, **{f"op_{i}": OPS for i in range(1, N_INNER + 1)}}

    def from_parameters(self, values: Mapping[str, Any]) -> Cell101:
        """The cell of one choice for each of `parameters()`. Raises ArchitectureError for any other, and for
        a cell without a path."""
        chosen = checked_choices(self.name, self.parameters(), values)
        matrix = np.zeros((N_VERTICES, N_VERTICES), dtype=int)
        for number in chosen[:MAX_EDGES]:
            matrix[PAIRS[number]] = 1
        return Cell101(matrix.tolist(), [INPUT, *chosen[MAX_EDGES:], OUTPUT])

    def encode(self, archs: Sequence[Architecture], kind: str | None = None) -> FloatArray:
        """Features of shape (n, d).

        adjacency (default): d = 36, the 21 possible edges row by row, then the one-hot operations (in the
            order of `OPS`) of the five inner vertices; of the unpruned cell.
        path: d = 364, multi-hot of the paths from input to output as sequences of operations; a path of
            operations o_0 .. o_{l-1} (positions in `OPS`) has the place sum_j (o_j + 1) 3^j. naszilla's
            formula (White et al. 2021, BANANAS). Equal for cells of the same network.
        ordinal: d = 26, the 21 possible edges, then one number for each operation: conv1x1 0, conv3x3 0.5,
            maxpool 1. The form that the NAS-Bench-x11 surrogates take (of the official, padded cells).

        Raises ConfigError for another kind.
        """
        encoder = chosen_encoder(self, _ENCODERS, kind)
        return encoder([_cell(arch) for arch in archs])

    def parse(self, text: str) -> Cell101:
        """The cell of a canonical string. Raises ArchitectureError on any other text."""
        match = _TEXT.fullmatch(text) if isinstance(text, str) else None
        if match is None:
            raise ArchitectureError(
                f"A {self.name} architecture string has the form '<49 zeros and ones>:input,<5 operations>,"
                f"output' with operations out of {', '.join(OPS)}; got {text!r:.300}. Smaller cells are made "
                "by Cell101(matrix, ops)."
            )
        digits = [int(digit) for digit in text[: N_VERTICES**2]]
        rows = [digits[start : start + N_VERTICES] for start in range(0, N_VERTICES**2, N_VERTICES)]
        return Cell101(rows, match[1].split(","))

    def contains(self, arch: object) -> bool:
        return type(arch) is Cell101

    def key(self, arch: Architecture) -> str:
        """The official hash: equal for cells that build the same network."""
        return _cell(arch).official_hash()


def _cell(arch: object) -> Cell101:
    if type(arch) is Cell101:
        return arch
    raise ArchitectureError(
        f"An architecture of the space nb101 was expected, got {arch!r:.200} ({type(arch).__name__}). "
        "Strings are turned into architectures by NB101Space().parse."
    )


def _number(labels: Sequence[int]) -> int:
    number = 0
    for label in labels:
        number = number * len(OPS) + label
    return number


def _changed(cell: Cell101, change: int) -> tuple[int, int]:
    """Edges and labeling after one of the 31 elementary changes."""
    if change < len(PAIRS):
        return cell.edges ^ (1 << change), cell.labeling
    vertex, step = divmod(change - len(PAIRS), len(OPS) - 1)
    labels = list(cell.labels)
    others = [label for label in range(len(OPS)) if label != labels[vertex]]
    labels[vertex] = others[step]
    return cell.edges, _number(labels)


def _mutate_all(cell: Cell101, edge_rate: float, op_rate: float, rng: np.random.Generator) -> Cell101:
    while True:
        draws = rng.random(len(PAIRS) + 2 * N_INNER).tolist()
        edges = cell.edges
        for k in range(len(PAIRS)):
            edges ^= (draws[k] < edge_rate) << k
        labels = list(cell.labels)
        for i in range(N_INNER):
            if draws[len(PAIRS) + i] < op_rate:
                step = 1 + int(draws[len(PAIRS) + N_INNER + i] * (len(OPS) - 1))
                labels[i] = (labels[i] + step) % len(OPS)
        child = cell_of(edges, _number(labels))
        if is_valid(edges) and child != cell:
            return child


def _edges(cells: Sequence[Cell101]) -> FloatArray:
    numbers = np.fromiter((cell.edges for cell in cells), dtype=np.int64, count=len(cells))
    return (numbers[:, None] >> np.arange(len(PAIRS)) & 1).astype(np.float64)


def _labels(cells: Sequence[Cell101]) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    numbers = np.fromiter((cell.labeling for cell in cells), dtype=np.int64, count=len(cells))
    places: np.ndarray[tuple[int], np.dtype[np.int64]] = len(OPS) ** np.arange(N_INNER - 1, -1, -1)
    return numbers[:, None] // places % len(OPS)


def _adjacency(cells: Sequence[Cell101]) -> FloatArray:
    one_hot = np.eye(len(OPS))[_labels(cells)].reshape(len(cells), N_INNER * len(OPS))
    return np.concatenate([_edges(cells), one_hot], axis=1)


def _ordinal(cells: Sequence[Cell101]) -> FloatArray:
    return np.concatenate([_edges(cells), _ORDINAL[_labels(cells)]], axis=1)


def _path(cells: Sequence[Cell101]) -> FloatArray:
    codes = np.zeros((len(cells), _N_PATHS))
    for code, cell in zip(codes, cells, strict=True):
        code[_path_places(cell)] = 1.0
    return codes


def _path_places(cell: Cell101) -> list[int]:
    graph, labels = cell.graph, cell.labels
    last = len(graph.vertices) - 1
    paths: list[list[tuple[int, int]]] = [[(0, 1)]]  # for each vertex: places of the paths so far, next power
    for v, before in enumerate(graph.predecessors[1:], start=1):
        so_far = [path for w in before for path in paths[w]]
        if v < last:
            digit = labels[graph.vertices[v] - 1] + 1
            so_far = [(place + digit * power, power * len(OPS)) for place, power in so_far]
        paths.append(so_far)
    return [place for place, _ in paths[last]]


_ENCODERS: dict[str, Callable[[Sequence[Cell101]], FloatArray]] = {
    "adjacency": _adjacency,
    "path": _path,
    "ordinal": _ordinal,
}
