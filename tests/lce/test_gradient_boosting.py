from __future__ import annotations

import logging
import subprocess
import sys
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nascurve.errors import ConfigError
from nascurve.lce._levels import LEVELS
from nascurve.lce.gradient_boosting import GradientBoosting
from nascurve.lce.last_value import LastValue
from nascurve.simulator.types import FloatArray
from nascurve.testing.extrapolator import check_extrapolator


def crossing_curves(n: int, seed: int) -> FloatArray:
    """(n, 24): those that start slowly end high, so that the last value of 6 epochs ranks them badly."""
    rng = np.random.default_rng(seed)
    rate = rng.uniform(0.3, 1.5, (n, 1))
    final = 0.95 - 0.2 * rate + rng.normal(0, 0.01, (n, 1))
    clean = final - 0.5 * np.exp(-rate * np.arange(24) / 3)
    return np.clip(clean + rng.normal(0, 0.003, clean.shape), 0, 1)


def test_learns_from_full_curves_what_the_last_value_cannot_know() -> None:
    train, test = crossing_curves(60, 0), crossing_curves(200, 1)
    trees, last = GradientBoosting(), LastValue()
    trees.fit(train)
    truth, seen = test[:, -1], test[:, :6]
    ours, theirs = trees.predict(seen, 24), last.predict(seen, 24)
    error = ours.mean - truth
    assert np.abs(error).mean() < 0.3 * np.abs(theirs.mean - truth).mean()
    assert np.corrcoef(ours.mean, truth)[0, 1] > 0.9
    assert 0.8 < np.mean(np.abs(error) < 1.645 * ours.std) <= 1


def test_predicts_any_epoch_and_any_prefix() -> None:
    train, test = crossing_curves(60, 0), crossing_curves(50, 1)
    trees = GradientBoosting()
    trees.fit(train)
    for epochs, at_epoch in ((1, 24), (2, 12), (3, 4), (6, 12), (6, 24)):
        error = trees.predict(test[:, :epochs], at_epoch).mean - test[:, at_epoch - 1]
        assert np.abs(error).mean() < 0.06


def test_quantiles_cover_what_they_say_and_are_wider_where_errors_are_larger() -> None:
    train, test = crossing_curves(150, 0), crossing_curves(400, 1)
    rng = np.random.default_rng(2)
    for curves in (train, test):  # the better half ends less predictably
        better = curves[:, 5] > np.median(train[:, 5])
        curves[better, -1] += rng.normal(0, 0.08, better.sum())
        np.clip(curves, 0, 1, out=curves)
    trees = GradientBoosting()
    trees.fit(train)
    prediction = trees.predict(test[:, :6], 24)
    truth, quantiles = test[:, -1], prediction.quantiles
    assert prediction.levels == LEVELS
    assert quantiles is not None
    assert 0.85 < np.mean((truth >= quantiles[:, 0]) & (truth <= quantiles[:, 4])) < 0.96
    assert 0.4 < np.mean((truth >= quantiles[:, 1]) & (truth <= quantiles[:, 3])) < 0.62
    better = test[:, 5] > np.median(train[:, 5])
    width = quantiles[:, 4] - quantiles[:, 0]
    assert width[better].mean() > 2 * width[~better].mean()
    assert prediction.std[better].mean() > 2 * prediction.std[~better].mean()


def test_absolute_error_stands_a_few_late_starters() -> None:
    train, test = crossing_curves(60, 0), crossing_curves(200, 1)
    train[::20, :8] = 0.0

    def error(loss: str) -> float:
        trees = GradientBoosting(loss=loss)
        trees.fit(train)
        return float(np.abs(trees.predict(test[:, :6], 24).mean - test[:, -1]).mean())

    assert error("l1") < 0.9 * error("l2")


def test_encodings_join_the_features() -> None:
    rng = np.random.default_rng(0)
    curves = crossing_curves(120, 0)
    jump = rng.integers(0, 2, 120)
    curves[:, -1] = curves[:, 5] + 0.2 * jump  # what the prefix does not tell
    encodings = np.stack([jump, rng.random(120)], axis=1)
    trees = GradientBoosting(encoding="adjacency")
    trees.fit(curves[:80], encodings[:80])
    truth, seen = curves[80:, -1], curves[80:, :6]
    with_ = trees.predict(seen, 24, encodings[80:]).mean
    without = trees.predict(seen, 24).mean
    assert np.abs(with_ - truth).mean() < 0.5 * np.abs(without - truth).mean()
    trees.fit(curves[:80])
    assert np.array_equal(trees.predict(seen, 24, encodings[80:]).mean, without)
    with pytest.raises(ConfigError, match=r"GradientBoosting\.fit.*encodings"):
        trees.fit(curves[:80], encodings)


def test_contract_with_a_tiny_fit() -> None:
    check_extrapolator(GradientBoosting(min_curves=5, min_data_in_leaf=1, n_rounds=5), constant_atol=0.3)


