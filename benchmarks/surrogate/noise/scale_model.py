"""How large the noise of an architecture is at each epoch, predicted from its features and mean curve."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nascurve.benchmarks.nb301.lightgbm_model import read_lightgbm
from nascurve.benchmarks.nb301.trees import Trees
from nascurve.benchmarks.surrogate.noise.noise_model import stored
from nascurve.simulator.types import FloatArray

_LEAST_ROWS = 20
_LEAST_SIZE = 1e-9
_FOLDS = 4
_MOST_LOG = 100.0


class ScaleModel:
    """Predicts curves (A, E), here logarithms of standard deviations, from inputs (A, d).

        curve(x) = mean + f(x) component

    with the first principal component of the curves fitted on and a LightGBM regression f. More components
    made late epochs noisier than the data on pocket201-mnist's development half. With fewer than 20 curves:
    the mean, for all.
    """

    def __init__(self, mean: FloatArray, component: FloatArray, trees: Trees | None) -> None:
        self._mean, self._component, self._trees = mean, component, trees

    @classmethod
    def fit(cls, inputs: FloatArray, curves: FloatArray, weights: FloatArray, *, seed: int) -> ScaleModel:
        """curves: (A, E), finite. weights: (A,), how much each says. The same arguments, the same model."""
        mean = np.average(curves, axis=0, weights=weights)
        constant = cls.constant(mean)
        if len(curves) < _LEAST_ROWS:
            return constant
        root_weights = np.sqrt(weights / weights.mean())[:, None]
        _, sizes, rows = np.linalg.svd((curves - mean) * root_weights, full_matrices=False)
        if sizes[0] < _LEAST_SIZE:
            return constant
        return cls(mean, rows[0], boosted(inputs, (curves - mean) @ rows[0], weights, seed=seed))

    @classmethod
    def constant(cls, mean: FloatArray) -> ScaleModel:
        """The same curve for all."""
        return cls(mean, np.zeros(len(mean)), None)

    def predict(self, inputs: FloatArray) -> FloatArray:
        """(n, E), within [-100, 100]: exponentials are finite; a row does not depend on the others."""
        curves = np.repeat(self._mean[None], len(inputs), axis=0)
        if self._trees is not None:
            curves += self._trees.predict(inputs)[:, None] * self._component
        return np.clip(curves, -_MOST_LOG, _MOST_LOG)

    def to_arrays(self, prefix: str) -> tuple[dict[str, Any] | None, dict[str, NDArray[Any]]]:
        arrays = {f"{prefix}.mean": self._mean, f"{prefix}.component": self._component}
        if self._trees is None:
            return None, arrays
        return self._trees.meta(), arrays | self._trees.to_arrays(f"{prefix}.")

    @classmethod
    def from_arrays(
        cls,
        meta: Mapping[str, Any] | None,
        arrays: Mapping[str, NDArray[Any]],
        prefix: str,
        *,
        n_inputs: int,
        n_epochs: int,
    ) -> ScaleModel:
        """Raises ValueError, KeyError or TypeError for what `to_arrays` never gave."""
        trees = None if meta is None else Trees.from_arrays(arrays, f"{prefix}.", meta)
        if trees is not None and trees.n_features != n_inputs:
            raise ValueError(f"{prefix}: trees over {trees.n_features} inputs instead of {n_inputs}")
        mean, component = (stored(arrays, f"{prefix}.{name}", (n_epochs,)) for name in ("mean", "component"))
        return cls(mean, component, trees)


def cross_predicted(
    inputs: FloatArray, labelled: NDArray[np.intp], curves: FloatArray, weights: FloatArray, *, seed: int
) -> FloatArray:
    """Of every row of inputs (A, d) the curve (A, E) that a model predicts which has not seen its own label:
    one of four, fitted to three quarters of the labelled rows (A',) with curves (A', E)."""
    fold = np.random.default_rng(seed).permutation(len(inputs)) % _FOLDS
    predicted = np.empty((len(inputs), curves.shape[1]))
    for k in range(_FOLDS):
        seen = fold[labelled] != k
        if not seen.any():
            seen[:] = True
        model = ScaleModel.fit(inputs[labelled[seen]], curves[seen], weights[seen], seed=seed)
        predicted[fold == k] = model.predict(inputs[fold == k])
    return predicted


def boosted(
    inputs: FloatArray, target: FloatArray, weights: FloatArray, *, seed: int, rounds: int = 60
) -> Trees:
    """A LightGBM regression of target (A,) on inputs (A, d), as plain arrays."""
    import lightgbm

    settings = {
        "objective": "regression",
        "learning_rate": 0.1,
        "num_leaves": 8,
        "min_data_in_leaf": 10,
        "feature_fraction": 0.7,
        "bagging_fraction": 0.7,
        "bagging_freq": 1,
        "lambda_l2": 1.0,
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,
        "verbosity": -1,
    }
    data = lightgbm.Dataset(inputs, target, weight=weights)
    booster = lightgbm.train(settings, data, num_boost_round=rounds)
    return read_lightgbm(booster.model_to_string(), n_features=inputs.shape[1])
