"""The extrapolator around the sampler; the sampler itself is tested in test_wpm_mcmc_sampling.py."""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np
import pytest
from scipy.stats import norm

from nascurve.errors import ConfigError
from nascurve.lce._levels import LEVELS
from nascurve.lce.wpm_families import FAMILIES
from nascurve.lce.wpm_mcmc import WPMMCMC, mixture_quantiles
from nascurve.lce.wpm_mcmc_model import CombinationModel, Draws
from nascurve.lce.wpm_mcmc_posterior import NOT_SAMPLED, Posterior
from nascurve.lce.wpm_mcmc_start import Start
from nascurve.simulator.types import FloatArray

X = np.arange(1.0, 13)
RISING = 0.8 - np.array([[0.4], [0.3]]) / np.log(X + 1)  # ilog2, which its own family fits exactly
FALLING = RISING[:, ::-1].copy()


@pytest.fixture
def sampled(monkeypatch: pytest.MonkeyPatch) -> list[tuple[FloatArray, float, int]]:
    """Replaces the sampler by two chains of three draws at the least-squares fit, with σ = .01; returns the
    list of what it was asked for: (curve, x_lim, seed)."""
    asked: list[tuple[FloatArray, float, int]] = []

    def sample(self: CombinationModel, y: FloatArray, x_lim: float, start: Start, seed: int) -> Draws:
        asked.append((y.copy(), x_lim, seed))
        weights = np.tile(start.kept / start.kept.sum(), (2, 3, 1))
        return Draws(
            free=np.tile(start.centre, (2, 3, 1)),
            weights=weights,
            noise_std=np.full((2, 3), 0.01),
            n_divergent=0,
        )

    monkeypatch.setattr(CombinationModel, "sample", sample)
    monkeypatch.setattr(Posterior, "diagnostics", lambda self: NOT_SAMPLED)
    return asked


def wpm(**options: Any) -> WPMMCMC:
    return WPMMCMC(**{"families": ["ilog2", "pow3"], "sampler": "nuts", **options})


def test_predicts_the_observed_accuracy_noise_included(sampled: list[Any]) -> None:
    prediction = wpm(families=["ilog2"]).predict(RISING, 40)
    truth = 0.8 - np.array([0.4, 0.3]) / np.log(41)
    assert prediction.mean == pytest.approx(truth, abs=1e-6)
    assert prediction.std == pytest.approx([0.01, 0.01], rel=1e-6)
    assert prediction.levels == LEVELS
    assert prediction.quantiles == pytest.approx(truth[:, None] + 0.01 * norm.ppf(LEVELS), abs=1e-6)


def test_mean_and_quantiles_are_clipped(sampled: list[Any]) -> None:
    steep = 0.999 - 0.4 / np.log(X + 1)[None] + 0.2 * (X > 6)
    prediction = wpm().predict(np.clip(steep, 0, 1), 5000)
    assert prediction.mean[0] == 1
    assert prediction.quantiles is not None
    assert prediction.quantiles.max() == 1


def test_seeds_and_kept_posteriors_go_by_content(sampled: list[Any]) -> None:
    extrapolator = wpm()
    both = extrapolator.predict(RISING, 40)
    assert len(sampled) == 2
    assert sampled[0][2] != sampled[1][2]
    turned = extrapolator.predict(RISING[::-1], 40)
    extrapolator.fit(RISING)
    extrapolator.diagnostics(RISING, 40)
    assert len(sampled) == 2, "nothing is sampled twice"
    assert turned.mean[::-1] == pytest.approx(both.mean, abs=0)
    extrapolator.predict(RISING[:1], 39)
    wpm(seed=1).predict(RISING[:1], 40)
    wpm().predict(RISING[:1], 40)
    seeds = [seed for _, _, seed in sampled]
    assert len(set(seeds[:4])) == 4, "the horizon and the seed option count"
    assert seeds[4] == seeds[0]


def test_predict_curve_takes_one_posterior(sampled: list[Any]) -> None:
    extrapolator = wpm()
    whole = extrapolator.predict_curve(RISING, 20)
    assert len(sampled) == 2
    assert len(whole) == 8
    assert whole[-1].mean == pytest.approx(extrapolator.predict(RISING, 20).mean, abs=0)
    assert (np.diff([p.mean for p in whole], axis=0) > 0).all()


def test_start_of_the_curve_is_dropped_on_demand(sampled: list[Any]) -> None:
    flat_first = np.concatenate([[0.1] * 4, 0.2 + RISING[0]])[None]
    late = wpm(drop_start=True).predict(flat_first, 40)
    assert len(sampled[0][0]) == 12
    assert sampled[0][1] == 36
    whole = wpm().predict(flat_first, 40)
    assert len(sampled[1][0]) == 16
    assert late.mean[0] == pytest.approx(1.0 - 0.4 / np.log(37), abs=0.02)
    assert abs(whole.mean[0] - late.mean[0]) > 0.02


