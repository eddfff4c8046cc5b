"""Architectures as graphs of operations, padded to one size, for graph networks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nascurve.benchmarks.held_space import HeldSpace
from nascurve.errors import ConfigError
from nascurve.simulator.types import Architecture, SearchSpace

_Graph = tuple[list[int], list[tuple[int, int]]]
"""Kinds of the nodes, and edges (from, to)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Graphs:
    """n graphs of at most V nodes. kinds: (n, V), 0 where there is no node. edges: (n, V, V), edges[i, v, w]
    = how many edges lead from v to w."""

    kinds: NDArray[np.int64]
    edges: NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphForm:
    """How a space's architectures become graphs. n_kinds: node kinds are 1 .. n_kinds."""

    n_nodes: int
    n_kinds: int
    graph: Callable[[Any], _Graph]

    def graphs(self, archs: Sequence[Architecture]) -> Graphs:
        kinds = np.zeros((len(archs), self.n_nodes), np.int64)
        edges = np.zeros((len(archs), self.n_nodes, self.n_nodes), np.float32)
        for row, arch in enumerate(archs):
            nodes, arrows = self.graph(arch)
            kinds[row, : len(nodes)] = nodes
            for source, target in arrows:
                edges[row, source, target] += 1
        return Graphs(kinds=kinds, edges=edges)


def graph_form(space: SearchSpace) -> GraphForm:
    """The graphs of a space: operations are nodes, also where the space has them on edges. Isomorphic
    architectures give the same graph up to the order of the nodes. Raises ConfigError for other spaces than
    cell201, nb101, darts and nlp."""
    base = space.base if isinstance(space, HeldSpace) else space
    if base.name not in _FORMS:
        raise ConfigError(
            f"models: 'gin' needs graphs, which there are for {', '.join(_FORMS)}; this space is "
            f"{base.name!r}."
        )
    return _FORMS[base.name](base)


def _of_edges(edges: Sequence[tuple[int, int, int]], first_op: int) -> _Graph:
    """Edges (source, target, op) as nodes that follow each other. Node 0 is the input, 1 the output."""
    output = max((target for _, target, _ in edges), default=0)
    nodes = [1, 2, *(first_op + op for _, _, op in edges)]
    arrows = []
    for place, (source, target, _) in enumerate(edges, start=2):
        arrows += [(0, place)] if source == 0 else []
        arrows += [(place, 1)] if target == output else []
        arrows += [(place, after) for after, (start, _, _) in enumerate(edges, start=2) if start == target]
    return nodes, arrows


def _cell201(space: Any) -> GraphForm:
    from nascurve.benchmarks.cell201 import N_EDGES, OPS

    def graph(arch: Any) -> _Graph:
        return _of_edges([(s, t, OPS.index(op)) for s, t, op in space.network(arch).edges], 3)

    return GraphForm(n_nodes=N_EDGES + 2, n_kinds=2 + len(OPS), graph=graph)


def _nb101(space: Any) -> GraphForm:
    from nascurve.benchmarks.nb101.cell import N_VERTICES
    from nascurve.benchmarks.nb101.graph_hash import OPS

    def graph(arch: Any) -> _Graph:
        cell, labels = arch.graph, arch.labels
        inner = [3 + labels[vertex - 1] for vertex in cell.vertices[1:-1]]
        arrows = [(source, node) for node, before in enumerate(cell.predecessors) for source in before]
        return [1, *inner, 2], arrows

    return GraphForm(n_nodes=N_VERTICES, n_kinds=2 + len(OPS), graph=graph)


def _darts(space: Any) -> GraphForm:
    from nascurve.benchmarks.nb301.genotype import N_PAIRS, NODES, OPS

    per_cell = N_PAIRS + 3  # the two inputs and the output, into which all nodes go
    n_kinds = len(OPS) + 3

    def graph(arch: Any) -> _Graph:
        nodes: list[int] = []
        arrows = []
        for which, cell in enumerate(arch.cells):
            first, kind = which * per_cell, which * n_kinds
            nodes += [kind + 1, kind + 2, kind + 3, *(kind + 4 + op for _, op in cell)]
            for pair, (source, _) in enumerate(cell):
                place = first + 3 + pair
                into = [source] if source < 2 else [3 + 2 * NODES.index(source), 4 + 2 * NODES.index(source)]
                arrows += [(first + above, place) for above in into]
                arrows.append((place, first + 2))
        return nodes, arrows

    return GraphForm(n_nodes=2 * per_cell, n_kinds=2 * n_kinds, graph=graph)


def _nlp(space: Any) -> GraphForm:
    from nascurve.benchmarks.nbnlp.canonical import N_SOURCES
    from nascurve.benchmarks.nbnlp.cell import MAX_HIDDENS, MAX_NODES, OPS

    def graph(arch: Any) -> _Graph:
        first_out = N_SOURCES + len(arch.ops)
        outs = range(len(arch.outputs))
        nodes = [
            1,
            2,
            3,
            4,
            *(N_SOURCES + op for op in arch.ops),
            *(N_SOURCES + len(OPS) + out for out in outs),
        ]
        arrows = [(s, N_SOURCES + place) for place, sources in enumerate(arch.inputs) for s in sources]
        arrows += [(node, first_out + out) for out, node in enumerate(arch.outputs)]
        arrows += [
            (first_out + out, 1 + out) for out in outs
        ]  # a new state is the previous one of the next step
        return nodes, arrows

    return GraphForm(
        n_nodes=N_SOURCES + MAX_NODES + MAX_HIDDENS,
        n_kinds=N_SOURCES + len(OPS) + MAX_HIDDENS - 1,
        graph=graph,
    )


_FORMS: dict[str, Callable[[Any], GraphForm]] = {
    "cell201": _cell201,
    "nb101": _nb101,
    "darts": _darts,
    "nlp": _nlp,
}
