"""Small data and a surrogate without a model, for the tests of the evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import nascurve
from nascurve.benchmarks.surrogate.curve_data import CurveData
from nascurve.simulator.types import Architecture

Array = np.ndarray[Any, Any]
SPACE = nascurve.create_search_space("cell201")
E = 12
NOISE = 0.01


def true_curve(arch: Architecture, n_epochs: int = E) -> Array:
    """Better with every 3x3 convolution."""
    good = str(arch).count("nor_conv_3x3") + 0.5 * str(arch).count("nor_conv_1x1")
    return np.asarray(0.3 + 0.08 * good + 0.1 * (1 - 1 / np.arange(1, n_epochs + 1)))


def architectures(n: int) -> list[Architecture]:
    """n distinct networks."""
    rng = np.random.default_rng(0)
    found: dict[str, Architecture] = {}
    while len(found) < n:
        arch = SPACE.sample(rng)
        found.setdefault(SPACE.key(arch), arch)
    return list(found.values())


def data(counts: Sequence[int], *, seed: int = 0) -> CurveData:
    """Runs of len(counts) architectures, so many of each."""
    rng = np.random.default_rng(seed)
    archs = [arch for arch, n in zip(architectures(len(counts)), counts, strict=True) for _ in range(n)]
    curves = np.array([true_curve(arch) + rng.normal(0, NOISE, E) for arch in archs])
    return CurveData.of(SPACE, archs, curves)


class FakeSurrogate:
    """Knows the true mean curves, shifted by `shift`; adds white noise of std `noise`."""

    diverged = 0.0

    def __init__(self, *, shift: float = 0.0, noise: float = NOISE, n_epochs: int = E) -> None:
        self.shift, self.noise, self.n_epochs = shift, noise, n_epochs
        self.early: Array | None = None

    def mean_curves(self, archs: Sequence[Architecture], early: Array | None = None) -> Array:
        self.early = early
        return np.array([true_curve(arch, self.n_epochs) for arch in archs]) + self.shift

    def curves(
        self, archs: Sequence[Architecture], seeds: Sequence[int], early: Array | None = None
    ) -> Array:
        means = self.mean_curves(archs, early)
        rng = np.random.default_rng(len(archs))
        return np.clip(means + rng.normal(0, self.noise, means.shape), 0, 1)

    def divergence(self, archs: Sequence[Architecture]) -> Array:
        return np.full(len(archs), self.diverged)
