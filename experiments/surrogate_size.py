"""The study of the training set's size: how many architectures beat a table of a few seeds?"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nascurve import options
from nascurve.errors import ConfigError
from nascurve.experiments.surrogate_settings import SurrogateSettings
from nascurve.experiments.surrogate_source import SurrogateSource

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from nascurve.benchmarks.surrogate.evaluation.key_split import KeySplit

TABLE = "table"
_CELL = ["estimator", "n_train", "seeds", "judged_by"]
_NEVER = 0


class SizeStudy:
    """Each part is a number of training architectures, some models, and a split. The training sets of a split
    are nested, and all are tested on the same architectures."""

    name = "size"
    DEFAULTS: Mapping[str, Any] = {
        "sizes": [25, 50, 100, 200, 400, 800, 1500],
        "size_models": [["lightgbm", "extratrees"], ["gin"]],
    }

    def __init__(
        self,
        source: SurrogateSource,
        settings: SurrogateSettings,
        reporting: frozenset[str] | None,
        given: Mapping[str, Any],
    ) -> None:
        from nascurve.benchmarks.surrogate.evaluation.key_split import MIN_TRAIN
        from nascurve.benchmarks.surrogate.evaluation.tables_of_seeds import SEEDS

        self._source, self._settings, self._reporting = source, settings, reporting
        sizes, models = given["sizes"], given["size_models"]
        if not isinstance(sizes, Sequence) or isinstance(sizes, str) or not sizes:
            raise ConfigError(f"sizes: expected a list such as [50,100,200], got {sizes!r}.")
        self._sizes = sorted({options.integer("sizes", size, at_least=MIN_TRAIN) for size in sizes})
        self._models = _models(models)
        if settings.early_epochs:
            raise ConfigError("study=size compares with tables, from architectures alone: early_epochs=0.")
        split = self._split(self._sizes[-1], 0)
        n_train = len({source.data.keys[row] for row in split.train})
        if n_train < self._sizes[-1]:
            raise ConfigError(
                f"sizes: expected at most {n_train}, the architectures that are not tested, got "
                f"{self._sizes[-1]}."
            )
        fewest = min(map(len, split.test))
        if fewest <= max(SEEDS):
            raise ConfigError(
                f"study=size compares with tables of up to {max(SEEDS)} seeds: expected more runs of each "
                f"tested architecture, got {fewest}. Take pocket201-mnist, or data with more runs."
            )

    def describe(self) -> dict[str, Any]:
        return {"sizes": self._sizes, "models": self._models}

    @property
    def parts(self) -> tuple[str, ...]:
        return tuple(
            f"size-{size:05d}-{label(models)}-split-{number:04d}"
            for number in range(self._settings.splits)
            for size in self._sizes
            for models in self._models
        )

    def compute(self, part: str, results: Mapping[str, Any]) -> Any:
        """Rows of `against_tables`."""
        from nascurve.benchmarks.surrogate.evaluation.divergence import complete_runs
        from nascurve.benchmarks.surrogate.evaluation.held_out import HeldOut
        from nascurve.benchmarks.surrogate.evaluation.tables_of_seeds import against_tables

        _, size, name, _, split_number = part.split("-")
        number = int(split_number)
        models = next(models for models in self._models if label(models) == name)
        split = self._split(int(size), number)
        data = self._source.data
        surrogate = self._settings.fit(
            data.subset(split.train), self._settings.seed + number, models=models, noise="none"
        )
        held_out = HeldOut.of(data, split.test)
        complete = [complete_runs(runs) for runs in held_out.runs]
        n_runs = min(len(runs) for runs in held_out.runs)
        kept = [place for place, runs in enumerate(complete) if len(runs) >= n_runs]
        means = surrogate.mean_curves([held_out.archs[place] for place in kept])
        runs = np.array([complete[place][:n_runs] for place in kept])
        rng = np.random.default_rng([self._settings.seed, number, 1])
        return against_tables(runs, means, rng=rng)

    def tables(self, results: Mapping[str, Any]) -> dict[str, pd.DataFrame]:
        """size.csv: a row for each estimator, number of training architectures and of seeds; and
        size-crossings.csv: the smallest of `sizes` at which the models' error is below a table's."""
        frame = self._frame(results)
        return {"size.csv": frame, "size-crossings.csv": crossings(frame)}

    def figures(self, results: Mapping[str, Any]) -> dict[str, Figure]:
        from nascurve.experiments.surrogate_study_figures import draw_sizes

        return {"surrogate-size": draw_sizes(self._frame(results), title=self._source.title)}

    def _split(self, size: int, number: int) -> KeySplit:
        settings = dataclasses.replace(self._settings, max_train=size)
        return settings.split(self._source.data, number, self._reporting)

    def _frame(self, results: Mapping[str, Any]) -> pd.DataFrame:
        import pandas as pd

        rows = []
        for part in self.parts:
            _, size, name, _, _ = part.split("-")
            for row in results[part]:
                if row["estimator"] == "surrogate":
                    rows.append({**row, "estimator": name, "n_train": int(size)})
                elif (int(size), name) == (self._sizes[0], label(self._models[0])):  # once a split
                    rows.append({**row, "n_train": _NEVER})
        order = {TABLE: -1, **{label(models): place for place, models in enumerate(self._models)}}
        frame = pd.DataFrame(rows)
        frame["order"] = frame["estimator"].map(order)
        frame = frame.sort_values(["order", "n_train", "seeds"], kind="stable").drop(columns="order")
        groups = frame.groupby(_CELL, sort=False)
        return groups.mean().join(groups.sem().add_suffix("_se")).reset_index()


def label(models: Sequence[str]) -> str:
    """Of models that are averaged."""
    return "+".join(models)


def crossings(sizes: pd.DataFrame) -> pd.DataFrame:
    """From the rows of size.csv: for each models, number of seeds and measure the smallest number of training
    architectures with a mean error below the table's, empty where none has."""
    import pandas as pd

    records: list[dict[str, Any]] = sizes.to_dict("records")  # type: ignore[assignment]
    tables = {row["seeds"]: row for row in records if row["estimator"] == TABLE}
    models = dict.fromkeys(row["estimator"] for row in records if row["estimator"] != TABLE)
    rows = []
    for estimator in models:
        for seeds, table in tables.items():
            for measure in ("avg_mae", "final_mae"):
                better = [
                    int(row["n_train"])
                    for row in records
                    if (row["estimator"], row["seeds"]) == (estimator, seeds)
                    and row[measure] < table[measure]
                ]
                rows.append(
                    {
                        "estimator": estimator,
                        "seeds": seeds,
                        "measure": measure,
                        "n_train": min(better, default=None),
                    }
                )
    return pd.DataFrame(rows).astype({"n_train": "Int64"})


def _models(given: Any) -> list[list[str]]:
    wrong = f"size_models: expected lists of models such as [[lightgbm,extratrees],[gin]], got {given!r}."
    if not isinstance(given, Sequence) or isinstance(given, str) or not given:
        raise ConfigError(wrong)
    models = [[entry] if isinstance(entry, str) else list(entry) for entry in given]
    if not all(entry and all(isinstance(model, str) for model in entry) for entry in models):
        raise ConfigError(wrong)
    return models
