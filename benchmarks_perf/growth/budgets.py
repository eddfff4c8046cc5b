"""Part `budget`: one run as its budget grows, in trainings of a random architecture."""

from __future__ import annotations

import time

import nascurve
from benchmarks_perf.growth import child
from benchmarks_perf.growth.point import Point
from benchmarks_perf.settings import say
from nascurve.experiments.config import reference_values

_SERIES: dict[str, tuple[str, str | None]] = {
    "rs": ("rs", None),
    "re": ("re", None),
    "ls": ("ls", None),
    "rs + last_value": ("rs", "last_value"),
}
_TRAININGS = (10, 100, 1_000, 10_000, 100_000)
_REPEATS = 3


def measure_all(*, quick: bool) -> list[Point]:
    points = []
    for name, (optimizer, extrapolator) in _SERIES.items():
        for trainings in _TRAININGS[: 3 if quick else None]:
            found = child.measure(
                "budgets", optimizer=optimizer, extrapolator=extrapolator, trainings=trainings
            )
            points.append(Point(series=name, size=trainings, values=found))
        say(f"budget: {name}: {points[-1].values['cpu_s']:.2f} CPU s for {trainings:,} trainings")
    return points


def measure(*, optimizer: str, extrapolator: str | None, trainings: int) -> dict[str, float]:
    """CPU seconds of a run, the least of some after the first."""
    bench = nascurve.load_benchmark("pocket201-mnist")
    budget_s = trainings * reference_values(bench)["mean_training_s"]
    times_s, evaluations = [], 0
    for _ in range(1 + _REPEATS):
        searcher = nascurve.create_optimizer(optimizer, bench.space, seed=0)
        if extrapolator is not None:
            inner = nascurve.create_extrapolator(extrapolator)
            searcher = nascurve.LCE(searcher, inner, e_few=0.25, k=8, top_n=3)
        start_s = time.process_time()
        evaluations = nascurve.simulate(searcher, bench, budget_s=budget_s, seed=0).n_evaluations
        times_s.append(time.process_time() - start_s)
    return {"cpu_s": min(times_s[1:]), "evaluations": evaluations}
