from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from nascurve.optimizers.acquisitions import acquire

RNG = np.random.default_rng(0)
PREDICTIONS = RNG.normal([0.0, 1.0, 2.0, 2.0], [0.1, 0.5, 0.1, 1.0], (6, 4))
MEAN, STD = PREDICTIONS.mean(axis=0), PREDICTIONS.std(axis=0)


def test_mean_and_upper_bound() -> None:
    assert acquire("exploit", PREDICTIONS, 1.5, RNG) == pytest.approx(MEAN)
    assert acquire("ucb", PREDICTIONS, 1.5, RNG) == pytest.approx(MEAN + 0.5 * STD)


def test_expected_improvement_is_the_integral() -> None:
    best = 1.8
    draws = norm.ppf((np.arange(200_000) + 0.5) / 200_000)
    expected = [np.maximum(m + s / 5 * draws - best, 0).mean() for m, s in zip(MEAN, STD, strict=True)]
    assert acquire("ei", PREDICTIONS, best, RNG) == pytest.approx(expected, rel=1e-3, abs=1e-6)


def test_probability_of_improvement_orders_alike() -> None:
    probability = norm.cdf((MEAN - 1.5) / STD)
    scores = acquire("pi", PREDICTIONS, 1.5, RNG)
    assert np.argsort(scores).tolist() == np.argsort(probability).tolist()


def test_thompson_sampling_takes_one_member_and_the_independent_one_a_draw_for_each() -> None:
    scores = acquire("ts", PREDICTIONS, 1.5, RNG)
    assert any(np.array_equal(scores, member) for member in PREDICTIONS)
    draws = np.array([acquire("its", PREDICTIONS, 1.5, RNG) for _ in range(4000)])
    assert draws.mean(axis=0) == pytest.approx(MEAN, abs=0.1)
    assert draws.std(axis=0) == pytest.approx(STD, rel=0.1)
    assert abs(np.corrcoef(draws.T)[0, 1]) < 0.1


@pytest.mark.parametrize("kind", ["its", "ucb", "ei", "pi", "ts", "exploit"])
def test_members_that_agree_give_finite_scores_in_the_order_of_the_mean(kind: str) -> None:
    scores = acquire(kind, np.tile([1.0, 3.0, 2.0], (5, 1)), 0.5, RNG)
    assert np.isfinite(scores).all()
    assert np.argsort(scores).tolist() == [0, 2, 1]
