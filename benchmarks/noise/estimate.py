"""A number with what is known of its error, and how intervals are made."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau, rankdata

from nascurve.simulator.types import FloatArray

Indices = NDArray[np.intp]
Statistic = Callable[[Indices], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """One row of a noise study.

    section, label: what it is; labels are unique within a section.
    value: in `unit`; NaN where it cannot be computed, and `note` says why.
    low, high: 95 % interval, percentile bootstrap over networks; NaN where there is none: a count or a share
        of a whole table has no sampling error, and a maximum has no bootstrap interval.
    n: networks it stands on.
    """

    section: str
    label: str
    value: float
    low: float = math.nan
    high: float = math.nan
    n: int = 0
    unit: str = ""
    note: str = ""


def missing(section: str, label: str, why: str, *, unit: str = "") -> Estimate:
    """The row of something that cannot be computed."""
    return Estimate(section=section, label=label, value=math.nan, unit=unit, note=why)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bootstrap:
    """Percentile bootstrap over networks.

    resamples: how many; 0 leaves intervals out.
    seed: of the generator. Each interval starts a generator of its own, so it does not depend on the others.
    """

    resamples: int = 200
    seed: int = 0

    def interval(self, statistic: Statistic, n: int) -> tuple[float, float]:
        """2.5 % and 97.5 % quantile of `statistic(indices of a resample of n networks)`."""
        if self.resamples == 0 or n < 3:
            return math.nan, math.nan
        rng = np.random.default_rng(self.seed)
        values = np.array([statistic(rng.integers(n, size=n)) for _ in range(self.resamples)])
        values = values[np.isfinite(values)]
        if not len(values):
            return math.nan, math.nan
        low, high = np.quantile(values, [0.025, 0.975])
        return float(low), float(high)

    def estimate(
        self,
        section: str,
        label: str,
        statistic: Statistic,
        n: int,
        *,
        unit: str = "",
        note: str = "",
        factor: float = 1.0,
    ) -> Estimate:
        """The statistic of all n networks and its interval, times `factor`."""
        low, high = self.interval(statistic, n)
        value = statistic(np.arange(n))
        row = Estimate(section=section, label=label, value=factor * value, n=n, unit=unit, note=note)
        return replace(row, low=factor * low, high=factor * high)


def tau(a: FloatArray, b: FloatArray) -> float:
    """Kendall's tau-b; NaN for fewer than three pairs or a constant."""
    return float(kendalltau(a, b).statistic) if len(a) > 2 else math.nan


def rho(a: FloatArray, b: FloatArray) -> float:
    """Spearman's rho; NaN for fewer than three pairs or a constant."""
    if len(a) < 3:
        return math.nan
    x, y = (rankdata(values) - (len(a) + 1) / 2 for values in (a, b))
    scale = math.sqrt(float(x @ x) * float(y @ y))
    return float(x @ y) / scale if scale > 0 else math.nan


def skewness(values: FloatArray) -> float:
    """NaN where all values are equal."""
    return _moment(values, 3)


def excess_kurtosis(values: FloatArray) -> float:
    """0 for a normal distribution; NaN where all values are equal."""
    return _moment(values, 4) - 3


def _moment(values: FloatArray, order: int) -> float:
    if len(values) < order or np.ptp(values) == 0:
        return math.nan
    centred = values - values.mean()
    return float(np.mean(centred**order) / np.mean(centred**2) ** (order / 2))
