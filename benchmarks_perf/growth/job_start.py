"""Part `start`: what a packed job costs before its first run, and what watching packed jobs costs."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import nascurve
from benchmarks_perf.growth import child
from benchmarks_perf.growth.point import Point
from benchmarks_perf.settings import say

_REPEATS = 3
_N_PACKS = (10, 100, 1_000)


def measure_all(*, quick: bool) -> list[Point]:
    points = []
    for benchmark in ("pocket201-digits", "pocket201-mnist"):
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary) / "sweep"
            nascurve.compare(
                ["rs"], benchmark, lce=["none"], seeds=1, budget_trainings=5, out=folder, quiet=True
            )
            found = []
            for _ in range(1 if quick else _REPEATS):
                start_s = time.perf_counter()
                values = child.measure("job_start", folder=str(folder))
                found.append(values | {"wall_s": time.perf_counter() - start_s})
        values = {name: min(one[name] for one in found) for name in found[0]}
        points.append(Point(series=f"job, {benchmark}", size=1, values=values))
    with tempfile.TemporaryDirectory() as temporary:
        for n in _N_PACKS[: 1 if quick else None]:
            points.append(Point(series="watch", size=n, values=_watch(Path(temporary) / str(n), n)))
    say(f"start: a job {points[0].values['wall_s']:.2f} s")
    return points


def measure(*, folder: str) -> dict[str, float]:
    """As the process of a packed job begins: the experiment's configuration and benchmark, and one run.

    cpu_s: of this process from its start, that of the interpreter included.  peak_bytes: of it.
    """
    from benchmarks_perf.growth.one_run import peak_bytes
    from nascurve.experiments.launchers import load_runner

    record = load_runner(Path(folder))((0, 0))
    return {"cpu_s": time.process_time(), "peak_bytes": peak_bytes(), "run_wall_s": record.wall_s}


def _watch(folder: Path, n: int) -> dict[str, float]:
    """Seconds of one look at `n` packed jobs that are waiting."""
    from nascurve.experiments.pack_watch import PackWatch
    from nascurve.experiments.packs import Pack

    start_s = time.perf_counter()
    packs = [Pack.write(folder, f"{number:06}", [(0, number)]) for number in range(n)]
    written_s = time.perf_counter() - start_s

    def ignore(record: Any) -> None:
        pass

    watch = PackWatch(packs, ignore)
    times_s = []
    for _ in range(_REPEATS):
        start_s = time.perf_counter()
        watch.poll()
        times_s.append(time.perf_counter() - start_s)
    return {"write_s": written_s, "poll_s": min(times_s)}
