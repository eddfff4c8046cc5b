"""A command as a user runs it, measured from outside."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Sequence
from typing import Any, NamedTuple


class Cost(NamedTuple):
    """Of a process and all descendants that were waited for: seconds added up, the largest of the peaks."""

    wall_s: float
    cpu_s: float
    peak_bytes: int


def run_measured(command: Sequence[str], *, stdout: Any) -> Cost:
    """Run it to its end. Raises RuntimeError when it fails."""
    start_s = time.perf_counter()
    process = subprocess.Popen(command, stdout=stdout)
    _, status, usage = os.wait4(process.pid, 0)
    wall_s = time.perf_counter() - start_s
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)}: exit code {process.returncode}.")
    return Cost(wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)
