"""Sweeps in MLflow."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nascurve.experiments.callbacks.memory import Memory
from nascurve.experiments.callbacks.method_log import (
    Setting,
    final_values,
    mean_curves,
    method_settings,
    require_package,
    summary_values,
)
from nascurve.experiments.curves import MethodKey
from nascurve.experiments.methods import method_name
from nascurve.experiments.source import benchmark_title

if TYPE_CHECKING:
    import pandas as pd
    from mlflow.entities import Metric
    from mlflow.tracking import MlflowClient

_SEND_EVERY_S = 2.0
_MOST_METRICS, _MOST_PARAMS = 1000, 100
"""What MLflow takes at once."""
_PARENT = "sweep"


class MLflow:
    """One MLflow run for the sweep, and within it one for each method.

    As runs end: metrics `final/regret`, `final/test_error`, … with the seed as step, sent every two seconds.
    At the end: the mean curve `anytime/regret` (or `anytime/test_error`), with simulated milliseconds as
    step; the numbers of summary.csv; and with the sweep the figures, summary.csv and config.yaml. A sweep
    that goes on writes to the same MLflow runs, whose ids stand in `mlflow.json` in the folder of results.

    tracking_uri: of the server or data base; None leaves it to MLflow (MLFLOW_TRACKING_URI).
    experiment: MLflow's name for what holds the sweeps.

    Raises ConfigError without the package.
    """

    def __init__(self, *, tracking_uri: str | None = None, experiment: str = "nascurve") -> None:
        require_package("mlflow", "mlflow")
        self._tracking_uri, self._experiment = tracking_uri, experiment
        self._waiting: list[tuple[MethodKey, Metric]] = []
        self._sent_s = 0.0
        self._ids: dict[str, str] = {}
        self._complete = False

    def begin(self, config: Mapping[str, Any], folder: Path | None, total: int, done: int) -> None:
        from mlflow.tracking import MlflowClient

        self._config = config
        self._client: MlflowClient = MlflowClient(tracking_uri=self._tracking_uri)
        place = [str(self._client.tracking_uri), self._experiment]
        self._memory = Memory(folder, "mlflow.json", place=place, done=done)
        self._complete = done == total
        self._ids = self._resumed(self._memory.values.get("ids", {}))
        if not self._ids:
            self._ids = self._created()
            self._memory.keep(ids=self._ids, results=None)

    def run_finished(self, run: Mapping[str, Any]) -> None:
        key = (run["optimizer"], run["lce"])
        self._waiting += [
            (key, _metric(f"final/{name}", value, run["seed"])) for name, value in final_values(run).items()
        ]
        if time.monotonic() - self._sent_s > _SEND_EVERY_S:
            self._send()

    def end(self, runs: pd.DataFrame, summary: pd.DataFrame, figures: Sequence[Path]) -> None:
        if self._memory.is_news(runs):
            metric, curves = mean_curves(runs, float(self._config["experiment"]["run"]["budget_s"]))
            for key, curve in curves.items():
                points = zip(*curve, strict=True)
                self._waiting += [
                    (key, _metric(f"anytime/{metric}", mean, round(1000 * time_s))) for time_s, mean in points
                ]
            for key, numbers in summary_values(summary).items():
                self._waiting += [(key, _metric(f"summary/{name}", value)) for name, value in numbers.items()]
            self._send()
            self._client.log_dict(self._ids[_PARENT], dict(self._config), "config.yaml")
            self._client.log_text(self._ids[_PARENT], summary.to_csv(index=False), "summary.csv")
            for figure in figures:
                self._client.log_artifact(self._ids[_PARENT], str(figure))
            self._memory.keep_results(runs)
        self._complete = True

    def close(self) -> None:
        if self._ids:
            self._send()
            for run_id in reversed(self._ids.values()):
                self._client.set_terminated(run_id, "FINISHED" if self._complete else "KILLED")

    def _created(self) -> dict[str, str]:
        found = self._client.get_experiment_by_name(self._experiment)
        place = self._client.create_experiment(self._experiment) if found is None else found.experiment_id
        title = benchmark_title(self._config["experiment"]["benchmark"])
        parent = self._client.create_run(place, run_name=title).info.run_id
        ids = {_PARENT: parent}
        for key, settings in method_settings(self._config).items():
            name = method_name(key)
            run = self._client.create_run(place, run_name=name, tags={"mlflow.parentRunId": parent})
            ids[_id_name(key)] = run.info.run_id
            self._log_params(run.info.run_id, settings)
        return ids

    def _resumed(self, ids: Mapping[str, str]) -> dict[str, str]:
        """The runs of an earlier session; none when one of them was deleted."""
        from mlflow.exceptions import MlflowException

        wanted = {_PARENT, *map(_id_name, method_settings(self._config))}
        try:
            runs = [self._client.get_run(run_id) for run_id in ids.values()]
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return {}
        if set(ids) != wanted or any(run.info.lifecycle_stage != "active" for run in runs):
            return {}
        for run_id in ids.values():
            self._client.update_run(run_id, status="RUNNING")
        return dict(ids)

    def _log_params(self, run_id: str, settings: Mapping[str, Setting]) -> None:
        from mlflow.entities import Param

        params = [Param(name, str(value)) for name, value in settings.items()]
        for some in _pieces(params, _MOST_PARAMS):
            self._client.log_batch(run_id, params=some)

    def _send(self) -> None:
        waiting, self._waiting = self._waiting, []
        by_method: dict[MethodKey, list[Metric]] = {}
        for key, metric in waiting:
            by_method.setdefault(key, []).append(metric)
        for key, metrics in by_method.items():
            for some in _pieces(metrics, _MOST_METRICS):
                self._client.log_batch(self._ids[_id_name(key)], metrics=some)
        self._sent_s = time.monotonic()


def _id_name(key: MethodKey) -> str:
    """In mlflow.json: both labels, so that no two methods have the same."""
    return f"{key[0]}, {key[1]}"


def _metric(name: str, value: float, step: int = 0) -> Metric:
    from mlflow.entities import Metric

    return Metric(name, float(value), int(time.time() * 1000), step)


def _pieces(items: list[Any], most: int) -> Iterable[list[Any]]:
    return (items[start : start + most] for start in range(0, len(items), most))
