"""Anytime curves: what the incumbents of many seeds are worth as a function of simulated time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from nascurve.simulator.types import FloatArray

if TYPE_CHECKING:
    import pandas as pd

Metric = Literal["regret", "test_error"]
Statistic = Literal["mean", "median"]
MethodKey = tuple[str, str]
N_RESAMPLES = 2000
FIRST_SHARE = 0.1
"""Of the budget: searches are compared over time from here on, since all begin with random architectures."""
_LEVELS = (0.025, 0.975)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AnytimeCurves:
    """The runs of one method as right-continuous step functions on the union of their moments of change.

    seeds: (n,) those that had an incumbent within the budget.  changes_s: (c,), ascending.
    steps: (n, c), smaller is better, NaN as long as a seed has no incumbent.
    times_s, values: (t,), (n, t), the part at which all seeds have one: the curves start at the first moment
        at which they do.
    """

    seeds: NDArray[np.int64]
    changes_s: FloatArray
    steps: FloatArray
    times_s: FloatArray = field(init=False)
    values: FloatArray = field(init=False)

    def __post_init__(self) -> None:
        everywhere = ~np.isnan(self.steps).any(axis=0)
        object.__setattr__(self, "times_s", self.changes_s[everywhere])
        object.__setattr__(self, "values", self.steps[:, everywhere])

    @classmethod
    def of(cls, runs: pd.DataFrame, metric: Metric) -> AnytimeCurves:
        """From the rows of one method."""
        value = (runs["regret"] if metric == "regret" else 1 - runs["test_acc"]).to_numpy(np.float64)
        time_s, seed = runs["time_s"].to_numpy(np.float64), runs["seed"].to_numpy(np.int64)
        seeds = np.unique(seed)
        changes_s = np.unique(time_s)
        steps = np.full((len(seeds), len(changes_s)), np.nan)
        for row, one in enumerate(seeds):
            mine = seed == one
            step = np.searchsorted(time_s[mine], changes_s, side="right") - 1
            steps[row, step >= 0] = value[mine][step[step >= 0]]
        return cls(seeds=seeds, changes_s=changes_s, steps=steps)

    @property
    def final(self) -> FloatArray:
        """(n,) what the seeds end with; (0,) if there is no time at which all have a value."""
        return np.asarray(self.values[:, -1]) if self.values.size else np.empty(0)

    def only(self, seeds: NDArray[np.int64]) -> AnytimeCurves:
        """The curves of these seeds alone, in this order; they start as soon as these have an incumbent."""
        rows = [int(np.flatnonzero(self.seeds == seed)[0]) for seed in seeds]
        return AnytimeCurves(seeds=seeds, changes_s=self.changes_s, steps=self.steps[rows])

    def centre(self, statistic: Statistic) -> FloatArray:
        """(t,) mean or median over seeds."""
        return np.asarray(getattr(np, statistic)(self.values, axis=0))

    def band(self, statistic: Statistic) -> tuple[FloatArray, FloatArray]:
        """(t,), (t,): the 95 % interval of mean or median, by percentile bootstrap over seeds."""
        if len(self.seeds) < 2:
            return self.centre(statistic), self.centre(statistic)
        if statistic == "mean":
            resampled = resampling_weights(len(self.seeds)) @ self.values
        else:
            picks = _picks(len(self.seeds), N_RESAMPLES // 4)
            resampled = np.stack([np.median(self.values[pick], axis=0) for pick in picks])
        low, high = np.quantile(resampled, _LEVELS, axis=0)
        return low, high


def choose_metric(runs: pd.DataFrame) -> Metric:
    """Regret where the best is known, otherwise test error."""
    return "test_error" if runs["regret"].isna().any() and not runs["test_acc"].isna().any() else "regret"


def curves_by_method(runs: pd.DataFrame, metric: Metric) -> dict[MethodKey, AnytimeCurves]:
    """For each (optimizer, lce), in the order of the rows."""
    groups = runs.groupby(["optimizer", "lce"], sort=False)
    return {(str(key[0]), str(key[1])): AnytimeCurves.of(group, metric) for key, group in groups}


def paired(a: AnytimeCurves, b: AnytimeCurves) -> tuple[AnytimeCurves, AnytimeCurves]:
    """The seeds that both have."""
    seeds = np.intersect1d(a.seeds, b.seeds)
    return a.only(seeds), b.only(seeds)


def mean_over(curves: AnytimeCurves, start_s: float, end_s: float) -> FloatArray:
    """(n,): the mean of each seed's step function from `start_s`, by when all have begun, to `end_s`."""
    inside = (curves.times_s > start_s) & (curves.times_s < end_s)
    first = int(np.searchsorted(curves.times_s, start_s, side="right")) - 1
    columns = [first, *np.flatnonzero(inside).tolist()]
    times_s = np.array([start_s, *curves.times_s[inside], end_s])
    return np.asarray(curves.values[:, columns] @ np.diff(times_s) / (end_s - start_s))


def resampling_weights(n: int) -> FloatArray:
    """(N_RESAMPLES, n): how much each seed counts in each bootstrap sample; the same for the same n, so that
    methods are resampled together (paired)."""
    weights = np.zeros((N_RESAMPLES, n))
    np.add.at(weights, (np.arange(N_RESAMPLES)[:, np.newaxis], _picks(n, N_RESAMPLES)), 1 / n)
    return weights


def bootstrap_mean_interval(values: FloatArray) -> tuple[float, float]:
    """95 % percentile interval of the mean; NaN with fewer than two values."""
    if len(values) < 2:
        return float("nan"), float("nan")
    low, high = np.quantile(resampling_weights(len(values)) @ values, _LEVELS)
    return float(low), float(high)


def _picks(n: int, resamples: int) -> NDArray[np.int64]:
    return np.random.default_rng(0).integers(n, size=(resamples, n))
