"""The eleven parametric curve families of Domhan, Springenberg and Hutter (2015)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from nascurve.simulator.types import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class CurveFamily:
    """One parametric form of a learning curve: accuracy in [0, 1] as a function of the epoch x = 1, 2, …

    name: its key in `FAMILIES`. title: as papers write it.
    parameters: names in the order in which `curve` takes them. start: where the source's fits begin.
    formula: the function as text. asymptote: name of the parameter that the curve tends to with x → ∞ while
        the others keep the signs of their start values; None where there is no such parameter.
    curve: `curve(log, exp, x, p)` computes it from any sequence `p` of the parameters by arithmetic, powers
        and the given `log` and `exp` alone, so that one formula serves NumPy and symbolic libraries.
    """

    name: str
    title: str
    parameters: tuple[str, ...]
    start: tuple[float, ...]
    formula: str
    asymptote: str | None
    curve: Callable[[Any, Any, Any, Any], Any]

    def __call__(self, x: ArrayLike, parameters: ArrayLike) -> FloatArray:
        """The curve at epochs x (e,) for parameters (..., number of parameters): accuracies (..., e).

        Where it is undefined (a root or logarithm of a negative number, an overflow) the value is NaN or
        infinite, without a warning.
        """
        x = np.asarray(x, dtype=np.float64)
        p = np.asarray(parameters, dtype=np.float64)
        with np.errstate(all="ignore"):
            values: FloatArray = self.curve(
                np.log, np.exp, x, [v[..., np.newaxis] for v in np.moveaxis(p, -1, 0)]
            )
        return values


def _vapor_pressure(log: Any, exp: Any, x: Any, p: Any) -> Any:
    a, b, c = p
    return exp(a + b / x + c * log(x))


def _pow3(log: Any, exp: Any, x: Any, p: Any) -> Any:
    c, a, alpha = p
    return c - a * x**-alpha


def _loglog_linear(log: Any, exp: Any, x: Any, p: Any) -> Any:
    a, b = p
    return log(a * log(x) + b)


def _hill3(log: Any, exp: Any, x: Any, p: Any) -> Any:
    y_max, eta, kappa = p
    return y_max * x**eta / (kappa**eta + x**eta)


def _log_power(log: Any, exp: Any, x: Any, p: Any) -> Any:
    a, b, c = p
    return a / (1 + (x / exp(b)) ** c)


def _pow4(log: Any, exp: Any, x: Any, p: Any) -> Any:
    c, a, b, alpha = p
    return c - (a * x + b) ** -alpha


def _mmf(log: Any, exp: Any, x: Any, p: Any) -> Any:
    alpha, beta, kappa, delta = p
    return alpha - (alpha - beta) / (1 + (kappa * x) ** delta)


def _exp4(log: Any, exp: Any, x: Any, p: Any) -> Any:
    c, a, b, alpha = p
    return c - exp(b - a * x**alpha)


def _janoschek(log: Any, exp: Any, x: Any, p: Any) -> Any:
    alpha, beta, kappa, delta = p
    return alpha - (alpha - beta) * exp(-kappa * x**delta)


def _weibull(log: Any, exp: Any, x: Any, p: Any) -> Any:
    alpha, beta, kappa, delta = p
    return alpha - (alpha - beta) * exp(-((kappa * x) ** delta))


def _ilog2(log: Any, exp: Any, x: Any, p: Any) -> Any:
    c, a = p
    return c - a / log(x + 1)


_ALL = (
    CurveFamily(
        name="vapor_pressure",
        title="vapor pressure",
        parameters=("a", "b", "c"),
        start=(-0.622028, -0.470050, 0.042322),
        formula="exp(a + b/x + c ln x)",
        asymptote=None,
        curve=_vapor_pressure,
    ),
    CurveFamily(
        name="pow3",
        title="pow3",
        parameters=("c", "a", "alpha"),
        start=(0.84, 0.52, 0.01),
        formula="c - a x^-alpha",
        asymptote="c",
        curve=_pow3,
    ),
    CurveFamily(
        name="loglog_linear",
        title="log log linear",
        parameters=("a", "b"),
        start=(1.0, 1.0),
        formula="ln(a ln x + b)",
        asymptote=None,
        curve=_loglog_linear,
    ),
    CurveFamily(
        name="hill3",
        title="Hill3",
        parameters=("y_max", "eta", "kappa"),
        start=(0.772320, 0.586449, 2.460843),
        formula="y_max x^eta / (kappa^eta + x^eta)",
        asymptote="y_max",
        curve=_hill3,
    ),
    CurveFamily(
        name="log_power",
        title="log power",
        parameters=("a", "b", "c"),
        start=(0.77, 2.98, -0.51),
        formula="a / (1 + (x/e^b)^c)",
        asymptote="a",
        curve=_log_power,
    ),
    CurveFamily(
        name="pow4",
        title="pow4",
        parameters=("c", "a", "b", "alpha"),
        start=(0.8, 200.0, 0.0, 0.1),
        formula="c - (a x + b)^-alpha",
        asymptote="c",
        curve=_pow4,
    ),
    CurveFamily(
        name="mmf",
        title="MMF",
        parameters=("alpha", "beta", "kappa", "delta"),
        start=(0.7, 0.1, 0.01, 5.0),
        formula="alpha - (alpha - beta) / (1 + (kappa x)^delta)",
        asymptote="alpha",
        curve=_mmf,
    ),
    CurveFamily(
        name="exp4",
        title="exp4",
        parameters=("c", "a", "b", "alpha"),
        start=(0.7, 0.8, -0.8, 0.3),
        formula="c - exp(-a x^alpha + b)",
        asymptote="c",
        curve=_exp4,
    ),
    CurveFamily(
        name="janoschek",
        title="Janoschek",
        parameters=("alpha", "beta", "kappa", "delta"),
        start=(0.73, 0.07, 0.355, 0.46),
        formula="alpha - (alpha - beta) exp(-kappa x^delta)",
        asymptote="alpha",
        curve=_janoschek,
    ),
    CurveFamily(
        name="weibull",
        title="Weibull",
        parameters=("alpha", "beta", "kappa", "delta"),
        start=(0.7, 0.1, 0.01, 1.0),
        formula="alpha - (alpha - beta) exp(-(kappa x)^delta)",
        asymptote="alpha",
        curve=_weibull,
    ),
    CurveFamily(
        name="ilog2",
        title="ilog2",
        parameters=("c", "a"),
        start=(0.78, 0.43),
        formula="c - a / ln(x + 1)",
        asymptote="c",
        curve=_ilog2,
    ),
)

FAMILIES: Mapping[str, CurveFamily] = MappingProxyType({family.name: family for family in _ALL})
"""The families by name, in the order of the paper's Table 1.

Functions and start values are those of github.com/tdomhan/pylearningcurvepredictor (`curvefunctions.py`);
log log linear has no start values there, and the source's fallback is 1 for each parameter. Logarithms are
natural."""
