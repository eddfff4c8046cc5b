"""Coordinates in which each curve family is defined everywhere, for samplers that know no bounds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nascurve.lce.wpm_families import CurveFamily
from nascurve.simulator.types import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class FreeCoordinates:
    """One-to-one between a family's parameters and as many free reals: any reals give parameters for which
    the curve is defined at all epochs from 1 to x_lim.

    to_free: `to_free(parameters, x_lim)`, floats in and out; NaN where the curve is undefined somewhere.
    to_parameters: `to_parameters(log, exp, free, x_lim)`, for numbers, arrays and symbols, as
        `CurveFamily.curve`.

    A parameter that must be positive (κ of Hill3, MMF, Weibull) is replaced by its logarithm. The line inside
    a power or logarithm (a·x + b of pow4, a·ln x + b of log log linear) is replaced by the logarithms of its
    values at the epochs 1 and x_lim. All other parameters are free as they are.
    """

    to_free: Callable[[Sequence[float], float], list[Any]]
    to_parameters: Callable[[Any, Any, Any, Any], list[Any]]


def coordinates_of(family: CurveFamily) -> FreeCoordinates:
    """The free coordinates of a family."""
    if family.name in _ROOTS_OF_KAPPA_X:
        return _positive(family.parameters.index("kappa"))
    return _LINES.get(family.name, _AS_THEY_ARE)


def to_free(family: CurveFamily, parameters: FloatArray, x_lim: float) -> FloatArray:
    """The free coordinates (p,) of parameters (p,); NaN among them where the curve is undefined."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.array(coordinates_of(family).to_free(list(parameters), x_lim), dtype=np.float64)


def to_parameters(family: CurveFamily, free: FloatArray, x_lim: float) -> FloatArray:
    """The parameters (..., p) of free coordinates (..., p)."""
    with np.errstate(over="ignore"):
        values = coordinates_of(family).to_parameters(np.log, np.exp, np.moveaxis(free, -1, 0), x_lim)
    return np.stack(values, axis=-1)


def _positive(index: int) -> FreeCoordinates:
    def free(parameters: Sequence[float], x_lim: float) -> list[Any]:
        values: list[Any] = list(parameters)
        values[index] = np.log(values[index])
        return values

    def parameters(log: Any, exp: Any, free: Any, x_lim: Any) -> list[Any]:
        return [exp(value) if i == index else value for i, value in enumerate(free)]

    return FreeCoordinates(to_free=free, to_parameters=parameters)


def _pow4_free(parameters: Sequence[float], x_lim: float) -> list[Any]:
    c, a, b, alpha = parameters
    return [c, np.log(a + b), np.log(a * x_lim + b), alpha]


def _pow4_parameters(log: Any, exp: Any, free: Any, x_lim: Any) -> list[Any]:
    c, first, last, alpha = free
    a = (exp(last) - exp(first)) / (x_lim - 1)
    return [c, a, exp(first) - a, alpha]


def _loglog_free(parameters: Sequence[float], x_lim: float) -> list[Any]:
    a, b = parameters
    return [np.log(b), np.log(a * np.log(x_lim) + b)]


def _loglog_parameters(log: Any, exp: Any, free: Any, x_lim: Any) -> list[Any]:
    first, last = free
    return [(exp(last) - exp(first)) / log(x_lim), exp(first)]


_ROOTS_OF_KAPPA_X = ("hill3", "mmf", "weibull")
_AS_THEY_ARE = FreeCoordinates(
    to_free=lambda parameters, x_lim: list(parameters),
    to_parameters=lambda log, exp, free, x_lim: list(free),
)
_LINES = {
    "pow4": FreeCoordinates(to_free=_pow4_free, to_parameters=_pow4_parameters),
    "loglog_linear": FreeCoordinates(to_free=_loglog_free, to_parameters=_loglog_parameters),
}
