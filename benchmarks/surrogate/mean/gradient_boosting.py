"""LightGBM, a booster for each code."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nascurve.simulator.types import FloatArray

MAX_ROUNDS = 200
_PATIENCE = 15
_PARAMS: dict[str, Any] = {
    "objective": "regression",
    "learning_rate": 0.1,
    "num_leaves": 12,
    "min_data_in_leaf": 5,
    "feature_fraction": 0.4,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 1.0,
    "max_bin": 63,
    "min_data_in_bin": 1,
    "num_threads": 1,
    "deterministic": True,
    "force_row_wise": True,
    "verbose": -1,
}


def fit_lightgbm(
    features: FloatArray, codes: FloatArray, weights: FloatArray, stop: NDArray[np.bool_], seed: int
) -> list[str]:
    """The texts of k boosters, one for each code (n, k), which must be standardised.

    stop: (n,), the rows whose error decides on the number of rounds: a booster is fitted without them until
    their error has not fallen for 15 rounds (200 at most); then one with all rows and the best number.
    """
    import lightgbm

    params = {**_PARAMS, "seed": seed}
    texts = []
    for code in codes.T:
        everything = lightgbm.Dataset(features, code, weight=weights, params=params, free_raw_data=False)
        rounds = MAX_ROUNDS
        if stop.any() and code.std() > 0:
            fitted, held = ~stop, stop
            train = lightgbm.Dataset(features[fitted], code[fitted], weight=weights[fitted], params=params)
            valid = train.create_valid(features[held], code[held], weight=weights[held])
            booster = lightgbm.train(
                params,
                train,
                MAX_ROUNDS,
                valid_sets=[valid],
                callbacks=[lightgbm.early_stopping(_PATIENCE, verbose=False)],
            )
            rounds = max(booster.best_iteration, 1)
        texts.append(lightgbm.train(params, everything, rounds).model_to_string())
    return texts
