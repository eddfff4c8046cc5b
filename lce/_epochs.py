"""Epoch settings of the wrapper, given as a number of epochs or as a fraction of the last epoch."""

from __future__ import annotations

import operator
from collections.abc import Sequence

from nascurve.errors import ConfigError
from nascurve.simulator.types import Problem

_RATIO = 1.5
"""Of successive looks, where they are not given."""


def checked_setting(value: object, name: str) -> int | float:
    """An int >= 1 or a float in (0, 1). Raises ConfigError."""
    if isinstance(value, float) and 0 < value < 1:
        return value
    if not isinstance(value, bool | float):
        try:
            epochs = operator.index(value)  # type: ignore[arg-type]
        except TypeError:
            epochs = 0
        if epochs >= 1:
            return epochs
    raise ConfigError(
        f"LCE: expected {name} to be a whole number of epochs >= 1 or a fraction of the last epoch "
        f"in (0, 1), got {value!r}."
    )


def checked_settings(values: object, name: str) -> list[int | float]:
    """A list of such settings, at least one. Raises ConfigError."""
    if isinstance(values, str) or not isinstance(values, Sequence) or not values:
        raise ConfigError(
            f"LCE: expected {name} to be a list of epochs (or fractions of the last one), got {values!r}."
        )
    return [checked_setting(value, name) for value in values]


def resolve(setting: int | float, max_epochs: int, fidelities: tuple[int, ...] | None = None) -> int:
    """The epoch that a setting means.

    A fraction is rounded to the nearest epoch in 1 … max_epochs - 1, of `fidelities` if given; in case of a
    tie to the lower one.
    """
    if isinstance(setting, int):
        return setting
    epochs = range(1, max_epochs) if fidelities is None else [f for f in fidelities if f < max_epochs]
    return min(epochs, key=lambda epoch: (abs(epoch - setting * max_epochs), epoch))


def first_look(setting: int | float, problem: Problem, name: str = "e_few") -> int:
    """The epoch of a look, before the last one, at which the benchmark can stop. Raises ConfigError."""
    last = problem.max_epochs
    epoch = resolve(setting, last, problem.fidelities)
    if epoch >= last:
        raise ConfigError(
            f"LCE: expected {name} below {last}, the benchmark's last epoch, got {epoch}. "
            f"About a fifth of it ({max(1, last // 5)}) is usual."
        )
    if problem.fidelities is not None and epoch not in problem.fidelities:
        raise ConfigError(
            f"LCE: the benchmark cannot stop at {name}={epoch}. "
            f"Valid: {', '.join(str(epoch) for epoch in problem.fidelities if epoch < last)}."
        )
    return epoch


def predicted_epoch(setting: int | float | None, e_few: int, problem: Problem) -> int:
    """The epoch to predict, after `e_few`; the last one where nothing is set. Raises ConfigError."""
    last = problem.max_epochs
    epoch = last if setting is None else resolve(setting, last)
    if not e_few < epoch <= last:
        raise ConfigError(
            f"LCE: expected extrapolate_to after e_few ({e_few}) and up to the last epoch ({last}), "
            f"got {epoch}."
        )
    return epoch


def look_grid(settings: Sequence[int | float] | None, problem: Problem, *, from_epoch: int = 1) -> list[int]:
    """The epochs at which runs are looked at, ascending, all before the last one. Raises ConfigError.

    None: a geometric grid from `from_epoch` on (from 1: epochs 1, 2, 3, 5, 8, 12, 18, …; each is the first
    at which the benchmark can stop that is at least 1.5 times the one before); where each fidelity is a
    training of its own, so that every look is paid in full, the one nearest to an eighth of the last epoch.
    """
    last = problem.max_epochs
    if settings is not None:
        return sorted({first_look(setting, problem, "looks") for setting in settings})
    if not problem.resumable:
        return [resolve(1 / 8, last, problem.fidelities)]
    fidelities = range(1, last) if problem.fidelities is None else [f for f in problem.fidelities if f < last]
    possible = [epoch for epoch in fidelities if epoch >= from_epoch] or fidelities[-1:]
    grid: list[int] = []
    for epoch in possible:
        if not grid or epoch >= _RATIO * grid[-1]:
            grid.append(epoch)
    # a look so shortly before the end decides about next to nothing
    return [epoch for epoch in grid if epoch * 1.1 < last] or grid[:1]
