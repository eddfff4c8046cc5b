"""`python -m benchmarks_perf.growth`: measure the parts, print the tables, draw the figure."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks_perf.growth import budgets, cores, history, job_start, simulated_workers, sweeps
from benchmarks_perf.growth.figure import draw
from benchmarks_perf.growth.point import Point, read_points, write_points
from benchmarks_perf.growth.table import tables
from benchmarks_perf.settings import Settings, say

USAGE = """\
usage: python -m benchmarks_perf.growth [OPTION=VALUE ...]

Measures time and memory against size, prints the tables of docs/growth.md and draws its figure.

options (defaults):
  rows=history,workers,budget,runs,cores,start    parts to measure; those not named are kept from `out`
  quick=false                                     tiny sizes, to see that all works
  resume=false                                    measure only parts that `out` does not hold
  out=results/growth                              measurements, tables.md and growth.png
"""
PARTS: dict[str, Callable[..., list[Point]]] = {
    "history": history.measure,
    "workers": simulated_workers.measure,
    "budget": budgets.measure_all,
    "runs": sweeps.measure,
    "cores": cores.measure,
    "start": job_start.measure_all,
}


def main(arguments: list[str]) -> int:
    """Exit codes: 0 all was measured; 1 a part failed; 2 usage."""
    if {"-h", "--help"} & set(arguments):
        print(USAGE, end="")
        return 0
    if not any(argument.startswith("out=") for argument in arguments):
        arguments = [*arguments, "out=results/growth"]
    try:
        settings = Settings.read(arguments)
        unknown = [part for part in settings.rows if part not in PARTS]
        if unknown:
            raise ValueError(f"rows: no part is called {unknown[0]!r}; valid: {', '.join(PARTS)}.")
    except ValueError as error:
        say(f"growth: usage: {error}")
        return 2
    settings.out.mkdir(parents=True, exist_ok=True)
    failed = [part for part in settings.rows or PARTS if not _measured(part, settings)]
    points = {part: read_points(path) for part in PARTS if (path := _path(settings.out, part)).exists()}
    text = tables(points)
    (settings.out / "tables.md").write_text(text, encoding="utf-8")
    print(text)
    draw(points, settings.out / "growth.png")
    return int(bool(failed))


def _measured(part: str, settings: Settings) -> bool:
    """Measure a part, unless that is done; whether that went well."""
    path = _path(settings.out, part)
    if settings.resume and path.exists():
        say(f"{part}: kept from {path}")
        return True
    start_s = time.monotonic()
    try:
        points = PARTS[part](quick=settings.quick)
    except RuntimeError as error:  # of a child process, which has said more
        say(f"{part}: failed: {error}")
        return False
    write_points(points, path)
    say(f"{part}: {time.monotonic() - start_s:.0f} s")
    return True


def _path(out: Path, part: str) -> Path:
    return out / f"{part}.json"


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        say("growth: interrupted; `resume` keeps the parts that are done.")
        sys.exit(130)
