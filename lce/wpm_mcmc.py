"""The weighted probabilistic model of Domhan et al., sampled: the slow reference."""

from __future__ import annotations

import hashlib
import logging
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np

from nascurve import options
from nascurve.errors import ConfigError
from nascurve.lce._inputs import checked_curves, checked_prefixes
from nascurve.lce._levels import LEVELS
from nascurve.lce.last_value import LastValue
from nascurve.lce.predictive_distribution import PredictiveDistribution
from nascurve.lce.wpm_families import FAMILIES
from nascurve.lce.wpm_mcmc_model import SAMPLERS, CombinationModel
from nascurve.lce.wpm_mcmc_posterior import NOT_SAMPLED, Diagnostics, Posterior
from nascurve.lce.wpm_mcmc_start import MAX_ACC_AT_LIMIT, epochs_to_drop, start_of
from nascurve.simulator.types import FloatArray, Prediction

_LOG = logging.getLogger(__name__)
_MIN_EPOCHS = 4
"""Below this the families with four parameters are not determined."""
_R_HAT_LIMIT = 1.05
_BISECTIONS = 45
_WALL_SLACK = 0.01
"""Five standard deviations of the soft walls. Draws of f(x_lim) beyond are of a chain that began there and
never came back: in the source they have prior 0."""
_N_KEPT = 64
"""Posteriors that are kept: each takes about draws·chains·50·8 bytes."""


