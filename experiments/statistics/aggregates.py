"""Interquartile mean, mean and median of each method, with intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nascurve.experiments.statistics.bootstrap import intervals, mean_intervals
from nascurve.experiments.statistics.scores import Scores
from nascurve.simulator.types import FloatArray

if TYPE_CHECKING:
    import pandas as pd

_TRIMMED = 0.25  # at each end: what is left is the interquartile mean


def aggregate_table(scores: Scores) -> pd.DataFrame:
    """One row a method: `iqm`, `mean`, `median` over all runs of all tasks, in the unit of the scores, each
    with `_ci_low`, `_ci_high`: 95 % percentile interval by stratified bootstrap over seeds.

    Source of the interquartile mean: Agarwal et al. (2021); here `rliable.metrics.aggregate_iqm`.
    """
    import pandas as pd
    from rliable import metrics

    rows = []
    for method, values in zip(scores.methods, scores.comparable, strict=True):
        centres = float(metrics.aggregate_iqm(values)), float(values.mean()), float(np.median(values))
        ends = intervals(values, _interquartile_mean), mean_intervals(values), intervals(values, _median)
        row: dict[str, object] = {"method": method}
        for name, centre, (low, high) in zip(("iqm", "mean", "median"), centres, ends, strict=True):
            row |= {name: centre, f"{name}_ci_low": float(low), f"{name}_ci_high": float(high)}
        rows.append(row)
    return pd.DataFrame(rows)


def _interquartile_mean(resamples: FloatArray) -> FloatArray:
    """(b,) of (b, n, m), each as `rliable.metrics.aggregate_iqm`, which takes one at a time."""
    from scipy import stats

    return np.asarray(stats.trim_mean(resamples.reshape(len(resamples), -1), _TRIMMED, axis=1))


def _median(resamples: FloatArray) -> FloatArray:
    return np.asarray(np.median(resamples, axis=(1, 2)))
