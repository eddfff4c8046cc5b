"""Row `compare`: wall time and memory of the main job."""

from __future__ import annotations

import csv
import sys
import tempfile
from pathlib import Path

from benchmarks_perf.line import Line, number
from benchmarks_perf.settings import Settings, say
from benchmarks_perf.whole_process import run_measured
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
        wall_s, cpu_s, peak_bytes = run_measured(command, stdout=sys.stderr)
        with (out / "summary.csv").open(newline="") as summary:
            rows = list(csv.DictReader(summary))
    cores = available_cores()
    what = f"`nascurve compare`: {len(rows)} methods × {rows[0]['n_seeds']} seeds × "
    what += "20 trainings' budget" if settings.quick else "200 trainings' budget"
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
