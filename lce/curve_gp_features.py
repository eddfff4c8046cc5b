"""What the Gaussian process over curves sees of a prefix."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from nascurve.simulator.types import FloatArray

_SEGMENT_ENDS = (0.125, 0.25, 0.5, 0.75, 1.0)
"""Ends of the segments that a prefix is averaged over, as shares of its length."""
_N_GAINS = 3
_NOISE_FLOOR = 1e-3
"""Accuracy: noise below this is not told apart."""
_SMALLEST_SPREAD = 1e-4
IQR_OF_NORMAL = 1.349


def describe(prefixes: FloatArray, expected: FloatArray) -> FloatArray:
    """Features (n, d) of prefixes (n, e), e >= 1, and of the accuracy `expected` (n,) by the parametric mean.

    They are: the expected accuracy; the gain still expected, from y_e on; the gains up to the end of the
    prefix from the first eighth, the second eighth and the second quarter (those that hold an epoch); and the
    log of the noise, the root mean square of the second differences in the later half (from 3 epochs on).
    """
    epochs = prefixes.shape[1]
    ends = np.unique(np.round(np.array((0.0, *_SEGMENT_ENDS)) * epochs).astype(int))
    means = [prefixes[:, start:end].mean(axis=1) for start, end in itertools.pairwise(ends)]
    columns = [expected, expected - prefixes[:, -1]]
    columns += [means[-1] - mean for mean in means[:-1][:_N_GAINS]]
    if epochs >= 3:
        second = np.diff(prefixes, n=2, axis=1)[:, -max(3, epochs // 2) :]
        columns.append(np.log(np.sqrt((second**2).mean(axis=1)) + _NOISE_FLOOR))
    return np.stack(columns, axis=1)


@dataclass(frozen=True, slots=True)
class RobustScaling:
    """x -> asinh((x - median) / spread), column by column: linear for usual values, logarithmic for outliers,
    such as a curve that starts to learn late. Spread: interquartile range / 1.349, at least 1e-4."""

    median: FloatArray
    spread: FloatArray

    @classmethod
    def of(cls, features: FloatArray) -> RobustScaling:
        low, median, high = np.percentile(features, [25, 50, 75], axis=0)
        return cls(median, np.maximum((high - low) / IQR_OF_NORMAL, _SMALLEST_SPREAD))

    def __call__(self, features: FloatArray) -> FloatArray:
        return np.arcsinh((features - self.median) / self.spread)
