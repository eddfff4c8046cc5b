"""The summary of a task as a table of the report."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from nascurve.experiments.report.tables import Cell, ReportTable
from nascurve.experiments.table import p_value

if TYPE_CHECKING:
    from nascurve.experiments.results import Results

_NOTE = (
    "{metric}, mean and median over seeds, in percentage points with 95 % bootstrap intervals. Speed-up: "
    "simulated time without LCE / with LCE until the mean is what the optimizer without LCE ends with; 0 at "
    "the lower end of its interval: not reached. Gain: how much lower it is with LCE, averaged over the "
    "search. p: paired Wilcoxon tests against the optimizer without LCE, Holm-corrected over all rows."
)
_METRICS = {
    "regret": "Final regret: best true test accuracy minus the incumbent's",
    "test_error": "Final test error: 1 - the incumbent's true test accuracy (the best is not known)",
}
_INTERVAL = "95 % interval"
_P = "p (Holm)"


def summary_table(results: Results, *, id: str) -> ReportTable:  # noqa: A002
    """One row a method. The CSV file is summary.csv with all its columns."""
    summary = results.summarise()
    metric = str(summary["metric"].iloc[0])
    name = metric.replace("_", " ")
    failed = failed_runs(results)
    best = min((_final(row, metric)[0] for row in summary.to_dict("records")), default=math.nan)
    header = ["Optimizer", "LCE", "Seeds", "Failed", f"Final {name} (pp)", _INTERVAL, "Median"]
    header += ["Test acc. (%)", "Speed-up", _INTERVAL, _P, "Gain (pp)", _INTERVAL, _P, "Evaluations"]
    rows = []
    for row in summary.to_dict("records"):
        key = (str(row["optimizer"]), str(row["lce"]))
        final = _final(row, metric)
        rows.append(
            [
                Cell(text=key[0], key=key[0]),
                Cell(text=key[1], key=key[1]),
                _count(row["n_seeds"]),
                _count(failed.get(key, 0)),
                replace(_points(final[0]), best=final[0] == best),
                _interval(100 * final[1], 100 * final[2]),
                _points(final[3]),
                _points(row["final_test_acc_mean"]),
                _speed_up(row),
                _interval(row["speedup_ci_low"], row["speedup_ci_high"]),
                _p(row["p_value_holm"]),
                _points(row["gain_mean"]),
                _interval(100 * row["gain_ci_low"], 100 * row["gain_ci_high"]),
                _p(row["gain_p_value_holm"]),
                _number(row.get("evaluations_mean", math.nan), ".0f"),
            ]
        )
    return ReportTable(
        id=id,
        caption=f"Summary of {results.title}",
        header=header,
        rows=rows,
        csv=summary.to_csv(index=False, lineterminator="\n"),
        note=_NOTE.format(metric=_METRICS[metric]),
    )


def failed_runs(results: Results) -> dict[tuple[str, str], int]:
    """How many runs of each method failed; methods without failures are left out."""
    failed = results.totals[results.totals["status"] == "failed"]
    counts = failed.groupby(["optimizer", "lce"]).size()
    return {(str(key[0]), str(key[1])): int(n) for key, n in counts.items()}  # type: ignore[index]


def _final(row: dict[Any, Any], metric: str) -> tuple[float, float, float, float]:
    """Mean, both ends of its interval and median, as fractions."""
    if metric == "regret":
        return (
            row["final_regret_mean"],
            row["final_regret_ci_low"],
            row["final_regret_ci_high"],
            row["final_regret_median"],
        )
    ends = 1 - row["final_test_acc_ci_high"], 1 - row["final_test_acc_ci_low"]
    return 1 - row["final_test_acc_mean"], *ends, math.nan


def _count(value: int) -> Cell:
    return Cell(text=str(int(value)), key=float(value))


def _number(value: float, spec: str) -> Cell:
    return Cell(text="-", key=None) if math.isnan(value) else Cell(text=format(value, spec), key=float(value))


def _points(value: float) -> Cell:
    return _number(100 * value, ".2f")


def _interval(low: float, high: float) -> Cell:
    """Sorted by its width."""
    if math.isnan(low):
        return Cell(text="-", key=None)
    return Cell(text=f"[{low:.2f}, {high:.2f}]", key=float(high - low))


def _p(value: float) -> Cell:
    return Cell(text=p_value(value), key=None if math.isnan(value) else float(value))


def _speed_up(row: dict[Any, Any]) -> Cell:
    """Where the target is not reached its bound, sorted as if it were that."""
    if not math.isnan(row["speedup_vs_no_lce"]):
        return _number(row["speedup_vs_no_lce"], ".2f")
    if not math.isnan(row["speedup_at_most"]):
        return Cell(text=f"< {row['speedup_at_most']:.2f}", key=float(row["speedup_at_most"]))
    return Cell(text="-", key=None)
