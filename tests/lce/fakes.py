"""A base that records what it is told, and a driver with several workers, for the tests of the wrapper."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nascurve.lce.last_value import LastValue
from nascurve.lce.wrapper import LCE
from nascurve.simulator.types import Evaluation, FloatArray, LearningCurve, Problem, State, Trial

E_MAX = 12
E_FEW = 4


class NumberSpace:
    """Architectures are strings of digits."""

    name = "numbers"

    def parse(self, text: str) -> str:
        return text

    def encode(self, archs: Sequence[str], kind: str | None = None) -> FloatArray:
        """One feature: the number, in millions."""
        return np.array([int(arch) / 10**6 for arch in archs]).reshape(-1, 1)


def problem(fidelities: tuple[int, ...] | None = None, max_epochs: int = E_MAX) -> Problem:
    space: Any = NumberSpace()
    return Problem(space=space, max_epochs=max_epochs, fidelities=fidelities)


def curve_of(arch: object, epochs: int, *, diverging: int = 0) -> LearningCurve:
    """Deterministic in arch; every `diverging`-th one turns NaN at some epoch."""
    rng = np.random.default_rng(int(str(arch)))
    final, rate = rng.uniform(0.3, 0.9), rng.uniform(0.5, 2)
    acc = final - 0.3 * np.arange(1.0, E_MAX + 1) ** -rate + rng.normal(0, 0.02, E_MAX)
    if diverging and int(str(arch)) % diverging == 0:
        acc[rng.integers(E_MAX) :] = np.nan
    acc = np.clip(acc, 0, 1)
    return LearningCurve(val_acc=acc, epoch_s=rng.uniform(1, 2, E_MAX), val_loss=1 - acc).observed(epochs)


class RecordingBase:
    """Gives out random architectures, with at most `max_pending` of them pending, and every third id."""

    def __init__(self, *, seed: int = 0, max_pending: int | None = None) -> None:
        self._rng = np.random.default_rng(seed)
        self._max_pending = max_pending
        self._next_id = 0
        self.pending: dict[int, Trial] = {}
        self.told: list[Evaluation] = []
        self.log: list[tuple[str, list[int]]] = []

    def begin(self, problem: Problem) -> None:
        self.problem = problem

    def ask(self, n: int) -> list[Trial]:
        if self._max_pending is not None:
            n = min(n, self._max_pending - len(self.pending))
        trials = []
        for _ in range(n):
            trials.append(Trial(id=self._next_id, arch=str(self._rng.integers(10**6))))
            self._next_id += 3
        self.pending.update((trial.id, trial) for trial in trials)
        self.log.append(("ask", [trial.id for trial in trials]))
        return trials

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        for evaluation in evaluations:
            assert evaluation.trial == self.pending.pop(evaluation.trial.id)
            self.told.append(evaluation)
            self.log.append((evaluation.status.value, [evaluation.trial.id]))

    def state_dict(self) -> State:
        return {
            "rng": self._rng.bit_generator.state,
            "next_id": self._next_id,
            "pending": [[trial.id, str(trial.arch)] for trial in self.pending.values()],
        }

    def load_state_dict(self, state: State) -> None:
        self._rng.bit_generator.state = state["rng"]
        self._next_id = state["next_id"]
        self.pending = {id_: Trial(id=id_, arch=arch) for id_, arch in state["pending"]}


class Driver:
    """Plays the simulator with `workers` workers; `pick` decides which running trial finishes next."""

    def __init__(
        self,
        optimizer: LCE,
        *,
        workers: int = 1,
        pick: Callable[[int], int] | None = None,
        diverging: int = 0,
    ) -> None:
        self.optimizer = optimizer
        self._workers = workers
        self._pick = pick or (lambda n: 0)
        self._diverging = diverging
        self.running: list[tuple[Trial, float]] = []
        self.sent: list[Trial] = []
        self.finished: list[Evaluation] = []
        self._epochs: dict[int, int] = {}
        self._clock = itertools.count(1)

    def fill(self) -> None:
        free = self._workers - len(self.running)
        trials = self.optimizer.ask(free) if free else []
        assert len(trials) <= free
        for trial in trials:
            epochs = trial.epochs or E_MAX
            assert epochs > self._epochs.get(trial.id, 0), "a trial goes on, or is new"
            self._epochs[trial.id] = epochs
            self.sent.append(trial)
            self.running.append((trial, float(next(self._clock))))
        assert self.running, "idle for ever"

    def run(self, steps: int) -> Driver:
        for _ in range(steps):
            self.fill()
            trial, started_s = self.running.pop(self._pick(len(self.running)))
            evaluation = Evaluation(
                trial=trial,
                curve=curve_of(trial.arch, trial.epochs or E_MAX, diverging=self._diverging),
                started_s=started_s,
                finished_s=float(next(self._clock)),
            )
            self.finished.append(evaluation)
            self.optimizer.tell([evaluation])
        return self


def begun(base: Any = None, extrapolator: Any = None, **options: Any) -> LCE:
    lce = LCE(base or RecordingBase(), extrapolator or LastValue(), **{"e_few": E_FEW, **options})
    lce.begin(problem())
    return lce


def picker(seed: int) -> Callable[[int], int]:
    rng = np.random.default_rng(seed)
    return lambda n: int(rng.integers(n))


def as_value(evaluation: Evaluation) -> tuple[object, ...]:
    curve = evaluation.curve
    series = (curve.val_acc, curve.epoch_s, curve.val_loss, curve.train_loss)
    return (
        evaluation.trial,
        [None if values is None else repr(values.tolist()) for values in series],
        (evaluation.started_s, evaluation.finished_s, evaluation.status),
    )
