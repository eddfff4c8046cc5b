"""`python -m benchmarks_perf`: measure the rows, print the table."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks_perf.line import Line, table
from benchmarks_perf.service import ROOT, child_environment
from benchmarks_perf.settings import Settings, say
from nascurve.processes import available_cores

USAGE = """\
usage: python -m benchmarks_perf [OPTION=VALUE ...]

Measures nascurve against peers, by turns in one run, and prints one table. See docs/performance.md.

options (defaults):
  rows=simulation,bananas,overhead,extrapolation,compare,aggregation,help,training
                               `quality` (minutes) has to be named
  benchmark=pocket201-mnist    the table of curves; any id over the space cell201
  repeats=3                    of each measurement
  quick=false                  tiny sizes, to see that all works
  resume=false                 keep rows, and seeds of `quality`, that an earlier run has left in `out`
  peer=.venv-perf/bin/python   Python of an environment with the peer; `make perf` sets it up
  out=results/perf             measurements, logs and table.md
"""
DEFAULT_ROWS = (
    "simulation",
    "bananas",
    "overhead",
    "extrapolation",
    "compare",
    "aggregation",
    "help",
    "training",
)
ROWS = (*DEFAULT_ROWS, "quality")
_AS_USERS_RUN_THEM = ("compare", "aggregation", "help")
_BUSY = 0.5


def main(arguments: list[str]) -> int:
    """Exit codes: 0 all was measured, whether or not a target was met; 1 a row failed; 2 usage."""
    if {"-h", "--help"} & set(arguments):
        print(USAGE, end="")
        return 0
    try:
        settings = Settings.read(arguments)
        unknown = [row for row in settings.rows if row not in ROWS]
        if unknown:
            raise ValueError(f"rows: no row is called {unknown[0]!r}; valid: {', '.join(ROWS)}.")
    except ValueError as error:
        say(f"benchmarks_perf: usage: {error}")
        return 2
    settings.out.mkdir(parents=True, exist_ok=True)
    load = os.getloadavg()[0]
    if load > _BUSY:
        say(
            f"Warning: the load average is {load:.1f}; measure on a quiet machine, or trust the ratios alone."
        )
    lines: list[Line] = []
    others, failed = [0.0], False
    for row in settings.rows or DEFAULT_ROWS:
        measured = _kept(settings, row) if settings.resume else None
        if measured is None:
            measured = _measure(settings, row)
        if measured is None:
            failed = True
            lines.append(Line(row=row, what=f"failed, see {settings.out / row}.log", ours="–"))
            continue
        lines += [Line(**line) for line in measured["lines"]]
        say(f"{row}: {measured['wall_s']:.0f} s")
        others.append(measured["others_cores"])
    text = f"{table(lines)}\n\n{_machine()}; other processes meanwhile used at most {max(others):.2f} cores."
    (settings.out / "table.md").write_text(text + "\n", encoding="utf-8")
    print(text)
    return int(failed)


def _measure(settings: Settings, row: str) -> dict[str, Any] | None:
    """Each row has a process of its own: none inherits another's memory, caches or imports."""
    path = _path(settings, row)
    path.unlink(missing_ok=True)
    start_s, busy_s, own_s = time.monotonic(), _busy_s(), _own_s()
    with (settings.out / f"{row}.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks_perf.row", row, *settings.arguments()],
            cwd=ROOT,
            env=None if row in _AS_USERS_RUN_THEM else child_environment(),
            stderr=subprocess.PIPE,
            stdout=log,
            text=True,
        )
        try:
            for text in process.stderr or ():
                log.write(text)
                if text.startswith(f"{row}: "):
                    say(text.rstrip())
            code = process.wait()
        finally:
            process.terminate()  # after an interrupt; it would disturb the next measurement
            process.wait()
    if code or not path.exists():
        tail = (settings.out / f"{row}.log").read_text(errors="replace").strip().splitlines()[-1:]
        say(f"{row}: failed with exit code {code}: {' '.join(tail)}")
        return None
    measured = json.loads(path.read_text(encoding="utf-8"))
    wall_s = time.monotonic() - start_s
    measured |= {
        "settings": settings.describe(),
        "wall_s": wall_s,
        "others_cores": max(0.0, (_busy_s() - busy_s - _own_s() + own_s) / wall_s),
    }
    path.write_text(json.dumps(measured, indent=1), encoding="utf-8")
    return dict(measured)


def _kept(settings: Settings, row: str) -> dict[str, Any] | None:
    path = _path(settings, row)
    if not path.exists():
        return None
    measured = json.loads(path.read_text(encoding="utf-8"))
    if measured.get("settings") != settings.describe():
        return None
    say(f"{row}: kept from {path}")
    return dict(measured)


def _path(settings: Settings, row: str) -> Path:
    return settings.out / f"{row}.json"


def _machine() -> str:
    names = [line.partition(":")[2].strip() for line in _cpuinfo() if line.startswith("model name")]
    return f"{available_cores()} cores, {names[0] if names else platform.machine()}, Python " + (
        platform.python_version()
    )


def _busy_s() -> float:
    """CPU seconds that all processes of the machine have used; 0 where it does not tell."""
    path = Path("/proc/stat")
    if not path.exists():
        return 0.0
    user, nice, system = path.read_text().split()[1:4]
    return (int(user) + int(nice) + int(system)) / os.sysconf("SC_CLK_TCK")


def _own_s() -> float:
    """CPU seconds of this process and of its ended children."""
    return sum(os.times()[:4])


def _cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        say("benchmarks_perf: interrupted; `resume` keeps the rows that are done.")
        sys.exit(130)
