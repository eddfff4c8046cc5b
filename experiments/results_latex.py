"""Summaries as tables for a paper: the methods of one task, or methods against tasks."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from nascurve.experiments.latex_table import latex_table
from nascurve.experiments.table import final_cell, final_header, summary_cells, summary_notes

if TYPE_CHECKING:
    import pandas as pd

_BOLD = "Bold: the best of the column."
_OTHER_METRIC = "On {tasks} the best is not known: final test error."


def summaries_latex(summaries: Mapping[str, pd.DataFrame]) -> str:
    """One task: all columns of the printed table. Several: the final regret of each method on each, with its
    interval. The best is bold, and all that are equal to it as printed.

    summaries: rows of summary.csv by the titles of the benchmarks.
    """
    if len(summaries) > 1:
        return _methods_by_tasks(summaries)
    ((title, summary),) = summaries.items()
    cells = summary_cells(summary)
    bold = [
        (row, cells.header.index(name))
        for name, values, lowest in (
            (final_header(summary), _finals(summary), True),
            ("median", summary["final_regret_median"], True),
            ("test acc (%)", summary["final_test_acc_mean"], False),
        )
        for row in _best(values, lowest=lowest)
    ]
    return latex_table(
        cells.header,
        cells.rows,
        caption=f"Results on {title}.",
        label="results",
        note=" ".join([*summary_notes(summary), _BOLD]),
        right=cells.right,
        bold=bold,
    )


def _methods_by_tasks(summaries: Mapping[str, pd.DataFrame]) -> str:
    keys = list(
        dict.fromkeys(
            key
            for summary in summaries.values()
            for key in zip(summary["optimizer"], summary["lce"], strict=True)
        )
    )
    rows = [[str(optimizer), str(lce)] for optimizer, lce in keys]
    bold: list[tuple[int, int]] = []
    for column, summary in enumerate(summaries.values(), 2):
        by_key = {(row["optimizer"], row["lce"]): row for row in summary.to_dict("records")}
        for cells, key in zip(rows, keys, strict=True):
            cells.append(final_cell(by_key[key]) if key in by_key else "-")
        places = [keys.index(key) for key in by_key]
        bold += [(places[row], column) for row in _best(_finals(summary), lowest=True)]
    first = next(iter(summaries.values()))
    notes = [summary_notes(first)[0]]
    errors = [title for title, summary in summaries.items() if summary["metric"].iloc[0] != "regret"]
    if 0 < len(errors) < len(summaries):
        notes = [
            "Percentage points, mean [95 % bootstrap interval].",
            _OTHER_METRIC.format(tasks=", ".join(errors)),
        ]
    return latex_table(
        ["optimizer", "lce", *summaries],
        rows,
        caption="Final regret of each method on each task."
        if len(errors) < len(summaries)
        else "Final test error of each method on each task.",
        label="results",
        note=" ".join([*notes, _BOLD]),
        bold=bold,
    )


def _finals(summary: pd.DataFrame) -> Sequence[float]:
    return [_final(row) for row in summary.to_dict("records")]


def _final(row: Mapping[Any, Any]) -> float:
    return float(row["final_regret_mean"] if row["metric"] == "regret" else 1 - row["final_test_acc_mean"])


def _best(values: Sequence[float], *, lowest: bool) -> list[int]:
    """The places of the best value, as it is printed."""
    printed = [round(100 * value, 2) for value in values]
    known = [value for value in printed if not math.isnan(value)]
    if len(known) < 2:
        return []
    best = min(known) if lowest else max(known)
    return [place for place, value in enumerate(printed) if value == best]