def test_last_value_where_nothing_can_be_sampled(sampled: list[Any]) -> None:
    extrapolator = wpm()
    for prefixes in (RISING[:, :3], RISING[:, :1], FALLING):
        prediction = extrapolator.predict(prefixes, 40)
        assert prediction.mean == pytest.approx(prefixes[:, -1], abs=0)
        assert prediction.std == pytest.approx([0.05, 0.05])
        assert extrapolator.diagnostics(prefixes, 40) == [NOT_SAMPLED] * 2
    assert not sampled
    mixed = extrapolator.predict(np.stack([RISING[0], FALLING[0]]), 40)
    assert len(sampled) == 1
    assert mixed.mean[0] != RISING[0, -1]
    assert mixed.mean[1] == FALLING[0, -1]
    extrapolator.fit(RISING)
    assert (extrapolator.predict(FALLING[:, :3], 12).std > 0.05).all(), "fitted curves serve the fallback"


def test_no_curves(sampled: list[Any]) -> None:
    prediction = wpm().predict(np.empty((0, 8)), 40)
    assert prediction.mean.shape == (0,)
    assert prediction.quantiles is not None
    assert prediction.quantiles.shape == (0, len(LEVELS))
    assert not sampled


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("families", []),
        ("families", "pow3"),
        ("families", ["pow3", "pow5"]),
        ("families", ["pow3", "pow3"]),
        ("sampler", "gibbs"),
        ("draws", 0),
        ("tune", -1),
        ("chains", 0),
        ("target_accept", 1.0),
        ("recency", 1),
        ("drop_start", "yes"),
        ("prior_information", -1.0),
        ("prior_std", 0.0),
        ("min_noise_std", 0.0),
        ("seed", -1),
    ],
)
def test_refuses_bad_options(option: str, value: object) -> None:
    with pytest.raises(ConfigError, match=f"WPMMCMC.{option}"):
        WPMMCMC(**{"sampler": "nuts", option: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(("sampler", "remedy"), [("nutpie", r"nascurve\[mcmc\]"), ("numpyro", "numpyro")])
def test_names_the_extra_of_a_sampler_that_is_missing(
    sampler: str, remedy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=f"package {sampler}.*pip install.*{remedy}"):
        WPMMCMC(sampler=sampler)


def test_refuses_bad_input() -> None:
    for prefixes, at_epoch in ((RISING * 100, 40), (RISING, 12), (RISING[0], 40), (RISING * np.nan, 40)):
        with pytest.raises(ConfigError):
            wpm().predict(prefixes, at_epoch)
        with pytest.raises(ConfigError):
            wpm().diagnostics(prefixes, at_epoch)


def test_posterior_weighs_the_kept_families() -> None:
    families = [FAMILIES["ilog2"], FAMILIES["mmf"], FAMILIES["pow3"]]
    free = np.array([0.9, 0.3, *[np.nan] * 4, 0.8, 0.4, 0.5])
    draws = Draws(
        free=np.tile(free, (1, 2, 1)),
        weights=np.array([[[1.0, 0.0, 0.0], [0.25, 0.0, 0.75]]]),
        noise_std=np.array([[0.1, 0.2]]),
        n_divergent=0,
    )
    start = Start(kept=np.array([True, False, True]), centre=free, factor=np.zeros((9, 9)))
    posterior = Posterior(families, start, draws, first_epoch=3, x_lim=20)
    ilog2, pow3 = 0.9 - 0.3 / np.log(5), 0.8 - 0.4 / 4**0.5  # epoch 6 is the curve's x = 4
    expected = [[ilog2], [0.25 * ilog2 + 0.75 * pow3]]
    assert posterior.curve([6]) == pytest.approx(np.array(expected), abs=1e-12)
    assert posterior.noise_std.tolist() == [0.1, 0.2]


def test_mixture_quantiles() -> None:
    rng = np.random.default_rng(0)
    means, stds = rng.normal(0.6, 0.1, 40), rng.uniform(0.01, 0.2, 40)
    found = mixture_quantiles(means, stds)
    assert norm.cdf((found[:, None] - means) / stds).mean(axis=1) == pytest.approx(LEVELS, abs=1e-6)
    assert mixture_quantiles(np.full(5, 0.6), np.full(5, 0.1)) == pytest.approx(0.6 + 0.1 * norm.ppf(LEVELS))
    means = np.append(0.6, np.full(999, 0.6 + 1e-15))
    nearly_equal = means, np.full(1000, 0.1)  # rounding hides the change of sign between the bounds
    assert mixture_quantiles(*nearly_equal) == pytest.approx(0.6 + 0.1 * norm.ppf(LEVELS))


@pytest.mark.parametrize(
    ("n_overflowing", "value"), [(1, np.nan), (6, np.nan), (1, -1e100), (1, -0.02), (1, 100.02)]
)
def test_draws_that_run_away_are_left_out(
    sampled: list[object], monkeypatch: pytest.MonkeyPatch, n_overflowing: int, value: float
) -> None:
    curve = Posterior.curve

    def overflowing(self: Posterior, epochs: list[int]) -> FloatArray:
        values = curve(self, epochs)
        values[:n_overflowing, 0] = value
        return values

    plain = WPMMCMC(sampler="demetropolis", families=["ilog2", "pow3"]).predict(RISING[:1], 30)
    monkeypatch.setattr(Posterior, "curve", overflowing)
    found = WPMMCMC(sampler="demetropolis", families=["ilog2", "pow3"]).predict(RISING[:1], 30)
    assert np.isfinite(found.mean).all()
    assert np.isfinite(found.std).all()
    assert np.isfinite(np.asarray(found.quantiles)).all()
    if n_overflowing == 6:  # all draws: the last value
        assert found.mean == pytest.approx(RISING[:1, -1])
    else:
        assert found.mean == pytest.approx(plain.mean)
