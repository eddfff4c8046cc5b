"""An extrapolator together with the fully trained curves of the run that it may learn from."""

from __future__ import annotations

import numpy as np

from nascurve.lce._prediction import checked_prediction
from nascurve.lce._state import decode_floats, encode_floats
from nascurve.simulator.types import Extrapolator, FloatArray, Prediction, State


class Forecaster:
    """Predicts the accuracy after `at_epoch`; fits the extrapolator anew whenever new full curves have come.

    It begins without curves, and has the extrapolator forget any that it was fitted on before: nothing from
    outside the run's budget is learnt from. Diverged curves, whose last value is NaN, are left out.

    Where a benchmark measures at some epochs only, extrapolators see straight lines between these, and the
    first measured value before the first of them.
    """

    def __init__(self, extrapolator: Extrapolator, *, max_epochs: int, at_epoch: int) -> None:
        self._extrapolator = extrapolator
        self._at_epoch = at_epoch
        self._buffer = np.empty((16, max_epochs))  # doubled when full: adding m curves costs O(m)
        self._n = 0
        self._n_fitted = -1

    @property
    def history(self) -> FloatArray:
        """Accuracies (m,) at the predicted epoch of all full curves so far."""
        return self._curves[:, self._at_epoch - 1]

    @property
    def _curves(self) -> FloatArray:
        curves = self._buffer[: self._n]
        curves.setflags(write=False)
        return curves

    def add(self, val_acc: FloatArray) -> None:
        """Take in a fully trained curve, shape (max_epochs,)."""
        if not np.isfinite(val_acc).all():
            val_acc = _bridged(val_acc[np.newaxis])[0]
            if not np.isfinite(val_acc).all():
                return
        if self._n == len(self._buffer):
            self._buffer = np.concatenate([self._buffer, np.empty_like(self._buffer)])
        self._buffer[self._n] = val_acc
        self._n += 1

    def predict(self, prefixes: FloatArray) -> Prediction:
        """Predict for prefixes (n, e_few). Raises ProtocolError when the extrapolator misbehaves.

        Rows that end in NaN have diverged: the extrapolator does not see them; their mean is -inf, std 0.
        """
        if np.isfinite(prefixes).all():
            return self._predict_sound(prefixes)
        prefixes = _bridged(prefixes)
        sound = np.isfinite(prefixes).all(axis=1)
        mean = np.full(len(prefixes), -np.inf)
        std = np.zeros(len(prefixes))
        if not sound.any():
            return Prediction(mean=mean, std=std)
        known = self._predict_sound(prefixes[sound])
        mean[sound] = known.mean
        std[sound] = known.std
        if known.quantiles is None:
            return Prediction(mean=mean, std=std)
        quantiles = np.full((len(prefixes), known.quantiles.shape[1]), -np.inf)
        quantiles[sound] = known.quantiles
        return Prediction(mean=mean, std=std, quantiles=quantiles, levels=known.levels)

    def _predict_sound(self, prefixes: FloatArray) -> Prediction:
        if self._n_fitted != self._n:
            self._extrapolator.fit(self._curves)
            self._n_fitted = self._n
        prediction = self._extrapolator.predict(prefixes, self._at_epoch)
        return checked_prediction(prediction, len(prefixes), self._extrapolator)

    def state_dict(self) -> State:
        """The curves; the fit follows from them."""
        return {"curves": [encode_floats(curve) for curve in self._curves]}

    def load_state_dict(self, state: State) -> None:
        self._n = 0
        self._n_fitted = -1
        for curve in state["curves"]:
            self.add(decode_floats(curve))


def _bridged(curves: FloatArray) -> FloatArray:
    """A copy in which NaN before a row's last measured value is filled in."""
    curves = curves.copy()
    epochs = np.arange(curves.shape[1])
    for row in curves:
        measured = np.flatnonzero(np.isfinite(row))
        if len(measured):
            end = int(measured[-1]) + 1
            row[:end] = np.interp(epochs[:end], measured, row[measured])
    return curves
