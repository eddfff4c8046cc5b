"""Row `compare`: wall time and memory of the main job."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks_perf.line import Line, number
from benchmarks_perf.settings import Settings, say
from nascurve.processes import available_cores

_TARGET_S = 180.0
_TARGET_BYTES = 1e9
_QUICK = ("optimizers=[rs]", "seeds=2", "budget_trainings=20")


def measure(settings: Settings) -> list[Line]:
    """This process imports nothing large: what it holds when it starts a child would count as the child's."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "compare"
        command = [
            str(Path(sys.executable).with_name("nascurve")),
            "compare",
            f"benchmark={settings.benchmark}",
            f"out={out}",
            *(_QUICK if settings.quick else ()),
        ]
        say("compare: started")
        start_s = time.perf_counter()
        process = subprocess.Popen(command, stdout=sys.stderr)
        # Of the child and all descendants that were waited for: seconds added up, the largest of the peaks.
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - start_s
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise RuntimeError(f"{' '.join(command)}: exit code {process.returncode}.")
        with (out / "summary.csv").open(newline="") as summary:
            rows = list(csv.DictReader(summary))
    cores = available_cores()
    what = f"`nascurve compare`: {len(rows)} methods × {rows[0]['n_seeds']} seeds × "
    what += "20 trainings' budget" if settings.quick else "200 trainings' budget"
    peak_bytes = usage.ru_maxrss * 1024
    cpu_s = usage.ru_utime + usage.ru_stime
    return [
        Line(
            row="compare",
            what=f"{what}, wall time on {cores} cores ({number(cpu_s)} CPU s)",
            ours=f"{number(wall_s)} s",
            target=f"< {_TARGET_S:.0f} s on 2 cores",
            met=wall_s < _TARGET_S,
        ),
        Line(
            row="compare",
            what="the same, peak memory (RSS) of its largest process",
            ours=f"{number(peak_bytes / 1e6)} MB",
            target=f"< {_TARGET_BYTES / 1e9:.0f} GB",
            met=peak_bytes < _TARGET_BYTES,
        ),
    ]
