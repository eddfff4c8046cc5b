"""Summaries as tables for a paper: the methods of one task, or methods against tasks."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from nascurve.experiments.latex_table import latex_table
from nascurve.experiments.table import final_cell, final_header, summary_cells, summary_notes

if TYPE_CHECKING:
    import pandas as pd

_BOLD = "Bold: the best of the column."
_NO_BEST = "{tasks}: test error in place of regret, since the benchmark's best is not known."


def summaries_latex(summaries: Mapping[str, pd.DataFrame]) -> str:
    """One task: all columns of the printed table. Several: the final regret of each method on each, with its
    interval. The best is bold, and what is printed the same as the best.

    summaries: rows of summary.csv by the titles of the benchmarks.
    """
    if len(summaries) > 1:
        return _methods_by_tasks(summaries)
    ((title, summary),) = summaries.items()
    summary = summary.drop(
        columns=[name for name in ("n_failed", "n_missing") if name in summary and not summary[name].any()]
    )
    cells = summary_cells(summary)
    columns = [
        (final_header(summary), _finals(summary)),
        ("median", summary["final_regret_median"].tolist()),
        ("test acc (%)", (-summary["final_test_acc_mean"]).tolist()),
    ]
    return latex_table(
        cells.header,
        cells.rows,
        caption=f"Results on {title}.",
        label="results",
        note=" ".join([*summary_notes(summary), _BOLD]),
        right=cells.right,
        bold=[(row, cells.header.index(name)) for name, values in columns for row in _lowest(values)],
    )


def _methods_by_tasks(summaries: Mapping[str, pd.DataFrame]) -> str:
    rows_of = {
        title: {(row["optimizer"], row["lce"]): row for row in summary.to_dict("records")}
        for title, summary in summaries.items()
    }
    keys = list(dict.fromkeys(key for rows in rows_of.values() for key in rows))
    cells = [
        [*key, *(final_cell(rows[key]) if key in rows else "-" for rows in rows_of.values())] for key in keys
    ]
    bold = [
        (keys.index(list(rows_of[title])[row]), column)
        for column, (title, summary) in enumerate(summaries.items(), 2)
        for row in _lowest(_finals(summary))
    ]
    errors = [title for title, summary in summaries.items() if summary["metric"].iloc[0] != "regret"]
    notes = ["Percentage points, mean over seeds [95 % bootstrap interval]."]
    notes += [_NO_BEST.format(tasks=", ".join(errors))] if errors else []
    return latex_table(
        ["optimizer", "lce", *summaries],
        cells,
        caption="Final regret of each method on each task.",
        label="results",
        note=" ".join([*notes, _BOLD]),
        bold=bold,
    )


def _finals(summary: pd.DataFrame) -> list[float]:
    regret = summary["metric"].iloc[0] == "regret"
    return list(summary["final_regret_mean"] if regret else 1 - summary["final_test_acc_mean"])


def _lowest(values: Sequence[float]) -> list[int]:
    """The places of the lowest value as it is printed; none where there is nothing to compare."""
    printed = [round(100 * value, 2) for value in values]
    known = [value for value in printed if not math.isnan(value)]
    return [place for place, value in enumerate(printed) if value == min(known)] if len(known) > 1 else []
