"""When partly trained candidates are looked at, and what becomes of them: the protocol that `LCE` follows."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any, NoReturn, Protocol, runtime_checkable

import numpy as np

from nascurve.errors import ProtocolError
from nascurve.lce.forecaster import Forecaster
from nascurve.simulator.types import Evaluation, Problem, State


@runtime_checkable
class Schedule(Protocol):
    """Decides how far candidates are trained before they are looked at, and after each look who goes on.

    A candidate is admitted, alone or in a round with others, and trained to its first look. When the whole
    round is back, `decide` says how far each goes on; the others are given up. Those of a round that go on to
    the same look are a round again. `finished` ends the story of a candidate. Fixed rounds (`Rounds`),
    predictive termination (`PredictiveStops`) and the race (`Adaptive`) are such schedules.
    """

    def begin(self, problem: Problem) -> int:
        """Begin a run without anything of an earlier one; returns the epoch to predict. Raises ConfigError
        for settings that do not go with the problem."""

    def admit(self, n_asked: int, wanted: int) -> tuple[int, int]:
        """How many candidates to ask the base for, and the epoch at which they are first looked at.

        n_asked: how many have been given so far. wanted: how many free workers there are. Where the epoch is
        the last one, or the benchmark's, candidates go straight to the end, and each for itself.
        """

    def decide(
        self, looks: Sequence[Evaluation], forecaster: Forecaster, rng: np.random.Generator
    ) -> Sequence[tuple[int, int]]:
        """Who goes on: (row, epoch), in the order in which they are to be sent out. The others are stopped.

        looks: the round, in the order in which the base gave it; each with its curve so far, up to the same
        epoch.
        """

    def outcome(self, look: Evaluation, forecaster: Forecaster) -> tuple[float, float]:
        """The accuracy that a sound run would have reached at the last epoch, as mean and std; asked right
        after `decide` has stopped it."""

    def finished(self, evaluation: Evaluation) -> None:
        """A candidate was trained to the end, or (status STOPPED) given up, by whomever."""

    def state_dict(self) -> State:
        """JSON-able. Settings are no part of it."""

    def load_state_dict(self, state: State) -> None:
        """Go on from `state_dict`, after `begin`."""


def checked_admission(answer: Any, schedule: Schedule, problem: Problem) -> tuple[int, int]:
    """What `admit` answered, as plain integers. Raises ProtocolError that names the schedule."""
    try:
        size, epoch = (operator.index(number) for number in answer)
    except (TypeError, ValueError):
        size = epoch = 0
    if size < 1 or not _is_stop(epoch, problem):
        _fail(schedule, "admit", f"(at least 1 candidate, {_stops(0, problem)})", answer)
    return size, epoch


def checked_decision(
    answer: Any, schedule: Schedule, looks: Sequence[Evaluation], problem: Problem
) -> list[tuple[int, int]]:
    """What `decide` answered for these looks, as plain integers. Raises ProtocolError that names the
    schedule."""
    seen = looks[0].curve.epochs
    try:
        decision = [(operator.index(row), operator.index(epoch)) for row, epoch in answer]
    except (TypeError, ValueError):
        decision = [(-1, 0)]
    rows = {row for row, _ in decision}
    if len(rows) < len(decision) or not all(
        0 <= row < len(looks) and epoch > seen and _is_stop(epoch, problem) for row, epoch in decision
    ):
        expected = f"pairs of distinct rows, 0 to {len(looks) - 1}, with {_stops(seen, problem)}"
        _fail(schedule, "decide", expected, answer)
    return decision


def _is_stop(epoch: int, problem: Problem) -> bool:
    return 1 <= epoch <= problem.max_epochs and (problem.fidelities is None or epoch in problem.fidelities)


def _stops(seen: int, problem: Problem) -> str:
    if problem.fidelities is None:
        return f"an epoch from {seen + 1} to {problem.max_epochs}"
    return f"an epoch among {[epoch for epoch in problem.fidelities if epoch > seen]}"


def _fail(schedule: Schedule, call: str, expected: str, got: Any) -> NoReturn:
    raise ProtocolError(f"{type(schedule).__name__}.{call}: expected {expected}, got {got!r:.200}.")
