"""What an optimizer may ask for."""

from __future__ import annotations

from collections.abc import Mapping

from nascurve.errors import ProtocolError
from nascurve.simulator.training_run import TrainingRun
from nascurve.simulator.types import Optimizer, Problem, Trial


class TrialRules:
    """Checks what `ask` gave; a breach is a ProtocolError that names the optimizer and says what to do."""

    def __init__(self, optimizer: Optimizer, problem: Problem) -> None:
        self._optimizer = type(optimizer).__qualname__
        self._contains = problem.space.contains
        self._space = problem.space.name
        self._max_epochs = problem.max_epochs
        self._fidelities = None if problem.fidelities is None else frozenset(problem.fidelities)

    def check_answer(self, trials: object, asked: int, pending: int) -> None:
        """Check the answer of `ask(asked)` as a whole, `pending` trials being in training."""
        if not isinstance(trials, list):
            raise self._broken(
                asked, f"a list of at most {asked} Trials", f"{trials!r:.200}", "return a list from ask"
            )
        if len(trials) > asked:
            raise self._broken(
                asked, f"at most {asked} Trials", f"{len(trials)}", "keep the others for the next ask"
            )
        if not trials and not pending:
            raise self._broken(
                asked,
                "at least one Trial, since no evaluation is pending that it could wait for",
                "an empty list",
                "give a trial, or end the search by a budget",
            )

    def epochs(self, trial: Trial, runs: Mapping[int, TrainingRun], asked: int) -> int:
        """Check one trial against the training runs so far, by id; returns until which epoch to train it."""
        if not isinstance(trial, Trial):
            raise self._broken(asked, "Trials", f"{trial!r:.200}", "wrap it: Trial(id=…, arch=…)")
        if type(trial.id) is not int or trial.id < 0:
            raise self._broken(asked, "an id that is a non-negative int", f"{trial!r}", "count trials from 0")
        epochs = self._max_epochs if trial.epochs is None else trial.epochs
        if trial.epochs is not None:
            self._check_epochs(trial, asked)
        run = runs.get(trial.id)
        if run is None:
            if not self._contains(trial.arch):
                raise self._broken(
                    asked,
                    f"an architecture of the space {self._space!r}",
                    f"{trial.arch!r:.200} in trial {trial.id}",
                    "make architectures by the space given in begin",
                )
        else:
            self._check_resumed(trial, run, epochs, asked)
        return epochs

    def _check_epochs(self, trial: Trial, asked: int) -> None:
        if type(trial.epochs) is not int or not 1 <= trial.epochs <= self._max_epochs:
            raise self._broken(
                asked,
                f"epochs from 1 to {self._max_epochs}",
                f"{trial!r}",
                "leave epochs=None for a full training",
            )
        if self._fidelities is not None and trial.epochs not in self._fidelities:
            raise self._broken(
                asked,
                f"epochs among {sorted(self._fidelities)}, the fidelities of this benchmark",
                f"{trial!r}",
                "choose among problem.fidelities, or raise CapabilityError in begin",
            )

    def _check_resumed(self, trial: Trial, run: TrainingRun, epochs: int, asked: int) -> None:
        known = f"trial {trial.id}"
        if run.pending:
            raise self._broken(
                asked,
                f"trials that are not in training; {known} still is",
                f"{trial!r}",
                "give each training run its own id, and wait for its evaluation before resuming it",
            )
        if trial.arch != run.arch:
            raise self._broken(
                asked,
                f"{known} to keep its architecture {str(run.arch)!r}",
                f"{str(trial.arch)!r}",
                "take a new id for another architecture",
            )
        if epochs <= run.epochs:
            raise self._broken(
                asked,
                f"{known} to be resumed beyond the {run.epochs} epochs it has been trained",
                f"epochs={epochs}",
                "ask for more epochs, or take a new id to train the architecture anew",
            )

    def _broken(self, asked: int, expected: str, got: str, advice: str) -> ProtocolError:
        return ProtocolError(
            f"Optimizer {self._optimizer} broke the protocol in ask({asked}): expected {expected}, got {got}."
            f" To fix it, {advice}."
        )
