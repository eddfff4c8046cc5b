"""A small space, a small benchmark, and optimizers simple enough to be right at sight."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nascurve.errors import ArchitectureError
from nascurve.simulator.types import (
    Architecture,
    BenchmarkInfo,
    Evaluation,
    FloatArray,
    LearningCurve,
    Problem,
    State,
    Trial,
)


@dataclass(frozen=True, slots=True)
class Number:
    value: int

    def __str__(self) -> str:
        return f"number-{self.value}"


class NumberSpace:
    """The numbers 0 … size-1 on a ring."""

    encodings = ("value",)

    def __init__(self, size: int) -> None:
        self.name = f"numbers{size}"
        self.size = size

    def sample(self, rng: np.random.Generator) -> Number:
        return Number(int(rng.integers(self.size)))

    def mutate(self, arch: Architecture, rng: np.random.Generator) -> Number:
        return self.neighbors(arch)[int(rng.integers(2))]

    def neighbors(self, arch: Architecture) -> list[Number]:
        value = self.parse(str(arch)).value
        return [Number((value - 1) % self.size), Number((value + 1) % self.size)]

    def encode(self, archs: Sequence[Architecture], kind: str | None = None) -> FloatArray:
        return np.array([[float(self.parse(str(arch)).value)] for arch in archs])

    def parse(self, text: str) -> Number:
        head, _, digits = text.partition("-")
        if head != "number" or not digits.isdigit() or int(digits) >= self.size:
            raise ArchitectureError(f"Expected number-0 … number-{self.size - 1}, got {text!r}.")
        return Number(int(digits))

    def key(self, arch: Architecture) -> str:
        return str(arch)

    def contains(self, arch: object) -> bool:
        return isinstance(arch, Number) and 0 <= arch.value < self.size


class NumberBenchmark:
    """Curves from arrays: val_acc, test_acc, epoch_s, each of shape (archs, seeds, epochs)."""

    def __init__(
        self,
        val_acc: FloatArray,
        test_acc: FloatArray,
        epoch_s: FloatArray,
        *,
        fidelities: tuple[int, ...] | None = None,
        resumable: bool = True,
        best_known: bool = True,
    ) -> None:
        size, n_seeds, max_epochs = val_acc.shape
        self.space = NumberSpace(size)
        self.info = BenchmarkInfo(
            name="numbers",
            version=1,
            kind="synthetic",
            space=self.space.name,
            max_epochs=max_epochs,
            n_seeds=n_seeds,
            metrics=("val_acc", "test_acc", "epoch_s"),
            fidelities=fidelities,
            resumable=resumable,
        )
        self.best_known = best_known
        self.queries = 0
        self.test_acc = test_acc
        self.curves = [
            [
                LearningCurve(val_acc=val_acc[a, s], test_acc=test_acc[a, s], epoch_s=epoch_s[a, s])
                for s in range(n_seeds)
            ]
            for a in range(size)
        ]

    def query(self, arch: Architecture, *, seed: int, epochs: int | None = None) -> LearningCurve:
        self.queries += 1
        value: int = arch.value  # type: ignore[attr-defined]
        if epochs is None or epochs == self.info.max_epochs:
            return self.curves[value][seed]
        if self.info.resumable:
            return self.curves[value][seed].prefix(epochs)
        # a training of its own: another curve, measured at its end alone
        other = self.curves[(value + epochs) % len(self.curves)][seed]
        val_acc = np.full(epochs, np.nan)
        val_acc[-1] = other.val_acc[epochs - 1]
        return LearningCurve(val_acc=val_acc, epoch_s=other.epoch_s[:epochs])

    def query_many(self, archs: Sequence[Architecture], seeds: Sequence[int]) -> list[LearningCurve]:
        return [self.query(arch, seed=seed) for arch, seed in zip(archs, seeds, strict=True)]

    def true_test_acc(self, arch: Architecture) -> float:
        return float(self.test_acc[arch.value, :, -1].mean())  # type: ignore[attr-defined]

    def best(self) -> tuple[Architecture, float] | None:
        if not self.best_known:
            return None
        means = self.test_acc[:, :, -1].mean(axis=1)
        return Number(int(means.argmax())), float(means.max())


def make_benchmark(
    seed: int = 0,
    *,
    size: int = 7,
    n_seeds: int = 3,
    max_epochs: int = 6,
    tick_s: float | None = 0.25,
    **options: Any,
) -> NumberBenchmark:
    """Random curves. Accuracies are coarse, so that ties happen; seconds are multiples of `tick_s` (sums of
    quarters are exact, and finishes tie), or arbitrary where it is None."""
    rng = np.random.default_rng(seed)
    shape = (size, n_seeds, max_epochs)
    epoch_s = rng.uniform(0.01, 3.0, shape) if tick_s is None else rng.integers(1, 9, shape) * tick_s
    return NumberBenchmark(rng.integers(0, 9, shape) / 10, rng.uniform(0.0, 0.9, shape), epoch_s, **options)


class Wanderer:
    """Asks for random architectures, random numbers of epochs and resumptions of what it has trained; gives
    now and then fewer than asked, and mutates the best it was told of, so that what it is told matters."""

    def __init__(self, space: NumberSpace, *, rng: np.random.Generator, full_only: bool = False) -> None:
        self.space = space
        self.rng = rng
        self.full_only = full_only
        self.next_id = 0
        self.pending: dict[int, tuple[str, int]] = {}
        self.paused: list[tuple[int, str, int]] = []
        self.best = (-1.0, "number-0")
        self.told: list[Evaluation] = []

    def begin(self, problem: Problem) -> None:
        self.epochs = problem.fidelities or tuple(range(1, problem.max_epochs + 1))
        self.max_epochs = problem.max_epochs

    def ask(self, n: int) -> list[Trial]:
        lowest = 0 if self.pending else 1
        return [self._trial() for _ in range(int(self.rng.integers(lowest, n + 1)))]

    def _trial(self) -> Trial:
        if self.paused and self.rng.random() < 0.5:
            number, text, trained = self.paused.pop(int(self.rng.integers(len(self.paused))))
            later = [epoch for epoch in self.epochs if epoch > trained]
            trial = Trial(id=number, arch=self.space.parse(text), epochs=int(self.rng.choice(later)))
        else:
            arch = self.space.sample(self.rng)
            if self.rng.random() < 0.3:
                arch = self.space.mutate(self.space.parse(self.best[1]), self.rng)
            full = self.full_only or self.rng.random() < 0.3
            epochs = None if full else int(self.rng.choice(self.epochs))
            trial = Trial(id=self.next_id, arch=arch, epochs=epochs)
            self.next_id += 1
        self.pending[trial.id] = (str(trial.arch), trial.epochs or self.max_epochs)
        return trial

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        for evaluation in evaluations:
            self.told.append(evaluation)
            text, epochs = self.pending.pop(evaluation.trial.id)
            if epochs < self.max_epochs:
                self.paused.append((evaluation.trial.id, text, epochs))
            self.best = max(self.best, (evaluation.val_acc, text))

    def state_dict(self) -> State:
        return {
            "rng": self.rng.bit_generator.state,
            "next_id": self.next_id,
            "pending": [[number, *rest] for number, rest in self.pending.items()],
            "paused": [list(entry) for entry in self.paused],
            "best": list(self.best),
        }

    def load_state_dict(self, state: State) -> None:
        self.rng.bit_generator.state = state["rng"]
        self.next_id = state["next_id"]
        self.pending = {number: (text, epochs) for number, text, epochs in state["pending"]}
        self.paused = [(number, text, trained) for number, text, trained in state["paused"]]
        self.best = (state["best"][0], state["best"][1])


def wanderer(benchmark: NumberBenchmark, seed: int = 0, **options: Any) -> Wanderer:
    return Wanderer(benchmark.space, rng=np.random.default_rng(seed), **options)


class Scripted:
    """Gives out the trials of a list, as many as it is asked for, and notes what it is told."""

    def __init__(self, trials: Sequence[Trial]) -> None:
        self.trials = list(trials)
        self.told: list[Evaluation] = []
        self.asked: list[int] = []

    def begin(self, problem: Problem) -> None:
        self.problem = problem

    def ask(self, n: int) -> list[Trial]:
        self.asked.append(n)
        given, self.trials = self.trials[:n], self.trials[n:]
        return given

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        self.told.extend(evaluations)

    def state_dict(self) -> State:
        return {"left": [[trial.id, str(trial.arch), trial.epochs] for trial in self.trials]}

    def load_state_dict(self, state: State) -> None:
        parse = self.problem.space.parse
        self.trials = [Trial(id=i, arch=parse(text), epochs=epochs) for i, text, epochs in state["left"]]


def full(benchmark: NumberBenchmark, values: Sequence[int]) -> list[Trial]:
    """Full trainings of these architectures, ids from 0."""
    return [Trial(id=i, arch=Number(value)) for i, value in enumerate(values)]


def with_curve(benchmark: NumberBenchmark, value: int, **changes: Any) -> NumberBenchmark:
    """The benchmark with fields of one architecture's curves replaced."""
    benchmark.curves[value] = [replace(curve, **changes) for curve in benchmark.curves[value]]
    return benchmark
