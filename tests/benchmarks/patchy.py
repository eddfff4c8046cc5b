"""A benchmark with diverged runs, and with networks that were trained more often than others."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from nascurve.benchmarks.curve_benchmark import CurveBenchmark
from nascurve.benchmarks.enumeration import all_architectures
from nascurve.benchmarks.synthetic import SyntheticBenchmark
from nascurve.errors import ConfigError
from nascurve.simulator.types import Architecture, LearningCurve

EPOCHS = 8
N_NETWORKS = 5425


class Patchy(CurveBenchmark):
    """Synthetic curves over cell201, but every 7th network diverges after half of the epochs, and every other
    one has three runs, the rest one. Networks are numbered in the order of their keys."""

    def __init__(self) -> None:
        self._whole = SyntheticBenchmark(max_epochs=EPOCHS, n_seeds=3)
        space = self._whole.space
        self.archs = {space.key(arch): arch for arch in all_architectures(space) or ()}
        self._number = {key: number for number, key in enumerate(sorted(self.archs))}
        super().__init__(info=dataclasses.replace(self._whole.info, n_seeds=1), space=space)

    def number(self, arch: Architecture) -> int:
        return self._number[self.space.key(arch)]

    def _make(self, archs: Sequence[Architecture], seeds: Sequence[int]) -> list[LearningCurve]:
        for arch, seed in zip(archs, seeds, strict=True):
            if seed >= self.training_runs(arch):
                raise ConfigError(f"seed {seed}: {arch} has {self.training_runs(arch)} run(s).")
        return [
            curve if self.number(arch) % 7 else _diverged(curve)
            for arch, curve in zip(archs, self._whole.query_many(archs, seeds), strict=True)
        ]

    def training_runs(self, arch: Architecture) -> int:
        return 1 if self.number(arch) % 2 else 3

    def true_test_acc(self, arch: Architecture) -> float:
        return self._whole.true_test_acc(arch)

    def best(self) -> tuple[Architecture, float] | None:
        return self._whole.best()


def _diverged(curve: LearningCurve) -> LearningCurve:
    val_acc = np.where(np.arange(EPOCHS) < EPOCHS // 2, curve.val_acc, np.nan)
    return LearningCurve(val_acc=val_acc, epoch_s=curve.epoch_s, test_acc=curve.test_acc)
