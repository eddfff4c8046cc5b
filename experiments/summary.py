"""The table of a comparison: final regrets, tests against the optimizer without LCE, and speed-ups."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from nascurve.experiments.curves import (
    FIRST_SHARE,
    AnytimeCurves,
    MethodKey,
    Metric,
    bootstrap_mean_interval,
    choose_metric,
    mean_over,
    paired,
    weight_pieces,
)
from nascurve.experiments.files import write_atomically
from nascurve.experiments.methods import NO_LCE
from nascurve.simulator.types import FloatArray

if TYPE_CHECKING:
    import pandas as pd

_DIGITS = 12
_BLOCK = 32
_TOLERANCE = 10.0**-_DIGITS  # of a mean, which sums in another order for every resample


class SpeedUp(NamedTuple):
    """How many times less simulated time LCE needs; see `speed_up`.

    value: NaN where the target is not reached.  ci_low, ci_high: 95 %, 0 where it is not reached.
    at_most: bound on the value where it is not reached, otherwise NaN.
    """

    value: float
    ci_low: float
    ci_high: float
    at_most: float


def speed_up(without: AnytimeCurves, with_lce: AnytimeCurves, *, budget_s: float) -> SpeedUp:
    """Time without LCE / time with LCE to reach the mean regret that the optimizer without LCE ends with.

    Both times are the first at which the mean over seeds is as good as that target; without LCE that is
    mostly soon before the end of the budget. A method with LCE that never gets there within the budget has
    no speed-up (NaN), only a bound: less than (time without LCE) / budget. The interval is the percentile
    bootstrap over seeds that both have (paired); in a resample that does not reach its target the speed-up
    counts as 0, so that a lower end of 0 says: in more than 2.5 % of the resamples it is not reached at all.
    All NaN without a common seed, or where the curves of these have no time in common.
    """
    without, with_lce = paired(without, with_lce)
    if not (without.values.size and with_lce.values.size):
        return SpeedUp(np.nan, np.nan, np.nan, np.nan)
    n = len(without.seeds)
    base_s, lce_s = _times_to_target(without, with_lce, np.full((1, n), 1 / n))
    low = high = np.nan
    if n > 1:
        pieces = [_times_to_target(without, with_lce, weights) for weights in weight_pieces(n)]
        base_resampled_s, lce_resampled_s = np.hstack(pieces)
        low, high = np.quantile(base_resampled_s / lce_resampled_s, (0.025, 0.975))
    if np.isfinite(lce_s[0]):
        return SpeedUp(float(base_s[0] / lce_s[0]), float(low), float(high), np.nan)
    return SpeedUp(np.nan, float(low), float(high), float(base_s[0] / budget_s))


def _times_to_target(
    without: AnytimeCurves, with_lce: AnytimeCurves, weights: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """(b,), (b,): for b weightings of the seeds the first times at the target; inf where never."""
    targets = (weights @ without.values[:, -1:])[:, 0] + _TOLERANCE
    return _first_times(without, weights, targets), _first_times(with_lce, weights, targets)


def _first_times(curves: AnytimeCurves, weights: FloatArray, targets: FloatArray) -> FloatArray:
    """(b,): when the means of b weightings first are at their targets; inf where never.

    Most moments need no mean: a block of them in which even the mean of each seed's lowest value is above
    the target does not reach it.
    """
    first_s = np.full(len(targets), np.inf)
    starts = np.arange(0, len(curves.times_s), _BLOCK)
    lowest = np.minimum.reduceat(curves.values, starts, axis=1)
    possible = weights @ lowest <= targets[:, np.newaxis]
    for block, start in enumerate(starts):
        moments = slice(start, start + _BLOCK)
        open_ = np.flatnonzero(possible[:, block] & np.isinf(first_s))
        reached = weights[open_] @ curves.values[:, moments] <= targets[open_, np.newaxis]
        at_s = curves.times_s[moments][reached.argmax(axis=1)]
        first_s[open_] = np.where(reached.any(axis=1), at_s, np.inf)
    return first_s


def paired_p_value(without: AnytimeCurves, with_lce: AnytimeCurves) -> float:
    """Two-sided Wilcoxon signed-rank test on the final values of common seeds; see `wilcoxon_p_value`."""
    without, with_lce = paired(without, with_lce)
    if min(len(without.final), len(with_lce.final)) < 2:
        return float("nan")
    return wilcoxon_p_value(with_lce.final - without.final)


def wilcoxon_p_value(differences: FloatArray) -> float:
    """Two-sided Wilcoxon signed-rank test of paired differences; NaN with fewer than two.

    Seeds without a difference are dropped, as Wilcoxon did; when there is no difference at all it is 1.
    Differences are rounded to 12 digits: equal ones of accuracies are ties, whatever their last bits.
    """
    from scipy import stats

    if len(differences) < 2:
        return float("nan")
    rounded = np.round(differences, _DIGITS)
    return float(stats.wilcoxon(rounded).pvalue) if rounded.any() else 1.0


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down correction for the family of all given p-values; NaN stay, and do not count."""
    p = np.asarray(p_values, dtype=np.float64)
    order = [int(i) for i in np.argsort(p) if not np.isnan(p[i])]
    adjusted = np.full(len(p), np.nan)
    worst = 0.0
    for rank, index in enumerate(order):
        worst = max(worst, min(1.0, (len(order) - rank) * p[index]))
        adjusted[index] = worst
    return [float(value) for value in adjusted]


