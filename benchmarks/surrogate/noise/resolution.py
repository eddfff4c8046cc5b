"""The number of validation examples behind accuracies, where it shows."""

from __future__ import annotations

import numpy as np

from nascurve.simulator.types import FloatArray

_LARGEST = 100_000
_TOLERANCE = 1e-6
_LEAST_VALUES = 100


def resolution_of(accuracies: FloatArray) -> int:
    """The smallest N up to 100,000 such that all accuracies are multiples of 1 / N, to 1e-6 of a step.
    0 where there is none, or where fewer than 100 accuracies are known.

    Values drawn evenly are multiples of 1 / N by chance with probability 2e-6 each, and single ones with
    any N: hence the hundred.
    """
    known = accuracies[np.isfinite(accuracies)]
    values = np.unique(known)
    inner = values[(values > 0) & (values < 1)]
    if len(known) < _LEAST_VALUES or not len(inner):
        return 0
    first = inner[0]
    candidates = np.arange(2, _LARGEST + 1)
    counts = candidates * first
    candidates = candidates[np.abs(counts - np.rint(counts)) < _TOLERANCE * np.maximum(counts, 1)]
    for n in candidates.tolist():
        counts = n * inner
        if np.abs(counts - np.rint(counts)).max() < _TOLERANCE * n:
            return int(n)
    return 0
