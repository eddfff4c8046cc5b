"""Anytime curves: what the incumbents of many seeds are worth as a function of simulated time."""

from __future__ import annotations

import functools
from collections.abc import Iterator
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
_MOST_CELLS = 1 << 22
"""Of a matrix held at once (32 MB). 500 seeds of 15 changes each are below it, and thus exact."""
_MOST_PICKS = 1000
"""Seeds up to which the interval of a median is resampled: beyond, it equals order statistics closely."""


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
        everywhere = np.asarray(~np.isnan(self.steps).any(axis=0))
        begun = int(everywhere.argmax()) if len(everywhere) else 0
        part = slice(begun, None) if everywhere[begun:].all() else everywhere  # mostly a view, not a copy
        object.__setattr__(self, "times_s", self.changes_s[part])
        object.__setattr__(self, "values", self.steps[:, part])

    @classmethod
    def of(cls, runs: pd.DataFrame, metric: Metric) -> AnytimeCurves:
        """From the rows of one method, those of a seed in the order of time.

        The matrix would grow with the square of the seeds. Beyond 4 million cells the moments are as many of
        all changes as fit, evenly by rank: then a value may be seen one step late, but for the moment at
        which all seeds have begun and what they end with, which are kept exact.
        """
        value = (runs["regret"] if metric == "regret" else 1 - runs["test_acc"]).to_numpy(np.float64)
        time_s, seed = runs["time_s"].to_numpy(np.float64), runs["seed"].to_numpy(np.int64)
        by_seed = np.argsort(seed, kind="stable")
        value, time_s = value[by_seed], time_s[by_seed]
        seeds, first, row = np.unique(seed[by_seed], return_index=True, return_inverse=True)
        changes_s = np.unique(time_s)
        if len(seeds) * len(changes_s) > _MOST_CELLS:
            ranks = np.linspace(0, len(changes_s) - 1, max(2, _MOST_CELLS // len(seeds)))
            changes_s = np.union1d(changes_s[ranks.round().astype(np.int64)], time_s[first].max())
        last = np.full((len(seeds), len(changes_s)), -1, dtype=np.int32)  # the latest row of each moment
        last[row, np.searchsorted(changes_s, time_s)] = np.arange(len(row))
        np.maximum.accumulate(last, axis=1, out=last)
        steps = value[last]
        steps[last < 0] = np.nan
        return cls(seeds=seeds, changes_s=changes_s, steps=steps)

    @property
    def final(self) -> FloatArray:
        """(n,) what the seeds end with; (0,) if there is no time at which all have a value."""
        return np.asarray(self.values[:, -1]) if self.values.size else np.empty(0)

    def only(self, seeds: NDArray[np.int64]) -> AnytimeCurves:
        """The curves of these seeds alone, in this order; they start as soon as these have an incumbent.

        Raises IndexError for others."""
        if np.array_equal(seeds, self.seeds):
            return self
        if not np.isin(seeds, self.seeds).all():
            raise IndexError(f"Expected seeds of {self.seeds}, got {seeds}.")
        order = np.argsort(self.seeds)
        rows = order[np.searchsorted(self.seeds, seeds, sorter=order)]
        return AnytimeCurves(seeds=seeds, changes_s=self.changes_s, steps=self.steps[rows])

    def centre(self, statistic: Statistic) -> FloatArray:
        """(t,) mean or median over seeds."""
        return np.asarray(getattr(np, statistic)(self.values, axis=0))

    def band(self, statistic: Statistic) -> tuple[FloatArray, FloatArray]:
        """(t,), (t,): the 95 % interval of mean or median, by percentile bootstrap over seeds."""
        n = len(self.seeds)
        if n < 2:
            return self.centre(statistic), self.centre(statistic)
        if statistic == "median" and n > _MOST_PICKS:
            return self._median_band()
        low, high = np.empty_like(self.times_s), np.empty_like(self.times_s)
        columns = max(1, _MOST_CELLS // 1024)
        for start in range(0, len(self.times_s), columns):
            part = slice(start, start + columns)
            low[part], high[part] = np.quantile(_resampled(self.values[:, part], statistic), _LEVELS, axis=0)
        return low, high

    def _median_band(self) -> tuple[FloatArray, FloatArray]:
        """The bootstrap of a median needs no drawing. It picks order statistics, and how often each is
        binomial but for 1 / n (Efron 1979, Bootstrap methods: another look at the jackknife, section 3)."""
        from scipy import stats

        low, high = np.asarray(stats.binom.ppf(_LEVELS, len(self.seeds), 0.5), dtype=np.int64).tolist()
        ordered = np.partition(self.values, (low, high), axis=0)
        return ordered[low], ordered[high]


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


def weight_pieces(n: int) -> Iterator[FloatArray]:
    """(b, n) each, N_RESAMPLES rows in all: how much each seed counts in each bootstrap sample; the same for
    the same n, so that methods are resampled together (paired). Up to 2,000 seeds it is one piece, beyond as
    many as are needed for none to be large."""
    rows = max(1, _MOST_CELLS // n)
    counts = _counts(n)
    for start in range(0, N_RESAMPLES, rows):
        yield _weights(counts[start : start + rows])


def bootstrap_mean_interval(values: FloatArray) -> tuple[float, float]:
    """95 % percentile interval of the mean; NaN with fewer than two values."""
    if len(values) < 2:
        return float("nan"), float("nan")
    low, high = np.quantile(_resampled(values, "mean"), _LEVELS)
    return float(low), float(high)


def _resampled(values: FloatArray, statistic: Statistic) -> FloatArray:
    """(b, …): mean or median of the (n, …) values in each bootstrap sample."""
    n = len(values)
    if statistic == "mean":
        return np.concatenate([weights @ values for weights in weight_pieces(n)])
    picks = np.random.default_rng(0).integers(n, size=(N_RESAMPLES // 4, n))
    return np.stack([np.median(values[pick], axis=0) for pick in picks])


@functools.lru_cache(maxsize=2)
def _counts(n: int) -> NDArray[np.uint8]:
    """(N_RESAMPLES, n): how often each seed is drawn; a byte each, since it is kept for the next method."""
    rng = np.random.default_rng(0)
    counts = np.empty((N_RESAMPLES, n), dtype=np.uint8)
    for sample in counts:
        sample[:] = np.bincount(rng.integers(n, size=n), minlength=n)
    return counts


def _weights(counts: NDArray[np.uint8]) -> FloatArray:
    n = counts.shape[1]
    shares = np.concatenate([[0.0], np.cumsum(np.full(255, 1 / n))])  # 1/n added up, drawn for drawn
    return np.take(shares, counts, mode="wrap")  # no index is out of range; the other modes are slower
