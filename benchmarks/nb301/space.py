"""The search space of DARTS, as NAS-Bench-301 has it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from nascurve.benchmarks.choices import checked_choices
from nascurve.benchmarks.encodings import chosen_encoder
from nascurve.benchmarks.nb301.config_vector import config_vectors, input_pair_index
from nascurve.benchmarks.nb301.genotype import (
    N_PAIRS,
    NODES,
    OPS,
    Cell,
    DartsGenotype,
    Pair,
    edge_index,
    from_genotype,
)
from nascurve.benchmarks.nb301.isomorphism import canonical_cell
from nascurve.errors import ArchitectureError
from nascurve.simulator.types import Architecture, FloatArray

_N_OPS = len(OPS)
_SOURCES: dict[int, tuple[tuple[int, int], ...]] = {
    node: tuple((a, b) for a in range(node) for b in range(a + 1, node)) for node in NODES
}
_PAIRS: tuple[tuple[Pair, ...], ...] = tuple(
    tuple((source, op) for op in range(_N_OPS)) for source in range(max(NODES))
)
"""All there are: cells that share them take a quarter of the memory, and a search holds all it has seen."""
_N_EDGES = sum(NODES)
_N_PATHS = sum(_N_OPS**length for length in range(len(NODES) + 1))


class DartsSpace:
    """All `DartsGenotype`: (1 * 3 * 6 * 10 * 7^8)^2 = 1.08e18 of them. Stateless: instances are
    interchangeable.

    Liu et al. 2019, "DARTS"; with seven operations, without `none`: Zela et al. 2022, "Surrogate NAS
    benchmarks" (NAS-Bench-301). Strings are genotypes; `from_genotype`, `from_compact` and `from_config`
    (module `genotype`) read other notations.
    """

    name = "darts"
    size = (1 * 3 * 6 * 10 * _N_OPS**N_PAIRS) ** 2
    encodings = ("adjacency", "path", "ordinal", "config")

    def __repr__(self) -> str:
        return "DartsSpace()"

    def sample(self, rng: np.random.Generator) -> DartsGenotype:
        """Uniform: for each node a uniform pair of sources and two uniform operations."""
        draws = iter(rng.random(6 * len(NODES)).tolist())
        cells = []
        for _ in range(2):
            pairs: list[Pair] = []
            for node in NODES:
                both = _SOURCES[node]
                a, b = both[int(next(draws) * len(both))]
                pairs += [_PAIRS[a][int(next(draws) * _N_OPS)], _PAIRS[b][int(next(draws) * _N_OPS)]]
            cells.append(tuple(pairs))
        return DartsGenotype.trusted(*cells)

    def mutate(self, arch: Architecture, rng: np.random.Generator) -> DartsGenotype:
        """Uniform over the 120 neighbours. (The official mutations draw the pair first, then operation or
        source, and may change nothing.)"""
        return _changed(_darts(arch), int(rng.random() * len(_changes())))

    def crossover(self, a: Architecture, b: Architecture, rng: np.random.Generator) -> DartsGenotype:
        """Each of the 8 nodes, with its sources and operations, from either parent with equal chance."""
        first, second = _darts(a).cells, _darts(b).cells
        choices = int(rng.random() * 2 ** (2 * len(NODES)))
        cells = []
        for cell_a, cell_b in zip(first, second, strict=True):
            pairs: list[Pair] = []
            for k in range(0, N_PAIRS, 2):
                pairs += (cell_a if choices & 1 else cell_b)[k : k + 2]
                choices >>= 1
            cells.append(tuple(pairs))
        return DartsGenotype.trusted(*cells)

    def neighbors(self, arch: Architecture) -> tuple[DartsGenotype, ...]:
        """The 120 architectures that differ in one pair: in its operation (96), or in its source, another one
        that its node does not use (24). By cell, pair, then operations and sources in order; as in the
        official code, which shuffles them."""
        genotype = _darts(arch)
        return tuple(_changed(genotype, change) for change in range(len(_changes())))

    def parameters(self) -> dict[str, tuple[str, ...]]:
        """Sources and operations of each node as independent choices (`tpe`): "normal_3_sources", such as
        "0,2", "normal_3_first" and "normal_3_second", and the same for each node of each cell."""
        found: dict[str, tuple[str, ...]] = {}
        for cell in ("normal", "reduce"):
            for node in NODES:
                if len(_SOURCES[node]) > 1:
                    found[f"{cell}_{node}_sources"] = tuple(f"{a},{b}" for a, b in _SOURCES[node])
                found[f"{cell}_{node}_first"] = found[f"{cell}_{node}_second"] = OPS
        return found

    def from_parameters(self, values: Mapping[str, Any]) -> DartsGenotype:
        """The genotype of one choice for each of `parameters()`. Raises ArchitectureError for any other."""
        checked_choices(self.name, self.parameters(), values)
        cells = []
        for cell in ("normal", "reduce"):
            pairs: list[Pair] = []
            for node in NODES:
                sources = values.get(f"{cell}_{node}_sources", "0,1")
                for source, place in zip(sources.split(","), ("first", "second"), strict=True):
                    pairs.append((int(source), OPS.index(values[f"{cell}_{node}_{place}"])))
            cells.append(tuple(pairs))
        return DartsGenotype(*cells)

    def encode(self, archs: Sequence[Architecture], kind: str | None = None) -> FloatArray:
        """Features of shape (n, d).

        adjacency (default): d = 196, one-hot of the operation on each of the 14 possible edges of the normal,
            then of the reduction cell (edges by node, then source); an edge that is not there is all zero.
        path: d = 11,204, multi-hot of the paths from an input to a node as sequences of operations o_1 .. o_l
            (positions in `OPS`); a path's place is sum_j 7^(j-1) (o_j + 1), + 2,801 for input 1, + 5,602 for
            the reduction cell. naszilla's formula; its loop however leaves out the last pair of each cell.
        ordinal: d = 22, for each cell the 8 operations' positions, then for nodes 3, 4, 5 the position of the
            two sources among all pairs.
        config: d = 56, see `config_vector`.

        Raises ConfigError for another kind.
        """
        encoder = chosen_encoder(self, _ENCODERS, kind)
        return encoder([_darts(arch) for arch in archs])

    def parse(self, text: str) -> DartsGenotype:
        """The architecture of a canonical string. Raises ArchitectureError on any other text, also on a
        genotype in another order or spelling, which `from_genotype` reads."""
        if not isinstance(text, str):
            raise ArchitectureError(
                f"A {self.name} architecture string is a genotype's text; got {text!r:.100}."
            )
        arch = from_genotype(text)
        if str(arch) != text:
            raise ArchitectureError(
                f"Not the canonical string of its architecture (which is {arch}); got {text!r:.400}. Read "
                "other spellings with nascurve.benchmarks.nb301.genotype.from_genotype."
            )
        return arch

    def contains(self, arch: object) -> bool:
        return type(arch) is DartsGenotype

    def key(self, arch: Architecture) -> str:
        """The string of the architecture with both cells' nodes in canonical order: equal exactly for cells
        that are equal up to the numbers of their nodes (see `canonical_cell`). The official code does not
        merge
        these: it compares configurations."""
        normal, reduce = _darts(arch).cells
        return str(DartsGenotype.trusted(canonical_cell(normal), canonical_cell(reduce)))


def _darts(arch: object) -> DartsGenotype:
    if type(arch) is DartsGenotype:
        return arch
    raise ArchitectureError(
        f"An architecture of the space darts was expected, got {arch!r:.200} ({type(arch).__name__}). "
        "Strings are turned into architectures by DartsSpace().parse."
    )


@functools.cache
def _changes() -> tuple[tuple[int, int, bool, int], ...]:
    """All changes: (cell, pair, whether the operation changes, which of the other operations or sources)."""
    found = []
    for cell in range(2):
        for pair in range(N_PAIRS):
            found += [(cell, pair, True, other) for other in range(_N_OPS - 1)]
            found += [(cell, pair, False, other) for other in range(NODES[pair // 2] - 2)]
    return tuple(found)


def _changed(arch: DartsGenotype, change: int) -> DartsGenotype:
    which, pair, is_op, other = _changes()[change]
    cells = list(arch.cells)
    cell = list(cells[which])
    source, op = cell[pair]
    first = pair - pair % 2
    if is_op:
        cell[pair] = (source, other + (other >= op))
    else:
        used = cell[first][0], cell[first + 1][0]
        new = [node for node in range(NODES[pair // 2]) if node not in used][other]
        cell[pair] = (new, op)
        cell[first : first + 2] = sorted(cell[first : first + 2])
    cells[which] = tuple(cell)
    return DartsGenotype.trusted(*cells)


def _adjacency(archs: Sequence[DartsGenotype]) -> FloatArray:
    codes = np.zeros((len(archs), 2 * _N_EDGES * _N_OPS))
    for row, arch in zip(codes, archs, strict=True):
        row[_adjacency_places(arch.normal)] = 1.0
        row[_adjacency_places(arch.reduce) + _N_EDGES * _N_OPS] = 1.0
    return codes


@functools.lru_cache(maxsize=2**12)
def _adjacency_places(cell: Cell) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    places = [edge_index(source, NODES[pair // 2]) * _N_OPS + op for pair, (source, op) in enumerate(cell)]
    return np.array(places, dtype=np.intp)


def _path(archs: Sequence[DartsGenotype]) -> FloatArray:
    codes = np.zeros((len(archs), 4 * _N_PATHS))
    for row, arch in zip(codes, archs, strict=True):
        for offset, cell in zip((0, 2 * _N_PATHS), arch.cells, strict=True):
            row[_path_places(cell) + offset] = 1.0
    return codes


@functools.lru_cache(maxsize=2**12)
def _path_places(cell: Cell) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    # (place, weight of the next operation) of the paths that end in each node
    ends: dict[int, list[tuple[int, int]]] = {0: [(0, 1)], 1: [(_N_PATHS, 1)]}
    for pair, (source, op) in enumerate(cell):
        node = NODES[pair // 2]
        longer = [(place + weight * (op + 1), weight * _N_OPS) for place, weight in ends[source]]
        ends[node] = ends.get(node, []) + longer
    return np.unique([place for node in NODES for place, _ in ends[node]])


def _ordinal(archs: Sequence[DartsGenotype]) -> FloatArray:
    rows = []
    for arch in archs:
        row: list[int] = []
        for cell in arch.cells:
            row += [op for _, op in cell]
            row += [
                input_pair_index(a, b, node)
                for node, (a, _), (b, _) in zip(NODES, cell[::2], cell[1::2], strict=True)
                if node > 2
            ]
        rows.append(row)
    return np.array(rows, dtype=np.float64).reshape(len(archs), 2 * (N_PAIRS + len(NODES) - 1))


_ENCODERS: dict[str, Callable[[Sequence[DartsGenotype]], FloatArray]] = {
    "adjacency": _adjacency,
    "path": _path,
    "ordinal": _ordinal,
    "config": config_vectors,
}
