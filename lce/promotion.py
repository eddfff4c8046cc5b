"""Which candidates of a round are trained to the end: the rules that `LCE` can follow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np

from nascurve import options
from nascurve.simulator.types import FloatArray, Prediction


@runtime_checkable
class PromotionRule(Protocol):
    """Decides by predictions. Keeps no state: what it decides depends on its settings and arguments alone."""

    @property
    def round_size(self) -> int:
        """How many candidates are asked for and ranked together."""

    @property
    def n_initial(self) -> int:
        """How many candidates are trained to the end at first, without a stop at e_few."""

    def select(self, prediction: Prediction, history: FloatArray) -> Sequence[int]:
        """The rows of `prediction` (n candidates) to promote, best first.

        A diverged candidate has mean -inf and std 0. history: (m,), the accuracies at the predicted epoch of
        all runs trained to the end so far, in the order in which they finished.
        """


class TopN:
    """Algorithm 2: of k candidates, the `top_n` with the highest predicted mean. Ties: first in, first out.

    k: at least 1. top_n: from 1 to k, or a fraction of k in (0, 1), rounded, at least one candidate.
    Of fewer than k candidates (the base had no more) min(top_n, n) are promoted.
    """

    n_initial = 0

    def __init__(self, *, k: int, top_n: int | float) -> None:
        self.round_size = options.integer("LCE.k", k, at_least=1)
        if isinstance(top_n, float) and 0 < top_n < 1:
            top_n = max(1, round(top_n * self.round_size))
        hint = (
            f"k={k} candidates are trained to e_few, the top_n best of them (or a fraction of k) to the end."
        )
        self._top_n = options.integer("LCE.top_n", top_n, at_least=1, at_most=self.round_size, hint=hint)

    def select(self, prediction: Prediction, history: FloatArray) -> Sequence[int]:
        return _best_first(prediction)[: self._top_n]


class HistoryThreshold:
    """The rule of the NAS-Bench-x11 authors' code, one candidate at a time.

    It is promoted when its predicted mean is above the smallest of the best ⌊m·top_fraction⌋ accuracies in
    the history of m runs.

    Two gaps of that code are filled: where ⌊m·top_fraction⌋ is 0 the threshold is the best accuracy, and with
    an empty history every candidate that has not diverged is promoted.
    """

    round_size = 1

    def __init__(self, *, top_fraction: float, n_initial: int) -> None:
        self._top_fraction = options.real("LCE.top_fraction", top_fraction, above=0, at_most=1)
        self.n_initial = options.integer("LCE.n_initial", n_initial, at_least=0)

    def select(self, prediction: Prediction, history: FloatArray) -> Sequence[int]:
        threshold = -np.inf
        if len(history):
            place = len(history) - max(1, int(len(history) * self._top_fraction))
            threshold = np.partition(history, place)[place]
        return [row for row in _best_first(prediction) if prediction.mean[row] > threshold]


def _best_first(prediction: Prediction) -> list[int]:
    """Rows by falling mean, ties in order. For a few rows this is faster than argsort."""
    means = prediction.mean.tolist()
    return sorted(range(len(means)), key=means.__getitem__, reverse=True)
