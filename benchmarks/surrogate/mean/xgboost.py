"""XGBoost, a booster for each code; optional."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nascurve.benchmarks.nb301.trees import Trees
from nascurve.benchmarks.nb301.xgboost_model import read_xgboost
from nascurve.errors import ConfigError
from nascurve.simulator.types import FloatArray

_MAX_ROUNDS = 200
_PATIENCE = 15
_PARAMS: dict[str, Any] = {
    "objective": "reg:squarederror",
    "learning_rate": 0.1,
    "max_depth": 5,
    "min_child_weight": 3,
    "colsample_bynode": 0.4,
    "subsample": 0.8,
    "lambda": 1.0,
    "base_score": 0.0,
    "tree_method": "hist",
    "max_bin": 64,
    "nthread": 1,
}


def fit_xgboost(
    features: FloatArray, codes: FloatArray, weights: FloatArray, stop: NDArray[np.bool_], seed: int
) -> list[str]:
    """JSON of k boosters, one for each standardised code (n, k); `stop` as in `fit_lightgbm`.

    Raises ConfigError where XGBoost is not installed.
    """
    try:
        import xgboost  # type: ignore[import-not-found]
    except ImportError as error:
        raise ConfigError(
            "models: 'xgboost' needs the package xgboost, which is not installed: "
            "pip install 'nascurve[xgboost]'. 'lightgbm' and 'extratrees' need no further package."
        ) from error
    params = {**_PARAMS, "seed": seed}
    texts = []
    for code in codes.T:
        rounds = _MAX_ROUNDS
        if stop.any() and code.std() > 0:
            train, valid = (
                xgboost.DMatrix(features[rows], code[rows], weight=weights[rows]) for rows in (~stop, stop)
            )
            booster = xgboost.train(
                params,
                train,
                _MAX_ROUNDS,
                evals=[(valid, "stop")],
                early_stopping_rounds=_PATIENCE,
                verbose_eval=False,
            )
            rounds = booster.best_iteration + 1
        everything = xgboost.DMatrix(features, code, weight=weights)
        booster = xgboost.train(params, everything, rounds)
        texts.append(bytes(booster.save_raw("json")).decode())
    return texts


def trees_of_xgboost(text: str, *, n_features: int) -> Trees:
    """Raises ValueError, in a few words, for anything but such a booster."""
    return read_xgboost(text.encode(), n_features=n_features)
