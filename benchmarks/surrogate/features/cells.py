"""Features of the cells of NAS-Bench-201, NAS-Bench-101 and DARTS."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from nascurve.benchmarks.surrogate.features.featurizer import FeatureKind
from nascurve.benchmarks.surrogate.features.paths import path_names, path_statistics
from nascurve.simulator.types import FloatArray, SearchSpace

Path = tuple[int, ...]
"""The operations on a way from input to output, by number."""

_CONV_1X1, _CONV_3X3, _POOL = range(3)
_CELL201_OPS = ("nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
_SEQUENCES: tuple[Path, ...] = tuple(
    sequence for length in range(4) for sequence in itertools.product(range(len(_CELL201_OPS)), repeat=length)
)
_BANDS = (
    np.array([1.0, *(1 + 2 * np.cos(2 * np.pi * np.array([1, 2, 3]) / 8))]) / np.array([1, 3, 3, 3])
) ** 2
"""What a 3x3 average leaves of the power of waves of 0, 1/8, 1/4 and 3/8 cycles a pixel."""


def kinds(space: SearchSpace) -> Mapping[str, Callable[[], FeatureKind]]:
    """The kinds of features of a space of cells, the default is all of them.

    onehot: the operation on each edge, of a representative that is the same for isomorphic cells (cell201:
        the first cell that builds the network; darts: nodes in canonical order). nb101 has none.
    paths: cell201: how often each sequence of operations (skips left out) leads from input to output; nb101:
        which sequences do; darts: pairs of operations in a row, in each cell.
    graph: `path_statistics`, and numbers of edges, nodes, and operations of each kind.
    spectrum: cell201 alone, see `_spectrum`.
    """
    if space.name == "cell201":
        return {
            "onehot": lambda: FeatureKind(
                names=_numbered(30),
                encode=lambda archs: space.encode([_representative(space, a) for a in archs]),
            ),
            "paths": lambda: _each(
                tuple(">".join(_CELL201_OPS[op] for op in path) or "identity" for path in _SEQUENCES),
                lambda arch: _sequence_counts(_cell201_paths(space, arch)),
            ),
            "graph": lambda: _each(
                ("edges", "nodes", *(f"n {op}" for op in (*_CELL201_OPS, "skip")), *path_names(_CELL201_OPS)),
                lambda arch: _cell201_graph(space, arch),
            ),
            "spectrum": lambda: _each(
                (
                    *(f"out band {band}" for band in range(4)),
                    "most fine",
                    "least fine",
                    "sum fine",
                    "best chain",
                ),
                lambda arch: _spectrum(space, arch),
            ),
        }
    if space.name == "nb101":
        return _nb101_kinds(space)
    return _darts_kinds(space)


def _numbered(width: int) -> tuple[str, ...]:
    return tuple(str(place) for place in range(width))


def _each(names: tuple[str, ...], features: Callable[[Any], Sequence[float]]) -> FeatureKind:
    def encode(archs: Sequence[Any]) -> FloatArray:
        return np.array([features(arch) for arch in archs], dtype=np.float64).reshape(len(archs), len(names))

    return FeatureKind(names=names, encode=encode)


@functools.cache
def _first_cells(space_type: type) -> dict[str, Any]:
    space = space_type()
    first: dict[str, Any] = {}
    for cell in space.all():
        first.setdefault(space.key(cell), cell)
    return first


def _representative(space: SearchSpace, arch: Any) -> Any:
    return _first_cells(type(space))[space.key(arch)]


def _cell201_paths(space: Any, arch: Any) -> list[Path]:
    network = space.network(arch)
    if network.is_empty:
        return []
    paths: list[list[Path]] = [[()]]
    for node in range(1, network.n_nodes):
        paths.append(
            [
                path if op == "skip_connect" else (*path, _CELL201_OPS.index(op))
                for source, op in network.inputs(node)
                for path in paths[source]
            ]
        )
    return paths[-1]


def _sequence_counts(paths: list[Path]) -> list[float]:
    return [paths.count(sequence) for sequence in _SEQUENCES]


def _cell201_graph(space: Any, arch: Any) -> list[float]:
    network = space.network(arch)
    ops = [op for _, _, op in network.edges]
    counts = [ops.count(op) for op in (*_CELL201_OPS, "skip_connect")]
    statistics = path_statistics(_cell201_paths(space, arch), len(_CELL201_OPS))
    return [len(ops), network.n_nodes, *counts, *statistics]


def _spectrum(space: Any, arch: Any) -> list[float]:
    """What averaging leaves of fine structure, in the untrained network, by its expectation.

    The input has equal power in four bands of spatial frequency. An average pooling multiplies each by its
    response; a convolution with random weights and normalisation keeps the shares and brings the sum back to
    1; a node sums the powers. Features: the shares at the output; of the share of the two finest bands at the
    inputs of 3x3 convolutions the largest, smallest and sum; and the largest sum of it along one path, halved
    at each pooling: how much a chain of convolutions can see.
    """
    network = space.network(arch)
    power, chain, seen = {0: np.full(4, 0.25)}, {0: 0.0}, []
    for node in range(1, network.n_nodes):
        total, best = np.zeros(4), 0.0
        for source, op in network.inputs(node):
            here = power[source]
            fine = float(here[2:].sum() / here.sum())
            if op == "avg_pool_3x3":
                total += here * _BANDS
                best = max(best, chain[source] / 2)
            else:
                total += here if op == "skip_connect" else here / here.sum()
                seen += [fine] if op == "nor_conv_3x3" else []
                best = max(best, chain[source] + fine * (op == "nor_conv_3x3"))
        power[node], chain[node] = total, best
    out = power[network.output]
    return [*(out / out.sum()), max(seen, default=0), min(seen, default=0), sum(seen), chain[network.output]]


def _nb101_kinds(space: Any) -> Mapping[str, Callable[[], FeatureKind]]:
    from nascurve.benchmarks.nb101.graph_hash import OPS

    def graph(arch: Any) -> list[float]:
        cell, labels = arch.graph, arch.labels
        last = len(cell.vertices) - 1
        own = [labels[vertex - 1] for vertex in cell.vertices[1:-1]]
        paths: list[list[Path]] = [[()]]
        for place, before in enumerate(cell.predecessors[1:], start=1):
            so_far = [path for source in before for path in paths[source]]
            paths.append([(*path, own[place - 1]) for path in so_far] if place < last else so_far)
        edges = sum(map(len, cell.predecessors))
        widths = [len(before) for before in cell.predecessors[1:]]
        direct = float(0 in cell.predecessors[last])
        return [
            edges,
            last - 1,
            max(widths),
            len(cell.predecessors[last]),
            len(cell.successors[0]),
            direct,
            *(own.count(op) for op in range(len(OPS))),
            *path_statistics(paths[last], len(OPS)),
        ]

    names = ("edges", "inner nodes", "most inputs", "output's inputs", "input's readers", "direct")
    return {
        "paths": lambda: FeatureKind(
            names=_numbered(space.encode([], "path").shape[1]),
            encode=lambda archs: space.encode(archs, "path"),
        ),
        "graph": lambda: _each((*names, *(f"n {op}" for op in OPS), *path_names(OPS)), graph),
    }


def _darts_kinds(space: Any) -> Mapping[str, Callable[[], FeatureKind]]:
    from nascurve.benchmarks.nb301.genotype import NODES, OPS

    def paths_of(cell: Any) -> dict[int, list[Path]]:
        """Paths to each node; all four nodes are joined in the cell's output."""
        ends: dict[int, list[Path]] = {0: [()], 1: [()]}
        for pair, (source, op) in enumerate(cell):
            ends.setdefault(NODES[pair // 2], []).extend([(*path, op) for path in ends[source]])
        return ends

    def pairs(arch: Any) -> list[float]:
        found: list[float] = []
        for cell in arch.cells:
            counts = np.zeros((len(OPS) + 1, len(OPS)))
            into: dict[int, list[int]] = {}
            for pair, (_, op) in enumerate(cell):
                into.setdefault(NODES[pair // 2], []).append(op)
            for source, op in cell:
                for above in into.get(source, [len(OPS)]):
                    counts[above, op] += 1
            found += counts.ravel().tolist()
        return found

    def graph(arch: Any) -> list[float]:
        found: list[float] = []
        for cell in arch.cells:
            ends = paths_of(cell)
            ops = [op for _, op in cell]
            sources = [source for source, _ in cell]
            found += [*(ops.count(op) for op in range(len(OPS))), *(sources.count(s) for s in range(5))]
            found += path_statistics([path for node in NODES for path in ends[node]], len(OPS))
        return found

    cells = ("normal", "reduce")
    canonical = functools.partial(_canonical_darts, space)
    graph_names = (*(f"n {op}" for op in OPS), *(f"readers of {s}" for s in range(5)), *path_names(OPS))
    pair_names = tuple(f"{a}>{b}" for a in (*OPS, "input") for b in OPS)
    return {
        "onehot": lambda: FeatureKind(
            names=_numbered(196), encode=lambda archs: space.encode([canonical(arch) for arch in archs])
        ),
        "paths": lambda: _each(
            tuple(f"{cell} {name}" for cell in cells for name in pair_names),
            lambda arch: pairs(canonical(arch)),
        ),
        "graph": lambda: _each(
            tuple(f"{cell} {name}" for cell in cells for name in graph_names),
            lambda arch: graph(canonical(arch)),
        ),
    }


def _canonical_darts(space: Any, arch: Any) -> Any:
    from nascurve.benchmarks.nb301.genotype import DartsGenotype
    from nascurve.benchmarks.nb301.isomorphism import canonical_cell

    return DartsGenotype.trusted(*(canonical_cell(cell) for cell in arch.cells))
