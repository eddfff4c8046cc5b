"""Which candidate of the wrapper's base stands where: to be sent, out, waiting for its round, promoted."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence

from nascurve.errors import ProtocolError
from nascurve.lce._state import (
    decode_evaluation,
    decode_floats,
    decode_trial,
    encode_evaluation,
    encode_floats,
    encode_trial,
)
from nascurve.simulator.types import Evaluation, FloatArray, SearchSpace, State, Status, Trial


class Run:
    """A candidate of the base, from when it was given until the base is told of it."""

    __slots__ = ("early_acc", "prefix", "round", "sent", "started_s", "trial")

    def __init__(self, trial: Trial, round_: Round | None) -> None:
        self.trial = trial  # as the base gave it
        self.round = round_  # None: goes to the last epoch, straight away or after its promotion
        self.prefix: Evaluation | None = None  # at e_few, while it waits for the others of its round
        self.started_s: float | None = None  # of the first part, once it is promoted
        self.early_acc: FloatArray | None = None  # validation accuracies up to e_few, once it is promoted
        self.sent: Trial | None = None  # what is out for it, if anything


class Round:
    """Candidates that are ranked together, in the order in which the base gave them."""

    __slots__ = ("runs", "waiting")

    def __init__(self) -> None:
        self.runs: list[Run] = []
        self.waiting = 0

    def add(self, run: Run) -> None:
        self.runs.append(run)
        self.waiting += run.prefix is None

    def back(self, run: Run, evaluation: Evaluation) -> bool:
        """Note that a run came back at e_few; whether the round is all back."""
        run.prefix = evaluation
        self.waiting -= 1
        return not self.waiting

    def withdraw(self, run: Run) -> bool:
        """Leave out a run that was out; whether all others, at least one, are back."""
        self.runs.remove(run)
        self.waiting -= 1
        return bool(self.runs) and not self.waiting


class Ledger:
    """All candidates that the base has not been told of yet, and the order in which they are sent out.

    Promoted ones go first, then the others; both first in, first out.
    """

    def __init__(self, *, e_few: int, max_epochs: int) -> None:
        self._e_few = e_few
        self._max_epochs = max_epochs
        self._clear()

    def _clear(self) -> None:
        self._live: dict[int, Run] = {}
        self._promoted: deque[Run] = deque()
        self._fresh: deque[Run] = deque()

    def __len__(self) -> int:
        return len(self._live)

    def __contains__(self, trial_id: int) -> bool:
        return trial_id in self._live

    def open_round(self, trials: Sequence[Trial]) -> None:
        """Take in candidates that stop at e_few and are ranked together."""
        round_ = Round()
        for trial in trials:
            round_.add(Run(trial, round_))
        self._admit(round_.runs)

    def admit_initial(self, trials: Iterable[Trial]) -> None:
        """Take in candidates that go straight to the last epoch."""
        self._admit([Run(trial, None) for trial in trials])

    def _admit(self, runs: list[Run]) -> None:
        for run in runs:
            self._live[run.trial.id] = run
        self._fresh.extend(runs)

    def promote(self, run: Run) -> None:
        """Queue a run that stopped at e_few for the rest of its epochs."""
        run.round = None
        if run.prefix is not None:
            run.started_s = run.prefix.started_s
            run.early_acc = run.prefix.curve.val_acc
        run.prefix = None
        self._promoted.append(run)

    def close(self, run: Run) -> None:
        """Forget a run: the base is being told of it."""
        del self._live[run.trial.id]

    def send(self) -> Trial | None:
        """The next trial to give out, None when nothing is queued."""
        if self._promoted:
            run = self._promoted.popleft()
        elif self._fresh:
            run = self._fresh.popleft()
        else:
            return None
        run.sent = self._to_send(run)
        return run.sent

    def _to_send(self, run: Run) -> Trial:
        trial = run.trial
        return trial if run.round is None else Trial(id=trial.id, arch=trial.arch, epochs=self._e_few)

    def take_back(self, evaluation: Evaluation) -> Run:
        """The run of a trial that is out, which it is no longer. Raises ProtocolError for any other trial."""
        trial = evaluation.trial
        run = self._live.get(trial.id)
        if run is None or (trial is not run.sent and trial != run.sent):
            raise ProtocolError(
                f"LCE.tell: {trial} is not out. Expected a trial that ask gave out and that has not been "
                f"told yet (ids {self._ids_out()[:10]})."
            )
        epochs = self._max_epochs if run.round is None else self._e_few
        if len(evaluation.curve.val_acc) != epochs and evaluation.status is not Status.STOPPED:
            raise ProtocolError(
                f"LCE.tell: expected a curve of {epochs} epochs for {trial}, got {evaluation.curve.epochs}."
            )
        run.sent = None
        return run

    def _ids_out(self) -> list[int]:
        return [trial_id for trial_id, run in self._live.items() if run.sent is not None]

    def state_dict(self) -> State:
        rounds = {id(run.round): None for run in self._live.values() if run.round is not None}
        index = {key: i for i, key in enumerate(rounds)}
        return {
            "runs": [
                {
                    "trial": encode_trial(run.trial),
                    "round": None if run.round is None else index[id(run.round)],
                    "prefix": None if run.prefix is None else encode_evaluation(run.prefix),
                    "started_s": run.started_s,
                    "early_acc": None if run.early_acc is None else encode_floats(run.early_acc),
                }
                for run in self._live.values()
            ],
            "promoted": [run.trial.id for run in self._promoted],
            "fresh": [run.trial.id for run in self._fresh],
            "out": self._ids_out(),
        }

    def load_state_dict(self, state: State, space: SearchSpace) -> None:
        self._clear()
        rounds: dict[int, Round] = {}
        for saved in state["runs"]:
            index = saved["round"]
            round_ = None if index is None else rounds.setdefault(index, Round())
            run = Run(decode_trial(saved["trial"], space), round_)
            run.started_s = saved["started_s"]
            run.early_acc = None if saved["early_acc"] is None else decode_floats(saved["early_acc"])
            if saved["prefix"] is not None:
                run.prefix = decode_evaluation(saved["prefix"], run.trial)
            if round_ is not None:
                round_.add(run)
            self._live[run.trial.id] = run
        self._promoted.extend(self._live[trial_id] for trial_id in state["promoted"])
        self._fresh.extend(self._live[trial_id] for trial_id in state["fresh"])
        for trial_id in state["out"]:
            run = self._live[trial_id]
            run.sent = self._to_send(run)
