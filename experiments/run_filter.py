"""Which runs of a study are looked at: by task, method, seed and status."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from nascurve.errors import ConfigError, did_you_mean
from nascurve.experiments.curves import MethodKey
from nascurve.experiments.run_listing import STATUSES
from nascurve.options import integer

if TYPE_CHECKING:
    import pandas as pd

    from nascurve.experiments.results import Results

FILTERS: dict[str, Any] = {"task": None, "optimizer": None, "lce": None, "seeds": None, "status": None}
"""The options, and that they are off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFilter:
    """What is kept; None keeps all. `task`: ids, names or titles of benchmarks.  The rest: as the columns."""

    task: tuple[str, ...] | None = None
    optimizer: tuple[str, ...] | None = None
    lce: tuple[str, ...] | None = None
    seeds: tuple[range, ...] | None = None
    status: tuple[str, ...] | None = None

    @classmethod
    def read(cls, options: Mapping[str, Any]) -> RunFilter:
        """From values of a command line: one or a list of them; seeds also as 0-9. Raises ConfigError."""
        labels = {name: _labels(name, options[name]) for name in ("task", "optimizer", "lce", "status")}
        _require("status", labels["status"] or (), STATUSES)
        return cls(**labels, seeds=_seeds(options["seeds"]))

    def tasks(self, study: Mapping[str, Results]) -> dict[str, Results]:
        """The experiments of the tasks. Raises ConfigError for one that is not there."""
        if self.task is None:
            return dict(study)
        names = {title: _task_names(title, results) for title, results in study.items()}
        _require("task", self.task, {name for known in names.values() for name in known})
        return {title: study[title] for title, known in names.items() if known & set(self.task)}

    def methods(self, results: Results) -> list[MethodKey]:
        """Those of an experiment. Raises ConfigError for a label that it does not have."""
        _require("optimizer", self.optimizer or (), {optimizer for optimizer, _ in results.methods})
        _require("lce", self.lce or (), {lce for _, lce in results.methods})
        return [
            (optimizer, lce)
            for optimizer, lce in results.methods
            if (self.optimizer is None or optimizer in self.optimizer)
            and (self.lce is None or lce in self.lce)
        ]

    def with_seeds(self, results: Results) -> Results:
        """The experiment as if it had been asked for these seeds alone. Raises ConfigError where one of the
        ranges has none of its seeds."""
        if self.seeds is None:
            return results
        there = results.config["experiment"]["seeds"]
        for span in self.seeds:
            if not any(seed in span for seed in there):
                raise ConfigError(
                    f"seeds: {results.path} has no seed {_span_name(span)}. Expected some of its "
                    f"{len(there)} seeds, {min(there)} to {max(there)}."
                )
        kept = [seed for seed in there if any(seed in span for span in self.seeds)]
        return replace(
            results,
            runs=results.runs[results.runs["seed"].isin(kept)],
            totals=results.totals[results.totals["seed"].isin(kept)],
            config=_changed(results, seeds=kept),
            n_runs=None,
        )

    def with_methods(self, results: Results) -> Results:
        """The experiment as if it had been asked for these methods alone."""
        kept = set(self.methods(results))
        entries = results.config["experiment"]["methods"]
        methods = [entry for entry, key in zip(entries, results.methods, strict=True) if key in kept]
        return replace(
            results,
            runs=_of_methods(results.runs, kept),
            totals=_of_methods(results.totals, kept),
            config=_changed(results, methods=methods),
        )

    def rows(self, listing: pd.DataFrame) -> pd.DataFrame:
        """The rows of a `run_listing` with the status."""
        return listing if self.status is None else listing[listing["status"].isin(self.status)]


def _labels(name: str, value: Any) -> tuple[str, ...] | None:
    if value is None:
        return None
    items = value if isinstance(value, list) else [value]
    if not items or not all(isinstance(item, str | int | float) for item in items):
        raise ConfigError(f"{name}: expected {name}=NAME or {name}=[NAME,NAME], got {value!r}.")
    return tuple(str(item) for item in items)


def _seeds(value: Any) -> tuple[range, ...] | None:
    if value is None:
        return None
    hint = "Give seeds=7, seeds=[0,3] or seeds=0-9."
    found: list[range] = []
    for item in value if isinstance(value, list) else [value]:
        span = re.fullmatch(r"(\d+)-(\d+)", item) if isinstance(item, str) else None
        first, last = (int(span[1]), int(span[2])) if span else (item, item)
        integer("seeds", first, at_least=0, hint=hint)
        if last < first:
            raise ConfigError(f"seeds: expected the smaller seed first, got {item}. {hint}")
        found.append(range(first, last + 1))
    if not found:
        raise ConfigError(f"seeds: expected at least one seed, got an empty list. {hint}")
    return tuple(found)


def _span_name(span: range) -> str:
    return str(span.start) if len(span) == 1 else f"{span.start}-{span.stop - 1}"


def _require(name: str, given: Sequence[str], valid: Iterable[str]) -> None:
    valid = set(valid)
    for label in given:
        if label not in valid:
            raise ConfigError(f"{name}: there is no {label!r}. {did_you_mean(label, valid)}")


def _task_names(title: str, results: Results) -> set[str]:
    benchmark = results.config["experiment"]["benchmark"]
    return {title, *(str(benchmark[name]) for name in ("id", "name") if benchmark.get(name))}


def _changed(results: Results, **values: Any) -> dict[str, Any]:
    return {**results.config, "experiment": {**results.config["experiment"], **values}}


def _of_methods(frame: pd.DataFrame, kept: set[MethodKey]) -> pd.DataFrame:
    return frame[frame.set_index(["optimizer", "lce"]).index.isin(list(kept))]
