"""Results of made-up studies, for the tests of statistics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from nascurve.experiments.results import Results
from nascurve.simulator.types import FloatArray

from .fakes import runs

Changes = Sequence[tuple[float, float]]
"""(time_s, regret) of a run."""


def results(
    curves: Mapping[tuple[str, str], Mapping[int, Changes]],
    *,
    budget_s: float = 100.0,
    best: float | None = 1.0,
    name: str = "bench",
) -> Results:
    """Of the runs of each method by seed, as if read from a folder."""
    frames = []
    for key, by_seed in curves.items():
        frame = runs({key: list(by_seed.values())}, best=best)
        if len(frame):
            frames.append(frame.assign(seed=np.array(list(by_seed))[frame["seed"].to_numpy()]))
    methods = [{"optimizer": {"label": opt}, "lce": {"label": lce}} for opt, lce in curves]
    experiment = {"benchmark": {"name": name}, "run": {"budget_s": budget_s}, "methods": methods}
    return Results(runs=pd.concat(frames), config={"experiment": experiment}, path=Path(name))


def finals(values: Mapping[tuple[str, str], FloatArray], **options: object) -> Results:
    """Each run has one incumbent, found at 1 s, whose regret is the value."""
    curves = {
        key: {seed: [(1.0, float(value))] for seed, value in enumerate(own)} for key, own in values.items()
    }
    return results(curves, **options)  # type: ignore[arg-type]


def searches(n_methods: int, n_seeds: int, *, rng: np.random.Generator, budget_s: float = 100.0) -> Results:
    """Random searches that get better method by method; every second one has LCE."""
    curves = {}
    for place in range(n_methods):
        key = ("rs" if place < 2 else f"opt{place // 2}", "lv" if place % 2 else "none")
        by_seed = {}
        for seed in range(n_seeds):
            times = np.sort(rng.uniform(0.01, 0.99, 8)) * budget_s
            regrets = np.sort(rng.beta(2, 2 + place / 2, 8))[::-1] * 0.1
            by_seed[seed] = list(zip(times.tolist(), regrets.tolist(), strict=True))
        curves[key] = by_seed
    return results(curves, budget_s=budget_s)
