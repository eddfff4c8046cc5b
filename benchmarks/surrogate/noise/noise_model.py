"""The base of all noise models: checks, range, resolution, saving."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nascurve import options
from nascurve.benchmarks.surrogate.noise.resolution import resolution_of
from nascurve.errors import ConfigError
from nascurve.simulator.types import FloatArray

IntArray = NDArray[np.intp]
Blobs = dict[str, NDArray[Any]]
_MOST_RESOLUTION = 10**9
_MOST_STORED = 1e12
"""No number of a fitted model comes near it; sums and squares of such numbers stay finite."""


class NoiseModel(ABC):
    """Makes noisy learning curves from mean curves, as trainings of the architecture would give.

    `fit` once, then `sample` as often as wanted. Subclasses give `_fit`, `_noise`, `_state` and `_restore`.

    seed: of whatever is random in the fit.
    resolution: accuracies are multiples of 1 / resolution (the number of validation examples), and so are
        those of sampled curves. None: found from the curves fitted on, where it shows. 0: not rounded.
    """

    id: ClassVar[str]

    def __init__(self, *, seed: int = 0, resolution: int | None = None) -> None:
        self._seed = options.integer(f"{self.id}.seed", seed, at_least=0)
        self._asked_resolution = (
            None
            if resolution is None
            else options.integer(f"{self.id}.resolution", resolution, at_least=0, at_most=_MOST_RESOLUTION)
        )
        self._resolution = 0
        self._n_features = -1
        self._n_epochs = -1

    @property
    def settings(self) -> dict[str, Any]:
        """Arguments that make such a model."""
        return {"seed": self._seed, "resolution": self._asked_resolution}

    def fit(self, *, features: ArrayLike, curves: ArrayLike, mean: ArrayLike, group: ArrayLike) -> None:
        """Learn from R training runs.

        features: (R, d), of each run's architecture.
        curves: (R, E), accuracies; NaN: not measured or diverged.
        mean: (R, E), the curve that is predicted for the architecture by a model that has not seen it.
        group: (R,), whole numbers, equal for runs of one architecture.

        Raises ConfigError for shapes that disagree, features or means that are not finite, accuracies outside
        [0, 1], and fewer than two epochs; see also the model.
        """
        rows = _matrix(self.id, "features", features)
        measured = _matrix(self.id, "curves", curves)
        predicted = _matrix(self.id, "mean", mean)
        _check_fit(self.id, rows, measured, predicted)
        groups = np.unique(_integers(self.id, "group", group, len(measured)), return_inverse=True)[1]
        self._n_features, self._n_epochs = rows.shape[1], measured.shape[1]
        asked = self._asked_resolution
        self._resolution = resolution_of(measured) if asked is None else asked
        self._fit(rows, measured, predicted, groups.astype(np.intp))

    def sample(
        self, *, features: ArrayLike, mean: ArrayLike, seeds: ArrayLike, keys: Sequence[str]
    ) -> FloatArray:
        """Noisy curves, (n, E), in [0, 1]: mean curves (n, E) with the noise of the training run that
        (keys[i], seeds[i]) name. Row i depends on row i of the arguments alone, and is the same in every
        process. Where a mean is NaN (diverged), the curve is.

        Raises ConfigError for shapes that disagree with each other or with those fitted on, or before `fit`.
        """
        if self._n_epochs < 0:
            raise ConfigError(f"{self.id}: expected a fitted noise model. Call fit first, or load one.")
        rows = _matrix(self.id, "features", features)
        means = _matrix(self.id, "mean", mean)
        numbers = _integers(self.id, "seeds", seeds, len(means))
        if rows.shape != (len(means), self._n_features) or means.shape[1] != self._n_epochs:
            raise ConfigError(
                f"{self.id}: expected features of shape (n, {self._n_features}) and mean curves of shape "
                f"(n, {self._n_epochs}), as fitted; got {rows.shape} and {means.shape}."
            )
        if len(keys) != len(means):
            raise ConfigError(f"{self.id}: expected {len(means)} keys, one for each row; got {len(keys)}.")
        if not len(means):
            return means.copy()
        curves = np.clip(means + self._noise(rows, means, numbers.tolist(), keys), 0.0, 1.0)
        return np.rint(curves * self._resolution) / self._resolution if self._resolution else curves

    def to_arrays(self) -> tuple[dict[str, Any], Blobs]:
        """All that `noise_from_arrays` needs: what JSON can hold, and plain arrays by name.

        Raises ConfigError before `fit`.
        """
        if self._n_epochs < 0:
            raise ConfigError(f"{self.id}: expected a fitted noise model. Call fit first.")
        meta, arrays = self._state()
        fitted = {
            "n_features": self._n_features,
            "n_epochs": self._n_epochs,
            "found_resolution": self._resolution,
        }
        return {"id": self.id, "settings": self.settings, "fitted": fitted, "model": meta}, arrays

    @classmethod
    def from_arrays(cls, meta: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Self:
        """The model that `to_arrays` gave. Raises ValueError, KeyError or TypeError for anything else:
        `noise_from_arrays` makes one clear error of them."""
        model = cls(**meta["settings"])
        fitted = meta["fitted"]
        for name, least in (("n_features", 0), ("n_epochs", 2), ("found_resolution", 0)):
            if type(fitted[name]) is not int or not least <= fitted[name] <= _MOST_RESOLUTION:
                raise ValueError(f"{name} is {fitted[name]!r:.40}")
        model._n_features, model._n_epochs = fitted["n_features"], fitted["n_epochs"]
        model._resolution = fitted["found_resolution"]
        model._restore(meta["model"], arrays)
        return model

    @abstractmethod
    def _fit(self, features: FloatArray, curves: FloatArray, mean: FloatArray, group: IntArray) -> None:
        """As `fit`; group holds 0 to A - 1."""

    @abstractmethod
    def _noise(
        self, features: FloatArray, mean: FloatArray, seeds: Sequence[int], keys: Sequence[str]
    ) -> FloatArray:
        """What is added to the mean curves, (n, E)."""

    @abstractmethod
    def _state(self) -> tuple[dict[str, Any], Blobs]:
        """What was fitted."""

    @abstractmethod
    def _restore(self, meta: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take what `_state` gave, checked: nothing of a file is trusted."""


