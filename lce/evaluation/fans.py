"""Predicted fans over real curves: what an extrapolator says of the course that some runs take."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nascurve.lce.evaluation.curve_set import CurveSet
from nascurve.lce.evaluation.evaluate import Build, fit_extrapolator
from nascurve.lce.evaluation.settings import EvaluationSettings
from nascurve.lce.evaluation.split import Split
from nascurve.lce.predictive_curve import predictive_curve
from nascurve.simulator.types import FloatArray

SHOWN = (0.05, 0.25, 0.5, 0.75, 0.9, 0.97)
"""Which test runs are shown: shares of those whose accuracy changes less than the shown one's."""
_SHARE = 0.2
_N_EPOCHS = 12


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fans:
    """Real curves (k, E) and the quantiles (k, E', 5) at `LEVELS` that were predicted for the later `epochs`
    (E',) after `prefix` epochs and `fit_curves` fitted curves. rank: (k,), share of the test runs whose
    accuracy changes less from the prefix to the last epoch."""

    prefix: int
    fit_curves: int
    curves: FloatArray
    epochs: NDArray[np.intp]
    quantiles: FloatArray
    rank: FloatArray

    @classmethod
    def of(cls, build: Build, curves: CurveSet, split: Split, settings: EvaluationSettings) -> Fans:
        """Of test runs of a split, chosen by how much accuracy changes from the prefix to the last epoch:
        the same for every extrapolator. With the largest number of fitted curves and the prefix nearest to
        20 % of the epochs."""
        prefix = min(settings.prefixes, key=lambda epochs: abs(epochs - _SHARE * settings.at_epoch))
        n_fit = settings.fit_curves[-1]
        tested = curves.curves[split.test]
        change = np.abs(tested[:, -1] - tested[:, prefix - 1])
        places = np.unique([round(share * (len(change) - 1)) for share in SHOWN])
        shown = split.test[np.argsort(change, kind="stable")[places]]
        extrapolator, encodings = fit_extrapolator(build, curves, split.fit[:n_fit])
        n_epochs = min(_N_EPOCHS, settings.at_epoch - prefix)
        epochs = np.unique(np.linspace(prefix + 1, settings.at_epoch, n_epochs).round().astype(int))
        fan = predictive_curve(
            extrapolator,
            np.ascontiguousarray(curves.curves[shown, :prefix]),
            settings.at_epoch,
            epochs=epochs.tolist(),
            encodings=encodings(shown),
        )
        return cls(
            prefix=prefix,
            fit_curves=n_fit,
            curves=curves.curves[shown],
            epochs=fan.epochs,
            quantiles=fan.quantiles,
            rank=places / max(len(change) - 1, 1),
        )
