"""What is kept of one run of a comparison, and the table that all of them make."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from nascurve.errors import DataFileError
from nascurve.experiments.files import write_atomically

if TYPE_CHECKING:
    import pandas as pd

    from nascurve.simulator.result import RunResult

TRAJECTORY = {
    "time_s": "time_s",
    "epochs": "epochs_used",
    "evaluations": "evaluations",
    "val_acc": "val_acc",
    "test_acc": "test_acc",
    "regret": "regret",
}
"""Columns of a trajectory, and what Trajectory calls them."""
RUN_COLUMNS = ("optimizer", "lce", "seed", *TRAJECTORY)
"""Columns of runs.parquet: one row per change of the incumbent."""
RunKey = tuple[str, str, int]
"""Optimizer label, LCE label, seed."""
Status = Literal["done", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """A run that has ended: the changes of its incumbent as columns, and its totals.

    status: "failed" when it raised; then there is no trajectory, but `error` (one line) and `traceback`.
    trajectory: the columns of TRAJECTORY.  archs: the incumbents, as canonical strings; None in records of
    nascurve 0.1, which did not keep them.
    total_evaluations, total_epochs, total_time_s: what was counted within the budget.
    decision_s, wall_s: real seconds of the optimizer and of the whole simulation.
    finished_at_s: when it ended, seconds since 1970.
    """

    optimizer: str
    lce: str
    seed: int
    status: Status = "done"
    trajectory: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in TRAJECTORY})
    archs: list[str] | None = None
    total_evaluations: int = 0
    total_epochs: int = 0
    total_time_s: float = 0.0
    decision_s: float = 0.0
    wall_s: float = 0.0
    finished_at_s: float = 0.0
    error: str = ""
    traceback: str = ""

    @classmethod
    def of(cls, key: tuple[str, str], result: RunResult, wall_s: float) -> RunRecord:
        trajectory = result.trajectory
        columns = {name: getattr(trajectory, attribute).tolist() for name, attribute in TRAJECTORY.items()}
        return cls(
            optimizer=key[0],
            lce=key[1],
            seed=result.seed,
            trajectory=columns,
            archs=[str(arch) for arch in trajectory.archs],
            total_evaluations=result.n_evaluations,
            total_epochs=result.total_epochs,
            total_time_s=result.total_time_s,
            decision_s=result.decision_s,
            wall_s=wall_s,
            finished_at_s=time.time(),
        )

    @property
    def key(self) -> RunKey:
        return self.optimizer, self.lce, self.seed

    def to_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> RunRecord:
        record = cls(**content)
        if not record._is_sound():
            raise ValueError("not a record of a run")
        return record

    def _is_sound(self) -> bool:
        """Whether the store can take it: what a file holds may be anything."""
        whole = (self.seed, self.total_evaluations, self.total_epochs)
        real = (self.total_time_s, self.decision_s, self.wall_s, self.finished_at_s)
        text = (self.optimizer, self.lce, self.error, self.traceback)
        if not (_all(whole, int) and _all(real, (int, float)) and _all(text, str)):
            return False
        if self.status not in ("done", "failed") or set(self.trajectory) != set(TRAJECTORY):
            return False
        lists: list[Any] = [*self.trajectory.values(), *([] if self.archs is None else [self.archs])]
        if (
            not _all(lists, list)
            or len({len(values) for values in lists}) > 1
            or not _all(self.archs or [], str)
        ):
            return False
        kinds = {name: int if name in ("epochs", "evaluations") else (int, float) for name in TRAJECTORY}
        return all(_all(self.trajectory[name], kind) for name, kind in kinds.items())


def _all(values: Iterable[Any], kind: type | tuple[type, ...]) -> bool:
    """Whether all are of a kind, and numbers such that a file of the store can hold them."""
    return all(
        isinstance(value, kind) and not (isinstance(value, int) and abs(value) >= 2**63) for value in values
    )


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
            f"Cannot read {path}: {error}. If a folder `store` stands next to it, the same "
            "`nascurve compare` makes it anew."
        ) from error
    missing = [name for name in RUN_COLUMNS if name not in frame]
    if missing:
        raise DataFileError(
            f"{path}: expected the columns {', '.join(RUN_COLUMNS)}; missing: {', '.join(missing)}."
        )
    return frame
