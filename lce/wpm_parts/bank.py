"""The bank of curve shapes that the fast weighted probabilistic model averages over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import numpy as np

from nascurve.lce.wpm_families import FAMILIES
from nascurve.simulator.types import FloatArray

_Parameters = tuple[float, ...]

_HORIZON = 4.0
"""Times the prefix: how far ahead a shape's rise is counted."""
_EXPONENTS = (0.3, 3.0)
_ONSETS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
_SPECIAL_WEIGHT = 0.3
"""Prior weight of every other family beside that of pow3."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ShapeBank:
    """K shapes g, each with g(1) = 0 and g(horizon) = 1, made for prefixes of e epochs.

    family: (K,) names in `FAMILIES`. parameters: of each, with level 0 and scale 1. onset: (K,), in epochs; 0
        for none. offset, rise: (K,), of the family's values. log_prior: (K,), of weights that sum to 1.
    """

    n_epochs: int
    family: tuple[str, ...]
    parameters: tuple[_Parameters, ...]
    onset: FloatArray
    offset: FloatArray
    rise: FloatArray
    log_prior: FloatArray

    @classmethod
    def build(cls, n_epochs: int, rise_decay: float) -> ShapeBank:
        """The bank for prefixes of `n_epochs`.

        Families: those of Domhan et al.; where several are the same function up to level and scale, one of
        them; and power laws that set in at .1 to .8 of the prefix, before which the curve is flat.
        Time constants are relative to the prefix, from .03 to 10 times its length; exponents are absolute,
        since a power of the epoch has no scale. Prior: 1 for the power laws and 1 for the
        delayed ones, .3 or .15 for each other family, equal within, times (1 + r)^(-rise_decay),
        r = rise from the end of the prefix to the horizon over the rise within the prefix. Shapes that break
        Domhan's rule f(horizon) >= f(2), or that are undefined somewhere, are left out.
        """
        return _built(n_epochs, rise_decay)

    def at(self, epochs: FloatArray) -> FloatArray:
        """Shapes at `epochs` (t,), each >= 1: (K, t)."""
        values = _evaluate(self.family, self.parameters, self.onset, epochs)
        result: FloatArray = (values - self.offset[:, np.newaxis]) / self.rise[:, np.newaxis]
        return result

    def __len__(self) -> int:
        return len(self.log_prior)


@lru_cache(maxsize=64)
def _built(n_epochs: int, rise_decay: float) -> ShapeBank:
    family: list[str] = []
    parameters: list[_Parameters] = []
    onsets: list[float] = []
    weights: list[float] = []
    for name, members, start, weight in _members(float(n_epochs)):
        family += [name] * len(members)
        parameters += members
        onsets += [start] * len(members)
        weights += [weight / len(members)] * len(members)
    onset = np.array(onsets)
    epochs = np.unique(np.concatenate([np.arange(1.0, n_epochs + 1), [2.0, _HORIZON * n_epochs]]))
    values = _evaluate(tuple(family), tuple(parameters), onset, epochs)
    second = values[:, int(np.searchsorted(epochs, 2.0))]
    first, seen, last = values[:, 0], values[:, int(np.searchsorted(epochs, n_epochs))], values[:, -1]
    with np.errstate(all="ignore"):
        rise = last - first
        later = (last - seen) / np.maximum(seen - first, 1e-9 * rise)
        kept = np.isfinite(values).all(axis=1) & (rise > 1e-9 * np.abs(last)) & (last >= second)
        kept &= later > -0.5
        log_prior = np.log(weights) - rise_decay * np.log1p(np.maximum(later, 0))
    log_prior = log_prior[kept]
    rows = np.flatnonzero(kept)
    log_prior -= np.log(np.exp(log_prior - log_prior.max()).sum()) + log_prior.max()
    return ShapeBank(
        n_epochs=n_epochs,
        family=tuple(family[i] for i in rows),
        parameters=tuple(parameters[i] for i in rows),
        onset=onset[rows],
        offset=first[rows],
        rise=rise[rows],
        log_prior=log_prior,
    )


def _members(e: float) -> Iterator[tuple[str, list[_Parameters], float, float]]:
    """For prefixes of e epochs: family, parameters with level 0 and scale 1, onset in epochs, weight."""
    exponents = np.geomspace(*_EXPONENTS, 16).tolist()
    times = (e * np.geomspace(0.03, 10.0, 13)).tolist()
    pow3: list[_Parameters] = [(0.0, 1.0, alpha) for alpha in exponents]
    yield "pow3", pow3, 0.0, 1.0
    shifts = [-0.05 * e, 0.1 * e, 0.3 * e, e]
    pow4: list[_Parameters] = [
        (0.0, 1.0, max(shift, -0.9), alpha) for shift, alpha in product(shifts, exponents[::2])
    ]
    yield "pow4", pow4, 0.0, _SPECIAL_WEIGHT
    hill: list[_Parameters] = [
        (1.0, power, time) for power, time in product((0.5, 0.7, 1.0, 1.4, 2.0, 3.0, 5.0), times)
    ]
    yield "hill3", hill, 0.0, _SPECIAL_WEIGHT
    powers = (0.3, 0.5, 0.7, 1.0, 1.4, 2.0, 3.0)
    weibull: list[_Parameters] = [(1.0, 0.0, 1 / time, power) for power, time in product(powers, times)]
    yield "weibull", weibull, 0.0, _SPECIAL_WEIGHT
    loglog: list[_Parameters] = [(ratio, 1.0) for ratio in np.geomspace(0.1, 100.0, 8).tolist()]
    yield "loglog_linear", loglog, 0.0, _SPECIAL_WEIGHT / 2
    vapor: list[_Parameters] = [
        (0.0, -b, c) for b, c in product((0.1, 0.3, 1.0, 3.0, 10.0), (-0.05, 0.0, 0.05, 0.2, 0.5))
    ]
    yield "vapor_pressure", vapor, 0.0, _SPECIAL_WEIGHT / 2
    yield "ilog2", [(0.0, 1.0)], 0.0, _SPECIAL_WEIGHT / 2
    for share in _ONSETS:
        delayed: list[_Parameters] = [(0.0, 1.0, alpha) for alpha in exponents[4::2]]
        yield "pow3", delayed, share * e, 1.0 / len(_ONSETS)


def _evaluate(
    family: tuple[str, ...],
    parameters: tuple[_Parameters, ...],
    onset: FloatArray,
    epochs: FloatArray,
) -> FloatArray:
    """(K, t); a shape with an onset s > 0 is flat until epoch s, and from there the family at x - s + 1."""
    values = np.empty((len(family), len(epochs)))
    keys = np.array([f"{name}@{start!r}" for name, start in zip(family, onset.tolist(), strict=True)])
    for key in dict.fromkeys(keys.tolist()):
        rows = np.flatnonzero(keys == key)
        start = float(onset[rows[0]])
        x = epochs if start == 0 else np.maximum(epochs - start, 0.0) + 1.0
        values[rows] = FAMILIES[family[rows[0]]](x, np.array([parameters[i] for i in rows]))
    return values
