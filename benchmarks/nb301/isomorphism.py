"""Which DARTS cells build the same network: a canonical numbering of a cell's nodes."""

from __future__ import annotations

import functools

from nascurve.benchmarks.nb301.genotype import NODES, Cell, Pair


@functools.lru_cache(maxsize=2**16)
def canonical_cell(cell: Cell) -> Cell:
    """The smallest of the cells that differ from `cell` only in the numbers of its nodes 2 to 5.

    Two cells have the same one exactly when their graphs, with operations on the edges and the two inputs
    told apart, are isomorphic. Renumbering permutes the blocks of the concatenated output, thus the input
    channels of the 1x1 convolutions (or the pooled classifier) behind it, whose weights are drawn alike: the
    networks are the same up to the names of their channels. All nodes count, since all are concatenated.
    """
    best: list[Cell] = []
    _number(cell, {0: 0, 1: 1}, (), best)
    return best[0]


def _number(cell: Cell, numbers: dict[int, int], done: Cell, best: list[Cell]) -> None:
    """Number one more node in every possible way, keeping only what may still become the smallest cell."""
    new = len(numbers)
    if new == len(NODES) + 2:
        best[:] = [done]
        return
    ready: list[tuple[Cell, int]] = []
    for node in NODES:
        if node not in numbers:
            (a, op_a), (b, op_b) = cell[2 * node - 4 : 2 * node - 2]
            if a in numbers and b in numbers:
                first: Pair = (numbers[a], op_a)
                second: Pair = (numbers[b], op_b)
                ready.append(((first, second) if first < second else (second, first), node))
    for pairs, node in sorted(ready):
        longer = (*done, *pairs)
        if not best or longer <= best[0][: len(longer)]:
            _number(cell, {**numbers, node: new}, longer, best)
