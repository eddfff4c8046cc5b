"""Checks of options: each returns the value, or raises ConfigError with what was expected and what came."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from nascurve.errors import ConfigError, did_you_mean


def integer(name: str, value: object, *, at_least: int, at_most: int | None = None) -> int:
    """An integer (not a bool) within the bounds."""
    valid = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not valid or int(value) < at_least or (at_most is not None and int(value) > at_most):  # type: ignore[call-overload]
        bounds = f"of at least {at_least}" if at_most is None else f"from {at_least} to {at_most}"
        raise ConfigError(f"{name}: expected an integer {bounds}, got {value!r}.")
    return int(value)  # type: ignore[call-overload, no-any-return]


def real(name: str, value: object, *, above: float | None = None, at_least: float = -math.inf) -> float:
    """A finite number (not a bool), greater than `above` or not below `at_least`."""
    valid = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    number = float(value) if valid else math.nan  # type: ignore[arg-type]
    if not math.isfinite(number) or number < at_least or (above is not None and number <= above):
        bounds = f"above {above:g}" if above is not None else f"of at least {at_least:g}"
        raise ConfigError(f"{name}: expected a finite number {bounds}, got {value!r}.")
    return number


def flag(name: str, value: object) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise ConfigError(f"{name}: expected true or false, got {value!r}.")
    return value


def choice(name: str, value: object, valid: Sequence[str]) -> str:
    """One of the names in `valid`."""
    if not isinstance(value, str) or value not in valid:
        raise ConfigError(f"{name}: got {value!r}. {did_you_mean(str(value), valid)}")
    return value
