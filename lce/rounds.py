"""Rounds of candidates that are looked at once: Algorithm 2 of NAS-Bench-x11, and its authors' code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from nascurve.errors import ConfigError, ProtocolError
from nascurve.lce._epochs import checked_setting, first_look, predicted_epoch
from nascurve.lce.forecaster import Forecaster
from nascurve.lce.promotion import PromotionRule
from nascurve.lce.ranking import Ranking
from nascurve.simulator.types import Evaluation, Problem, State


class Rounds:
    """Candidates are trained to `e_few`, ranked together by their prediction, and some of them promoted: they
    are trained to the end. A `Schedule`.

    rule: who is promoted, and how many are ranked together. ranking: by what; the rule sees its scores as the
    mean of the prediction.
    e_few, extrapolate_to: as in `LCE`. Raises ConfigError.
    """

    def __init__(
        self,
        rule: PromotionRule,
        *,
        ranking: Ranking,
        e_few: int | float,
        extrapolate_to: int | float | None = None,
    ) -> None:
        self._rule = rule
        self._ranking = ranking
        self._e_few_setting = checked_setting(e_few, "e_few")
        self._at_setting = (
            None if extrapolate_to is None else checked_setting(extrapolate_to, "extrapolate_to")
        )

    def begin(self, problem: Problem) -> int:
        self._last = problem.max_epochs
        self._e_few = first_look(self._e_few_setting, problem)
        return predicted_epoch(self._at_setting, self._e_few, problem)

    def admit(self, n_asked: int, wanted: int) -> tuple[int, int]:
        n_initial = min(self._rule.n_initial - n_asked, wanted)
        return (n_initial, self._last) if n_initial > 0 else (self._rule.round_size, self._e_few)

    def decide(
        self, looks: Sequence[Evaluation], forecaster: Forecaster, rng: np.random.Generator
    ) -> Sequence[tuple[int, int]]:
        prediction = forecaster.predict(looks)
        if self._ranking.kind != "mean":
            scores = self._ranking.scores(prediction, forecaster.history, rng)
            prediction = replace(prediction, mean=scores)
        promoted = list(self._rule.select(prediction, forecaster.history))
        if len(set(promoted)) < len(promoted) or any(row not in range(len(looks)) for row in promoted):
            raise ProtocolError(
                f"{type(self._rule).__name__}.select: expected distinct rows, 0 to {len(looks) - 1}, "
                f"got {promoted}."
            )
        return [(row, self._last) for row in promoted]

    def outcome(self, look: Evaluation, forecaster: Forecaster) -> tuple[float, float]:
        prediction = forecaster.predict([look], self._last)
        return float(prediction.mean[0]), float(prediction.std[0])

    def finished(self, evaluation: Evaluation) -> None:
        """Rounds remember nothing."""

    def state_dict(self) -> State:
        return {"e_few": self._e_few}

    def load_state_dict(self, state: State) -> None:
        """Raises ConfigError for a state of another e_few."""
        if state["e_few"] != self._e_few:
            raise ConfigError(
                f"LCE: the state was saved with e_few={state['e_few']}, expected {self._e_few}. "
                "Build the optimizer with the settings it was saved with."
            )
