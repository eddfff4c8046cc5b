"""Packed jobs: runs of an experiment that one process does one after the other."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from nascurve.errors import DataFileError
from nascurve.experiments.files import clear_write_errors, write_atomically
from nascurve.experiments.journal import AtWorkError, Journal, read_journal
from nascurve.experiments.store import RunStore
from nascurve.locks import is_held

if TYPE_CHECKING:
    from nascurve.experiments.record import RunRecord

Job = tuple[int, int]
"""Index of a method in the experiment's configuration, seed."""


class Runner(Protocol):
    """Does one run; a run that raises gives a record that says so."""

    def __call__(self, job: Job) -> RunRecord: ...


@dataclass(frozen=True, slots=True)
class Pack:
    """A packed job of the experiment in `folder`: what is to be run stands in jobs/NAME.json.

    The process that does it holds jobs/NAME.jsonl, the journal, and adds each run to it the moment it ends.
    At the end all of them become one file of the store, and both go. A pack that was killed leaves its
    journal: `collect_leftovers` puts what it holds into the store.
    """

    folder: Path
    name: str

    @property
    def spec(self) -> Path:
        return self.folder / "jobs" / f"{self.name}.json"

    @property
    def journal(self) -> Path:
        return self.spec.with_suffix(".jsonl")

    @property
    def store(self) -> RunStore:
        return RunStore(self.folder / "store")

    @classmethod
    def write(cls, folder: Path, name: str, jobs: Sequence[Job]) -> Pack:
        """Put a packed job into the folder. Raises DataFileError."""
        pack = cls(folder, name)
        with clear_write_errors(pack.spec):
            pack.spec.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"runs": [list(job) for job in jobs]})
        write_atomically(pack.spec, lambda temporary: temporary.write_text(text, encoding="utf-8"))
        return pack

    def jobs(self) -> list[Job]:
        """What is to be run. Raises DataFileError."""
        try:
            return [(int(index), int(seed)) for index, seed in json.loads(self.spec.read_text())["runs"]]
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise DataFileError(
                f"Cannot read the packed job {self.spec}: {error}. Give the same `nascurve compare` again: "
                "it makes new ones of what is missing."
            ) from error

    def run(self, runner: Runner, names: Sequence[tuple[str, str]]) -> None:
        """Do what is not in the journal yet, then put all into the store.

        names: labels of the experiment's methods, in its order. Raises DataFileError, also when the list is
        taken away meanwhile: then others have the runs, or the folder has become that of another experiment.
        """
        jobs = self.jobs()
        with Journal(self.journal) as journal:
            ended = journal.records()
            there = {record.key for record in ended}
            for index, seed in jobs:
                if (*names[index], seed) in there:
                    continue
                self._require_listed()
                record = runner((index, seed))
                journal.append(record)
                ended.append(record)
            self._require_listed()
            self._into_store(ended)

    def _require_listed(self) -> None:
        if not self.spec.exists():
            raise DataFileError(
                f"The packed job {self.spec} was taken back: it was thought lost, or what it was for was "
                "thrown away."
            )

    def _into_store(self, records: Sequence[RunRecord]) -> None:
        if records:
            self.store.append(self.name, records)
        self.remove()

    def remove(self) -> None:
        with clear_write_errors(self.spec):
            self.spec.unlink(missing_ok=True)
            self.journal.unlink(missing_ok=True)

    def salvage(self) -> None:
        """Put what a dead process left into the store. Raises DataFileError; AtWorkError when it lives."""
        with Journal(self.journal) as journal:  # held: one that begins this moment waits, and finds no list
            self._into_store(journal.records())

    def stored_records(self) -> list[RunRecord]:
        """What its file in the store holds, in order; nothing when there is none. Raises DataFileError."""
        return self.store.records_of(self.name)


def packs_in(folder: Path) -> list[Pack]:
    """Those that were not completed, in order of their names."""
    jobs = folder / "jobs"
    names = {path.stem for kind in ("*.json", "*.jsonl") for path in jobs.glob(kind)}
    return [Pack(folder, name) for name in sorted(names)]


def collect_leftovers(folder: Path) -> list[Pack]:
    """Put into the store what dead processes left; the packs that living ones are at work on.

    A pack that nobody has begun is dropped: what it was to run is missing, and goes into new packs.
    """
    alive = []
    for pack in packs_in(folder):
        try:
            if is_held(pack.journal):
                alive.append(pack)
            else:
                pack.salvage()
        except AtWorkError:
            alive.append(pack)
    if not alive:
        RunStore(folder / "store").drop_unfinished()
    return alive


def unstored_records(folder: Path) -> Iterator[RunRecord]:
    """The runs of packs that are at work, or were left by dead processes."""
    for pack in packs_in(folder):
        yield from read_journal(pack.journal)


def pack_jobs(
    jobs: Sequence[Job], *, cost_s: Mapping[int, float], job_s: float, at_least: int, at_most: int
) -> list[list[Job]]:
    """Jobs in groups that cost about the same, and about `job_s` real seconds each.

    cost_s: measured seconds of a run by method.  at_least: groups, where there are jobs enough, so that every
    worker has something to do and ends at about the same time.  at_most: groups.
    Runs of one seed stay together as far as that allows: then a sweep that is stopped has whole seeds.
    """
    total_s = sum(cost_s[index] for index, _ in jobs)
    n_groups = min(max(math.ceil(total_s / job_s), at_least), at_most, len(jobs))
    groups: list[list[Job]] = [[]]
    spent_s = 0.0
    for place, job in enumerate(jobs):
        left = n_groups - len(groups)
        full = spent_s >= total_s * len(groups) / n_groups or len(jobs) - place <= left
        if groups[-1] and left and full:
            groups.append([])
        groups[-1].append(job)
        spent_s += cost_s[job[0]]
    return groups


def launch_name(random_hex: str) -> str:
    """Of one launch: sorted by time, and not the same twice."""
    return f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{random_hex}"
