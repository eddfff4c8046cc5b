"""A search that is watched from outside: what its extrapolator predicts, and what it starts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from nascurve.simulator.types import (
    Evaluation,
    Extrapolator,
    FloatArray,
    Optimizer,
    Prediction,
    Problem,
    State,
    Trial,
)

if TYPE_CHECKING:
    from nascurve.simulator.simulation import Simulation

INTERVAL = (0.05, 0.95)
"""Levels of the predicted interval: 90 %."""


class PredictedValue(NamedTuple):
    """What was predicted for one learning curve: its accuracy after `at_epoch`, with the ends of a 90 %
    interval.

    evaluation: index of the evaluation that the search was told of when it predicted.
    """

    evaluation: int
    prefix: FloatArray
    at_epoch: int
    mean: float
    low: float
    high: float


class StartedTrial(NamedTuple):
    """A trial that the search asked for, at a moment of the simulated clock."""

    trial: Trial
    time_s: float


class Recorder:
    """Keeps what `watched_optimizer` and `watched_extrapolator` see. Give `advance` to `simulate` as its
    `progress`. One recorder a search.

    predictions, started: in the order in which they were made.
    """

    def __init__(self) -> None:
        self.predictions: list[PredictedValue] = []
        self.started: list[StartedTrial] = []
        self._n_evaluations = 0
        self._time_s = 0.0

    def advance(self, simulation: Simulation) -> None:
        """Note how far the search is."""
        self._n_evaluations = simulation.n_evaluations
        self._time_s = simulation.time_s

    def watched_optimizer(self, optimizer: Optimizer) -> Optimizer:
        """The same optimizer; what it asks for is kept."""
        return _WatchedOptimizer(optimizer, self)

    def watched_extrapolator(self, extrapolator: Extrapolator) -> Extrapolator:
        """The same extrapolator; what it predicts is kept."""
        return _WatchedExtrapolator(extrapolator, self)

    def note_asked(self, trials: Sequence[Trial]) -> None:
        self.started.extend(StartedTrial(trial, self._time_s) for trial in trials)

    def note_predicted(self, prefixes: FloatArray, at_epoch: int, prediction: Prediction) -> None:
        from nascurve.lce.predictive_distribution import PredictiveDistribution

        if not len(prefixes):
            return
        interval = PredictiveDistribution(prediction).quantiles(INTERVAL)
        for prefix, mean, (low, high) in zip(
            prefixes, prediction.mean.tolist(), interval.tolist(), strict=True
        ):
            self.predictions.append(
                PredictedValue(self._n_evaluations, prefix.copy(), at_epoch, mean, low, high)
            )


class _WatchedOptimizer:
    def __init__(self, inner: Optimizer, recorder: Recorder) -> None:
        self._inner = inner
        self._recorder = recorder

    def begin(self, problem: Problem) -> None:
        self._inner.begin(problem)

    def ask(self, n: int) -> list[Trial]:
        trials = self._inner.ask(n)
        self._recorder.note_asked(trials)
        return trials

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        self._inner.tell(evaluations)

    def state_dict(self) -> State:
        return self._inner.state_dict()

    def load_state_dict(self, state: State) -> None:
        self._inner.load_state_dict(state)


class _WatchedExtrapolator:
    """Passes encodings of architectures on to extrapolators that want them (see `Forecaster`)."""

    def __init__(self, inner: Extrapolator, recorder: Recorder) -> None:
        self._inner: Any = inner
        self._recorder = recorder
        self.encoding: str | None = getattr(inner, "encoding", None)

    def fit(self, curves: FloatArray, *encodings: FloatArray) -> None:
        self._inner.fit(curves, *encodings)

    def predict(self, prefixes: FloatArray, at_epoch: int, *encodings: FloatArray) -> Prediction:
        prediction: Prediction = self._inner.predict(prefixes, at_epoch, *encodings)
        self._recorder.note_predicted(np.asarray(prefixes), at_epoch, prediction)
        return prediction
