"""Does single runs of a comparison, and turns what they raise into records."""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nascurve.errors import NascurveError
from nascurve.experiments.config import Comparison, RunSettings
from nascurve.experiments.methods import Method
from nascurve.experiments.packs import Job
from nascurve.experiments.record import RunRecord

if TYPE_CHECKING:
    from nascurve.simulator.types import Benchmark


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonRunner:
    """The runs of a comparison, on a benchmark that is loaded."""

    methods: Sequence[Method]
    benchmark: Benchmark
    settings: RunSettings

    @classmethod
    def of(cls, comparison: Comparison, benchmark: Benchmark) -> ComparisonRunner:
        return cls(methods=comparison.methods, benchmark=benchmark, settings=comparison.run)

    @property
    def names(self) -> list[tuple[str, str]]:
        """The methods' labels."""
        return [method.key for method in self.methods]

    def __call__(self, job: Job) -> RunRecord:
        """One run; a failed one when it raises."""
        index, seed = job
        method = self.methods[index]
        start_s = time.perf_counter()
        try:
            return run_once(method, self.benchmark, self.settings, seed)
        except Exception as error:
            cause = str(error) if isinstance(error, NascurveError) else f"{type(error).__name__}: {error}"
            return failed_record(
                method.key, seed, cause, traceback.format_exc(), wall_s=time.perf_counter() - start_s
            )


def run_once(method: Method, benchmark: Benchmark, settings: RunSettings, seed: int) -> RunRecord:
    """One run. Optimizer and simulator get the same seed: their streams are independent (see `simulate`).
    Methods that share a seed share the optimizer's stream, so that differences to the optimizer without LCE
    are paired."""
    from nascurve.simulator.simulate import simulate

    start_s = time.perf_counter()
    result = simulate(method.build(benchmark.space, seed), benchmark, seed=seed, **settings.describe())
    return RunRecord.of(method.key, result, time.perf_counter() - start_s)


def failed_record(
    key: tuple[str, str], seed: int, cause: str, details: str, *, wall_s: float = 0.0
) -> RunRecord:
    """Of a run that did not end well. cause: one line.  details: a traceback."""
    return RunRecord(
        optimizer=key[0],
        lce=key[1],
        seed=seed,
        status="failed",
        wall_s=wall_s,
        finished_at_s=time.time(),
        error=" ".join(cause.split()),
        traceback=details,
    )


class FirstOfEach(logging.Filter):
    """Lets each message through once: what every run of a sweep logs need not be read a thousand times."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        new = record.getMessage() not in self._seen
        self._seen.add(record.getMessage())
        return new


def log_each_once() -> None:
    """What nascurve logs goes to standard error, each message once a process."""
    logger = logging.getLogger("nascurve")
    if not any(
        isinstance(filter_, FirstOfEach) for handler in logger.handlers for filter_ in handler.filters
    ):
        handler = logging.StreamHandler()
        handler.addFilter(FirstOfEach())
        logger.addHandler(handler)
        logger.propagate = False
