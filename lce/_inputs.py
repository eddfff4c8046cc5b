"""Checks of what extrapolators are given, shared by all of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from nascurve.errors import ConfigError
from nascurve.simulator.types import FloatArray

_TOLERANCE = 1e-6
"""By how much rounding may push an accuracy out of [0, 1]."""


def _matrix(values: ArrayLike, what: str) -> FloatArray:
    try:
        given = np.asarray(values)
        if given.dtype.kind == "c":
            raise TypeError("complex numbers")
        array = given.astype(np.float64, order="C", copy=False)
    except (TypeError, ValueError) as error:
        raise ConfigError(
            f"{what}: expected an array of numbers of shape (n, epochs), got {error}."
        ) from error
    if array.ndim != 2 or (array.shape[0] and not array.shape[1]):
        raise ConfigError(
            f"{what}: expected shape (n, epochs) with at least one epoch, got {array.shape}. "
            "A single curve goes in as curve[np.newaxis]."
        )
    if not np.isfinite(array).all():
        bad = np.flatnonzero(~np.isfinite(array).all(axis=1))
        raise ConfigError(
            f"{what}: expected finite accuracies, got NaN or infinity in row(s) {bad[:5].tolist()}."
        )
    lowest, highest = (float(array.min()), float(array.max())) if array.size else (0.0, 1.0)
    if lowest < -_TOLERANCE or highest > 1 + _TOLERANCE:
        value = highest if highest > 1 + _TOLERANCE else lowest
        hint = " Percent? Divide by 100." if value > 1 else ""
        raise ConfigError(f"{what}: expected accuracies as fractions in [0, 1], got {value:.6g}.{hint}")
    return array


def checked_curves(curves: ArrayLike, extrapolator: object) -> FloatArray:
    """Fully trained curves (m, epochs), m >= 0, as a float64 array. Raises ConfigError."""
    return _matrix(curves, f"{type(extrapolator).__name__}.fit")


def checked_prefixes(prefixes: ArrayLike, at_epoch: int, extrapolator: object) -> FloatArray:
    """Prefixes (n, e_few), n >= 0, as a float64 array; `at_epoch` must lie after them. Raises ConfigError."""
    name = f"{type(extrapolator).__name__}.predict"
    array = _matrix(prefixes, name)
    if not array.shape[1]:
        raise ConfigError(f"{name}: expected prefixes of at least one epoch, got shape {array.shape}.")
    if not isinstance(at_epoch, int | np.integer) or isinstance(at_epoch, bool) or at_epoch <= array.shape[1]:
        raise ConfigError(
            f"{name}: expected at_epoch to be a whole epoch after the {array.shape[1]} that were seen, "
            f"got {at_epoch!r}."
        )
    return array
