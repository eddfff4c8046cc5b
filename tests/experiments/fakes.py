"""Small benchmarks and runs for the tests of experiments."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

import nascurve
from nascurve.simulator.types import Architecture, Benchmark, LearningCurve


def content(folder: Path) -> dict[str, bytes]:
    """All files of a folder but `.lock`, which says who held it last."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


def synthetic(**options: Any) -> Benchmark:
    return nascurve.load_benchmark("synthetic", **options)


class Wrapped:
    """A benchmark object, not an id, whose answers can be changed."""

    def __init__(self, *, best_known: bool = True, broken_seed: int | None = None) -> None:
        self._inner = synthetic()
        self._best_known = best_known
        self.broken_seed = broken_seed
        self.info = dataclasses.replace(self._inner.info, name="wrapped")
        self.space = self._inner.space

    def query(self, arch: Architecture, *, seed: int, epochs: int | None = None) -> LearningCurve:
        if seed == self.broken_seed:
            raise RuntimeError("the disk with the curves is gone")
        return self._inner.query(arch, seed=seed, epochs=epochs)

    def query_many(self, archs: Sequence[Architecture], seeds: Sequence[int]) -> list[LearningCurve]:
        return self._inner.query_many(archs, seeds)

    def true_test_acc(self, arch: Architecture) -> float:
        return self._inner.true_test_acc(arch)

    def best(self) -> tuple[Architecture, float] | None:
        return self._inner.best() if self._best_known else None


def runs(
    curves: dict[tuple[str, str], Sequence[Sequence[tuple[float, float]]]], *, best: float | None = 1.0
) -> pd.DataFrame:
    """Rows of runs.parquet: for each method, for each seed, the (time_s, regret) of its changes."""
    rows = []
    for (optimizer, lce), seeds in curves.items():
        for seed, changes in enumerate(seeds):
            for n, (time_s, regret) in enumerate(changes, 1):
                rows.append(
                    {
                        "optimizer": optimizer,
                        "lce": lce,
                        "seed": seed,
                        "time_s": time_s,
                        "epochs": 10 * n,
                        "evaluations": n,
                        "val_acc": 0.9 - regret,
                        "test_acc": 1.0 - regret,
                        "regret": float("nan") if best is None else regret - (1.0 - best),
                    }
                )
    return pd.DataFrame(rows)
