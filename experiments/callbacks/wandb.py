"""Sweeps in Weights & Biases."""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nascurve.experiments.callbacks.memory import Memory
from nascurve.experiments.callbacks.method_log import (
    final_values,
    mean_curves,
    method_settings,
    require_package,
    summary_values,
)
from nascurve.experiments.curves import MethodKey
from nascurve.experiments.methods import method_name
from nascurve.experiments.source import benchmark_title
from nascurve.options import choice

if TYPE_CHECKING:
    import pandas as pd
    import wandb

_MODES = ("online", "offline", "disabled")


class WandB:
    """One run of Weights & Biases a method, all of a sweep in one group.

    As runs end: `final/regret`, `final/test_error`, … over `seed`. At the end: the mean curve
    `anytime/regret` (or `anytime/test_error`) over `simulated_s`, the numbers of summary.csv as the run's
    summary, and the figures. A sweep that goes on continues the same runs, whose ids stand in `wandb.json`
    in the folder of results; offline, each session has a folder of its own, which `wandb sync` puts together.

    project, entity: where the runs go.
    mode: online, offline (files in `wandb` in the folder of results, for `wandb sync`) or disabled. None:
        WANDB_MODE where it is set; else online where you are logged in, and offline where not.

    Raises ConfigError without the package.
    """

    def __init__(
        self, *, project: str = "nascurve", entity: str | None = None, mode: str | None = None
    ) -> None:
        require_package("wandb", "wandb")
        self._project, self._entity = project, entity
        self._mode = None if mode is None else choice("callbacks.wandb.mode", mode, _MODES)
        self._runs: dict[MethodKey, wandb.Run] = {}

    def begin(self, config: Mapping[str, Any], folder: Path | None, total: int, done: int) -> None:
        self._config, self._folder = config, folder
        self._settings = method_settings(config)
        self._memory = Memory(folder, "wandb.json", place=[self._entity, self._project], done=done)
        if "group" not in self._memory.values:
            title = benchmark_title(config["experiment"]["benchmark"])
            self._memory.keep(group=f"{title} {uuid.uuid4().hex[:6]}")

    def run_finished(self, run: Mapping[str, Any]) -> None:
        values = {f"final/{name}": value for name, value in final_values(run).items()}
        self._run((run["optimizer"], run["lce"])).log({"seed": run["seed"], **values})

    def end(self, runs: pd.DataFrame, summary: pd.DataFrame, figures: Sequence[Path]) -> None:
        if not self._memory.is_news(runs):
            return
        metric, curves = mean_curves(runs, float(self._config["experiment"]["run"]["budget_s"]))
        numbers = summary_values(summary)
        for place, key in enumerate(self._settings):
            run = self._run(key)
            for time_s, mean in zip(*curves.get(key, ((), ())), strict=True):
                run.log({"simulated_s": float(time_s), f"anytime/{metric}": float(mean)})
            run.summary.update({f"summary/{name}": value for name, value in numbers.get(key, {}).items()})
            if place == 0:  # once a sweep is enough
                self._log_figures(run, figures)
        self._memory.keep_results(runs)

    def close(self) -> None:
        while self._runs:
            self._runs.popitem()[1].finish()

    def _run(self, key: MethodKey) -> wandb.Run:
        import wandb

        if key not in self._runs:
            group = str(self._memory.values["group"])
            run = wandb.init(
                project=self._project,
                entity=self._entity,
                mode=self._chosen_mode(),
                dir=self._folder,
                id=uuid.uuid5(uuid.NAMESPACE_OID, repr((group, key))).hex[:16],
                resume="allow",
                name=method_name(key),
                group=group,
                config=dict(self._settings[key]),
                reinit="create_new",
                settings=wandb.Settings(silent=True, console="off", disable_git=True, save_code=False),
            )
            run.define_metric("final/*", step_metric="seed")
            run.define_metric("anytime/*", step_metric="simulated_s")
            self._runs[key] = run
        return self._runs[key]

    def _chosen_mode(self) -> Any:
        import wandb

        if self._mode is None and not os.environ.get("WANDB_MODE"):
            self._mode = "online" if wandb.login(prompt=False, verify=False) else "offline"
        return self._mode

    def _log_figures(self, run: wandb.Run, figures: Sequence[Path]) -> None:
        import wandb

        run.log({f"figures/{figure.stem}": wandb.Image(str(figure)) for figure in figures})
