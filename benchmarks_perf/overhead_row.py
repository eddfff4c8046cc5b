"""Row `overhead`: CPU time of Algorithm 2 (LCE) per candidate, against that of the optimizer inside it."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Sequence

import numpy as np

import nascurve
from benchmarks_perf.line import Line, number, spread
from benchmarks_perf.settings import Settings, say
from nascurve.simulator.types import Benchmark, Evaluation, Optimizer, Problem, State, Trial

_TARGET = 2.0
_CANDIDATES = 376
"""Of one run: what LCE gets through in the budget of 200 trainings, as `nascurve compare` sets it."""
_E_FEW, _K, _TOP_N = 0.25, 8, 3
Build = Callable[[], Optimizer]


def measure(settings: Settings) -> list[Line]:
    """Optimizer time alone, without the simulator's.

    Runs are simulated once to record their evaluations, then played back to fresh optimizers of the same
    seeds: ask for one trial, tell its evaluation. The time of the playback loop itself is measured too, and
    subtracted.
    """
    benchmark = nascurve.load_benchmark(settings.benchmark)
    info = benchmark.info
    problem = Problem(space=benchmark.space, max_epochs=info.max_epochs, fidelities=info.fidelities)
    candidates = 5 * _K if settings.quick else _CANDIDATES
    seeds = range(3 if settings.quick else 20)
    lines = []
    for method in ("rs", "re", "ls"):
        bases, wrapped = [], []
        for seed in seeds:
            base = functools.partial(nascurve.create_optimizer, method, benchmark.space, seed=seed)
            bases.append(_Recording(base, benchmark, candidates))
            n_evaluations = candidates // _K * (_K + _TOP_N)
            wrapped.append(_Recording(functools.partial(_lce, base), benchmark, n_evaluations))
        base_us: list[float] = []
        lce_us: list[float] = []
        for _ in range(1 + max(5, settings.repeats)):
            base_us.append(_per_candidate_us(bases, problem, candidates))
            lce_us.append(_per_candidate_us(wrapped, problem, candidates))
        base_us, lce_us = base_us[1:], lce_us[1:]  # the first fills caches
        own = [lce / base - 1 for lce, base in zip(lce_us, base_us, strict=True)]
        say(f"overhead: {method}")
        lines.append(
            Line(
                row="overhead",
                what=f"LCE({method}, last_value) against {method}: optimizer CPU a candidate, {candidates} "
                "candidates a run",
                ours=spread(lce_us, unit=" µs"),
                peer=f"{method} alone: {spread(base_us, unit=' µs')}",
                ratio=f"LCE's own part {spread(own, unit='×')}; in all {number(np.median(own) + 1)}×",
                target=f"own part < {_TARGET:.0f}×",
                met=float(np.median(own)) < _TARGET,
            )
        )
    return lines


def _lce(base: Build) -> Optimizer:
    extrapolator = nascurve.create_extrapolator("last_value")
    return nascurve.LCE(base(), extrapolator, e_few=_E_FEW, k=_K, top_n=_TOP_N)


class _Recording:
    """A simulated run that can be played back to a fresh optimizer."""

    def __init__(self, build: Build, benchmark: Benchmark, n_evaluations: int) -> None:
        self._build = build
        recorder = _Recorder(build())
        nascurve.simulate(recorder, benchmark, max_evaluations=n_evaluations, seed=0)
        self._evaluations = recorder.evaluations

    def play_s(self, problem: Problem) -> float:
        optimizer = self._build()
        optimizer.begin(problem)
        return _play_s(optimizer, self._evaluations)

    def loop_s(self) -> float:
        """Time of the playback without an optimizer."""
        return _play_s(_Nothing([e.trial for e in self._evaluations]), self._evaluations)


def _play_s(optimizer: Optimizer, evaluations: Sequence[Evaluation]) -> float:
    put = object.__setattr__
    start_s = time.process_time()
    for evaluation in evaluations:
        put(
            evaluation, "trial", optimizer.ask(1)[0]
        )  # the very object, as the simulator does; a new one costs time
        optimizer.tell([evaluation])
    return time.process_time() - start_s


def _per_candidate_us(recordings: Sequence[_Recording], problem: Problem, candidates: int) -> float:
    total_s = sum(recording.play_s(problem) - recording.loop_s() for recording in recordings)
    return 1e6 * total_s / (candidates * len(recordings))


class _Recorder:
    """An optimizer that keeps what the one inside it is told."""

    def __init__(self, inner: Optimizer) -> None:
        self._inner = inner
        self.evaluations: list[Evaluation] = []
        self.begin, self.ask = inner.begin, inner.ask

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        self.evaluations += evaluations
        self._inner.tell(evaluations)

    def state_dict(self) -> State:
        return self._inner.state_dict()

    def load_state_dict(self, state: State) -> None:
        self._inner.load_state_dict(state)


class _Nothing:
    """Gives out known trials and learns nothing."""

    def __init__(self, trials: Sequence[Trial]) -> None:
        self._trials = [[trial] for trial in reversed(trials)]

    def begin(self, problem: Problem) -> None: ...

    def ask(self, n: int) -> list[Trial]:
        return self._trials.pop()

    def tell(self, evaluations: Sequence[Evaluation]) -> None: ...

    def state_dict(self) -> State:
        return {}

    def load_state_dict(self, state: State) -> None: ...
