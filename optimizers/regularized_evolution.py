"""Regularized (aging) evolution."""

from __future__ import annotations

from collections import deque

import numpy as np

from nascurve import options
from nascurve.optimizers.base import AskTellOptimizer
from nascurve.simulator.types import Architecture, SearchSpace, State


class RegularizedEvolution(AskTellOptimizer):
    """Aging evolution: the child of a tournament's winner enters the population, the oldest member leaves it.

    The first `population_size` trials are random. From then on each trial is the mutation of the best of
    `sample_size` members drawn from the population; members enter in the order in which they finish.

    Source: Real, Aggarwal, Huang, Le, "Regularized evolution for image classifier architecture search" (AAAI
    2019), Algorithm 1. Deviations: mutation is the space's own elementary change; a child is asked for
    whenever a worker is free, so while results are pending the tournament runs among the members that are
    there. The random trials at the start are counted as they are asked for, not as they finish, and a trial
    that was given up (STOPPED) never enters the population, which may thus still grow when evolution begins;
    as long as it is empty, trials stay random.

    population_size: members alive, and random trials at the start.
    sample_size: members that a tournament draws; at most `population_size` without replacement.
    replacement: whether one member may be drawn twice for a tournament.
    n_mutations: elementary changes from parent to child.
    """

    def __init__(
        self,
        space: SearchSpace,
        *,
        rng: np.random.Generator,
        population_size: int = 20,
        sample_size: int = 10,
        replacement: bool = True,
        n_mutations: int = 1,
    ) -> None:
        super().__init__(space, rng=rng)
        self._population_size = options.integer("population_size", population_size, at_least=1)
        self._replacement = options.flag("replacement", replacement)
        self._sample_size = options.integer(
            "sample_size", sample_size, at_least=1, at_most=None if replacement else self._population_size
        )
        self._n_mutations = options.integer("n_mutations", n_mutations, at_least=1)
        self._population: deque[tuple[float, Architecture]] = deque(maxlen=self._population_size)

    def _propose(self, n: int) -> list[Architecture]:
        n_random = n if not self._population else max(0, min(n, self._population_size - self._next_id))
        archs = [self._space.sample(self._rng) for _ in range(n_random)]
        archs += [self._child(self._tournament()) for _ in range(n - n_random)]
        return archs

    def _tournament(self) -> Architecture:
        population = self._population
        size = len(population)
        draws = self._rng.random(self._sample_size).tolist()  # one call: scalar draws would dominate the cost
        best = (-1.0, population[0][1])
        if self._replacement:
            for u in draws:
                member = population[int(u * size)]
                if member[0] > best[0]:
                    best = member
            return best[1]
        left = list(population)
        for u in draws[:size]:
            member = left.pop(int(u * len(left)))
            if member[0] > best[0]:
                best = member
        return best[1]

    def _child(self, parent: Architecture) -> Architecture:
        child = parent
        for _ in range(self._n_mutations):
            child = self._space.mutate(child, self._rng)
        return self._space.mutate(child, self._rng) if child == parent else child

    def _observe(self, trial_id: int, arch: Architecture, val_acc: float, complete: bool) -> None:
        if complete:
            self._population.append((val_acc, arch))

    def _search_state(self) -> State:
        return {"population": [[val_acc, str(arch)] for val_acc, arch in self._population]}

    def _restore(self, state: State) -> None:
        self._population.clear()
        self._population.extend((val_acc, self._space.parse(text)) for val_acc, text in state["population"])
