from __future__ import annotations

import numpy as np
import pytest

from nascurve.lce.promotion import HistoryThreshold, PromotionRule, TopN
from nascurve.simulator.types import Prediction


def predicted(*mean: float) -> Prediction:
    return Prediction(mean=np.array(mean), std=np.zeros(len(mean)))


NO_HISTORY = np.empty(0)


def test_top_n_best_first_ties_first_in_first_out() -> None:
    rule = TopN(k=5, top_n=3)
    assert rule.select(predicted(0.1, 0.5, 0.3, 0.5, 0.3), NO_HISTORY) == [1, 3, 2]
    assert rule.select(predicted(-np.inf, 0.2), NO_HISTORY) == [1, 0]


@pytest.mark.parametrize(
    ("fraction", "value", "promoted"),
    [
        (0.5, 0.61, True),  # top 2 of 5: .8, .6
        (0.5, 0.60, False),  # must beat it, not equal it
        (0.2, 0.79, False),
        (0.2, 0.81, True),
        (0.1, 0.79, False),  # floor(.5) = 0: the best is to be beaten
        (0.1, 0.81, True),
        (1.0, 0.11, True),
        (1.0, 0.10, False),
    ],
)
def test_history_threshold(fraction: float, value: float, promoted: bool) -> None:
    rule = HistoryThreshold(top_fraction=fraction, n_initial=20)
    history = np.array([0.4, 0.8, 0.1, 0.6, 0.2])
    assert rule.select(predicted(value), history) == ([0] if promoted else [])


def test_history_threshold_without_history() -> None:
    rule = HistoryThreshold(top_fraction=0.5, n_initial=0)
    assert rule.select(predicted(0.0), NO_HISTORY) == [0]
    assert rule.select(predicted(-np.inf), NO_HISTORY) == []


def test_both_are_promotion_rules() -> None:
    assert isinstance(TopN(k=1, top_n=1), PromotionRule)
    assert isinstance(HistoryThreshold(top_fraction=1, n_initial=0), PromotionRule)
