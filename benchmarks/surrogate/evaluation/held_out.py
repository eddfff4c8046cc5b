"""The architectures that a surrogate is judged on, and what is known of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nascurve.benchmarks.surrogate.curve_data import CurveData, IntArray
from nascurve.benchmarks.surrogate.mean.targets import mean_of_measured
from nascurve.simulator.types import Architecture, FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HeldOut:
    """n tested architectures.

    runs: for each the accuracies of its runs, (number, E). truth: (n, E), mean over runs, NaN where none has
    a value. early: (n, early_epochs), the first of these, or None.
    """

    archs: tuple[Architecture, ...]
    keys: tuple[str, ...]
    runs: tuple[FloatArray, ...]
    truth: FloatArray
    early: FloatArray | None

    @classmethod
    def of(cls, data: CurveData, test: Sequence[IntArray], *, early_epochs: int = 0) -> HeldOut:
        """Architectures without all the early accuracies are left out: nothing can be predicted of them."""
        truth = np.array([mean_of_measured(data.val_acc[rows]) for rows in test])
        kept = np.flatnonzero(np.isfinite(truth[:, :early_epochs]).all(axis=1)).tolist()
        return cls(
            archs=tuple(data.archs[test[place][0]] for place in kept),
            keys=tuple(data.keys[test[place][0]] for place in kept),
            runs=tuple(data.val_acc[test[place]] for place in kept),
            truth=truth[kept],
            early=truth[kept, :early_epochs] if early_epochs else None,
        )
