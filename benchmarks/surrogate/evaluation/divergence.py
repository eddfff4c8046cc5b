"""Kullback-Leibler divergence of the surrogate's distribution of curves from the real one."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from nascurve.simulator.types import FloatArray

MIN_RUNS = 3
"""Runs that an architecture needs for a variance."""
MIN_ARCHITECTURES = 5
"""So many of these are needed for a mean over them."""
STD_FLOOR = 1e-4
"""Least standard deviation of either side, in accuracy: one image in 10,000."""


def kl_divergences(real: Sequence[FloatArray], simulated: Sequence[FloatArray]) -> FloatArray:
    """(n, E): of each architecture and epoch, KL(real ‖ simulated) of two Gaussians, in nats.

    real, simulated: for each of n architectures its runs and its draws, (number, E).
    Means and variances are those of the samples (divisor number - 1); a standard deviation below STD_FLOOR
    counts as STD_FLOOR, so that a few equal values do not give an infinite divergence. The mean over epochs
    is the formula of NAS-Bench-x11 (Yan et al. 2021) for diagonal Gaussians, which divides by 2E; its value
    at the last epoch is the final KL.
    """
    rows = []
    for runs, draws in zip(real, simulated, strict=True):
        mean, variance = _moments(runs)
        other_mean, other_variance = _moments(draws)
        rows.append(
            0.5
            * (
                np.log(other_variance / variance)
                - 1
                + (mean - other_mean) ** 2 / other_variance
                + variance / other_variance
            )
        )
    return np.array(rows)


def least_expected_kl(n_runs: Sequence[int]) -> float:
    """What `kl_divergences` gives on average when the simulated distribution is the true Gaussian: not 0, as
    mean and variance of the real side are estimated from few runs.

    For n runs ½ (ln(ν/2) - ψ(ν/2) + 1/n) with ν = n - 1; the mean over architectures of so many runs.
    """
    from scipy.special import digamma

    half = (np.asarray(n_runs, dtype=np.float64) - 1) / 2
    return float(np.mean(0.5 * (np.log(half) - digamma(half) + 1 / np.asarray(n_runs))))


def kl_scores(real: Sequence[FloatArray], simulated: Sequence[FloatArray]) -> dict[str, float]:
    """avg_kl, final_kl: means over the architectures with MIN_RUNS complete runs, and expected_kl_if_true,
    the `least_expected_kl` of these; NaN when there are fewer than MIN_ARCHITECTURES.

    real, simulated: as of `kl_divergences`; incomplete runs of either are left out.
    """
    pairs = [(complete_runs(runs), complete_runs(draws)) for runs, draws in zip(real, simulated, strict=True)]
    pairs = [pair for pair in pairs if min(map(len, pair)) >= MIN_RUNS]
    if len(pairs) < MIN_ARCHITECTURES:
        return dict.fromkeys(("avg_kl", "final_kl", "expected_kl_if_true"), math.nan)
    divergences = kl_divergences([runs for runs, _ in pairs], [draws for _, draws in pairs])
    return {
        "avg_kl": float(divergences.mean()),
        "final_kl": float(divergences[:, -1].mean()),
        "expected_kl_if_true": least_expected_kl([len(runs) for runs, _ in pairs]),
    }


def complete_runs(curves: FloatArray) -> FloatArray:
    return curves[np.isfinite(curves).all(axis=1)]


def _moments(curves: FloatArray) -> tuple[FloatArray, FloatArray]:
    variance = np.asarray(curves.var(axis=0, ddof=1))
    return np.asarray(curves.mean(axis=0)), np.maximum(variance, STD_FLOOR**2)
