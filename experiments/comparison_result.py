"""What a comparison gave, and its files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nascurve.errors import NascurveError
from nascurve.experiments.figure import FigureSettings, draw_anytime
from nascurve.experiments.figure_files import save_figures
from nascurve.experiments.folder import ExperimentFolder
from nascurve.experiments.methods import method_name
from nascurve.experiments.record import write_frame
from nascurve.experiments.results import method_labels, read_tables
from nascurve.experiments.source import benchmark_title
from nascurve.experiments.summary import summarise, write_summary

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedRun:
    """A run that raised. `cause` is one line, `details` the traceback."""

    name: str
    cause: str
    details: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ComparisonResult:
    """What a comparison gave.

    runs: as runs.parquet, one row per change of an incumbent.  summary: as summary.csv.
    totals: one row a run, with evaluations, epochs, real seconds, and what failed.
    config: as config.yaml.
    failures: runs that raised.  folder: where it was written, if it was.
    """

    runs: pd.DataFrame
    summary: pd.DataFrame
    totals: pd.DataFrame
    config: Mapping[str, Any]
    failures: tuple[FailedRun, ...]
    folder: Path | None

    def draw(self, *, x: Any = "log", statistic: Any = "mean", size: Any = "page") -> Figure:
        """The anytime figure; the options are those of FigureSettings."""
        return draw_results(self.runs, self.config, FigureSettings(x=x, statistic=statistic, size=size))


def draw_results(runs: pd.DataFrame, config: Mapping[str, Any], settings: FigureSettings) -> Figure:
    """The anytime figure of rows of runs.parquet and a config.yaml. Raises ConfigError."""
    experiment, reference = config["experiment"], config["reference"]
    return draw_anytime(
        runs,
        title=benchmark_title(experiment["benchmark"]),
        budget_s=float(experiment["run"]["budget_s"]),
        training_s=reference["mean_training_s"],
        settings=settings,
    )


def finish_comparison(
    folder: ExperimentFolder, config: Mapping[str, Any], settings: FigureSettings, *, kept: bool
) -> ComparisonResult:
    """Write runs.parquet, summary.csv and the figure of what is in the store.

    kept: False for a folder that goes away, in which only the store is wanted. Raises NascurveError when
    every run failed, DataFileError.
    """
    tables = read_tables(folder, config)
    if tables is None:
        raise NascurveError(f"There are no runs in {folder.path}.")
    failures = failed_runs(tables.totals)
    if len(failures) == len(tables.totals):
        again = " The same command with retry_failed=true tries them again." if kept else ""
        raise NascurveError(f"Every run failed.{again}\n{describe_failures(failures)}")
    summary = summarise(
        tables.runs,
        budget_s=float(config["experiment"]["run"]["budget_s"]),
        methods=method_labels(config),
        totals=tables.totals,
    )
    if kept:
        write_frame(tables.runs, folder.runs)
        write_summary(summary, folder.summary)
        if len(tables.runs):
            save_figures({"anytime": draw_results(tables.runs, config, settings)}, folder.path)
    return ComparisonResult(
        runs=tables.runs,
        summary=summary,
        totals=tables.totals,
        config=config,
        failures=failures,
        folder=folder.path if kept else None,
    )


def failed_runs(totals: pd.DataFrame) -> tuple[FailedRun, ...]:
    """Those among the rows of totals that failed."""
    failed = totals[totals["status"] == "failed"]
    return tuple(
        FailedRun(
            name=f"{method_name((row['optimizer'], row['lce']))} seed {row['seed']}",
            cause=row["error"],
            details=row["traceback"],
        )
        for row in failed.to_dict("records")
    )


def describe_failures(failures: Sequence[FailedRun]) -> str:
    """Names and causes; runs with the same cause on one line."""
    by_cause: dict[str, list[str]] = {}
    for failure in failures:
        by_cause.setdefault(failure.cause, []).append(failure.name)
    lines = []
    for cause, names in by_cause.items():
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        lines.append(f"  {', '.join(names[:3])}{more}: {cause}")
    return "\n".join(lines)
