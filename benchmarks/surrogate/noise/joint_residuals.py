"""Complete residual curves, for models of their joint density."""

from __future__ import annotations

import numpy as np

from nascurve.benchmarks.surrogate.noise.noise_model import IntArray
from nascurve.benchmarks.surrogate.noise.run_residuals import residuals_of
from nascurve.errors import ConfigError
from nascurve.simulator.types import FloatArray


def joint_residuals(model: str, curves: FloatArray, group: IntArray) -> FloatArray:
    """Residuals (n, E) of the runs whose residuals are known at all epochs: of those off their architecture's
    mean if there are two, otherwise of those off their own smooth. Raises ConfigError with fewer than two."""
    residuals = residuals_of(model, curves, group)
    complete = np.isfinite(residuals.off_course).all(axis=1)
    several = complete & ~residuals.alone
    chosen = residuals.off_course[several if several.sum() >= 2 else complete]
    if len(chosen) < 2:
        raise ConfigError(f"{model}: expected at least two complete runs; got {len(chosen)}. Give more runs.")
    return chosen


def times(rows: FloatArray, root: FloatArray) -> FloatArray:
    """rows (n, k) @ root.T of root (E, k). Not by BLAS, whose last digits depend on the number of rows."""
    product = np.zeros((len(rows), len(root)))
    for column, direction in zip(rows.T, root.T, strict=True):
        product += column[:, None] * direction
    return product
