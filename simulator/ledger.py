"""The book of counted evaluations, and the incumbent that follows from it."""

from __future__ import annotations

import math
from typing import Any

from nascurve.simulator.result import EvaluationRecord
from nascurve.simulator.trajectory import Trajectory
from nascurve.simulator.types import Architecture, Benchmark, SearchSpace

_new_record = tuple.__new__  # EvaluationRecord(…) itself takes three times as long


class Ledger:
    """Counts evaluations in order of their finish and keeps the incumbent: the highest validation accuracy at
    the benchmark's last epoch, the first one found where several share it.

    The incumbent is chosen by what the search saw, and reported by `benchmark.true_test_acc`. A diverged
    training, whose validation accuracy is NaN, counts like any other, but never is the incumbent.
    """

    def __init__(self, benchmark: Benchmark) -> None:
        self._true_test_acc = benchmark.true_test_acc
        self._max_epochs = benchmark.info.max_epochs
        best = benchmark.best()
        self._best_test_acc = float("nan") if best is None else float(best[1])
        self._incumbent_val_acc = -1.0
        self.rows: list[EvaluationRecord] = []
        self.total_epochs = 0
        self.trajectory = Trajectory()

    def count(
        self,
        trial_id: int,
        arch: Architecture,
        epochs: int,
        charged_epochs: int,
        started_s: float,
        finished_s: float,
        charged_s: float,
        worker: int,
        training_seed: int,
        val_acc: float,
    ) -> None:
        """Count one evaluation; the arguments are the fields of EvaluationRecord."""
        self.total_epochs += charged_epochs
        is_incumbent = epochs == self._max_epochs and val_acc > self._incumbent_val_acc
        self.rows.append(
            _new_record(
                EvaluationRecord,
                (
                    trial_id,
                    arch,
                    epochs,
                    charged_epochs,
                    started_s,
                    finished_s,
                    charged_s,
                    worker,
                    training_seed,
                    val_acc,
                    is_incumbent,
                ),
            )
        )
        if is_incumbent:
            self._incumbent_val_acc = val_acc
            test_acc = float(self._true_test_acc(arch))
            self.trajectory.append(
                time_s=finished_s,
                epochs_used=self.total_epochs,
                evaluations=len(self.rows),
                arch=arch,
                val_acc=val_acc,
                test_acc=test_acc,
                regret=self._best_test_acc - test_acc,
            )

    @property
    def last_finish_s(self) -> float:
        """When the last counted evaluation finished; 0 before the first."""
        return float(self.rows[-1].finished_s) if self.rows else 0.0

    def records(self) -> list[EvaluationRecord]:
        return list(self.rows)

    def to_rows(self) -> list[list[Any]]:
        """The book as JSON can hold it, NaN as None. Who was the incumbent follows from the rest and is left
        out."""
        return [[row[0], str(row[1]), *row[2:-2], _or_none(row[-2])] for row in self.rows]

    def replay(self, rows: list[list[Any]], space: SearchSpace) -> None:
        """Count what `to_rows` gave."""
        for trial_id, text, *rest in rows:
            if rest[-1] is None:
                rest[-1] = math.nan
            self.count(trial_id, space.parse(text), *rest)


def _or_none(val_acc: float) -> float | None:
    return None if math.isnan(val_acc) else val_acc
