"""Checks of what extrapolators give back, and parts of it."""

from __future__ import annotations

import itertools
from typing import Any, NoReturn

import numpy as np

from nascurve.errors import ProtocolError
from nascurve.simulator.types import FloatArray, Prediction


def checked_prediction(prediction: Any, n: int, extrapolator: object) -> Prediction:
    """The prediction if it holds finite mean and std >= 0 of shape (n,), and quantiles, if any, of shape
    (n, len(levels)). Raises ProtocolError that names the extrapolator."""
    name = type(extrapolator).__name__

    def fail(expected: str, got: str) -> NoReturn:
        raise ProtocolError(
            f"Extrapolator {name}: predict was given {n} curves; expected {expected}, got {got}. "
            "This is a fault of the extrapolator; nascurve.testing.check_extrapolator helps to find it."
        )

    if not isinstance(prediction, Prediction):
        fail("a nascurve.Prediction", f"{type(prediction).__name__}")
    mean = _array(prediction.mean)
    std = _array(prediction.std)
    if mean.shape != (n,) or std.shape != (n,):
        wrong, values = ("mean", prediction.mean) if mean.shape != (n,) else ("std", prediction.std)
        fail(f"{wrong} of shape ({n},)", _describe(values))
    if not np.isfinite(mean).all():
        fail("a finite mean", f"{mean.tolist()!r:.200}")
    if not (np.isfinite(std).all() and (n == 0 or std.min() >= 0)):
        fail("finite std >= 0", f"{std.tolist()!r:.200}")
    if prediction.quantiles is not None:
        levels = prediction.levels
        bounds = (0.0, *levels, 1.0)
        if not all(low < high for low, high in itertools.pairwise(bounds)):
            fail("ascending levels between 0 and 1", f"{levels!r:.100}")
        quantiles = _array(prediction.quantiles)
        shape = (n, len(prediction.levels))
        if quantiles.shape != shape:
            fail(f"quantiles of shape {shape}, one column a level", _describe(prediction.quantiles))
        if not np.isfinite(quantiles).all():
            fail("finite quantiles", "NaN or infinity among them")
    return prediction


_NOT_AN_ARRAY: FloatArray = np.empty((0, 0, 0))


def _array(values: Any) -> FloatArray:
    """`values` if they are an array of real numbers, and else an array of no valid shape."""
    return values if isinstance(values, np.ndarray) and values.dtype.kind in "fiu" else _NOT_AN_ARRAY


def _describe(values: Any) -> str:
    if isinstance(values, np.ndarray):
        return f"an array of {values.dtype} of shape {values.shape}"
    return f"{type(values).__name__} {values!r:.60}"


def prediction_rows(prediction: Prediction, rows: np.ndarray) -> Prediction:
    """The prediction for some of its curves, in the order of `rows`: places or a mask."""
    quantiles = None if prediction.quantiles is None else prediction.quantiles[rows]
    return Prediction(
        mean=prediction.mean[rows], std=prediction.std[rows], quantiles=quantiles, levels=prediction.levels
    )
