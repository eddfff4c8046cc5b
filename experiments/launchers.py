"""Who does packed jobs: this process, processes of this machine, or a launcher of Hydra's."""

from __future__ import annotations

import functools
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from nascurve.experiments.hydra_jobs import Poll, WorkersLostError
from nascurve.processes import worker_pool

if TYPE_CHECKING:
    from nascurve.experiments.packs import Job, Pack
    from nascurve.experiments.record import RunRecord
    from nascurve.experiments.runner import ComparisonRunner

Runners = Mapping[Path, "ComparisonRunner"]
"""By the folder of the experiment."""
_POLL_S = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Packing:
    """Into what packed jobs runs go.

    job_s: real seconds that one should take; None: `runs` of them, whatever they cost.
    at_least, at_most: how many packed jobs.
    """

    job_s: float | None = None
    runs: int = 500
    at_least: int = 1
    at_most: int = 1000


class Launcher(Protocol):
    """Has packed jobs done, and returns when that is over.

    `launch` calls `poll` every now and then. Raises WorkersLostError when jobs were not completed though
    nothing is known to be wrong with them, NascurveError when going on is of no use.
    """

    name: str
    packing: Packing

    def launch(self, packs: Sequence[Pack], poll: Poll) -> None: ...


class HereLauncher:
    """This process, one job after the other."""

    name = "this process"

    def __init__(self, runners: Runners | None = None) -> None:
        self._runners = runners
        self.packing = Packing()

    def launch(self, packs: Sequence[Pack], poll: Poll) -> None:
        polled_s = 0.0
        for pack in packs:
            runner = _runner(pack.folder, self._runners)

            def run(job: Job, runner: ComparisonRunner = runner) -> RunRecord:
                nonlocal polled_s
                if time.monotonic() - polled_s > _POLL_S:  # it looks at all packs: dearer than a short run
                    poll()
                    polled_s = time.monotonic()
                return runner(job)

            pack.run(run, runner.names)
            poll()


class PoolLauncher:
    """Processes of this machine, one thread each.

    runners: of objects from Python, which other processes cannot make: then the processes are forks.
    """

    def __init__(self, processes: int, runners: Runners | None = None) -> None:
        self.name = f"{processes} process{'' if processes == 1 else 'es'}"
        self._processes = processes
        self._runners = runners
        # Many more jobs than processes: all end at about the same time.
        self.packing = Packing(at_least=16 * processes, at_most=100_000)

    def launch(self, packs: Sequence[Pack], poll: Poll) -> None:
        start: Literal["spawn", "fork"] = "spawn" if self._runners is None else "fork"
        workers = min(self._processes, len(packs))
        with worker_pool(workers, _begin_process, (self._runners,), start=start) as pool:
            waiting: set[Future[None]] = {pool.submit(_do, pack) for pack in packs}
            while waiting:
                over, waiting = wait(waiting, timeout=_POLL_S, return_when=FIRST_COMPLETED)
                poll()
                for future in over:
                    try:
                        future.result()
                    except BrokenProcessPool as error:
                        raise WorkersLostError(
                            "A worker process died before its run was done: it was killed, or memory did not "
                            "suffice."
                        ) from error


_runners: Runners | None = None  # of this process; a fork has its parent's


def _begin_process(runners: Runners | None) -> None:
    from nascurve.experiments.runner import log_each_once

    global _runners
    _runners = runners
    log_each_once()


def _do(pack: Pack) -> None:
    runner = _runner(pack.folder, _runners)
    pack.run(runner, runner.names)


def _runner(folder: Path, runners: Runners | None) -> ComparisonRunner:
    return load_runner(folder) if runners is None else runners[folder]


def load_runner(folder: Path) -> ComparisonRunner:
    """From config.yaml of an experiment's folder, once a process for what that says.

    Processes outlive a command: those of joblib and Ray, and this one in a notebook. The folder may belong to
    another configuration the next time. Raises as `Comparison.from_config` does.
    """
    config = folder / "config.yaml"
    return _load_runner(folder, config.read_bytes() if config.is_file() else b"")


@functools.lru_cache(maxsize=8)
def _load_runner(folder: Path, content: bytes) -> ComparisonRunner:
    """content: of config.yaml, the part of the key that changes."""
    from nascurve.experiments.config import Comparison
    from nascurve.experiments.folder import ExperimentFolder
    from nascurve.experiments.runner import ComparisonRunner

    comparison = Comparison.from_config(ExperimentFolder(folder).read_config())
    return ComparisonRunner.of(comparison, comparison.source.load())
