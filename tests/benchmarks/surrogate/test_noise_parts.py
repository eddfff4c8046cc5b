"""The parts of the noise models, each against brute force or simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kurtosis, skew

from nascurve.benchmarks.surrogate.noise.dips import Dips
from nascurve.benchmarks.surrogate.noise.heavy_tails import heavy_tailed
from nascurve.benchmarks.surrogate.noise.resolution import resolution_of
from nascurve.benchmarks.surrogate.noise.run_residuals import RunResiduals
from nascurve.benchmarks.surrogate.noise.run_scales import robust_scale, window_mean


def test_window_mean_is_that_of_the_known_neighbours():
    values = np.random.default_rng(0).random((4, 9))
    values[1, 3] = values[2, :] = np.nan
    got = window_mean(values, 2)
    for t in range(9):
        known = values[:, max(0, t - 2) : t + 3]
        for row in (0, 1, 3):
            assert got[row, t] == pytest.approx(np.nanmean(known[row]))
    assert np.isnan(got[2]).all()


def test_robust_scale_keeps_normal_noise_and_cuts_off_outliers():
    values = 3 * np.random.default_rng(0).standard_normal((4000, 2))
    assert robust_scale(values) == pytest.approx([3, 3], rel=0.04)
    values[:40, 1] = 1000.0
    assert robust_scale(values)[1] < 3.4
    assert np.isnan(robust_scale(np.full((5, 1), np.nan)))[0]


def test_residuals_keep_the_variance_and_the_stated_skewness():
    rng = np.random.default_rng(0)
    group = np.repeat(np.arange(30_000), 3)
    noise = rng.exponential(0.01, (len(group), 2))  # third cumulant 2e-6
    residuals = RunResiduals.of(0.5 + noise, group)
    assert residuals.off_course.std(axis=0) == pytest.approx([0.01, 0.01], rel=0.02)
    third = (residuals.off_course**3).mean(axis=0)
    assert third == pytest.approx(residuals.kept_skewness[0] * 2e-6, rel=0.1)
    assert residuals.kept_skewness[0, 0] == pytest.approx(np.sqrt(1.5) / 3)


def test_single_runs_are_judged_by_their_own_smooth():
    rng = np.random.default_rng(0)
    course = 0.7 - 0.5 * np.exp(-np.sqrt(np.arange(1, 31)))
    luck = 0.1 * rng.standard_normal((3000, 1))
    residuals = RunResiduals.of(course + luck + 0.01 * rng.standard_normal((3000, 30)), np.arange(3000))
    assert residuals.alone.all()
    assert residuals.off_course.std() == pytest.approx(0.01, rel=0.1)  # nothing of the luck


def test_runs_count_where_they_are_known():
    curves = np.array([[0.1, 0.2, 0.3], [0.3, np.nan, np.nan], [0.2, 0.2, 0.3]])
    residuals = RunResiduals.of(curves, np.array([0, 0, 1]))
    assert residuals.off_course[0, 0] == pytest.approx(-0.1 * np.sqrt(2))
    assert np.isnan(residuals.off_course[0, 1:]).all()
    assert residuals.alone.tolist() == [False, False, True]


@pytest.mark.parametrize("lasting", [0.0, 0.5])
def test_cumulants_of_dips_are_those_of_their_losses(lasting):
    dips = Dips(np.array([0.3, 0.05, 0.0, 0.2, 0.1]), np.array([0.5, 1.0, 1.0, 0.4, 0.7]), lasting)
    losses = dips.losses(np.random.default_rng(0).standard_normal((100_000, 5)))
    mean, variance, third, fourth = dips.cumulants()
    assert losses.mean(axis=0) == pytest.approx(mean, rel=0.03, abs=2e-3)
    assert losses.var(axis=0) == pytest.approx(variance, rel=0.05, abs=1e-3)
    assert skew(losses)[0] * losses.var(axis=0)[0] ** 1.5 == pytest.approx(third[0], rel=0.1)
    assert kurtosis(losses)[0] * losses.var(axis=0)[0] ** 2 == pytest.approx(fourth[0], rel=0.3)
    assert losses.min() >= 0


def test_dips_are_fitted_to_the_skewness_and_only_to_a_negative_one():
    dips = Dips.fit(np.array([-0.5, -2.0, 0.3, -0.01]), np.array([0.3, 3.0, 1.0, 0.0]), 0.0)
    assert dips.cumulants()[2][:2] == pytest.approx([0.5, 2.0])
    assert dips.chance[2:].tolist() == [0, 0]
    assert (dips.cumulants()[1] <= 0.8).all()


def test_a_dip_is_made_good_over_three_epochs():
    dips = Dips(np.array([0.5, 0, 0, 0, 0, 0]), np.ones(6), 0.5)
    losses = dips.losses(np.array([[-3.0, 1, 1, 1, 1, 1]]))[0]
    assert losses[0] > 0
    assert losses / losses[0] == pytest.approx([1, 0.5, 0.25, 0.125, 0, 0])


def test_heavy_tails_have_the_kurtosis_asked_for_and_variance_one():
    normal = np.random.default_rng(0).standard_normal((400_000, 3))
    heavy = heavy_tailed(normal, np.array([0.0, 1.0, 3.0]))
    assert heavy.var(axis=0) == pytest.approx([1, 1, 1], rel=0.02)
    assert kurtosis(heavy) == pytest.approx([0, 1, 3], abs=0.4)
    assert np.array_equal(heavy[:, 0], normal[:, 0])


def test_resolution_is_the_number_of_examples():
    rng = np.random.default_rng(0)
    assert resolution_of(rng.integers(0, 4001, (50, 20)) / 4000) == 4000
    assert resolution_of(np.round(rng.integers(0, 10_000, (50, 20)) / 10_000, 4)) == 10_000
    assert resolution_of(rng.random((50, 20))) == 0
    assert resolution_of(np.full((50, 20), np.nan)) == 0
    assert resolution_of(np.array([[0.5, 0.25]])) == 0  # two values say nothing
