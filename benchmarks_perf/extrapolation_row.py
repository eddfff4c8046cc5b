"""Row `extrapolation`: curves a second and core of `wpm` and `auto`, and what `auto` costs a whole search."""

from __future__ import annotations

import time

import numpy as np

import nascurve
from benchmarks_perf.line import Line, number, spread
from benchmarks_perf.settings import Settings, say
from nascurve.simulator.types import Benchmark, FloatArray

_CURVES = 1_000
_FITTED = 100
_E_FEW, _K, _TOP_N = 0.25, 8, 3
_TRAININGS = 200
_TARGETS = {"wpm": 3_000, "auto": 500}
_SEARCH_TARGET_S = 3.0


def measure(settings: Settings) -> list[Line]:
    """Processor time of fresh extrapolators, which ask for one thread; mean, std and quantiles of each curve.

    `auto` is fitted on other curves within the time measured, `wpm` is not fitted.
    """
    benchmark = nascurve.load_benchmark(settings.benchmark)
    n = _CURVES // 10 if settings.quick else _CURVES
    curves = _curves(benchmark, n + _FITTED)
    seen = max(3, round(_E_FEW * curves.shape[1]))
    lines = []
    for name, n_fitted in (("wpm", 0), ("auto", _FITTED)):
        rates = []
        for _ in range(1 + settings.repeats):
            extrapolator = nascurve.create_extrapolator(name)
            start_s = time.process_time()
            extrapolator.fit(curves[:n_fitted])
            extrapolator.predict(curves[_FITTED:, :seen], curves.shape[1])
            rates.append(n / (time.process_time() - start_s))
        del rates[0]  # imports
        say(f"extrapolation: {name}")
        lines.append(
            Line(
                row="extrapolation",
                what=f"{name}: {n} prefixes of {seen} epochs in one batch, {n_fitted} curves fitted",
                ours=spread(rates, unit=" curves/s and core"),
                target=f"≥ {number(_TARGETS[name])}",
                met=float(np.median(rates)) >= _TARGETS[name],
            )
        )
    lines.append(_search(benchmark, settings))
    return lines


def _search(benchmark: Benchmark, settings: Settings) -> Line:
    """RE in LCE with `auto`, a budget of so many trainings."""
    trainings = _TRAININGS // 5 if settings.quick else _TRAININGS
    budget_s = trainings * benchmark.info.max_epochs * _mean_epoch_s(benchmark)
    times = []
    for seed in range(1 + settings.repeats):
        base = nascurve.create_optimizer("re", benchmark.space, seed=seed)
        lce = nascurve.LCE(base, nascurve.create_extrapolator("auto"), e_few=_E_FEW, k=_K, top_n=_TOP_N)
        start_s = time.process_time()
        nascurve.simulate(lce, benchmark, budget_s=budget_s, seed=seed)
        times.append(time.process_time() - start_s)
    del times[0]
    say("extrapolation: search")
    return Line(
        row="extrapolation",
        what=f"a simulated search, LCE(re, auto), budget of {trainings} trainings: CPU of all",
        ours=spread(times, unit=" s"),
        target=f"< {_SEARCH_TARGET_S:.0f} s",
        met=float(np.median(times)) < _SEARCH_TARGET_S,
    )


def _curves(benchmark: Benchmark, n: int) -> FloatArray:
    rng = np.random.default_rng(0)
    archs = [benchmark.space.sample(rng) for _ in range(n)]
    curves = np.array([curve.val_acc for curve in benchmark.query_many(archs, [0] * n)])
    return np.asarray(np.nan_to_num(curves))


def _mean_epoch_s(benchmark: Benchmark) -> float:
    rng = np.random.default_rng(1)
    archs = [benchmark.space.sample(rng) for _ in range(100)]
    return float(np.mean([curve.epoch_s.mean() for curve in benchmark.query_many(archs, [0] * 100)]))
