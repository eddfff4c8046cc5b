"""The distribution that a prediction stands for, against scipy and numeric integration."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from nascurve.lce._levels import LEVELS
from nascurve.lce.predictive_distribution import MIN_STD, PredictiveDistribution
from nascurve.simulator.types import FloatArray, Prediction

MEAN, STD = np.array([0.5, 0.7, 0.2]), np.array([0.1, 0.02, 0.005])
TRUTH = np.array([0.62, 0.7, 0.19])
SKEWED = np.array([[0.2, 0.5, 0.6, 0.64, 0.65], [0.1, 0.11, 0.3, 0.5, 0.9], [0.4, 0.45, 0.5, 0.55, 0.6]])


def normal(quantiles: bool) -> Prediction:
    if not quantiles:
        return Prediction(mean=MEAN, std=STD)
    at = MEAN[:, None] + STD[:, None] * stats.norm.ppf(LEVELS)
    return Prediction(mean=MEAN + 9, std=STD * 9, quantiles=at, levels=LEVELS)  # mean and std are not used


def skewed() -> PredictiveDistribution:
    return PredictiveDistribution(
        Prediction(mean=np.zeros(3), std=np.ones(3), quantiles=SKEWED, levels=LEVELS)
    )


def numeric_crps(distribution: PredictiveDistribution, row: int, truth: float, n: int = 3) -> float:
    def square(y: float) -> float:
        return float((distribution.cdf(np.full(n, y))[row] - (y >= truth)) ** 2)

    breaks = sorted({truth, *SKEWED[row]})
    edges = [-3.0, *breaks, 4.0]
    return sum(integrate.quad(square, a, b, limit=200)[0] for a, b in itertools.pairwise(edges))


@pytest.mark.parametrize("quantiles", [False, True])
def test_a_normal_prediction_is_scored_as_the_normal_distribution(quantiles: bool) -> None:
    distribution = PredictiveDistribution(normal(quantiles))
    z = (TRUTH - MEAN) / STD
    assert distribution.cdf(TRUTH) == pytest.approx(stats.norm.cdf(z))
    assert distribution.log_density(TRUTH) == pytest.approx(stats.norm.logpdf(TRUTH, MEAN, STD))
    closed = STD * (z * (2 * stats.norm.cdf(z) - 1) + 2 * stats.norm.pdf(z) - 1 / np.sqrt(np.pi))
    assert distribution.crps(TRUTH) == pytest.approx(closed)
    levels = (0.01, 0.3, 0.5, 0.99)
    assert distribution.quantiles(levels) == pytest.approx(
        MEAN[:, None] + STD[:, None] * stats.norm.ppf(levels)
    )


@pytest.mark.parametrize("truth", [-0.2, 0.31, 0.52, 0.645, 0.91])
def test_quantiles_are_met_and_scores_are_those_of_the_distribution(truth: float) -> None:
    distribution = skewed()
    for column, level in enumerate(LEVELS):
        assert distribution.cdf(SKEWED[:, column]) == pytest.approx([level] * 3)
    assert distribution.quantiles(LEVELS) == pytest.approx(SKEWED)
    crps = distribution.crps(np.full(3, truth))
    for row in range(3):
        assert crps[row] == pytest.approx(numeric_crps(distribution, row, truth), abs=2e-6)
    step = 1e-7
    slope = (distribution.cdf(np.full(3, truth + step)) - distribution.cdf(np.full(3, truth - step))) / (
        2 * step
    )
    assert np.exp(distribution.log_density(np.full(3, truth))) == pytest.approx(slope, rel=1e-4, abs=1e-6)


def test_the_density_integrates_to_one() -> None:
    distribution = skewed()
    for row in range(3):

        def density(y: float, row: int = row) -> float:
            return float(np.exp(distribution.log_density(np.full(3, y))[row]))

        edges = [-3.0, *SKEWED[row], 4.0]
        whole = sum(integrate.quad(density, a, b)[0] for a, b in itertools.pairwise(edges))
        assert whole == pytest.approx(1, abs=1e-5)
    assert len(distribution) == 3


@pytest.mark.parametrize("quantiles", [None, np.full((2, 5), 0.3)])
def test_certainty_has_a_floor(quantiles: FloatArray | None) -> None:
    """A certain prediction: its density is that of MIN_STD, its CRPS nearly the absolute error."""
    levels = () if quantiles is None else LEVELS
    distribution = PredictiveDistribution(
        Prediction(mean=np.full(2, 0.3), std=np.zeros(2), quantiles=quantiles, levels=levels)
    )
    truth = np.array([0.3, 0.8])
    assert distribution.log_density(truth)[0] == pytest.approx(stats.norm.logpdf(0, 0, MIN_STD))
    assert distribution.crps(truth) == pytest.approx([0, 0.5], abs=MIN_STD)
    assert np.isfinite(distribution.log_density(truth)).all()


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.floats(0, 1), min_size=5, max_size=5),
    st.floats(-0.5, 1.5),
)
def test_any_quantiles_give_finite_sensible_scores(values: list[float], truth: float) -> None:
    quantiles = np.sort(values)[None]
    distribution = PredictiveDistribution(
        Prediction(mean=np.zeros(1), std=np.zeros(1), quantiles=quantiles, levels=LEVELS)
    )
    at = np.array([truth])
    assert np.isfinite(distribution.log_density(at)).all()
    assert 0 <= distribution.crps(at)[0] < 2.5
    assert (np.diff(distribution.quantiles(np.linspace(0.01, 0.99, 30).tolist())) > 0).all()
    beyond = distribution.cdf(np.array([quantiles[0, -1] + 0.01]))[0]
    assert distribution.cdf(np.array([quantiles[0, 0] - 0.01]))[0] < beyond
