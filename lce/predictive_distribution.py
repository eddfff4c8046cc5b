"""The whole distribution that a `Prediction` stands for: what scores, figures and ranking rules need."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nascurve.lce._levels import LEVELS
from nascurve.simulator.types import FloatArray, Prediction

MIN_STD = 1e-4
"""Smallest spread of a predictive distribution, in accuracy: a certain prediction that is right would else
have an infinite density. One image of 10,000."""
_FAR = 40.0
"""A normal score beyond which the normal distribution function is 0 or 1 in float64."""


class PredictiveDistribution:
    """n distributions of an accuracy, one a row of the prediction.

    Without quantiles: normal, with the prediction's mean and std. With quantiles x_1 ≤ … ≤ x_q at levels
    p_1 < … < p_q (two or more): F(y) = Φ(g(y)), where g is the broken line through all (x_k, Φ⁻¹(p_k)),
    continued beyond the first and the last with the slopes there. So every quantile is met; between two of
    them, and in the tails, the distribution is a piece of a normal one; and for the quantiles of a normal
    distribution it is that distribution exactly, so that predictions with and without quantiles are scored
    alike. Mean and std are then not used. It is not cut off to [0, 1].

    No piece is steeper than that of a normal distribution of std `MIN_STD`: quantiles that lie closer are
    moved outwards, away from the middle one.
    """

    def __init__(self, prediction: Prediction) -> None:
        from scipy.special import ndtri

        if prediction.quantiles is not None and len(prediction.levels) > 1:
            self._scores: FloatArray = np.asarray(ndtri(np.array(prediction.levels)), dtype=np.float64)
            knots = np.asarray(prediction.quantiles, dtype=np.float64)
        else:
            self._scores = np.array([-1.0, 1.0])
            knots = prediction.mean[:, None] + np.maximum(prediction.std, MIN_STD)[:, None] * self._scores
        steps = np.diff(self._scores)
        gaps = np.maximum(np.diff(knots, axis=1), MIN_STD * steps)
        along = np.hstack([np.zeros((len(knots), 1)), np.cumsum(gaps, axis=1)])
        middle = len(self._scores) // 2
        self._knots: FloatArray = along + (knots[:, middle] - along[:, middle])[:, None]  # (n, K)
        self._spreads: FloatArray = gaps / steps  # (n, K-1), std of the normal piece

    def __len__(self) -> int:
        return len(self._knots)

    def cdf(self, values: FloatArray) -> FloatArray:
        """P(accuracy ≤ value) for one value (n,) a row: (n,)."""
        from scipy.special import ndtr

        return np.asarray(ndtr(self._normal_score(values)[0]))

    def log_density(self, values: FloatArray) -> FloatArray:
        """Logarithm of the density, in nats per unit of accuracy, at one value (n,) a row: (n,)."""
        score, piece = self._normal_score(values)
        spread = self._spreads[np.arange(len(piece)), piece]
        return np.asarray(-0.5 * score**2 - 0.5 * math.log(2 * math.pi) - np.log(spread))

    def crps(self, values: FloatArray) -> FloatArray:
        """Continuous ranked probability score ∫ (F(y) - [y ≥ value])² dy in units of accuracy, of one value
        (n,) a row: (n,), in closed form. 0 is perfect; of a certain prediction it is the absolute error.

        Gneiting and Raftery (2007), with the sign turned.
        """
        score = self._normal_score(values)[0][:, None]
        far = max(_FAR, float(np.abs(score).max(initial=0)))
        edges = np.concatenate([[-far], self._scores[1:-1], [far]])
        low, high = edges[:-1], edges[1:]
        below = _integral(np.minimum(high, score)) - _integral(np.minimum(low, score))
        above = _integral(-np.maximum(low, score)) - _integral(-np.maximum(high, score))
        return np.asarray((self._spreads * (below + above)).sum(axis=1))

    def quantiles(self, levels: Sequence[float]) -> FloatArray:
        """Accuracies at the levels in (0, 1): (n, len(levels))."""
        from scipy.special import ndtri

        scores = np.asarray(ndtri(np.array(levels, dtype=np.float64)))
        piece = np.searchsorted(self._scores[1:-1], scores, side="right")
        return np.asarray(self._knots[:, piece] + self._spreads[:, piece] * (scores - self._scores[piece]))

    def _normal_score(self, values: FloatArray) -> tuple[FloatArray, NDArray[np.intp]]:
        """g(value), and which piece the value lies on."""
        column = np.asarray(values, dtype=np.float64)[:, None]
        piece = (column >= self._knots[:, 1:-1]).sum(axis=1)
        row = np.arange(len(piece))
        score = self._scores[piece] + (column[:, 0] - self._knots[row, piece]) / self._spreads[row, piece]
        return np.asarray(score), np.asarray(piece, dtype=np.intp)


def with_quantiles(prediction: Prediction) -> Prediction:
    """The prediction with quantiles at LEVELS of the distribution that it stands for, cut to [0, 1]."""
    if prediction.quantiles is not None and prediction.levels == LEVELS:
        return prediction
    quantiles = np.clip(PredictiveDistribution(prediction).quantiles(LEVELS), 0, 1)
    return Prediction(
        mean=np.clip(prediction.mean, 0, 1), std=prediction.std, quantiles=quantiles, levels=LEVELS
    )


def _integral(z: FloatArray) -> FloatArray:
    """∫ Φ(t)² dt from -∞ to z; that of (1 - Φ)² from z to ∞ is `_integral(-z)`."""
    from scipy.special import ndtr

    below = ndtr(z)
    density = np.exp(-0.5 * z**2) / math.sqrt(2 * math.pi)
    return np.asarray(z * below**2 + 2 * below * density - ndtr(math.sqrt(2) * z) / math.sqrt(math.pi))
