"""Part `cores`: one sweep on one process and on as many as there are cores."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from benchmarks_perf.growth import child
from benchmarks_perf.growth.point import Point
from benchmarks_perf.settings import say
from nascurve.experiments.folder import ExperimentFolder
from nascurve.experiments.store import RunStore
from nascurve.experiments.store_schema import to_records
from nascurve.processes import available_cores

_SEEDS = 100  # on two cores of an ordinary machine a minute or more
_TRAININGS = 200


def measure(*, quick: bool) -> list[Point]:
    """The main comparison. `efficiency`: the time on one process / (processes x the time on so many)."""
    points: list[Point] = []
    methods: list[Any] = [
        {"optimizer": optimizer, "lce": lce}
        for optimizer in ("rs", "re", "ls", "bananas")
        for lce in ("none", "last_value")
    ]
    for processes in sorted({1, available_cores()}):
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary) / "sweep"
            values = child.measure(
                "one_sweep",
                step="run",
                folder=str(folder),
                methods=methods,
                seeds=4 if quick else _SEEDS,
                budget_trainings=_TRAININGS,
                processes=processes,
            )
            if processes == 1:
                points += _seconds_a_run(folder)
            n_runs = len(methods) * (4 if quick else _SEEDS)
            store_bytes = sum(file.stat().st_size for file in (folder / "store").iterdir())
            values["store_bytes_per_run"] = store_bytes / n_runs
            values["one_file_bytes_per_run"] = _one_file_bytes(folder) / n_runs
        first = next((point for point in points if point.series == "sweep"), None)
        first_s = values["wall_s"] if first is None else first.values["wall_s"]
        values["efficiency"] = first_s / (processes * values["wall_s"])
        points.append(Point(series="sweep", size=processes, values=values))
        say(f"cores: {processes}: {values['wall_s']:.1f} s, efficiency {values['efficiency']:.0%}")
    return points


def _one_file_bytes(folder: Path) -> int:
    """Of the store as one file, as a packed job of all runs would write it."""
    records = list(to_records(ExperimentFolder(folder).store.read()))
    together = RunStore(folder / "together")
    together.append("all", records)
    return (together.path / "all.parquet").stat().st_size


def _seconds_a_run(folder: Path) -> list[Point]:
    """Mean real seconds of a run by method."""
    from nascurve.experiments.results import read_results

    totals = read_results(folder).totals
    means = totals.groupby(totals["optimizer"] + ", " + totals["lce"], sort=False)["wall_s"].mean()
    return [
        Point(series=name, size=1, values={"run_wall_s": float(mean)})
        for name, mean in zip(means.index, means, strict=True)
    ]
