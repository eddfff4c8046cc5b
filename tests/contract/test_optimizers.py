"""Every registered optimizer keeps the contract, and the check finds out those that do not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

import nascurve.registry
from nascurve.benchmarks.cell201 import Cell201Space
from nascurve.errors import ProtocolError
from nascurve.optimizers.random_search import RandomSearch
from nascurve.simulator.types import Evaluation, Optimizer, State, Trial
from nascurve.testing import check_optimizer

SPACE = Cell201Space()


@pytest.mark.parametrize("name", nascurve.registry.ids("optimizers"))
def test_registered_optimizer_keeps_the_contract(name: str) -> None:
    build = nascurve.registry.component("optimizers", name)

    def with_defaults(rng: np.random.Generator) -> Optimizer:
        optimizer: Optimizer = build(SPACE, rng=rng)
        return optimizer

    check_optimizer(with_defaults, SPACE)


class AsksTooMany(RandomSearch):
    def ask(self, n: int = 1) -> list[Trial]:
        return super().ask(n + 1)


class ReturnsNothing(RandomSearch):
    def ask(self, n: int = 1) -> Any:
        super().ask(n)


class GivesUp(RandomSearch):
    def ask(self, n: int = 1) -> list[Trial]:
        return super().ask(n) if self._next_id < 7 else []


class RepeatsAnId(RandomSearch):
    def ask(self, n: int = 1) -> list[Trial]:
        return [Trial(id=trial.id // 2, arch=trial.arch) for trial in super().ask(n)]


class ResumesWhatIsDone(RandomSearch):
    def ask(self, n: int = 1) -> list[Trial]:
        if self._next_id < 9 or self._pending:
            return super().ask(n)
        return [Trial(id=0, arch=self._first.arch)]

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        self._first = evaluations[0].trial
        super().tell(evaluations)


class LeavesTheSpace(RandomSearch):
    def ask(self, n: int = 1) -> list[Trial]:
        return [Trial(id=trial.id, arch="another space's") for trial in super().ask(n)]


class TrainsTooLong(RandomSearch):
    def ask(self, n: int = 1) -> list[Trial]:
        return [Trial(id=trial.id, arch=trial.arch, epochs=10**6) for trial in super().ask(n)]


class BelievesStrangers(RandomSearch):
    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        for evaluation in evaluations:
            self._pending.pop(evaluation.trial.id, None)


class UsesTheGlobalGenerator(RandomSearch):
    def ask(self, n: int = 1) -> list[Trial]:
        self._rng = np.random.default_rng(np.random.randint(2**31))  # noqa: NPY002
        return super().ask(n)


class IgnoresTheSeed(RandomSearch):
    def __init__(self, space: Any, *, rng: np.random.Generator) -> None:
        super().__init__(space, rng=np.random.default_rng(0))


class ForgetsTheGenerator(RandomSearch):
    def load_state_dict(self, state: State) -> None:
        super().load_state_dict({**state, "rng": self._rng.bit_generator.state})


class ForgetsWhatIsPending(RandomSearch):
    def load_state_dict(self, state: State) -> None:
        super().load_state_dict({**state, "pending": []})


class KeepsObjectsInItsState(RandomSearch):
    def state_dict(self) -> State:
        return {**super().state_dict(), "space": self._space}


class DrawsWhenSaved(RandomSearch):
    def state_dict(self) -> State:
        state = super().state_dict()
        self._rng.random()
        return state


class NeedsTestAccuracy(RandomSearch):
    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        for evaluation in evaluations:
            if evaluation.curve.test_acc is None:
                raise ProtocolError("a test accuracy is needed")
        super().tell(evaluations)


@pytest.mark.parametrize(
    ("broken", "rule"),
    [
        (AsksTooMany, "at most 1 trials, got 2"),
        (ReturnsNothing, "must return a list, got None"),
        (GivesUp, "no trial while no evaluation is pending"),
        (RepeatsAnId, "only to resume|while it is pending"),
        (ResumesWhatIsDone, "only to resume"),
        (LeavesTheSpace, "must be one of 'cell201'"),
        (TrainsTooLong, "int from 1 to 8"),
        (BelievesStrangers, "never gave out"),
        (UsesTheGlobalGenerator, "same generator must give the same"),
        (IgnoresTheSeed, "another generator must give other"),
        (ForgetsTheGenerator, "go on identically"),
        (ForgetsWhatIsPending, "told already|go on identically"),
        (KeepsObjectsInItsState, "JSON"),
        (DrawsWhenSaved, "state"),
        (NeedsTestAccuracy, "test accuracy"),
    ],
)
def test_a_broken_optimizer_is_found_out(broken: type[RandomSearch], rule: str) -> None:
    with pytest.raises(ProtocolError, match=rule):
        check_optimizer(lambda rng: broken(SPACE, rng=rng), SPACE)
