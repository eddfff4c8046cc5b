"""What is kept of one run of a comparison, and the table that all of them make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nascurve.errors import DataFileError
from nascurve.experiments.files import write_atomically

if TYPE_CHECKING:
    import pandas as pd

    from nascurve.simulator.result import RunResult

_TRAJECTORY = {
    "time_s": "time_s",
    "epochs": "epochs_used",
    "evaluations": "evaluations",
    "val_acc": "val_acc",
    "test_acc": "test_acc",
    "regret": "regret",
}
RUN_COLUMNS = ("optimizer", "lce", "seed", *_TRAJECTORY)
"""Columns of runs.parquet: one row per change of the incumbent."""
RunKey = tuple[str, str, int]
"""Optimizer label, LCE label, seed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """A finished run: the changes of its incumbent as columns, and its totals.

    total_evaluations, total_epochs, total_time_s: what was counted within the budget.
    decision_s, wall_s: real seconds of the optimizer and of the whole simulation.
    """

    optimizer: str
    lce: str
    seed: int
    trajectory: dict[str, list[float]]
    total_evaluations: int
    total_epochs: int
    total_time_s: float
    decision_s: float
    wall_s: float

    @classmethod
    def of(cls, key: tuple[str, str], result: RunResult, wall_s: float) -> RunRecord:
        columns = {
            name: getattr(result.trajectory, attribute).tolist() for name, attribute in _TRAJECTORY.items()
        }
        return cls(
            optimizer=key[0],
            lce=key[1],
            seed=result.seed,
            trajectory=columns,
            total_evaluations=result.n_evaluations,
            total_epochs=result.total_epochs,
            total_time_s=result.total_time_s,
            decision_s=result.decision_s,
            wall_s=wall_s,
        )

    @property
    def key(self) -> RunKey:
        return self.optimizer, self.lce, self.seed

    def to_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> RunRecord:
        record = cls(**content)
        if set(record.trajectory) != set(_TRAJECTORY):
            raise ValueError("not the columns of a trajectory")
        return record


def runs_frame(records: Sequence[RunRecord]) -> pd.DataFrame:
    """The columns of runs.parquet, in the order of the records."""
    import pandas as pd

    lengths = [len(record.trajectory["time_s"]) for record in records]

    def spread(values: list[Any]) -> list[Any]:
        return [value for value, n in zip(values, lengths, strict=True) for _ in range(n)]

    columns: dict[str, Any] = {
        "optimizer": pd.Series(spread([record.optimizer for record in records]), dtype="str"),
        "lce": pd.Series(spread([record.lce for record in records]), dtype="str"),
        "seed": pd.Series(spread([record.seed for record in records]), dtype="int64"),
    }
    for name in _TRAJECTORY:
        values = [value for record in records for value in record.trajectory[name]]
        columns[name] = pd.Series(values, dtype="int64" if name in ("epochs", "evaluations") else "float64")
    return pd.DataFrame(columns)


def write_frame(frame: pd.DataFrame, path: Path) -> None:
    """Write a frame as Parquet, atomically, the same bytes for the same content."""
    write_atomically(path, lambda temporary: frame.to_parquet(temporary, index=False))


def read_frame(path: Path) -> pd.DataFrame:
    """Read runs.parquet. Raises DataFileError when it is missing, cannot be read or lacks a column."""
    import pandas as pd

    try:
        frame = pd.read_parquet(path)
    except FileNotFoundError as error:
        raise DataFileError(
            f"There is no {path.name} in {path.parent}. Has anything been run there?"
        ) from error
    except Exception as error:  # pyarrow raises many kinds
        raise DataFileError(
            f"Cannot read {path}: {error}. If a file runs.jsonl stands next to it, the same "
            "`nascurve compare` makes it anew."
        ) from error
    missing = [name for name in RUN_COLUMNS if name not in frame]
    if missing:
        raise DataFileError(
            f"{path}: expected the columns {', '.join(RUN_COLUMNS)}; missing: {', '.join(missing)}."
        )
    return frame
