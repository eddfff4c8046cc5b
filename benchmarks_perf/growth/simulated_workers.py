"""Part `workers`: one run as the number of its simulated workers grows."""

from __future__ import annotations

from benchmarks_perf.growth import child
from benchmarks_perf.growth.point import Point
from benchmarks_perf.settings import say

_EVALUATIONS = {"rs": 20_000, "re": 20_000, "ls": 20_000, "bananas": 2_000}
_WORKERS = (1, 10, 100, 1_000)
_REPEATS = 3


def measure(*, quick: bool) -> list[Point]:
    """CPU time an evaluation, the least of some processes' (of one for bananas, where it varies little)."""
    points = []
    for optimizer, evaluations in _EVALUATIONS.items():
        if quick:
            evaluations //= 20
        for workers in _WORKERS:
            found = [
                child.measure(
                    "one_run",
                    optimizer=optimizer,
                    benchmark="pocket201-mnist",
                    marks=[evaluations],
                    workers=workers,
                )[0]
                for _ in range(1 if quick or optimizer == "bananas" else _REPEATS)
            ]
            values = {
                "cpu_us_per_evaluation": 1e6 * min(one["cpu_s"] for one in found) / evaluations,
                "peak_bytes": min(one["peak_bytes"] for one in found),
            }
            points.append(Point(series=optimizer, size=workers, values=values))
        say(f"workers: {optimizer}: {points[-1].values['cpu_us_per_evaluation']:.1f} µs with {workers}")
    return points
