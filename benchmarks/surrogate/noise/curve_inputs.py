"""What the noise is predicted from: an architecture's features and the form of its mean curve."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nascurve.benchmarks.surrogate.noise.noise_model import Blobs, stored
from nascurve.simulator.types import FloatArray

_COMPONENTS = 5


class CurveInputs:
    """Inputs (n, d + 5): features (n, d), and the scores of mean curves (n, E) on the first five principal
    components of the mean curves fitted on. Mean curves enter smoothed by that, so a mean over few runs and a
    predicted one, which differ in roughness, give like inputs."""

    def __init__(self, centre: FloatArray, components: FloatArray) -> None:
        self._centre, self._components = centre, components

    @classmethod
    def fit(cls, mean: FloatArray) -> CurveInputs:
        centre = mean.mean(axis=0)
        rows = np.linalg.svd(mean - centre, full_matrices=False)[2][:_COMPONENTS]
        signs = np.where(rows.sum(axis=1) < 0, -1.0, 1.0)[:, None]
        return cls(centre, rows * signs)

    @property
    def n_scores(self) -> int:
        return len(self._components)

    def of(self, features: FloatArray, mean: FloatArray) -> FloatArray:
        """A row depends on its own features and mean curve alone (no BLAS, which sums by batch size)."""
        centred = np.where(np.isfinite(mean), mean - self._centre, 0.0)
        scores = np.zeros((len(mean), len(self._components)))
        for epoch, weights in enumerate(self._components.T):
            scores += centred[:, epoch, None] * weights
        return np.concatenate([features, scores], axis=1)

    def to_arrays(self) -> Blobs:
        return {"inputs.centre": self._centre, "inputs.components": self._components}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], n_epochs: int) -> CurveInputs:
        return cls(
            stored(arrays, "inputs.centre", (n_epochs,)),
            stored(arrays, "inputs.components", (-1, n_epochs)),
        )
