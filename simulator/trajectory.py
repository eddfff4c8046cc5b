"""The incumbent as a function of simulated time, or of epochs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nascurve.errors import ConfigError
from nascurve.simulator.types import Architecture, FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class IncumbentValues:
    """Values of the incumbent at given times or epochs. Every array has the shape of what was asked for and
    is NaN (`row`: -1) where there was no incumbent yet.

    val_acc: validation accuracy that the search saw.  test_acc: its true test accuracy.  regret: best true
    test accuracy of the benchmark minus `test_acc`, NaN where the best is not known.
    row: the trajectory's row that holds then.
    """

    val_acc: FloatArray
    test_acc: FloatArray
    regret: FloatArray
    row: NDArray[np.intp]


class Trajectory:
    """Append-only record of the incumbent: one row at every change, in order of time.

    time_s: simulated seconds at which it became the incumbent.  epochs_used, evaluations: charged and counted
    until then, the one that made the change included.  val_acc, test_acc, regret: as in IncumbentValues.
    The columns are read as arrays of shape (rows,), `archs` as a list.
    """

    __slots__ = ("_archs", "_epochs_used", "_evaluations", "_regret", "_test_acc", "_time_s", "_val_acc")

    def __init__(self) -> None:
        self._time_s: list[float] = []
        self._epochs_used: list[int] = []
        self._evaluations: list[int] = []
        self._archs: list[Architecture] = []
        self._val_acc: list[float] = []
        self._test_acc: list[float] = []
        self._regret: list[float] = []

    def append(
        self,
        *,
        time_s: float,
        epochs_used: int,
        evaluations: int,
        arch: Architecture,
        val_acc: float,
        test_acc: float,
        regret: float,
    ) -> None:
        """Add a row. Raises ConfigError for one earlier than the last, in time, epochs or evaluations."""
        if self._time_s and not (
            time_s >= self._time_s[-1]
            and epochs_used > self._epochs_used[-1]
            and evaluations > self._evaluations[-1]
        ):
            raise ConfigError(
                f"Trajectory.append: expected a row after (time_s={self._time_s[-1]}, epochs_used="
                f"{self._epochs_used[-1]}, evaluations={self._evaluations[-1]}), got (time_s={time_s}, "
                f"epochs_used={epochs_used}, evaluations={evaluations}). Append rows in order of time."
            )
        self._time_s.append(time_s)
        self._epochs_used.append(epochs_used)
        self._evaluations.append(evaluations)
        self._archs.append(arch)
        self._val_acc.append(val_acc)
        self._test_acc.append(test_acc)
        self._regret.append(regret)

    def __len__(self) -> int:
        return len(self._time_s)

    def copy(self) -> Trajectory:
        """An independent copy, to which later rows of this one are not added."""
        twin = Trajectory()
        for name in self.__slots__:
            setattr(twin, name, list(getattr(self, name)))
        return twin

    @property
    def time_s(self) -> FloatArray:
        return np.array(self._time_s, dtype=np.float64)

    @property
    def epochs_used(self) -> NDArray[np.int64]:
        return np.array(self._epochs_used, dtype=np.int64)

    @property
    def evaluations(self) -> NDArray[np.int64]:
        return np.array(self._evaluations, dtype=np.int64)

    @property
    def val_acc(self) -> FloatArray:
        return np.array(self._val_acc, dtype=np.float64)

    @property
    def test_acc(self) -> FloatArray:
        return np.array(self._test_acc, dtype=np.float64)

    @property
    def regret(self) -> FloatArray:
        return np.array(self._regret, dtype=np.float64)

    @property
    def archs(self) -> list[Architecture]:
        return list(self._archs)

    def at(self, times_s: ArrayLike) -> IncumbentValues:
        """The incumbent at simulated times: a right-continuous step function, so that at the very moment of a
        change the new incumbent holds; NaN before the first one, the last one for ever after.

        Raises ConfigError for a time that is no number.
        """
        return self._values_at(self._time_s, times_s, "times_s")

    def at_epochs(self, epochs: ArrayLike) -> IncumbentValues:
        """The incumbent once so many epochs have been charged, otherwise as `at`."""
        return self._values_at(self._epochs_used, epochs, "epochs")

    def _values_at(self, changes: list[Any], wanted: ArrayLike, name: str) -> IncumbentValues:
        try:
            points = np.asarray(wanted, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise ConfigError(f"Trajectory: {name}: expected numbers, got {wanted!r:.200}.") from error
        if np.isnan(points).any():
            raise ConfigError(f"Trajectory: {name}: expected numbers, got NaN among them.")
        row = np.asarray(np.searchsorted(np.array(changes, dtype=np.float64), points, side="right") - 1)
        # Row -1, "not yet", picks the NaN put at the end.
        val_acc, test_acc, regret = (
            np.asarray(np.append(column, np.nan)[row])
            for column in (self._val_acc, self._test_acc, self._regret)
        )
        return IncumbentValues(val_acc=val_acc, test_acc=test_acc, regret=regret, row=row)
