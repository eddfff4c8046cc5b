from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from scipy.special import stdtr

from nascurve.lce._levels import LEVELS
from nascurve.lce.wpm_parts import posterior
from nascurve.lce.wpm_parts.bank import ShapeBank
from nascurve.lce.wpm_parts.correction import Correction
from nascurve.lce.wpm_parts.empirical import learn_prior
from nascurve.lce.wpm_parts.mixture import StudentMixture, t_cdf
from nascurve.lce.wpm_parts.posterior import LinearModel, NoiseModel
from nascurve.simulator.types import FloatArray

NOISE = NoiseModel(recency=1.0, sharpness=1.5, noise_std=0.01, decline=0.05)
CURVE = np.array([[0.30, 0.41, 0.44, 0.49, 0.48, 0.51]])


def by_numbers(g: FloatArray, ratio: float, noise: NoiseModel, g_ahead: float) -> tuple[float, float, float]:
    """log marginal likelihood, P(y(T) < .6) and E a, by summing over a grid of (c, a, log σ)."""
    e = CURVE.shape[1]
    power = min(1.0, noise.sharpness / np.sqrt(e))
    precision = 10 ** (noise.recency * np.linspace(0, 1, e))
    precision /= precision.mean()
    log_sigma = np.linspace(np.log(1e-3), np.log(1.0), 80)[:, None, None]
    sigma = np.exp(log_sigma)
    u = np.linspace(-9, 9, 91)
    # c and a on grids about their least squares, as wide as σ asks for
    w = power * precision
    design = np.column_stack([np.ones(e), g])
    gram = design.T @ (w[:, None] * design) + np.diag([0.0, ratio**-2])
    centre = np.linalg.solve(gram, design.T @ (w * CURVE[0]))
    spread = np.sqrt(np.diag(np.linalg.inv(gram)))
    c = centre[0] + sigma * spread[0] * u[None, :, None]
    a = centre[1] + sigma * spread[1] * u[None, None, :]
    log_p = np.zeros(np.broadcast_shapes(c.shape, a.shape))
    for y, x, omega in zip(CURVE[0], g, precision, strict=True):
        log_p += power * stats.norm.logpdf(y, c + a * x, sigma / np.sqrt(omega))
    log_p += stats.norm.logpdf(a, 0, ratio * sigma)
    log_p += np.where(a > 0, np.log(2 * (1 - noise.decline)), np.log(2 * max(noise.decline, 1e-12)))
    log_p += stats.invgamma.logpdf(sigma**2, 0.5, scale=0.5 * noise.noise_std**2) + 2 * log_sigma
    log_p += 2 * log_sigma  # the cells' widths in c and a
    mass = np.exp(log_p - log_p.max())
    total = mass.sum()
    below = stats.norm.cdf(0.6, c + a * g_ahead, sigma / np.sqrt(precision[-1]))
    return (
        float(log_p.max() + np.log(total)),
        float((mass * below).sum() / total),
        float((mass * a).sum() / total),
    )


@pytest.mark.parametrize("decline", [0.5, 0.05])
def test_closed_form_is_the_integral(decline: float) -> None:
    """A few components against a sum over level, scale and noise; flat level: up to one constant."""
    noise = NoiseModel(recency=1.0, sharpness=1.5, noise_std=0.01, decline=decline)
    bank = ShapeBank.build(6, 2.5)
    model = LinearModel(bank, noise)
    conditioned = model.condition(CURVE)
    shift, variance = model.ahead(20)
    shapes, ahead = bank.at(np.arange(1.0, 7)), bank.at(np.array([20.0]))[:, 0]
    rows = [0, 9, 40, len(bank) - 30]
    chosen = [(k, r) for k in rows for r in (0, 2)]
    results = [by_numbers(shapes[k], float(posterior._RATIOS[r]), noise, float(ahead[k])) for k, r in chosen]
    index = np.array([k * len(posterior._RATIOS) + r for k, r in chosen])
    # ρ's width of the cell in a follows from the data, σ alone is left out: widths differ between components
    gram = [np.linalg.inv(_gram(shapes[k], float(posterior._RATIOS[r]), noise)) for k, r in chosen]
    widths = np.array([0.5 * np.log(np.diag(v)).sum() for v in gram])
    theirs = np.array([result[0] for result in results]) + widths
    ours = conditioned.log_likelihood[0, index]
    assert np.allclose(ours - ours[0], theirs - theirs[0], atol=0.02)
    slopes = conditioned.slope[0, index]
    assert np.allclose(slopes, [result[2] for result in results], rtol=0.02, atol=2e-3)
    location = conditioned.level[0] + slopes * shift[index]
    scale = conditioned.noise[0, index] * np.sqrt(variance[index])
    below = stdtr(model.dof, (0.6 - location) / scale)
    assert np.allclose(below, [result[1] for result in results], atol=0.01 if decline == 0.5 else 0.04)


