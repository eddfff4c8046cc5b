"""Does what is missing of experiments, with any launcher, until nothing is."""

from __future__ import annotations

import functools
import math
import secrets
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nascurve.errors import NascurveError
from nascurve.experiments.config import Comparison
from nascurve.experiments.folder import ExperimentFolder
from nascurve.experiments.hydra_jobs import LaunchFailedError, WorkersLostError
from nascurve.experiments.journal import read_journal
from nascurve.experiments.launchers import Launcher
from nascurve.experiments.pack_watch import PackWatch
from nascurve.experiments.packs import (
    Job,
    Pack,
    collect_leftovers,
    launch_name,
    pack_jobs,
    packs_in,
)
from nascurve.experiments.progress import NoProgress, Progress
from nascurve.experiments.record import RunKey, RunRecord
from nascurve.experiments.runner import failed_record
from nascurve.locks import is_held

if TYPE_CHECKING:
    from nascurve.simulator.types import Benchmark

Missing = tuple[int, Job]
"""Place of the experiment, and a run of it."""
Say = Callable[[str], object]
_MAX_DEATHS = 3
"""So often a run may be at work when its process dies, until it counts as failed."""
_LOOK_EVERY_S = 1.0


@dataclass(slots=True, kw_only=True, eq=False)
class Experiment:
    """A comparison in its folder, which this process holds. kept: False for a folder that goes away."""

    comparison: Comparison
    benchmark: Benchmark
    config: Mapping[str, Any]
    folder: ExperimentFolder
    kept: bool

    @property
    def labels(self) -> list[tuple[str, str]]:
        return [method.key for method in self.comparison.methods]

    @property
    def total(self) -> int:
        return len(self.comparison.methods) * len(self.comparison.seeds)

    def status_of_runs(self) -> dict[RunKey, str]:
        """Of those that have ended: "done" or "failed". Raises DataFileError."""
        table = self.folder.store.read(columns=["optimizer", "lce", "seed", "status", "finished_at_s"])
        columns = [table[name].to_pylist() for name in ("optimizer", "lce", "seed", "status")]
        wanted = set(self.labels)
        seeds = set(self.comparison.seeds)
        return {
            (optimizer, lce, seed): status
            for optimizer, lce, seed, status in zip(*columns, strict=True)
            if (optimizer, lce) in wanted and seed in seeds
        }

    def costs_s(self) -> dict[int, float]:
        """Real seconds of a run, by index of the method: means of those that have ended well."""
        table = self.folder.store.read(columns=["optimizer", "lce", "seed", "status", "wall_s"])
        frame = table.to_pandas()
        means = frame[frame["status"] == "done"].groupby(["optimizer", "lce"])["wall_s"].mean().to_dict()
        return {index: means[key] for index, key in enumerate(self.labels) if key in means}


