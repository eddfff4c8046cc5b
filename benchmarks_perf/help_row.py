"""Row `help`: how long `nascurve --help` takes."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from benchmarks_perf.line import Line, spread
from benchmarks_perf.settings import Settings

_TARGET_S = 0.5
_REPEATS = 10


def measure(settings: Settings) -> list[Line]:
    command = [str(Path(sys.executable).with_name("nascurve")), "--help"]
    times_s = []
    for _ in range(3 if settings.quick else _REPEATS):
        start_s = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        times_s.append(time.perf_counter() - start_s)
    return [
        Line(
            row="help",
            what=f"`nascurve --help`, wall time, {len(times_s)} times",
            ours=spread(times_s, unit=" s"),
            target=f"< {_TARGET_S} s",
            met=max(times_s) < _TARGET_S,
        )
    ]
