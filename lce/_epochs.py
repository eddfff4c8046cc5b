"""Epoch settings of the wrapper, given as a number of epochs or as a fraction of the last epoch."""

from __future__ import annotations

import operator

from nascurve.errors import ConfigError


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


def resolve(setting: int | float, max_epochs: int, fidelities: tuple[int, ...] | None = None) -> int:
    """The epoch that a setting means.

    A fraction is rounded to the nearest epoch in 1 … max_epochs - 1, of `fidelities` if given; in case of a
    tie to the lower one.
    """
    if isinstance(setting, int):
        return setting
    epochs = range(1, max_epochs) if fidelities is None else [f for f in fidelities if f < max_epochs]
    return min(epochs, key=lambda epoch: (abs(epoch - setting * max_epochs), epoch))
