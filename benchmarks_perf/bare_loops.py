"""The searches as bare loops over lists, without ask and tell, clock, curves, log or checks: our floor."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

Neighbors = Sequence[Sequence[int]]
Loop = Callable[[list[float], Neighbors, int, np.random.Generator], float]
"""`loop(val_acc, neighbors, trials, rng)`: both by architecture; returns the best value found."""


def random_search(val_acc: list[float], neighbors: Neighbors, trials: int, rng: np.random.Generator) -> float:
    best = 0.0
    for arch in rng.integers(len(val_acc), size=trials).tolist():
        if val_acc[arch] > best:
            best = val_acc[arch]
    return best


def evolution(val_acc: list[float], neighbors: Neighbors, trials: int, rng: np.random.Generator) -> float:
    """Population 20, sample 10, as the defaults of `re`."""
    population = [(val_acc[arch], arch) for arch in rng.integers(len(val_acc), size=20).tolist()]
    best = float(max(population)[0])
    draws = rng.integers(20, size=(trials, 10)).tolist()
    mutations = rng.random(trials).tolist()
    for trial in range(20, trials):
        _, parent = max([population[i] for i in draws[trial]])
        near = neighbors[parent]
        child = near[int(mutations[trial] * len(near))]
        value = val_acc[child]
        population[trial % 20] = (value, child)  # the oldest one's place
        if value > best:
            best = value
    return best


def local_search(val_acc: list[float], neighbors: Neighbors, trials: int, rng: np.random.Generator) -> float:
    """Ten starts a walk, to the first better neighbour, no architecture twice."""
    tried: set[int] = set()
    best = 0.0
    while len(tried) < trials:
        starts = rng.integers(len(val_acc), size=10).tolist()
        tried.update(starts)
        center = max(starts, key=val_acc.__getitem__)
        value = val_acc[center]
        moved = True
        while moved and len(tried) < trials:
            moved = False
            near = neighbors[center]
            for place in rng.permutation(len(near)).tolist():
                neighbor = near[place]
                if neighbor in tried:
                    continue
                tried.add(neighbor)
                if val_acc[neighbor] > value:
                    center, value, moved = neighbor, val_acc[neighbor], True
                    break
        best = max(best, value)
    return best


LOOPS: dict[str, Loop] = {"rs": random_search, "re": evolution, "ls": local_search}
