"""Bayesian linear regression of many curves on each shape of a bank, in closed form."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from nascurve.lce.wpm_parts.bank import ShapeBank
from nascurve.lce.wpm_parts.mixture import StudentMixture
from nascurve.simulator.types import FloatArray

_RATIOS = np.geomspace(20.0, 5000.0, 5)
"""Prior standard deviations of the rise, in units of the noise's: signal to noise."""
_MIN_DOF = 1.5
"""Below 1 a Student-t has no mean."""
_TABLE_END = 30.0
_TABLE = 1200


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseModel:
    """What is assumed of noise and of falling curves. Fields: the options of `WPM` of the same names."""

    recency: float
    sharpness: float
    noise_std: float
    decline: float


class LinearModel:
    """y_j = c + a·g(j) + ε_j for each shape g of a bank, with (c, a, σ) integrated out.

    ε_j ~ N(0, σ²/ω_j), ω_j ∝ 10^(recency·(j-1)/(e-1)), mean 1; the likelihood is raised to the power
    η = sharpness/√e (at most 1, and at least 1.5/e). Priors: c flat; a ~ N(0, ρ²σ²), with weight
    1 - decline on a > 0 and decline on a < 0; σ² ~ inverse gamma(½, ½·noise_std²). A component is a pair
    (shape, ρ), K·R in all. With W = η·ω, ḡ and ȳ weighted means, and S the weighted sums of squares and
    products about them,

        Λ = S_gg + ρ^-2,   E a = S_gy/Λ,   b = ½·noise_std² + ½·(S_yy - S_gy²/Λ),
        log likelihood = -½ log(ρ²Λ) - ½ηe·log b + log 2P(sign) + constant,
        y(T) ~ t_ηe(ȳ + E a·(g(T) - ḡ), s),   s² = 2b/(ηe) · (1/ω_e + 1/ΣW + (g(T) - ḡ)²/Λ),

    where P(sign) is (1 - decline)·P(a > 0 | y) + decline·P(a < 0 | y), and E a is shifted to the mean under
    the prior on signs. The scale s is left as it is: that only matters where the sign is in doubt.

    log_prior: (K·R,). dof: ηe.
    """

    def __init__(self, bank: ShapeBank, noise: NoiseModel) -> None:
        e = bank.n_epochs
        power = min(1.0, max(noise.sharpness / math.sqrt(e), _MIN_DOF / e))
        precision = 10 ** (noise.recency * np.linspace(0, 1, e))
        precision /= precision.mean()
        self._bank = bank
        self._last_precision = float(precision[-1])
        self._weights = power * precision
        self._total = float(self._weights.sum())
        self.dof = power * e
        self._prior_scatter = 0.5 * noise.noise_std**2
        self._decline = noise.decline

        shapes = bank.at(np.arange(1.0, e + 1))
        self._shape_mean = shapes @ self._weights / self._total  # (K,)
        centred = shapes - self._shape_mean[:, np.newaxis]
        scatter = centred**2 @ self._weights
        self._projection = np.ascontiguousarray((centred * self._weights).T)  # (e, K)
        self._precision = (scatter[:, np.newaxis] + _RATIOS**-2.0).ravel()  # (K·R,) of a, in units of 1/σ²
        self._variance = 1 / self._precision
        self._slope_scale = np.sqrt(self._variance)
        self._log_occam = -0.5 * (np.log(self._precision) + np.tile(2 * np.log(_RATIOS), len(bank)))
        self.log_prior = np.repeat(bank.log_prior, len(_RATIOS)) - math.log(len(_RATIOS))
        self._ahead: tuple[int, tuple[FloatArray, FloatArray]] | None = None

    def condition(self, prefixes: FloatArray) -> Conditioned:
        """The regressions of prefixes (n, e)."""
        level = prefixes @ self._weights / self._total
        centred = prefixes - level[:, np.newaxis]
        product = np.repeat(centred @ self._projection, len(_RATIOS), axis=1)  # (n, K·R)
        slope = product * self._variance
        product *= slope
        scatter = np.subtract((centred**2 @ self._weights)[:, np.newaxis], product, out=product)
        np.maximum(scatter, 0, out=scatter)
        scatter *= 0.5
        scatter += self._prior_scatter
        log_likelihood = np.log(scatter)
        log_likelihood *= -0.5 * self.dof
        log_likelihood += self._log_occam
        scatter *= 2 / self.dof
        noise = np.sqrt(scatter, out=scatter)
        slope_std = noise * self._slope_scale
        log_mass, shift = self._signs(slope / slope_std)
        log_likelihood += log_mass
        shift *= slope_std
        slope += shift
        return Conditioned(
            model=self,
            level=level,
            slope=slope,
            noise=noise,
            log_likelihood=log_likelihood,
        )

    def ahead(self, at_epoch: int) -> tuple[FloatArray, FloatArray]:
        """For `at_epoch`: g - ḡ of each component (K·R,), and the predictive variance over σ²."""
        if self._ahead is None or self._ahead[0] != at_epoch:
            self._ahead = (at_epoch, self._compute_ahead(at_epoch))
        return self._ahead[1]

    def _compute_ahead(self, at_epoch: int) -> tuple[FloatArray, FloatArray]:
        shift = self._bank.at(np.array([float(at_epoch)]))[:, 0] - self._shape_mean
        shift = np.repeat(shift, len(_RATIOS))
        variance = 1 / self._last_precision + 1 / self._total + shift**2 / self._precision
        return shift, variance

    def _signs(self, z: FloatArray) -> tuple[FloatArray, FloatArray]:
        """log of the prior weight of the signs that a can have, and the shift of its mean in its own scales,
        for a ~ t(z, 1) before signs are weighed."""
        log_mass, shift = _sign_tables(self.dof, self._decline)
        place = z * (_TABLE / 2 / _TABLE_END)
        place += _TABLE / 2 + 0.5
        np.clip(place, 0, _TABLE, out=place)
        index = place.astype(np.intp)
        return log_mass.take(index), shift.take(index)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Conditioned:
    """n curves' posterior of each component. level: (n,). slope, noise, log_likelihood: (n, K·R)."""

    model: LinearModel
    level: FloatArray
    slope: FloatArray
    noise: FloatArray
    log_likelihood: FloatArray

    def log_density(self, values: FloatArray, at_epoch: int) -> FloatArray:
        """log of each component's predictive density (n, K·R) at values (n,) of `at_epoch`, but for a
        constant."""
        shift, variance = self.model.ahead(at_epoch)
        scale = self.noise * np.sqrt(variance)
        z = (values[:, np.newaxis] - self.level[:, np.newaxis] - self.slope * shift) / scale
        dof = self.model.dof
        result: FloatArray = -np.log(scale) - 0.5 * (dof + 1) * np.log1p(z**2 / dof)
        return result

    def weights(self, log_prior: FloatArray) -> FloatArray:
        """Posterior probabilities (n, K·R) of the components, from their log prior, (K·R,) or (n, K·R)."""
        weight = self.log_likelihood + log_prior
        weight -= weight.max(axis=1, keepdims=True)
        np.exp(weight, out=weight)
        weight /= weight.sum(axis=1, keepdims=True)
        return weight

    def mixture(self, weights: FloatArray, at_epoch: int) -> StudentMixture:
        """The predictive distribution of the accuracy at `at_epoch`."""
        shift, variance = self.model.ahead(at_epoch)
        location = self.slope * shift
        location += self.level[:, np.newaxis]
        return StudentMixture(
            weight=weights,
            location=location,
            scale=self.noise * np.sqrt(variance),
            dof=self.model.dof,
        )


@lru_cache(maxsize=64)
def _sign_tables(dof: float, decline: float) -> tuple[FloatArray, FloatArray]:
    from scipy.special import gammaln, stdtr

    z = np.linspace(-_TABLE_END, _TABLE_END, _TABLE + 1)
    positive = stdtr(dof, z)
    mass = (1 - decline) * positive + decline * (1 - positive)
    log_unit = gammaln((dof + 1) / 2) - gammaln(dof / 2) - 0.5 * math.log(dof * math.pi)
    density = np.exp(log_unit - 0.5 * (dof + 1) * np.log1p(z**2 / dof))
    tail = density * (dof + z**2) / (dof - 1)  # the integral of u·t(u) over u > -z
    return np.log(2 * np.maximum(mass, 1e-300)), (1 - 2 * decline) * tail / np.maximum(mass, 1e-300)
