"""Row `bananas`: a search of 300 evaluations, against the same networks trained one by one."""

from __future__ import annotations

import time
from typing import Any
from unittest import mock

import numpy as np
import torch

import nascurve
from benchmarks_perf.line import Line, number
from benchmarks_perf.one_by_one import OneByOne
from benchmarks_perf.settings import Settings, say
from nascurve.optimizers.ensemble import Ensemble
from nascurve.simulator.types import FloatArray

EVALUATIONS = 300
NASZILLA: dict[str, Any] = {
    "max_features": 30,
    "max_steps": None,
    "schedule": "constant",
    "target": "percent_error",
    "refit_every": 10,
}
"""Its settings as options of `bananas`; refitted every 10 results, as its published code does."""
_KINDS = {"batched": Ensemble, "one by one": OneByOne}
_SETTINGS: dict[str, dict[str, Any]] = {"our settings": {}, "naszilla's settings": NASZILLA}
_Contender = tuple[str, str]
_TARGET = 30.0
_STRATA = 3


def measure(settings: Settings) -> list[Line]:
    """One search is run and timed, and its fits are recorded; then each fit is repeated by every contender in
    turn, on the same data. A contender's whole search = the search without its fits + the contender's fits
    and predictions.

    The fits are timed in three passes, each over every third one of them, so that the three ratios, whose
    spread is reported, are each of small and large fits alike; the ratio itself is of the sums over all.
    """
    torch.set_num_threads(1)
    evaluations = 40 if settings.quick else EVALUATIONS
    fits, rest_s = _search(settings.benchmark, evaluations)
    contenders = {
        (kind, name): _ensemble(kind, options) for name, options in _SETTINGS.items() for kind in _KINDS
    }
    for contender in contenders.values():
        fits[0].repeat_s(*contender)  # the first one imports
    seconds: dict[_Contender, list[float]] = {name: [] for name in contenders}
    for stratum in range(_STRATA):
        for name in contenders:
            seconds[name].append(rest_s / _STRATA)
        for fit in fits[stratum::_STRATA]:
            for name, contender in contenders.items():
                seconds[name][-1] += fit.repeat_s(*contender)
        say(f"bananas: fits {stratum + 1}/{_STRATA}")
    return [
        _line(evaluations, len(fits), seconds, ("batched", mine), ("one by one", other))
        for mine, other in (
            ("our settings", "naszilla's settings"),
            ("our settings", "our settings"),
            ("naszilla's settings", "naszilla's settings"),
        )
    ]


def _line(
    evaluations: int,
    n_fits: int,
    seconds: dict[_Contender, list[float]],
    mine: _Contender,
    other: _Contender,
) -> Line:
    ratios = [b / a for a, b in zip(seconds[mine], seconds[other], strict=True)]
    ratio = sum(seconds[other]) / sum(seconds[mine])
    return Line(
        row="bananas",
        what=f"bananas, {evaluations} evaluations, {n_fits} fits of 5 networks, CPU time of the whole "
        f"search: {mine[1]} batched, against {other[1]} one by one in plain torch",
        ours=f"{number(sum(seconds[mine]))} s",
        peer=f"{number(sum(seconds[other]))} s",
        ratio=f"{number(ratio)}× ({number(min(ratios))}–{number(max(ratios))})",
        target=f"≥ {_TARGET:.0f}×",
        met=ratio >= _TARGET,
    )


class _Fit:
    """What an ensemble was fitted on, and what it had to predict then."""

    def __init__(self, features: FloatArray, targets: FloatArray) -> None:
        self.features, self.targets = features.copy(), targets.copy()
        self.candidates: list[FloatArray] = []

    def repeat_s(self, ensemble: Any, max_features: int | None) -> float:
        features = self.features[:, :max_features]
        candidates = [candidates[:, :max_features] for candidates in self.candidates]
        start_s = time.process_time()
        ensemble.fit(features, self.targets, np.random.default_rng(0))
        for batch in candidates:
            ensemble.predict(batch)
        return time.process_time() - start_s


def _search(benchmark_id: str, evaluations: int) -> tuple[list[_Fit], float]:
    """The fits of a search with default settings, and its CPU seconds without them."""
    fits: list[_Fit] = []
    in_ensemble_s = 0.0

    class Recorder(Ensemble):
        def fit(self, features: FloatArray, targets: FloatArray, rng: np.random.Generator) -> None:
            nonlocal in_ensemble_s
            fits.append(_Fit(features, targets))
            start_s = time.process_time()
            super().fit(features, targets, rng)
            in_ensemble_s += time.process_time() - start_s

        def predict(self, features: FloatArray) -> FloatArray:
            nonlocal in_ensemble_s
            fits[-1].candidates.append(features)
            start_s = time.process_time()
            predictions = super().predict(features)
            in_ensemble_s += time.process_time() - start_s
            return predictions

    benchmark = nascurve.load_benchmark(benchmark_id)
    benchmark.best()
    with mock.patch("nascurve.optimizers.bananas.Ensemble", Recorder):
        optimizer = nascurve.create_optimizer("bananas", benchmark.space, seed=0)
    start_s = time.process_time()
    nascurve.simulate(optimizer, benchmark, max_evaluations=evaluations, seed=0)
    total_s = time.process_time() - start_s
    say(f"bananas: {evaluations} evaluations took {total_s:.2f} CPU s, {in_ensemble_s:.2f} of them in fits")
    return fits, total_s - in_ensemble_s


def _ensemble(kind: str, options: dict[str, Any]) -> tuple[Any, int | None]:
    """The ensemble that `bananas` builds with these options, of a kind; and how many features it gets."""
    with mock.patch("nascurve.optimizers.bananas.Ensemble") as build:
        nascurve.create_optimizer("bananas", nascurve.create_search_space("cell201"), seed=0, **options)
    return _KINDS[kind](**build.call_args.kwargs), options.get("max_features")
