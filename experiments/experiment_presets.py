"""Presets of whole comparisons: a published study under a name, `nascurve compare experiment=NAME`.

A preset is a file conf/compare/experiment/NAME.yaml: options of `compare`, and under `study` what it is about
and what to expect. Epochs are fractions of the last one, so that it runs on any benchmark; its budget in
seconds belongs to the benchmark that it names.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

from nascurve.errors import DataFileError, UnknownIdError, did_you_mean
from nascurve.experiments.options import mapping

CONFIGS = "nascurve.experiments.conf.compare"
"""The module that holds the primary configuration of `compare` and its groups."""
_SUFFIX = ".yaml"
_MOST = 4.0
"""The clock of a benchmark is the official one if the published seconds come to at most so many times as many
trainings as published, and at least to the reciprocal. Without official times an epoch costs one second."""


@functools.cache
def experiment_names() -> tuple[str, ...]:
    """Names of the presets, sorted."""
    folder = resources.files(CONFIGS) / "experiment"
    return tuple(
        sorted(item.name.removesuffix(_SUFFIX) for item in folder.iterdir() if item.name.endswith(_SUFFIX))
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentPreset:
    """A study's settings, and what to expect of it.

    about: one line.  expect: what the source found.  differences: how this implementation deviates from it.
    settings: all options of `compare`, defaults included; epochs as fractions of the last one, budget_s in
    simulated seconds of the benchmark named there, budget_trainings the same in mean full trainings.
    """

    name: str
    about: str
    expect: str
    differences: tuple[str, ...]
    settings: Mapping[str, Any]

    @classmethod
    def read(cls, name: str) -> ExperimentPreset:
        """The preset of this name; within Hydra's `initialize_config_module(CONFIGS)`. Raises
        UnknownIdError."""
        from hydra import compose
        from omegaconf import OmegaConf

        if name not in experiment_names():
            raise UnknownIdError(
                f"experiment: no preset is called {name!r}. {did_you_mean(name, experiment_names())} "
                "`nascurve list experiments` says what they are."
            )
        settings: Any = OmegaConf.to_container(compose("compare", [f"experiment={name}"]), resolve=True)
        study = settings.pop("study")
        return cls(
            name=name,
            about=study["about"],
            expect=study["expect"],
            differences=tuple(study["differences"]),
            settings=settings,
        )

    def settle(
        self, config: Mapping[str, Any], own: Mapping[str, Any], explicit: Collection[str]
    ) -> tuple[dict[str, Any], list[str]]:
        """What to run when options were given beside the preset, and lines that say what this is.

        config: preset and given options together.  own: the given options without the preset.
        explicit: which options were given.  Given ones win. On another benchmark the preset's options of the
        benchmark are left out, and its budget is counted in trainings.  Raises ConfigError, DataFileError.
        """
        settled = {name: value for name, value in config.items() if name != "study"}
        benchmark = config["benchmark"]
        official = benchmark == self.settings["benchmark"]
        if not official:
            settled["benchmark_options"] = own["benchmark_options"]
        if "methods" not in explicit:
            settled["methods"] = [_with_options(method, own) for method in config["methods"]]
        if "out" not in explicit:
            several = official or not isinstance(benchmark, str)
            settled["out"] = f"results/{self.name}" if several else f"results/{self.name}-{benchmark}"
        budget = "as given"
        if "budget_s" not in explicit:
            settled["budget_s"] = None
            if "budget_trainings" not in explicit:
                settled["budget_s"], budget = self._budget(settled, official=official)
        return settled, self._describe(benchmark, official=official, budget=budget)

    def _budget(self, config: Mapping[str, Any], *, official: bool) -> tuple[float | None, str]:
        """Seconds, None for the number of trainings; and why."""
        budget_s, trainings = float(self.settings["budget_s"]), float(self.settings["budget_trainings"])
        name = self.settings["benchmark"]
        why = f"the published {budget_s:,.0f} s belong to {name}"
        if official:
            from nascurve.experiments.source import BenchmarkSource, mean_training_s

            try:
                benchmark = BenchmarkSource.read(name, config["benchmark_options"]).load()
            except DataFileError as error:
                raise DataFileError(
                    f"{error} (experiment={self.name} reads it from benchmark_options.data_dir=…; with "
                    "benchmark=pocket201-digits it runs on curves that nascurve brings along.)"
                ) from error
            training_s = mean_training_s(benchmark)
            if 1 / _MOST <= budget_s / (trainings * training_s) <= _MOST:
                return budget_s, f"the published {budget_s:,.0f} simulated s"
            why = f"a training costs {training_s:,g} s here, so the published {budget_s:,.0f} s do not fit"
        return None, f"{trainings:g} mean full trainings, as published ({why})"

    def _describe(self, benchmark: Any, *, official: bool, budget: str) -> list[str]:
        lines = [f"experiment {self.name}: {self.about}", f"expect: {self.expect}"]
        if not official:
            entries = benchmark if isinstance(benchmark, list) else [benchmark]
            named = ", ".join(str(e.get("id") if isinstance(e, Mapping) else e) for e in entries)
            lines.append(
                f"here: on {named}, not {self.settings['benchmark']}, so what was published need not hold"
            )
        lines += [f"budget: {budget}", *(f"differs: {text}" for text in self.differences)]
        first, *more = lines
        return [first, *(f"  {line}" for line in more)]


def _with_options(method: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """A preset's method with the options given for its optimizer's id and for LCE."""
    optimizer, lce = dict(method["optimizer"]), method.get("lce")
    by_id = mapping("optimizer_options", own["optimizer_options"])
    optimizer |= mapping(f"optimizer_options.{optimizer['id']}", by_id.get(optimizer["id"]))
    if lce is None:
        return {"optimizer": optimizer}
    return {"optimizer": optimizer, "lce": {**lce, **mapping("lce_options", own["lce_options"])}}