class WPMMCMC:
    """y(x) ~ N(Σ p_i f_i(x), σ²): eleven curve families, their parameters, weights and noise sampled by MCMC.

    Each family is fitted to the prefix by least squares from its start values (Levenberg-Marquardt, else
    L-BFGS-B). It is dropped when that fails, when f(x_lim) is not finite or outside [0, 100], or when
    f(x_lim) < f(2) (soft monotonicity). The posterior of the rest is sampled from there with PyMC; x_lim is
    the predicted epoch. Predictions are of the accuracy that will be observed: mean of f, std and quantiles
    (at LEVELS) of f with its noise, over all draws; mean and quantiles clipped to [0, 1]. Draws for which
    f is not finite, or f(x_lim) outside [0, 100] by more than .01, are left out.

    `fit` learns nothing, as in the source, where each curve stands alone: the curves only serve the fallback
    `LastValue`, for prefixes of fewer than 4 epochs and those for which all families are dropped.

    Options
    families: names out of `FAMILIES`; None for all eleven, as in the source's termination criterion (its
        default elsewhere are nine, without vapor pressure and ilog2).
    sampler: "nutpie" (extra `mcmc`; compiled once for all curves), "nuts" (PyMC's own), "numpyro" (where it
        is installed), "demetropolis" (DE-MCMC-Z, without gradients, the nearest to the source's emcee; give
        it thousands of draws).
    draws, tune, chains, target_accept: as in PyMC; draws and tuning steps are of each chain.
    recency: weight epoch j of n in the likelihood by 10^(j/n), as the source's criterion does.
    drop_start: drop the start of a curve until 5 successive values exceed the first by .05, as the source's
        criterion does; epochs are then counted from there.
    prior_information, prior_std, min_noise_std: the prior, see below.
    seed: with the curve's own values it seeds its sampling, so that a row does not depend on the others.

    Source: Domhan, Springenberg and Hutter (2015); github.com/tdomhan/pylearningcurvepredictor. Deviations:
    1. The source's priors are flat and improper; with more parameters than epochs so is its posterior, and
       the 10^(j/n) lets the likelihood grow without bound as σ → 0. Here a family's parameters have a normal
       prior at its least-squares fit, where the source's chain starts: the covariance is that of the fit,
       inflated to the information of `prior_information` epochs (a unit-information prior), plus a precision
       of 1/prior_std² in each coordinate. 0 leaves the latter alone. σ ~ U(min_noise_std, 1).
    2. Weights: the source's flat prior on w ≥ 0 is uniform on the simplex once w is normalised, and that is
       the prior here; the length of w, which nothing determines, has a proper one (w_i ~ Exponential(1)).
    3. Coordinates: the logarithm of κ in Hill3, MMF and Weibull, and of a·x + b at both ends in pow4 and of
       a·ln x + b in log log linear: the curve is then defined everywhere.
    4. The walls at f(2) and at 0 and 100 are soft, normal with .002 of accuracy: NUTS needs a gradient.
    5. NUTS in place of an ensemble of 100 walkers, 2500 steps each.
    6. With `drop_start` the horizon is shortened with the curve, which the source has as a to-do.

    Raises ConfigError for options out of range, for a sampler that is not installed, and for bad input.
    """

    def __init__(
        self,
        *,
        families: Sequence[str] | None = None,
        sampler: str = "nutpie",
        draws: int = 250,
        tune: int = 500,
        chains: int = 4,
        target_accept: float = 0.9,
        recency: bool = True,
        drop_start: bool = False,
        prior_information: float = 1.0,
        prior_std: float = 1.0,
        min_noise_std: float = 0.001,
        seed: int = 0,
    ) -> None:
        self._families = tuple(FAMILIES[name] for name in _checked_families(families))
        self._drop_start = options.flag("WPMMCMC.drop_start", drop_start)
        self._recency = options.flag("WPMMCMC.recency", recency)
        self._prior_information = options.real("WPMMCMC.prior_information", prior_information, at_least=0)
        self._prior_std = options.real("WPMMCMC.prior_std", prior_std, above=0)
        self._min_noise_std = options.real(
            "WPMMCMC.min_noise_std", min_noise_std, above=0, at_most=0.05, hint="In units of accuracy."
        )
        self._seed = options.integer("WPMMCMC.seed", seed, at_least=0)
        self._model = CombinationModel(
            self._families,
            sampler=options.choice("WPMMCMC.sampler", sampler, SAMPLERS),
            draws=options.integer("WPMMCMC.draws", draws, at_least=4),
            tune=options.integer("WPMMCMC.tune", tune, at_least=0),
            chains=options.integer("WPMMCMC.chains", chains, at_least=1),
            target_accept=options.real("WPMMCMC.target_accept", target_accept, above=0, at_most=0.999),
            min_noise_std=self._min_noise_std,
            recency=self._recency,
        )
        self._fallback = LastValue()
        self._kept: OrderedDict[tuple[bytes, int], tuple[Posterior | None, Diagnostics]] = OrderedDict()

    def fit(self, curves: FloatArray) -> None:
        """Keep fully trained curves (m, epochs) for the fallback; the model learns nothing from them."""
        self._fallback.fit(checked_curves(curves, self))

    def predict(self, prefixes: FloatArray, at_epoch: int) -> Prediction:
        """Predict from prefixes (n, e_few) at a later epoch. Takes seconds a curve."""
        return self._predict(checked_prefixes(prefixes, at_epoch, self), at_epoch, [at_epoch])[0]

    def predict_curve(self, prefixes: FloatArray, until_epoch: int) -> list[Prediction]:
        """Predictions at each of the epochs e_few + 1 … `until_epoch` from one posterior a curve, with x_lim
        = `until_epoch`; the last one is `predict(prefixes, until_epoch)`, the others differ a little from
        `predict`, which puts x_lim at the epoch that it is asked for."""
        prefixes = checked_prefixes(prefixes, until_epoch, self)
        return self._predict(prefixes, until_epoch, range(prefixes.shape[1] + 1, until_epoch + 1))

    def diagnostics(self, prefixes: FloatArray, at_epoch: int) -> list[Diagnostics]:
        """How well the posterior behind `predict(prefixes, at_epoch)` was sampled, for each curve."""
        prefixes = checked_prefixes(prefixes, at_epoch, self)
        return [self._posterior(curve, at_epoch)[1] for curve in prefixes]

    def _predict(self, prefixes: FloatArray, x_lim: int, epochs: Sequence[int]) -> list[Prediction]:
        fallbacks = [self._fallback.predict(prefixes, epoch) for epoch in epochs]
        means = np.stack([p.mean for p in fallbacks])  # (E', n), and below (E', n, levels)
        stds = np.stack([p.std for p in fallbacks])
        quantiles = np.stack([PredictiveDistribution(p).quantiles(LEVELS) for p in fallbacks])
        for row, curve in enumerate(prefixes):
            posterior, _ = self._posterior(curve, x_lim)
            if posterior is not None:
                values, noise_std = posterior.curve(epochs), posterior.noise_std
                sound = np.isfinite(values).all(axis=1)  # a power may overflow before x_lim
                sound &= np.abs(values[:, -1] - MAX_ACC_AT_LIMIT / 2) <= MAX_ACC_AT_LIMIT / 2 + _WALL_SLACK
                if not sound.any():
                    continue
                values, noise_std = values[sound], noise_std[sound]
                means[:, row] = values.mean(axis=0)
                stds[:, row] = np.sqrt(values.var(axis=0) + (noise_std**2).mean())
                for place in range(len(epochs)):
                    quantiles[place, row] = mixture_quantiles(values[:, place], noise_std)
        return [
            Prediction(mean=np.clip(m, 0, 1), std=s, quantiles=np.clip(q, 0, 1), levels=LEVELS)
            for m, s, q in zip(means, stds, quantiles, strict=True)
        ]

    def _posterior(self, curve: FloatArray, x_lim: int) -> tuple[Posterior | None, Diagnostics]:
        key = (curve.tobytes(), x_lim)
        if key not in self._kept:
            self._kept[key] = self._sample(curve, x_lim)
            if len(self._kept) > _N_KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]

    def _sample(self, curve: FloatArray, x_lim: int) -> tuple[Posterior | None, Diagnostics]:
        dropped = epochs_to_drop(curve) if self._drop_start else 0
        y, limit = curve[dropped:], x_lim - dropped
        if len(y) < _MIN_EPOCHS:
            return None, NOT_SAMPLED
        start = start_of(
            self._families,
            y,
            limit,
            recency=self._recency,
            prior_information=self._prior_information,
            prior_std=self._prior_std,
            min_noise_std=self._min_noise_std,
        )
        if not start.kept.any():
            _LOG.info("WPMMCMC: no curve family fits the curve %s …; the last value is predicted.", y[:5])
            return None, NOT_SAMPLED
        draws = self._model.sample(y, limit, start, self._row_seed(curve, x_lim))
        posterior = Posterior(self._families, start, draws, first_epoch=dropped + 1, x_lim=limit)
        found = posterior.diagnostics()
        if found.r_hat > _R_HAT_LIMIT:
            _LOG.warning(
                "WPMMCMC: R-hat is %.3f (of the prediction %.3f), effective draws %.0f (%.0f), "
                "divergences %d; more draws or tuning steps may be needed.",
                found.r_hat,
                found.prediction_r_hat,
                found.ess,
                found.prediction_ess,
                found.divergences,
            )
        return posterior, found

    def _row_seed(self, curve: FloatArray, x_lim: int) -> int:
        digest = hashlib.sha256(f"{self._seed} {x_lim} ".encode() + curve.tobytes()).digest()
        return int.from_bytes(digest[:4], "big")


