"""Spikes, autocorrelation and coverage: whether simulated curves vary as real ones do."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from nascurve.simulator.types import FloatArray

LAGS = (1, 2, 4)
SPIKE_THRESHOLDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1)
"""In accuracy, beside the real curves' own 95th percentile."""
TYPICAL_PERCENTILE = 95
_WINDOW = 9


def spikes(curves: FloatArray) -> FloatArray:
    """(n,): the highest accuracy of each complete curve (n, E) minus its last one."""
    return np.asarray(curves.max(axis=1) - curves[:, -1])


def spike_scores(
    real: FloatArray, simulated: FloatArray, *, typical: float, thresholds: Sequence[float] = SPIKE_THRESHOLDS
) -> dict[str, float]:
    """spike_prob_<threshold>_real and _surrogate: shares of the curves whose spike is above a threshold.

    real, simulated: complete curves (n, E), (m, E). typical: the threshold that is called p95, the 95th
    percentile of the spikes of real curves (of other architectures). NaN without curves.
    """
    scores: dict[str, float] = {}
    for name, threshold in [("p95", typical), *((f"{value:g}", value) for value in thresholds)]:
        for side, curves in (("real", real), ("surrogate", simulated)):
            share = float((spikes(curves) > threshold).mean()) if len(curves) else math.nan
            scores[f"spike_prob_{name}_{side}"] = share
    return scores


def exceedance(curves: FloatArray, thresholds: FloatArray) -> FloatArray:
    """(t,): share of the complete curves (n, E) whose spike is above each of t thresholds."""
    return np.asarray((spikes(curves)[:, None] > thresholds).mean(axis=0))


def jitter(curves: FloatArray) -> FloatArray:
    """(n, E): what complete curves are off their own moving average over 9 epochs (fewer, but as many on
    either side, towards the ends). It needs no second run of an architecture; of both sides' curves alike."""
    n_epochs = curves.shape[1]
    sums = np.concatenate([np.zeros((len(curves), 1)), np.cumsum(curves, axis=1)], axis=1)
    place = np.arange(n_epochs)
    reach = np.minimum(np.minimum(place, n_epochs - 1 - place), _WINDOW // 2)
    means = (sums[:, place + reach + 1] - sums[:, place - reach]) / (2 * reach + 1)
    return np.asarray(curves - means)


def autocorrelation(residuals: FloatArray, lag: int) -> float:
    """Σ r(t) r(t+lag) / Σ r(t)², the sums over curves and epochs, each over its number of terms; NaN where
    there is no variation."""
    if residuals.shape[1] <= lag or not len(residuals):
        return math.nan
    power = float((residuals**2).mean())
    return float((residuals[:, :-lag] * residuals[:, lag:]).mean()) / power if power > 0 else math.nan


def jitter_scores(real: FloatArray, simulated: FloatArray) -> dict[str, float]:
    """noise_std_… and noise_autocorrelation_<lag>_… of the jitter of real and simulated complete curves.

    The moving average takes away a part of the noise, so that even white noise has negative correlations:
    compare the two sides with each other, not with 0.
    """
    scores: dict[str, float] = {}
    for side, curves in (("real", real), ("surrogate", simulated)):
        residuals = jitter(curves)
        scores[f"noise_std_{side}"] = math.sqrt(float((residuals**2).mean())) if residuals.size else math.nan
        for lag in LAGS:
            scores[f"noise_autocorrelation_{lag}_{side}"] = autocorrelation(residuals, lag)
    return scores


def seed_scores(real: Sequence[FloatArray], simulated: Sequence[FloatArray]) -> dict[str, float]:
    """seed_std_… and seed_autocorrelation_<lag>_…: of what runs are off the mean of their architecture's
    runs, lasting luck included. NaN where no architecture has two complete runs.

    real, simulated: for each architecture its runs, and as many simulated ones, (number, E).
    """
    scores: dict[str, float] = {}
    for side, groups in (("real", real), ("surrogate", simulated)):
        parts = [
            (group - group.mean(axis=0)) * math.sqrt(len(group) / (len(group) - 1))
            for group in groups
            if len(group) > 1
        ]
        residuals = np.concatenate(parts) if parts else np.empty((0, 0))
        scores[f"seed_std_{side}"] = math.sqrt(float((residuals**2).mean())) if parts else math.nan
        for lag in LAGS:
            scores[f"seed_autocorrelation_{lag}_{side}"] = (
                autocorrelation(residuals, lag) if parts else math.nan
            )
    return scores


def coverage(real: Sequence[FloatArray], simulated: Sequence[FloatArray], *, share: float = 0.9) -> float:
    """Share of the real values, over runs and epochs, inside the central `share` of the simulated values of
    the same architecture and epoch. NaN without a real value.

    real, simulated: for each architecture its runs and its draws, (number, E); NaN: no value.
    """
    inside = counted = 0
    for runs, draws in zip(real, simulated, strict=True):
        low, high = np.nanquantile(draws, [(1 - share) / 2, (1 + share) / 2], axis=0)
        there = np.isfinite(runs)
        counted += int(there.sum())
        inside += int(((runs >= low) & (runs <= high) & there).sum())
    return inside / counted if counted else math.nan
