"""The noise of the x11 surrogates: a kernel density estimate of what the truncated SVD left over."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nascurve.simulator.types import FloatArray

_CLIP = 3.0
_DAMPING = 2.0


class ResidualNoise:
    """Draws whole curves of noise from SciPy's `gaussian_kde`, without SciPy's object: a data point, chosen
    by the weights, plus a normal vector with the kernel's covariance; the distribution of
    `gaussian_kde.resample`.

    arrays: dataset (n, epochs), root (epochs, epochs) with root root^T the kernel's covariance, and
    cumulative_weights (n,) where the points are not alike; as `checkpoint` gives them under "noise.". Raises
    ValueError for others.
    """

    def __init__(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self._dataset: FloatArray = arrays["noise.dataset"]
        self._root: FloatArray = arrays["noise.root"]
        self._cumulative: FloatArray | None = arrays.get("noise.cumulative_weights")
        if (
            self._dataset.ndim != 2
            or not len(self._dataset)
            or self._root.shape != (self.epochs, self.epochs)
        ):
            raise ValueError("a noise model whose parts do not fit each other")
        if self._cumulative is not None and self._cumulative.shape != (len(self._dataset),):
            raise ValueError("a noise model with other weights than points")

    @property
    def epochs(self) -> int:
        return int(self._dataset.shape[1])

    def sample(self, names: Sequence[str], seeds: Sequence[int]) -> FloatArray:
        """One draw for each (name, seed), of shape (n, epochs): the same for the same pair, in every
        process."""
        rows = np.empty(len(names), np.intp)
        normal = np.empty((len(names), self.epochs))
        for i, (name, seed) in enumerate(zip(names, seeds, strict=True)):
            rng = _generator(name, seed)
            rows[i] = self._choose(rng)
            normal[i] = rng.standard_normal(self.epochs)
        noise: FloatArray = self._dataset[rows]
        # not a matrix product, whose order of summation, and so the last bit, depends on the number of rows
        for part, direction in zip(normal.T, self._root.T, strict=True):
            noise += part[:, None] * direction
        return noise

    def faithful_sample(self, names: Sequence[str], seeds: Sequence[int]) -> FloatArray:
        """`sample` as the official code adds it: clipped to +-3 units of the curve, then halved."""
        return np.clip(self.sample(names, seeds), -_CLIP, _CLIP) / _DAMPING

    def _choose(self, rng: np.random.Generator) -> int:
        if self._cumulative is None:
            return int(rng.integers(len(self._dataset)))
        place = int(np.searchsorted(self._cumulative, rng.random(), side="right"))
        return min(place, len(self._dataset) - 1)


def _generator(name: str, seed: int) -> np.random.Generator:
    digest = hashlib.sha256(f"{seed}:{name}".encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "little")))
