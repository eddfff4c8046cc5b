"""What the base optimizer of `LCE` is told of candidates that are not trained to the end."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nascurve.simulator.types import Evaluation, LearningCurve, Status

REPORTS = ("stopped", "predicted", "nothing")


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictedEvaluation(Evaluation):
    """A pseudo-observation: what the base is told of a run that was given up, with `report_dropped:
    predicted`.

    Its status is COMPLETE, so that any optimizer learns from it as from a full training. Its curve is the
    prefix that was trained, then a straight line to the predicted accuracy at the last epoch; of what the
    epochs not trained would have cost it has the mean of those that were. It exists in `tell` of the base
    alone: the simulator counts what was trained, and never makes it the incumbent.

    std: standard deviation of the predicted accuracy, for an optimizer that weights what it learns from.
    trained_epochs: how many epochs of the curve are real.
    """

    std: float
    trained_epochs: int


def pseudo_observation(
    stopped: Evaluation, *, mean: float, std: float, max_epochs: int
) -> PredictedEvaluation:
    """The pseudo-observation for a run that was stopped, predicted to reach `mean` ± `std` at the end."""
    seen = stopped.curve.val_acc
    ahead = max_epochs - len(seen)
    line = np.linspace(seen[-1], min(max(mean, 0.0), 1.0), ahead + 1)[1:]
    epoch_s = stopped.curve.epoch_s
    curve = LearningCurve(
        val_acc=np.concatenate([seen, line]),
        epoch_s=np.concatenate([epoch_s, np.full(ahead, epoch_s.mean())]),
    )
    return PredictedEvaluation(
        trial=stopped.trial,
        curve=curve,
        started_s=stopped.started_s,
        finished_s=stopped.finished_s,
        status=Status.COMPLETE,
        std=std,
        trained_epochs=len(seen),
    )
