"""Plain text tables for the terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from nascurve.experiments.methods import NO_LCE

if TYPE_CHECKING:
    import pandas as pd

_NOTES = {
    "regret": "final regret: best true test accuracy minus the incumbent's, percentage points, mean\n"
    "[95 % bootstrap interval].",
    "test_error": "final test error: 1 - the incumbent's true test accuracy, percentage points, mean\n"
    "[95 % bootstrap interval]; the benchmark's best is not known, so there is no regret.",
}
_COMPARISON_NOTE = (
    "speed-up: simulated time without LCE / with LCE until the mean is what the optimizer without LCE ends\n"
    "with [95 %; 0 = not reached]; '< x': not reached within the budget. p: paired Wilcoxon test against\n"
    "the optimizer without LCE, Holm-corrected over all rows."
)


def format_table(
    header: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[int] = (), gap: str = "  "
) -> str:
    """Columns as wide as their widest cell; those in `right` flush right."""
    cells = [list(header), *map(list, rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]

    def line(row: Sequence[str]) -> str:
        padded = (
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        return gap.join(padded).rstrip()

    rule = gap.join("-" * width for width in widths)
    return "\n".join([line(cells[0]), rule, *map(line, cells[1:])])


def format_summary(summary: pd.DataFrame) -> str:
    """The table of `nascurve compare`, with what its columns mean."""
    metric = str(summary["metric"].iloc[0])
    compared = bool((summary["lce"] != NO_LCE).any() and (summary["lce"] == NO_LCE).any())
    header = ["optimizer", "lce", "seeds", f"final {metric.replace('_', ' ')} (pp)", "median", "test acc (%)"]
    header += ["speed-up", "p (Holm)"] if compared else []
    has_totals = "evaluations_mean" in summary
    header += ["evaluations"] if has_totals else []
    rows = []
    for row in summary.to_dict("records"):
        low, high = row["final_regret_ci_low"], row["final_regret_ci_high"]
        centre, median = row["final_regret_mean"], row["final_regret_median"]
        if metric != "regret":
            low, high = 1 - row["final_test_acc_ci_high"], 1 - row["final_test_acc_ci_low"]
            centre, median = 1 - row["final_test_acc_mean"], math.nan
        cells = [
            str(row["optimizer"]),
            str(row["lce"]),
            str(row["n_seeds"]),
            _points(centre) + _interval(_points(low), _points(high), low),
            _points(median),
            _points(row["final_test_acc_mean"]),
        ]
        cells += [_speed_up(row), p_value(row["p_value_holm"])] if compared else []
        cells += [_number(row["evaluations_mean"], ".0f")] if has_totals else []
        rows.append(cells)
    text = format_table(header, rows, right=[2, 4, 5, *range(7, len(header))])
    notes = [_NOTES[metric]] + ([_COMPARISON_NOTE] if compared else [])
    without = summary[summary["n_without_incumbent"] > 0]
    for row in without.to_dict("records"):
        notes.append(
            f"{row['optimizer']}, {row['lce']}: {row['n_without_incumbent']} of {row['n_seeds']} runs "
            "finished no full training within the budget; the row is about the others."
        )
    return "\n".join([text, "", *notes])


def _points(value: float) -> str:
    return _number(100 * value, ".2f")


def _number(value: float, spec: str) -> str:
    return "-" if math.isnan(value) else format(value, spec)


def _interval(low: str, high: str, value: float) -> str:
    return "" if math.isnan(value) else f" [{low}, {high}]"


def _speed_up(row: dict[Any, Any]) -> str:
    interval = _interval(
        _number(row["speedup_ci_low"], ".2f"), _number(row["speedup_ci_high"], ".2f"), row["speedup_ci_low"]
    )
    if not math.isnan(row["speedup_vs_no_lce"]):
        return f"{row['speedup_vs_no_lce']:.2f}{interval}"
    if not math.isnan(row["speedup_at_most"]):
        return f"< {row['speedup_at_most']:.2f}{interval}"
    return "-"


def p_value(value: float) -> str:
    if math.isnan(value):
        return "-"
    return "< .0001" if value < 1e-4 else f"{value:.4f}".removeprefix("0") if value < 1 else "1"


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[int]) -> str:
    """As `format_table`, in Markdown."""
    rule = ["--:" if place in right else ":--" for place in range(len(header))]
    return "\n".join(f"| {' | '.join(cell.strip() for cell in line)} |" for line in (header, rule, *rows))
