"""What a simulated run gave."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from nascurve.simulator.trajectory import Trajectory
from nascurve.simulator.types import Architecture, Status

if TYPE_CHECKING:
    import pandas as pd


class EvaluationRecord(NamedTuple):
    """One counted evaluation: training run `trial_id` was trained by a worker to epoch `epochs`.

    charged_epochs, charged_s: what it was charged, which is less than the whole for a resumed training.
    training_seed: index of the benchmark's training run.  val_acc: after the last epoch trained; NaN when the
    run had diverged by then, in which case it is never the incumbent.
    is_incumbent: whether it became the incumbent when it finished.
    """

    trial_id: int
    arch: Architecture
    epochs: int
    charged_epochs: int
    started_s: float
    finished_s: float
    charged_s: float
    worker: int
    training_seed: int
    val_acc: float
    is_incumbent: bool


_DTYPES: dict[str, Any] = {  # given, so that a run without evaluations has them too
    "trial_id": "int64",
    "arch": "object",
    "epochs": "int64",
    "charged_epochs": "int64",
    "started_s": "float64",
    "finished_s": "float64",
    "charged_s": "float64",
    "worker": "int64",
    "training_seed": "int64",
    "val_acc": "float64",
    "is_incumbent": "bool",
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RunResult:
    """A finished (or, taken from a Simulation in progress, an unfinished) run.

    trajectory: the incumbent's changes.  evaluations: the counted ones, in order of their finish.
    config: settings, optimizer and benchmark.  versions: of nascurve, numpy, Python and the benchmark.
    total_time_s: simulated moment at which the last counted evaluation finished.  total_epochs: charged to
    the counted ones.  n_cut_off: trainings that the end of the run cut off.
    decision_s: real seconds spent in the optimizer's ask and tell.
    """

    trajectory: Trajectory
    evaluations: list[EvaluationRecord]
    config: dict[str, Any]
    seed: int
    versions: dict[str, str]
    total_time_s: float
    total_epochs: int
    n_evaluations: int
    n_cut_off: int
    decision_s: float

    def to_frame(self) -> pd.DataFrame:
        """One row per counted evaluation, in order of finish: the fields of EvaluationRecord, the
        architecture as its canonical string, and `status`."""
        import pandas as pd

        columns: dict[str, Any] = dict.fromkeys(EvaluationRecord._fields, ())
        columns.update(zip(EvaluationRecord._fields, zip(*self.evaluations, strict=True), strict=False))
        columns["arch"] = [str(arch) for arch in columns["arch"]]
        frame = pd.DataFrame({name: pd.Series(columns[name], dtype=_DTYPES[name]) for name in columns})
        frame["status"] = Status.COMPLETE.value
        return frame
