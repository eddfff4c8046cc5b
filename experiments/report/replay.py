"""One seed of each method of a task simulated again, to show what a search did and not only what it found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nascurve.errors import NascurveError
from nascurve.experiments.config import Comparison
from nascurve.experiments.record import RUN_COLUMNS
from nascurve.experiments.report.recording import Recorder

if TYPE_CHECKING:
    import pandas as pd

    from nascurve.experiments.results import Results
    from nascurve.simulator.result import RunResult
    from nascurve.simulator.types import Benchmark

_KEY = ("optimizer", "lce", "seed")
_TRAJECTORY = {"epochs": "epochs_used"}
"""Columns of runs.parquet that a Trajectory calls otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Replay:
    """A method's run with one seed, simulated again, or why it is not there.

    absent: why there is no replay, empty when there is one; then all but `differs` is given.
    differs: how its incumbents differ from the stored ones, empty when they are the same to the last bit.
    """

    absent: str = ""
    result: RunResult | None = None
    recorder: Recorder | None = None
    benchmark: Benchmark | None = None
    differs: str = ""


def replay_methods(results: Results, seed: int) -> list[Replay]:
    """For each method, in order. A method or benchmark that cannot be built from config.yaml gives a Replay
    that says why; so does a run that fails."""
    experiment = results.config["experiment"]
    benchmark: Benchmark | None = None
    replays = []
    for entry, key in zip(experiment["methods"], results.methods, strict=True):
        try:
            alone = {**results.config, "experiment": {**experiment, "methods": [entry]}}
            comparison = Comparison.from_config(alone)
            if benchmark is None:
                benchmark = _load(comparison, experiment["benchmark"])
            stored = _rows_of(results.runs, key, seed)
            replays.append(_replay(comparison, benchmark, seed, stored))
        except NascurveError as error:
            replays.append(Replay(absent=str(error)))
        except Exception as error:  # a plug-in may raise anything; the report is made all the same
            replays.append(Replay(absent=f"The run failed: {type(error).__name__}: {error}"))
    return replays


def _load(comparison: Comparison, described: Mapping[str, Any]) -> Benchmark:
    benchmark = comparison.source.load()
    info = benchmark.info
    if (info.name, info.version) != (described["name"], described["version"]):
        raise NascurveError(
            f"The results are about {described['name']} version {described['version']}; "
            f"{described['id']!r} now loads {info.name} version {info.version}."
        )
    return benchmark


def _replay(comparison: Comparison, benchmark: Benchmark, seed: int, stored: pd.DataFrame) -> Replay:
    from nascurve.simulator.simulate import simulate

    recorder = Recorder()
    (method,) = comparison.methods
    optimizer = method.build(benchmark.space, seed, watch=recorder.watched_extrapolator)
    result = simulate(
        recorder.watched_optimizer(optimizer),
        benchmark,
        seed=seed,
        progress=recorder.advance,
        **comparison.run.describe(),
    )
    differs = _difference(result, stored)
    return Replay(result=result, recorder=recorder, benchmark=benchmark, differs=differs)


def _rows_of(runs: pd.DataFrame, key: tuple[str, str], seed: int) -> pd.DataFrame:
    mine = (runs["optimizer"] == key[0]) & (runs["lce"] == key[1]) & (runs["seed"] == seed)
    return runs[mine]


def _difference(result: RunResult, stored: pd.DataFrame) -> str:
    """How the incumbents differ from the stored ones, in a sentence."""
    trajectory = result.trajectory
    if not len(stored) and len(trajectory):
        return "No incumbents of this run are stored: it failed, or it has not been done yet."
    if len(stored) != len(trajectory):
        return f"The stored run has {len(stored)} changes of the incumbent, this one {len(trajectory)}."
    for column in RUN_COLUMNS[len(_KEY) :]:
        now = np.asarray(getattr(trajectory, _TRAJECTORY.get(column, column)))
        before = stored[column].to_numpy()
        different = np.flatnonzero((now != before) & ~(np.isnan(now) & np.isnan(before)))
        if len(different):
            row = int(different[0])
            return (
                f"Change {row + 1} of the incumbent has {column} {now[row]!s}, "
                f"the stored run {before[row]!s}."
            )
    return ""
