"""The study that leaves one method out: fit to what some optimizers visited, test on what another one did."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from nascurve import options
from nascurve.errors import ConfigError
from nascurve.experiments.surrogate_settings import SurrogateSettings
from nascurve.experiments.surrogate_source import SurrogateSource

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from nascurve.benchmarks.surrogate.curve_data import IntArray
    from nascurve.benchmarks.surrogate.evaluation.key_split import KeySplit

NOTHING = "none"
"""In place of a method: nothing is left out, and random ones of all that was visited are tested."""
_VISITS = "visits"
_SHOWN = (
    *("avg_r2", "final_r2", "avg_tau", "final_tau", "avg_mae", "final_mae"),
    *("coverage_90", "auc_real_vs_simulated"),
)


class LomoStudy:
    """Each part is a split and a method that is left out, or none; before these, of each split the
    architectures that the methods visited in runs on the real table."""

    name = "lomo"
    DEFAULTS: Mapping[str, Any] = {
        "optimizers": ["rs", "re", "ls", "bananas"],
        "evaluations": 150,
        "seeds": 10,
    }

    def __init__(
        self,
        source: SurrogateSource,
        settings: SurrogateSettings,
        reporting: frozenset[str] | None,
        given: Mapping[str, Any],
    ) -> None:
        from nascurve.experiments.methods import OptimizerSpec

        self._benchmark = source.searchable(self.name)
        settings.refuse_halves_and_early(self.name)
        entries = given["optimizers"]
        if not isinstance(entries, list) or len(entries) < 2:
            raise ConfigError(f"optimizers: expected a list of two or more, got {entries!r}.")
        self._source, self._settings = source, settings
        self._optimizers = [OptimizerSpec.read(entry, {}) for entry in entries]
        self._evaluations = options.integer("evaluations", given["evaluations"], at_least=1)
        self._seeds = options.integer("seeds", given["seeds"], at_least=1)

    def describe(self) -> dict[str, Any]:
        return {
            "optimizers": [spec.describe() for spec in self._optimizers],
            "evaluations": self._evaluations,
            "seeds": self._seeds,
        }

    @property
    def parts(self) -> tuple[str, ...]:
        labels = [spec.label for spec in self._optimizers]
        return tuple(
            f"split-{number:04d}-{what}"
            for number in range(self._settings.splits)
            for what in (_VISITS, *(f"without-{label}" for label in (*labels, NOTHING)))
        )

    def compute(self, part: str, results: Mapping[str, Any]) -> Any:
        """Of visits, their keys by method; else number of architectures, and scores."""
        from nascurve.benchmarks.surrogate.evaluation.evaluate_split import evaluate_split

        prefix, _, what = part[len("split-") :].partition("-")
        number = int(prefix)
        if what == _VISITS:
            return self._visits(number)
        visits = results[f"split-{prefix}-{_VISITS}"]
        split = self._split(number, what.removeprefix("without-"), visits)
        result = evaluate_split(
            self._source.data, split, self._settings.fit, seed=self._settings.seed + number
        )
        return dataclasses.asdict(result)["scores"]

    def tables(self, results: Mapping[str, Any]) -> dict[str, pd.DataFrame]:
        """lomo.csv: a row for each method that is left out, and for none: means over splits, with standard
        errors in columns that end in _se."""
        import pandas as pd

        rows = [
            {"left_out": part.partition("-without-")[2], **results[part]}
            for part in self.parts
            if not part.endswith(_VISITS)
        ]
        groups = pd.DataFrame(rows).groupby("left_out", sort=False)[["n_train", "n_test", *_SHOWN]]
        errors = groups.sem()[list(_SHOWN)].add_suffix("_se")
        return {"lomo.csv": groups.mean().join(errors).reset_index()}

    def figures(self, results: Mapping[str, Any]) -> dict[str, Figure]:
        from nascurve.experiments.surrogate_study_figures import draw_lomo

        return {"surrogate-lomo": draw_lomo(self.tables(results)["lomo.csv"], title=self._source.title)}

    def _visits(self, number: int) -> dict[str, list[str]]:
        from nascurve.simulator.simulate import simulate

        space = self._benchmark.space
        visited: dict[str, list[str]] = {}
        for spec in self._optimizers:
            keys: dict[str, None] = {}
            for run in range(self._seeds):
                seed = (self._settings.seed + number) * self._seeds + run
                result = simulate(
                    spec.build(space, seed), self._benchmark, max_evaluations=self._evaluations, seed=seed
                )
                keys |= dict.fromkeys(space.key(record.arch) for record in result.evaluations)
            visited[spec.label] = list(keys)
        return visited

    def _split(self, number: int, left_out: str, visits: Mapping[str, list[str]]) -> KeySplit:
        """Tested are random ones of all that the method left out visited, at most max_test; fitted to are
        random ones of those that others visited and it did not, at most max_train."""
        from nascurve.benchmarks.surrogate.evaluation.key_split import KeySplit

        data, settings = self._source.data, self._settings
        rng = np.random.default_rng([settings.seed, number, 2])
        everything = sorted({key for keys in visits.values() for key in keys})
        if left_out == NOTHING:
            shuffled = rng.permutation(everything).tolist()
            n_test = min(settings.max_test, round(settings.test_share * len(shuffled)))
            tested, fitted = shuffled[:n_test], shuffled[n_test:]
        else:
            own = set(visits[left_out])
            tested = rng.permutation(sorted(own)).tolist()[: settings.max_test]
            fitted = rng.permutation([key for key in everything if key not in own]).tolist()
        rows: dict[str, IntArray] = {data.keys[own[0]]: own for own in data.by_arch()}
        train = np.sort(np.concatenate([rows[key] for key in fitted[: settings.max_train]]))
        return KeySplit(number=number, train=train, test=tuple(rows[key] for key in tested))
