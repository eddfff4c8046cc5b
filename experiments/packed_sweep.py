"""`nascurve run -m … hydra/launcher=NAME`: many short runs in few jobs."""

from __future__ import annotations

import contextlib
import io
import itertools
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nascurve.errors import NascurveError
from nascurve.experiments.folder import ExperimentFolder
from nascurve.experiments.progress import create_progress
from nascurve.options import flag

if TYPE_CHECKING:
    from hydra.core.override_parser.types import Override

_CONFIGS = "nascurve.experiments.conf"
_MOST_TIMED = 16
"""Kinds of runs of which one is done here; others are taken to cost what these do in the mean."""


@dataclass(frozen=True, slots=True)
class SweptRun:
    """overrides: all of its options, as on a command line.  folder: where it goes.  swept: what distinguishes
    it from the others of its sweep."""

    overrides: tuple[str, ...]
    folder: str
    swept: Mapping[str, str]

    @property
    def is_there(self) -> bool:
        return all((Path(self.folder) / name).exists() for name in ("runs.parquet", "evaluations.parquet"))

    @property
    def kind(self) -> tuple[tuple[str, str], ...]:
        """Runs that differ in the seed alone cost about the same."""
        return tuple((key, value) for key, value in self.swept.items() if key != "seed")


def can_be_packed(flags: Sequence[str], overrides: Sequence[Override]) -> bool:
    """Not where Hydra is told how to do a sweep: then it does, each run a job of its own."""
    if not set(flags) <= {"-m", "--multirun"}:
        return False
    hydras = [override.key_or_group for override in overrides if override.key_or_group.startswith("hydra")]
    return all(key == "hydra/launcher" or key.startswith("hydra.launcher.") for key in hydras)


def run_packed(overrides: Sequence[Override], *, out: Path) -> None:
    """Do all combinations of the swept options that `out` does not hold yet.

    The first run of each kind (of the first kinds, where there are many) is done here, and tells what its
    kind costs; the others are packed into jobs by that. Raises NascurveError when runs failed, with what the
    first said; the others are done all the same.
    """
    from nascurve.experiments.hydra_jobs import HydraJobs
    from nascurve.experiments.launch_hydra import packing_for
    from nascurve.experiments.packs import pack_jobs

    named = {o.key_or_group: str(o.value()) for o in overrides if o.key_or_group == "hydra/launcher"}
    options = tuple(str(o.input_line) for o in overrides if o.key_or_group.startswith("hydra.launcher."))
    jobs = HydraJobs(named["hydra/launcher"], options)
    packing = packing_for(jobs.name)
    runs = swept_runs(overrides, out)
    there = [run for run in runs if run.is_there]
    if there and _overwrite(overrides):
        for run in there:
            ExperimentFolder(run.folder).discard()
    elif there:
        _do_run(_plain(there[0]))  # refuses what has other settings, which all of them share
        sys.stderr.write(f"{len(there)} of {len(runs)} runs are there already.\n")
    missing = [run for run in runs if not run.is_there]
    progress = create_progress(total=len(runs), done=len(runs) - len(missing))
    left = missing

    def show() -> None:
        nonlocal left
        left = [run for run in left if not run.is_there]
        progress.update(len(runs) - len(left), 0, 0)

    kinds = {kind: number for number, kind in enumerate(dict.fromkeys(run.kind for run in missing))}
    costs_s: dict[int, float] = {}
    failures: list[str] = []
    for run in missing:
        if kinds[run.kind] not in costs_s and len(costs_s) < _MOST_TIMED:
            start_s = time.perf_counter()
            failures += do_runs([_plain(run)])
            costs_s[kinds[run.kind]] = time.perf_counter() - start_s
            show()
    rest = [run for run in missing if not run.is_there]
    usual_s = sum(costs_s.values()) / max(len(costs_s), 1)
    groups = pack_jobs(
        [(kinds[run.kind], place) for place, run in enumerate(rest)],
        cost_s={number: costs_s.get(number, usual_s) for number in kinds.values()},
        job_s=packing.job_s or 1.0,
        at_least=packing.at_least,
        at_most=packing.at_most,
    )
    listed = [
        {"kind": "runs", "runs": [_plain(rest[place]) for _, place in group]} for group in groups if group
    ]
    try:
        if listed:
            jobs.run(listed, out / ".launcher", show)
    finally:
        progress.close()
    failed = [run.folder for run in runs if not run.is_there]
    if failed:
        raise NascurveError(
            f"{len(failed)} of {len(runs)} runs failed, the first of them {failed[0]}; the others are kept, "
            f"and the same command tries them again. {' '.join(failures[:1])}"
        )


def swept_runs(overrides: Sequence[Override], out: Path) -> list[SweptRun]:
    """Every combination of the swept options, the first of them varying slowest, as in Hydra."""
    ours = [override for override in overrides if not override.key_or_group.startswith("hydra")]
    choices = [
        [(override, value) for value in override.sweep_string_iterator()]
        if override.is_sweep_override()
        else [(override, None)]
        for override in ours
    ]
    runs = []
    for combination in itertools.product(*choices):
        swept = {override.key_or_group: value for override, value in combination if value is not None}
        lines = tuple(
            str(override.input_line) if value is None else f"{override.key_or_group}={value}"
            for override, value in combination
            if override.key_or_group != "out"
        )
        name = ",".join(f"{key}={value}" for key, value in sorted(swept.items()))
        runs.append(SweptRun(lines, str((out / name).absolute()), swept))
    return runs


def do_runs(runs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Do runs, one after the other; what those said that failed."""
    failures = []
    for run in runs:
        try:
            _do_run(run)
        except Exception as error:
            failures.append(f"{type(error).__name__}: {error}")
            sys.stderr.write(f"{run['folder']} failed: {failures[-1]}\n")
    return failures


def _do_run(run: Mapping[str, Any]) -> None:
    from hydra import compose, initialize_config_module

    from nascurve.experiments.groups import choices_of, register_groups
    from nascurve.experiments.hydra_main import hydra_at_rest
    from nascurve.experiments.overrides import parse_overrides
    from nascurve.experiments.single_run import SweepPlace, run_job

    overrides = parse_overrides(run["overrides"], command="run")
    register_groups(choices_of(overrides), overrides, own_configs=False)
    place = SweepPlace(Path(run["folder"]), run["swept"])
    with hydra_at_rest(), initialize_config_module(_CONFIGS, version_base="1.3"):
        config = compose("run", overrides=list(run["overrides"]))
    with contextlib.redirect_stdout(io.StringIO()):  # the parent says how far all are
        run_job(config, place)


def _overwrite(overrides: Sequence[Override]) -> bool:
    given = [override.value() for override in overrides if override.key_or_group == "overwrite"]
    return flag("overwrite", given[-1]) if given else False


def _plain(run: SweptRun) -> dict[str, Any]:
    return {"overrides": list(run.overrides), "folder": run.folder, "swept": dict(run.swept)}