def test_falls_back_until_it_has_enough_and_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    curves = crossing_curves(20, 0)
    trees, last = GradientBoosting(min_curves=20), LastValue()
    with caplog.at_level(logging.INFO, logger="nascurve"):
        for n in (0, 5, 19):
            trees.fit(curves[:n])
            last.fit(curves[:n])
            ours, theirs = trees.predict(curves[:, :6], 24), last.predict(curves[:, :6], 24)
            assert np.array_equal(ours.mean, theirs.mean)
            assert np.array_equal(ours.std, theirs.std)
            assert ours.levels == LEVELS
        assert len(caplog.records) == 1
        assert "last value until it has 20" in caplog.text
        trees.fit(curves)
        assert not np.array_equal(trees.predict(curves[:, :6], 24).mean, ours.mean)
        assert np.array_equal(trees.predict(curves[:, :6], 25).mean, curves[:, 5]), (
            "no curve reaches epoch 25"
        )
        assert len(caplog.records) == 1


def test_fits_once_for_a_prefix_length_and_an_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    import lightgbm

    fits: list[int] = []
    train = lightgbm.train

    def counted(*args: Any, **options: Any) -> Any:
        fits.append(1)
        return train(*args, **options)

    monkeypatch.setattr(lightgbm, "train", counted)
    curves = crossing_curves(40, 0)
    trees = GradientBoosting()
    trees.fit(curves)
    assert not fits
    for _ in range(3):
        trees.predict(curves[:, :6], 24)
    one_model = len(fits)
    assert one_model > 0
    trees.predict(curves[:, :8], 24)
    trees.predict(curves[:, :8], 23)
    assert len(fits) == 3 * one_model
    trees.fit(curves)
    trees.predict(curves[:, :6], 24)
    assert len(fits) == 4 * one_model


def test_same_seed_same_prediction() -> None:
    curves = crossing_curves(60, 0)

    def mean(seed: int) -> FloatArray:
        trees = GradientBoosting(seed=seed)
        trees.fit(curves)
        return trees.predict(curves[:, :6], 24).mean

    assert np.array_equal(mean(0), mean(0))
    assert not np.array_equal(mean(0), mean(1))


def test_identical_curves_and_means_in_bounds() -> None:
    trees = GradientBoosting()
    trees.fit(np.repeat(np.linspace(0.1, 0.9, 24)[np.newaxis], 30, axis=0))
    prediction = trees.predict(np.array([[0.1] * 6, [0.95] * 6]), 24)
    assert ((prediction.mean >= 0) & (prediction.mean <= 1)).all()
    assert np.isfinite(prediction.std).all()


@given(
    curves=arrays(
        float, st.tuples(st.integers(5, 12), st.just(6)), elements=st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0])
    ),
    epochs=st.integers(1, 5),
)
@settings(max_examples=25, deadline=None)
def test_any_curves_give_finite_ordered_predictions(curves: FloatArray, epochs: int) -> None:
    """Constant and duplicated curves, equal targets, jumps from 0 to 1; more leaves than curves."""
    trees = GradientBoosting(min_curves=5, min_data_in_leaf=1, n_rounds=3)
    trees.fit(curves)
    prefixes = np.vstack([curves[:, :epochs], np.zeros((1, epochs)), np.ones((1, epochs))])
    prediction = trees.predict(prefixes, 6)
    assert prediction.quantiles is not None
    assert np.isfinite(prediction.std).all()
    assert (prediction.std >= 0).all()
    assert ((prediction.mean >= 0) & (prediction.mean <= 1)).all()
    assert ((prediction.quantiles >= 0) & (prediction.quantiles <= 1)).all()
    assert (np.diff(prediction.quantiles, axis=1) >= 0).all()


@pytest.mark.parametrize(
    "options",
    [
        {"min_curves": 4},
        {"n_rounds": 0},
        {"num_leaves": 1},
        {"min_data_in_leaf": 0},
        {"learning_rate": 0.0},
        {"feature_fraction": 1.5},
        {"loss": "huber"},
        {"encoding": 1},
    ],
)
def test_bad_settings(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(options))):
        GradientBoosting(**options)


def test_lightgbm_is_loaded_on_use_only() -> None:
    code = (
        "import sys, nascurve.lce.gradient_boosting as g, nascurve.lce.wrapper; g.GradientBoosting(); "
        "sys.exit(any(name in sys.modules for name in ('lightgbm', 'scipy', 'torch', 'pandas')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.perf
def test_a_fit_on_100_curves_takes_less_than_50_ms() -> None:
    curves = crossing_curves(100, 0)
    trees = GradientBoosting()
    trees.fit(curves)
    trees.predict(curves[:, :5], 24)
    started = time.perf_counter()
    for epochs in (6, 7, 8, 9, 10):
        trees.predict(curves[:8, :epochs], 24)
    assert (time.perf_counter() - started) / 5 < 0.05
