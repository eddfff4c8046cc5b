"""Weights of several predictive distributions, from how they scored on curves that they had not seen."""

from __future__ import annotations

import numpy as np

from nascurve.lce._levels import LEVELS
from nascurve.simulator.types import FloatArray

_SMALLEST_ERROR = 0.003
"""In accuracy: errors below this are not told apart."""
_STEPS = 200
_FIRST_STEP = 0.5


def stacking_weights(
    outcomes: FloatArray, quantiles: FloatArray, *, prior: FloatArray, prior_curves: float
) -> FloatArray:
    """Weights (k,), ≥ 0 with sum 1, of k members whose quantiles at LEVELS for m outcomes are (m, q, k).

    They minimise Σ_i L_i(w) / s_i + prior_curves · KL(w | prior). L_i is the pinball loss of the weighted
    mean of the members' quantiles, summed over levels, a discrete form of the CRPS; s_i the median over
    members of the error of the median, + .003: curves that differ by thousandths then count as much as wild
    ones. Convex; by exponentiated gradient from the prior, 200 steps of size ∝ 1/√step, the mean of the later
    half.

    prior: (k,), > 0, with sum 1: the answer for m = 0. prior_curves: how many curves it counts for.
    """
    levels = np.array(LEVELS)
    middle = len(LEVELS) // 2
    scale = np.median(np.abs(outcomes[:, None] - quantiles[:, middle]), axis=1) + _SMALLEST_ERROR
    scaled = quantiles / scale[:, None, None]
    targets = (outcomes / scale)[:, None]
    weights = prior.copy()
    total = np.zeros_like(prior)
    for step in range(_STEPS):
        slope = np.where(targets > scaled @ weights, -levels, 1 - levels)
        gradient = np.tensordot(slope, scaled, 2) + prior_curves * np.log(weights / prior)
        gradient -= gradient @ weights
        size = _FIRST_STEP / np.sqrt(step + 1)
        largest = np.abs(gradient).max()
        weights = weights * np.exp(-size * gradient / largest) if largest > 0 else weights
        weights = np.maximum(weights, np.finfo(float).tiny)
        weights /= weights.sum()
        if step >= _STEPS // 2:
            total += weights
    return np.asarray(total / total.sum())


def pruned(weights: FloatArray, smallest: float) -> FloatArray:
    """The weights without those below `smallest` times the largest, again with sum 1."""
    kept = np.where(weights >= smallest * weights.max(), weights, 0.0)
    return np.asarray(kept / kept.sum())
