from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nascurve.errors import ConfigError
from nascurve.lce._levels import LEVELS
from nascurve.lce.last_value import LastValue
from nascurve.lce.wpm import WPM
from nascurve.simulator.types import FloatArray, Prediction
from nascurve.testing.extrapolator import check_extrapolator
from tests.official_data import real_sample

EPOCHS = np.arange(1.0, 41)


def power_laws(n: int, noise: float, seed: int = 0) -> FloatArray:
    """(n, 40), rising; the last value has no noise."""
    rng = np.random.default_rng(seed)
    final, gain, rate = (
        rng.uniform(0.5, 0.9, (n, 1)),
        rng.uniform(0.1, 0.4, (n, 1)),
        rng.uniform(0.5, 2, (n, 1)),
    )
    clean = final - gain * EPOCHS**-rate
    spoilt = clean + rng.normal(0, noise, clean.shape)
    spoilt[:, -1] = clean[:, -1]
    return np.clip(spoilt, 0, 1)


def cosine(n: int, seed: int = 0) -> FloatArray:
    """(n, 40): slow at first, as under a cosine schedule, with a jump to the final value."""
    rng = np.random.default_rng(seed)
    final = rng.uniform(0.5, 0.9, (n, 1))
    rise = 0.3 * (1 - np.exp(-EPOCHS / 8)) + 0.7 * (EPOCHS / 40) ** 2
    return np.clip(final * rise + rng.normal(0, 0.01, (n, 40)), 0, 1)


def coverage(prediction: Prediction, truth: FloatArray) -> float:
    assert prediction.quantiles is not None
    return float(np.mean((truth >= prediction.quantiles[:, 0]) & (truth <= prediction.quantiles[:, -1])))


def test_keeps_the_contract() -> None:
    check_extrapolator(WPM())


def test_recovers_power_laws_and_beats_the_last_value() -> None:
    curves = power_laws(300, noise=0.002)
    seen, truth = curves[:, :10], curves[:, -1]
    prediction = WPM().predict(seen, 40)
    error, last = np.abs(prediction.mean - truth), np.abs(seen[:, -1] - truth)
    assert np.sqrt(np.mean(error**2)) < 0.4 * np.sqrt(np.mean(last**2))
    assert np.median(error) < 0.01


@pytest.mark.parametrize("noise", [0.001, 0.01])
def test_the_interval_covers_simulated_curves(noise: float) -> None:
    curves = power_laws(300, noise=noise, seed=1)
    prediction = WPM().predict(curves[:, :10], 40)
    assert prediction.levels == LEVELS
    assert coverage(prediction, curves[:, -1]) >= 0.85
    assert (prediction.std < 0.2).all()


def test_uncertainty_grows_with_noise_and_distance() -> None:
    calm, noisy = power_laws(50, noise=0.001), power_laws(50, noise=0.02)
    wpm = WPM()
    assert np.median(wpm.predict(noisy[:, :10], 40).std) > 1.5 * np.median(wpm.predict(calm[:, :10], 40).std)
    assert np.median(wpm.predict(calm[:, :10], 40).std) > 1.5 * np.median(wpm.predict(calm[:, :10], 11).std)


def test_fitted_curves_teach_late_rises() -> None:
    """Accuracy doubles after the prefix: no prefix shows it, the run's own curves do."""
    curves = cosine(160)
    train, test = curves[:100], curves[100:]
    wpm = WPM()
    before = np.abs(wpm.predict(test[:, :10], 40).mean - test[:, -1]).mean()
    errors = [before]
    for m in (5, 20, 100):
        wpm.fit(train[:m])
        errors.append(float(np.abs(wpm.predict(test[:, :10], 40).mean - test[:, -1]).mean()))
    assert errors[1] < before
    assert errors[2] < 0.4 * before
    assert errors[3] < 0.3 * before
    assert coverage(wpm.predict(test[:, :10], 40), test[:, -1]) >= 0.8


@pytest.mark.parametrize("m", [1, 2, 8, 60])
def test_fitted_curves_of_the_same_kind_do_no_harm(m: int) -> None:
    curves = power_laws(260, noise=0.003, seed=2)
    test = curves[60:]
    wpm = WPM()
    plain = np.abs(wpm.predict(test[:, :10], 40).mean - test[:, -1]).mean()
    wpm.fit(curves[:m])
    assert np.abs(wpm.predict(test[:, :10], 40).mean - test[:, -1]).mean() < 1.1 * plain


@pytest.mark.parametrize("m", [0, 30])
def test_the_whole_curve_is_the_prediction_of_each_epoch(m: int) -> None:
    curves = power_laws(40, noise=0.003)
    wpm = WPM()
    wpm.fit(curves[:m])
    whole = wpm.predict_curve(curves[30:, :8], 14)
    assert len(whole) == 6
    for epoch, prediction in zip(range(9, 15), whole, strict=True):
        alone = wpm.predict(curves[30:, :8], epoch)
        assert np.allclose(prediction.mean, alone.mean, atol=1e-12)
        assert prediction.quantiles is not None
        assert np.allclose(prediction.quantiles, alone.quantiles, atol=1e-12)


def test_many_curves_at_once_are_each_by_itself() -> None:
    curves = power_laws(230, noise=0.003)
    wpm = WPM()
    wpm.fit(curves[:20])
    whole = wpm.predict(curves[:, :10], 40)  # several chunks
    for i in (0, 84, 85, 229):
        alone = wpm.predict(curves[i : i + 1, :10], 40)
        assert abs(alone.mean[0] - whole.mean[i]) < 1e-9
        assert abs(alone.std[0] - whole.std[i]) < 1e-9


