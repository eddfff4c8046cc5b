"""A Gaussian mixture of whole residual curves, the same for all architectures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from nascurve import options
from nascurve.benchmarks.surrogate.noise.draws import run_normals
from nascurve.benchmarks.surrogate.noise.joint_residuals import joint_residuals, times
from nascurve.benchmarks.surrogate.noise.noise_model import Blobs, IntArray, NoiseModel, stored
from nascurve.simulator.types import FloatArray

_RUNS_A_COMPONENT = 4
_LEAST_VARIANCE = 1e-8


class MixtureNoise(NoiseModel):
    """A normal vector with the mean and full covariance of a component, drawn by the components' weights
    (scikit-learn's GaussianMixture on the residuals of `RunResiduals`).

    n_components: no more are fitted than one for each 4 E complete runs of E epochs, but at least one.
    """

    id: ClassVar[str] = "gmm"

    def __init__(self, *, seed: int = 0, resolution: int | None = None, n_components: int = 5) -> None:
        super().__init__(seed=seed, resolution=resolution)
        self._n_components = options.integer("gmm.n_components", n_components, at_least=1)

    @property
    def settings(self) -> dict[str, Any]:
        return {**super().settings, "n_components": self._n_components}

    def _fit(self, features: FloatArray, curves: FloatArray, mean: FloatArray, group: IntArray) -> None:
        from sklearn.mixture import GaussianMixture

        points = joint_residuals(self.id, curves, group)
        most = max(1, len(points) // (_RUNS_A_COMPONENT * points.shape[1]))
        most = min(most, len(np.unique(points, axis=0)))
        mixture: Any = GaussianMixture(  # type: ignore[no-untyped-call]
            min(self._n_components, most), reg_covar=_LEAST_VARIANCE, random_state=self._seed
        )
        mixture.fit(points)
        self._weights = np.asarray(mixture.weights_, dtype=np.float64)
        self._means = np.asarray(mixture.means_, dtype=np.float64)
        self._roots = np.linalg.cholesky(mixture.covariances_)

    def _noise(
        self, features: FloatArray, mean: FloatArray, seeds: Sequence[int], keys: Sequence[str]
    ) -> FloatArray:
        from scipy.special import ndtr

        normal = run_normals(keys, seeds, 1 + mean.shape[1])
        place = np.searchsorted(np.cumsum(self._weights)[:-1], ndtr(normal[:, 0]), side="right")
        noise = self._means[place]
        for k in np.unique(place).tolist():
            rows = place == k
            noise[rows] += times(normal[rows, 1:], self._roots[k])
        return noise

    def _state(self) -> tuple[dict[str, Any], Blobs]:
        return {}, {"weights": self._weights, "means": self._means, "roots": self._roots}

    def _restore(self, meta: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
        n_epochs = self._n_epochs
        self._weights = stored(arrays, "weights", (-1,))
        k = len(self._weights)
        self._means = stored(arrays, "means", (k, n_epochs))
        self._roots = stored(arrays, "roots", (k, n_epochs, n_epochs))
        if not k or (self._weights < 0).any() or abs(self._weights.sum() - 1) > 1e-6:
            raise ValueError("weights that are not at least 0 with the sum 1")
