"""How far an experiment is, seen from outside: from its folder alone."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nascurve.errors import DataFileError
from nascurve.experiments.folder import ExperimentFolder
from nascurve.experiments.journal import read_journal
from nascurve.experiments.packs import Pack, packs_in
from nascurve.experiments.results import inner_folders, method_labels, require_experiment
from nascurve.experiments.source import benchmark_title
from nascurve.locks import describe_owner, is_held

_RECENT_S = 600.0
"""The rate is that of the last ten minutes: a sweep's runs get dearer or cheaper as it goes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackStatus:
    """A packed job that is not over: `done` of its `total` runs have ended.

    alive: a process is at it.  quiet_s: seconds since it last wrote."""

    name: str
    done: int
    total: int
    alive: bool
    quiet_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepStatus:
    """total, done, failed: runs.  at_work: who holds the folder, "" for nobody.
    rate_per_s: runs that ended a second, lately, 0 where none did.  packs: those not over."""

    title: str
    path: Path
    total: int
    done: int
    failed: int
    at_work: str
    rate_per_s: float
    packs: tuple[PackStatus, ...]

    @property
    def missing(self) -> int:
        return self.total - self.done - self.failed

    @property
    def running(self) -> int:
        """Runs that are at work: one in each packed job that has a process."""
        return sum(pack.alive for pack in self.packs)

    @property
    def left_s(self) -> float:
        """Seconds until all have ended, at the present rate; NaN where it is not known."""
        return self.missing / self.rate_per_s if self.rate_per_s else float("nan")


def read_status(path: Path) -> list[SweepStatus]:
    """Of an experiment's folder, or of all in a folder of several. Raises DataFileError."""
    if (path / "config.yaml").is_file():
        return [_status(ExperimentFolder(path))]
    inner = inner_folders(path)
    if not inner:
        raise DataFileError(
            f"{path} is not the folder of a sweep: there is no config.yaml in it. Expected the `out` of "
            "`nascurve compare`."
        )
    return [_status(ExperimentFolder(folder)) for folder in inner]


def _status(folder: ExperimentFolder) -> SweepStatus:
    config = folder.read_config()
    require_experiment(config, folder.path)
    labels, seeds = method_labels(config), set(config["experiment"]["seeds"])
    columns = ["optimizer", "lce", "seed", "status", "finished_at_s"]
    runs = folder.store.read(folder.unstored_records(), columns=columns).to_pylist()
    ours = [run for run in runs if (run["optimizer"], run["lce"]) in labels and run["seed"] in seeds]
    failed = sum(run["status"] == "failed" for run in ours)
    total, done = len(labels) * len(seeds), len(ours) - failed
    if not folder.has_runs() and folder.runs.exists():  # of `nascurve run`, which writes it when it is over
        done = total
    at_work = describe_owner(folder.lock) if is_held(folder.lock) else ""
    return SweepStatus(
        title=benchmark_title(config["experiment"]["benchmark"]),
        path=folder.path,
        total=total,
        done=done,
        failed=failed,
        at_work=at_work,
        rate_per_s=_rate(ours),
        packs=tuple(_pack_status(pack) for pack in packs_in(folder.path)),
    )


def _rate(runs: list[Mapping[str, Any]]) -> float:
    """Runs a second: those of the last minutes, from the first of them on."""
    ended_at_s = np.sort([run["finished_at_s"] for run in runs])
    recent = ended_at_s[ended_at_s > time.time() - _RECENT_S]
    if len(recent) < 2:
        return 0.0
    span_s = max(time.time(), recent[-1]) - recent[0]  # clocks of other machines may be ahead
    return float((len(recent) - 1) / span_s) if span_s > 0 else 0.0


def _pack_status(pack: Pack) -> PackStatus:
    try:
        total = len(pack.jobs())
        wrote_s = (pack.journal if pack.journal.exists() else pack.spec).stat().st_mtime
    except (DataFileError, OSError):  # it ended this moment
        total, wrote_s = 0, time.time()
    return PackStatus(
        name=pack.name,
        done=len(read_journal(pack.journal)),
        total=total,
        alive=is_held(pack.journal),
        quiet_s=time.time() - wrote_s,
    )
