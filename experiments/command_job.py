"""A command as one job of a launcher: `nascurve surrogate fit … hydra/launcher=submitit_slurm`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from nascurve.experiments.launch_options import LaunchOptions


def launch_command(module: str, argv: Sequence[str], launch: LaunchOptions, *, logs: Path) -> None:
    """Have the command of a module of this package done by a process of the launcher's, and wait for it.

    logs: where the launcher writes what the command says. Raises ConfigError for a launcher that is not
    there, NascurveError with what the launcher reports.
    """
    from nascurve.experiments.hydra_jobs import HydraJobs

    jobs = HydraJobs(str(launch.name), launch.overrides)
    sys.stderr.write(f"One job for {launch.name}; its output goes to {logs}.\n")
    job = {"kind": "command", "module": module, "argv": list(argv)}
    jobs.run([job], logs, lambda: None)
