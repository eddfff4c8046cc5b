"""Gradient-boosted trees that learn from the fully trained curves of this run how much is still to come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from nascurve import options
from nascurve.lce._curve_learner import CurveLearner, Learnt, Sample
from nascurve.lce._features import checked_kind, feature_blocks, late_gain
from nascurve.simulator.types import FloatArray, Prediction

if TYPE_CHECKING:
    from lightgbm import Booster

_N_FOLDS = 5
_OBJECTIVES = {"l1": "regression_l1", "l2": "regression"}
_MAX_INT32 = 2**31 - 1
_MAX_LEAVES = 131_072
"""LightGBM's own limit of num_leaves; its other integers are C ints."""


def _features(prefixes: FloatArray, encodings: FloatArray | None) -> FloatArray:
    """(n, e) -> (n, d): Baker's, the maximum, the late gain, and the encodings (n, d'), if any."""
    own = np.stack([prefixes.max(axis=1), late_gain(prefixes)], axis=1)
    known = [] if encodings is None else [encodings]
    return np.ascontiguousarray(np.hstack([*feature_blocks(prefixes), own, *known]))


class GradientBoosting:
    """LightGBM on features of the prefix; the target is the increment y_at - y_e that is still to come.

    Features: those of Baker et al. (2017), the maximum, and the gain over the second half of the prefix. The
    curves are split into 5 folds (curve i into fold i mod 5), and one small model is fitted without each
    fold. The prediction is y_e + the mean of the five, clipped to [0, 1]. Its std and quantiles come from the
    errors of the models on the folds they had not seen (`ResidualSpread`); quantile regression, tried
    instead, is calibrated worse and takes five times as long (docs/lce-lcsvr.md). Models are fitted when
    first needed for a prefix length and an epoch, and kept until the next `fit`. One thread, deterministic.

    With fewer than `min_curves` curves, or with curves shorter than the epoch asked for, it predicts as
    `LastValue`, with normal quantiles, and says so in the log, once.

    loss: "l1", absolute error; or "l2", squared error, by which a few curves that start late spoil all others
        (NAS-Bench-NLP). min_curves: at least 5. encoding: None, or the kind of encoding of the architecture
        that joins the features where `fit` and `predict` are given it. n_rounds, num_leaves,
        min_data_in_leaf, learning_rate, feature_fraction, seed: LightGBM's.
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
        loss: str = "l1",
        encoding: str | None = None,
        seed: int = 0,
    ) -> None:

        def integer(name: str, value: object, at_least: int, at_most: int = _MAX_INT32) -> int:
            return options.integer(f"GradientBoosting.{name}", value, at_least=at_least, at_most=at_most)

        def share(name: str, value: object) -> float:
            return options.real(f"GradientBoosting.{name}", value, above=0, at_most=1)

        min_curves = integer("min_curves", min_curves, _N_FOLDS)
        self._n_rounds = integer("n_rounds", n_rounds, 1)
        self._params: dict[str, Any] = {
            "objective": _OBJECTIVES[options.choice("GradientBoosting.loss", loss, tuple(_OBJECTIVES))],
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
        self.encoding = checked_kind(encoding, "GradientBoosting.encoding")
        self._learner = CurveLearner(self._learn, min_curves=min_curves, owner=self)

    def fit(self, curves: ArrayLike, encodings: ArrayLike | None = None) -> None:
        """Keep fully trained curves (m, epochs) and the encodings (m, d) of their architectures, if any;
        models are fitted when `predict` asks for one. Raises ConfigError for bad input."""
        self._learner.fit(curves, encodings)

    def predict(self, prefixes: ArrayLike, at_epoch: int, encodings: ArrayLike | None = None) -> Prediction:
        """Predict from prefixes (n, e_few) at a later epoch; with `encodings` (n, d), if `fit` had some, by
        models that use them. Raises ConfigError for bad input."""
        return self._learner.predict(prefixes, at_epoch, encodings)

    def _learn(self, sample: Sample) -> Learnt:
        import lightgbm

        features = _features(sample.seen, sample.encodings)
        target = sample.target - sample.seen[:, -1]
        fold = np.arange(len(target)) % _N_FOLDS
        held_out = sample.seen[:, -1].copy()
        boosters: list[Booster] = []
        for number in range(_N_FOLDS):
            out = fold == number
            data = lightgbm.Dataset(features[~out], target[~out], params=self._params)
            booster = lightgbm.train(self._params, data, self._n_rounds)
            held_out[out] += _apply(booster, features[out])
            boosters.append(booster)

        def predict(prefixes: FloatArray, encodings: FloatArray | None) -> FloatArray:
            ours = _features(prefixes, encodings)
            increments = np.mean([_apply(booster, ours) for booster in boosters], axis=0)
            return np.asarray(prefixes[:, -1] + increments)

        return Learnt(predict, held_out)


def _apply(booster: Booster, features: FloatArray) -> FloatArray:
    return np.asarray(booster.predict(features, num_threads=1), dtype=np.float64)
