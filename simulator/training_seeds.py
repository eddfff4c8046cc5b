"""Which training seed each training run gets."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nascurve.errors import DataFileError
from nascurve.simulator.types import Architecture, Benchmark, State, Trial

# An optimizer is often built from default_rng(seed) of the same number: this key keeps the streams apart.
_STREAM = (0x7472_6169_6E,)
_BLOCK = 256  # a draw by blocks costs a tenth of as many single draws


class TrainingSeeds:
    """Draws for each new training run one of the training seeds that the benchmark has of its architecture,
    uniformly and independently of all else, so that the noise of training is part of the simulation: an
    architecture that is trained again may get another seed.

    The draws depend on `seed` and their own number alone: not on the optimizer's generator, nor on time.
    """

    def __init__(self, *, seed: int, benchmark: Benchmark) -> None:
        self._seed = seed
        self._n_seeds = benchmark.info.n_seeds
        self._training_runs: Callable[[Architecture], int] | None = getattr(benchmark, "training_runs", None)
        self._restart()

    def _restart(self) -> None:
        self._rng = np.random.default_rng(np.random.SeedSequence(self._seed, spawn_key=_STREAM))
        self._drawn = 0
        self._block: list[float] = []

    def draw(self, trial: Trial) -> int:
        """The training seed, 0 … number of training runs - 1, of a trial whose id is new."""
        position = self._drawn % _BLOCK
        if position == 0:
            self._next_block()
        self._drawn += 1
        n_seeds = self._n_seeds if self._training_runs is None else self._training_runs(trial.arch)
        return int(self._block[position] * n_seeds)

    def _next_block(self) -> None:
        self._block = self._rng.random(_BLOCK).tolist()

    def state_dict(self) -> State:
        return {"drawn": self._drawn}

    def load_state_dict(self, state: State) -> None:
        """Go on after the draws of the saved state. Raises DataFileError for no such state."""
        drawn = state.get("drawn")
        if not isinstance(drawn, int) or drawn < 0:
            raise DataFileError(f"Training seeds: expected a number of draws, got {drawn!r}.")
        self._restart()
        for _ in range(-(-drawn // _BLOCK)):
            self._next_block()
        self._drawn = drawn
