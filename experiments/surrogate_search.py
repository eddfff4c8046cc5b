"""The study that matters most: do optimizers rank on the surrogate as they do on the real table?"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nascurve import options
from nascurve.errors import ConfigError
from nascurve.experiments.options import seeds as read_seeds
from nascurve.experiments.surrogate_settings import SurrogateSettings
from nascurve.experiments.surrogate_source import SurrogateSource
from nascurve.simulator.types import Architecture, Benchmark, LearningCurve

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from nascurve.simulator.types import FloatArray

SIDES = ("table", "surrogate", "surrogate-own")
"""Searches on the real table; on the surrogate, judged by the table; the same, judged by the surrogate."""
SHARES = (0.25, 0.5, 1.0)
"""Of the budget, at which methods are ranked."""
_N_HALVES = 200


class JudgedByTable:
    """A surrogate benchmark in whose searches the incumbent is judged by the real table: curves and seconds
    are the surrogate's, `true_test_acc` and `best` the table's. Both answer for the same architectures."""

    def __init__(self, surrogate: Benchmark, table: Benchmark) -> None:
        self._surrogate, self._table = surrogate, table
        self.space = table.space
        self.info = dataclasses.replace(
            surrogate.info, name=f"{surrogate.info.name}, judged by {table.info.name}", space=table.space.name
        )

    def query(self, arch: Architecture, *, seed: int, epochs: int | None = None) -> LearningCurve:
        return self._surrogate.query(arch, seed=seed, epochs=epochs)

    def query_many(self, archs: Sequence[Architecture], seeds: Sequence[int]) -> list[LearningCurve]:
        return self._surrogate.query_many(archs, seeds)

    def true_test_acc(self, arch: Architecture) -> float:
        return self._table.true_test_acc(arch)

    def best(self) -> tuple[Architecture, float] | None:
        return self._table.best()


class SearchStudy:
    """Each part is a comparison of all methods on one of SIDES, by `nascurve.compare`, which keeps each
    finished run in the folder search-SIDE."""

    name = "search"
    DEFAULTS: Mapping[str, Any] = {
        "optimizers": ["rs", "re", "ls", "bananas"],
        "lce": ["none", "last_value"],
        "seeds": 30,
        "budget_trainings": 200,
    }

    def __init__(
        self,
        source: SurrogateSource,
        settings: SurrogateSettings,
        reporting: frozenset[str] | None,
        given: Mapping[str, Any],
    ) -> None:
        from nascurve.experiments.config import resolve_budget_s

        self._table = source.searchable(self.name)
        settings.refuse_halves_and_early(self.name)
        self._source, self._settings = source, settings
        self._given = {name: given[name] for name in self.DEFAULTS}
        self._seeds = read_seeds(given["seeds"])
        trainings = options.real("budget_trainings", given["budget_trainings"], above=0)
        self._budget_s = resolve_budget_s(self._table, None, trainings)
        self._folder = options.path("out", given["out"])
        self._overwrite = options.flag("overwrite", given["overwrite"])

    def describe(self) -> dict[str, Any]:
        from nascurve.experiments.options import to_plain

        return dict(to_plain({**self._given, "seeds": list(self._seeds)}))

    @property
    def parts(self) -> tuple[str, ...]:
        return SIDES

    def compute(self, part: str, results: Mapping[str, Any]) -> Any:
        """For each method its regrets at the SHARES of the budget, (share, seed), and its anytime curve."""
        from nascurve.experiments.compare import compare
        from nascurve.experiments.curves import choose_metric, curves_by_method

        result = compare(
            self._given["optimizers"],
            self._benchmark(part),
            lce=self._given["lce"],
            seeds=self._seeds,
            budget_s=self._budget_s,
            out=self._folder / f"search-{part}",
            overwrite=self._overwrite,
            processes=1,
        )
        metric = choose_metric(result.runs)
        methods = []
        curves = curves_by_method(result.runs, metric)
        if len(curves) < len(result.summary) or not all(len(curve.times_s) for curve in curves.values()):
            raise ConfigError(
                f"budget_trainings: in the time of {self._given['budget_trainings']:g} trainings "
                f"({self._budget_s:g} s) not every method finds an incumbent on the {part}. Give more."
            )
        for (optimizer, lce), curve in curves.items():
            low, high = curve.band("mean")
            moments = [share * self._budget_s for share in SHARES]
            places = np.searchsorted(curve.times_s, moments, side="right") - 1
            methods.append(
                {
                    "optimizer": optimizer,
                    "lce": lce,
                    "at_shares": curve.values[:, np.maximum(places, 0)].T.tolist(),
                    "times_s": curve.times_s.tolist(),
                    "mean": curve.centre("mean").tolist(),
                    "low": low.tolist(),
                    "high": high.tolist(),
                }
            )
        return {"metric": metric, "budget_s": self._budget_s, "methods": methods}

    def tables(self, results: Mapping[str, Any]) -> dict[str, pd.DataFrame]:
        """search.csv: a row for each method and share of the budget; search-ranks.csv: agreement of ranks."""
        return {"search.csv": search_frame(results), "search-ranks.csv": ranks_frame(results)}

    def figures(self, results: Mapping[str, Any]) -> dict[str, Figure]:
        from nascurve.experiments.surrogate_study_figures import draw_search

        return {"surrogate-search": draw_search(results, title=self._source.title)}

    def _benchmark(self, side: str) -> Benchmark:
        if side == "table":
            return self._table
        return JudgedByTable(self._surrogate, self._table) if side == "surrogate" else self._surrogate

    @functools.cached_property
    def _surrogate(self) -> Benchmark:
        from nascurve.benchmarks.surrogate.benchmark import SurrogateBenchmark

        data = self._source.data
        split = self._settings.split(data, 0, None)
        fitted = self._settings.fit(data.subset(split.train), self._settings.seed)
        return SurrogateBenchmark(
            fitted, name=f"surrogate of {self._table.info.name}", version=self._table.info.version
        )


def search_frame(results: Mapping[str, Any]) -> pd.DataFrame:
    """optimizer, lce, budget (share), and for each side mean regret, its standard error, and rank."""
    import pandas as pd

    frames = []
    for place, share in enumerate(SHARES):
        frame = pd.DataFrame(
            [{key: one[key] for key in ("optimizer", "lce")} for one in results[SIDES[0]]["methods"]]
        )
        frame["budget"] = share
        for side in SIDES:
            regrets = _regrets(results[side], place)
            frame[f"regret_{side}"] = regrets.mean(axis=1)
            spread = regrets.std(axis=1, ddof=1) if regrets.shape[1] > 1 else np.nan
            frame[f"regret_{side}_se"] = spread / np.sqrt(regrets.shape[1])
            frame[f"rank_{side}"] = frame[f"regret_{side}"].rank().astype(float)
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)


def ranks_frame(results: Mapping[str, Any]) -> pd.DataFrame:
    """budget, against, tau: Kendall's τ-b of the methods' mean regrets on the surrogate (judged by the table,
    and by itself) with those on the table; and, to be compared with, of the table with itself, from random
    halves of its seeds, which are noisier than all of them.
    """
    import pandas as pd
    from scipy.stats import kendalltau

    rows = []
    rng = np.random.default_rng(0)
    for place, share in enumerate(SHARES):
        table = _regrets(results["table"], place)
        for side in SIDES[1:]:
            other = _regrets(results[side], place).mean(axis=1)
            tau = float(kendalltau(table.mean(axis=1), other).statistic)
            rows.append({"budget": share, "against": side, "tau": tau})
        n_seeds = table.shape[1]
        if n_seeds >= 4:
            orders = [rng.permutation(n_seeds) for _ in range(_N_HALVES)]
            halves = [
                float(
                    kendalltau(
                        table[:, order[: n_seeds // 2]].mean(axis=1),
                        table[:, order[n_seeds // 2 :]].mean(axis=1),
                    ).statistic
                )
                for order in orders
            ]
            rows.append({"budget": share, "against": "table, halves of its seeds", "tau": np.mean(halves)})
    return pd.DataFrame(rows)


def _regrets(side: Mapping[str, Any], place: int) -> FloatArray:
    """(methods, seeds)."""
    return np.array([method["at_shares"][place] for method in side["methods"]], dtype=np.float64)
