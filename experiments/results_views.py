"""The tables of `nascurve results`: methods, runs, failures or statistics of a study."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from nascurve.errors import ConfigError, did_you_mean
from nascurve.experiments.latex_table import latex_table
from nascurve.experiments.results_latex import summaries_latex
from nascurve.experiments.run_listing import run_listing
from nascurve.experiments.table import format_summary, format_table, frame_cells

if TYPE_CHECKING:
    import pandas as pd

    from nascurve.experiments.results import Results
    from nascurve.experiments.run_filter import RunFilter

_NO_STORE = (
    "Only runs.parquet is there, which knows no failed runs: they count as missing, and so do single runs\n"
    "without an incumbent."
)
_RUN_COLUMNS = {
    "final_regret": "final regret (pp)",
    "final_test_acc": "test acc (%)",
    "total_evaluations": "evaluations",
    "total_epochs": "epochs",
    "total_time_s": "time (s)",
    "wall_s": "wall (s)",
}


_RUN = ["task", "optimizer", "lce", "seed"]


class View(NamedTuple):
    """text: for the terminal.  frame: all rows, as data; None for several tables at once.  latex: for a
    paper; empty where it is not for one."""

    text: str
    frame: pd.DataFrame | None
    latex: str = ""


def methods_view(study: Mapping[str, Results], runs: RunFilter) -> View:
    """A row a method: the columns of summary.csv, how many runs failed and how many are missing.

    The comparisons are those of all methods; then those of the filter are shown. Raises ConfigError.
    """
    import pandas as pd

    summaries = {title: _summary(results, runs) for title, results in study.items()}
    shown = {title: summary for title, summary in summaries.items() if len(summary)}
    texts = []
    for title, results in study.items():
        texts.append(_heading(title, results, summaries[title]))
        texts.append(format_summary(summaries[title]) if title in shown else "No method has such runs.")
        texts += [_NO_STORE] if results.totals.empty else []
        texts.append("")
    frame = pd.concat([_of_task(title, summary) for title, summary in summaries.items()], ignore_index=True)
    texts += ["show=failures tells why runs failed."] if frame["n_failed"].any() else []
    texts += (
        ["Missing runs: the same `nascurve compare` goes on with them."] if frame["n_missing"].any() else []
    )
    return View("\n".join(texts).rstrip(), frame, summaries_latex(shown) if shown else "")


def _summary(results: Results, runs: RunFilter) -> pd.DataFrame:
    """Of the methods of the filter that have runs with its status."""
    import numpy as np

    summary = results.summarise()
    failed = (
        results.totals[results.totals["status"] == "failed"].groupby(["optimizer", "lce"]).size().to_dict()
    )
    summary["n_failed"] = [failed.get(key, 0) for key in results.methods]
    n_seeds = len(results.config["experiment"]["seeds"])
    summary["n_missing"] = n_seeds - summary["n_seeds"] - summary["n_failed"]
    columns = {"done": "n_seeds", "failed": "n_failed", "missing": "n_missing"}
    wanted = [columns[status] for status in runs.status or columns]
    kept = set(runs.methods(results))
    return summary[np.array([key in kept for key in results.methods]) & (summary[wanted] > 0).any(axis=1)]


def _heading(title: str, results: Results, summary: pd.DataFrame) -> str:
    experiment = results.config["experiment"]
    size = f"{_counted(len(summary), 'method')} × {_counted(len(experiment['seeds']), 'seed')}"
    counts = [
        f"{summary[column].sum()} {name}"
        for name, column in (("done", "n_seeds"), ("failed", "n_failed"), ("missing", "n_missing"))
    ]
    budget_s = experiment["run"]["budget_s"]
    return f"{title}: {size}, budget {budget_s:g} simulated s; runs: {', '.join(counts)}.\n"


def runs_view(study: Mapping[str, Results], runs: RunFilter, *, limit: int) -> View:
    """A row for each run of the filter. limit: of the printed ones; 0 for all. Raises ConfigError."""
    frame = _listings(study, runs)
    printed = _head(frame, limit)
    columns = {
        name: printed[column] * (100 if column.startswith("final_") else 1)
        for column, name in _RUN_COLUMNS.items()
    }
    return View(_printed(printed[[*_RUN, "status"]].assign(**columns), frame, limit, "run"), frame)


def failures_view(study: Mapping[str, Results], runs: RunFilter, *, limit: int, traceback: bool) -> View:
    """A row for each failed run of the filter, with its error. traceback: with that below. Raises
    ConfigError."""
    frame = _listings(study, runs)
    frame = frame[frame["status"] == "failed"][[*_RUN, "error", "traceback"]]
    printed = _head(frame, limit)
    text = _printed(printed.drop(columns="traceback"), frame, limit, "failed run")
    if traceback:
        blocks = [
            f"{', '.join(str(row[name]) for name in _RUN)}\n{row['traceback'].rstrip()}"
            for row in printed.to_dict("records")
        ]
        text = "\n\n".join([text, *blocks])
    return View(text, frame)


def _listings(study: Mapping[str, Results], runs: RunFilter) -> pd.DataFrame:
    import pandas as pd

    listings = [
        _of_task(title, runs.rows(run_listing(runs.with_methods(results))))
        for title, results in study.items()
    ]
    return pd.concat(listings, ignore_index=True)


def _of_task(title: str, frame: pd.DataFrame) -> pd.DataFrame:
    frame = frame.copy()
    frame.insert(0, "task", title)
    return frame


def _head(frame: pd.DataFrame, limit: int) -> pd.DataFrame:
    return frame.head(limit) if limit else frame


def _printed(printed: pd.DataFrame, frame: pd.DataFrame, limit: int, name: str) -> str:
    """The table of the first rows, and how many there are."""
    if frame.empty:
        return f"There is no {name} that the filters keep."
    cells = frame_cells(printed)
    count = _counted(len(frame), name)
    if len(printed) < len(frame):
        count += f", of which {limit} are printed: limit=0 prints all, --csv FILE writes all"
    return f"{format_table(cells.header, cells.rows, right=cells.right)}\n\n{count}."


def _counted(n: int, name: str) -> str:
    return f"{n} {name}{'' if n == 1 else 's'}"


def statistics_view(study: Mapping[str, Results], runs: RunFilter, *, table: str | None) -> View:
    """The tables of `statistic_tables` about the methods and seeds of the filter. table: one of them alone.
    Raises ConfigError."""
    from nascurve.experiments.statistics.overview import statistic_tables

    tables = statistic_tables({title: runs.with_methods(results) for title, results in study.items()})
    if table is not None:
        if table not in tables:
            raise ConfigError(f"table: there is no {table!r}. {did_you_mean(table, tables)}")
        tables = {table: tables[table]}
    texts, latex = [], []
    for name, frame in tables.items():
        cells = frame_cells(frame)
        title, note = frame.attrs["title"], frame.attrs["note"]
        texts.append(
            f"{name}: {title}\n\n{format_table(cells.header, cells.rows, right=cells.right)}\n\n{note}\n"
        )
        latex.append(
            latex_table(
                cells.header, cells.rows, caption=f"{title}.", label=name, note=note, right=cells.right
            )
        )
    (only, *others) = tables.values()
    return View("\n".join(texts).rstrip(), None if others else only, "\n".join(latex))
