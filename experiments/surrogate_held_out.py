"""The study of held-out architectures: scores of mean curves and of noise, and tables of seeds."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nascurve.experiments.surrogate_settings import SurrogateSettings
from nascurve.experiments.surrogate_source import SurrogateSource

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from nascurve.benchmarks.surrogate.curve_data import CurveData
    from nascurve.benchmarks.surrogate.surrogate import Surrogate

_EXAMPLES = "examples"
_N_EXAMPLES, _N_SIMULATED = 6, 8
_NOT_METRICS = ("n_train", "n_test", "fit_cpu_s")
DIFFERENCE = "surrogate - table"
_BY_SEEDS = ["estimator", "seeds", "judged_by"]


class HeldOutStudy:
    """Each part is a split; one more has the curves of a few architectures of the first, for the figure."""

    name = "held_out"
    DEFAULTS: Mapping[str, Any] = {}

    def __init__(
        self,
        source: SurrogateSource,
        settings: SurrogateSettings,
        reporting: frozenset[str] | None,
        given: Mapping[str, Any],
    ) -> None:
        self._source, self._settings, self._reporting = source, settings, reporting
        self._last: tuple[int, Surrogate] | None = None
        settings.split(source.data, 0, reporting)  # refuses too few architectures before anything is written

    def describe(self) -> dict[str, Any]:
        """Plain values of what is this study's own."""
        return {}

    @property
    def splits(self) -> tuple[str, ...]:
        return tuple(f"split-{number:04d}" for number in range(self._settings.splits))

    @property
    def parts(self) -> tuple[str, ...]:
        first, *others = self.splits
        return (first, _EXAMPLES, *others)  # which are of the first split's surrogate

    def compute(self, part: str, results: Mapping[str, Any]) -> Any:
        """A part, as plain values."""
        from nascurve.benchmarks.surrogate.evaluation.evaluate_split import evaluate_split

        if part == _EXAMPLES:
            return self._examples()
        number = int(part.rpartition("-")[2])
        split = self._settings.split(self._source.data, number, self._reporting)
        result = evaluate_split(
            self._source.data,
            split,
            self._fit,
            seed=self._settings.seed + number,
            early_epochs=self._settings.early_epochs,
        )
        return dataclasses.asdict(result)

    def tables(self, results: Mapping[str, Any]) -> dict[str, pd.DataFrame]:
        """metrics.csv, splits.csv, and tabular.csv where there are seeds enough."""
        splits = self._splits(results)
        tables = {"metrics.csv": metrics_frame(splits), "splits.csv": splits}
        tabular = tabular_frame([results[part]["tables"] for part in self.splits])
        return tables if tabular is None else {**tables, "tabular.csv": tabular}

    def figures(self, results: Mapping[str, Any]) -> dict[str, Figure]:
        from nascurve.experiments import surrogate_figures as figures

        title, own = self._source.title, [results[part] for part in self.splits]
        drawn = {
            "surrogate-epochs": figures.draw_epochs(
                [one["by_epoch"] for one in own], title=title, n_given=self._settings.early_epochs
            ),
            "surrogate-spikes": figures.draw_spikes([one["exceedance"] for one in own], title=title),
            "surrogate-curves": figures.draw_curves(results[_EXAMPLES], title=title),
        }
        tabular = tabular_frame([one["tables"] for one in own])
        if tabular is not None:
            drawn["surrogate-tabular"] = figures.draw_tabular(tabular, title=title)
        return drawn

    def _fit(self, data: CurveData, seed: int) -> Surrogate:
        """Remembers the last one."""
        if self._last is None or self._last[0] != seed:
            self._last = seed, self._settings.fit(data, seed)
        return self._last[1]

    def _splits(self, results: Mapping[str, Any]) -> pd.DataFrame:
        import pandas as pd

        rows = [{"split": number, **results[part]["scores"]} for number, part in enumerate(self.splits)]
        return pd.DataFrame(rows)

    def _examples(self) -> dict[str, Any]:
        """Of tested architectures of split 0, spread over the quality of their truth: runs, mean, draws."""
        from nascurve.benchmarks.surrogate.evaluation.held_out import HeldOut

        data, settings = self._source.data, self._settings
        split = settings.split(data, 0, self._reporting)
        surrogate = self._fit(data.subset(split.train), settings.seed)
        held_out = HeldOut.of(data, split.test, early_epochs=settings.early_epochs)
        order = np.argsort(held_out.truth[:, -1], kind="stable")
        order = order[np.isfinite(held_out.truth[order, -1])]
        places = order[np.linspace(0, len(order) - 1, _N_EXAMPLES).round().astype(int)].tolist()
        archs = [held_out.archs[place] for place in places]
        early = None if held_out.early is None else held_out.early[places]
        n = len(archs)
        draws = surrogate.curves(
            [arch for arch in archs for _ in range(_N_SIMULATED)],
            list(range(_N_SIMULATED)) * n,
            None if early is None else np.repeat(early, _N_SIMULATED, axis=0),
        )
        return {
            "real": [held_out.runs[place].tolist() for place in places],
            "mean": surrogate.mean_curves(archs, early).tolist(),
            "simulated": draws.reshape(n, _N_SIMULATED, -1).tolist(),
        }


def metrics_frame(splits: pd.DataFrame) -> pd.DataFrame:
    """metric, mean, stderr, n_splits from splits.csv: means over the splits that have a value, their standard
    error s / √n (empty for one split), and how many these are; mean empty where none has one."""
    import pandas as pd

    names = [name for name in splits.columns if name not in ("split", *_NOT_METRICS)]
    values = splits[names]
    frame = pd.DataFrame(
        {"mean": values.mean(), "stderr": values.sem(), "n_splits": values.notna().sum().astype(int)}
    )
    return frame.rename_axis("metric").reset_index()


def tabular_frame(splits: Sequence[Sequence[Mapping[str, Any]]]) -> pd.DataFrame | None:
    """A row for each estimator and number of seeds: means over splits, and standard errors in columns that
    end in _se; DIFFERENCE, surrogate minus table on the same split. None without rows. splits: of each split,
    rows of `against_tables`."""
    import pandas as pd

    frames = []
    for rows in splits:
        if rows:
            frame = pd.DataFrame(rows)
            by_seeds = {name: own.set_index(_BY_SEEDS[1:]) for name, own in frame.groupby("estimator")}
            scores = [name for name in frame.columns if name not in _BY_SEEDS]
            difference = (by_seeds["surrogate"][scores] - by_seeds["table"][scores]).reset_index()
            frames += [frame, difference.assign(estimator=DIFFERENCE)]
    if not frames:
        return None
    groups = pd.concat(frames, ignore_index=True).groupby(_BY_SEEDS, sort=False)
    return groups.mean().join(groups.sem().add_suffix("_se")).reset_index()
