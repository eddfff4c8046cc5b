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
_CHUNK = 1 << 15
"""Elements of an array of distribution functions, so that a handful of these fit into a processor's cache."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StudentMixture:
    """For each of n rows Σ_k weight_k · t_dof(location_k, scale_k). Arrays (n, K); weights sum to 1."""

    weight: FloatArray
    location: FloatArray
    scale: FloatArray
    dof: float

    def reduced(self) -> StudentMixture:
        """At most 128 components a row, those of weight 0 at its end: groups of components that are near each
        other in location (32 intervals, narrow about the row's mean, wider away from it) and in scale (4) are
        merged, with their mean and their mean squared scale plus spread.

        Quantiles of the real curves' mixtures move by at most 2.5 % of their standard
        deviation by it, mostly by less than .5 %.
        """
        n, k = self.weight.shape
        groups = _LOCATIONS * _SCALES
        if k <= groups:
            return self
        mean = np.einsum("nk,nk->n", self.weight, self.location)[:, np.newaxis]
        away = self.location - mean
        weighted = self.weight * away
        width = np.sqrt(np.einsum("nk,nk->n", weighted, away))[:, np.newaxis] + 1e-12
        place = np.abs(away)
        place += 0.5 * width
        np.divide(away, place, out=place)  # in (-1, 1)
        place += 1
        place *= 0.5 * _LOCATIONS
        group = np.minimum(place.astype(np.intp), _LOCATIONS - 1)
        typical = np.einsum("nk,nk->n", self.weight, self.scale)[:, np.newaxis]
        np.add(self.scale, typical, out=place)
        np.divide(self.scale, place, out=place)
        place *= _SCALES
        group *= _SCALES
        group += np.minimum(place.astype(np.intp), _SCALES - 1)
        group += np.arange(n, dtype=np.intp)[:, np.newaxis] * groups
        flat = group.ravel()

        def total(values: FloatArray) -> FloatArray:
            sums = np.bincount(flat, values.ravel(), minlength=n * groups).astype(np.float64, copy=False)
            return sums.reshape(n, groups)

        weight = total(self.weight)
        safe = np.maximum(weight, 1e-300)
        offset = total(weighted) / safe
        weighted *= away
        np.multiply(self.scale, self.scale, out=place)
        place *= self.weight
        place += weighted
        square = total(place) / safe
        scale = np.sqrt(np.maximum(square - offset**2, 1e-18))
        is_empty = weight <= 0
        scale[is_empty] = 1.0
        order = np.argsort(is_empty, axis=1, kind="stable")  # about half of the groups are empty
        order = order[:, : groups - int(is_empty.sum(axis=1).min(initial=groups - 1))]
        return StudentMixture(
            weight=np.take_along_axis(weight, order, axis=1),
            location=mean + np.take_along_axis(offset, order, axis=1),
            scale=np.take_along_axis(scale, order, axis=1),
            dof=self.dof,
        )

    def cdf(self, values: FloatArray) -> FloatArray:
        """P(Y <= value) for values (n, q): (n, q)."""
        below = np.empty(values.shape)
        per_row = values.shape[1] * self.weight.shape[1]
        step = max(1, _CHUNK // max(1, per_row))
        for start in range(0, len(values), step):
            rows = slice(start, start + step)
            z = values[rows, :, np.newaxis] - self.location[rows, np.newaxis]
            z /= self.scale[rows, np.newaxis]
            np.einsum("nqk,nk->nq", t_cdf(z, self.dof), self.weight[rows], out=below[rows])
        return below

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
    place = np.abs(z)
    place += 1
    np.divide(z, place, out=place)
    place += 1
    place *= 0.5 * _TABLE
    index = place.astype(np.intp)
    place -= index
    values, steps = _cdf_table(dof)
    place *= steps.take(index)
    place += values.take(index)
    return place


@lru_cache(maxsize=64)
def _cdf_table(dof: float) -> tuple[FloatArray, FloatArray]:
    from scipy.special import stdtr

    place = np.linspace(-1, 1, _TABLE + 1)
    with np.errstate(divide="ignore"):
        values = stdtr(dof, place / (1 - np.abs(place)))
    values[0], values[-1] = 0.0, 1.0
    return values, np.append(np.diff(values), 0.0)
