"""What the callbacks write of a sweep: names and settings of its methods, final values, mean curves."""

from __future__ import annotations

import importlib
import math
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from nascurve.errors import ConfigError
from nascurve.experiments.curves import MethodKey, choose_metric, curves_by_method
from nascurve.simulator.types import FloatArray

if TYPE_CHECKING:
    import pandas as pd

Setting = str | int | float | bool
_MOST_POINTS = 200


def method_settings(config: Mapping[str, Any]) -> dict[MethodKey, dict[str, Setting]]:
    """Settings of each method of a config.yaml, those of benchmark and runs among them, by dotted names."""
    experiment = config["experiment"]
    shared = {"benchmark": experiment["benchmark"], "run": experiment["run"]}
    return {
        (str(method["optimizer"]["label"]), str(method["lce"]["label"])): dict(_flat({**method, **shared}))
        for method in experiment["methods"]
    }


def _flat(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Setting]]:
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        elif value is not None:
            yield f"{prefix}{name}", value if isinstance(value, str | int | float | bool) else str(value)


def final_values(run: Mapping[str, Any]) -> dict[str, float]:
    """What a run ends with: regret (where the best is known), test_error, val_acc; and what it took.

    A failed run has `failed` alone; one without an incumbent only what it took.
    """
    if run["status"] != "done":
        return {"failed": 1.0}
    columns = {name: float(values[-1]) for name, values in run["trajectory"].items() if len(values)}
    values = {"regret": columns.get("regret", math.nan), "val_acc": columns.get("val_acc", math.nan)}
    values["test_error"] = 1 - columns.get("test_acc", math.nan)
    values["evaluations"], values["wall_s"] = float(run["total_evaluations"]), float(run["wall_s"])
    return {name: value for name, value in values.items() if math.isfinite(value)}


def final_by_method(runs: pd.DataFrame) -> tuple[str, dict[MethodKey, FloatArray]]:
    """`regret` (`test_error` where the best is not known), and what the seeds of each method end with."""
    metric = choose_metric(runs)
    return metric, {key: curves.final for key, curves in curves_by_method(runs, metric).items()}


def mean_curves(
    runs: pd.DataFrame, budget_s: float
) -> tuple[str, dict[MethodKey, tuple[FloatArray, FloatArray]]]:
    """`regret` (`test_error` where the best is not known), and of each method simulated seconds (t,) and the
    mean over seeds (t,): from when all have an incumbent to the end of the budget, 200 points that lie evenly
    on a logarithmic axis, or all changes where they are fewer."""
    metric = choose_metric(runs)
    return metric, {
        key: _thin(curves.times_s, curves.centre("mean"), budget_s)
        for key, curves in curves_by_method(runs, metric).items()
        if len(curves.times_s)
    }


def _thin(times_s: FloatArray, means: FloatArray, budget_s: float) -> tuple[FloatArray, FloatArray]:
    moments_s = times_s
    if len(times_s) > _MOST_POINTS and times_s[0] > 0:
        moments_s = np.geomspace(times_s[0], times_s[-1], _MOST_POINTS)
        moments_s[0], moments_s[-1] = times_s[0], times_s[-1]
    if budget_s > moments_s[-1]:
        moments_s = np.append(moments_s, budget_s)
    return moments_s, means[np.searchsorted(times_s, moments_s, side="right") - 1]


def summary_values(summary: pd.DataFrame) -> dict[MethodKey, dict[str, float]]:
    """The numbers of each row of summary.csv, without those that are missing."""
    numbers = summary.select_dtypes("number").astype(float).to_dict("records")
    keys = zip(summary["optimizer"], summary["lce"], strict=True)
    return {
        (str(optimizer), str(lce)): {str(name): value for name, value in row.items() if math.isfinite(value)}
        for (optimizer, lce), row in zip(keys, numbers, strict=True)
    }


def require_package(module: str, callback: str) -> ModuleType:
    """The imported module. Raises ConfigError with the extra that brings it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ConfigError(
            f"callbacks: {callback} needs a package that is not installed ({error}). "
            f"Install the extra: pip install 'nascurve[{callback}]'."
        ) from error
