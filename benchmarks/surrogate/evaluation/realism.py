"""Can a classifier tell real curves from simulated ones?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nascurve.simulator.types import FloatArray

N_FOLDS = 5
_WINDOW = 5
_SETTINGS: dict[str, Any] = {
    "n_estimators": 200,
    "learning_rate": 0.05,
    "num_leaves": 15,
    "min_child_samples": 5,
    "subsample": 0.8,
    "subsample_freq": 1,
    "colsample_bytree": 0.3,
    "n_jobs": 1,
    "verbose": -1,
}
"""Chosen on pocket201-mnist's real curves against three crude noise models: as sharp as random forests."""


def curve_features(curves: FloatArray) -> FloatArray:
    """(n, d) of complete curves (n, E): the accuracies, their differences from epoch to epoch, the standard
    deviation in each window of 5 epochs, and the maximum minus the last value."""
    parts = [curves, np.diff(curves, axis=1)]
    if curves.shape[1] >= _WINDOW:
        windows = np.lib.stride_tricks.sliding_window_view(curves, _WINDOW, axis=1)
        parts.append(windows.std(axis=2))
    parts.append((curves.max(axis=1) - curves[:, -1])[:, None])
    return np.concatenate(parts, axis=1)


def auc_real_vs_simulated(
    real: FloatArray, simulated: FloatArray, keys: Sequence[str], *, rng: np.random.Generator
) -> float:
    """Area under the ROC curve of boosted trees (LightGBM) that tell real curves from simulated ones, both
    (n, E); .5: they cannot.

    keys: (n,), the architecture of real[i], of which simulated[i] is a simulation. Cross-validated in 5 folds
    by key, so that curves of an architecture are never on both sides; the AUC is that of the pooled
    out-of-fold probabilities. NaN with fewer than 10 architectures.
    """
    from lightgbm import LGBMClassifier
    from sklearn.metrics import roc_auc_score

    names, group = np.unique(np.array(keys), return_inverse=True)
    if len(names) < 2 * N_FOLDS:
        return math.nan
    fold_of_key = rng.permutation(len(names)) % N_FOLDS
    fold: NDArray[np.intp] = np.tile(fold_of_key[group], 2)
    features = curve_features(np.concatenate([real, simulated]))
    label = np.repeat([1, 0], len(real))
    model_seed = int(rng.integers(2**31))
    probability = np.empty(len(label))
    for number in range(N_FOLDS):
        out = fold == number
        model = LGBMClassifier(**_SETTINGS, random_state=model_seed)
        model.fit(features[~out], label[~out])
        probability[out] = np.asarray(model.predict_proba(features[out]))[:, 1]
    return float(roc_auc_score(label, probability))
