"""Row `aggregation`: `nascurve results` on folders of up to 100,000 runs, time and memory."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks_perf.line import Line, number
from benchmarks_perf.settings import Settings, say
from benchmarks_perf.whole_process import Cost, run_measured

_TARGET_S = 20.0
_TARGET_BYTES = 2e9
_SHAPES = ((4, 2, 125), (4, 2, 1250), (4, 2, 12_500), (200, 5, 100))
"""Optimizers, LCE entries, seeds."""
_QUICK = ((4, 2, 5), (10, 2, 5))
_WRITE = (
    "import sys; from pathlib import Path; from benchmarks_perf.fake_results import write_fake_results; "
    "a, b, c = map(int, sys.argv[2:]); "
    "print(write_fake_results(Path(sys.argv[1]), optimizers=a, lces=b, seeds=c))"
)


def measure(settings: Settings) -> list[Line]:
    """This process imports nothing large: what it holds when it starts a child would count as the child's."""
    lines = []
    for shape in _QUICK if settings.quick else _SHAPES:
        optimizers, lces, seeds = shape
        n_runs = optimizers * lces * seeds
        say(f"aggregation: {n_runs:,} runs")
        with tempfile.TemporaryDirectory() as folder:
            write = [sys.executable, "-c", _WRITE, folder, *map(str, shape)]
            rows = int(subprocess.run(write, check=True, capture_output=True, text=True).stdout)
            wall_s, cpu_s, peak_bytes = _results(Path(folder))
        is_target = n_runs >= 100_000
        lines.append(
            Line(
                row="aggregation",
                what=f"`nascurve results` of {n_runs:,} runs ({optimizers * lces:,} methods × {seeds:,} "
                f"seeds, {rows:,} changes of an incumbent): wall time (CPU s), peak memory (RSS)",
                ours=f"{number(wall_s)} s ({number(cpu_s)}), {number(peak_bytes / 1e6)} MB",
                target=f"< {_TARGET_S:.0f} s, < {_TARGET_BYTES / 1e9:.0f} GB" if is_target else "–",
                met=wall_s < _TARGET_S and peak_bytes < _TARGET_BYTES if is_target else None,
            )
        )
    return lines


def _results(folder: Path) -> Cost:
    command = [str(Path(sys.executable).with_name("nascurve")), "results", str(folder)]
    return run_measured(command, stdout=subprocess.DEVNULL)
