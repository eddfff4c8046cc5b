"""What a figure shows of each method: the centre over seeds against time, with its band."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nascurve.experiments.curves import AnytimeCurves, MethodKey, Metric, Statistic
from nascurve.simulator.types import FloatArray

if TYPE_CHECKING:
    import pandas as pd

MOST_METHODS = 40
"""In one figure: more cannot be told apart."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AnytimeLine:
    """times_s, centre, low, high: (t,), a step function over the seeds and its 95 % band; from when all have
    an incumbent."""

    times_s: FloatArray
    centre: FloatArray
    low: FloatArray
    high: FloatArray
    n_seeds: int


def anytime_lines(runs: pd.DataFrame, metric: Metric, statistic: Statistic) -> dict[MethodKey, AnytimeLine]:
    """For each (optimizer, lce) in the order of the rows; without methods whose seeds never all have begun.

    The curves of one method are in memory at a time.
    """
    lines: dict[MethodKey, AnytimeLine] = {}
    for (optimizer, lce), rows in runs.groupby(["optimizer", "lce"], sort=False):
        curves = AnytimeCurves.of(rows, metric)
        if len(curves.times_s):
            low, high = curves.band(statistic)
            lines[str(optimizer), str(lce)] = AnytimeLine(
                times_s=curves.times_s,
                centre=curves.centre(statistic),
                low=low,
                high=high,
                n_seeds=len(curves.seeds),
            )
    return lines


def best_methods(runs: pd.DataFrame, metric: Metric) -> pd.DataFrame:
    """The rows of the MOST_METHODS methods that end best on average over their seeds."""
    column = "regret" if metric == "regret" else "test_acc"
    ends = runs.drop_duplicates(["optimizer", "lce", "seed"], keep="last")
    means = ends.groupby(["optimizer", "lce"], sort=False)[column].mean()
    if len(means) <= MOST_METHODS:
        return runs
    best = means.sort_values(ascending=metric == "regret", kind="stable").index[:MOST_METHODS]
    return runs[runs.set_index(["optimizer", "lce"]).index.isin(best)]
