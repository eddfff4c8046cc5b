"""The runs of a study that statistics are about: the methods and seeds that all of its tasks can compare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nascurve.errors import ConfigError, did_you_mean
from nascurve.experiments.curves import MethodKey, Metric, choose_metric
from nascurve.experiments.methods import NO_LCE, method_name
from nascurve.experiments.statistics.steps import RunSteps

if TYPE_CHECKING:
    import pandas as pd

    from nascurve.experiments.results import Results

MIN_SEEDS = 2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Task:
    """One benchmark of a study. steps: of each method, about the same seeds in the same order."""

    name: str
    metric: Metric
    budget_s: float
    steps: tuple[RunSteps, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PairedStudy:
    """A study cut to what can be compared: every method has the same n seeds of every task.

    methods: names, "re" or "re+last_value", in the order of the config.  keys: their labels.
    n_seeds: of each task; which seeds they are can differ between tasks.
    notes: sentences on what was left out, for whoever reads the statistics.
    """

    methods: tuple[str, ...]
    keys: tuple[MethodKey, ...]
    tasks: tuple[Task, ...]
    n_seeds: int
    notes: tuple[str, ...]

    @classmethod
    def of(
        cls, study: Mapping[str, Results], *, methods: Sequence[str] = (), min_seeds: int = MIN_SEEDS
    ) -> PairedStudy:
        """From the results of each task.

        methods: names of those to compare; default: all that every task has.
        A seed counts where all these methods have an incumbent; with several tasks each keeps as many seeds
        as the one with the fewest. Raises ConfigError for an unknown method, or with fewer than `min_seeds`.
        """
        if not study:
            raise ConfigError("Expected the results of at least one task, got none.")
        found = [results.methods for results in study.values()]
        shared = [key for key in found[0] if all(key in other for other in found)]
        notes = _missing_methods(found, shared)
        names = {method_name(key): key for key in shared}
        for name in methods:
            if name not in names:
                raise ConfigError(
                    f"There is no method {name!r} in these results. {did_you_mean(name, names)}"
                )
        chosen = [names[name] for name in (methods or names)]
        if not chosen:
            raise ConfigError("The tasks have no method in common. Give results of the same methods.")
        tasks = []
        for title, results in study.items():
            task, more = _paired_task(title, results, chosen, min_seeds)
            tasks.append(task)
            notes += more
        n_seeds = min(len(task.steps[0].seeds) for task in tasks)
        if any(len(task.steps[0].seeds) > n_seeds for task in tasks):
            notes.append(f"The first {n_seeds} common seeds of each task are compared, as many as all have.")
        return cls(
            methods=tuple(map(method_name, chosen)),
            keys=tuple(chosen),
            tasks=tuple(_first_seeds(task, n_seeds) for task in tasks),
            n_seeds=n_seeds,
            notes=tuple(notes),
        )

    def place(self, method: str) -> int:
        """Where the method stands. Raises ConfigError."""
        if method not in self.methods:
            raise ConfigError(f"There is no method {method!r} here. {did_you_mean(method, self.methods)}")
        return self.methods.index(method)

    @property
    def default_reference(self) -> str:
        """Random search without LCE where it is there, else the first method without LCE, else the first."""
        plain = [method_name(key) for key in self.keys if key[1] == NO_LCE]
        return "rs" if "rs" in plain else (plain or list(self.methods))[0]


def rows_by_method(runs: pd.DataFrame) -> dict[MethodKey, pd.DataFrame]:
    """The rows of runs.parquet of each method that has some."""
    groups = runs.groupby(["optimizer", "lce"], sort=False, observed=True)
    return {(str(key[0]), str(key[1])): rows for key, rows in groups}


def _missing_methods(found: list[list[MethodKey]], shared: list[MethodKey]) -> list[str]:
    missing = dict.fromkeys(method_name(key) for keys in found for key in keys if key not in shared)
    return [f"Not in every task, and left out: {', '.join(missing)}."] if missing else []


def _paired_task(
    title: str, results: Results, keys: Sequence[MethodKey], min_seeds: int
) -> tuple[Task, list[str]]:
    metric = choose_metric(results.runs)
    groups = rows_by_method(results.runs)
    empty = results.runs.iloc[:0]
    steps = [RunSteps.of(groups.get(key, empty), metric) for key in keys]
    common = _common([step.seeds for step in steps])
    every = np.unique(np.concatenate([step.seeds for step in steps]))
    notes = []
    if len(common) < len(every):
        lacking = [
            f"{method_name(key)} {len(step.seeds)}"
            for key, step in zip(keys, steps, strict=True)
            if len(step.seeds) < len(every)
        ]
        said = (
            f"{title}: of {len(every)} seeds all methods have {len(common)} "
            f"(runs failed, are missing or found nothing; there are {', '.join(lacking)})"
        )
        if len(common) < min_seeds:
            raise ConfigError(
                f"{said}; expected at least {min_seeds}. Finish the runs, or leave methods out."
            )
        notes.append(f"{said}; the statistics are about these.")
    elif len(common) < min_seeds:
        raise ConfigError(
            f"{title}: expected at least {min_seeds} seeds of each method, got {len(common)}. Run more seeds."
        )
    return Task(
        name=title,
        metric=metric,
        budget_s=float(results.config["experiment"]["run"]["budget_s"]),
        steps=tuple(step.only(common) for step in steps),
    ), notes


def _common(seeds: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    common = seeds[0]
    for others in seeds[1:]:
        common = np.intersect1d(common, others)
    return common


def _first_seeds(task: Task, n: int) -> Task:
    seeds = task.steps[0].seeds
    if len(seeds) == n:
        return task
    steps = tuple(step.only(seeds[:n]) for step in task.steps)
    return Task(name=task.name, metric=task.metric, budget_s=task.budget_s, steps=steps)
