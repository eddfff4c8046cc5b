"""Dips: sudden losses of accuracy, which the following epochs make good."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nascurve.benchmarks.surrogate.noise.noise_model import Blobs, stored
from nascurve.simulator.types import FloatArray

_CHANCES = np.geomspace(0.002, 0.5, 60)
_MOST_VARIANCE = 0.8
_LEAST_SKEWNESS = 0.05
_DEEPEST = 100.0
_MAX_RECOVERY = 3
"""Epochs after which a dip is over."""


class Dips:
    """At epoch t a dip begins with probability chance_t; its depth, in standard deviations of the jitter, has
    a gamma distribution of shape 2 with scale depth_t. Of a dip the share lasting^k is left k epochs later
    (k <= 3).

    chance, depth: (E,); lasting in [0, .9].
    """

    def __init__(self, chance: FloatArray, depth: FloatArray, lasting: float) -> None:
        self.chance, self.depth, self.lasting = chance, depth, lasting
        self._left: FloatArray = lasting ** np.arange(_MAX_RECOVERY + 1, dtype=np.float64)

    @classmethod
    def fit(cls, third: FloatArray, fourth: FloatArray, lasting: float) -> Dips:
        """From cumulants of noise with variance 1 at each epoch, (E,).

        A negative third one is the dips' doing (the rest is symmetric), and of the chances that give it that
        one is taken that comes nearest to the fourth. No dips where the third is above -.05. They make at
        most .8 of the variance.
        """
        chance, depth = np.zeros(len(third)), np.ones(len(third))
        unit = _unit_cumulants(_CHANCES)
        left = [float((lasting ** (k * np.arange(_MAX_RECOVERY + 1))).sum()) for k in range(5)]
        for t in np.flatnonzero(third < -_LEAST_SKEWNESS):
            scale = (-third[t] / (unit[3] * left[3])) ** (1 / 3)
            allowed = (unit[3] > 0) & (scale**2 * unit[2] * left[2] <= _MOST_VARIANCE)
            if not allowed.any():
                continue
            miss = np.where(allowed, np.abs(scale**4 * unit[4] * left[4] - fourth[t]), np.inf)
            best = int(np.argmin(miss))
            chance[t], depth[t] = _CHANCES[best], scale[best]
        return cls(chance, depth, lasting)

    def cumulants(self) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """First to fourth cumulant of the loss at each epoch, each (E,)."""
        unit = _unit_cumulants(self.chance)
        of_new = [np.zeros(0), *(self.depth**k * unit[k] for k in range(1, 5))]
        first, second, third, fourth = (
            self._spread(of_new[k], np.asarray(self._left**k)) for k in range(1, 5)
        )
        return first, second, third, fourth

    def losses(self, normal: FloatArray) -> FloatArray:
        """(n, E), at least 0, in standard deviations of the jitter, from standard normal draws (n, E). Their
        mean is `cumulants()[0]`."""
        from scipy.special import gammaincinv, ndtr

        begins = np.zeros(normal.shape)
        chance = np.broadcast_to(self.chance, normal.shape)
        there = np.nonzero(ndtr(normal) < chance)
        within = ndtr(normal[there]) / chance[there]
        begins[there] = gammaincinv(2.0, 1 - within) * np.broadcast_to(self.depth, normal.shape)[there]
        return self._spread(begins, self._left)

    def _spread(self, begins: FloatArray, left: FloatArray) -> FloatArray:
        total = begins.copy()
        for wait, share in enumerate(left[1:].tolist(), start=1):
            if share > 0 and wait < begins.shape[-1]:
                total[..., wait:] += share * begins[..., :-wait]
        return total

    def to_arrays(self) -> Blobs:
        return {
            "dips.chance": self.chance,
            "dips.depth": self.depth,
            "dips.lasting": np.array([self.lasting]),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], n_epochs: int) -> Dips:
        chance, depth = (stored(arrays, f"dips.{name}", (n_epochs,)) for name in ("chance", "depth"))
        lasting = float(stored(arrays, "dips.lasting", (1,))[0])
        if (chance < 0).any() or (chance > 0.5).any() or (depth < 0).any() or not 0 <= lasting <= 0.9:
            raise ValueError("dips with chances beyond [0, .5], depths below 0 or lasting beyond [0, .9]")
        made = cls(chance, depth, lasting)
        if depth.max() > _DEEPEST or made.cumulants()[1].max() > _MOST_VARIANCE + 1e-6:
            raise ValueError(
                f"dips deeper than {_DEEPEST:g}, or of more than {_MOST_VARIANCE} of the variance"
            )
        return made


def _unit_cumulants(chance: FloatArray) -> list[FloatArray]:
    """Of chance times a gamma variable of shape 2 and scale 1 (else 0): cumulants 0 to 4."""
    m1, m2, m3, m4 = 2 * chance, 6 * chance, 24 * chance, 120 * chance
    return [
        np.zeros_like(chance),
        m1,
        m2 - m1**2,
        m3 - 3 * m2 * m1 + 2 * m1**3,
        m4 - 4 * m3 * m1 - 3 * m2**2 + 12 * m2 * m1**2 - 6 * m1**4,
    ]
