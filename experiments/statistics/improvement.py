"""Probability of improvement: that a run of one method is better than a run of another."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from nascurve.experiments.statistics.bootstrap import LEVELS, counts_in_rows, resampled_seeds
from nascurve.experiments.statistics.scores import Scores
from nascurve.simulator.types import FloatArray

if TYPE_CHECKING:
    import pandas as pd

_DIGITS = 12


def improvement_table(scores: Scores, *, all_pairs: bool = True) -> pd.DataFrame:
    """One row a pair of methods: the `probability` that a run of `method` is better than a run of `over` on
    the same task, with another seed as well as with the same one; ties count half; mean over tasks.

    With `ci_low`, `ci_high`: 95 % percentile interval by bootstrap over seeds, stratified by task; both
    methods keep their seeds together. all_pairs: else against the reference alone.
    Source: Agarwal et al. (2021); here `rliable.metrics.probability_of_improvement`.
    """
    import pandas as pd
    from rliable import metrics

    values = np.round(scores.values, _DIGITS)
    place = scores.study.place(scores.reference)
    k = len(scores.methods)
    pairs = itertools.combinations(range(k), 2) if all_pairs else ((i, place) for i in range(k) if i != place)
    rows = []
    for a, b in pairs:
        low, high = np.quantile(_resampled(values[a], values[b]), LEVELS)
        rows.append(
            {
                "method": scores.methods[a],
                "over": scores.methods[b],
                # theirs is about scores of which larger ones are better
                "probability": float(metrics.probability_of_improvement(-values[a], -values[b])),
                "ci_low": float(low),
                "ci_high": float(high),
            }
        )
    return pd.DataFrame(rows, columns=["method", "over", "probability", "ci_low", "ci_high"])


def _resampled(ours: FloatArray, theirs: FloatArray) -> FloatArray:
    """(b,) the probability in each resample. ours, theirs: (n, m).

    Counting, for every distinct score, how many of their runs are above it costs one sort for all resamples.
    """
    n, m = ours.shape
    scores = [np.unique(np.concatenate([ours[:, t], theirs[:, t]]), return_inverse=True)[1] for t in range(m)]
    drawn = []
    for rows in resampled_seeds(n, m):
        total = np.zeros(len(rows))
        for t, code in enumerate(scores):
            mine = counts_in_rows(code[:n][rows[:, :, t]], int(code.max()) + 1)
            other = counts_in_rows(code[n:][rows[:, :, t]], int(code.max()) + 1)
            above = n - np.cumsum(other, axis=1)
            total += (mine * (above + other / 2)).sum(axis=1) / n**2
        drawn.append(total / m)
    return np.concatenate(drawn)
