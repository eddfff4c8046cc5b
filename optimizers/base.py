"""What the optimizers of nascurve share: ids, pending trials, the order of calls, and their state."""

from __future__ import annotations

import abc
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from nascurve.errors import ConfigError, ProtocolError
from nascurve.simulator.types import (
    Architecture,
    Evaluation,
    Problem,
    SearchSpace,
    State,
    Status,
    Trial,
)

NEW_TRIES = 100
"""Random draws in search of an architecture not proposed before, until a repeat is accepted."""


class AskTellOptimizer(abc.ABC):
    """Base class: a subclass says what to propose and what to learn from a result, the rest is here.

    Every trial asks for a full training (`epochs=None`), ids count from 0, and a trial is told once: COMPLETE
    when it was trained to the end, or STOPPED when a wrapper gave it up. A validation accuracy of NaN (a
    diverged run) counts as 0. `ask(n)` always returns exactly n trials, whatever is pending.

    Subclasses implement `_propose`, `_observe`, `_search_state` and `_restore`, draw all randomness from
    `self._rng`, and find the architectures that are out in `self._pending`.

    space: the search space.
    rng: the generator of all randomness; its state is part of `state_dict`.

    Raises ConfigError for an option out of range, ProtocolError for calls in a wrong order.
    """

    def __init__(self, space: SearchSpace, *, rng: np.random.Generator) -> None:
        if not isinstance(rng, np.random.Generator):
            raise ConfigError(
                f"rng: expected a numpy.random.Generator such as numpy.random.default_rng(0), got {rng!r}."
            )
        self._space = space
        self._rng = rng
        self._problem: Problem | None = None
        self._next_id = 0
        self._pending: dict[int, Architecture] = {}

    @abc.abstractmethod
    def _propose(self, n: int) -> list[Architecture]:
        """n architectures to train next. The i-th becomes the trial with the id `self._next_id + i`."""

    @abc.abstractmethod
    def _observe(self, trial_id: int, arch: Architecture, val_acc: float, complete: bool) -> None:
        """Learn from a result. If not `complete`, the run was given up and `val_acc` is of an early epoch."""

    @abc.abstractmethod
    def _search_state(self) -> State:
        """The subclass's own part of the state, JSON-able; architectures as strings."""

    @abc.abstractmethod
    def _restore(self, state: State) -> None:
        """Take over what `_search_state` returned. Ids, pending trials and generator are restored already."""

    def begin(self, problem: Problem) -> None:
        """Called once before the first `ask`. Raises ConfigError for a problem of another search space."""
        if self._problem is not None:
            raise ProtocolError(f"{self._name}: begin was called twice; build a new optimizer for each run.")
        if problem.space.name != self._space.name:
            raise ConfigError(
                f"{self._name} was built for the search space {self._space.name!r}, but the benchmark's is "
                f"{problem.space.name!r}; build it with the benchmark's space."
            )
        self._problem = problem

    def ask(self, n: int = 1) -> list[Trial]:
        """Exactly n >= 1 new trials. Raises ProtocolError before `begin` and for n < 1."""
        if self._problem is None:
            raise ProtocolError(f"{self._name}: ask was called before begin; call begin(problem) first.")
        if n < 1:
            raise ProtocolError(f"{self._name}: ask expects n >= 1, got {n!r}.")
        archs = self._propose(operator.index(n))
        trials = [Trial(id=id_, arch=arch) for id_, arch in enumerate(archs, self._next_id)]
        self._next_id += len(trials)
        for trial in trials:
            self._pending[trial.id] = trial.arch
        return trials

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        """Results of trials that were asked for, in any order, each once.

        Raises ProtocolError for a trial that is unknown, was told before or carries another architecture;
        then nothing of the call is taken in.
        """
        for evaluation in evaluations:
            self._check_pending(evaluation)
        if len(evaluations) > 1 and len({e.trial.id for e in evaluations}) < len(evaluations):
            ids = [e.trial.id for e in evaluations]
            raise ProtocolError(
                f"{self._name}: a trial occurs twice in one tell (ids {ids}); tell each once."
            )
        for evaluation in evaluations:
            trial_id = evaluation.trial.id
            arch = self._pending.pop(trial_id)
            val_acc = evaluation.val_acc
            if val_acc != val_acc:  # NaN: the run diverged
                val_acc = 0.0
            self._observe(trial_id, arch, val_acc, evaluation.status is Status.COMPLETE)

    def state_dict(self) -> State:
        """The whole state, JSON-able: `load_state_dict` into an optimizer built alike goes on identically."""
        return {
            "optimizer": self._name,
            "rng": _plain(self._rng.bit_generator.state),
            "next_id": self._next_id,
            "pending": [[id_, str(arch)] for id_, arch in self._pending.items()],
            "search": self._search_state(),
        }

    def load_state_dict(self, state: State) -> None:
        """Take over a state. Call it after `begin`, on an optimizer built with the same options.

        Raises ProtocolError before `begin`, ConfigError for a state that is not one of this class, and
        ArchitectureError for an architecture of another space.
        """
        if self._problem is None:
            raise ProtocolError(f"{self._name}: load_state_dict was called before begin; call begin first.")
        if not isinstance(state, dict) or state.get("optimizer") != self._name:
            came = state.get("optimizer") if isinstance(state, dict) else state
            raise ConfigError(f"state: expected one that {self._name}.state_dict() returned, got {came!r}.")
        try:
            self._rng.bit_generator.state = state["rng"]
            self._next_id = state["next_id"]
            self._pending = {id_: self._space.parse(text) for id_, text in state["pending"]}
            self._restore(state["search"])
        except (KeyError, TypeError, ValueError) as error:
            raise ConfigError(
                f"state: expected one that {self._name}.state_dict() returned for the same options and "
                f"kind of generator, got one that fails with {type(error).__name__}: {error}."
            ) from error

    @property
    def _name(self) -> str:
        return type(self).__name__

    def _check_pending(self, evaluation: Evaluation) -> None:
        trial = evaluation.trial
        arch = self._pending.get(trial.id)
        if arch is None:
            told = 0 <= trial.id < self._next_id
            why = "was told already; tell each trial once" if told else "was never asked for"
            raise ProtocolError(f"{self._name}: trial {trial.id} {why}.")
        if arch is not trial.arch and arch != trial.arch:
            raise ProtocolError(
                f"{self._name}: trial {trial.id} was asked for {arch}, but told for {trial.arch}; "
                "tell the trial that ask returned."
            )

    def _draw_new(self, known: set[str]) -> Architecture:
        """A random architecture whose key is not in `known`, to which it is added; after `NEW_TRIES` draws in
        vain (the space is all but exhausted) the last draw, a repeat."""
        arch = self._space.sample(self._rng)
        if len(known) >= self._space.size:
            return arch
        for _ in range(NEW_TRIES):
            key = self._space.key(arch)
            if key not in known:
                known.add(key)
                break
            arch = self._space.sample(self._rng)
        return arch


def _plain(value: Any) -> Any:
    """Arrays in a generator's state (MT19937, Philox) as lists, which their setters take as well."""
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value
