"""One training of a recurrent cell, checked."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from nascurve.benchmarks.nbnlp.cell import RecurrentCell
from nascurve.simulator.types import FloatArray

MOST_EPOCHS = 1_000
LOSSES = ("train_losses", "val_losses", "test_losses")
_DIVERGED = ("loss is nan!", "Exception: math range error")
"""The statuses that the official script gives when the loss has become NaN, or larger than exp can take (it
prints perplexities); in the second case the epoch itself is not recorded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """losses: train, validation and test loss after each recorded epoch, shape (3, recorded), in nats.
    wall_s: seconds of training of each, shape (recorded,). epochs: planned. data: name of the data set.
    order: sorts the trainings of one cell."""

    cell: RecurrentCell
    order: tuple[str, int]
    data: str
    epochs: int
    losses: FloatArray
    wall_s: FloatArray


def checked_run(
    record: dict[str, Any],
    *,
    cell: RecurrentCell,
    order: tuple[str, int],
    data: str,
    epochs: int,
    status: str,
) -> Run | str:
    """The training of a log, or why it is left out, in words.

    record: holds the lists `train_losses`, `val_losses`, `test_losses` and `wall_times`.
    Raises ValueError for lists that no training gives.
    """
    if status != "OK" and status not in _DIVERGED:
        return f"status {status.split(':')[0][:40]!r}"
    losses = np.array([_numbers(record, name, epochs) for name in LOSSES])
    wall_s = _numbers(record, "wall_times", epochs)
    if losses.ndim != 2 or len(wall_s) != losses.shape[1]:
        raise ValueError("its lists of losses and times differ in length")
    if not np.isfinite(wall_s).all():
        raise ValueError("wall_times are not finite")
    if len(wall_s) < epochs and status == "OK" and not np.isnan(losses).any():
        return "stopped before the last epoch"
    if not wall_s.any():  # no value, and no second that a simulation could charge
        return "no training time recorded"
    return Run(cell=cell, order=order, data=data, epochs=epochs, losses=losses, wall_s=wall_s)


def _numbers(record: dict[str, Any], name: str, epochs: int) -> FloatArray:
    values = record.get(name)
    if isinstance(values, np.ndarray):
        values = values.tolist()
    if not isinstance(values, list | tuple) or len(values) > epochs:
        raise ValueError(f"{name} is no list of at most {epochs} numbers")
    for value in values:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"{name} holds {value!r:.40}")
        if not (math.isnan(value) or value >= 0):
            raise ValueError(f"{name} holds the negative value {value!r:.40}")
    return np.array([float(value) for value in values])
