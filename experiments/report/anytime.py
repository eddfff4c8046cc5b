"""The data of a task's interactive anytime chart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nascurve.experiments.curves import AnytimeCurves, Statistic, choose_metric, curves_by_method
from nascurve.experiments.report.looks import svg_looks
from nascurve.experiments.report.thinning import MAX_POINTS, thin
from nascurve.simulator.types import FloatArray

if TYPE_CHECKING:
    from nascurve.experiments.results import Results

_STATISTICS: tuple[Statistic, ...] = ("mean", "median")
_DIGITS = 5
_Y_LABELS = {
    "regret": "{statistic} true test regret (percentage points)",
    "test_error": "{statistic} true test error (%)",
}


def anytime_payload(results: Results) -> dict[str, Any]:
    """Plain values for the page: axes, methods with their looks, and for each statistic one curve a method.

    Values are percentage points, times simulated seconds; both have five significant digits. A method whose
    seeds never all have an incumbent has null in place of a curve. `tolerance`: see `thin`.
    """
    metric = choose_metric(results.runs)
    curves = curves_by_method(results.runs, metric)
    worst = 0.0
    by_statistic: dict[str, list[Any]] = {}
    for statistic in _STATISTICS:
        drawn: list[Any] = []
        for key in results.methods:
            curve = curves.get(key)
            if curve is None or not len(curve.times_s):
                drawn.append(None)
                continue
            points, tolerance = _thinned(curve, statistic)
            worst = max(worst, tolerance)
            drawn.append({name: rounded(values) for name, values in points.items()})
        by_statistic[statistic] = drawn
    reference, run = results.config["reference"], results.config["experiment"]["run"]
    return {
        "budget_s": float(run["budget_s"]),
        "training_s": reference.get("mean_training_s"),
        "y_label": _Y_LABELS[metric],
        "methods": [{"name": name, **look} for name, look in svg_looks(results.methods).items()],
        "n_seeds": [len(curves[key].seeds) if key in curves else 0 for key in results.methods],
        "curves": by_statistic,
        "tolerance": worst,
    }


def _thinned(curve: AnytimeCurves, statistic: Statistic) -> tuple[dict[str, FloatArray], float]:
    """Bands are computed at what is left of the centre, then thinned with it: a bootstrap of medians over
    all moments of 100 seeds would take long."""
    centre = curve.centre(statistic)
    first = thin(100 * centre[np.newaxis], max_points=4 * MAX_POINTS)
    fewer = AnytimeCurves(
        seeds=curve.seeds, changes_s=curve.times_s[first.kept], steps=curve.values[:, first.kept]
    )
    low, high = fewer.band(statistic)
    columns = 100 * np.stack([centre[first.kept], low, high])
    second = thin(columns)
    t, (c, lo, hi) = fewer.times_s[second.kept], columns[:, second.kept]
    return {"t": t, "c": c, "lo": lo, "hi": hi}, first.tolerance + second.tolerance


def rounded(values: FloatArray) -> list[float | None]:
    """Five significant digits; null for what is not finite."""
    return [float(f"{value:.{_DIGITS}g}") if np.isfinite(value) else None for value in values.tolist()]
