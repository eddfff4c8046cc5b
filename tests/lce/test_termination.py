from __future__ import annotations

import numpy as np
import pytest

from nascurve.errors import ConfigError
from nascurve.lce.termination import PredictiveTermination
from nascurve.simulator.types import Prediction


def prediction(mean: list[float], std: list[float]) -> Prediction:
    return Prediction(mean=np.array(mean), std=np.array(std))


NORMAL = prediction([0.6, 0.70, 0.72, 0.8], [0.05] * 4)
REACHED = [0.5] * 4


def test_conservative_stops_where_the_best_is_out_of_reach() -> None:
    """Best .79: normal scores 3.8, 1.8, 1.4 and -.2; the limit for delta .05 is 1.645."""
    rule = PredictiveTermination()
    assert rule.should_stop(NORMAL, 0.79, REACHED).tolist() == [True, True, False, False]
    assert (
        PredictiveTermination(delta=0.01).should_stop(NORMAL, 0.79, REACHED).tolist() == [True] + [False] * 3
    )


def test_quantiles_count_where_there_are() -> None:
    skewed = Prediction(
        mean=np.array([0.6, 0.6]),
        std=np.array([0.01, 0.01]),
        quantiles=np.array([[0.59, 0.60, 0.70], [0.59, 0.60, 0.81]]),
        levels=(0.05, 0.5, 0.95),
    )
    assert PredictiveTermination().should_stop(skewed, 0.8, [0.5, 0.5]).tolist() == [True, False]


def test_a_run_that_beats_the_best_goes_on() -> None:
    sure = prediction([0.7, 0.7, 0.7], [0.001, 0.001, 0.1])
    for mode in ("conservative", "optimistic"):
        rule = PredictiveTermination(mode=mode)
        assert rule.should_stop(sure, 0.8, [0.81, 0.5, 0.81]).tolist() == [False, True, False]


def test_optimistic_stops_also_what_is_certain() -> None:
    sure = prediction([0.9, 0.9], [0.004, 0.006])
    assert PredictiveTermination(mode="optimistic").should_stop(sure, 0.8, [0.5, 0.5]).tolist() == [
        True,
        False,
    ]
    assert not PredictiveTermination().should_stop(sure, 0.8, [0.5, 0.5]).any()


def test_without_a_best_only_certainty_stops() -> None:
    sure = prediction([0.1, 0.1], [0.004, 0.05])
    assert not PredictiveTermination().should_stop(sure, None, [0.1, 0.1]).any()
    assert PredictiveTermination(mode="optimistic").should_stop(sure, None, [0.1, 0.1]).tolist() == [
        True,
        False,
    ]


def test_no_runs() -> None:
    assert PredictiveTermination().should_stop(prediction([], []), 0.5, []).shape == (0,)


@pytest.mark.parametrize("options", [{"mode": "brave"}, {"delta": 0.0}, {"delta": 1.5}, {"max_std": 0.0}])
def test_refuses_bad_options(options: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=f"PredictiveTermination.{next(iter(options))}"):
        PredictiveTermination(**options)  # type: ignore[arg-type]


def test_refuses_bad_input() -> None:
    with pytest.raises(ConfigError, match="reached_acc of shape"):
        PredictiveTermination().should_stop(NORMAL, 0.8, [0.5])
    with pytest.raises(ConfigError, match="best_acc"):
        PredictiveTermination().should_stop(NORMAL, float("nan"), REACHED)
