"""An extrapolator together with the fully trained curves of the run that it may learn from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nascurve.lce._prediction import checked_prediction
from nascurve.lce._state import decode_floats, encode_floats
from nascurve.simulator.types import (
    Architecture,
    Evaluation,
    Extrapolator,
    FloatArray,
    Prediction,
    SearchSpace,
    State,
)


class Forecaster:
    """Predicts the accuracy after `at_epoch`; fits the extrapolator anew whenever new full curves have come.

    It begins without curves, and has the extrapolator forget any that it was fitted on before: nothing from
    outside the run's budget is learnt from. Diverged curves, whose last value is NaN, are left out.

    An extrapolator with an attribute `encoding` that is not None is also given the architectures, encoded by
    `space.encode(archs, encoding)`: `fit(curves, encodings)`, `predict(prefixes, at_epoch, encodings)`.

    Where a benchmark measures at some epochs only, extrapolators see straight lines between these, and the
    first measured value before the first of them.
    """

    def __init__(
        self, extrapolator: Extrapolator, *, max_epochs: int, at_epoch: int, space: SearchSpace
    ) -> None:
        self._extrapolator: Any = extrapolator
        self._at_epoch = at_epoch
        self._space = space
        self._encoding: str | None = getattr(extrapolator, "encoding", None)
        self._buffer = np.empty((16, max_epochs))  # doubled when full: adding m curves costs O(m)
        self._n = 0
        self._n_fitted = -1
        self._archs: list[Architecture] = []  # of the curves, where the extrapolator wants them
        self._encoded: FloatArray | None = None  # of the first of `_archs`, as many as it has rows

    @property
    def history(self) -> FloatArray:
        """Accuracies (m,) at the predicted epoch of all full curves so far."""
        return self._curves[:, self._at_epoch - 1]

    @property
    def _curves(self) -> FloatArray:
        curves = self._buffer[: self._n]
        curves.setflags(write=False)
        return curves

    def add(self, val_acc: FloatArray, arch: Architecture) -> None:
        """Take in a fully trained curve, shape (max_epochs,)."""
        if not np.isfinite(val_acc).all():
            val_acc = bridged(val_acc[np.newaxis])[0]
            if not np.isfinite(val_acc).all():
                return
        if self._n == len(self._buffer):
            self._buffer = np.concatenate([self._buffer, np.empty_like(self._buffer)])
        self._buffer[self._n] = val_acc
        self._n += 1
        if self._encoding is not None:
            self._archs.append(arch)

    def predict(self, looks: Sequence[Evaluation], at_epoch: int | None = None) -> Prediction:
        """Predict for runs that were trained up to the same epoch, by default for the epoch of `history`.

        Raises ProtocolError when the extrapolator misbehaves. Runs that end in NaN have diverged: the
        extrapolator does not see them; their mean is -inf, std 0.
        """
        at_epoch = self._at_epoch if at_epoch is None else at_epoch
        prefixes = np.array([look.curve.val_acc for look in looks])
        archs = [look.trial.arch for look in looks]
        if np.isfinite(prefixes).all():
            return self._predict_sound(prefixes, archs, at_epoch)
        prefixes = bridged(prefixes)
        sound = np.isfinite(prefixes).all(axis=1)
        mean = np.full(len(prefixes), -np.inf)
        std = np.zeros(len(prefixes))
        if not sound.any():
            return Prediction(mean=mean, std=std)
        known = self._predict_sound(prefixes[sound], [archs[row] for row in np.flatnonzero(sound)], at_epoch)
        mean[sound] = known.mean
        std[sound] = known.std
        if known.quantiles is None:
            return Prediction(mean=mean, std=std)
        quantiles = np.full((len(prefixes), known.quantiles.shape[1]), -np.inf)
        quantiles[sound] = known.quantiles
        return Prediction(mean=mean, std=std, quantiles=quantiles, levels=known.levels)

    def _predict_sound(
        self, prefixes: FloatArray, archs: Sequence[Architecture], at_epoch: int
    ) -> Prediction:
        encoding = self._encoding
        if self._n_fitted != self._n:
            more = () if encoding is None else (self._encoded_curves(encoding),)
            self._extrapolator.fit(self._curves, *more)
            self._n_fitted = self._n
        more = () if encoding is None else (self._space.encode(archs, encoding),)
        prediction = self._extrapolator.predict(prefixes, at_epoch, *more)
        return checked_prediction(prediction, len(prefixes), self._extrapolator)

    def _encoded_curves(self, encoding: str) -> FloatArray:
        done = 0 if self._encoded is None else len(self._encoded)
        if self._encoded is None or done < len(self._archs):
            new = self._space.encode(self._archs[done:], encoding)
            self._encoded = new if self._encoded is None else np.concatenate([self._encoded, new])
        return self._encoded

    def state_dict(self) -> State:
        """The curves, and their architectures where the extrapolator sees them; the fit follows."""
        return {
            "curves": [encode_floats(curve) for curve in self._curves],
            "archs": [str(arch) for arch in self._archs],
        }

    def load_state_dict(self, state: State) -> None:
        self._n = 0
        self._n_fitted = -1
        self._encoded = None
        for curve in state["curves"]:
            self.add(decode_floats(curve), "")  # its architecture follows
        self._archs = [self._space.parse(text) for text in state.get("archs", [])]


def bridged(curves: FloatArray) -> FloatArray:
    """A copy in which NaN before a row's last measured value is filled in."""
    curves = curves.copy()
    epochs = np.arange(curves.shape[1])
    for row in curves:
        measured = np.flatnonzero(np.isfinite(row))
        if len(measured):
            end = int(measured[-1]) + 1
            row[:end] = np.interp(epochs[:end], measured, row[measured])
    return curves
