"""Standard normal numbers made heavy-tailed."""

from __future__ import annotations

import numpy as np

from nascurve.simulator.types import FloatArray

MOST_KURTOSIS = 6.0
_GRID = np.linspace(0.0, 0.16, 321)


def heavy_tailed(normal: FloatArray, kurtosis: FloatArray) -> FloatArray:
    """b z + d z^3 of standard normal z (n, E): mean 0, variance 1 and the excess kurtosis (E,), from 0 to 6
    (Fleishman 1978, without skewness)."""
    d = np.interp(kurtosis, _excess(_GRID), _GRID)
    return _linear(d) * normal + d * normal**3


def _linear(d: FloatArray) -> FloatArray:
    return np.asarray(np.sqrt(1 - 6 * d**2) - 3 * d)


def _excess(d: FloatArray) -> FloatArray:
    b = _linear(d)
    return np.asarray(3 * b**4 + 60 * b**3 * d + 630 * b**2 * d**2 + 3780 * b * d**3 + 10395 * d**4 - 3)
