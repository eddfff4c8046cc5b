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

    __slots__ = ("early_acc", "prefix", "round", "sent", "started_s", "trial", "until")

    def __init__(self, trial: Trial, until: int) -> None:
        self.trial = trial  # as the base gave it
        self.until = until  # the epoch that it goes to, or has reached
        self.round: Round | None = None  # None: goes to the last epoch, straight away or after its looks
        self.prefix: Evaluation | None = None  # at `until`, while it waits for the others of its round
        self.started_s: float | None = None  # of the first part, once it goes on
        self.early_acc: FloatArray | None = None  # validation accuracies up to the last look, once it goes on
        self.sent: Trial | None = None  # what is out for it, if anything


class Round:
    """Candidates that are ranked together, in the order in which the base gave them."""

    __slots__ = ("runs", "waiting")

    def __init__(self) -> None:
        self.runs: list[Run] = []
        self.waiting = 0

    def add(self, run: Run) -> None:
        run.round = self
        self.runs.append(run)
        self.waiting += run.prefix is None

    def back(self, run: Run, evaluation: Evaluation) -> bool:
        """Note that a run came back from its look; whether the round is all back."""
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

    Those that go on go first, then the others; both first in, first out. A run that is dropped while the base
    is not to know stays here, silent, until `speak`.
    """

    def __init__(self, max_epochs: int) -> None:
        self._max_epochs = max_epochs
        self._clear()

    def _clear(self) -> None:
        self._live: dict[int, Run] = {}
        self._promoted: deque[Run] = deque()
        self._fresh: deque[Run] = deque()
        self._silent: dict[int, Evaluation] = {}

    def __len__(self) -> int:
        """How many candidates the base has not been told of, the silent ones left out."""
        return len(self._live)

    def __contains__(self, trial_id: int) -> bool:
        return trial_id in self._live or trial_id in self._silent

    def admit(self, trials: Iterable[Trial], until: int) -> None:
        """Take in candidates that stop at an epoch and are looked at together; where it is the last epoch,
        each goes there by itself."""
        runs = [Run(trial, until) for trial in trials]
        if until < self._max_epochs:
            round_ = Round()
            for run in runs:
                round_.add(run)
        for run in runs:
            self._live[run.trial.id] = run
        self._fresh.extend(runs)

    def go_on(self, looked_at: Round, runs: Sequence[Run], until: int) -> None:
        """Queue runs of a round, in this order, for more epochs: to the end, or to another look together."""
        for run in runs:
            if run.prefix is not None:
                if run.started_s is None:
                    run.started_s = run.prefix.started_s
                run.early_acc = run.prefix.curve.val_acc
            run.prefix = run.round = None
            run.until = until
        if until < self._max_epochs:
            round_ = Round()
            going_on = set(runs)
            for run in looked_at.runs:
                if run in going_on:
                    round_.add(run)
        self._promoted.extend(runs)

    @property
    def n_silent(self) -> int:
        return len(self._silent)

    def silence(self, report: Evaluation) -> None:
        """Keep what the base is not to be told now of a run that was closed."""
        self._silent[report.trial.id] = report

    def speak(self) -> list[Evaluation]:
        """What was kept, in the order in which it came; it is forgotten."""
        reports = list(self._silent.values())
        self._silent.clear()
        return reports

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
        if run.until == self._max_epochs:
            return run.trial
        return Trial(id=run.trial.id, arch=run.trial.arch, epochs=run.until)

    def take_back(self, evaluation: Evaluation) -> Run:
        """The run of a trial that is out, which it is no longer. Raises ProtocolError for any other trial."""
        trial = evaluation.trial
        run = self._live.get(trial.id)
        if run is None or (trial is not run.sent and trial != run.sent):
            raise ProtocolError(
                f"LCE.tell: {trial} is not out. Expected a trial that ask gave out and that has not been "
                f"told yet (ids {self._ids_out()[:10]})."
            )
        if len(evaluation.curve.val_acc) != run.until and evaluation.status is not Status.STOPPED:
            raise ProtocolError(
                f"LCE.tell: expected a curve of {run.until} epochs for {trial}, got "
                f"{evaluation.curve.epochs}."
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
                {**_encode(run), "round": None if run.round is None else index[id(run.round)]}
                for run in self._live.values()
            ],
            "promoted": [run.trial.id for run in self._promoted],
            "fresh": [run.trial.id for run in self._fresh],
            "out": self._ids_out(),
            "silent": [
                {"trial": encode_trial(report.trial), **encode_evaluation(report)}
                for report in self._silent.values()
            ],
        }

    def load_state_dict(self, state: State, space: SearchSpace) -> None:
        self._clear()
        rounds: dict[int, Round] = {}
        for saved in state["runs"]:
            run = _decode(saved, space)
            if saved["round"] is not None:
                rounds.setdefault(saved["round"], Round()).add(run)
            self._live[run.trial.id] = run
        self._promoted.extend(self._live[trial_id] for trial_id in state["promoted"])
        self._fresh.extend(self._live[trial_id] for trial_id in state["fresh"])
        for trial_id in state["out"]:
            run = self._live[trial_id]
            run.sent = self._to_send(run)
        for saved in state["silent"]:
            report = decode_evaluation(saved, decode_trial(saved["trial"], space), status=Status.STOPPED)
            self._silent[report.trial.id] = report


def _encode(run: Run) -> State:
    return {
        "trial": encode_trial(run.trial),
        "until": run.until,
        "prefix": None if run.prefix is None else encode_evaluation(run.prefix),
        "started_s": run.started_s,
        "early_acc": None if run.early_acc is None else encode_floats(run.early_acc),
    }


def _decode(state: State, space: SearchSpace) -> Run:
    run = Run(decode_trial(state["trial"], space), state["until"])
    run.started_s = state["started_s"]
    run.early_acc = None if state["early_acc"] is None else decode_floats(state["early_acc"])
    if state["prefix"] is not None:
        looked_at = Trial(id=run.trial.id, arch=run.trial.arch, epochs=run.until)
        run.prefix = decode_evaluation(state["prefix"], looked_at)
    return run
