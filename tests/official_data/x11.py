"""Made-up NAS-Bench-x11 checkpoints in the exact official form: fitted and dumped by the real libraries.

The official code's steps (`svd_lgb.py`, `train` and `save`), on curves that are made up and with far fewer
trees.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

SHAPES = {"nb111": (30, 108), "nb211": (6, 200), "nb311": (56, 98), "nbnlp": (188, 50)}
"""Features and epochs."""


def write(
    folder: Path,
    *,
    model: str = "nb211",
    n_members: int = 2,
    equal: bool = False,
    noise: bool = True,
    k: int = 3,
    n_trees: int = 12,
    order: Any = None,
    features: Any = None,
    dump: dict[str, Any] | None = None,
    change: Any = None,
) -> list[list[Any]]:
    """Write `n_members` member folders below `folder`, and return what was dumped: [chain, scaler, s, Vh,
    k(, kde)].

    equal: all members are fitted on the same data, as in the released code. order: of the chain. features:
    rows to fit on; random ones when None. dump: options of `joblib.dump`. change: called with each list
    before it is written.
    """
    import joblib

    members = []
    for i in range(n_members):
        member = _fitted(model, 0 if equal else i, k, n_trees, order, features)
        kept = member if noise else member[:5]
        if change is not None:
            change(kept)
        place = folder / f"ensemble_member_{i}"
        place.mkdir(parents=True)
        joblib.dump(kept, place / "surrogate_model.model", **(dump or {}))
        (place / "model_config.json").write_text(json.dumps({"model": "svd_lgb", "param:num_components": k}))
        (place / "data_config.json").write_text(json.dumps({"seed": 6 + i}))
        members.append(kept)
    return members


def _fitted(model: str, seed: int, k: int, n_trees: int, order: Any, features: Any) -> list[Any]:
    import lightgbm
    from scipy.stats import gaussian_kde
    from sklearn.multioutput import RegressorChain
    from sklearn.preprocessing import StandardScaler

    rng = np.random.default_rng(seed)
    X = _features(model, rng) if features is None else np.asarray(features, dtype=float)
    Y = _curves(model, X, rng)
    u, s, vh = np.linalg.svd(Y, full_matrices=False)
    scaler = StandardScaler()
    z = scaler.fit_transform(u[:, :k].copy())
    chain = RegressorChain(
        lightgbm.LGBMRegressor(
            num_rounds=n_trees,
            boosting_type="gbdt",
            num_leaves=40,
            max_depth=18,
            learning_rate=0.1,
            min_child_weight=0.582193,
            reg_alpha=0.0114898,
            reg_lambda=1.345074,
            min_child_samples=5,
            n_jobs=1,
            verbose=-1,
        ),
        order=order,
    )
    chain.fit(X, z)
    residuals = u[:, :k] @ np.diag(s[:k]) @ vh[:k, :] - Y
    # the official jitter is 1e-8, too little for the Cholesky decomposition of today's SciPy
    kde = gaussian_kde(residuals.T + rng.normal(size=residuals.T.shape) * 1e-4 * np.ptp(Y))
    return [chain, scaler, s, vh, k, kde]


def _features(model: str, rng: np.random.Generator) -> np.ndarray:
    n, width = 300, SHAPES[model][0]
    if model == "nb111":
        bits, ops = rng.integers(0, 2, (n, 21)), rng.integers(0, 3, (n, 5)) / 2
        return np.hstack([bits, ops, rng.uniform(0.2, 0.95, (n, 4))])
    if model == "nbnlp":
        return np.hstack([rng.integers(0, 2, (n, width - 3)), 100 - rng.uniform(4.5, 7, (n, 3))])
    return rng.integers(-1 if model == "nb311" else 0, 5, (n, width)).astype(float)


def _curves(model: str, X: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Rising curves that depend on a few features, with skewed noise."""
    epochs = SHAPES[model][1]
    weights = rng.normal(size=(X.shape[1], 2)) / np.sqrt(X.shape[1])
    level, speed = ((X - X.mean(0)) / (X.std(0) + 1e-9) @ weights).T
    t = np.arange(1, epochs + 1) / epochs
    rise = 1 - np.exp(-t * (4 + np.tanh(speed))[:, None] * 2)
    accuracy = (0.75 + 0.1 * np.tanh(level))[:, None] * rise
    accuracy += 0.01 * (rng.exponential(size=accuracy.shape) - 1)
    if model == "nb111":
        return accuracy
    return 93 + 2.5 * accuracy if model == "nbnlp" else 100 * accuracy
