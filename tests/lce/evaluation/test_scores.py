"""Scores of predictions: ranks, errors, calibration; ties and constants."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from nascurve.lce.evaluation.scores import METRICS, NOMINAL, Scores
from nascurve.simulator.types import FloatArray, Prediction


def scores(mean: FloatArray, truth: FloatArray, std: float = 0.1) -> Scores:
    return Scores.of(Prediction(mean=mean, std=np.full(len(mean), std)), truth)


def test_ranks_and_errors_by_hand() -> None:
    truth = np.array([0.1, 0.2, 0.3, 0.4])
    swapped = scores(np.array([0.1, 0.3, 0.2, 0.4]), truth)
    assert swapped.tau == pytest.approx(4 / 6)  # one of six pairs the other way round
    assert swapped.rho == pytest.approx(0.8)
    assert swapped.rmse == pytest.approx(np.sqrt(0.02 / 4))
    assert swapped.recall_top10 == 1  # of four the best one is the best 10 %


def test_ties_count_as_in_tau_b() -> None:
    rng = np.random.default_rng(0)
    truth, mean = rng.uniform(size=40), rng.integers(5, size=40) / 5
    got = scores(mean, truth)
    assert got.tau == pytest.approx(stats.kendalltau(mean, truth).statistic)
    assert got.rho == pytest.approx(stats.spearmanr(mean, truth).statistic)


@pytest.mark.parametrize("which", ["mean", "truth"])
def test_a_constant_ranks_nothing(which: str) -> None:
    varied, constant = np.linspace(0.1, 0.9, 50), np.full(50, 0.5)
    got = scores(constant, varied) if which == "mean" else scores(varied, constant)
    assert (got.tau, got.rho) == (0, 0)
    assert got.recall_top10 == pytest.approx(0.1)  # by chance
    assert all(np.isfinite(getattr(got, metric)) for metric in METRICS)


def test_recall_with_ties_is_the_expected_one() -> None:
    truth = np.linspace(0, 1, 20)  # the best two are the last two
    mean = np.zeros(20)
    mean[[17, 18, 19]] = 1.0  # two of these three are drawn
    assert scores(mean, truth).recall_top10 == pytest.approx(2 / 3)
    mean[19] = 2.0
    assert scores(mean, truth).recall_top10 == pytest.approx((1 + 1 / 2) / 2)


def test_calibration_of_an_honest_and_of_a_vain_prediction() -> None:
    rng = np.random.default_rng(1)
    mean = rng.uniform(0.3, 0.7, 4000)
    truth = mean + rng.normal(0, 0.02, 4000)
    honest, vain = scores(mean, truth, 0.02), scores(mean, truth, 0.002)
    assert honest.coverage_50 == pytest.approx(0.5, abs=0.03)
    assert honest.coverage_90 == pytest.approx(0.9, abs=0.02)
    assert honest.below == pytest.approx(NOMINAL, abs=0.03)
    assert vain.coverage_90 < 0.2
    assert vain.log_lik < honest.log_lik
    assert vain.crps > honest.crps
    density = stats.norm.pdf(truth, mean, 0.02)
    assert honest.log_lik == pytest.approx(np.log(0.99 * density + 0.01).mean())


def test_a_surprise_costs_no_more_than_a_bounded_log_likelihood() -> None:
    surprise = scores(np.array([0.5, 0.2]), np.array([0.9, 0.1]), std=1e-6)
    assert surprise.log_lik == pytest.approx(np.log(0.01))
