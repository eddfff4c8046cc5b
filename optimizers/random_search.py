"""Random search."""

from __future__ import annotations

import numpy as np

from nascurve import options
from nascurve.optimizers.base import AskTellOptimizer
from nascurve.simulator.types import Architecture, SearchSpace, State


class RandomSearch(AskTellOptimizer):
    """Draws architectures from the space's own distribution, independent of all results.

    Source: Li and Talwalkar, "Random search and reproducibility for neural architecture search" (2019).

    replacement: if false, never propose a network (by `space.key`) twice; once the space is exhausted, or 100
        draws in a row are known ones, repeats are accepted.
    """

    def __init__(self, space: SearchSpace, *, rng: np.random.Generator, replacement: bool = True) -> None:
        super().__init__(space, rng=rng)
        self._replacement = options.flag("replacement", replacement)
        self._known: set[str] = set()

    def _propose(self, n: int) -> list[Architecture]:
        if self._replacement:
            return [self._space.sample(self._rng) for _ in range(n)]
        return [self._draw_new(self._known) for _ in range(n)]

    def _observe(self, trial_id: int, arch: Architecture, val_acc: float, complete: bool) -> None:
        """Learns nothing."""

    def _search_state(self) -> State:
        return {"known": sorted(self._known)}

    def _restore(self, state: State) -> None:
        self._known = set(state["known"])
