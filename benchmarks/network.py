"""The network that a cell builds, in canonical form: equal exactly when two cells build the same network."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from nascurve.errors import ArchitectureError

NONE = "none"
SKIP = "skip_connect"
EMPTY = "empty"
"""String form of the network without a path from input to output."""

CELL_EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
"""The official edge order of NAS-Bench-201: by target, then by source."""

Edge = tuple[int, int, str]
"""(source node, target node, operation)."""

_EDGE = re.compile(r"(\d+)-(\d+):([a-z0-9_]+)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Network:
    """A directed acyclic multigraph whose edges are operations and whose nodes sum what comes in.

    edges: sorted (source, target, operation); node 0 is the input, the highest node the output, and every
        source is smaller than its target. Parallel edges count each (x + x is not x); no edges at all is the
        network without a live path, whose output is constant.

    `Network.of` builds the canonical form of any cell; networks made by it are equal exactly when they are
    the same network up to the order of their inner nodes. The constructor only sorts the edges.
    """

    edges: tuple[Edge, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "edges", tuple(sorted((int(s), int(t), str(op)) for s, t, op in self.edges)))
        if not self.edges:
            return
        inner = set(range(1, self.output))
        wrong = [edge for edge in self.edges if not 0 <= edge[0] < edge[1]]
        loose = (inner - {t for _, t, _ in self.edges}) | (inner - {s for s, _, _ in self.edges})
        if wrong or loose or any(op == NONE for _, _, op in self.edges):
            raise ArchitectureError(
                "Network.edges: expected (source, target, operation) with 0 <= source < target, no 'none', "
                f"and every inner node with an input and an output; got {self.edges!r}. "
                "Network.of(edges, output) brings any cell into this form."
            )

    @property
    def output(self) -> int:
        """The output's node number; 0 for the empty network."""
        return max((target for _, target, _ in self.edges), default=0)

    @property
    def n_nodes(self) -> int:
        return self.output + 1

    @property
    def is_empty(self) -> bool:
        """Whether no path leads from the input to the output."""
        return not self.edges

    def inputs(self, node: int) -> tuple[tuple[int, str], ...]:
        """The (source, operation) pairs that are summed at a node."""
        return tuple((source, op) for source, target, op in self.edges if target == node)

    def __str__(self) -> str:
        return ",".join(f"{source}-{target}:{op}" for source, target, op in self.edges) or EMPTY

    @classmethod
    def parse(cls, text: str) -> Network:
        """The network of a canonical string. Raises ArchitectureError on any other text."""
        if text == EMPTY:
            return cls(())
        matches = [_EDGE.fullmatch(part) for part in text.split(",")]
        edges = [(int(m[1]), int(m[2]), m[3]) for m in matches if m]
        if len(edges) == len(matches):
            network = cls.of(edges, output=max(target for _, target, _ in edges))
            if str(network) == text:
                return network
        raise ArchitectureError(
            "A network's canonical string was expected, such as '0-1:nor_conv_3x3,0-1:skip_connect' or "
            f"{EMPTY!r}; got {text!r}."
        )

    @classmethod
    def of(cls, edges: Iterable[Edge], output: int) -> Network:
        """The canonical network of a cell with input node 0 and the given output node.

        Until nothing changes: edges that are `none` or on no path from input to output go; an inner node
        whose only input is one skip is merged with its source; an inner node whose only output is one skip is
        merged with its target. Then the inner nodes get the topological numbering whose sorted edges are
        smallest, by trying them all (factorial in the inner nodes, of which a cell has few). A node with two
        consumers stays one node: an operation used twice is not two operations.
        """
        live = [(s, t, op) for s, t, op in edges if op != NONE]
        while True:
            live = _on_a_path(live, output)
            merged = _merge_one_skip(live, output)
            if merged is None:
                return cls(_smallest_numbering(live, output))
            live = merged


def cell_network(ops: Sequence[str]) -> Network:
    """The canonical network of a NAS-Bench-201 cell: `ops` on the six `CELL_EDGES`."""
    return Network.of(((s, t, op) for (s, t), op in zip(CELL_EDGES, ops, strict=True)), output=3)


def _on_a_path(edges: list[Edge], output: int) -> list[Edge]:
    after_input = _reachable([(s, t) for s, t, _ in edges], 0)
    before_output = _reachable([(t, s) for s, t, _ in edges], output)
    return [edge for edge in edges if edge[0] in after_input and edge[1] in before_output]


def _reachable(arrows: list[tuple[int, int]], start: int) -> set[int]:
    found, frontier = {start}, [start]
    while frontier:
        node = frontier.pop()
        new = {head for tail, head in arrows if tail == node} - found
        found |= new
        frontier += new
    return found


def _merge_one_skip(edges: list[Edge], output: int) -> list[Edge] | None:
    """`edges` with one inner node contracted, or None when no skip can be."""
    for skip in edges:
        source, target, op = skip
        if op != SKIP:
            continue
        only_input = target != output and sum(t == target for _, t, _ in edges) == 1
        only_output = source != 0 and sum(s == source for s, _, _ in edges) == 1
        if only_input or only_output:
            gone, kept = (target, source) if only_input else (source, target)
            rest = list(edges)
            rest.remove(skip)
            return [(kept if s == gone else s, kept if t == gone else t, o) for s, t, o in rest]
    return None


def _smallest_numbering(edges: list[Edge], output: int) -> tuple[Edge, ...]:
    inner = sorted({node for s, t, _ in edges for node in (s, t)} - {0, output})
    if not edges:
        return ()
    numberings = (
        {0: 0, output: len(inner) + 1, **{node: i + 1 for i, node in enumerate(order)}}
        for order in itertools.permutations(inner)
    )
    return min(
        tuple(sorted((new[s], new[t], op) for s, t, op in edges))
        for new in numberings
        if all(new[s] < new[t] for s, t, _ in edges)
    )