def _gram(g: FloatArray, ratio: float, noise: NoiseModel) -> FloatArray:
    e = len(g)
    precision = 10 ** (noise.recency * np.linspace(0, 1, e))
    w = min(1.0, noise.sharpness / np.sqrt(e)) * precision / precision.mean()
    design = np.column_stack([np.ones(e), g])
    return np.asarray(design.T @ (w[:, None] * design) + np.diag([0.0, ratio**-2]))


@pytest.mark.parametrize("epochs", [3, 8, 20, 60])
def test_bank(epochs: int) -> None:
    bank = ShapeBank.build(epochs, 2.5)
    assert 250 < len(bank) < 400
    assert np.exp(bank.log_prior).sum() == pytest.approx(1)
    ends = bank.at(np.array([1.0, 2.0, 4.0 * epochs, 20.0 * epochs]))
    assert np.allclose(ends[:, 0], 0, atol=1e-9)
    assert np.allclose(ends[:, 2], 1, atol=1e-9)
    assert (ends[:, 2] >= ends[:, 1] - 1e-9).all()  # Domhan's soft monotonicity
    assert np.isfinite(ends).all()
    assert {"pow3", "pow4", "hill3", "weibull", "loglog_linear", "vapor_pressure", "ilog2"} == set(
        bank.family
    )


def test_bank_prior_prefers_what_has_nearly_arrived() -> None:
    def later(decay: float) -> float:
        bank = ShapeBank.build(10, decay)
        return float(np.exp(bank.log_prior) @ (1 - bank.at(np.array([10.0]))[:, 0]))

    assert later(5.0) < later(2.5) < later(0.0)


def mixture(n: int = 6, k: int = 1500, seed: int = 0) -> StudentMixture:
    rng = np.random.default_rng(seed)
    weight = rng.gamma(0.3, size=(n, k))
    return StudentMixture(
        weight=weight / weight.sum(axis=1, keepdims=True),
        location=rng.normal(0.6, 0.03, (n, k)) + 0.05 * rng.exponential(size=(n, k)),
        scale=0.01 * rng.gamma(2.0, size=(n, k)) + 1e-4,
        dof=3.2,
    )


def test_quantiles_and_std_of_a_mixture_are_those_of_all_components() -> None:
    whole = mixture()
    std, quantiles = whole.reduced().std_and_quantiles(LEVELS)
    z = (quantiles[:, :, None] - whole.location[:, None]) / whole.scale[:, None]
    levels = (stdtr(whole.dof, z) * whole.weight[:, None]).sum(axis=2)
    density = (stats.t.pdf(z, whole.dof) / whole.scale[:, None] * whole.weight[:, None]).sum(axis=2)
    assert np.abs((levels - LEVELS) / density).max() < 2e-3
    rng = np.random.default_rng(1)
    for i in range(2):
        pick = rng.choice(1500, size=100_000, p=whole.weight[i])
        draws = whole.location[i, pick] + whole.scale[i, pick] * rng.standard_t(whole.dof, size=100_000)
        assert std[i] == pytest.approx(np.clip(draws, 0, 1).std(), rel=0.03)


def test_empty_groups_of_a_reduced_mixture_are_left_out() -> None:
    reduced = mixture().reduced()
    n_groups = (reduced.weight > 0).sum(axis=1)
    assert reduced.weight.shape == (6, n_groups.max())
    assert n_groups.max() < 128
    assert (np.diff(reduced.weight > 0, axis=1).sum(axis=1) <= 1).all()  # those of weight 0 at the end
    assert reduced.weight.sum(axis=1) == pytest.approx(1)
    first = mixture().reduced()
    assert (first.weight * first.location).sum(axis=1) == pytest.approx(
        (mixture().weight * mixture().location).sum(axis=1)
    )


