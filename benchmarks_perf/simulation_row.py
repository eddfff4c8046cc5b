"""Row `simulation`: CPU time per simulated evaluation of rs, re and ls, against Syne Tune's simulator."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import nascurve
from benchmarks_perf.bare_loops import LOOPS
from benchmarks_perf.line import Line, number, spread
from benchmarks_perf.service import Service
from benchmarks_perf.settings import Settings, say
from nascurve.simulator.types import Benchmark

_TRIALS = 200
_TARGET_RATIO = 300.0
_TARGET_PER_S = 25_000.0
_NASZILLA_PER_S = {"rs": 24_000, "re": 16_000, "ls": 24_000}
"""Its published code, measured on another occasion and machine."""
_PEER_METHOD = {
    "rs": ("rs", "random search"),
    "re": ("re", "REA"),
    "ls": ("rs", "random search (it has no ls)"),
}
_LONG_S = 4_000.0
"""Simulated seconds of a mean training on NAS-Bench-201 (CIFAR-10, 200 epochs), by the budgets of the
NAS-Bench-x11 experiments."""

_Variant = tuple[str, float | None]
"""Which epochs' results the peer is told ("one", the last, or "all"), and the simulated seconds of a mean
training (None: as the table has them). Ours always get the whole curve, and do not depend on the seconds."""
_VARIANTS: tuple[_Variant, ...] = (("one", None), ("all", None), ("one", _LONG_S), ("all", _LONG_S))


def measure(settings: Settings) -> list[Line]:
    trials = 50 if settings.quick else _TRIALS
    seeds = range(5 if settings.quick else 50)
    benchmark = nascurve.load_benchmark(settings.benchmark)
    benchmark.best()
    first_us = _ours_us("rs", benchmark, trials, seeds[:5])
    for method in LOOPS:
        for _ in range(3):
            _ours_us(method, benchmark, trials, seeds)  # until most curves have been asked for before
    floor = _Floor(benchmark)
    lines = []
    with _peer(settings, benchmark) as peer:
        for method in LOOPS:
            lines += _method_lines(settings, method, benchmark, peer, floor, trials, seeds)
    lines.append(
        Line(
            row="simulation",
            what=f"rs, the first {5 * trials:,} evaluations of a process: most curves are new to it",
            ours=f"{number(first_us)} µs = {1e6 / first_us:,.0f} evaluations/s",
        )
    )
    return lines


def _method_lines(
    settings: Settings,
    method: str,
    benchmark: Benchmark,
    peer: Service | None,
    floor: _Floor,
    trials: int,
    seeds: range,
) -> list[Line]:
    ours_us: list[float] = []
    floor_us: list[float] = []
    to_floor: list[float] = []
    peer_us: dict[_Variant, list[float]] = {variant: [] for variant in _VARIANTS}
    ratios: dict[_Variant, list[float]] = {variant: [] for variant in _VARIANTS}
    for repeat in range(settings.repeats):
        floor_us.append(floor.measure_us(method, trials, seeds))
        ours_us.append(_ours_us(method, benchmark, trials, seeds))
        to_floor.append(ours_us[-1] / floor_us[-1])
        if peer is not None:
            for variant in _VARIANTS:
                peer_us[variant].append(_peer_us(peer, method, variant, trials, repeat))
                ours_us.append(_ours_us(method, benchmark, trials, seeds))
                ratios[variant].append(peer_us[variant][-1] / ours_us[-1])
        say(f"simulation: {method}, repeat {repeat + 1}/{settings.repeats}")
    per_s = [1e6 / us for us in ours_us]
    lines = [
        Line(
            row="simulation",
            what=f"{method}: evaluations/s, in runs of {trials} with {benchmark.info.max_epochs} epochs each",
            ours=spread(per_s),
            peer=f"bare loops (our floor): {spread([1e6 / us for us in floor_us])}",
            ratio=f"{spread(to_floor)} × the floor's time",
            target=f"≥ {_TARGET_PER_S:,.0f}/s (naszilla, measured elsewhere: {_NASZILLA_PER_S[method]:,}/s)",
            met=float(np.median(per_s)) >= _TARGET_PER_S,
        )
    ]
    if peer is None:
        what = f"{method} against Syne Tune 0.16: not measured, `make perf` installs it"
        return [*lines, Line(row="simulation", what=what, ours="–")]
    mean_s = floor.mean_training_s
    for variant in _VARIANTS:
        results, training_s = variant
        told = "1 result" if results == "one" else f"all {benchmark.info.max_epochs} results"
        seconds = mean_s if training_s is None else training_s
        lines.append(
            Line(
                row="simulation",
                what=f"{method} against Syne Tune 0.16's {_PEER_METHOD[method][1]}: CPU time an evaluation, "
                f"{told} a trial, a training of {number(seconds)} simulated s",
                ours=spread(ours_us, unit=" µs"),
                peer=spread(peer_us[variant], scale=1e-3, unit=" ms"),
                ratio=spread(ratios[variant], unit="×"),
                target=f"≥ {_TARGET_RATIO:.0f}×",
                met=float(np.median(ratios[variant])) >= _TARGET_RATIO,
            )
        )
    return lines


def _peer_us(peer: Service, method: str, variant: _Variant, trials: int, seed: int) -> float:
    results, training_s = variant
    answer = peer.call(
        "run",
        method=_PEER_METHOD[method][0],
        results=results,
        trials=trials,
        seed=seed,
        training_s=training_s,
    )
    return 1e6 * float(answer["cpu_s"]) / int(answer["trials"])


def _ours_us(method: str, benchmark: Benchmark, trials: int, seeds: range) -> float:
    """CPU microseconds per evaluation of whole runs, one a seed; building optimizer and run is included."""
    evaluations = 0
    start_s = time.process_time()
    for seed in seeds:
        optimizer = nascurve.create_optimizer(method, benchmark.space, seed=seed)
        evaluations += nascurve.simulate(
            optimizer, benchmark, max_evaluations=trials, seed=seed
        ).n_evaluations
    return 1e6 * (time.process_time() - start_s) / evaluations


class _Floor:
    """The bare loops on the same final accuracies."""

    def __init__(self, benchmark: Benchmark) -> None:
        space: Any = benchmark.space
        archs = space.all()
        place = {arch: i for i, arch in enumerate(archs)}
        self._neighbors = [[place[near] for near in space.neighbors(arch)] for arch in archs]
        curves = benchmark.query_many(archs, [0] * len(archs))
        self._val_acc = [float(curve.val_acc[-1]) for curve in curves]
        self.mean_training_s = float(np.mean([curve.epoch_s.sum() for curve in curves]))

    def measure_us(self, method: str, trials: int, seeds: range) -> float:
        start_s = time.process_time()
        for seed in seeds:
            LOOPS[method](self._val_acc, self._neighbors, trials, np.random.default_rng(seed))
        return 1e6 * (time.process_time() - start_s) / (trials * len(seeds))


@contextlib.contextmanager
def _peer(settings: Settings, benchmark: Benchmark) -> Iterator[Service | None]:
    """The peer with the same curves; None where its environment is not set up."""
    if not settings.peer.exists():
        say(f"simulation: without the peer, {settings.peer} is not there; `make perf` sets it up.")
        yield None
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.npz"
        _export(benchmark, path)
        log = settings.out / "simulation-peer.log"
        with Service(settings.peer, "benchmarks_perf.simulation_peer", log, SYNETUNE_FOLDER=folder) as peer:
            say(f"simulation: peer: {peer.call('load', path=str(path))}")
            peer.call("run", method="re", results="all", trials=30, seed=0, training_s=None)
            yield peer


def _export(benchmark: Benchmark, path: Path) -> None:
    """All curves: ops (n, edges) as positions in op_names; val_acc and elapsed_s (n, seeds, epochs)."""
    space: Any = benchmark.space
    archs = space.all()
    by_seed = [benchmark.query_many(archs, [seed] * len(archs)) for seed in range(benchmark.info.n_seeds)]
    names = sorted({op for arch in archs for op in arch.ops})
    np.savez(
        path,
        op_names=np.array(names),
        ops=np.array([[names.index(op) for op in arch.ops] for arch in archs], dtype=np.uint8),
        val_acc=np.stack([[curve.val_acc for curve in curves] for curves in by_seed], axis=1),
        elapsed_s=np.stack([[np.cumsum(curve.epoch_s) for curve in curves] for curves in by_seed], axis=1),
    )
