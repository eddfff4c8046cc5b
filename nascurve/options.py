"""Checks of options, for every component: each returns the value in its plain type, or raises ConfigError
with the option's name, what was expected and what came.

A bool is not a number here (`k=true` is a mistake, not 1), and a float is not an integer, even 8.0.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from numbers import Integral, Real
from pathlib import Path

from nascurve.errors import ConfigError, did_you_mean


def integer(name: str, value: object, *, at_least: int, at_most: int | None = None, hint: str = "") -> int:
    """An integer within the bounds. hint: what to do, the end of the message."""
    if isinstance(value, Integral) and not isinstance(value, bool):
        number = int(value)
        if at_least <= number and (at_most is None or number <= at_most):
            return number
    bounds = f"of at least {at_least}" if at_most is None else f"from {at_least} to {at_most}"
    raise _refusal(name, f"an integer {bounds}", value, hint)


def real(
    name: str,
    value: object,
    *,
    at_least: float | None = None,
    above: float | None = None,
    at_most: float | None = None,
    hint: str = "",
) -> float:
    """A finite number within the bounds; `above` excludes the bound itself. hint: as in `integer`."""
    if isinstance(value, Real) and not isinstance(value, bool):
        try:
            number = float(value)
        except OverflowError:  # an int beyond all floats
            number = math.inf
        if (
            math.isfinite(number)
            and (at_least is None or number >= at_least)
            and (above is None or number > above)
            and (at_most is None or number <= at_most)
        ):
            return number
    bounds = [
        f"{word} {bound:g}"
        for word, bound in (("at least", at_least), ("above", above), ("at most", at_most))
        if bound is not None
    ]
    raise _refusal(name, f"a finite number {' and '.join(bounds)}".rstrip(), value, hint)


def flag(name: str, value: object) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise _refusal(name, "true or false", value)
    return value


def choice(name: str, value: object, valid: Sequence[str]) -> str:
    """One of the names in `valid`."""
    if not isinstance(value, str) or value not in valid:
        raise ConfigError(f"{name}: got {value!r}. {did_you_mean(str(value), valid)}")
    return value


def path(name: str, value: object) -> Path:
    """The path of a file, given as str or os.PathLike."""
    if isinstance(value, str | os.PathLike):
        location = os.fspath(value)
        if isinstance(location, str) and location and "\0" not in location:
            return Path(location)
    raise _refusal(name, "the path of a file", value)


def _refusal(name: str, expected: str, value: object, hint: str = "") -> ConfigError:
    return ConfigError(f"{name}: expected {expected}, got {value!r:.200}.{' ' if hint else ''}{hint}")
