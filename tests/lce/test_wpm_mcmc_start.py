from __future__ import annotations

import numpy as np
import pytest

from nascurve.lce import wpm_mcmc_coordinates as coordinates
from nascurve.lce.wpm_families import FAMILIES
from nascurve.lce.wpm_mcmc_start import Start, epochs_to_drop, fit_family, recency_weights, start_of

X = np.arange(1.0, 21)
TRUTH = {
    "vapor_pressure": (-0.4, -0.6, 0.05),
    "pow3": (0.9, 0.5, 0.6),
    "loglog_linear": (0.3, 1.4),
    "hill3": (0.85, 1.1, 2.0),
    "log_power": (0.8, 1.0, -0.9),
    "pow4": (0.9, 20.0, 3.0, 0.4),
    "mmf": (0.85, 0.2, 0.04, 3.0),
    "exp4": (0.85, 0.7, -0.2, 0.6),
    "janoschek": (0.85, 0.1, 0.4, 0.7),
    "weibull": (0.85, 0.1, 0.05, 0.8),
    "ilog2": (0.9, 0.3),
}


def start(y: np.ndarray, x_lim: float = 50.0, **options: float) -> Start:
    settings = {"prior_information": 1.0, "prior_std": 1.0, "min_noise_std": 1e-3, **options}
    return start_of(list(FAMILIES.values()), y, x_lim, recency=True, **settings)


@pytest.mark.parametrize("name", sorted(TRUTH))
def test_least_squares_finds_a_familys_own_curve(name: str) -> None:
    family = FAMILIES[name]
    x = np.arange(1.0, 61)
    y = family(x, TRUTH[name])
    found = fit_family(family, x, y, recency_weights(60))
    assert found is not None
    assert family(x, found) == pytest.approx(y, abs=2e-3)
    assert family([100.0], found) == pytest.approx(family([100.0], TRUTH[name]), abs=1e-2)


def test_the_sources_start_of_mmf_sees_no_slope_in_a_short_curve() -> None:
    """(κx)^δ = (.01 x)^5 is next to nothing for x of a few epochs: Levenberg-Marquardt ends at a constant."""
    family, x = FAMILIES["mmf"], np.arange(1.0, 11)
    found = fit_family(family, x, family(x, (0.85, 0.2, 0.4, 1.5)), np.ones(10))
    assert found is not None
    assert np.ptp(family(x, found)) < 1e-3


def test_fewer_epochs_than_parameters_are_left_to_lbfgs() -> None:
    family = FAMILIES["janoschek"]
    found = fit_family(family, X[:2], np.array([0.3, 0.5]), np.ones(2))
    assert found is not None
    assert family(X[:2], found) == pytest.approx([0.3, 0.5], abs=1e-3)


def test_the_fit_is_weighted() -> None:
    """A jump in the middle: with recency the constant that ilog2 nearly is lies nearer to the end."""
    y = np.where(X < 11, 0.5, 0.7)
    family = FAMILIES["ilog2"]
    even, recent = (fit_family(family, X, y, w) for w in (np.ones(20), 10 ** (X - 20)))
    assert even is not None
    assert recent is not None
    assert abs(family([20.0], recent)[0] - 0.7) < 1e-3 < abs(family([20.0], even)[0] - 0.7)


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_free_coordinates_are_one_to_one_and_always_defined(name: str) -> None:
    family = FAMILIES[name]
    for parameters in (np.array(TRUTH[name]), np.array(family.start)):
        free = coordinates.to_free(family, parameters, 50.0)
        assert np.isfinite(free).all()
        assert coordinates.to_parameters(family, free, 50.0) == pytest.approx(parameters, rel=1e-9, abs=1e-9)
    anywhere = np.random.default_rng(0).normal(0, 1, (200, len(family.start)))
    values = family(np.linspace(1, 50, 9), coordinates.to_parameters(family, anywhere, 50.0))
    assert not np.isnan(values).any()


def test_undefined_parameters_have_no_free_coordinates() -> None:
    assert np.isnan(coordinates.to_free(FAMILIES["mmf"], np.array([0.7, 0.1, -0.2, 1.0]), 50.0)).any()
    assert np.isnan(coordinates.to_free(FAMILIES["loglog_linear"], np.array([-0.5, 1.2]), 50.0)).any()


def test_falling_families_are_dropped() -> None:
    """Those that are left for a falling curve are the ones whose fit ends at a constant."""
    y = FAMILIES["janoschek"](X, TRUTH["janoschek"])
    assert start(y).kept.sum() >= 9
    falling = start(y[::-1])
    assert falling.kept.sum() <= 3
    sizes = [len(family.start) for family in FAMILIES.values()]
    dropped = np.repeat(~falling.kept, sizes)
    assert (falling.factor[dropped] == 0).all()
    assert np.isfinite(falling.centre).all()


def test_a_family_is_dropped_when_it_runs_away_at_the_horizon() -> None:
    """An exponential rise: its extrapolation by log log linear stays small, that by vapor pressure does not
    stay below 100 for ever."""
    y = 0.001 * np.exp(0.3 * X)
    kept_near, kept_far = start(y, 21.0).kept, start(y, 1e6).kept
    assert kept_near[0]
    assert not kept_far[0]


def test_prior_is_the_fits_own_uncertainty_inflated_and_bounded() -> None:
    rng = np.random.default_rng(1)
    y = FAMILIES["ilog2"](X, TRUTH["ilog2"]) + rng.normal(0, 0.01, 20)
    last = slice(-2, None)  # ilog2 comes last and is linear: c - a·t, so that its covariance is exact

    weights = recency_weights(20)
    design = np.stack([np.ones(20), -1 / np.log(X + 1)], axis=1)
    c, a = np.linalg.solve(design.T @ (weights[:, None] * design), design.T @ (weights * y))
    variance = weights @ (design @ [c, a] - y) ** 2 / weights.sum()
    unit = np.linalg.inv(design.T @ (weights[:, None] * design) / weights.sum() / variance + np.eye(2))

    one = start(y)
    assert one.centre[last] == pytest.approx([c, a], abs=1e-6)
    covariance = one.factor[last, last] @ one.factor[last, last].T
    assert covariance == pytest.approx(unit, rel=1e-3)
    weak = start(y, prior_information=0.0, prior_std=0.5)
    assert weak.factor[last, last] == pytest.approx(0.5 * np.eye(2), abs=1e-12)


def test_recency_weights_are_the_sources() -> None:
    assert recency_weights(2) == pytest.approx([1.0, 10**0.5])
    assert recency_weights(10)[-1] == pytest.approx(10**0.9)


@pytest.mark.parametrize(
    ("curve", "expected"),
    [
        ([0.1] * 4 + [0.2] * 8, 4),
        ([0.1, 0.2, 0.1, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2], 3),
        ([0.1, 0.3, 0.5, 0.6, 0.7, 0.8, 0.8], 1),
        ([0.1] * 12, 0),
        ([0.1, 0.12, 0.13, 0.14, 0.15, 0.149, 0.149], 0),
        ([0.1] * 4 + [0.2] * 5, 0),
        ([0.1, 0.9], 0),
        ([0.5], 0),
    ],
)
def test_start_is_dropped_until_the_rise(curve: list[float], expected: int) -> None:
    assert epochs_to_drop(np.array(curve)) == expected
