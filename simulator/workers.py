"""The workers and what each of them is training: the simulator's heap of finish events."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any, NamedTuple

from nascurve.simulator.training_run import TrainingRun
from nascurve.simulator.types import Architecture, Trial


class PendingTrial(NamedTuple):
    """A trial in training. Sorts by the moment of its finish, and where these tie, first in first out.

    order: counts the starts of the whole run.  epochs: until which it trains.
    charged_epochs, charged_s: what it will have cost.
    """

    finished_s: float
    order: int
    worker: int
    trial: Trial
    run: TrainingRun
    epochs: int
    charged_epochs: int
    started_s: float
    charged_s: float


class Workers:
    """`n` workers, numbered from 0; of those that are free the lowest number starts first.

    n_free, n_pending: how many are free, how many are training.  n_started: trials started so far.
    """

    def __init__(self, n: int) -> None:
        self._free = list(range(n))
        self._pending: list[PendingTrial] = []
        self.n_started = 0

    @property
    def n_free(self) -> int:
        return len(self._free)

    @property
    def n_pending(self) -> int:
        return len(self._pending)

    def start(
        self,
        trial: Trial,
        run: TrainingRun,
        epochs: int,
        *,
        charged_epochs: int,
        started_s: float,
        charged_s: float,
    ) -> None:
        """Let a free worker train `run` until epoch `epochs`, from `started_s` on for `charged_s`."""
        heappush(
            self._pending,
            PendingTrial(
                started_s + charged_s,
                self.n_started,
                heappop(self._free),
                trial,
                run,
                epochs,
                charged_epochs,
                started_s,
                charged_s,
            ),
        )
        self.n_started += 1

    def next_to_finish(self) -> PendingTrial:
        return self._pending[0]

    def in_training(self) -> list[tuple[TrainingRun, int]]:
        """The training runs that are with workers, and the epoch each is trained to."""
        return [(item.run, item.epochs) for item in self._pending]

    def finish_next(self) -> None:
        """Free the worker of `next_to_finish`."""
        pending = heappop(self._pending)
        heappush(self._free, pending.worker)

    def to_rows(self) -> list[list[Any]]:
        """What is in training, as JSON can hold it."""
        return [
            [
                item.trial.id,
                str(item.trial.arch),
                item.trial.epochs,
                item.run.seed,
                item.worker,
                item.order,
                item.epochs,
                item.charged_epochs,
                item.started_s,
                item.finished_s,
                item.charged_s,
            ]
            for item in sorted(self._pending)
        ]

    @classmethod
    def from_rows(
        cls,
        n: int,
        rows: list[list[Any]],
        started: int,
        runs: dict[int, TrainingRun],
        parse: Callable[[str], Architecture],
    ) -> Workers:
        """The workers that gave these rows, `started` trials having been started so far. Puts the training
        runs that are new into `runs`, and marks all of the rows' as pending."""
        workers = cls(n)
        workers.n_started = started
        for number, text, epochs_asked, seed, worker, order, epochs, charged_epochs, *seconds in rows:
            trial = Trial(id=number, arch=parse(text), epochs=epochs_asked)
            run = runs.setdefault(number, TrainingRun(trial.arch, seed))
            run.pending = True
            started_s, finished_s, charged_s = seconds
            workers._free.remove(worker)
            workers._pending.append(
                PendingTrial(
                    finished_s, order, worker, trial, run, epochs, charged_epochs, started_s, charged_s
                )
            )
        workers._pending.sort()
        return workers
