"""Features of a prefix for learned extrapolators, after Baker et al. (2017)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from nascurve.errors import ConfigError
from nascurve.simulator.types import FloatArray

FEATURE_SETS = ("curve", "statistics")


def feature_blocks(prefixes: FloatArray, features: str = "curve") -> list[FloatArray]:
    """Prefixes (n, e) as blocks of features with n rows each, in units of accuracy.

    "curve": the curve (e columns), its first differences (e-1), its second differences (e-2), and its mean
        and std, in four blocks: 3e-3+2 features where e >= 2.
    "statistics": mean and std of each of the three series in place of the series: six blocks of one column.
        Of a series without values they are 0.

    Source: Baker, Gupta, Raskar and Naik, "Accelerating neural architecture search using performance
    prediction" (2017), section 3.1; without their hyperparameters.
    """
    first = np.diff(prefixes, axis=1)
    second = np.diff(first, axis=1) if first.shape[1] else first
    if features == "statistics":
        pairs = [_statistics(series) for series in (prefixes, first, second)]
        return [pair[:, [column]] for pair in pairs for column in (0, 1)]
    return [prefixes, first, second, _statistics(prefixes)]


def late_gain(prefixes: FloatArray) -> FloatArray:
    """Gain of accuracy over the second half of prefixes (n, e): (n,). 0 for one epoch."""
    epochs = prefixes.shape[1]
    gain: FloatArray = prefixes[:, -1] - prefixes[:, epochs // 2 - 1 if epochs > 1 else 0]
    return gain


def checked_encodings(encodings: ArrayLike | None, n: int, what: str) -> FloatArray | None:
    """Encodings of architectures as a float64 array (n, d), a copy; None stays None.

    what: who asks, for the message. Raises ConfigError for another shape, or values that are not finite.
    """
    if encodings is None:
        return None
    try:
        array = np.array(encodings, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{what}: expected encodings of shape ({n}, d), got {error}.") from error
    if array.ndim != 2 or len(array) != n:
        raise ConfigError(
            f"{what}: expected encodings of shape ({n}, d), one row a curve, got {array.shape}."
        )
    if not np.isfinite(array).all():
        raise ConfigError(f"{what}: expected finite encodings, got NaN or infinity among them.")
    return array


def matching_encodings(
    encodings: ArrayLike | None, n: int, known: FloatArray | None, what: str
) -> FloatArray | None:
    """As `checked_encodings`, for a prediction: with the number of columns that the fitted curves' have
    (`known`), and None where these have none. Raises ConfigError."""
    array = checked_encodings(encodings, n, what)
    if array is None or known is None or not len(known):
        return None
    if array.shape[1] != known.shape[1]:
        raise ConfigError(
            f"{what}: expected encodings with {known.shape[1]} columns, as in `fit`, got {array.shape[1]}."
        )
    return array


def checked_kind(kind: object, name: str) -> str | None:
    """The option that names the kind of encoding, None for none. Raises ConfigError for anything else."""
    if kind is None or (isinstance(kind, str) and kind):
        return kind
    raise ConfigError(
        f"{name}: expected None or a kind of encoding such as 'adjacency', got {kind!r:.200}. "
        "The kinds of a search space are in space.encodings."
    )


def _statistics(series: FloatArray) -> FloatArray:
    if not series.shape[1]:
        return np.zeros((len(series), 2))
    return np.stack([series.mean(axis=1), series.std(axis=1)], axis=1)
