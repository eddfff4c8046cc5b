"""Predictive termination: stop a training run when its extrapolated curve says that it is not worth it."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nascurve import options
from nascurve.errors import ConfigError
from nascurve.lce.predictive_distribution import PredictiveDistribution
from nascurve.simulator.types import Prediction

_MODES = ("conservative", "optimistic")


class PredictiveTermination:
    """The rule of Domhan, Springenberg and Hutter (2015), for any extrapolator.

    mode "conservative": stop a run when the probability that its accuracy at the predicted epoch exceeds the
    best so far is below `delta`. "optimistic": stop it also when the prediction's std is below `max_std`: the
    outcome is known well enough, whether good or bad, and the predicted mean may be reported in place of the
    rest of the training. A run that has already reached more than the best is never stopped.

    The probability is that of the `PredictiveDistribution` of the prediction: exact at its quantiles, so that
    with a quantile of level .95 and `delta` = .05 a run is stopped when the best exceeds that quantile.

    delta: probability in (0, 1). max_std: in units of accuracy. Nothing is learnt or kept between calls.

    Source: github.com/tdomhan/pylearningcurvepredictor, `terminationcriterion.py`, whose defaults these are.
    Deviations: the source's optimistic rule may stop a run that already beats the best, this one may not. Its
    std is that of the mean curve; ours is what `Prediction.std` is, that of the accuracy that will be
    observed, so that noise above `max_std` rules the optimistic stop out. It does not stop where the
    predicted mean lies outside [0, 1]; predictions here lie inside.
    """

    def __init__(self, *, mode: str = "conservative", delta: float = 0.05, max_std: float = 0.005) -> None:
        self._optimistic = options.choice("PredictiveTermination.mode", mode, _MODES) == "optimistic"
        self._delta = options.real("PredictiveTermination.delta", delta, above=0, at_most=1)
        self._max_std = options.real(
            "PredictiveTermination.max_std", max_std, above=0, hint="In units of accuracy."
        )

    def should_stop(
        self, prediction: Prediction, best_acc: float | None, reached_acc: ArrayLike
    ) -> NDArray[np.bool_]:
        """Which of n runs to stop: bools of shape (n,).

        prediction: for the epoch at which runs are compared; mean and std (n,), quantiles (n, q) if any.
        best_acc: the best accuracy of a finished run; None before there is one, and then only the std counts.
        reached_acc: the highest accuracy that each of the runs has reached so far, shape (n,).
        Raises ConfigError when shapes differ or `best_acc` is not finite.
        """
        reached = np.asarray(reached_acc, dtype=np.float64)
        if reached.shape != prediction.mean.shape:
            raise ConfigError(
                f"PredictiveTermination.should_stop: expected reached_acc of shape {prediction.mean.shape}, "
                f"one value for each predicted run, got {reached.shape}."
            )
        stop = (prediction.std < self._max_std) & self._optimistic
        if best_acc is None:
            return stop
        best = options.real(
            "PredictiveTermination.should_stop: best_acc", best_acc, hint="None stands for no finished run."
        )
        below = PredictiveDistribution(prediction).cdf(np.full(len(reached), best))
        stop |= 1 - below < self._delta
        return stop & ~(reached > best)
