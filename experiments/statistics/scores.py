"""One number a run: what methods are compared by."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from nascurve.errors import ConfigError
from nascurve.experiments.curves import FIRST_SHARE
from nascurve.experiments.statistics.steps import TimeScale
from nascurve.experiments.statistics.study import PairedStudy, Task
from nascurve.options import choice
from nascurve.simulator.types import FloatArray

ScoreKind = Literal["final", "area", "time"]
SCORES: tuple[ScoreKind, ...] = get_args(ScoreKind)
_TITLES = {"final": "final", "area": "mean over time of the", "time": "time to the target"}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scores:
    """The scores of a study, smaller is better, and all paired: cell (i, s, t): method i, seed s of task t.

    values: (k, n, m), regrets (or test errors) in [0, 1]; of the kind "time" shares of the budget.
    reference: the method whose mean is the unit where tasks are averaged.
    scales: (m,), that mean.  notes: what was left out, and why.
    """

    kind: ScoreKind
    study: PairedStudy
    values: FloatArray
    reference: str
    scales: FloatArray
    notes: tuple[str, ...]

    @classmethod
    def of(
        cls,
        study: PairedStudy,
        kind: ScoreKind = "final",
        *,
        reference: str | None = None,
        scale: TimeScale = "linear",
    ) -> Scores:
        """kind: "final": what the run ends with.
        "area": its mean over time, from a tenth of the budget (or from when the last of all runs has an
            incumbent) to the end, that is the area under the regret curve over that time's length.
        "time": time until the run is as good as the median run of the reference ends, as a share of the
            budget; 1 where it never is.
        reference: default: `PairedStudy.default_reference`.
        scale: of time in "area"; see docs/statistics.md why linear.
        A task whose reference has no regret at all cannot be averaged with others and is left out there.
        Raises ConfigError.
        """
        choice("score", kind, SCORES)
        choice("scale", scale, get_args(TimeScale))
        reference = study.default_reference if reference is None else reference
        place = study.place(reference)
        notes = list(study.notes)
        tasks, columns = [], []
        for task in study.tasks:
            column = _column(task, kind, place, scale)
            scaled = kind == "time" or len(study.tasks) == 1 or float(column[place].mean()) > 0
            if np.isnan(column).any():
                notes.append(f"{task.name}: a run has no incumbent before the end; the task is left out.")
            elif not scaled:
                notes.append(
                    f"{task.name}: {reference} always finds the best: nothing can be given relative to it; "
                    "the task is left out."
                )
            else:
                tasks.append(task)
                columns.append(column)
        if not tasks:
            raise ConfigError(f"No task can be compared. {' '.join(notes)}")
        values = np.stack(columns, axis=2)
        return cls(
            kind=kind,
            study=dataclasses.replace(study, tasks=tuple(tasks)),
            values=values,
            reference=reference,
            scales=np.ones(len(tasks)) if kind == "time" else values[place].mean(axis=0),
            notes=tuple(notes),
        )

    @property
    def methods(self) -> tuple[str, ...]:
        return self.study.methods

    @property
    def task_names(self) -> tuple[str, ...]:
        return tuple(task.name for task in self.study.tasks)

    @property
    def comparable(self) -> FloatArray:
        """(k, n, m): in one unit (see `unit`) over all tasks."""
        if self.kind == "time":
            return self.values
        return self.values / self.scales if len(self.scales) > 1 else 100 * self.values

    @property
    def unit(self) -> str:
        """Of `comparable`: percentage points for one task, relative to the reference's mean for several."""
        if self.kind == "time":
            return "share of the budget"
        return f"relative to {self.reference}" if len(self.scales) > 1 else "percentage points"

    @property
    def title(self) -> str:
        """What the scores are, in words: "final regret"."""
        if self.kind == "time":
            return _TITLES["time"]
        metrics = dict.fromkeys(task.metric.replace("_", " ") for task in self.study.tasks)
        return f"{_TITLES[self.kind]} {' or '.join(metrics)}"


def _column(task: Task, kind: ScoreKind, reference: int, scale: TimeScale) -> FloatArray:
    """(k, n) of one task."""
    if kind == "final":
        return np.stack([steps.final for steps in task.steps])
    if kind == "time":
        target = float(np.median(task.steps[reference].final))
        times_s = np.stack([steps.first_times_s(target) for steps in task.steps])
        return np.asarray(np.minimum(times_s / task.budget_s, 1.0))
    start_s = _common_start_s(task)
    if start_s >= task.budget_s:
        return np.full((len(task.steps), len(task.steps[0].seeds)), np.nan)
    return np.stack([steps.mean_between(start_s, task.budget_s, scale) for steps in task.steps])


def can_average_over_time(study: PairedStudy) -> bool:
    """Whether scores of the kind "area" exist: in some task all runs have begun before the end."""
    return any(_common_start_s(task) < task.budget_s for task in study.tasks)


def _common_start_s(task: Task) -> float:
    """From when methods are averaged over time: a tenth of the budget, or when the last run has begun."""
    begun: Sequence[float] = [float(steps.begins_s.max()) for steps in task.steps]
    return max(FIRST_SHARE * task.budget_s, *begun)
