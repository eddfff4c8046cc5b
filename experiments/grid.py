"""Runs the grid methods × seeds, in this process or over all cores; hands over each run as it finishes."""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import Future, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from nascurve.errors import NascurveError
from nascurve.experiments.config import Comparison, RunSettings
from nascurve.experiments.methods import Method
from nascurve.experiments.record import RunRecord
from nascurve.experiments.source import BenchmarkSource
from nascurve.processes import worker_pool

if TYPE_CHECKING:
    from nascurve.simulator.types import Benchmark

Job = tuple[int, int]
"""Index of a method, seed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedRun:
    """A run that raised. `cause` is one line, `details` the traceback."""

    name: str
    cause: str
    details: str


def run_once(method: Method, benchmark: Benchmark, settings: RunSettings, seed: int) -> RunRecord:
    """One run. Optimizer and simulator get the same seed: their streams are independent (see `simulate`).
    Methods that share a seed share the optimizer's stream, so that differences to the optimizer without LCE
    are paired."""
    from nascurve.simulator.simulate import simulate

    start_s = time.perf_counter()
    result = simulate(method.build(benchmark.space, seed), benchmark, seed=seed, **settings.describe())
    return RunRecord.of(method.key, result, time.perf_counter() - start_s)


def run_grid(
    comparison: Comparison,
    jobs: Sequence[Job],
    *,
    processes: int,
    benchmark: Benchmark,
    on_finished: Callable[[RunRecord | FailedRun], None],
) -> None:
    """Run the jobs and call `on_finished`, in this process, with each run the moment it is done.

    Comparisons of ids always run in processes of their own, with one thread each, so that results do not
    depend on how many there are. Those with objects or functions from Python run in this process,
    or in forks of it when `processes` > 1. On an exception in `on_finished` or an interrupt the runs in
    flight are given up.

    Raises NascurveError when a process dies.
    """
    from_ids = comparison.source.instance is None and all(method.from_ids for method in comparison.methods)
    if not jobs:
        return
    if not from_ids and processes == 1:
        _keep(comparison.methods, benchmark, comparison.run)
        for job in jobs:
            on_finished(_attempt(job))
        return
    source = comparison.source if from_ids else BenchmarkSource(instance=benchmark)
    given = (comparison.methods, source, comparison.run)
    start: Literal["spawn", "fork"] = "spawn" if from_ids else "fork"
    with worker_pool(min(processes, len(jobs)), _begin_process, given, start=start) as pool:
        _collect([pool.submit(_attempt, job) for job in jobs], on_finished)


def _collect(
    futures: Sequence[Future[RunRecord | FailedRun]],
    on_finished: Callable[[RunRecord | FailedRun], None],
) -> None:
    for future in as_completed(futures):
        try:
            outcome = future.result()
        except BrokenProcessPool as error:
            raise NascurveError(
                "A worker process died before its run was done: it was killed, or memory did not suffice. "
                "Finished runs are kept: give the same command again, with processes=1 if memory is short."
            ) from error
        on_finished(outcome)


class _FirstOfEach(logging.Filter):
    """Lets each message through once: what every run of a sweep logs need not be read a thousand times."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        new = record.getMessage() not in self._seen
        self._seen.add(record.getMessage())
        return new


# What a process keeps for all its runs.
_methods: Sequence[Method] = ()
_benchmark: Any = None
_settings = RunSettings(budget_s=None)


def _keep(methods: Sequence[Method], benchmark: Benchmark, settings: RunSettings) -> None:
    global _methods, _benchmark, _settings
    _methods, _benchmark, _settings = methods, benchmark, settings


def _begin_process(methods: Sequence[Method], source: BenchmarkSource, settings: RunSettings) -> None:
    handler = logging.StreamHandler()
    handler.addFilter(_FirstOfEach())
    logging.getLogger("nascurve").addHandler(handler)
    logging.getLogger("nascurve").propagate = False
    _keep(methods, source.load(), settings)


def _attempt(job: Job) -> RunRecord | FailedRun:
    index, seed = job
    method = _methods[index]
    try:
        return run_once(method, _benchmark, _settings, seed)
    except Exception as error:
        cause = str(error) if isinstance(error, NascurveError) else f"{type(error).__name__}: {error}"
        return FailedRun(name=f"{method.name} seed {seed}", cause=cause, details=traceback.format_exc())
