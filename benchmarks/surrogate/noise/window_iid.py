"""The sliding window of NAS-Bench-x11: a standard deviation for each architecture and epoch, no more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from nascurve import options
from nascurve.benchmarks.surrogate.noise.curve_inputs import CurveInputs
from nascurve.benchmarks.surrogate.noise.draws import run_normals
from nascurve.benchmarks.surrogate.noise.noise_model import Blobs, IntArray, NoiseModel
from nascurve.benchmarks.surrogate.noise.run_residuals import residuals_of
from nascurve.benchmarks.surrogate.noise.run_scales import log_scales
from nascurve.benchmarks.surrogate.noise.scale_model import ScaleModel
from nascurve.simulator.types import FloatArray


class WindowNoise(NoiseModel):
    """Independent normal draws at each epoch; their standard deviation is learnt from the features and the
    mean curve.

    After the third noise model of NAS-Bench-x11 (Yan et al. 2021). There the residuals are what a truncated
    SVD leaves of a curve, labels use a window of nine epochs, and the released code multiplies the whole
    vector of deviations by one draw. Here residuals are those of `RunResiduals`, windows as wide, and draws
    independent, as in the paper's text.

    half_window: the window holds 2 half_window + 1 epochs. ConfigError as `SpikeNoise`.
    """

    id: ClassVar[str] = "window_iid"

    def __init__(self, *, seed: int = 0, resolution: int | None = None, half_window: int = 4) -> None:
        super().__init__(seed=seed, resolution=resolution)
        self._half = options.integer("window_iid.half_window", half_window, at_least=0)

    @property
    def settings(self) -> dict[str, Any]:
        return {**super().settings, "half_window": self._half}

    def _fit(self, features: FloatArray, curves: FloatArray, mean: FloatArray, group: IntArray) -> None:
        residuals = residuals_of(self.id, curves, group).off_course
        self._inputs = CurveInputs.fit(mean)
        of_arch = self._inputs.of(features, mean)[np.unique(group, return_index=True)[1]]
        labels, archs, weights = log_scales(residuals, group, self._half)
        self._scale = ScaleModel.fit(of_arch[archs], labels, weights, seed=self._seed)

    def _noise(
        self, features: FloatArray, mean: FloatArray, seeds: Sequence[int], keys: Sequence[str]
    ) -> FloatArray:
        scale = np.exp(self._scale.predict(self._inputs.of(features, mean)))
        return scale * run_normals(keys, seeds, mean.shape[1])

    def _state(self) -> tuple[dict[str, Any], Blobs]:
        trees, arrays = self._scale.to_arrays("scale")
        return {"scale": trees}, {**arrays, **self._inputs.to_arrays()}

    def _restore(self, meta: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
        self._inputs = CurveInputs.from_arrays(arrays, self._n_epochs)
        n_inputs = self._n_features + self._inputs.n_scores
        self._scale = ScaleModel.from_arrays(
            meta["scale"], arrays, "scale", n_inputs=n_inputs, n_epochs=self._n_epochs
        )
