"""One training run of one architecture: its curve, what epochs of it cost, and what may be seen of it."""

from __future__ import annotations

import math
from dataclasses import fields

import numpy as np

from nascurve.errors import ProtocolError
from nascurve.simulator.types import Architecture, FloatArray, LearningCurve

_OBSERVED = tuple(field.name for field in fields(LearningCurve) if not field.name.startswith("test"))
_HIDDEN = tuple(field.name for field in fields(LearningCurve) if field.name.startswith("test"))


class TrainingRun:
    """The training of `arch` with training seed `seed`, trained up to epoch `epochs` (0: not yet).

    `pending` is true while a worker trains it. The curve is attached when training starts and dropped when
    nothing more of it can be asked for.
    """

    __slots__ = ("_curve", "_elapsed_s", "arch", "epochs", "pending", "seed")

    def __init__(self, arch: Architecture, seed: int) -> None:
        self.arch = arch
        self.seed = seed
        self.epochs = 0
        self.pending = False
        self._curve: LearningCurve | None = None
        self._elapsed_s: FloatArray | None = None

    @property
    def has_curve(self) -> bool:
        return self._curve is not None

    def attach(self, curve: LearningCurve, epochs: int) -> None:
        """Take the benchmark's curve. Raises ProtocolError when it is none, has not `epochs` epochs, or its
        seconds are negative, NaN or infinite."""
        if not isinstance(curve, LearningCurve):
            raise self._bad_curve("a LearningCurve", f"{curve!r:.200}")
        if len(curve.val_acc) != epochs:
            raise self._bad_curve(f"{epochs} epochs", f"{len(curve.val_acc)}")
        # `accumulate` adds in order, so that the time at epoch e does not depend on the epochs after it.
        elapsed_s: FloatArray = np.add.accumulate(curve.epoch_s)
        if not (np.minimum.reduce(curve.epoch_s) >= 0.0 and elapsed_s.item(-1) < math.inf):
            raise self._bad_curve("finite epoch_s, none of them negative", f"epoch_s={curve.epoch_s}")
        self._curve = curve
        self._elapsed_s = elapsed_s

    def cost_s(self, after: int, until: int) -> float:
        """Seconds of the epochs after+1 … until."""
        if self._elapsed_s is None:
            raise self._no_curve()
        until_s = self._elapsed_s.item(until - 1)
        return until_s - self._elapsed_s.item(after - 1) if after else until_s

    def val_acc(self, epoch: int) -> float:
        """Validation accuracy after an epoch, NaN when the run has diverged. Raises ProtocolError for any
        number outside [0, 1]."""
        if self._curve is None:
            raise self._no_curve()
        value: float = self._curve.val_acc.item(epoch - 1)
        if value < 0.0 or value > 1.0:  # false for NaN
            raise self._bad_curve(
                f"a validation accuracy in [0, 1], or NaN once diverged, after epoch {epoch}", f"{value}"
            )
        return value

    def observed(self, epochs: int) -> LearningCurve:
        """The first `epochs` epochs as an optimizer may see them, without test accuracy.

        Equal to `curve.observed(epochs)`, but of copies: the slices that it returns would lead, by their
        `base`, to the epochs not trained yet, or to the table they were cut from.
        """
        if self._curve is None:
            raise self._no_curve()
        seen = object.__new__(LearningCurve)
        put = object.__setattr__
        for name in _OBSERVED:
            values = getattr(self._curve, name)
            if values is not None:
                values = values[:epochs].copy()
                values.flags.writeable = False
            put(seen, name, values)
        for name in _HIDDEN:
            put(seen, name, None)
        return seen

    def drop_curve(self) -> None:
        self._curve = self._elapsed_s = None

    def _bad_curve(self, expected: str, got: str) -> ProtocolError:
        return ProtocolError(
            f"The benchmark answered query({str(self.arch)!r}, seed={self.seed}) with a curve that breaks "
            f"its protocol: expected {expected}, got {got}. nascurve.testing.check_benchmark finds such"
            " faults."
        )

    def _no_curve(self) -> ProtocolError:
        return ProtocolError(f"No curve of {str(self.arch)!r} is attached: call attach first.")
