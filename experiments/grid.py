"""Runs the grid methods × seeds, in this process or over all cores; hands over each run as it finishes."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any, Literal

from nascurve.errors import NascurveError
from nascurve.experiments.config import Comparison, RunSettings
from nascurve.experiments.methods import Method
from nascurve.experiments.record import RunRecord
from nascurve.experiments.source import BenchmarkSource

if TYPE_CHECKING:
    from nascurve.simulator.types import Benchmark

Job = tuple[int, int]
"""Index of a method, seed."""
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")


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
    with _pool(comparison, source, min(processes, len(jobs)), "spawn" if from_ids else "fork") as pool:
        # spawned on submission, and so with the environment and the main module that hold here
        with _one_thread_each(), _main_module_hidden():
            futures = [pool.submit(_attempt, job) for job in jobs]
        _collect(futures, on_finished)


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


@contextlib.contextmanager
def _pool(
    comparison: Comparison, source: BenchmarkSource, processes: int, start: Literal["spawn", "fork"]
) -> Iterator[ProcessPoolExecutor]:
    pool = ProcessPoolExecutor(
        max_workers=processes,
        mp_context=multiprocessing.get_context(start),
        initializer=_begin_process,
        initargs=(comparison.methods, source, comparison.run),
    )
    before = set(multiprocessing.active_children())
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        for child in set(multiprocessing.active_children()) - before:
            child.terminate()
        raise
    finally:
        pool.shutdown()


@contextlib.contextmanager
def _one_thread_each() -> Iterator[None]:
    """One thread for the numerical libraries of processes started here."""
    before = {name: os.environ.get(name) for name in _THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(_THREAD_VARIABLES, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextlib.contextmanager
def _main_module_hidden() -> Iterator[None]:
    """Processes spawned here do not import the caller's main module: they need nothing of it, and a script
    without an `if __name__ == "__main__"` guard would run again in each of them."""
    main = sys.modules["__main__"]
    hidden = {name: getattr(main, name) for name in ("__spec__", "__file__") if hasattr(main, name)}
    for name in hidden:
        setattr(main, name, None)
    try:
        yield
    finally:
        for name, value in hidden.items():
            setattr(main, name, value)


# What a process keeps for all its runs.
_methods: Sequence[Method] = ()
_benchmark: Any = None
_settings = RunSettings(budget_s=None)


def _keep(methods: Sequence[Method], benchmark: Benchmark, settings: RunSettings) -> None:
    global _methods, _benchmark, _settings
    _methods, _benchmark, _settings = methods, benchmark, settings


def _begin_process(methods: Sequence[Method], source: BenchmarkSource, settings: RunSettings) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what an interrupt means
    threading.Thread(target=_die_with_parent, daemon=True).start()
    _keep(methods, source.load(), settings)


def _die_with_parent() -> None:
    """A parent that is killed cannot stop its children, and they would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _attempt(job: Job) -> RunRecord | FailedRun:
    index, seed = job
    method = _methods[index]
    try:
        return run_once(method, _benchmark, _settings, seed)
    except Exception as error:
        cause = str(error) if isinstance(error, NascurveError) else f"{type(error).__name__}: {error}"
        return FailedRun(name=f"{method.name} seed {seed}", cause=cause, details=traceback.format_exc())