def summarise(
    runs: pd.DataFrame,
    *,
    budget_s: float,
    methods: Sequence[MethodKey] | None = None,
    n_runs: Mapping[MethodKey, int] | None = None,
    totals: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """One row per optimizer × LCE, the columns of summary.csv.

    runs: rows of runs.parquet.  methods: the methods in order, those without a row included; default: those
    of the rows.  n_runs: finished runs of each method, to count the runs that never had an incumbent; the
    statistics are over the others. Without it (and totals) only the runs of the rows are known of.
    totals: one row a run, with status, total_evaluations and total_epochs; those that are "done" count.
    Without any row the columns of their means are missing.
    Where the best of the benchmark is not known, `metric` is test_error (1 - test accuracy): then speed-up
    and test are about that, and the columns final_regret_* are empty.
    """
    import pandas as pd
    from threadpoolctl import threadpool_limits

    metric = choose_metric(runs)
    by_method = runs.groupby(["optimizer", "lce"], sort=False)
    groups = {(str(key[0]), str(key[1])): rows for key, rows in by_method}
    keys = list(groups) if methods is None else list(methods)
    rows: dict[MethodKey, dict[str, Any]] = {}
    with threadpool_limits(1):  # many small products: threads only wait for each other
        for optimizer in dict.fromkeys(optimizer for optimizer, _ in keys):
            base = _curves(groups.get((optimizer, NO_LCE)), metric)
            for key in keys:
                if key[0] == optimizer:
                    rows[key] = _row(key, groups.get(key, runs.iloc[:0]), base, metric, budget_s)
    table = pd.DataFrame([rows[key] for key in keys])
    table["p_value_holm"] = holm(table["p_value"].tolist())
    table["gain_p_value_holm"] = holm(table["gain_p_value"].tolist())
    with_incumbent = table["n_seeds"].copy()
    if totals is not None and len(totals):
        done = totals[totals["status"] == "done"].groupby(["optimizer", "lce"])
        table["n_seeds"] = [int(n) for n in _of(keys, done.size(), 0)]
        table["evaluations_mean"] = _of(keys, done["total_evaluations"].mean(), np.nan)
        table["epochs_mean"] = _of(keys, done["total_epochs"].mean(), np.nan)
    elif n_runs is not None:
        table["n_seeds"] = [n_runs[key] for key in keys]
    table["n_without_incumbent"] = table["n_seeds"] - with_incumbent
    return table


def _of(keys: Sequence[MethodKey], values: pd.Series[Any], absent: float) -> list[float]:
    by_key = values.to_dict()
    return [by_key.get(key, absent) for key in keys]


def _curves(rows: pd.DataFrame | None, metric: Metric) -> AnytimeCurves | None:
    return None if rows is None or rows.empty else AnytimeCurves.of(rows, metric)


def _row(
    key: MethodKey, runs: pd.DataFrame, base: AnytimeCurves | None, metric: Metric, budget_s: float
) -> dict[str, Any]:
    """runs: those of the method.  base: the curves of its optimizer without LCE, if there are any."""
    last = runs.groupby("seed").tail(1)
    regret, test_acc = last["regret"].to_numpy(np.float64), last["test_acc"].to_numpy(np.float64)
    if metric != "regret":
        regret = np.full(0, np.nan)
    own = _curves(runs, metric) if key[1] != NO_LCE else None
    gain = np.full(0, np.nan)
    faster, p_value = SpeedUp(np.nan, np.nan, np.nan, np.nan), np.nan
    if base is not None and own is not None:
        faster, p_value = speed_up(base, own, budget_s=budget_s), paired_p_value(base, own)
        gain = gain_over_time(base, own, budget_s=budget_s)
    gain_ci = bootstrap_mean_interval(gain)
    regret_ci, test_ci = bootstrap_mean_interval(regret), bootstrap_mean_interval(test_acc)
    return {
        "optimizer": key[0],
        "lce": key[1],
        "n_seeds": len(last),
        "final_regret_mean": _mean(regret),
        "final_regret_ci_low": regret_ci[0],
        "final_regret_ci_high": regret_ci[1],
        "speedup_vs_no_lce": faster.value,
        "p_value": p_value,
        "p_value_holm": np.nan,
        "speedup_ci_low": faster.ci_low,
        "speedup_ci_high": faster.ci_high,
        "speedup_at_most": faster.at_most,
        "final_regret_median": float(np.median(regret)) if len(regret) else np.nan,
        "final_test_acc_mean": _mean(test_acc),
        "final_test_acc_ci_low": test_ci[0],
        "final_test_acc_ci_high": test_ci[1],
        "final_val_acc_mean": _mean(last["val_acc"].to_numpy(np.float64)),
        "metric": metric,
        "gain_mean": _mean(gain),
        "gain_ci_low": gain_ci[0],
        "gain_ci_high": gain_ci[1],
        "gain_p_value": wilcoxon_p_value(gain),
    }


def gain_over_time(
    without: AnytimeCurves, with_lce: AnytimeCurves, *, budget_s: float, start_s: float = 0.0
) -> FloatArray:
    """(n,): for each common seed the regret without LCE minus that with it, averaged over the search; (0,)
    where these have no incumbents in common, or none before the end.

    The average is from a tenth of the budget, or from when all these seeds have an incumbent both ways, or
    from `start_s`, whichever is last, to the end: the area between the anytime curves. Positive: LCE helps.
    It takes fewer seeds to see than the difference at the end, which hangs on one moment.
    """
    without, with_lce = paired(without, with_lce)
    if not (without.values.size and with_lce.values.size):
        return np.empty(0)
    begun_s = float(without.times_s[0]), float(with_lce.times_s[0])
    start_s = max(start_s, FIRST_SHARE * budget_s, *begun_s)
    if start_s >= budget_s:
        return np.empty(0)
    return mean_over(without, start_s, budget_s) - mean_over(with_lce, start_s, budget_s)


def _mean(values: FloatArray) -> float:
    return float(np.mean(values)) if len(values) else float("nan")


def write_summary(table: pd.DataFrame, path: Path) -> None:
    """Write summary.csv, atomically. Raises DataFileError."""
    text = io.StringIO()
    table.to_csv(text, index=False, lineterminator="\n")
    write_atomically(path, lambda temporary: temporary.write_text(text.getvalue(), encoding="utf-8"))
