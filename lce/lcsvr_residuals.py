"""How far off predictions are: their spread, learnt from errors on curves that the models had not seen."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np

from nascurve.lce._levels import LEVELS
from nascurve.simulator.types import FloatArray, Prediction

_BANDWIDTH = 0.2
_PRIOR_CURVES = 5.0


class ResidualSpread:
    """Std and quantiles round point predictions, in the way of split conformal prediction and CV+.

    Built from m curves: their prefixes (m, e), predictions (m,) of them by models that had not seen them
    (cross-validation), and errors (m,) = truth - prediction. Errors are not equally large for all curves, so
    each is divided by its expected size s(x), a kernel average of |error| over the other curves,

        s(x) = (λ·s₀ + Σ w_i |error_i|) / (λ + Σ w_i),   s₀ = mean |error|, λ = 5 curves,

    where w is a Gaussian kernel (bandwidth .2) on three positions among the m curves, each the share of
    curves below, in [0, 1]: of the last value, of the predicted increment, and of the roughness (mean
    absolute second difference). Quantile q of a prediction is mean + s(x)·z_q, with z_q the empirical
    quantile of the m scaled errors: the k-th smallest stands at level k / (m + 1), which is conformal
    prediction's correction for few curves; levels beyond the first and last continue in proportion to those
    of a normal distribution. std = s(x) √(mean z²). Quantiles are clipped to [0, 1].

    λ and the bandwidth were chosen on the development half of NAS-Bench-NLP and pocket201-mnist.
    """

    def __init__(self, prefixes: FloatArray, predictions: FloatArray, errors: FloatArray) -> None:
        raw = _raw_positions(prefixes, predictions)
        self._sorted = np.sort(raw, axis=0)
        self._positions = self._place(raw)
        self._sizes = np.abs(errors)
        self._mean_size = float(self._sizes.mean())
        scaled = np.zeros(len(errors))
        if self._mean_size > 0:
            scaled = errors / self._expected_size(self._positions, leave_out_own=True)
        self._rms = float(np.sqrt(np.mean(scaled**2)))
        self._quantiles = _conformal_quantiles(scaled)

    def prediction(self, prefixes: FloatArray, mean: FloatArray) -> Prediction:
        """The prediction with this mean (n,), clipped to [0, 1], for prefixes (n, e)."""
        size = self._expected_size(self._place(_raw_positions(prefixes, mean)))
        quantiles = np.clip(mean[:, None] + size[:, None] * self._quantiles, 0, 1)
        return Prediction(mean=np.clip(mean, 0, 1), std=size * self._rms, quantiles=quantiles, levels=LEVELS)

    def _place(self, raw: FloatArray) -> FloatArray:
        """Share of the fitted curves that lie below, ties counted half: (n, 3)."""
        columns = [
            (np.searchsorted(known, values, "left") + np.searchsorted(known, values, "right"))
            / (2 * len(known))
            for known, values in zip(self._sorted.T, raw.T, strict=True)
        ]
        return np.stack(columns, axis=1)

    def _expected_size(self, positions: FloatArray, *, leave_out_own: bool = False) -> FloatArray:
        distance = np.zeros((len(positions), len(self._positions)))
        for ours, known in zip(positions.T, self._positions.T, strict=True):
            distance += (ours[:, None] - known) ** 2
        weight = np.exp(distance * (-0.5 / _BANDWIDTH**2))
        if leave_out_own:
            np.fill_diagonal(weight, 0)
        weighted = (weight * self._sizes).sum(axis=1)
        size: FloatArray = (_PRIOR_CURVES * self._mean_size + weighted) / (_PRIOR_CURVES + weight.sum(axis=1))
        return size


def _raw_positions(prefixes: FloatArray, predictions: FloatArray) -> FloatArray:
    last = prefixes[:, -1]
    roughness = np.zeros(len(prefixes))
    if prefixes.shape[1] > 2:
        roughness = np.abs(np.diff(prefixes, n=2, axis=1)).mean(axis=1)
    return np.stack([last, predictions - last, roughness], axis=1)


def _conformal_quantiles(scaled: FloatArray) -> FloatArray:
    m = len(scaled)
    ordered = np.sort(scaled)
    levels = np.array(LEVELS)
    at = np.interp(levels, np.arange(1, m + 1) / (m + 1), ordered)
    if levels[0] * (m + 1) < 1:  # beyond the extremes of few curves
        normal = NormalDist().inv_cdf
        stretch = normal(levels[0]) / normal(1 / (m + 1)) if m > 1 else 1.0
        at[0] = min(ordered[0], ordered[0] * stretch)
        at[-1] = max(ordered[-1], ordered[-1] * stretch)
    return np.maximum.accumulate(at)
