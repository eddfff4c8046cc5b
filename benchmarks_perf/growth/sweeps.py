"""Part `runs`: comparisons on real processes, as the number of their runs grows, by seeds or by methods."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks_perf.growth import child
from benchmarks_perf.growth.point import Point
from benchmarks_perf.settings import say
from nascurve.experiments.folder import ExperimentFolder
from nascurve.processes import available_cores

_TRAININGS = 50  # runs of a millisecond: what the sweep adds to them shows
_N_SEEDS = 100


def measure(*, quick: bool) -> list[Point]:
    points = []
    for runs in (100,) if quick else (100, 1_000, 10_000, 100_000):
        points.append(_point("seeds", runs, _methods(2), runs // 2))
    for runs in (200,) if quick else (200, 1_000, 10_000):
        points.append(_point("methods", runs, _methods(runs // _N_SEEDS), _N_SEEDS))
    return points


def _methods(n: int) -> list[Any]:
    """Different ones of about the same cost."""
    return [
        {"optimizer": {"id": "re", "label": f"re-{size}", "population_size": size}, "lce": "none"}
        for size in range(10, 10 + n)
    ]


def _point(series: str, runs: int, methods: list[Any], seeds: int) -> Point:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "sweep"
        given = {
            "folder": str(folder),
            "methods": methods,
            "seeds": seeds,
            "budget_trainings": _TRAININGS,
            "processes": available_cores(),
        }
        values = child.measure("one_sweep", step="run", **given)
        for step in ("again", "read"):
            found = child.measure("one_sweep", step=step, **given)
            values |= {f"{step}_{name}": value for name, value in found.items() if "worker" not in name}
        store = list((folder / "store").iterdir())
        values["store_files"] = len(store)
        values["store_bytes"] = sum(file.stat().st_size for file in store)
        start_s = time.perf_counter()
        ExperimentFolder(folder).read_config()
        values["config_s"] = time.perf_counter() - start_s
    say(f"runs: {series}: {runs:,} runs in {values['wall_s']:.1f} s, again {values['again_wall_s']:.1f} s")
    return Point(series=series, size=runs, values=values)
