"""A kernel density estimate of whole residual curves, the same for all architectures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from nascurve.benchmarks.surrogate.noise.draws import run_normals
from nascurve.benchmarks.surrogate.noise.joint_residuals import joint_residuals, times
from nascurve.benchmarks.surrogate.noise.noise_model import Blobs, IntArray, NoiseModel, stored
from nascurve.simulator.types import FloatArray


class KernelNoise(NoiseModel):
    """One of the residual curves fitted on, plus a normal vector with the kernel's covariance.

    The second noise model of NAS-Bench-x11 (Yan et al. 2021): a Gaussian kernel density with Scott's factor,
    n^(-1 / (E + 4)) times the residuals' covariance. There the residuals are what a truncated SVD leaves of a
    curve, and the released code clips the draws at +-3 points and halves them; here they are those of
    `RunResiduals`, neither clipped nor halved.

    Needs two runs that are complete (without NaN), off their architecture's mean or long enough to smooth.
    """

    id: ClassVar[str] = "kde"

    def _fit(self, features: FloatArray, curves: FloatArray, mean: FloatArray, group: IntArray) -> None:
        self._points = joint_residuals(self.id, curves, group)
        n, n_epochs = self._points.shape
        factor = n ** (-1 / (n_epochs + 4))
        values, vectors = np.linalg.eigh(np.cov(self._points.T))
        self._root = factor * vectors * np.sqrt(np.maximum(values, 0.0))

    def _noise(
        self, features: FloatArray, mean: FloatArray, seeds: Sequence[int], keys: Sequence[str]
    ) -> FloatArray:
        from scipy.special import ndtr

        normal = run_normals(keys, seeds, 1 + mean.shape[1])
        place = (ndtr(normal[:, 0]) * len(self._points)).astype(np.intp)
        return self._points[np.minimum(place, len(self._points) - 1)] + times(normal[:, 1:], self._root)

    def _state(self) -> tuple[dict[str, Any], Blobs]:
        return {}, {"points": self._points, "root": self._root}

    def _restore(self, meta: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
        self._points = stored(arrays, "points", (-1, self._n_epochs))
        self._root = stored(arrays, "root", (self._n_epochs, self._n_epochs))
        if not len(self._points):
            raise ValueError("a kernel density without points")
