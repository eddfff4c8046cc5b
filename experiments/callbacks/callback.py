"""What is told of a sweep while it runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import pandas as pd


class Callback(Protocol):
    """Told of a sweep, in the process that was started, never in its workers.

    `begin` comes first, then `run_finished` for each run that ends, in any order, then `end` once all runs
    are there, and `close` last, also after an interrupt or an error, when there was no `end`. One object
    serves one sweep. A sweep that goes on later begins again with another object, which is told of the runs
    that were missing only; `end` always gets all of them. What a callback raises loses no run: it is warned
    of, and the callback is told nothing more but `close`. A NascurveError from `begin` stops the sweep before
    anything is run. Nothing that is given may be changed.
    """

    def begin(self, config: Mapping[str, Any], folder: Path | None, total: int, done: int) -> None:
        """config: as config.yaml.  folder: of the results, None where nothing is written.
        total: all runs of the sweep.  done: those of them that were there already."""

    def run_finished(self, run: Mapping[str, Any]) -> None:
        """run: `optimizer`, `lce` (labels), `seed`, `status` ("done" or "failed"), `error` and `traceback`
        (empty where it did not fail), `total_evaluations`, `total_epochs`, `total_time_s` (simulated),
        `decision_s`, `wall_s` (real), and `trajectory`: the columns of runs.parquet as lists of equal length,
        empty where the run failed or had no incumbent."""

    def end(self, runs: pd.DataFrame, summary: pd.DataFrame, figures: Sequence[Path]) -> None:
        """runs: as runs.parquet, one row per change of an incumbent, of all runs.  summary: as summary.csv.
        figures: PNG files."""

    def close(self) -> None:
        """Let go of files and connections."""


class NoCallback:
    """Does nothing; a base for callbacks that need only some of the methods."""

    def begin(self, config: Mapping[str, Any], folder: Path | None, total: int, done: int) -> None:
        pass

    def run_finished(self, run: Mapping[str, Any]) -> None:
        pass

    def end(self, runs: pd.DataFrame, summary: pd.DataFrame, figures: Sequence[Path]) -> None:
        pass

    def close(self) -> None:
        pass