def test_what_is_learnt_follows_from_the_curves_alone() -> None:
    curves = power_laws(60, noise=0.003)
    seen = power_laws(5, noise=0.003, seed=9)[:, :10]
    once, often = WPM(), WPM()
    once.fit(curves[:21])
    for m in (3, 50, 0, 20, 22, 21):
        often.fit(curves[:m])
        often.predict(seen, 30)
    assert np.array_equal(once.predict(seen, 40).mean, often.predict(seen, 40).mean)
    once.fit(curves[:24])  # no more than 20 of them are learnt from
    assert np.array_equal(once.predict(seen, 40).mean, often.predict(seen, 40).mean)
    once.fit(curves[:25])
    assert not np.array_equal(once.predict(seen, 40).mean, often.predict(seen, 40).mean)


def test_curves_that_are_too_short_teach_nothing() -> None:
    curves = power_laws(30, noise=0.003)
    seen = curves[:4, :10]
    plain, fitted = WPM(), WPM()
    fitted.fit(curves[:, :10])
    assert np.array_equal(plain.predict(seen, 40).mean, fitted.predict(seen, 40).mean)
    fitted.fit(curves[:, :30])  # beyond the prefix, before the epoch asked for: the prior alone
    assert np.isfinite(fitted.predict(seen, 40).mean).all()


@pytest.mark.parametrize("epochs", [1, 2])
def test_short_prefixes_fall_back_to_the_last_value(epochs: int) -> None:
    curves = power_laws(30, noise=0.003)
    wpm, last = WPM(), LastValue()
    wpm.fit(curves[:20])
    last.fit(curves[:20])
    ours, theirs = wpm.predict(curves[20:, :epochs], 40), last.predict(curves[20:, :epochs], 40)
    assert np.array_equal(ours.mean, theirs.mean)
    assert np.array_equal(ours.std, theirs.std)
    assert ours.quantiles is not None
    assert np.allclose(ours.quantiles[:, 4], np.clip(theirs.mean + 1.6449 * theirs.std, 0, 1), atol=1e-4)


@pytest.mark.parametrize("level", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("epochs", [3, 10])
def test_constant_prefixes_stay(level: float, epochs: int) -> None:
    prediction = WPM().predict(np.full((1, epochs), level), 40)
    assert prediction.mean == pytest.approx([level], abs=0.01)


def test_curves_that_jump_between_0_and_1_leave_no_std_beyond_that_of_any_accuracy() -> None:
    curves = np.random.default_rng(0).integers(0, 2, (40, 24)).astype(float)
    wpm = WPM()
    wpm.fit(curves)
    prediction = wpm.predict(np.array([[0.2, 0.3, 0.31], [0.5, 0.5, 0.5]]), 4)
    assert (prediction.std <= 0.5).all()


@given(data=st.data(), m=st.integers(0, 7), epochs=st.integers(1, 12))
@settings(max_examples=25, deadline=None)
def test_hostile_prefixes_never_give_nan(data: st.DataObject, m: int, epochs: int) -> None:
    values = st.one_of(st.sampled_from([0.0, 1.0, 1e-300, 0.5]), st.floats(0, 1))
    row = st.lists(values, min_size=14, max_size=14)
    curves = np.array(data.draw(st.lists(row, min_size=m + 2, max_size=m + 2)))
    wpm = WPM()
    wpm.fit(curves[:m])
    for prediction in wpm.predict_curve(curves[m:, :epochs], 14):
        assert prediction.quantiles is not None
        for part in (prediction.mean, prediction.std, prediction.quantiles):
            assert np.isfinite(part).all()
        assert (prediction.quantiles >= 0).all()
        assert (prediction.quantiles <= 1).all()
        assert (np.diff(prediction.quantiles, axis=1) >= 0).all()
        assert (prediction.std >= 0).all()


@pytest.mark.parametrize(
    "options",
    [
        {"recency": -1.0},
        {"sharpness": 0.0},
        {"noise_std": 0.0},
        {"decline": 0.6},
        {"rise_decay": float("nan")},
        {"prior_strength": True},
    ],
)
def test_bad_settings(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(options))):
        WPM(**options)


@pytest.mark.slow
def test_real_curves_rank_better_than_by_the_last_value() -> None:
    """The table of docs/lce-wpm.md; asserted for the odd cells, which nothing was chosen on."""
    import hashlib

    from scipy.stats import kendalltau

    import nascurve

    bench = nascurve.load_benchmark("nbnlp", data_dir=real_sample("nas-bench-nlp-wikitext2"))
    cells = list(bench.space.all())  # type: ignore[attr-defined]
    is_odd = np.array([int(hashlib.sha256(str(c).encode()).hexdigest(), 16) % 2 for c in cells])
    curves = np.array([bench.query(cell, seed=0).val_acc for cell in cells])
    complete = np.isfinite(curves).all(axis=1)
    for half in (0, 1):
        chosen = curves[complete & (is_odd == half)]
        truth = chosen[:, -1]
        for epochs in (10, 20):
            last = chosen[:, epochs - 1]
            prediction = WPM().predict(chosen[:, :epochs], 50)
            tau, tau_last = (kendalltau(predicted, truth)[0] for predicted in (prediction.mean, last))
            rmse, rmse_last = (np.sqrt(np.mean((p - truth) ** 2)) for p in (prediction.mean, last))
            covered = coverage(prediction, truth)
            print(
                f"\n{len(chosen)} {('even', 'odd')[half]} cells, {epochs} epochs: "
                f"tau {tau:.3f} ({tau_last:.3f}), "
                f"RMSE {100 * rmse:.2f} ({100 * rmse_last:.2f}), in 90 % {covered:.3f}"
            )
            if half:
                assert tau > tau_last + 0.015
                assert rmse < rmse_last
                assert 0.83 <= covered <= 0.97
