"""What extrapolators have in common that learn a regression from fully trained curves."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from nascurve.lce._features import checked_encodings, matching_encodings
from nascurve.lce._inputs import checked_curves, checked_prefixes
from nascurve.lce._memory import content_key
from nascurve.lce.last_value import LastValue
from nascurve.lce.lcsvr_residuals import ResidualSpread
from nascurve.lce.predictive_distribution import with_quantiles
from nascurve.simulator.types import FloatArray, Prediction

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Sample:
    """Curves to learn from, cut to what is seen (m, e); accuracies (m,) to predict; encodings (m, d)."""

    seen: FloatArray
    target: FloatArray
    encodings: FloatArray | None

    def first(self, m: int) -> Sample:
        encodings = None if self.encodings is None else self.encodings[:m]
        return Sample(self.seen[:m], self.target[:m], encodings)

    def key(self) -> bytes:
        return content_key(self.seen, self.target, *([] if self.encodings is None else [self.encodings]))


@dataclass(frozen=True, slots=True)
class Learnt:
    """predict: prefixes (n, e) and encodings (n, d) -> accuracies (n,). held_out: (m,), predictions for the
    curves of the sample, each by models that had not seen it. Either may lie outside [0, 1]."""

    predict: Callable[[FloatArray, FloatArray | None], FloatArray]
    held_out: FloatArray


class CurveLearner:
    """Keeps fully trained curves, and a model for each prefix length and predicted epoch.

    A model is learnt when `predict` first needs it, and kept until the next `fit`. Its predictions are cut to
    [0, 1]; std and quantiles are by `ResidualSpread`, of the errors on curves held out. With fewer than
    `min_curves` curves, or curves shorter than the epoch asked for, predictions are those of `LastValue`,
    with normal quantiles, and the log says so, once.

    learn: how a model is made. owner: whose checks and messages these are.
    """

    def __init__(self, learn: Callable[[Sample], Learnt], *, min_curves: int, owner: object) -> None:
        self._learn = learn
        self._min_curves = min_curves
        self._owner = owner
        self._name = type(owner).__name__
        self._curves: FloatArray = np.empty((0, 0))
        self._encodings: FloatArray | None = None
        self._models: dict[tuple[int, int, bool], tuple[Learnt, ResidualSpread]] = {}
        self._fallback = LastValue()
        self._fallback_logged = False

    def fit(self, curves: ArrayLike, encodings: ArrayLike | None) -> None:
        """Keep curves (m, epochs) and the encodings (m, d) of their architectures. Raises ConfigError."""
        checked = checked_curves(curves, self._owner).copy()
        self._encodings = checked_encodings(encodings, len(checked), f"{self._name}.fit")
        self._curves = checked
        self._models.clear()
        self._fallback.fit(self._curves)

    def predict(self, prefixes: ArrayLike, at_epoch: int, encodings: ArrayLike | None) -> Prediction:
        """For prefixes (n, e_few) at a later epoch. Raises ConfigError."""
        prefixes = checked_prefixes(prefixes, at_epoch, self._owner)
        n, epochs = prefixes.shape
        encoded = matching_encodings(encodings, n, self._encodings, f"{self._name}.predict")
        if len(self._curves) < self._min_curves or self._curves.shape[1] < at_epoch:
            self._log_fallback(at_epoch)
            return with_quantiles(self._fallback.predict(prefixes, at_epoch))
        if not n:
            return with_quantiles(Prediction(mean=np.empty(0), std=np.empty(0)))
        key = (epochs, at_epoch, encoded is not None)
        if key not in self._models:
            self._models[key] = self._model(*key)
        learnt, spread = self._models[key]
        return spread.prediction(prefixes, np.clip(learnt.predict(prefixes, encoded), 0, 1))

    def _model(self, epochs: int, at_epoch: int, encoded: bool) -> tuple[Learnt, ResidualSpread]:
        sample = Sample(
            seen=np.ascontiguousarray(self._curves[:, :epochs]),
            target=self._curves[:, at_epoch - 1].copy(),
            encodings=self._encodings if encoded else None,
        )
        learnt = self._learn(sample)
        held_out = np.clip(learnt.held_out, 0, 1)
        return learnt, ResidualSpread(sample.seen, held_out, sample.target - held_out)

    def _log_fallback(self, at_epoch: int) -> None:
        if not self._fallback_logged:
            self._fallback_logged = True
            _log.info(
                "%s predicts the last value until it has %d fully trained curves of %d epochs (now %d).",
                self._name,
                self._min_curves,
                at_epoch,
                len(self._curves) if self._curves.shape[1] >= at_epoch else 0,
            )
