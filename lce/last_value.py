"""The last value seen as the prediction: what successive halving assumes."""

from __future__ import annotations

import math

import numpy as np

from nascurve import options
from nascurve.lce._inputs import checked_curves, checked_prefixes
from nascurve.simulator.types import FloatArray, Prediction

_MOST_CURVES = 2_000


class LastValue:
    """Predicts `mean = y_e`, the accuracy after the last epoch seen, e.

    The standard deviation is empirical: of the m fitted curves it takes the differences d = y_at - y_e, and
    std² = (default_std² + Σ d²) / (1 + m), so that `default_std` counts as one curve, and is all there is
    before the first. Not centred, because the mean is not corrected either. Of more than 2,000 curves the
    latest 2,000 count: a search is fitted again and again, and all of a long one would cost its square.

    default_std: in units of accuracy, > 0. Raises ConfigError for any other value.
    """

    def __init__(self, *, default_std: float = 0.05) -> None:
        self._default_std = options.real("LastValue.default_std", default_std, above=0)
        self._curves: FloatArray = np.empty((0, 0))
        self._std: dict[tuple[int, int], float] = {}

    def fit(self, curves: FloatArray) -> None:
        """Keep fully trained curves (m, epochs) to estimate the error on."""
        recent = curves[-_MOST_CURVES:] if isinstance(curves, np.ndarray) and curves.ndim else curves
        self._curves = checked_curves(recent, self).copy()
        self._std.clear()

    def predict(self, prefixes: FloatArray, at_epoch: int) -> Prediction:
        """Predict from prefixes (n, e_few) at a later epoch. Raises ConfigError for bad input."""
        prefixes = checked_prefixes(prefixes, at_epoch, self)
        n, epochs = prefixes.shape
        if (epochs, at_epoch) not in self._std:
            self._std[epochs, at_epoch] = self._estimate_std(epochs, at_epoch)
        return Prediction(mean=np.clip(prefixes[:, -1], 0, 1), std=np.full(n, self._std[epochs, at_epoch]))

    def _estimate_std(self, epochs: int, at_epoch: int) -> float:
        m, length = self._curves.shape
        if not m or length < at_epoch:
            return self._default_std
        errors = self._curves[:, at_epoch - 1] - self._curves[:, epochs - 1]
        return math.sqrt((self._default_std**2 + float(errors @ errors)) / (1 + m))
