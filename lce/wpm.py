"""The weighted probabilistic model of Domhan et al. (2015), made fast."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nascurve import options
from nascurve.lce._inputs import checked_curves, checked_prefixes
from nascurve.lce._levels import LEVELS, MAX_STD
from nascurve.lce.last_value import LastValue
from nascurve.lce.predictive_distribution import with_quantiles
from nascurve.lce.wpm_parts.bank import ShapeBank
from nascurve.lce.wpm_parts.learnt import Learnt
from nascurve.lce.wpm_parts.posterior import LinearModel, NoiseModel
from nascurve.simulator.types import FloatArray, Prediction

_MIN_EPOCHS = 3
"""Below this level, scale and noise are not determined."""
_SIZES = (1, 2, 3, 4, 5, 6, 8, 10, 13, 16, 20, 25, 32, 40, 50, 63, 80, 100, 125, 150)
"""Of the fitted curves the first m' are learnt from, m' the largest of these numbers: so that few of the many
fits of a search have something new to learn."""
_CHUNK = 1 << 17
"""Elements of an array of the regressions, so that a handful of these fit into a processor's cache."""


class WPM:
    """Bayesian average over a bank of about 310 fixed curve shapes × 5 signal-to-noise ratios.

    The model family of Domhan, Springenberg and Hutter (IJCAI 2015): y_j = c + a·g(j) + noise, g from their
    families (see ShapeBank). Instead of sampling all parameters for each curve, the nonlinear ones lie on a
    grid; level c, scale a and the noise's variance are integrated out in closed form (LinearModel), which
    makes the predictive distribution of each component a Student-t. Its weight is marginal likelihood ×
    prior weight. All curves and components are treated in a few matrix products.

    Prediction: quantiles and `std` of the mixture, clipped to [0, 1]; `mean` is its trimean (q25 + 2·q50 +
    q75) / 4: the mixture's mean is moved by single slowly rising shapes of small weight, and ranks worse.

    `fit` (empirical Bayes) learns the components' prior weights, from which the spread of a prediction is
    taken; and from 5 curves on a linear correction of its location, with the learnt prior's median as one
    feature, and a factor of its spread. A prefix cannot show what comes at the end of, say, a cosine
    schedule; the fitted curves can (Learnt, Correction). At most 150 curves are learnt from. Only
    curves that reach beyond the prefix teach anything, and the correction only epochs that they reach.
    Prefixes of fewer than 3 epochs get LastValue's mean and std with the quantiles of a Gaussian.

    recency: Domhan's emphasis on the end of the prefix, in decades of weight over it; used as a noise
        variance that falls so, not only as a weight.
    sharpness: the likelihood is raised to the power sharpness / √e, since real curves fit no shape exactly
        and their residuals are not independent; smaller is more cautious.
    noise_std: scale of the prior of the noise, accuracy.
    decline: prior probability that the scale is negative, so that curves fall; 0 to .5.
    rise_decay: a priori, shapes that still rise by r times what they rose within the prefix, until four
        times its length, weigh (1 + r)^(-rise_decay): without it slow shapes extrapolate to anything.
    prior_strength: how many curves the bank's own prior weights count as beside the fitted ones.

    Raises ConfigError for values that are not numbers or out of range.

    Deviations from the source: no sampling; each component by itself, not a weighted sum of families with a
    common noise; families that are the same function up to level and scale are one (Hill3 = MMF = log power,
    Weibull = Janoschek = exp4); more: delayed power laws, flat before they set in; signal-to-noise prior;
    tempering; no soft monotonicity test of each sample, but shapes that all rise, and a prior on the sign.
    """

    def __init__(
        self,
        *,
        recency: float = 1.5,
        sharpness: float = 1.0,
        noise_std: float = 0.0005,
        decline: float = 0.05,
        rise_decay: float = 2.5,
        prior_strength: float = 60.0,
    ) -> None:
        self._noise = NoiseModel(
            recency=options.real("WPM.recency", recency, at_least=0, at_most=6, hint="In decades of weight."),
            sharpness=options.real("WPM.sharpness", sharpness, above=0),
            noise_std=options.real("WPM.noise_std", noise_std, above=0, hint="In units of accuracy."),
            decline=options.real("WPM.decline", decline, at_least=0, at_most=0.5),
        )
        self._rise_decay = options.real("WPM.rise_decay", rise_decay, at_least=0)
        self._strength = options.real("WPM.prior_strength", prior_strength, above=0, hint="In curves.")
        self._fallback = LastValue()
        self._models: dict[int, LinearModel] = {}
        self._curves: FloatArray = np.empty((0, 0))
        self._content: tuple[tuple[int, ...], bytes] = ((0, 0), b"")
        self._learnt: dict[int, Learnt] = {}

    def fit(self, curves: FloatArray) -> None:
        """Keep fully trained curves (m, epochs), m >= 0. What was learnt before is kept only where the same
        curves are to be learnt from."""
        curves = checked_curves(curves, self)
        self._fallback.fit(curves)
        used = curves[: max((size for size in _SIZES if size <= len(curves)), default=0)]
        content = (used.shape, used.tobytes())
        if content != self._content:
            self._curves, self._content = used.copy(), content
            self._learnt.clear()

    def predict(self, prefixes: FloatArray, at_epoch: int) -> Prediction:
        """Predict from prefixes (n, e) at a later epoch. Raises ConfigError for bad input."""
        prefixes = checked_prefixes(prefixes, at_epoch, self)
        return self._predict(prefixes, [int(at_epoch)])[0]

    def predict_curve(self, prefixes: FloatArray, until_epoch: int) -> list[Prediction]:
        """`predict` at each epoch from e+1 to `until_epoch`; faster, since all epochs share the regressions.
        Raises ConfigError for bad input."""
        prefixes = checked_prefixes(prefixes, until_epoch, self)
        return self._predict(prefixes, range(prefixes.shape[1] + 1, int(until_epoch) + 1))

    def _predict(self, prefixes: FloatArray, epochs: Sequence[int]) -> list[Prediction]:
        n, e = prefixes.shape
        if e < _MIN_EPOCHS:
            return [with_quantiles(self._fallback.predict(prefixes, epoch)) for epoch in epochs]
        model = self._model(e)
        learnt = self._learn(model, e)
        priors = [model.log_prior] if learnt is None else [model.log_prior, learnt.log_prior]
        std = np.empty((len(priors), len(epochs), n))
        quantiles = np.empty((len(priors), len(epochs), n, len(LEVELS)))
        rows = max(1, _CHUNK // len(model.log_prior))
        for start in range(0, n, rows):
            chunk = slice(start, start + rows)
            conditioned = model.condition(prefixes[chunk])
            for which, log_prior in enumerate(priors):
                weights = conditioned.weights(log_prior)
                for i, epoch in enumerate(epochs):
                    mixture = conditioned.mixture(weights, epoch).reduced()
                    answer = mixture.std_and_quantiles(LEVELS)
                    std[which, i, chunk], quantiles[which, i, chunk] = answer
        predictions = []
        for i, epoch in enumerate(epochs):
            spread, answers = std[-1, i], quantiles[-1, i]
            if learnt is not None:
                correction = learnt.correction(epoch)
                answers = correction.apply(prefixes, quantiles[0, i], answers)
                spread = np.minimum(correction.stretch * spread, MAX_STD)
            mean = answers[:, 1:4] @ np.array([0.25, 0.5, 0.25])
            predictions.append(
                Prediction(mean=mean, std=spread.copy(), quantiles=answers.copy(), levels=LEVELS)
            )
        return predictions

    def _model(self, n_epochs: int) -> LinearModel:
        if n_epochs not in self._models:
            self._models[n_epochs] = LinearModel(ShapeBank.build(n_epochs, self._rise_decay), self._noise)
        return self._models[n_epochs]

    def _learn(self, model: LinearModel, n_epochs: int) -> Learnt | None:
        if not len(self._curves) or self._curves.shape[1] <= n_epochs:
            return None
        if n_epochs not in self._learnt:
            self._learnt[n_epochs] = Learnt(model, self._curves, n_epochs, strength=self._strength)
        return self._learnt[n_epochs]