def stored(arrays: Mapping[str, NDArray[Any]], name: str, shape: tuple[int, ...]) -> FloatArray:
    """An array of a file, with this shape (-1: any length). Raises ValueError for another or one with values
    that are not finite or beyond 1e12, KeyError when it is missing."""
    array = arrays[name]
    fits = array.ndim == len(shape) and all(w in (-1, n) for w, n in zip(shape, array.shape, strict=True))
    if array.dtype != np.float64 or not fits or not (np.abs(array) <= _MOST_STORED).all():
        raise ValueError(f"{name} is {array.dtype} {array.shape}, not float64 {shape} up to 1e12")
    return np.ascontiguousarray(array)


def _matrix(model: str, name: str, values: ArrayLike) -> FloatArray:
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{model}: expected numbers as {name} ({error}).") from error
    if array.ndim != 2:
        raise ConfigError(f"{model}: expected {name} with two axes, a row for each run; got {array.shape}.")
    return array


def _integers(model: str, name: str, values: ArrayLike, n: int) -> IntArray:
    array = np.asarray(values)
    if array.shape != (n,) or array.dtype.kind not in "iu":
        raise ConfigError(
            f"{model}: expected {n} whole numbers as {name}; got {array.dtype} of shape {array.shape}."
        )
    return array.astype(np.intp)


def _check_fit(model: str, features: FloatArray, curves: FloatArray, mean: FloatArray) -> None:
    if len(features) != len(curves) or mean.shape != curves.shape:
        raise ConfigError(
            f"{model}: expected features (R, d), curves (R, E) and mean (R, E) of the same R and E; got "
            f"{features.shape}, {curves.shape} and {mean.shape}."
        )
    if not len(curves) or curves.shape[1] < 2:
        raise ConfigError(f"{model}: expected at least one run of two epochs; got curves {curves.shape}.")
    if not (np.isfinite(features).all() and np.isfinite(mean).all()):
        raise ConfigError(f"{model}: expected finite features and mean curves; got NaN or infinity.")
    known = curves[np.isfinite(curves)]
    if not len(known) or np.isinf(curves).any() or known.min() < 0 or known.max() > 1:
        raise ConfigError(
            f"{model}: expected accuracies in [0, 1], NaN where there is none, and not NaN alone; got "
            + (f"{known.min():g} to {known.max():g}." if len(known) else "no finite value.")
        )
