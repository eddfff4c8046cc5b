"""Runs as step functions of simulated time, held end to end: exact, and no larger than the runs are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from nascurve.experiments.curves import Metric
from nascurve.simulator.types import FloatArray

if TYPE_CHECKING:
    import pandas as pd

TimeScale = Literal["linear", "log"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RunSteps:
    """The runs of one method, each a right-continuous step function.

    seeds: (n,), ascending, those with an incumbent.  starts: (n,), where the rows of each seed begin.
    times_s, values: (r,), all changes of all runs, by seed and then by time; smaller values are better.

    Unlike `AnytimeCurves` this does not lay the runs out on the union of their times, so that it stays small
    with any number of seeds.
    """

    seeds: NDArray[np.int64]
    starts: NDArray[np.int64]
    times_s: FloatArray
    values: FloatArray

    @classmethod
    def of(cls, runs: pd.DataFrame, metric: Metric) -> RunSteps:
        """From the rows of one method (runs.parquet)."""
        value = (runs["regret"] if metric == "regret" else 1 - runs["test_acc"]).to_numpy(np.float64)
        time_s, seed = runs["time_s"].to_numpy(np.float64), runs["seed"].to_numpy(np.int64)
        # Changes at one moment keep their order: the last of them holds.
        order = np.lexsort((np.arange(len(seed)), time_s, seed))
        seeds, starts = np.unique(seed[order], return_index=True)
        return cls(seeds=seeds, starts=starts, times_s=time_s[order], values=value[order])

    def only(self, seeds: NDArray[np.int64]) -> RunSteps:
        """The runs of these seeds, all of which must be there."""
        kept = np.isin(np.repeat(self.seeds, self._lengths), seeds)
        lengths = self._lengths[np.isin(self.seeds, seeds)]
        return RunSteps(
            seeds=np.sort(seeds),
            starts=np.cumsum(lengths) - lengths,
            times_s=self.times_s[kept],
            values=self.values[kept],
        )

    @property
    def _lengths(self) -> NDArray[np.int64]:
        return np.diff(self.starts, append=len(self.times_s))

    @property
    def begins_s(self) -> FloatArray:
        """(n,) when each run has its first incumbent."""
        return np.asarray(self.times_s[self.starts])

    @property
    def final(self) -> FloatArray:
        """(n,) what the runs end with."""
        return np.asarray(self.values[self.starts + self._lengths - 1])

    def at(self, times_s: FloatArray) -> FloatArray:
        """(n, t) values at these times; NaN before a run's first incumbent."""
        rows = np.repeat(np.arange(len(self.seeds)), self._lengths)
        values = np.full((len(self.seeds), len(times_s)), np.nan)
        for column, time_s in enumerate(times_s):
            begun = np.bincount(rows[self.times_s <= time_s], minlength=len(self.seeds))
            has = begun > 0
            values[has, column] = self.values[(self.starts + begun - 1)[has]]
        return values

    def mean_between(self, start_s: float, end_s: float, scale: TimeScale = "linear") -> FloatArray:
        """(n,) the mean of each run over time from `start_s` to `end_s`: the area under it, divided by the
        length of the interval. NaN for runs that have no incumbent at `start_s`.

        scale: "log" averages over the logarithm of time; `start_s` must be above 0 then.
        """
        ends_s = np.append(self.times_s[1:], end_s)
        ends_s[self.starts[1:] - 1] = end_s
        lows, highs = (np.clip(times_s, start_s, end_s) for times_s in (self.times_s, ends_s))
        if scale == "log":
            lows, highs, length = np.log(lows), np.log(highs), float(np.log(end_s / start_s))
        else:
            length = end_s - start_s
        means = np.add.reduceat(self.values * (highs - lows), self.starts) / length
        means[self.begins_s > start_s] = np.nan
        return np.asarray(means)

    def first_times_s(self, target: float) -> FloatArray:
        """(n,) when each run is first as good as `target`; infinity where it never is."""
        reached = np.where(self.values <= target, self.times_s, np.inf)
        return np.asarray(np.minimum.reduceat(reached, self.starts))
