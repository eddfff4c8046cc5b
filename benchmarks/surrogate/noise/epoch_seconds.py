"""Seconds of an epoch, predicted from an architecture's features."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nascurve import options
from nascurve.benchmarks.nb301.trees import Trees
from nascurve.benchmarks.surrogate.noise.scale_model import boosted
from nascurve.errors import ConfigError, DataFileError
from nascurve.simulator.types import FloatArray

_LEAST_ROWS = 20
_LEAST_SPREAD = 1e-6
_ROUNDS = 300
_MOST_LOG = 100.0


class EpochSeconds:
    """exp(m + f(x)): m is the mean logarithm of the seconds, f a LightGBM regression of what is left.

    The same number, exp(m), for all architectures where fewer than 20 runs have seconds, or all the same ones
    (a spread of their logarithms below 1e-6). Predictions stay within the range of the seconds fitted on.
    """

    def __init__(self, *, seed: int = 0) -> None:
        self._seed = options.integer("epoch_seconds.seed", seed, at_least=0)
        self._trees: Trees | None = None
        self._range: FloatArray | None = None

    def fit(self, features: ArrayLike, epoch_s: ArrayLike) -> None:
        """features: (R, d). epoch_s: (R,), mean seconds of an epoch of each run; NaN: unknown.

        Raises ConfigError for shapes that disagree, features that are not finite, seconds that are infinite
        or not above 0, and no known seconds.
        """
        rows, seconds = np.asarray(features, dtype=np.float64), np.asarray(epoch_s, dtype=np.float64)
        if rows.ndim != 2 or seconds.shape != (len(rows),) or not np.isfinite(rows).all():
            raise ConfigError(
                "epoch seconds: expected finite features (R, d) and seconds (R,); got shapes "
                f"{rows.shape} and {seconds.shape}."
            )
        known = ~np.isnan(seconds)
        if not known.any() or not (seconds[known] > 0).all() or np.isinf(seconds).any():
            raise ConfigError(
                "epoch seconds: expected numbers above 0, NaN where they are unknown, and one that is known."
            )
        logs = np.log(seconds[known])
        middle = float(logs.mean())
        self._n_features = rows.shape[1]
        self._range = np.array([np.exp(middle), seconds[known].min(), seconds[known].max()])
        self._trees = None
        if len(logs) >= _LEAST_ROWS and logs.std() > _LEAST_SPREAD and self._n_features:
            self._trees = boosted(
                rows[known], logs - middle, np.ones(len(logs)), seed=self._seed, rounds=_ROUNDS
            )

    def predict(self, features: ArrayLike) -> FloatArray:
        """Seconds of an epoch, (n,), of features (n, d). Raises ConfigError before `fit` or for another d."""
        rows = np.asarray(features, dtype=np.float64)
        if self._range is None:
            raise ConfigError("epoch seconds: expected a fitted model. Call fit first, or load one.")
        if rows.ndim != 2 or rows.shape[1] != self._n_features:
            raise ConfigError(f"epoch seconds: expected features (n, {self._n_features}); got {rows.shape}.")
        middle, lowest, highest = self._range.tolist()
        if self._trees is None:
            return np.full(len(rows), middle)
        logs = np.clip(self._trees.predict(rows), -_MOST_LOG, _MOST_LOG)
        seconds: FloatArray = np.clip(middle * np.exp(logs), lowest, highest)
        return seconds

    def to_arrays(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """All that `from_arrays` needs: what JSON can hold, and plain arrays by name."""
        if self._range is None:
            raise ConfigError("epoch seconds: expected a fitted model. Call fit first.")
        meta = {"seed": self._seed, "n_features": self._n_features, "trees": None}
        arrays = {"seconds.range": self._range}
        if self._trees is None:
            return meta, arrays
        return {**meta, "trees": self._trees.meta()}, arrays | self._trees.to_arrays("seconds.")

    @classmethod
    def from_arrays(cls, meta: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> EpochSeconds:
        """The model that `to_arrays` described. Runs no code from it. Raises DataFileError for anything
        else."""
        try:
            model = cls(seed=meta["seed"])
            model._n_features = options.integer("n_features", meta["n_features"], at_least=0)
            model._range = np.array(arrays["seconds.range"], dtype=np.float64)
            middle, lowest, highest = model._range.tolist()
            if not 0 < lowest <= middle * (1 + 1e-9) or not middle <= highest * (1 + 1e-9) < np.inf:
                raise ValueError(f"a range of seconds {lowest:g}, {middle:g}, {highest:g}")
            if meta["trees"] is not None:
                model._trees = Trees.from_arrays(arrays, "seconds.", meta["trees"])
                if model._trees.n_features != model._n_features:
                    raise ValueError("trees over another number of features")
        except (ValueError, KeyError, TypeError, AttributeError, ConfigError) as error:
            raise DataFileError(
                "A saved model of epoch seconds is damaged or was altered "
                f"({type(error).__name__}: {error}). Expected what EpochSeconds.to_arrays gave; fit the "
                "surrogate again, or get the files again."
            ) from error
        return model
