"""What optimizers get to see: no test accuracy, nothing of later epochs, nothing they could spoil."""

from __future__ import annotations

import gc
from dataclasses import fields
from typing import Any

import numpy as np
import pytest

from nascurve.simulator.simulate import simulate
from nascurve.simulator.types import Evaluation, LearningCurve, Trial

from .fakes import Number, NumberBenchmark, Scripted

MAX_EPOCHS = 5
TRIALS = [Trial(id=0, arch=Number(0), epochs=2), Trial(id=0, arch=Number(0)), Trial(id=1, arch=Number(1))]


def reachable_arrays(root: object) -> list[np.ndarray[Any, Any]]:
    """All arrays that attributes, items and array bases lead to."""
    seen: dict[int, object] = {}
    stack = [root]
    while stack:
        item = stack.pop()
        if id(item) in seen or isinstance(item, type):
            continue
        seen[id(item)] = item
        stack.extend(gc.get_referents(item))
        if isinstance(item, np.ndarray) and item.base is not None:
            stack.append(item.base)
    return [item for item in seen.values() if isinstance(item, np.ndarray)]


class FromOneTable(NumberBenchmark):
    """Its curves are views into one table that also holds the test accuracy, as a fast benchmark's may be."""

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        self.table = rng.uniform(0.1, 0.9, (5, 2, 1, MAX_EPOCHS))
        super().__init__(self.table[0], self.table[1], self.table[2])
        for value in range(2):
            curve = object.__new__(LearningCurve)
            for i, name in enumerate(("val_acc", "test_acc", "epoch_s", "val_loss", "train_loss")):
                object.__setattr__(curve, name, self.table[i, value, 0])
            self.curves[value] = [curve]


@pytest.fixture
def told() -> list[Evaluation]:
    benchmark = FromOneTable()
    optimizer = Scripted(TRIALS)
    simulate(optimizer, benchmark, max_evaluations=3)
    return optimizer.told


def test_curves_are_the_observed_ones(told: list[Evaluation]) -> None:
    benchmark = FromOneTable()
    for evaluation, value, epochs in zip(told, (0, 0, 1), (2, MAX_EPOCHS, MAX_EPOCHS), strict=True):
        expected = benchmark.query(Number(value), seed=0).observed(epochs)
        for field in fields(LearningCurve):
            ours, theirs = getattr(evaluation.curve, field.name), getattr(expected, field.name)
            assert (ours is None) == (theirs is None)
            if theirs is not None:
                np.testing.assert_array_equal(ours, theirs)
        assert evaluation.val_acc == expected.val_acc[-1]


def test_neither_test_accuracy_nor_later_epochs_can_be_reached(told: list[Evaluation]) -> None:
    table = FromOneTable().table
    hidden = set(table[1].ravel())  # test accuracy
    hidden_from_first = hidden | set(table[:, 0, :, 2:].ravel())  # and the epochs not trained yet
    for evaluation, secret in zip(told, (hidden_from_first, hidden, hidden), strict=True):
        assert evaluation.curve.test_acc is None
        arrays = reachable_arrays(evaluation)
        assert len(arrays) >= 4  # the search does find the ones that are shown
        for array in arrays:
            assert not secret & set(array.ravel().tolist())


def test_arrays_are_read_only_and_the_benchmark_is_out_of_reach(told: list[Evaluation]) -> None:
    for name in ("val_acc", "epoch_s", "val_loss", "train_loss"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(told[0].curve, name)[0] = 0.0
