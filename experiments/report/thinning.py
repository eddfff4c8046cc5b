"""Step functions with fewer steps, and how far off they are."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nascurve.simulator.types import FloatArray

MAX_POINTS = 400
_FIRST_TOLERANCE = 0.001
_GROWTH = 1.5
_FLOOR_SHARE = 0.001
"""Of the largest value: below it differences are taken relative to it, since nothing is relative to 0."""


class Thinned(NamedTuple):
    """kept: indices of the steps that stay.  tolerance: no value is off by more than this share of itself."""

    kept: NDArray[np.intp]
    tolerance: float


def thin(columns: FloatArray, *, max_points: int = MAX_POINTS) -> Thinned:
    """Leave out the steps of a right-continuous step function that change it too little to be seen.

    columns: (k, t), values that change at the same t moments, such as a mean and both ends of its band.

    A step is left out while no column has moved by more than `tolerance` × its value (at least a thousandth
    of the largest value) since the last step that was kept. The tolerance begins at .1 % and grows until at
    most `max_points` steps are left; the first and the last are always kept. On a log axis of two decades and
    400 pixels 1 % is less than one pixel.
    """
    n = columns.shape[1]
    tolerance = 0.0
    kept = np.arange(n)
    while len(kept) > max_points:
        tolerance = max(_FIRST_TOLERANCE, _GROWTH * tolerance)
        kept = _moved(columns, tolerance)
    return Thinned(kept, tolerance)


def _moved(columns: FloatArray, tolerance: float) -> NDArray[np.intp]:
    floor = _FLOOR_SHARE * float(np.nanmax(np.abs(columns)))
    rows = columns.T.tolist()
    allowed = (tolerance * np.maximum(np.abs(columns), floor)).T.tolist()
    kept = [0]
    last = rows[0]
    for place, (row, slack) in enumerate(zip(rows, allowed, strict=True)):
        if any(abs(value - old) > most for value, old, most in zip(row, last, slack, strict=True)):
            kept.append(place)
            last = row
    if kept[-1] != len(rows) - 1:
        kept.append(len(rows) - 1)
    return np.array(kept)
