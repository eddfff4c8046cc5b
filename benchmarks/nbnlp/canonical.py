"""A canonical order of the nodes of a recurrent cell: equal for isomorphic cells."""

from __future__ import annotations

import heapq
from collections.abc import Sequence

from nascurve.errors import ArchitectureError

N_SOURCES = 4
"""x and h_prev_0 … h_prev_2 are numbered 0 to 3, the nodes of the recipe from 4 on."""
BLEND = 7
"""The operation (by its compact number) whose inputs have an order."""

Graph = tuple[tuple[int, ...], tuple[tuple[int, ...], ...], tuple[int, ...]]
"""Operation of each node, inputs of each node, node of each output: see `RecurrentCell`."""
_MOST_ROUNDS = 4_000
_Certificate = tuple[tuple[object, ...], ...]


def canonical(graph: Graph) -> Graph:
    """The same cell with its nodes in canonical, topological order and unordered inputs ascending.

    graph: a valid cell, nodes in any order. Colours of the nodes are refined by their surroundings; ties that
    remain are broken by trying each tied node and keeping the smallest result, which skips nodes that an
    automorphism exchanges. Exact, by the argument of McKay & Piperno 2014, "Practical graph isomorphism, II".
    Raises ArchitectureError for a graph so symmetric that this takes more than 4,000 refinements (none that
    any generator makes).
    """
    return _Labelling(graph).result()


class _Labelling:
    def __init__(self, graph: Graph) -> None:
        self._ops, self._inputs, self._outputs = graph
        self._rounds = 0
        self._users: list[list[tuple[int, int]]] = [[] for _ in self._ops]
        for user, (op, inputs) in enumerate(zip(self._ops, self._inputs, strict=True)):
            for position, source in enumerate(inputs):
                if source >= N_SOURCES:
                    self._users[source - N_SOURCES].append((user, position if op == BLEND else 0))

    def result(self) -> Graph:
        rank_of = {node: number for number, node in enumerate(self._outputs)}
        start = [(op, rank_of.get(node + N_SOURCES, len(self._ops))) for node, op in enumerate(self._ops)]
        distinct = sorted(set(start))
        ranks = self._best(self._refine([distinct.index(colour) for colour in start]))
        return self._renumbered(self._topological(ranks))

    def _refine(self, colours: list[int]) -> list[int]:
        """The coarsest stable colouring below `colours`, as ranks that do not depend on the numbering."""
        n_colours = len(set(colours))
        while n_colours < len(colours):
            self._rounds += 1
            if self._rounds > _MOST_ROUNDS:
                raise ArchitectureError(
                    f"A recurrent cell of {len(colours)} nodes is too symmetric for its canonical form to be "
                    "found. Give one with fewer interchangeable nodes."
                )
            known = [*range(-N_SOURCES, 0), *colours]
            signatures = []
            for node, (op, inputs) in enumerate(zip(self._ops, self._inputs, strict=True)):
                above = [known[source] for source in inputs]
                if op != BLEND:
                    above.sort()
                below = sorted((colours[user], position) for user, position in self._users[node])
                signatures.append((colours[node], above, below))
            ordered: list[tuple[int, list[int], list[tuple[int, int]]]] = []
            for signature in sorted(signatures):
                if not ordered or ordered[-1] != signature:
                    ordered.append(signature)
            if len(ordered) == n_colours:
                break
            n_colours = len(ordered)
            colours = [ordered.index(signature) for signature in signatures]
        return colours

    def _tied(self, colours: list[int]) -> list[int]:
        """The nodes of the first colour that several share."""
        for colour in range(len(colours)):
            nodes = [node for node, own in enumerate(colours) if own == colour]
            if len(nodes) > 1:
                return nodes
        return []

    def _singled_out(self, colours: list[int], node: int) -> list[int]:
        split = [2 * colour + 1 for colour in colours]
        split[node] -= 1
        order = sorted(set(split))
        return self._refine([order.index(colour) for colour in split])

    def _best(self, colours: list[int]) -> list[int]:
        """The discrete colouring below this stable one with the smallest certificate."""
        tied = self._tied(colours)
        if not tied:
            return colours
        seen: set[_Certificate] = set()
        found = []
        for node in tied:
            child = self._singled_out(colours, node)
            leaf = child
            while rest := self._tied(leaf):
                leaf = self._singled_out(leaf, rest[0])
            certificate = self._certificate(leaf)
            if certificate not in seen:  # else an automorphism maps an earlier node onto this one
                seen.add(certificate)
                best = self._best(child)
                found.append((self._certificate(best), best))
        return min(found)[1]

    def _certificate(self, ranks: list[int]) -> _Certificate:
        known = [*range(-N_SOURCES, 0), *ranks]
        rows: list[tuple[object, ...]] = [()] * len(ranks)
        for node, (op, inputs) in enumerate(zip(self._ops, self._inputs, strict=True)):
            above = [known[source] for source in inputs]
            rows[ranks[node]] = (op, *(above if op == BLEND else sorted(above)))
        return (*rows, tuple(known[node] for node in self._outputs))

    def _topological(self, ranks: list[int]) -> list[int]:
        """Nodes so that inputs come first, by rank where there is a choice."""
        waiting = [sum(source >= N_SOURCES for source in inputs) for inputs in self._inputs]
        ready = [(ranks[node], node) for node, missing in enumerate(waiting) if not missing]
        heapq.heapify(ready)
        order = []
        while ready:
            node = heapq.heappop(ready)[1]
            order.append(node)
            for user, _ in self._users[node]:
                waiting[user] -= 1
                if not waiting[user]:
                    heapq.heappush(ready, (ranks[user], user))
        return order

    def _renumbered(self, order: Sequence[int]) -> Graph:
        new = [*range(N_SOURCES), *([0] * len(order))]
        for place, node in enumerate(order):
            new[node + N_SOURCES] = place + N_SOURCES
        inputs = []
        for node in order:
            moved = [new[source] for source in self._inputs[node]]
            inputs.append(tuple(moved if self._ops[node] == BLEND else sorted(moved)))
        return (
            tuple(self._ops[node] for node in order),
            tuple(inputs),
            tuple(new[node] for node in self._outputs),
        )
