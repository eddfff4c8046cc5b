"""Mixtures of Student-t distributions, one for each curve, all with the same degrees of freedom."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from nascurve.simulator.types import FloatArray

_LOCATIONS = 32
_SCALES = 4
_GRID = 64
_REACH = 6.0
_BISECTIONS = 7
_TABLE = 4096


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StudentMixture:
    """For each of n rows Σ_k weight_k · t_dof(location_k, scale_k). Arrays (n, K); weights sum to 1."""

    weight: FloatArray
    location: FloatArray
    scale: FloatArray
    dof: float

    def reduced(self) -> StudentMixture:
        """At most 128 components a row: groups of components that are near each other in location (32
        intervals, narrow about the row's mean, wider away from it) and in scale (4) are merged, with their
        mean and their mean squared scale plus spread.

        Quantiles of the real curves' mixtures move by at most 2.5 % of their standard
        deviation by it, mostly by less than .5 %.
        """
        n, k = self.weight.shape
        groups = _LOCATIONS * _SCALES
        if k <= groups:
            return self
        mean = (self.weight * self.location).sum(axis=1, keepdims=True)
        away = self.location - mean
        width = np.sqrt((self.weight * away**2).sum(axis=1, keepdims=True)) + 1e-12
        place = away / (0.5 * width + np.abs(away))  # in (-1, 1)
        group = ((place + 1) * (0.5 * _LOCATIONS)).astype(np.intp)
        np.clip(group, 0, _LOCATIONS - 1, out=group)
        typical = (self.weight * self.scale).sum(axis=1, keepdims=True)
        size = (self.scale / (self.scale + typical) * _SCALES).astype(np.intp)
        group = group * _SCALES + np.minimum(size, _SCALES - 1)
        group += np.arange(n, dtype=np.intp)[:, np.newaxis] * groups
        flat = group.ravel()

        def total(values: FloatArray) -> FloatArray:
            sums = np.bincount(flat, values.ravel(), minlength=n * groups).astype(np.float64)
            return sums.reshape(n, groups)

        weight = total(self.weight)
        safe = np.maximum(weight, 1e-300)
        weighted = self.weight * away
        offset = total(weighted) / safe
        square = total(self.weight * self.scale**2 + weighted * away) / safe
        scale = np.sqrt(np.maximum(square - offset**2, 1e-18))
        scale[weight <= 0] = 1.0
        return StudentMixture(weight=weight, location=mean + offset, scale=scale, dof=self.dof)

    def cdf(self, values: FloatArray) -> FloatArray:
        """P(Y <= value) for values (n, q): (n, q)."""
        z = (values[:, :, np.newaxis] - self.location[:, np.newaxis]) / self.scale[:, np.newaxis]
        result: FloatArray = np.einsum("nqk,nk->nq", t_cdf(z, self.dof), self.weight)
        return result

    def std_and_quantiles(self, levels: tuple[float, ...]) -> tuple[FloatArray, FloatArray]:
        """Standard deviation (n,) and quantiles (n, q) of the mixture clipped to [0, 1]."""
        centre = (self.weight * self.location).sum(axis=1, keepdims=True)
        square = self.scale**2 + (self.location - centre) ** 2
        width = np.sqrt((self.weight * square).sum(axis=1, keepdims=True))
        steps = np.sinh(np.linspace(-_REACH, _REACH, _GRID)) / 8
        grid = np.clip(centre + width * steps, 0, 1)
        grid = np.concatenate([np.zeros_like(centre), grid, np.ones_like(centre)], axis=1)
        below = self.cdf(grid)
        np.maximum.accumulate(below, axis=1, out=below)
        below[:, -1] = 1.0  # all that lies above is at 1
        mass = np.diff(below, axis=1)
        at_zero = below[:, 0]
        middle = 0.5 * (grid[:, 1:] + grid[:, :-1])
        gap = grid[:, 1:] - grid[:, :-1]
        inside = self.cdf(np.ones_like(centre))[:, 0]
        mass[:, -1] = np.maximum(inside - below[:, -2], 0)
        at_one = 1 - np.maximum(inside, below[:, -2])
        first = (mass * middle).sum(axis=1) + at_one
        spread = (mass * ((middle - first[:, np.newaxis]) ** 2 + gap**2 / 12)).sum(axis=1)
        spread += at_zero * first**2 + at_one * (1 - first) ** 2

        wanted = np.array(levels)
        cell = (below[:, :, np.newaxis] < wanted).sum(axis=1)  # the first grid point at or above each level
        rows = np.arange(len(grid))[:, np.newaxis]
        high = grid[rows, np.minimum(cell, grid.shape[1] - 1)]
        low = grid[rows, np.maximum(cell - 1, 0)]
        for _ in range(_BISECTIONS):
            half = 0.5 * (low + high)
            is_below = self.cdf(half) < wanted
            low = np.where(is_below, half, low)
            high = np.where(is_below, high, half)
        quantiles = np.maximum.accumulate(0.5 * (low + high), axis=1)
        return np.sqrt(spread), quantiles


def t_cdf(z: FloatArray, dof: float) -> FloatArray:
    """The distribution function of Student's t from a table, linear in z / (1 + |z|): within 1e-6."""
    place = z / (1 + np.abs(z))
    place += 1
    place *= 0.5 * _TABLE
    index = place.astype(np.intp)
    np.clip(index, 0, _TABLE - 1, out=index)
    place -= index
    values, steps = _cdf_table(dof)
    result: FloatArray = values[index]
    result += place * steps[index]
    return result


@lru_cache(maxsize=64)
def _cdf_table(dof: float) -> tuple[FloatArray, FloatArray]:
    from scipy.special import stdtr

    place = np.linspace(-1, 1, _TABLE + 1)
    with np.errstate(divide="ignore"):
        values = stdtr(dof, place / (1 - np.abs(place)))
    values[0], values[-1] = 0.0, 1.0
    return values[:-1].copy(), np.diff(values)
