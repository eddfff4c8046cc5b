"""A power law with an asymptote, fitted to all curves at once in closed form."""

from __future__ import annotations

import math

import numpy as np

from nascurve import options
from nascurve.errors import ConfigError
from nascurve.lce._inputs import checked_curves, checked_prefixes
from nascurve.lce.last_value import LastValue
from nascurve.simulator.types import FloatArray, Prediction

_MIN_EPOCHS = 3
"""Below this the three parameters are not determined."""


class PowerLaw:
    """y(x) = c - a·x^(-α), a ≥ 0, x = 1, 2, … epochs: `pow3` of Domhan, Springenberg and Hutter (2015).

    α runs over a grid, geometric from `min_exponent` to `max_exponent`. For a fixed α the law is linear in
    (c, a), and weighted least squares has a closed form, which is evaluated for all curves and the whole grid
    in a few matrix products; a < 0 is set to 0 (then c is the weighted mean). The weight of epoch j of e is
    10^(recency·(j-1)/(e-1)), Domhan's emphasis on the recent. The fits are not cut down
    to the best one but averaged, with weights ∝ s_α^(-(n_eff - 2)), the profile likelihood under Gaussian
    noise; s_α² is the weighted residual variance plus `noise_std`², n_eff = 1 / Σ w² the effective number of
    epochs. With that

        mean = Σ_α p_α f_α(at),
        std² = Σ_α p_α [(f_α(at) - mean)² + s_α² (1 + 1/n_eff + (t_α - t̄_α)² / (n_eff·var(t_α)))],

    spread between the exponents, noise, and the error of extrapolating one line (t = -x^(-α)).
    The mean is clipped to [0, 1].

    `fit` calibrates std, not the mean: with z = (y_at - mean) / std on the m fitted curves, std is multiplied
    by √((1 + Σ z²) / (1 + m)). A law fitted to a prefix cannot know what is to come, as the end of a cosine
    schedule; the fitted curves tell by how much it is wrong.

    Deviations from the source: no MCMC, one family, α bounded from below, because with α → 0 a few epochs
    extrapolate to anything; the calibration. Prefixes of fewer than 3 epochs get `LastValue`'s prediction.
    """

    def __init__(
        self,
        *,
        min_exponent: float = 0.5,
        max_exponent: float = 3.0,
        n_exponents: int = 32,
        recency: float = 1.0,
        noise_std: float = 0.002,
    ) -> None:
        lowest = options.real("PowerLaw.min_exponent", min_exponent, above=0)
        highest = options.real("PowerLaw.max_exponent", max_exponent, above=0)
        if not lowest < highest:
            raise ConfigError(
                "PowerLaw: expected min_exponent < max_exponent, "
                f"got min_exponent={min_exponent!r}, max_exponent={max_exponent!r}."
            )
        size = options.integer("PowerLaw.n_exponents", n_exponents, at_least=2)
        self._exponents = np.geomspace(lowest, highest, size)
        self._recency = options.real("PowerLaw.recency", recency, at_least=0, hint="In decades of weight.")
        self._noise_std = options.real("PowerLaw.noise_std", noise_std, above=0, hint="In units of accuracy.")
        self._fallback = LastValue()
        self._curves: FloatArray = np.empty((0, 0))
        self._std_factor: dict[tuple[int, int], float] = {}

    def fit(self, curves: FloatArray) -> None:
        """Keep fully trained curves (m, epochs) to calibrate the standard deviation on."""
        self._curves = checked_curves(curves, self).copy()
        self._std_factor.clear()
        self._fallback.fit(self._curves)

    def predict(self, prefixes: FloatArray, at_epoch: int) -> Prediction:
        """Predict from prefixes (n, e_few) at a later epoch. Raises ConfigError for bad input."""
        prefixes = checked_prefixes(prefixes, at_epoch, self)
        epochs = prefixes.shape[1]
        if epochs < _MIN_EPOCHS:
            return self._fallback.predict(prefixes, at_epoch)
        if (epochs, at_epoch) not in self._std_factor:
            self._std_factor[epochs, at_epoch] = self._calibrate(epochs, at_epoch)
        mean, std = self._extrapolate(prefixes, at_epoch)
        return Prediction(mean=mean, std=std * self._std_factor[epochs, at_epoch])

    def _calibrate(self, epochs: int, at_epoch: int) -> float:
        m, length = self._curves.shape
        if not m or length < at_epoch:
            return 1.0
        mean, std = self._extrapolate(self._curves[:, :epochs], at_epoch)
        z = (self._curves[:, at_epoch - 1] - mean) / std
        return math.sqrt((1 + float(z @ z)) / (1 + m))

    def _extrapolate(self, prefixes: FloatArray, at_epoch: int) -> tuple[FloatArray, FloatArray]:
        """The mean and the uncalibrated std of prefixes (n, e), e >= 3."""
        epochs = prefixes.shape[1]
        weights = 10 ** (self._recency * np.linspace(0, 1, epochs))
        weights /= weights.sum()
        n_eff = 1 / float(weights @ weights)
        dof = max(n_eff - 2, 1.0)

        t = -(np.arange(1.0, epochs + 1) ** -self._exponents[:, np.newaxis])  # (A, e): the law is c + a·t
        t_mean = t @ weights  # (A,)
        t_centred = t - t_mean[:, np.newaxis]
        t_var = t_centred**2 @ weights
        t_ahead = -(float(at_epoch) ** -self._exponents) - t_mean

        y_mean = prefixes @ weights  # (n,)
        y_centred = prefixes - y_mean[:, np.newaxis]
        y_var = y_centred**2 @ weights
        covariance = y_centred @ (t_centred * weights).T  # (n, A)
        slope = np.maximum(covariance / t_var, 0)
        residual_var = np.maximum(y_var[:, np.newaxis] - slope * (2 * covariance - slope * t_var), 0)
        variance = residual_var * (n_eff / dof) + self._noise_std**2
        ahead = y_mean[:, np.newaxis] + slope * t_ahead

        log_weight = -0.5 * dof * np.log(variance)
        grid_weight = np.exp(log_weight - log_weight.max(axis=1, keepdims=True))
        grid_weight /= grid_weight.sum(axis=1, keepdims=True)
        mean = (grid_weight * ahead).sum(axis=1)
        leverage = 1 + 1 / n_eff + t_ahead**2 / (n_eff * t_var)
        spread = (ahead - mean[:, np.newaxis]) ** 2 + variance * leverage
        std = np.sqrt((grid_weight * spread).sum(axis=1))
        return np.clip(mean, 0, 1), std
