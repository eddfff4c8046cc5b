"""The sampled posterior of one curve: what it predicts, and how well it was sampled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nascurve.lce import wpm_mcmc_coordinates as coordinates
from nascurve.lce.wpm_families import CurveFamily
from nascurve.lce.wpm_mcmc_model import Draws
from nascurve.lce.wpm_mcmc_start import Start
from nascurve.simulator.types import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostics:
    """How well the posterior of one curve was sampled.

    families: names of those that were not dropped; none where nothing was sampled and the last value is
        predicted, and then the numbers are NaN and 0.
    r_hat, ess: the largest rank-normalised R-hat and the smallest bulk effective sample size of all weights,
        parameters and the noise. NaN with one chain (R-hat), or with too few draws.
    prediction_r_hat, prediction_ess: those of f(at_epoch), which is what a prediction hangs on: weights and
        parameters of families that can stand in for each other mix more slowly than their sum.
    divergences: divergent transitions after tuning, of all chains; 0 for samplers that have none.
    """

    families: tuple[str, ...]
    r_hat: float
    ess: float
    prediction_r_hat: float
    prediction_ess: float
    divergences: int


NOT_SAMPLED = Diagnostics(
    families=(),
    r_hat=np.nan,
    ess=np.nan,
    prediction_r_hat=np.nan,
    prediction_ess=np.nan,
    divergences=0,
)


class Posterior:
    """Draws of the weighted combination for one curve. first_epoch: the epoch that is x = 1, as the start of
    the curve may have been dropped. x_lim: epochs from there to the horizon."""

    def __init__(
        self, families: Sequence[CurveFamily], start: Start, draws: Draws, *, first_epoch: int, x_lim: int
    ) -> None:
        self._families = tuple(families)
        self._start = start
        self._draws = draws
        self._first_epoch = first_epoch
        self._x_lim = x_lim

    @property
    def noise_std(self) -> FloatArray:
        """σ of each draw: (S,), chains one after another, S = chains · draws."""
        return self._draws.noise_std.ravel()

    def curve(self, epochs: Sequence[int]) -> FloatArray:
        """f at the epochs, without noise, for each draw: (S, len(epochs)). Not clipped to [0, 1]."""
        x = np.asarray(epochs, dtype=np.float64) - (self._first_epoch - 1)
        weights = self._draws.weights.reshape(-1, len(self._families))
        free = self._draws.free.reshape(len(weights), -1)
        total = np.zeros((len(weights), len(x)))
        offset = 0
        for k, family in enumerate(self._families):
            own = free[:, offset : offset + len(family.start)]
            offset += len(family.start)
            if self._start.kept[k]:
                values = family(x, coordinates.to_parameters(family, own, self._x_lim))
                total += weights[:, k, np.newaxis] * values
        return total

    def diagnostics(self) -> Diagnostics:
        """R-hat, effective sample size and divergences."""
        from nascurve.lce.wpm_mcmc_model import import_quietly

        arviz = import_quietly("arviz")
        kept = self._start.kept
        sizes = [len(family.start) for family in self._families]
        horizon = self.curve([self._first_epoch + self._x_lim - 1])
        sampled = arviz.convert_to_dataset(
            {
                "prediction": horizon.reshape(self._draws.noise_std.shape),
                "noise_std": self._draws.noise_std,
                "weights": self._draws.weights[..., kept],
                "free": self._draws.free[..., np.repeat(kept, sizes)],
            }
        )
        r_hat, ess = arviz.rhat(sampled), arviz.ess(sampled)
        return Diagnostics(
            families=tuple(f.name for f, keep in zip(self._families, kept, strict=True) if keep),
            r_hat=max(float(r_hat[name].max()) for name in r_hat.data_vars),
            ess=min(float(ess[name].min()) for name in ess.data_vars),
            prediction_r_hat=float(r_hat["prediction"]),
            prediction_ess=float(ess["prediction"]),
            divergences=self._draws.n_divergent,
        )
