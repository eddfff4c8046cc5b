"""Extremely randomised trees over all codes at once."""

from __future__ import annotations

import numpy as np

from nascurve.benchmarks.nb301.trees import Trees
from nascurve.benchmarks.surrogate.mean.forest import Forest
from nascurve.simulator.types import FloatArray

N_TREES = 60
_MAX_FEATURES = 0.3


def fit_extratrees(features: FloatArray, codes: FloatArray, weights: FloatArray, seed: int) -> Forest:
    """Trees of scikit-learn's ExtraTreesRegressor on features (n, d) and codes (n, k), as a forest.

    One tree predicts all codes, in the units of the curves, so that a split is judged by what it explains of
    the whole curve. Geurts, Ernst & Wehenkel 2006, "Extremely randomized trees".
    """
    from sklearn.tree import ExtraTreeRegressor

    rows = features.astype(np.float32)
    target = codes[:, 0] if codes.shape[1] == 1 else codes
    forests = []
    # tree by tree: the ensemble's own thread pool warns when it is used from threads
    for tree_seed in np.random.default_rng(seed).integers(2**31, size=N_TREES).tolist():
        model = ExtraTreeRegressor(  # type: ignore[no-untyped-call]
            max_features=_MAX_FEATURES, random_state=tree_seed
        )
        model.fit(rows, target, sample_weight=weights)
        forests.append(_forest(model.tree_, features.shape[1]))
    return Forest.joined(forests, [1 / N_TREES] * N_TREES)


def _forest(tree: object, n_features: int) -> Forest:
    """One of scikit-learn's trees: a row goes left where its feature is at most the threshold."""
    left, feature = np.asarray(tree.children_left), np.asarray(tree.feature)  # type: ignore[attr-defined]
    leaf = left < 0
    values = np.asarray(tree.value)[leaf, :, 0]  # type: ignore[attr-defined]
    threshold = np.empty(len(left))
    threshold[leaf] = np.arange(len(values))
    split = np.asarray(tree.threshold)[~leaf]  # type: ignore[attr-defined]
    threshold[~leaf] = np.nextafter(split, np.inf)
    trees = Trees(
        n_features=n_features,
        roots=np.zeros(1, np.int32),
        feature=np.where(leaf, -1, feature).astype(np.int32),
        threshold=threshold,
        left=left.astype(np.int32),
        right=np.asarray(tree.children_right).astype(np.int32),  # type: ignore[attr-defined]
    )
    return Forest(trees=trees, values=values.astype(np.float64), base=np.zeros(values.shape[1]))
