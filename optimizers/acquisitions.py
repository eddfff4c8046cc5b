"""Acquisition functions over the predictions of an ensemble."""

from __future__ import annotations

import math

import numpy as np

from nascurve.simulator.types import FloatArray

ACQUISITIONS = ("its", "ucb", "ei", "pi", "ts", "exploit")
UCB_WEIGHT = 0.5
EI_SHRINKAGE = 5.0
_SMALLEST_STD = 1e-12


def acquire(kind: str, predictions: FloatArray, best: float, rng: np.random.Generator) -> FloatArray:
    """Scores (n,) of n candidates, the higher the better, from predictions (members, n), more being better.

    kind, with mean and std over members (White, Neiswanger, Savani, "BANANAS", AAAI 2021; the constants are
    those of its code, naszilla): its: independent Thompson sampling, one draw from N(mean, std) for each
    candidate. ucb: mean + .5 std. ei: expected improvement on `best`, the std divided by 5. pi: probability
    of an improvement on `best`. ts: Thompson sampling, the predictions of one member drawn for the whole
    batch. exploit: mean.
    best: the best target seen.
    """
    if kind == "ts":
        return np.asarray(predictions[int(rng.random() * len(predictions))])
    mean = predictions.mean(axis=0)
    if kind == "exploit":
        return np.asarray(mean)
    std = predictions.std(axis=0)
    if kind == "its":
        return np.asarray(rng.normal(mean, std))
    if kind == "ucb":
        return np.asarray(mean + UCB_WEIGHT * std)
    std = np.maximum(std / (EI_SHRINKAGE if kind == "ei" else 1.0), _SMALLEST_STD)
    z = (mean - best) / std
    if kind == "pi":
        return np.asarray(z)  # the normal distribution function is increasing, and saturates: z ranks alike
    density = np.exp(-0.5 * z**2) / math.sqrt(2 * math.pi)
    below = np.array([0.5 * math.erfc(-value / math.sqrt(2)) for value in z.tolist()])
    return np.asarray(std * (z * below + density))
