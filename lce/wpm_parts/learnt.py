"""All that the fast weighted probabilistic model learns from fully trained curves, for one prefix length."""

from __future__ import annotations

from nascurve.lce._levels import LEVELS
from nascurve.lce.wpm_parts.correction import Correction
from nascurve.lce.wpm_parts.empirical import learn_prior
from nascurve.lce.wpm_parts.posterior import LinearModel
from nascurve.simulator.types import FloatArray


class Learnt:
    """From curves (m, L), L > n_epochs: the components' prior at once, corrections when they are asked for.

    log_prior: (K·R,), the learnt prior of the model's components.
    """

    def __init__(self, model: LinearModel, curves: FloatArray, n_epochs: int, *, strength: float) -> None:
        self._curves = curves
        self._prefixes = curves[:, :n_epochs]
        self._conditioned = model.condition(self._prefixes)
        prior = learn_prior(self._conditioned, curves[:, -1], curves.shape[1], strength=strength)
        self.log_prior = prior.whole
        self._plain = self._conditioned.weights(model.log_prior)
        self._left_out = self._conditioned.weights(prior.left_out)
        self._corrections: dict[int, Correction] = {}

    def correction(self, at_epoch: int) -> Correction:
        """The correction of predictions at `at_epoch`; neutral beyond the curves.

        It is learnt from predictions of each curve with the prior that the others teach.
        """
        if at_epoch > self._curves.shape[1]:
            return Correction.neutral()
        if at_epoch not in self._corrections:
            plain, learnt = (
                self._conditioned.mixture(weights, at_epoch).reduced().std_and_quantiles(LEVELS)[1]
                for weights in (self._plain, self._left_out)
            )
            truth = self._curves[:, at_epoch - 1]
            self._corrections[at_epoch] = Correction.learn(self._prefixes, plain, learnt, truth)
        return self._corrections[at_epoch]
