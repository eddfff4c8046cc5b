"""Gradient-boosted trees that learn from the fully trained curves of this run how much is still to come."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nascurve import options
from nascurve.lce._inputs import checked_curves, checked_prefixes
from nascurve.lce.last_value import LastValue
from nascurve.simulator.types import FloatArray, Prediction

if TYPE_CHECKING:
    from lightgbm import Booster

_log = logging.getLogger(__name__)
_N_FOLDS = 5
_MAX_INT32 = 2**31 - 1
_MAX_LEAVES = 131_072
"""LightGBM's own limit of num_leaves; its other integers are C ints."""


@dataclass(frozen=True, slots=True)
class _Fitted:
    boosters: list[Booster]
    std: float


def _features(prefixes: FloatArray) -> FloatArray:
    """(n, e) -> (n, d): the curve, first and second differences, mean, std, maximum and late gain.

    The late gain is that over the second half. All but the last two are those of Baker et al. (2017).
    """
    n, epochs = prefixes.shape
    first = np.diff(prefixes, axis=1)
    second = np.diff(first, axis=1) if epochs > 2 else np.empty((n, 0))
    late_gain = prefixes[:, -1] - prefixes[:, epochs // 2 - 1 if epochs > 1 else 0]
    statistics = np.stack(
        [prefixes.mean(axis=1), prefixes.std(axis=1), prefixes.max(axis=1), late_gain], axis=1
    )
    return np.ascontiguousarray(np.hstack([prefixes, first, second, statistics]))


class GradientBoosting:
    """LightGBM on features of the prefix; the target is the increment y_at - y_e that is still to come.

    The curves are split into 5 folds (curve i into fold i mod 5), and one small model is fitted without each
    fold. The prediction is y_e + the mean of the five, clipped to [0, 1]; std is the root mean square error
    of the models on the folds they had not seen. Models are fitted when first needed for a prefix length and
    an epoch, and kept until the next `fit`. One thread, deterministic.

    With fewer than `min_curves` curves, or with curves shorter than the epoch asked for, it predicts as
    `LastValue` and says so in the log, once.

    min_curves: at least 5. n_rounds, num_leaves, min_data_in_leaf, learning_rate, feature_fraction, seed:
        LightGBM's.
    """

    def __init__(
        self,
        *,
        min_curves: int = 20,
        n_rounds: int = 30,
        num_leaves: int = 6,
        min_data_in_leaf: int = 5,
        learning_rate: float = 0.15,
        feature_fraction: float = 0.5,
        seed: int = 0,
    ) -> None:

        def integer(name: str, value: object, at_least: int, at_most: int = _MAX_INT32) -> int:
            return options.integer(f"GradientBoosting.{name}", value, at_least=at_least, at_most=at_most)

        def share(name: str, value: object) -> float:
            return options.real(f"GradientBoosting.{name}", value, above=0, at_most=1)

        self._min_curves = integer("min_curves", min_curves, _N_FOLDS)
        self._n_rounds = integer("n_rounds", n_rounds, 1)
        self._params: dict[str, Any] = {
            "objective": "regression",
            "num_leaves": integer("num_leaves", num_leaves, 2, _MAX_LEAVES),
            "min_data_in_leaf": integer("min_data_in_leaf", min_data_in_leaf, 1),
            "learning_rate": share("learning_rate", learning_rate),
            "feature_fraction": share("feature_fraction", feature_fraction),
            "max_bin": 63,
            "min_data_in_bin": 1,
            "seed": integer("seed", seed, 0),
            "num_threads": 1,
            "deterministic": True,
            "force_row_wise": True,
            "verbose": -1,
        }
        self._curves: FloatArray = np.empty((0, 0))
        self._fitted: dict[tuple[int, int], _Fitted] = {}
        self._fallback = LastValue()
        self._fallback_logged = False

    def fit(self, curves: FloatArray) -> None:
        """Keep fully trained curves (m, epochs); models are fitted to them when `predict` asks for one."""
        self._curves = checked_curves(curves, self).copy()
        self._fitted.clear()
        self._fallback.fit(self._curves)

    def predict(self, prefixes: FloatArray, at_epoch: int) -> Prediction:
        """Predict from prefixes (n, e_few) at a later epoch. Raises ConfigError for bad input."""
        prefixes = checked_prefixes(prefixes, at_epoch, self)
        n, epochs = prefixes.shape
        if len(self._curves) < self._min_curves or self._curves.shape[1] < at_epoch:
            self._log_fallback()
            return self._fallback.predict(prefixes, at_epoch)
        if n == 0:
            return Prediction(mean=np.empty(0), std=np.empty(0))
        key = (epochs, at_epoch)
        if key not in self._fitted:
            self._fitted[key] = self._fit_models(epochs, at_epoch)
        fitted = self._fitted[key]
        features = _features(prefixes)
        increments = np.mean([_apply(booster, features) for booster in fitted.boosters], axis=0)
        return Prediction(mean=np.clip(prefixes[:, -1] + increments, 0, 1), std=np.full(n, fitted.std))

    def _fit_models(self, epochs: int, at_epoch: int) -> _Fitted:
        import lightgbm

        seen = np.ascontiguousarray(self._curves[:, :epochs])
        features = _features(seen)
        target = self._curves[:, at_epoch - 1] - seen[:, -1]
        fold = np.arange(len(target)) % _N_FOLDS
        errors = np.empty(len(target))
        boosters = []
        for held_out in range(_N_FOLDS):
            out = fold == held_out
            data = lightgbm.Dataset(features[~out], target[~out], params=self._params)
            booster = lightgbm.train(self._params, data, self._n_rounds)
            errors[out] = target[out] - _apply(booster, features[out])
            boosters.append(booster)
        return _Fitted(boosters=boosters, std=float(np.sqrt(np.mean(errors**2))))

    def _log_fallback(self) -> None:
        if not self._fallback_logged:
            self._fallback_logged = True
            _log.warning(
                "GradientBoosting predicts the last value until it has %d fully trained curves (now %d).",
                self._min_curves,
                len(self._curves),
            )


def _apply(booster: Booster, features: FloatArray) -> FloatArray:
    return np.asarray(booster.predict(features, num_threads=1), dtype=np.float64)
