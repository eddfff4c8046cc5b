"""Predictive termination as a schedule: looks at each run again and again, and stops what cannot win."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nascurve import options
from nascurve.errors import ConfigError
from nascurve.lce._epochs import checked_settings, look_grid
from nascurve.lce.forecaster import Forecaster
from nascurve.lce.termination import PredictiveTermination
from nascurve.simulator.types import Evaluation, Problem, State


class PredictiveStops:
    """Each candidate by itself is trained from look to look, and stopped at the first one at which
    `termination` says so. A `Schedule`.

    looks: epochs or fractions of E_max, or None for a geometric grid (see docs/lce.md).
    n_initial: how many candidates are trained to the end first.
    termination: the rule; None: that of Domhan et al. (2015) with its own settings, so that a run is stopped
        when its probability of beating the best run so far is below .05.

    Deviation from the source: it looks every 30 epochs. Raises ConfigError.
    """

    def __init__(
        self,
        *,
        looks: Sequence[int | float] | None = None,
        n_initial: int = 20,
        termination: PredictiveTermination | None = None,
    ) -> None:
        self._settings = None if looks is None else checked_settings(looks, "looks")
        self._n_initial = options.integer("LCE.n_initial", n_initial, at_least=0)
        self._termination = PredictiveTermination() if termination is None else termination

    def begin(self, problem: Problem) -> int:
        self._last = problem.max_epochs
        self._looks = look_grid(self._settings, problem)
        return self._last

    def admit(self, n_asked: int, wanted: int) -> tuple[int, int]:
        n_initial = min(self._n_initial - n_asked, wanted)
        return (n_initial, self._last) if n_initial > 0 else (1, self._looks[0])

    def decide(
        self, looks: Sequence[Evaluation], forecaster: Forecaster, rng: np.random.Generator
    ) -> Sequence[tuple[int, int]]:
        prediction = forecaster.predict(looks)
        if not np.isfinite(prediction.mean[0]):
            return []
        history = forecaster.history
        best = float(history.max()) if len(history) else None
        reached = [float(np.nanmax(looks[0].curve.val_acc))]
        if self._termination.should_stop(prediction, best, reached)[0]:
            return []
        epoch = len(looks[0].curve)
        return [(0, next((look for look in self._looks if look > epoch), self._last))]

    def outcome(self, look: Evaluation, forecaster: Forecaster) -> tuple[float, float]:
        prediction = forecaster.predict([look])
        return float(prediction.mean[0]), float(prediction.std[0])

    def finished(self, evaluation: Evaluation) -> None:
        """Nothing is remembered."""

    def state_dict(self) -> State:
        return {"looks": list(self._looks)}

    def load_state_dict(self, state: State) -> None:
        """Raises ConfigError for a state of other looks."""
        refuse_other_looks(state["looks"], self._looks)


def refuse_other_looks(saved: list[int], looks: list[int]) -> None:
    """Raises ConfigError for a state that was saved with other looks."""
    if saved != looks:
        raise ConfigError(
            f"LCE: the state was saved with looks={saved}, expected {looks}. "
            "Build the optimizer with the settings it was saved with."
        )
