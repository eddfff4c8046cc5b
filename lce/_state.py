"""JSON-able forms of what the wrapper has to remember."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nascurve.simulator.types import Evaluation, FloatArray, LearningCurve, SearchSpace, State, Status, Trial

_OPTIONAL_SERIES = ("val_loss", "train_loss")


def encode_floats(values: FloatArray) -> list[float | str]:
    """Finite values as floats, others as "nan", "inf", "-inf", which strict JSON has no numbers for."""
    return [value if math.isfinite(value) else repr(value) for value in values.tolist()]


def decode_floats(values: list[Any]) -> FloatArray:
    return np.array([float(value) for value in values])


def encode_trial(trial: Trial) -> State:
    return {"id": trial.id, "arch": str(trial.arch), "epochs": trial.epochs}


def decode_trial(state: State, space: SearchSpace) -> Trial:
    return Trial(id=state["id"], arch=space.parse(state["arch"]), epochs=state["epochs"])


def encode_evaluation(evaluation: Evaluation) -> State:
    """Without the trial and the status, which the reader knows."""
    curve = evaluation.curve
    return {
        "val_acc": encode_floats(curve.val_acc),
        "epoch_s": encode_floats(curve.epoch_s),
        **{
            name: encode_floats(series)
            for name in _OPTIONAL_SERIES
            if (series := getattr(curve, name)) is not None
        },
        "started_s": evaluation.started_s,
        "finished_s": evaluation.finished_s,
    }


def decode_evaluation(state: State, trial: Trial, *, status: Status = Status.COMPLETE) -> Evaluation:
    curve = LearningCurve(
        val_acc=decode_floats(state["val_acc"]),
        epoch_s=decode_floats(state["epoch_s"]),
        **{name: decode_floats(state[name]) for name in _OPTIONAL_SERIES if name in state},
    )
    return Evaluation(
        trial=trial,
        curve=curve,
        started_s=state["started_s"],
        finished_s=state["finished_s"],
        status=status,
    )
