"""The tables of an evaluation, for a terminal and as Markdown."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from nascurve.experiments.lce_evaluate_summary import BASELINE
from nascurve.experiments.table import format_table, markdown_table, p_value

if TYPE_CHECKING:
    import pandas as pd

_HEADER = (
    *("extrapolator", "prefix", "fitted", "τ", "ρ", "RMSE (pp)", "best 10 % found"),
    *("log lik.", "CRPS (pp)", "in 50 %", "in 90 %", "curves/s"),
)
_NOTE = (
    "Means over splits by architecture (± standard error of τ and RMSE). *: best by that score, or not\n"
    "significantly worse than the best (corrected paired t-test, Holm, p ≥ .05). pp: percentage points of\n"
    "accuracy. curves/s: predicted runs by processor second, fitting included."
)
_TIED = 0.05


def format_evaluation(metrics: pd.DataFrame, paired: pd.DataFrame, *, markdown: bool) -> str:
    """metrics, paired: as metrics.csv and paired.csv. Grouped by prefix and number of fitted curves."""
    worse = {
        (row["metric"], row["prefix"], row["fit_curves"], row["extrapolator"])
        for row in paired.to_dict("records")
        if row["against"] == "best" and not row["p_holm"] >= _TIED  # NaN, of a single split: not known
    }
    ordered = metrics.sort_values(["prefix", "fit_curves"], kind="stable")
    rows = [_row(row, worse) for row in ordered.to_dict("records")]
    parts = [_table(_HEADER, rows, right=range(1, len(_HEADER)), markdown=markdown), _NOTE]
    against = paired[(paired["against"] == BASELINE) & paired["metric"].isin(["tau", "rmse"])]
    if len(against):
        header = ("extrapolator", "prefix", "fitted", "τ", "p (Holm)", "RMSE (pp)", "p (Holm)")
        parts += [
            f"Paired differences to {BASELINE}:",
            _table(header, _differences(against), right=range(1, len(header)), markdown=markdown),
        ]
    return "\n\n".join(parts)


def _row(row: dict[Any, Any], worse: set[tuple[Any, ...]]) -> list[str]:
    def star(metric: str) -> str:
        tied = (metric, row["prefix"], row["fit_curves"], row["extrapolator"]) not in worse
        return " *" if tied else "  "

    return [
        str(row["extrapolator"]),
        str(row["prefix"]),
        str(row["fit_curves"]),
        f"{row['tau']:.3f}{_error(row['tau_se'], 3)}{star('tau')}",
        f"{row['rho']:.3f}",
        f"{100 * row['rmse']:.2f}{_error(100 * row['rmse_se'], 2)}{star('rmse')}",
        f"{row['recall_top10']:.2f}",
        f"{row['log_lik']:.2f}",
        f"{100 * row['crps']:.2f}",
        f"{row['coverage_50']:.2f}",
        f"{row['coverage_90']:.2f}",
        f"{row['curves_per_s']:.3g}" if row["curves_per_s"] < 1000 else f"{row['curves_per_s']:,.0f}",
    ]


def _error(value: float, digits: int) -> str:
    return "" if math.isnan(value) else f" ± {value:.{digits}f}"


def _differences(against: pd.DataFrame) -> list[list[str]]:
    by_cell: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in against.to_dict("records"):
        key = (row["prefix"], row["fit_curves"], row["extrapolator"])
        by_cell.setdefault(key, {})[str(row["metric"])] = row
    return [
        [
            str(label),
            str(prefix),
            str(n_fit),
            f"{found['tau']['difference']:+.3f}",
            p_value(found["tau"]["p_holm"]),
            f"{100 * found['rmse']['difference']:+.2f}",
            p_value(found["rmse"]["p_holm"]),
        ]
        for (prefix, n_fit, label), found in by_cell.items()
    ]


def _table(
    header: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[int], markdown: bool
) -> str:
    return (markdown_table if markdown else format_table)(header, rows, right=right)
