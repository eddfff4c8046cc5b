"""By what candidates are compared: the rankings that `LCE` can promote by."""

from __future__ import annotations

import numpy as np

from nascurve import options
from nascurve.lce._prediction import prediction_rows
from nascurve.lce.predictive_distribution import PredictiveDistribution
from nascurve.simulator.types import FloatArray, Prediction

RANKINGS = ("mean", "upper", "thompson", "p_best")
_HIGHEST = 1 - 1e-9
_HOPELESS = 1e-6
"""Chances far below this one are ranked by the mean."""


class Ranking:
    """Scores of predicted candidates, the higher the better.

    kind "mean": the predicted mean. "upper": the quantile at `level`, optimism about what is uncertain.
    "thompson": one draw from each candidate's predictive distribution, so that a candidate is promoted about
    as often as it is in fact among the best (Thompson, 1933). "p_best": the probability of beating the
    incumbent, the best accuracy of a run trained to the end; before there is one, the mean.

    The distributions are those of `PredictiveDistribution`, the draws those of the generator given to
    `scores`. A candidate that has diverged (mean -inf) scores -inf.

    Raises ConfigError for an unknown kind and a level outside (0, 1).
    """

    def __init__(self, kind: str, *, level: float = 0.9) -> None:
        self.kind = options.choice("LCE.ranking", kind, RANKINGS)
        self.level = options.real("LCE.ranking_level", level, above=0, at_most=_HIGHEST)

    def scores(self, prediction: Prediction, history: FloatArray, rng: np.random.Generator) -> FloatArray:
        """Scores (n,) of n candidates; history: as in `PromotionRule.select`."""
        if self.kind == "mean" or (self.kind == "p_best" and not len(history)):
            return prediction.mean
        scores = np.full(len(prediction.mean), -np.inf)
        sound = np.isfinite(prediction.mean)
        # drawn for all: what one candidate gets does not depend on whether another has diverged
        draws = rng.uniform(size=len(scores)) if self.kind == "thompson" else None
        if sound.any():
            distribution = PredictiveDistribution(prediction_rows(prediction, sound))
            if draws is not None:
                levels = np.clip(draws[sound], 1 - _HIGHEST, _HIGHEST).tolist()
                scores[sound] = np.diagonal(distribution.quantiles(levels))
            elif self.kind == "upper":
                scores[sound] = distribution.quantiles([self.level])[:, 0]
            else:
                best = np.full(len(distribution), history.max())
                scores[sound] = 1 - distribution.cdf(best) + _HOPELESS * prediction.mean[sound]
        return scores
