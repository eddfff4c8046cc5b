"""How good predictions of accuracies are: ranks, errors, and whether the uncertainty is honest."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from nascurve.lce.predictive_distribution import PredictiveDistribution
from nascurve.simulator.types import FloatArray, Prediction

METRICS = ("tau", "rho", "rmse", "recall_top10", "log_lik", "crps", "coverage_50", "coverage_90")
"""Names of the scores, in the order of the tables."""
NOMINAL = tuple(level / 20 for level in range(1, 20))
"""Levels .05, .1, … .95, at which `Scores.below` counts."""
_TOP = 0.1
_UNIFORM = 0.01
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """Scores of n predictions.

    tau, rho: Kendall's τ-b and Spearman's ρ of the predicted means with the truth; 0 where one of the two is
        constant, for then nothing is ranked.
    rmse: root mean square error of the means, in accuracy (the marks of papers are often 100 times that).
    recall_top10: share of the best 10 % (at least one) that are among the best 10 % by predicted mean. Ties
        are broken at random: it is the expected value, so a constant prediction gets .1.
    log_lik: mean over runs of ln(.99 p + .01), nats, where p is the predicted density at the truth (per unit
        of accuracy): the distribution with one part in a hundred spread evenly over [0, 1]. So one surprise
        costs 4.6 nats at most; without it, a single truth far out in a tail, about whose form a few quantiles
        say nothing, would decide the mean of hundreds.  crps: mean continuous ranked
        probability score, in accuracy, lower is better.  coverage_50, coverage_90: share of truths inside the
        central 50 % and 90 % intervals. These four judge the whole `PredictiveDistribution`.
    below: for each level in NOMINAL the share of truths at or below that quantile; the level itself when the
        distributions are honest.
    """

    tau: float
    rho: float
    rmse: float
    recall_top10: float
    log_lik: float
    crps: float
    coverage_50: float
    coverage_90: float
    below: tuple[float, ...]

    @classmethod
    def of(cls, prediction: Prediction, truth: FloatArray) -> Scores:
        """Of a prediction for n > 0 runs whose accuracies turned out to be `truth` (n,)."""
        from scipy.stats import kendalltau, rankdata, spearmanr

        mean = prediction.mean
        ranked = bool(np.ptp(mean) > 0 and np.ptp(truth) > 0)
        distribution = PredictiveDistribution(prediction)
        level = distribution.cdf(truth)
        return cls(
            tau=float(kendalltau(mean, truth).statistic) if ranked else 0.0,
            rho=float(spearmanr(rankdata(mean), rankdata(truth)).statistic) if ranked else 0.0,
            rmse=math.sqrt(float(np.mean((mean - truth) ** 2))),
            recall_top10=_recall(mean, truth),
            log_lik=float(np.log((1 - _UNIFORM) * np.exp(distribution.log_density(truth)) + _UNIFORM).mean()),
            crps=float(distribution.crps(truth).mean()),
            coverage_50=_within(level, 0.5),
            coverage_90=_within(level, 0.9),
            below=tuple(float((level <= nominal + _ROUNDING).mean()) for nominal in NOMINAL),
        )


def _within(level: FloatArray, share: float) -> float:
    return float((np.abs(level - 0.5) <= share / 2 + _ROUNDING).mean())


def _recall(mean: FloatArray, truth: FloatArray) -> float:
    k = max(1, round(_TOP * len(truth)))
    return float((_chances(mean, k) * _chances(truth, k)).sum() / k)


def _chances(values: FloatArray, k: int) -> FloatArray:
    """The chance of each to be among the k best when ties are broken at random."""
    last = np.sort(values)[-k]
    above, level = values > last, values == last
    return np.asarray(above + level * ((k - above.sum()) / level.sum()))
