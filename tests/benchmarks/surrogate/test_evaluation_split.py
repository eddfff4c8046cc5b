"""Splits by architecture, and what is scored on them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from nascurve.benchmarks.surrogate.curve_data import CurveData
from nascurve.benchmarks.surrogate.evaluation import key_split
from nascurve.benchmarks.surrogate.evaluation.evaluate_split import SplitResult, evaluate_split
from nascurve.benchmarks.surrogate.evaluation.held_out import HeldOut
from nascurve.benchmarks.surrogate.evaluation.key_split import KeySplit
from nascurve.errors import ConfigError
from tests.benchmarks.surrogate.fakes import NOISE, SPACE, E, FakeSurrogate, architectures, data


def keys_of(runs: CurveData, split: KeySplit) -> tuple[set[str], set[str]]:
    train = {runs.keys[row] for row in split.train}
    return train, {runs.keys[row] for rows in split.test for row in rows}


# splits


def test_runs_of_one_network_are_never_on_both_sides() -> None:
    runs = data([3] * 60)
    for number in range(5):
        split = KeySplit.draw(runs, seed=0, number=number)
        train, test = keys_of(runs, split)
        assert not train & test
        assert len(test) == 12
        assert len(train) == 48
        assert len(split.train) == 3 * 48
        assert all(len(rows) == 3 for rows in split.test)


def test_isomorphic_architectures_count_as_one() -> None:
    """Cells without a path are the same network whatever else they hold."""
    archs = architectures(40)
    twins = [SPACE.parse(text) for text in _dead_cells()]
    assert len({SPACE.key(twin) for twin in twins}) == 1
    everything = [*archs, *twins] * 2
    runs = CurveData.of(SPACE, everything, np.full((len(everything), E), 0.5))
    for number in range(20):
        train, test = keys_of(runs, KeySplit.draw(runs, seed=0, number=number))
        assert not train & test


def _dead_cells() -> list[str]:
    return [
        f"|{op}~0|+|none~0|none~1|+|none~0|none~1|none~2|" for op in ("none", "skip_connect", "nor_conv_3x3")
    ]


def test_a_split_stays_the_same_and_smaller_training_sets_lie_in_larger_ones() -> None:
    runs = data([1] * 80)
    split, again = (KeySplit.draw(runs, seed=3, number=2) for _ in range(2))
    np.testing.assert_array_equal(split.train, again.train)
    small, smaller = (KeySplit.draw(runs, seed=3, number=2, max_train=n) for n in (30, 15))
    assert keys_of(runs, small)[1] == keys_of(runs, split)[1]
    assert keys_of(runs, smaller)[0] < keys_of(runs, small)[0] < keys_of(runs, split)[0]
    assert keys_of(runs, KeySplit.draw(runs, seed=3, number=1))[1] != keys_of(runs, split)[1]


def test_repeated_architectures_are_there_to_judge_by_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_split, "MIN_REPEATED", 20)
    runs = data([8] * 20 + [3] * 40)
    split = KeySplit.draw(runs, seed=0, number=0)
    assert all(len(rows) == 8 for rows in split.test)
    assert len(split.test) == 12
    assert len(split.train) == 3 * 40


def test_only_testable_architectures_are_tested() -> None:
    runs = data([1] * 60)
    testable = frozenset(sorted(runs.keys)[:25])
    train, test = keys_of(runs, KeySplit.draw(runs, seed=0, number=0, testable=testable))
    assert test < testable
    assert train | test == set(runs.keys)


def test_too_few_architectures_are_refused() -> None:
    with pytest.raises(ConfigError, match="got 10 and 5 of 15 in all"):
        KeySplit.draw(data([2] * 15), seed=0, number=0)


# what is judged


def test_held_out_truth_is_the_mean_of_the_runs_that_have_a_value() -> None:
    values = np.array([[0.2, 0.4, 0.6], [0.4, 0.6, np.nan], [0.1, np.nan, np.nan]])
    archs = architectures(2)
    runs = CurveData.of(SPACE, [archs[0], archs[0], archs[1]], values)
    held_out = HeldOut.of(runs, runs.by_arch(), early_epochs=1)
    np.testing.assert_allclose(held_out.truth, [[0.3, 0.5, 0.6], [0.1, np.nan, np.nan]])
    assert held_out.early is not None
    np.testing.assert_allclose(held_out.early, [[0.3], [0.1]])
    assert len(HeldOut.of(runs, runs.by_arch(), early_epochs=2).archs) == 1  # the other diverged before


def scored(runs: CurveData, surrogate: FakeSurrogate, *, early_epochs: int = 0) -> SplitResult:
    split = KeySplit.draw(runs, seed=0, number=0)
    return evaluate_split(runs, split, lambda fitted, seed: surrogate, seed=0, early_epochs=early_epochs)


def test_a_surrogate_that_knows_the_truth_gets_the_best_scores() -> None:
    result = scored(data([5] * 80), FakeSurrogate())
    scores = result.scores
    assert scores["n_train"] == 64
    assert scores["n_test"] == 16
    assert scores["avg_r2"] > 0.98
    assert scores["final_tau"] > 0.9
    assert scores["avg_kl"] == pytest.approx(scores["expected_kl_if_true"], abs=0.12)
    assert scores["coverage_90"] == pytest.approx(0.9, abs=0.03)
    assert scores["noise_std_surrogate"] == pytest.approx(scores["noise_std_real"], rel=0.1)
    assert scores["seed_std_real"] == pytest.approx(NOISE, rel=0.1)
    assert scores["spike_prob_0.02_surrogate"] == pytest.approx(scores["spike_prob_0.02_real"], abs=0.1)
    assert abs(scores["auc_real_vs_simulated"] - 0.5) < 0.15
    assert scores["diverged_surrogate"] == 0
    rows = {(row["estimator"], row["seeds"]): row for row in result.tables}
    assert rows["surrogate", 1]["final_mae"] < rows["table", 1]["final_mae"]
    assert len(result.by_epoch["r2"]) == E
    assert result.exceedance["real"][0] > result.exceedance["real"][-1] == 0


def test_wrong_noise_is_seen_by_every_score_of_noise() -> None:
    runs = data([4] * 80)
    right, wrong = scored(runs, FakeSurrogate()).scores, scored(runs, FakeSurrogate(noise=3 * NOISE)).scores
    assert wrong["avg_r2"] == right["avg_r2"]
    assert wrong["avg_kl"] > right["avg_kl"] + 0.3
    assert wrong["coverage_90"] > 0.97
    assert wrong["auc_real_vs_simulated"] > 0.9
    assert wrong["spike_prob_0.02_surrogate"] > wrong["spike_prob_0.02_real"] + 0.2
    assert wrong["noise_std_surrogate"] > 2 * wrong["noise_std_real"]


def test_single_runs_give_no_kl_and_no_tables() -> None:
    result = scored(data([1] * 80), FakeSurrogate())
    assert math.isnan(result.scores["avg_kl"])
    assert math.isnan(result.scores["seed_std_real"])
    assert result.tables == []
    assert math.isfinite(result.scores["auc_real_vs_simulated"])


def test_early_accuracies_are_given_and_left_out_of_further_averages() -> None:
    runs = data([2] * 60)
    surrogate = FakeSurrogate()
    result = scored(runs, surrogate, early_epochs=3)
    assert surrogate.early is not None
    assert surrogate.early.shape[1] == 3
    later = result.by_epoch["r2"][3:]
    assert result.scores["avg_r2_later"] == pytest.approx(np.mean(later))
    assert result.scores["avg_r2"] == pytest.approx(np.mean(result.by_epoch["r2"]))
    assert "final_r2_later" not in result.scores


def test_diverged_runs_are_counted_and_left_out_of_the_noise() -> None:
    runs = data([3] * 60)
    values = np.array(runs.val_acc)
    values[::3, 8:] = np.nan
    surrogate = FakeSurrogate()
    surrogate.diverged = 0.25
    result = scored(CurveData.of(SPACE, runs.archs, values), surrogate)
    assert result.scores["diverged_real"] == pytest.approx(1 / 3)
    assert result.scores["diverged_surrogate"] == pytest.approx(0.25)
    assert result.scores["final_r2"] > 0.97
    assert math.isfinite(result.scores["auc_real_vs_simulated"])
    assert math.isfinite(result.scores["seed_std_real"])
    assert math.isnan(result.scores["avg_kl"])  # two complete runs of each are left
