"""The default noise: scales by architecture, lasting luck, heavy-tailed jitter, and dips apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from nascurve import options
from nascurve.benchmarks.surrogate.noise.curve_inputs import CurveInputs
from nascurve.benchmarks.surrogate.noise.draws import key_normals, run_normals
from nascurve.benchmarks.surrogate.noise.noise_model import Blobs, IntArray, NoiseModel, stored
from nascurve.benchmarks.surrogate.noise.regime import LUCK_RANK, Regime
from nascurve.benchmarks.surrogate.noise.run_residuals import residuals_of
from nascurve.benchmarks.surrogate.noise.run_scales import log_scales
from nascurve.benchmarks.surrogate.noise.scale_model import ScaleModel, cross_predicted
from nascurve.simulator.types import FloatArray

_ROWS_A_REGIME = 600
_MOST_REGIMES = 4
_MOST_SPREAD = 10.0
_INDEPENDENT = 0.5
"""So many independent values stand behind a jitter label for each value: neighbours share a difference."""


class SpikeNoise(NoiseModel):
    """Noise whose size is predicted for each architecture, in three parts (see `Regime`): luck that lasts
    over epochs, jitter with heavy tails, and dips (spikes of the loss) apart.

    The scales T (all noise) and J (jitter) are predicted by `ScaleModel` from the features and the mean
    curve; labels are standard deviations of residuals in a sliding window. The form of the noise is fitted
    for each of up to four regimes, quantiles of the mean curve's first principal component, of 600 runs or
    more.

    half_window: the window holds 2 half_window + 1 epochs.

    Of architectures with one run only the jitter can be seen (`RunResiduals`). Where none has two, there is
    no luck: surrogate runs then differ by jitter alone. `fit` raises ConfigError where nothing can be seen:
    no architecture with two runs, and fewer than 14 epochs.
    """

    id: ClassVar[str] = "spikes"

    def __init__(self, *, seed: int = 0, resolution: int | None = None, half_window: int = 4) -> None:
        super().__init__(seed=seed, resolution=resolution)
        self._half = options.integer("spikes.half_window", half_window, at_least=0)

    @property
    def settings(self) -> dict[str, Any]:
        return {**super().settings, "half_window": self._half}

    def _fit(self, features: FloatArray, curves: FloatArray, mean: FloatArray, group: IntArray) -> None:
        residuals = residuals_of(self.id, curves, group)
        self._inputs = CurveInputs.fit(mean)
        inputs = self._inputs.of(features, mean)
        of_arch = inputs[np.unique(group, return_index=True)[1]]
        log_jitter = self._fit_jitter(of_arch, residuals.jitter, group)
        jitter_scale = np.exp(log_jitter)[group]
        several = np.where(residuals.alone[:, None], np.nan, residuals.off_course)
        log_ratio = self._fit_ratio(of_arch, several / jitter_scale, group)
        total_scale = jitter_scale * np.exp(log_ratio)[group]
        score = inputs[:, features.shape[1]]
        n = min(max(len(curves) // _ROWS_A_REGIME, 1), _MOST_REGIMES)
        self._edges = np.quantile(score, np.arange(1, n) / n)
        place = np.searchsorted(self._edges, score)
        arrays = {
            "off_course": residuals.off_course,
            "several": several,
            "jitter": residuals.jitter,
            "kept": residuals.kept_skewness,
            "total_scale": total_scale,
            "jitter_scale": jitter_scale,
        }
        self._regimes = [
            Regime.fit(**{name: array[place == k] for name, array in arrays.items()}) for k in range(n)
        ]

    def _fit_jitter(self, inputs: FloatArray, jitter: FloatArray, group: IntArray) -> FloatArray:
        """Log scales of the architectures fitted on, (A, E): predicted by a model that has not seen them, and
        moved by what they are off it as a whole, as far as that is not chance (their squares right in the
        mean)."""
        labels, archs, counts = log_scales(jitter, group, self._half)
        self._jitter_model = ScaleModel.fit(inputs[archs], labels, counts, seed=self._seed)
        predicted = cross_predicted(inputs, archs, labels, counts, seed=self._seed)
        off = (labels - predicted[archs]).mean(axis=1)
        chance = 1 / (2 * _INDEPENDENT * counts)
        variance = max(float(np.average(off**2 - chance, weights=counts)), 0.0)
        self._spread = float(np.sqrt(variance))
        kept = variance / (variance + chance)
        predicted[archs] += (off * kept + (1 - kept) * variance)[:, None]
        return predicted

    def _fit_ratio(self, inputs: FloatArray, residuals: FloatArray, group: IntArray) -> FloatArray:
        """Log scales of all noise, relative to the jitter, of the architectures fitted on, (A, E)."""
        n_epochs = residuals.shape[1]
        if not np.isfinite(residuals).any():
            self._ratio_model = ScaleModel.constant(np.zeros(n_epochs))
            return np.zeros((len(inputs), n_epochs))
        labels, archs, counts = log_scales(residuals, group, self._half)
        self._ratio_model = ScaleModel.fit(inputs[archs], labels, counts, seed=self._seed)
        return cross_predicted(inputs, archs, labels, counts, seed=self._seed)

    def _noise(
        self, features: FloatArray, mean: FloatArray, seeds: Sequence[int], keys: Sequence[str]
    ) -> FloatArray:
        inputs = self._inputs.of(features, mean)
        unexplained = self._spread * key_normals(keys, 1)
        jitter_scale = np.exp(self._jitter_model.predict(inputs) + unexplained)
        total_scale = jitter_scale * np.exp(self._ratio_model.predict(inputs))
        normal = run_normals(keys, seeds, LUCK_RANK + 2 * mean.shape[1])
        place = np.searchsorted(self._edges, inputs[:, features.shape[1]])
        noise = np.empty(mean.shape)
        for k in np.unique(place).tolist():
            rows = place == k
            noise[rows] = self._regimes[k].noise(total_scale[rows], jitter_scale[rows], normal[rows])
        return noise

    def _state(self) -> tuple[dict[str, Any], Blobs]:
        arrays = {"edges": self._edges, "spread": np.array([self._spread]), **self._inputs.to_arrays()}
        meta: dict[str, Any] = {}
        for name, model in (("jitter", self._jitter_model), ("ratio", self._ratio_model)):
            meta[name], own = model.to_arrays(name)
            arrays |= own
        for k, regime in enumerate(self._regimes):
            arrays |= regime.to_arrays(f"regime.{k}.")
        return meta, arrays

    def _restore(self, meta: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
        n_epochs = self._n_epochs
        self._edges = stored(arrays, "edges", (-1,))
        self._spread = float(stored(arrays, "spread", (1,))[0])
        if not 0 <= self._spread <= _MOST_SPREAD:
            raise ValueError(f"a spread of {self._spread:g}")
        self._inputs = CurveInputs.from_arrays(arrays, n_epochs)
        self._jitter_model, self._ratio_model = (
            ScaleModel.from_arrays(
                meta[name],
                arrays,
                name,
                n_inputs=self._n_features + self._inputs.n_scores,
                n_epochs=n_epochs,
            )
            for name in ("jitter", "ratio")
        )
        self._regimes = [
            Regime.from_arrays(arrays, f"regime.{k}.", n_epochs) for k in range(len(self._edges) + 1)
        ]