def test_distribution_function_in_chunks_of_rows() -> None:
    whole = mixture(n=40)
    values = np.linspace(0.5, 0.9, 7) + np.zeros((40, 1))
    z = (values[:, :, None] - whole.location[:, None]) / whole.scale[:, None]
    expected = (stdtr(whole.dof, z) * whole.weight[:, None]).sum(axis=2)
    assert np.abs(whole.cdf(values) - expected).max() < 2e-6


def test_mixtures_beyond_the_bounds_are_clipped() -> None:
    above = StudentMixture(
        weight=np.ones((2, 1)), location=np.array([[1.2], [-0.3]]), scale=np.full((2, 1), 0.01), dof=3.0
    )
    std, quantiles = above.std_and_quantiles(LEVELS)
    assert np.allclose(quantiles, [[1.0], [0.0]], atol=1e-9)
    assert (std < 0.02).all()


def test_t_cdf() -> None:
    z = np.concatenate([np.linspace(-50, 50, 2001), [-1e20, -1e9, 1e9, 1e20, 0.0]])
    for dof in (1.5, 3.16, 12.0):
        assert np.abs(t_cdf(z, dof) - stdtr(dof, z)).max() < 2e-6


def test_learnt_prior_finds_the_shape_of_the_curves() -> None:
    """Curves of one Weibull shape, which the prior thinks rare."""
    rng = np.random.default_rng(0)
    bank = ShapeBank.build(8, 2.5)
    model = LinearModel(bank, NOISE)
    rise = 1 - np.exp(-((np.arange(1.0, 33) / 24) ** 1.4))
    curves = rng.uniform(0.4, 0.8, (30, 1)) * rise + rng.normal(0, 0.004, (30, 32))
    learnt = learn_prior(model.condition(curves[:, :8]), curves[:, -1], 32, strength=5.0)
    assert np.exp(learnt.whole).sum() == pytest.approx(1)
    assert np.allclose(np.exp(learnt.left_out).sum(axis=1), 1)
    later = np.repeat(1 - bank.at(np.array([8.0]))[:, 0], len(posterior._RATIOS))
    truth = 1 - (1 - np.exp(-((8 / 24) ** 1.4))) / rise[-1]
    before, after = np.exp(model.log_prior) @ later, np.exp(learnt.whole) @ later
    assert before < 0.5 * truth
    assert after == pytest.approx(truth, abs=0.15)
    stubborn = learn_prior(model.condition(curves[:, :8]), curves[:, -1], 32, strength=1e9)
    assert np.allclose(np.exp(stubborn.whole), np.exp(model.log_prior), atol=1e-7)


def quantiles_about(median: FloatArray, width: float) -> FloatArray:
    return median[:, None] + width * np.array([-1.0, -0.4, 0.0, 0.4, 1.0])


def test_correction_learns_a_bias_but_nothing_from_noise() -> None:
    rng = np.random.default_rng(0)
    prefixes = np.cumsum(rng.uniform(0, 0.05, (40, 8)), axis=1)
    predicted = quantiles_about(prefixes[:, -1] + 0.02, 0.01)
    biased = prefixes[:, -1] + 0.1 + rng.normal(0, 0.005, 40)
    correction = Correction.learn(prefixes, predicted, predicted, biased)
    corrected = correction.apply(prefixes, predicted, predicted)
    assert np.abs(corrected[:, 2] - biased).mean() < 0.006
    assert np.allclose(corrected[:, 4] - corrected[:, 0], 0.02 * correction.stretch)
    noise = prefixes[:, -1] + 0.02 + rng.normal(0, 0.03, 40)
    correction = Correction.learn(prefixes, predicted, predicted, noise)
    assert not correction.coefficients.any()
    assert correction.stretch > 2  # the interval was far too narrow
    neutral = Correction.learn(prefixes[:4], predicted[:4], predicted[:4] + 0.1, biased[:4])
    assert np.allclose(neutral.apply(prefixes, predicted, predicted + 0.1), predicted)
