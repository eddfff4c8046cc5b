"""The scores of a surrogate, against values computed by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from nascurve.benchmarks.surrogate.evaluation.accuracy_scores import (
    accuracy_scores,
    averages,
    scores_by_epoch,
)
from nascurve.benchmarks.surrogate.evaluation.divergence import (
    STD_FLOOR,
    kl_divergences,
    kl_scores,
    least_expected_kl,
)
from nascurve.benchmarks.surrogate.evaluation.noise_scores import (
    autocorrelation,
    coverage,
    exceedance,
    jitter,
    jitter_scores,
    seed_scores,
    spike_scores,
    spikes,
)
from nascurve.benchmarks.surrogate.evaluation.realism import auc_real_vs_simulated, curve_features
from nascurve.benchmarks.surrogate.evaluation.tables_of_seeds import against_tables
from nascurve.errors import ConfigError

Array = np.ndarray[Any, Any]
TRUTH = np.array([[0.1, 0.2], [0.2, 0.4], [0.3, 0.6], [0.4, 0.8]])


# accuracy


def test_averages_are_over_epochs_and_final_is_the_last() -> None:
    predicted = TRUTH.copy()
    predicted[:, 0] = [0.2, 0.1, 0.4, 0.3]  # SSE .04, SST .05; 4 of 6 pairs in order
    scores = accuracy_scores(TRUTH, predicted)
    assert scores["final_r2"] == 1
    assert scores["final_tau"] == 1
    assert scores["avg_r2"] == pytest.approx((0.2 + 1) / 2)
    assert scores["avg_tau"] == pytest.approx((1 / 3 + 1) / 2)
    assert scores["avg_mae"] == pytest.approx(0.05)
    assert averages(scores_by_epoch(TRUTH, predicted), skip=1)["avg_r2"] == 1


def test_missing_values_leave_out_an_architecture_at_that_epoch_alone() -> None:
    truth, predicted = TRUTH.copy(), TRUTH.copy()
    truth[3, 1], predicted[3, 1] = np.nan, 0.0
    assert accuracy_scores(truth, predicted)["final_r2"] == 1
    truth[2, 1] = np.nan  # two are left
    scores = accuracy_scores(truth, predicted)
    assert math.isnan(scores["final_r2"])
    assert scores["avg_r2"] == 1


def test_constant_predictions_rank_nothing_and_constant_truths_have_no_r2() -> None:
    scores = accuracy_scores(TRUTH, np.full_like(TRUTH, 0.25))
    assert scores["avg_tau"] == 0
    constant = np.column_stack([np.full(4, 0.5), TRUTH[:, 1]])
    assert accuracy_scores(constant, TRUTH)["avg_r2"] == 1  # of the second epoch
    assert math.isnan(accuracy_scores(constant[:, :1], TRUTH[:, :1])["final_r2"])


# divergence


def test_kl_of_two_gaussians() -> None:
    real = [np.array([[0.4, 0.5], [0.6, 0.5]])]  # means .5; variances .02, 0 (the floor)
    other = [np.array([[0.5, 0.5], [0.9, 0.5]])]  # means .7, .5; variances .08, 0
    expected = 0.5 * (math.log(4) - 1 + 0.04 / 0.08 + 0.02 / 0.08)
    np.testing.assert_allclose(kl_divergences(real, other), [[expected, 0]], atol=1e-12)
    apart = [np.array([[0.5, 0.5 + STD_FLOOR], [0.9, 0.5 + STD_FLOOR]])]
    assert kl_divergences(real, apart)[0, 1] == pytest.approx(0.5)


@pytest.mark.parametrize("n_runs", [3, 8])
def test_the_least_expected_kl_is_what_the_truth_gets(n_runs: int) -> None:
    rng = np.random.default_rng(0)
    real = list(rng.normal(0.5, 0.05, (4000, n_runs, 1)))
    true = [rng.normal(0.5, 0.05, (20_000, 1))] * len(real)
    assert kl_divergences(real, true).mean() == pytest.approx(least_expected_kl([n_runs]), abs=0.02)


def test_kl_needs_several_runs_of_several_architectures() -> None:
    rng = np.random.default_rng(0)
    draws = [rng.normal(0.5, 0.05, (50, 4))] * 6
    runs = [rng.normal(0.5, 0.05, (3, 4)) for _ in range(6)]
    assert kl_scores(runs, draws)["avg_kl"] > 0
    runs[0], runs[1] = runs[0][:2], runs[1].copy()
    assert math.isfinite(kl_scores(runs, draws)["avg_kl"])
    runs[1][0, 3] = np.nan  # an incomplete run: two are left, of four architectures
    assert all(map(math.isnan, kl_scores(runs, draws).values()))


# noise


def test_spikes_are_shares_above_the_thresholds() -> None:
    real = np.array([[0.5, 0.7, 0.6], [0.1, 0.2, 0.3]])
    simulated = np.array([[0.5, 0.9, 0.6], [0.5, 0.7, 0.66], [0.1, 0.2, 0.3], [0.1, 0.2, 0.3]])
    np.testing.assert_allclose(spikes(real), [0.1, 0])
    np.testing.assert_allclose(exceedance(simulated, np.array([0.02, 0.2])), [0.5, 0.25])
    scores = spike_scores(real, simulated, typical=0.2, thresholds=(0.02, 0.05))
    assert scores == {
        "spike_prob_p95_real": 0,
        "spike_prob_p95_surrogate": 0.25,
        "spike_prob_0.02_real": 0.5,
        "spike_prob_0.02_surrogate": 0.5,
        "spike_prob_0.05_real": 0.5,
        "spike_prob_0.05_surrogate": 0.25,
    }


def test_jitter_is_off_a_centred_average_that_narrows_at_the_ends() -> None:
    line = np.arange(12.0)[None]
    np.testing.assert_allclose(jitter(line), 0, atol=1e-12)
    peak = np.zeros((1, 12))
    peak[0, 1] = 0.9
    np.testing.assert_allclose(jitter(peak)[0, :4], [0, 0.6, -0.18, -0.9 / 7])


def test_autocorrelation_of_alternating_and_of_persisting_residuals() -> None:
    alternating = np.tile([1.0, -1.0], 8)[None]
    assert autocorrelation(alternating, 1) == pytest.approx(-1)
    assert autocorrelation(alternating, 2) == pytest.approx(1)
    assert math.isnan(autocorrelation(np.zeros((2, 5)), 1))
    assert math.isnan(autocorrelation(alternating[:, :2], 2))


def test_jitter_scores_tell_white_noise_from_correlated_noise() -> None:
    rng = np.random.default_rng(0)
    white = rng.normal(0, 0.01, (200, 40))
    walk = np.cumsum(rng.normal(0, 0.01, (200, 40)), axis=1)
    scores = jitter_scores(walk, white)
    assert scores["noise_autocorrelation_1_real"] > scores["noise_autocorrelation_1_surrogate"] + 0.3
    assert scores["noise_std_surrogate"] == pytest.approx(0.01, rel=0.1)


def test_seed_scores_estimate_the_spread_and_the_lasting_luck_of_runs() -> None:
    rng = np.random.default_rng(0)
    luck = [rng.normal(0.5, 0.03, (4, 1)) + np.zeros((4, 10)) for _ in range(300)]
    white = [rng.normal(0.5, 0.03, (4, 10)) for _ in range(300)]
    scores = seed_scores(luck, white)
    assert scores["seed_std_real"] == pytest.approx(0.03, rel=0.1)
    assert scores["seed_std_surrogate"] == pytest.approx(0.03, rel=0.1)
    assert scores["seed_autocorrelation_4_real"] == pytest.approx(1)
    assert abs(scores["seed_autocorrelation_4_surrogate"]) < 0.05
    assert all(map(math.isnan, seed_scores([luck[0][:1]], [white[0][:1]]).values()))


def test_coverage_counts_measured_values_inside_the_central_interval() -> None:
    draws = [np.linspace(0, 1, 101)[:, None].repeat(2, axis=1)]
    assert coverage([np.array([[0.5, 0.96], [0.06, np.nan]])], draws) == pytest.approx(2 / 3)
    assert coverage([np.array([[0.5, 0.96]])], draws, share=0.98) == 1
    assert math.isnan(coverage([np.full((1, 2), np.nan)], draws))


# real or simulated


def _curves(rng: np.random.Generator, noise: float) -> Array:
    final = rng.uniform(0.4, 0.8, (80, 1))
    return np.asarray(final - 0.3 / np.arange(1, 16) + rng.normal(0, noise, (80, 15)))


def test_a_classifier_sees_another_noise_and_does_not_see_the_same() -> None:
    rng = np.random.default_rng(0)
    keys = [f"net-{n // 2}" for n in range(80)]
    real = _curves(rng, 0.01)
    assert auc_real_vs_simulated(real, _curves(rng, 0.03), keys, rng=rng) > 0.9
    assert abs(auc_real_vs_simulated(real, _curves(rng, 0.01), keys, rng=rng) - 0.5) < 0.15
    assert math.isnan(auc_real_vs_simulated(real[:6], real[:6], keys[:6], rng=rng))


def test_curves_of_an_architecture_are_never_on_both_sides_of_a_fold() -> None:
    """Architectures of one level each, real and simulated apart by so little that only a forest which has
    seen the architecture could tell: were folds drawn by run, the AUC would be near 1."""
    rng = np.random.default_rng(0)
    level = np.repeat(rng.uniform(0.2, 0.8, 30), 8)[:, None]
    sign = np.repeat(rng.choice([-1, 1], 30), 8)[:, None]
    real, simulated = (level + side * sign * 1e-4 + np.zeros((240, 8)) for side in (1, -1))
    keys = [f"net-{n // 8}" for n in range(240)]
    assert auc_real_vs_simulated(real, simulated, keys, rng=rng) < 0.7
    assert auc_real_vs_simulated(real, simulated, [str(n) for n in range(240)], rng=rng) > 0.9


def test_features_of_a_curve() -> None:
    curve = np.array([[0.1, 0.3, 0.2, 0.4, 0.5, 0.4]])
    features = curve_features(curve)[0]
    assert len(features) == 6 + 5 + 2 + 1
    np.testing.assert_allclose(features[6:11], [0.2, -0.1, 0.2, 0.1, -0.1])
    assert features[11] == pytest.approx(curve[0, :5].std())
    assert features[-1] == pytest.approx(0.1)


# tables of seeds


def test_a_table_is_judged_by_the_other_seeds() -> None:
    base = TRUTH[:, None, :]
    runs = np.concatenate([base, base + 0.1, base - 0.05], axis=1)
    rows = against_tables(runs, TRUTH + 0.3, rng=np.random.default_rng(0), seeds=(1, 2))
    assert [(row["estimator"], row["seeds"], row["judged_by"]) for row in rows] == [
        ("table", 1, 2),
        ("surrogate", 1, 2),
        ("table", 2, 1),
        ("surrogate", 2, 1),
    ]
    # offsets 0, .1, -.05: one against the mean of the others, and the mean of two against the third
    assert rows[0]["final_mae"] == pytest.approx((0.025 + 0.125 + 0.1) / 3)
    assert rows[2]["final_mae"] == pytest.approx((0.025 + 0.125 + 0.1) / 3)
    assert rows[1]["final_mae"] == pytest.approx(0.3 - 0.05 / 3)
    assert rows[3]["final_mae"] == pytest.approx(0.3 - 0.05 / 3)


def test_tables_need_seeds_to_be_judged_by() -> None:
    with pytest.raises(ConfigError, match="expected more than 4 complete runs"):
        against_tables(np.zeros((5, 4, 3)), np.zeros((5, 3)), rng=np.random.default_rng(0))
