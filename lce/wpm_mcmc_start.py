"""Where the sampling of one curve begins: each family's least-squares fit, and a prior round it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nascurve.lce import wpm_mcmc_coordinates as coordinates
from nascurve.lce.wpm_families import CurveFamily
from nascurve.simulator.types import FloatArray

MAX_ACC_AT_LIMIT = 100.0
"""The source's bound on f(x_lim), which is to catch fits that run away, not those a little above 1."""
_SLACK = 1e-9
"""A constant curve meets f(x_lim) >= f(2) up to rounding."""
_MINPACK_SUCCESS = (1, 2, 3, 4)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Start:
    """For K families with P parameters in sum.

    kept: (K,) bool, families that have not been dropped. centre: (P,) their least-squares fits in free
    coordinates, the start values where dropped. factor: (P, P) block diagonal; centre + factor·z with z ~
    N(0, I) is the prior. Blocks of dropped families are 0.
    """

    kept: NDArray[np.bool_]
    centre: FloatArray
    factor: FloatArray


def recency_weights(n: int) -> FloatArray:
    """10^(j/n), j = 0 … n-1: the weight of each epoch in the source's likelihood."""
    return np.asarray(10 ** (np.arange(n) / n), dtype=np.float64)


def epochs_to_drop(curve: FloatArray, *, threshold: float = 0.05, look_ahead: int = 5) -> int:
    """How many epochs to drop at the start of a curve (e,), before its rise begins: the source's rule.

    The curve starts at the first epoch from which `look_ahead` successive values exceed the first value by
    more than `threshold` (accuracy); 0 where there is none. As in the source the last `look_ahead` epochs
    alone do not count: at least one more is left.
    """
    n_starts = len(curve) - look_ahead
    if n_starts <= 0:
        return 0
    above = curve - curve[0] > threshold
    runs = np.lib.stride_tricks.sliding_window_view(above, look_ahead)[:n_starts].all(axis=1)
    return int(runs.argmax())  # 0 where none is True, and the first value never exceeds itself


def start_of(
    families: Sequence[CurveFamily],
    y: FloatArray,
    x_lim: float,
    *,
    recency: bool,
    prior_information: float,
    prior_std: float,
    min_noise_std: float,
) -> Start:
    """Fit all families to the accuracies y (n,) at epochs 1 … n.

    A family is dropped when its fit fails, f(x_lim) is not finite or outside [0, 100], or its prior is 0:
    f(x_lim) < f(2), or undefined between epochs 1 and x_lim.
    """
    x = np.arange(1.0, len(y) + 1)
    weights = recency_weights(len(y)) if recency else np.ones(len(y))
    kept, centres, factors = [], [], []
    for family in families:
        parameters = fit_family(family, x, y, weights)
        free = np.full(len(family.start), np.nan)
        if parameters is not None and _is_allowed(family(np.array([2.0, x_lim]), parameters)):
            free = coordinates.to_free(family, parameters, x_lim)
        if keep := bool(np.isfinite(free).all()):
            factor = _prior_factor(
                partial(_curve_of_free, family, x, x_lim),
                free,
                y,
                weights,
                prior_information=prior_information,
                prior_std=prior_std,
                min_noise_std=min_noise_std,
            )
        else:
            free = coordinates.to_free(family, np.array(family.start), x_lim)
            factor = np.zeros((len(free), len(free)))
        kept.append(keep)
        centres.append(free)
        factors.append(factor)
    return Start(kept=np.array(kept), centre=np.concatenate(centres), factor=_block_diagonal(factors))


def fit_family(family: CurveFamily, x: FloatArray, y: FloatArray, weights: FloatArray) -> FloatArray | None:
    """Weighted least squares by Levenberg-Marquardt from the family's start values, else by L-BFGS-B from
    there; None where both fail."""
    from scipy import optimize as scipy_optimize

    optimize: Any = scipy_optimize  # its stubs want shapes in the types of functions

    roots = np.sqrt(weights)
    begin = np.array(family.start)
    with np.errstate(all="ignore"):
        if len(y) >= len(family.start):
            found, _, info, _, status = optimize.leastsq(
                lambda p: roots * (family(x, p) - y), begin, full_output=True
            )
            if status in _MINPACK_SUCCESS and np.isfinite(found).all() and np.isfinite(info["fvec"]).all():
                return np.asarray(found, dtype=np.float64)
        result = optimize.minimize(
            lambda p: float(weights @ (family(x, p) - y) ** 2), begin, method="L-BFGS-B"
        )
    if result.success and np.isfinite(result.x).all() and np.isfinite(result.fun):
        return np.asarray(result.x, dtype=np.float64)
    return None


def _curve_of_free(family: CurveFamily, x: FloatArray, x_lim: float, free: FloatArray) -> FloatArray:
    return family(x, coordinates.to_parameters(family, free, x_lim))


def _is_allowed(at_2_and_limit: FloatArray) -> bool:
    at_2, at_limit = at_2_and_limit
    return bool(0 <= at_limit <= MAX_ACC_AT_LIMIT and at_limit >= at_2 - _SLACK)


def _prior_factor(
    curve: Callable[[FloatArray], FloatArray],
    free: FloatArray,
    y: FloatArray,
    weights: FloatArray,
    *,
    prior_information: float,
    prior_std: float,
    min_noise_std: float,
) -> FloatArray:
    """F with F·Fᵀ the covariance of the prior round the fit: the fit's own, inflated to the information of
    `prior_information` epochs, and bounded by `prior_std` in each coordinate."""
    from scipy.linalg import solve_triangular
    from scipy.optimize import approx_fprime

    with np.errstate(all="ignore"):
        jacobian = np.nan_to_num(np.atleast_2d(approx_fprime(free, curve)), posinf=0.0, neginf=0.0)
    residual = curve(free) - y
    total = weights.sum()
    variance = max(float(weights @ residual**2) / total, min_noise_std**2)
    precision = jacobian.T @ (weights[:, np.newaxis] * jacobian) * (prior_information / (total * variance))
    precision += np.eye(len(free)) / prior_std**2
    root = np.linalg.cholesky(precision)
    return np.asarray(solve_triangular(root.T, np.eye(len(free))), dtype=np.float64)


def _block_diagonal(blocks: Sequence[FloatArray]) -> FloatArray:
    from scipy.linalg import block_diag

    return np.asarray(block_diag(*blocks), dtype=np.float64)
