from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from scipy.optimize import curve_fit

from nascurve.errors import ConfigError
from nascurve.lce.last_value import LastValue
from nascurve.lce.power_law import PowerLaw
from nascurve.simulator.types import FloatArray

EPOCHS = np.arange(1.0, 33)


def curves(n: int, noise: float = 0.0, seed: int = 0) -> tuple[FloatArray, FloatArray]:
    """Observed (n, 8) and the noiseless values at epoch 32."""
    rng = np.random.default_rng(seed)
    final, gain, rate = (
        rng.uniform(0.6, 0.9, (n, 1)),
        rng.uniform(0.1, 0.5, (n, 1)),
        rng.uniform(0.6, 2, (n, 1)),
    )
    clean = final - gain * EPOCHS**-rate
    return np.clip(clean + rng.normal(0, noise, clean.shape), 0, 1)[:, :8], clean[:, -1]


def test_recovers_power_laws() -> None:
    seen, truth = curves(200)
    prediction = PowerLaw(noise_std=1e-4).predict(seen, 32)
    assert np.abs(prediction.mean - truth).max() < 0.008
    assert np.abs(seen[:, -1] - truth).max() > 0.05


def test_one_exponent_is_weighted_least_squares() -> None:
    """Against scipy, with the grid shrunk to about one exponent."""
    seen, _ = curves(5, noise=0.01)
    law = PowerLaw(min_exponent=0.8, max_exponent=0.8 + 1e-9, n_exponents=2, recency=1.0)
    weights = 10 ** np.linspace(0, 1, 8)
    for curve, mean in zip(seen, law.predict(seen, 32).mean, strict=True):
        (c, a), _ = curve_fit(
            lambda x, c, a: c - a * x**-0.8, EPOCHS[:8], curve, sigma=weights**-0.5, bounds=([-9, 0], [9, 9])
        )
        assert mean == pytest.approx(c - a * 32**-0.8, abs=1e-6)


def test_ranks_better_than_the_last_value_and_knows_its_error() -> None:
    seen, truth = curves(1000, noise=0.003)
    prediction = PowerLaw().predict(seen, 32)
    error = np.abs(prediction.mean - truth)
    assert np.median(error) < 0.4 * np.median(np.abs(seen[:, -1] - truth))
    coverage = np.mean(error < 1.645 * prediction.std)
    assert 0.75 < coverage <= 1
    calm = PowerLaw().predict(curves(1000, noise=0.0)[0], 32).std
    assert np.median(prediction.std) > np.median(calm)
    assert (PowerLaw().predict(seen, 200).std > PowerLaw().predict(seen, 9).std).all()


def test_fitted_curves_calibrate_the_std_and_leave_the_mean() -> None:
    """Curves that rise once more at the end, as under a cosine schedule, which no prefix shows."""
    rng = np.random.default_rng(0)
    seen, truth = curves(60)
    seen, truth = seen - 0.05, truth - 0.05
    whole = np.column_stack([seen, truth + 0.15 + rng.normal(0, 0.02, 60)])
    law = PowerLaw()
    before = law.predict(whole[:, :8], 9)
    law.fit(whole[:30])
    after = law.predict(whole[:, :8], 9)
    assert np.array_equal(before.mean, after.mean)
    error = np.abs(whole[30:, -1] - after.mean[30:])
    assert np.mean(error < 1.645 * before.std[30:]) < 0.2
    assert np.mean(error < 1.645 * after.std[30:]) > 0.7


@pytest.mark.parametrize("level", [0.0, 0.1, 0.5, 1.0])
@pytest.mark.parametrize("epochs", [1, 2, 3, 8])
def test_constant_curves_stay(level: float, epochs: int) -> None:
    prediction = PowerLaw().predict(np.full((1, epochs), level), 32)
    assert prediction.mean == pytest.approx([level], abs=1e-9)
    assert (prediction.std > 0).all()


def test_falling_and_wild_curves_stay_in_bounds() -> None:
    rng = np.random.default_rng(0)
    wild = np.concatenate(
        [np.linspace(0.9, 0.1, 8)[np.newaxis], rng.uniform(0, 1, (500, 8)), np.linspace(0, 1, 8)[np.newaxis]]
    )
    prediction = PowerLaw().predict(wild, 32)
    assert ((prediction.mean >= 0) & (prediction.mean <= 1)).all()
    assert np.isfinite(prediction.std).all()
    assert 0.1 <= prediction.mean[0] <= 0.9


def test_short_prefixes_fall_back_to_the_last_value() -> None:
    seen, _ = curves(20)
    law, last = PowerLaw(), LastValue()
    law.fit(seen)
    last.fit(seen)
    for epochs in (1, 2):
        ours, theirs = law.predict(seen[:, :epochs], 8), last.predict(seen[:, :epochs], 8)
        assert np.array_equal(ours.mean, theirs.mean)
        assert np.array_equal(ours.std, theirs.std)


@pytest.mark.parametrize(
    "options",
    [
        {"min_exponent": 0.0},
        {"min_exponent": 4.0},
        {"max_exponent": np.inf},
        {"n_exponents": 1},
        {"recency": -1.0},
        {"noise_std": 0.0},
    ],
)
def test_bad_settings(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(options))):
        PowerLaw(**options)


@pytest.mark.perf
def test_many_thousand_curves_a_second() -> None:
    seen, _ = curves(20_000)
    started = time.perf_counter()
    PowerLaw().predict(seen, 32)
    assert len(seen) / (time.perf_counter() - started) > 20_000
