"""A small space of words, whose landscape a test can lay out, and a loop that plays the simulator."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nascurve.errors import ArchitectureError
from nascurve.simulator.types import (
    Architecture,
    Evaluation,
    FloatArray,
    LearningCurve,
    Optimizer,
    Problem,
    Status,
    Trial,
)

MAX_EPOCHS = 4


class WordSpace:
    """Words of `length` letters; with `anagrams`, words made of the same letters are the same network."""

    encodings = ("onehot", "counts")

    def __init__(self, letters: str = "abc", length: int = 4, *, anagrams: bool = False) -> None:
        self.name = f"words-{letters}-{length}"
        self.size = len(letters) ** length
        self.encoded_kinds: list[str | None] = []
        self._letters, self._length, self._anagrams = letters, length, anagrams

    def sample(self, rng: np.random.Generator) -> str:
        return "".join(self._letters[int(u * len(self._letters))] for u in rng.random(self._length))

    def mutate(self, arch: Architecture, rng: np.random.Generator) -> str:
        near = self.neighbors(arch)
        return near[int(rng.random() * len(near))]

    def neighbors(self, arch: Architecture) -> list[str]:
        word = str(arch)
        return [
            word[:i] + letter + word[i + 1 :]
            for i in range(self._length)
            for letter in self._letters
            if letter != word[i]
        ]

    def encode(self, archs: Sequence[Architecture], kind: str | None = None) -> FloatArray:
        self.encoded_kinds.append(kind)
        onehot = np.array([[[float(a == b) for b in self._letters] for a in str(arch)] for arch in archs])
        return onehot.reshape(len(archs), -1) if kind != "counts" else onehot.sum(axis=1)

    def parse(self, text: str) -> str:
        if len(text) != self._length or not set(text) <= set(self._letters):
            raise ArchitectureError(f"Expected {self._length} letters out of {self._letters}, got {text!r}.")
        return text

    def key(self, arch: Architecture) -> str:
        return "".join(sorted(str(arch))) if self._anagrams else str(arch)

    def contains(self, arch: object) -> bool:
        return isinstance(arch, str) and len(arch) == self._length and set(arch) <= set(self._letters)


def evaluation(trial: Trial, val_acc: float, status: Status = Status.COMPLETE) -> Evaluation:
    epochs = MAX_EPOCHS if status is Status.COMPLETE else 1
    curve = LearningCurve(val_acc=np.full(epochs, val_acc), epoch_s=np.ones(epochs))
    return Evaluation(trial=trial, curve=curve, started_s=0.0, finished_s=1.0, status=status)


def begun(build: Callable[..., Optimizer], space: Any, *, seed: int = 0, **options: Any) -> Any:
    """An optimizer ready to be asked; Any, so that tests may look inside."""
    optimizer = build(space, rng=np.random.default_rng(seed), **options)
    optimizer.begin(Problem(space=space, max_epochs=MAX_EPOCHS))
    return optimizer


def play(optimizer: Optimizer, val_acc: Callable[[str], float], n: int, *, at_once: int = 1) -> list[str]:
    """Ask for and tell n trials, `at_once` at a time; returns the architectures in order."""
    asked: list[str] = []
    while len(asked) < n:
        trials = optimizer.ask(min(at_once, n - len(asked)))
        asked += [str(trial.arch) for trial in trials]
        optimizer.tell([evaluation(trial, val_acc(str(trial.arch))) for trial in trials])
    return asked
