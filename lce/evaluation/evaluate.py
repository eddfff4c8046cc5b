"""Extrapolators on one split: what they predict, how good it is, and what it costs."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nascurve.lce._prediction import checked_prediction
from nascurve.lce.evaluation.curve_set import CurveSet
from nascurve.lce.evaluation.scores import Scores
from nascurve.lce.evaluation.settings import EvaluationSettings
from nascurve.lce.evaluation.split import Split
from nascurve.simulator.types import Extrapolator, FloatArray, Prediction

Build = Callable[[], Extrapolator]
"""Gives a fresh extrapolator."""
_N_WARM_UP = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class CellResult:
    """An extrapolator after `prefix` epochs with `fit_curves` fitted curves, on one split.

    n_test: predicted runs. cpu_s: processor seconds of fitting and predicting, of all threads together.
    """

    prefix: int
    fit_curves: int
    n_test: int
    cpu_s: float
    scores: Scores


def fit_extrapolator(
    build: Build, curves: CurveSet, runs: NDArray[np.intp]
) -> tuple[Extrapolator, Callable[[NDArray[np.intp]], FloatArray | None]]:
    """A fresh extrapolator fitted on runs, and the encodings (len(runs), d) that it is to be told of other
    runs; None where it takes none, or they are not known."""
    extrapolator: Any = build()
    kind = getattr(extrapolator, "encoding", None)
    known = curves.encoded(kind, runs)
    extrapolator.fit(curves.curves[runs], *(() if known is None else (known,)))
    return extrapolator, lambda others: curves.encoded(kind, others)


def evaluate_split(
    build: Build, curves: CurveSet, split: Split, settings: EvaluationSettings
) -> list[CellResult]:
    """Every prefix with every number of fitted curves, each with a fresh extrapolator. Raises what the
    extrapolator raises, and ProtocolError when it misbehaves."""
    truth = curves.curves[split.test, -1]
    results = []
    for n_fit in settings.fit_curves:
        for prefix in settings.prefixes:
            prefixes = np.ascontiguousarray(curves.curves[split.test, :prefix])
            start_s = time.process_time()
            extrapolator, encodings = fit_extrapolator(build, curves, split.fit[:n_fit])
            prediction = _predict(extrapolator, prefixes, settings.at_epoch, encodings(split.test))
            cpu_s = time.process_time() - start_s
            results.append(
                CellResult(
                    prefix=prefix,
                    fit_curves=n_fit,
                    n_test=len(truth),
                    cpu_s=cpu_s,
                    scores=Scores.of(checked_prediction(prediction, len(truth), extrapolator), truth),
                )
            )
    return results


def warm_up(build: Build, settings: EvaluationSettings) -> None:
    """Let an extrapolator import and compile what it needs before it is timed, on made-up curves that no
    evaluation has."""
    rng = np.random.default_rng(0)
    level, rate = rng.uniform(0.5, 0.9, (_N_WARM_UP, 1)), rng.uniform(0.5, 1.5, (_N_WARM_UP, 1))
    clean = level - 0.4 * np.arange(1.0, settings.at_epoch + 1) ** -rate
    made_up = np.clip(clean + rng.normal(0, 0.003, clean.shape), 0, 1)
    n_fit = min(settings.fit_curves[-1], _N_WARM_UP - 1)
    extrapolator = build()
    extrapolator.fit(made_up[:n_fit])
    extrapolator.predict(made_up[n_fit : n_fit + 1, : settings.prefixes[0]], settings.at_epoch)


def _predict(
    extrapolator: Any, prefixes: FloatArray, at_epoch: int, encodings: FloatArray | None
) -> Prediction:
    prediction: Prediction = (
        extrapolator.predict(prefixes, at_epoch)
        if encodings is None
        else extrapolator.predict(prefixes, at_epoch, encodings)
    )
    return prediction
