"""Tables as text: of a summary, and of any frame, for the terminal or in Markdown."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

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
_UNEQUAL_NOTE = (
    "The methods have unequal numbers of seeds ({low} to {high}): means are over each method's own,\n"
    "comparisons over the seeds that both have."
)
_FLUSH_LEFT = ("optimizer", "lce", "final regret (pp)", "final test error (pp)", "speed-up")


class Cells(NamedTuple):
    """A table as text.  right: columns that are set flush right."""

    header: list[str]
    rows: list[list[str]]
    right: list[int]


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
    cells = summary_cells(summary)
    return "\n".join([format_table(cells.header, cells.rows, right=cells.right), "", *summary_notes(summary)])


def summary_cells(summary: pd.DataFrame) -> Cells:
    """The cells of that table, one row a method; with the columns n_failed and n_missing, where they are."""
    header = ["optimizer", "lce", "seeds"]
    counts = [name for name in ("n_failed", "n_missing") if name in summary]
    header += [name.removeprefix("n_") for name in counts]
    header += [final_header(summary), "median", "test acc (%)"]
    compared, has_totals = _is_compared(summary), "evaluations_mean" in summary
    header += ["speed-up", "p (Holm)"] if compared else []
    header += ["evaluations"] if has_totals else []
    rows = []
    for row in summary.to_dict("records"):
        cells = [str(row["optimizer"]), str(row["lce"]), str(row["n_seeds"])]
        cells += [str(row[name]) for name in counts]
        cells += [final_cell(row), _points(row["final_regret_median"]), _points(row["final_test_acc_mean"])]
        cells += [_speed_up(row), p_value(row["p_value_holm"])] if compared else []
        cells += [_number(row["evaluations_mean"], ".0f")] if has_totals else []
        rows.append(cells)
    right = [place for place, name in enumerate(header) if name not in _FLUSH_LEFT]
    return Cells(header, rows, right)


def final_header(summary: pd.DataFrame) -> str:
    """What `final_cell` is, and its unit."""
    return f"final {str(summary['metric'].iloc[0]).replace('_', ' ')} (pp)"


def final_cell(row: Mapping[Any, Any]) -> str:
    """The final regret of a row of the summary in points, or the final test error, with its interval."""
    low, high = row["final_regret_ci_low"], row["final_regret_ci_high"]
    centre = row["final_regret_mean"]
    if row["metric"] != "regret":
        low, high = 1 - row["final_test_acc_ci_high"], 1 - row["final_test_acc_ci_low"]
        centre = 1 - row["final_test_acc_mean"]
    return _points(centre) + _interval(_points(low), _points(high), low)


def summary_notes(summary: pd.DataFrame) -> list[str]:
    """What the columns mean, and which runs are not in them."""
    notes = [_NOTES[str(summary["metric"].iloc[0])]]
    notes += [_COMPARISON_NOTE] if _is_compared(summary) else []
    low, high = summary["n_seeds"].min(), summary["n_seeds"].max()
    if low < high:
        notes.append(_UNEQUAL_NOTE.format(low=low, high=high))
    without = summary[summary["n_without_incumbent"] > 0]
    for row in without.to_dict("records"):
        notes.append(
            f"{row['optimizer']}, {row['lce']}: {row['n_without_incumbent']} of {row['n_seeds']} runs "
            "finished no full training within the budget; the row is about the others."
        )
    return notes


def _is_compared(summary: pd.DataFrame) -> bool:
    """Whether some method has one without LCE to be compared with, in these rows or filtered out of them."""
    with_lce = summary["lce"] != NO_LCE
    return bool(with_lce.any() and (not with_lce.all() or summary["gain_mean"].notna().any()))


def frame_cells(frame: pd.DataFrame) -> Cells:
    """Of any frame: numbers with four significant digits, p-values as in the summary, "-" for no value."""
    header = [str(name).replace("_", " ") for name in frame.columns]
    rows = [[_value(str(name), value) for name, value in row.items()] for row in frame.to_dict("records")]
    numeric = frame.select_dtypes("number").columns
    return Cells(header, rows, [place for place, name in enumerate(frame.columns) if name in numeric])


def _value(column: str, value: Any) -> str:
    if value is None:
        return "-"
    if not isinstance(value, float):
        return str(value)
    if column == "p" or column.startswith("p_"):
        return p_value(value)
    return _number(value, ".0f" if abs(value) >= 1000 else ".4g")


def _points(value: float) -> str:
    return _number(100 * value, ".2f")


def _number(value: float, spec: str) -> str:
    return "-" if math.isnan(value) else format(value, spec)


def _interval(low: str, high: str, value: float) -> str:
    return "" if math.isnan(value) else f" [{low}, {high}]"


def _speed_up(row: Mapping[Any, Any]) -> str:
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
