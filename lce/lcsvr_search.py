"""Hyperparameters of LcSVR's ν-SVR: the published random search, and a small grid that ranks as well."""

from __future__ import annotations

import numpy as np

from nascurve.lce.lcsvr_models import CrossFitted, Folds, Setting, cross_fit_svr
from nascurve.simulator.types import FloatArray

GRID = tuple(
    Setting(C=C, nu=0.5, gamma=gamma, linear=1.0) for gamma in (0.25, 1.0) for C in (0.1, 0.3, 1.0, 3.0)
)
"""For features of variance 1 and targets of spread 1/2."""
N_BEST = 3
"""How many settings of the grid are averaged: the first alone is chosen with too much noise."""


def paper_draws(n: int, seed: int) -> tuple[Setting, ...]:
    """C and γ log-uniform in [1e-5, 10], ν uniform in (0, 1], for features and targets in percent."""
    rng = np.random.default_rng(seed)
    return tuple(
        Setting(C=float(10 ** (6 * c - 5)), nu=float(1 - nu), gamma=float(10 ** (6 * gamma - 5)))
        for c, nu, gamma in rng.random((n, 3))
    )


def best_of_grid(X: FloatArray, y: FloatArray, folds: Folds, base: FloatArray) -> tuple[Setting, ...]:
    """The `N_BEST` settings of `GRID` with the smallest (1 - τ)·mean √|error| on the curves held out.

    base: what is added to the targets to get accuracies, in the same unit; τ compares these. √ because a few
    curves that start late have errors a hundred times the others'; Kendall's τ because the predictions are
    there to rank. No setting at all where none has a solution.
    """
    from scipy.stats import kendalltau

    costs = []
    for setting in GRID:
        fitted = cross_fit_svr(X, y, folds, setting, refit=False)
        if fitted is None:
            costs.append(np.inf)
            continue
        tau = kendalltau(fitted.held_out + base, y + base).statistic
        error = float(np.sqrt(np.abs(fitted.held_out - y)).mean())
        costs.append(error * (1 - (tau if np.isfinite(tau) else 0.0)))
    order = np.argsort(costs, kind="stable")[:N_BEST]
    return tuple(GRID[i] for i in order if np.isfinite(costs[i]))


def best_by_r2(
    X: FloatArray, y: FloatArray, folds: Folds, settings: tuple[Setting, ...]
) -> tuple[Setting, ...]:
    """The setting with the highest mean R² of the folds, as the source chooses; none without a solution."""
    best, best_r2 = None, -np.inf
    for setting in settings:
        fitted = cross_fit_svr(X, y, folds, setting, refit=False)
        r2 = -np.inf if fitted is None else _mean_r2(fitted, y, folds)
        if r2 > best_r2:
            best, best_r2 = setting, r2
    return () if best is None else (best,)


def _mean_r2(fitted: CrossFitted, y: FloatArray, folds: Folds) -> float:
    values = []
    for fold in range(int(folds.max()) + 1):
        out = folds == fold
        error = float(((fitted.held_out[out] - y[out]) ** 2).sum())
        spread = float(((y[out] - y[out].mean()) ** 2).sum())
        values.append(1 - error / spread if spread > 0 else float(error == 0))
    return float(np.mean(values))