@dataclass(slots=True, kw_only=True, eq=False)
class Sweep:
    """All that is missing of some experiments.

    launcher: does the packed jobs.  prober: does one run of each method first where the launcher packs by
    what runs cost, and nothing is known of that yet.
    retry_failed: runs that have failed before are missing, too.
    on_ended: called with the place of the experiment and each run that ends.

    `begin` sees what is there, `run` does what is not.
    """

    experiments: Sequence[Experiment]
    launcher: Launcher
    prober: Launcher
    say: Say
    on_ended: Callable[[int, RunRecord], object]
    retry_failed: bool = False
    _progress: Progress = field(default_factory=NoProgress)
    _status: dict[tuple[int, RunKey], str] = field(default_factory=dict)
    _counts: Counter[tuple[int, str]] = field(default_factory=Counter)
    _retried: set[tuple[int, RunKey]] = field(default_factory=set)
    _deaths: Counter[tuple[int, Job]] = field(default_factory=Counter)

    def run(self, progress: Progress) -> None:
        """Returns when every run has ended, well or not.

        Raises NascurveError when jobs are lost again and again without any run ending, DataFileError when
        results cannot be written or read, and what the launcher raises when going on is of no use.
        """
        self._progress = progress
        self._show(0)
        idle = 0
        while missing := self._missing():
            lost = None
            if self.launcher.packing.job_s is not None:
                lost = self._attempt(self._probe, missing)
                missing = self._missing()
            before = self._progress_made()
            if missing and lost is None:
                lost = self._attempt(self._launch, missing)
            self._wait_for_others()
            self._count_deaths()
            self._take_stock()
            idle = 0 if self._progress_made() > before else idle + 1
            if lost is not None:
                hopeless = isinstance(lost, LaunchFailedError) and not self._deaths
                if idle >= _MAX_DEATHS or (idle and hopeless):
                    raise lost
                self._progress.note(f"{lost} What is missing is done again.")
            elif idle >= _MAX_DEATHS:
                raise NascurveError(
                    f"{len(missing)} runs are missing, and {self.launcher.name} does none of them. Look at "
                    "its logs, or choose another launcher: the same command goes on."
                )

    def _progress_made(self) -> int:
        """Grows with every run that ends and with every death, of which a run has few."""
        return len(self._status) + self._deaths.total()

    def _attempt(
        self, do: Callable[[Sequence[Missing]], None], missing: Sequence[Missing]
    ) -> WorkersLostError | None:
        """What was lost on the way, if anything was."""
        try:
            do(missing)
        except WorkersLostError as lost:
            return lost
        return None

    def begin(self) -> None:
        """See what has ended before, after what is still at work elsewhere. Raises DataFileError."""
        for experiment in self.experiments:
            experiment.folder.migrate()
        self._wait_for_others()
        self._salvage()
        for index, experiment in enumerate(self.experiments):
            for key, status in experiment.status_of_runs().items():
                if status == "failed" and self.retry_failed:
                    self._retried.add((index, key))
                else:
                    self._note(index, key, status)

    @property
    def total(self) -> int:
        return sum(experiment.total for experiment in self.experiments)

    def count(self, status: str, place: int | None = None) -> int:
        """Runs that have ended so; of one experiment, or of all."""
        places = range(len(self.experiments)) if place is None else [place]
        return sum(self._counts[index, status] for index in places)

    def _note(self, index: int, key: RunKey, status: str) -> None:
        before = self._status.get((index, key))
        if before is not None:
            self._counts[index, before] -= 1
        self._status[index, key] = status
        self._counts[index, status] += 1

    def _missing(self) -> list[Missing]:
        """By experiment, then by seed, so that a sweep that is stopped has whole seeds."""
        return [
            (index, (method, seed))
            for index, experiment in enumerate(self.experiments)
            for seed in experiment.comparison.seeds
            for method, label in enumerate(experiment.labels)
            if (index, (*label, seed)) not in self._status
        ]

    def _launch(self, missing: Sequence[Missing]) -> None:
        """A run on its last try comes after the others, alone: a launcher that loses one process may end all
        its others, too, and their runs are not to blame."""
        last_try = [one for one in missing if self._deaths[one] == _MAX_DEATHS - 1]
        others = [one for one in missing if self._deaths[one] < _MAX_DEATHS - 1]
        packs, at_most = self._packs(others), self.launcher.packing.at_most
        for start in range(0, len(packs), at_most):
            self._do(self.launcher, packs[start : start + at_most])
        for one in last_try:
            self._do(self.launcher, self._write([[one]]))

    def _probe(self, missing: Sequence[Missing]) -> None:
        """The first missing run of each method whose cost nobody knows."""
        known = [experiment.costs_s() for experiment in self.experiments]
        first: dict[tuple[int, int], Job] = {}
        for index, job in missing:
            if job[0] not in known[index] and not self._deaths[index, job]:
                first.setdefault((index, job[0]), job)
        if first:
            self.say(f"{len(first)} runs here, to measure what they cost.")
            jobs = [(index, job) for (index, _), job in first.items()]
            self._do(self.prober, self._write([[one] for one in jobs]))

    def _packs(self, missing: Sequence[Missing]) -> list[Pack]:
        packing = self.launcher.packing
        suspects = [[one] for one in missing if self._deaths[one]]
        rest = [one for one in missing if not self._deaths[one]]
        groups: list[list[Missing]] = []
        for index, experiment in enumerate(self.experiments):
            jobs = [job for own, job in rest if own == index]
            if jobs:
                share = len(jobs) / len(rest)
                costs_s = experiment.costs_s() if packing.job_s is not None else {}
                usual_s = sum(costs_s.values()) / len(costs_s) if costs_s else 1.0
                packed = pack_jobs(
                    jobs,
                    cost_s={method: costs_s.get(method, usual_s) for method in range(len(experiment.labels))},
                    job_s=packing.job_s if packing.job_s is not None else packing.runs,
                    at_least=math.ceil(share * packing.at_least),
                    at_most=max(1, math.floor(share * packing.at_most)),
                )
                groups += [[(index, job) for job in group] for group in packed]
        return self._write([*groups, *suspects])

    def _write(self, groups: Sequence[Sequence[Missing]]) -> list[Pack]:
        launch, width = launch_name(secrets.token_hex(4)), len(str(len(groups)))
        return [
            Pack.write(
                self.experiments[group[0][0]].folder.path,
                f"{launch}-{number:0{width}}",
                [job for _, job in group],
            )
            for number, group in enumerate(groups)
        ]

    def _do(self, launcher: Launcher, packs: Sequence[Pack]) -> None:
        by_folder = {experiment.folder.path: place for place, experiment in enumerate(self.experiments)}
        watches = [
            PackWatch(
                [pack for pack in packs if pack.folder == folder],
                functools.partial(self._ended, place),
            )
            for folder, place in by_folder.items()
        ]

        def poll() -> None:
            for watch in watches:
                watch.poll()
            self._show(sum(watch.n_running for watch in watches))

        try:
            launcher.launch(packs, poll)
        finally:
            poll()

    def _ended(self, index: int, record: RunRecord) -> None:
        self._note(index, record.key, record.status)
        self.on_ended(index, record)

    def _show(self, n_running: int) -> None:
        self._progress.update(self.count("done"), n_running, self.count("failed"))

    def _wait_for_others(self) -> None:
        """Until no process is at work on a packed job, of this launch or of an earlier one."""
        waiting = False
        while True:
            alive = [
                pack for folder in self._folders() for pack in packs_in(folder.path) if is_held(pack.journal)
            ]
            if not alive:
                break
            if not waiting:
                self.say(f"{len(alive)} packed jobs are still at work elsewhere; waiting for them.")
                waiting = True
            time.sleep(_LOOK_EVERY_S)

    def _salvage(self) -> None:
        for folder in self._folders():
            collect_leftovers(folder.path)

    def _folders(self) -> list[ExperimentFolder]:
        return [experiment.folder for experiment in self.experiments]

    def _count_deaths(self) -> None:
        """A run that was at work whenever its process died has it on its conscience: it fails."""
        for index, experiment in enumerate(self.experiments):
            for pack in packs_in(experiment.folder.path):
                suspect = _at_work(pack, experiment.labels)
                if suspect is None:
                    continue
                self._deaths[index, suspect] += 1
                if self._deaths[index, suspect] == _MAX_DEATHS:
                    label = experiment.labels[suspect[0]]
                    cause = f"The process died in this run {_MAX_DEATHS} times: killed, or out of memory?"
                    experiment.folder.store.append(
                        f"{pack.name}-dead", [failed_record(label, suspect[1], cause, "")]
                    )
                    self._note(index, (*label, suspect[1]), "failed")

    def _take_stock(self) -> None:
        self._salvage()
        for index, experiment in enumerate(self.experiments):
            for key, status in experiment.status_of_runs().items():
                if status == "done" or (index, key) not in self._retried:
                    self._note(index, key, status)


def _at_work(pack: Pack, labels: Sequence[tuple[str, str]]) -> Job | None:
    """The run that a pack was at when its process died; None when it had not begun, or is alive."""
    if not (pack.spec.exists() and pack.journal.exists()) or is_held(pack.journal):
        return None
    ended = {record.key for record in read_journal(pack.journal)}
    return next((job for job in pack.jobs() if (*labels[job[0]], job[1]) not in ended), None)
