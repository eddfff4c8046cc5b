"""No noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from nascurve.benchmarks.surrogate.noise.noise_model import Blobs, IntArray, NoiseModel
from nascurve.simulator.types import FloatArray


class NoNoise(NoiseModel):
    """Every run of an architecture is its mean curve (rounded to the resolution, where there is one)."""

    id: ClassVar[str] = "none"

    def _fit(self, features: FloatArray, curves: FloatArray, mean: FloatArray, group: IntArray) -> None:
        pass

    def _noise(
        self, features: FloatArray, mean: FloatArray, seeds: Sequence[int], keys: Sequence[str]
    ) -> FloatArray:
        return np.zeros(mean.shape)

    def _state(self) -> tuple[dict[str, Any], Blobs]:
        return {}, {}

    def _restore(self, meta: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
        pass
