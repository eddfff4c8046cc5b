"""Empirical Bayes: how often each component of the model occurs in the curves of a run."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nascurve.lce.wpm_parts.posterior import Conditioned
from nascurve.simulator.types import FloatArray

_STEPS = 5
_FLOOR = 1e-300


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LearntPrior:
    """Log prior weights of K components, learnt from m curves: `whole` (K,) from all of them, `left_out`
    (m, K) for each curve from the others alone (its share of the last step is taken out)."""

    whole: FloatArray
    left_out: FloatArray


def learn_prior(conditioned: Conditioned, final: FloatArray, length: int, *, strength: float) -> LearntPrior:
    """From the model conditioned on the prefixes of m full curves, and their last values `final` (m,), which
    were reached after epoch `length`.

    EM for the weights of a mixture whose likelihoods are those of each curve's prefix and, given that, of
    its last value (not of all the values between, which would reward shapes for the middle of the curve);
    with a Dirichlet prior that counts as `strength` curves distributed as the model's own prior. Stopped
    after 5 steps, which regularises further.
    """
    log_likelihood = conditioned.log_likelihood + conditioned.log_density(final, length)
    likelihood = np.exp(log_likelihood - log_likelihood.max(axis=1, keepdims=True))
    prior = np.exp(conditioned.model.log_prior)
    m = len(final)
    weight, share = prior, likelihood
    for _ in range(_STEPS):
        share = likelihood * weight
        share /= np.maximum(share.sum(axis=1, keepdims=True), _FLOOR)
        weight = (strength * prior + share.sum(axis=0)) / (strength + m)
    left_out = ((strength + m) * weight - share) / (strength + m - 1)
    return LearntPrior(
        whole=np.log(np.maximum(weight, _FLOOR)), left_out=np.log(np.maximum(left_out, _FLOOR))
    )