def mixture_quantiles(means: FloatArray, noise_std: FloatArray) -> FloatArray:
    """Quantiles at LEVELS of the equal mixture of normal distributions (S,): (len(LEVELS),)."""
    from scipy.special import ndtr, ndtri

    levels = np.array(LEVELS)
    bounds = means[:, np.newaxis] + noise_std[:, np.newaxis] * ndtri(levels)  # each component's own quantiles
    low, high = bounds.min(axis=0), bounds.max(axis=0)
    for _ in range(_BISECTIONS):
        middle = 0.5 * (low + high)
        is_below = ndtr((middle[:, np.newaxis] - means) / noise_std).mean(axis=1) < levels
        low, high = np.where(is_below, middle, low), np.where(is_below, high, middle)
    return np.asarray(0.5 * (low + high))


def _checked_families(names: Sequence[str] | None) -> list[str]:
    if names is None:
        return list(FAMILIES)
    if isinstance(names, str) or not len(names):
        raise ConfigError(
            f"WPMMCMC.families: expected a list of at least one name, got {names!r}. "
            "None stands for all eleven."
        )
    chosen = [options.choice("WPMMCMC.families", name, list(FAMILIES)) for name in names]
    if len(set(chosen)) < len(chosen):
        raise ConfigError(f"WPMMCMC.families: expected each name once, got {chosen}. Leave the repeated out.")
    return chosen
