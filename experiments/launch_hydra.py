"""Packed jobs of experiments for the launchers of Hydra's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from nascurve.experiments.hydra_jobs import HydraJobs, Poll
from nascurve.experiments.launchers import Packing
from nascurve.processes import available_cores

if TYPE_CHECKING:
    from nascurve.experiments.packs import Pack

_USUAL_JOB_S = {"submitit_slurm": 300.0}
"""A job of SLURM's should take minutes: it waits in a queue, and starts a Python of its own."""
_OTHER_JOB_S = 10.0


class HydraLauncher:
    """Packed jobs through `hydra/launcher=NAME`.

    job_s: real seconds a packed job should take; None: what suits the launcher. max_jobs: at most so many at
    a time (SLURM's MaxArraySize is 1001 unless an administrator changed it).
    """

    def __init__(
        self, name: str, overrides: Sequence[str] = (), *, job_s: float | None = None, max_jobs: int = 1000
    ) -> None:
        self._jobs = HydraJobs(name, tuple(overrides))
        self.name = name
        self.packing = packing_for(name, job_s=job_s, max_jobs=max_jobs)

    def launch(self, packs: Sequence[Pack], poll: Poll) -> None:
        jobs = [{"kind": "pack", "folder": str(pack.folder.absolute()), "name": pack.name} for pack in packs]
        self._jobs.run(jobs, packs[0].folder / "jobs" / "logs", poll)


def packing_for(name: str, *, job_s: float | None = None, max_jobs: int = 1000) -> Packing:
    """What suits a launcher; the options are those of HydraLauncher."""
    cores = available_cores()
    if name == "submitit_local":  # it starts all of them at once
        return Packing(job_s=job_s or 1e9, at_least=cores, at_most=min(cores, max_jobs))
    if name in _USUAL_JOB_S:
        return Packing(job_s=job_s or _USUAL_JOB_S[name], at_most=max_jobs)
    return Packing(job_s=job_s or _OTHER_JOB_S, at_least=8 * cores, at_most=max_jobs)
