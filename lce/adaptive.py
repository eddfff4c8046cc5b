"""The schedule that needs no setting: a round of candidates races, and who is likely beaten drops out."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

from nascurve import options
from nascurve.lce._epochs import checked_settings, look_grid, resolve
from nascurve.lce.forecaster import Forecaster
from nascurve.lce.predictive_stops import refuse_other_looks
from nascurve.simulator.types import Evaluation, Problem, State, Status

_MIN_STD = 1e-6
_REMEMBERED = 100
_OWN_WORD = 3.0
"""The extrapolator's std counts for as much as the errors of this many finished runs."""


class Adaptive:
    """Of `k` candidates that are trained from look to look, those drop out that the leader is likely to beat;
    the leader of each look goes on, so that one arrives at the end, unless all left diverge. A `Schedule`.

    At a look each candidate i has a predicted final accuracy m_i ± s_i; the leader l has the highest m. Then
    i goes on if

        P(i ends above l) = Φ((m_i - m_l) / (c √(s_i² + s_l²))) >= `chance`.

    So how long candidates are trained before they are judged, and how many go on, follow from what the
    extrapolator knows: where it cannot tell them apart, all go on to the next look; where one is far ahead,
    it alone. c corrects the extrapolator's own word for its uncertainty at that look, by the last m <= 100
    runs that this search has trained to the end: c² = (3 + Σ_j z_j²) / (3 + m), with z_j the errors of its
    predictions at that look, less their mean (what is wrong with all alike does not matter for ranks), in
    units of s_j. The `outcome` of a dropped candidate is m_i plus that mean, ± c s_i.

    k: candidates of a round. chance: in (0, .5]; at .5 only the leader goes on.
    looks: epochs or fractions of E_max, or None for a geometric grid from a twelfth of E_max on.

    The chance, k and the first look were chosen on seeds that no result is reported on (docs/lce.md): earlier
    looks mislead. Weighing what the rest costs (a lower chance where little is left to train) is worse.
    Raises ConfigError.
    """

    def __init__(
        self, *, k: int = 8, chance: float = 0.4, looks: Sequence[int | float] | None = None
    ) -> None:
        self._k = options.integer("LCE.k", k, at_least=1)
        chance = options.real("Adaptive.chance", chance, above=0, at_most=0.5)
        self._lowest_z = NormalDist().inv_cdf(chance)
        self._settings = None if looks is None else checked_settings(looks, "looks")

    def begin(self, problem: Problem) -> int:
        self._last = problem.max_epochs
        self._looks = look_grid(self._settings, problem, from_epoch=resolve(1 / 12, problem.max_epochs))
        self._live: dict[int, list[tuple[float, float]]] = {}  # by trial: (mean, std) at its looks so far
        # by look, of runs trained to the end: (error, std)
        self._errors: list[deque[tuple[float, float]]] = [deque(maxlen=_REMEMBERED) for _ in self._looks]
        return self._last

    def admit(self, n_asked: int, wanted: int) -> tuple[int, int]:
        return self._k, self._looks[0]

    def decide(
        self, looks: Sequence[Evaluation], forecaster: Forecaster, rng: np.random.Generator
    ) -> Sequence[tuple[int, int]]:
        prediction = forecaster.predict(looks)
        mean, std = prediction.mean, np.maximum(prediction.std, _MIN_STD)
        sound = np.flatnonzero(np.isfinite(mean))
        if not len(sound):
            return []
        k = self._looks.index(len(looks[0].curve))
        for row in sound.tolist():
            predictions = self._live.setdefault(looks[row].trial.id, [])
            predictions.append((float(mean[row]), float(std[row])))
        leader = sound[np.argmax(mean[sound])]
        _, correction = self._learnt(k)
        scale = correction * np.hypot(std[sound], std[leader])
        going_on = (mean[sound] - mean[leader]) / scale >= self._lowest_z
        following = self._looks[k + 1] if k + 1 < len(self._looks) else self._last
        return [(int(row), following) for row in sound[going_on]]

    def _learnt(self, look: int) -> tuple[float, float]:
        """From the runs that finished: the mean error of predictions at a look, and c."""
        if not self._errors[look]:
            return 0.0, 1.0
        error, std = np.array(self._errors[look]).T.copy()
        bias = float(error.mean())
        z = (error - bias) / std
        return bias, math.sqrt((_OWN_WORD + float(z @ z)) / (_OWN_WORD + len(z)))

    def outcome(self, look: Evaluation, forecaster: Forecaster) -> tuple[float, float]:
        k = self._looks.index(len(look.curve))
        mean, std = self._live[look.trial.id][k]
        bias, correction = self._learnt(k)
        return mean + bias, std * correction

    def finished(self, evaluation: Evaluation) -> None:
        predictions = self._live.pop(evaluation.trial.id, [])
        final = float(evaluation.val_acc)
        if evaluation.status is Status.COMPLETE and math.isfinite(final):
            for (mean, std), errors in zip(predictions, self._errors, strict=False):
                errors.append((final - mean, std))

    def state_dict(self) -> State:
        return {
            "looks": list(self._looks),
            "live": [[id_, [list(pair) for pair in pairs]] for id_, pairs in self._live.items()],
            "errors": [[list(pair) for pair in errors] for errors in self._errors],
        }

    def load_state_dict(self, state: State) -> None:
        """Raises ConfigError for a state of other looks."""
        refuse_other_looks(state["looks"], self._looks)
        self._live = {id_: [(mean, std) for mean, std in saved] for id_, saved in state["live"]}
        self._errors = [
            deque(((error, std) for error, std in saved), maxlen=_REMEMBERED) for saved in state["errors"]
        ]
