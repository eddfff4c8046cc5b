"""How near predicted mean curves come to the true ones: R², Kendall's τ and absolute errors by epoch."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from nascurve.simulator.types import FloatArray

MIN_ARCHITECTURES = 3
"""An epoch that fewer architectures have a value at is left out."""


def scores_by_epoch(truth: FloatArray, predicted: FloatArray) -> dict[str, FloatArray]:
    """r2, tau, mae of n architectures' curves, both (n, E), at each epoch: (E,).

    NaN in the truth: the architecture is left out at this epoch. R² = 1 - SSE / SST; NaN, as τ is, where all
    truths are equal. τ is Kendall's τ-b; 0 where the predictions are all equal, for then nothing is ranked.
    MAE in accuracy. All NaN where fewer than MIN_ARCHITECTURES are left.
    """
    by_epoch = np.array([_at_epoch(truth[:, epoch], predicted[:, epoch]) for epoch in range(truth.shape[1])])
    return {name: by_epoch[:, column] for column, name in enumerate(("r2", "tau", "mae"))}


def averages(by_epoch: Mapping[str, FloatArray], *, skip: int = 0) -> dict[str, float]:
    """avg_<name>, the plain mean over epochs that have a value, as NAS-Bench-x11 takes it, and final_<name>,
    the last epoch's. skip: so many first epochs are left out of the averages."""
    scores: dict[str, float] = {}
    for name, values in by_epoch.items():
        known = values[skip:][np.isfinite(values[skip:])]
        scores[f"avg_{name}"] = float(known.mean()) if len(known) else math.nan
        scores[f"final_{name}"] = float(values[-1])
    return scores


def accuracy_scores(truth: FloatArray, predicted: FloatArray) -> dict[str, float]:
    """avg_r2, final_r2, avg_tau, final_tau, avg_mae, final_mae: `averages` of `scores_by_epoch`."""
    return averages(scores_by_epoch(truth, predicted))


def _at_epoch(truth: FloatArray, predicted: FloatArray) -> tuple[float, float, float]:
    from scipy.stats import kendalltau

    there = np.isfinite(truth)
    if there.sum() < MIN_ARCHITECTURES:
        return math.nan, math.nan, math.nan
    y, p = truth[there], predicted[there]
    mae = float(np.abs(y - p).mean())
    total = float(((y - y.mean()) ** 2).sum())
    if np.ptp(y) == 0:
        return math.nan, math.nan, mae
    tau = float(kendalltau(p, y, method="asymptotic").statistic) if np.ptp(p) > 0 else 0.0
    return 1 - float(((y - p) ** 2).sum()) / total, tau, mae
