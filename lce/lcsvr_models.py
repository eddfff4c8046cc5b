"""Regressors that are fitted once without each fold of the curves, so that each curve has an honest error."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nascurve.simulator.types import FloatArray

Folds = NDArray[np.int64]
"""The fold (m,) of each curve, 0 … k-1."""


@dataclass(frozen=True, slots=True)
class Setting:
    """Hyperparameters of a ν-SVR with the kernel `linear`·⟨x, x'⟩ + exp(-`gamma`·|x - x'|²)."""

    C: float
    nu: float
    gamma: float
    linear: float = 0.0

    def kernel(self, left: FloatArray, right: FloatArray) -> FloatArray:
        """(n, d) and (m, d) -> (n, m)."""
        inner = left @ right.T
        squares = (left**2).sum(axis=1)[:, None] + (right**2).sum(axis=1) - 2 * inner
        rbf: FloatArray = np.exp(-self.gamma * np.maximum(squares, 0))
        return rbf + self.linear * inner if self.linear else rbf


@dataclass(frozen=True, slots=True)
class CrossFitted:
    """A model, and predictions (m,) of the curves it was fitted on, each by models that had not seen it."""

    predict: Callable[[FloatArray], FloatArray]
    held_out: FloatArray


def interleaved(m: int, k: int) -> Folds:
    """Curve i into fold i mod k."""
    return np.arange(m) % k


def contiguous(m: int, k: int) -> Folds:
    """The first curves into fold 0, the next into fold 1, …: scikit-learn's `KFold(k)`."""
    return np.repeat(np.arange(k), [len(part) for part in np.array_split(np.arange(m), k)])


def cross_fit_svr(
    X: FloatArray, y: FloatArray, folds: Folds, setting: Setting, *, refit: bool
) -> CrossFitted | None:
    """ν-SVR on features (m, d) and targets (m,); None where libsvm finds no finite solution, as for ν → 0.

    refit: predict by a further model, fitted on all curves; else by the mean of the models of the folds.
    """
    gram = setting.kernel(X, X)
    held_out = np.empty(len(y))
    k = int(folds.max()) + 1
    weights, intercept = np.zeros(len(y)), 0.0
    for fold in range(k):
        kept = np.flatnonzero(folds != fold)
        fitted = _solve(gram[np.ix_(kept, kept)], y[kept], setting)
        if fitted is None:
            return None
        out = folds == fold
        held_out[out] = gram[np.ix_(out, kept)] @ fitted[0] + fitted[1]
        weights[kept] += fitted[0] / k
        intercept += fitted[1] / k
    if refit:
        fitted = _solve(gram, y, setting)
        if fitted is None:
            return None
        weights, intercept = fitted

    def predict(features: FloatArray) -> FloatArray:
        values: FloatArray = setting.kernel(features, X) @ weights + intercept
        return values

    return CrossFitted(predict, held_out)


def cross_fit_ridge(X: FloatArray, y: FloatArray, folds: Folds) -> CrossFitted:
    """Bayesian ridge regression, the mean of the models of the folds. It sets its own hyperparameters."""
    from sklearn.linear_model import BayesianRidge

    held_out = np.empty(len(y))
    k = int(folds.max()) + 1
    slope, intercept = np.zeros(X.shape[1]), 0.0
    for fold in range(k):
        out = folds == fold
        model: Any = BayesianRidge()  # type: ignore[no-untyped-call]
        model.fit(X[~out], y[~out])
        held_out[out] = X[out] @ model.coef_ + model.intercept_
        slope += model.coef_ / k
        intercept += float(model.intercept_) / k

    def predict(features: FloatArray) -> FloatArray:
        values: FloatArray = features @ slope + intercept
        return values

    return CrossFitted(predict, held_out)


def _solve(gram: FloatArray, y: FloatArray, setting: Setting) -> tuple[FloatArray, float] | None:
    """Weights (m,) of the kernel expansion and its intercept."""
    from sklearn import config_context  # type: ignore[attr-defined]
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.svm import NuSVR

    with config_context(assume_finite=True, skip_parameter_validation=True):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                svr: Any = NuSVR(  # type: ignore[no-untyped-call]
                    C=setting.C, nu=setting.nu, kernel="precomputed", max_iter=_MAX_ITER
                )
                svr.fit(gram, y)
        except ValueError:  # "The dual coefficients or intercepts are not finite"
            return None
    weights = np.zeros(len(y))
    weights[svr.support_] = svr.dual_coef_[0]
    intercept = float(svr.intercept_[0])
    if not (np.isfinite(weights).all() and np.isfinite(intercept)):
        return None
    return weights, intercept


_MAX_ITER = 100_000
"""Of libsvm. The settings in use need hundreds; the bound is for kernels that are all but constant."""
