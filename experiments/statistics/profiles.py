"""Performance profiles: the share of runs that are at least as good as a threshold, for every threshold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nascurve.experiments.statistics.bootstrap import mean_intervals
from nascurve.experiments.statistics.scores import Scores
from nascurve.simulator.types import FloatArray

_N_THRESHOLDS = 120


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PerformanceProfiles:
    """thresholds: (x,), in the unit of the scores.  shares, lows, highs: (k, x), with 95 % intervals."""

    methods: tuple[str, ...]
    thresholds: FloatArray
    shares: FloatArray
    lows: FloatArray
    highs: FloatArray


def performance_profiles(scores: Scores) -> PerformanceProfiles:
    """Of every method the share of all runs of all tasks with a score of at most each threshold.

    Source: Agarwal et al. (2021), the run-score distribution (`rliable.library.create_performance_profile`,
    where larger scores are better; here smaller are, so that it counts runs below and not above), after Dolan
    and Moré (2002). Each threshold's interval is that of a mean of zeros and ones over stratified resamples.
    """
    values = scores.comparable
    thresholds = np.linspace(min(0.0, float(values.min())), float(values.max()), _N_THRESHOLDS)
    shares, ends = [], []
    for own in values:
        reached = (own[:, :, np.newaxis] <= thresholds).astype(np.float64)
        shares.append(reached.mean(axis=(0, 1)))
        ends.append(mean_intervals(reached))
    return PerformanceProfiles(
        methods=scores.methods,
        thresholds=thresholds,
        shares=np.stack(shares),
        lows=np.stack([low for low, _ in ends]),
        highs=np.stack([high for _, high in ends]),
    )
