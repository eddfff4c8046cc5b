"""The sampling itself: minutes of compilation, so not in the default run (`make test-slow`)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import expon, norm

from nascurve.lce.wpm_families import FAMILIES
from nascurve.lce.wpm_mcmc import WPMMCMC
from nascurve.lce.wpm_mcmc_coordinates import to_parameters
from nascurve.lce.wpm_mcmc_model import CombinationModel, import_quietly
from nascurve.lce.wpm_mcmc_start import recency_weights, start_of

pytestmark = pytest.mark.slow

X = np.arange(1.0, 13)
CLEAN = 0.8 - np.array([[0.4], [0.3]]) / np.log(X + 1)
CURVES = CLEAN + np.random.default_rng(0).normal(0, 0.004, CLEAN.shape)
TRUTH = 0.8 - np.array([0.4, 0.3]) / np.log(41)
SMALL: dict[str, Any] = {"families": ["ilog2", "pow3"], "draws": 200, "tune": 300, "chains": 2}


def test_log_density_is_the_documented_one() -> None:
    """All eleven families, at random points, against NumPy and scipy.stats; walls included."""
    families = list(FAMILIES.values())
    settings: dict[str, Any] = {"min_noise_std": 0.001, "recency": True}
    model = CombinationModel(
        families, sampler="nuts", draws=4, tune=0, chains=1, target_accept=0.9, **settings
    )
    strict, loose = (
        start_of(families, CURVES[0], 40.0, prior_information=information, prior_std=0.1, **settings)
        for information in (1.0, 0.0)
    )
    symbolic = model._build(model._data(CURVES[0], 40.0, strict))
    log_density = symbolic.compile_logp(jacobian=False, mode="FAST_COMPILE")
    rng = np.random.default_rng(1)
    n_walls = 0
    for start in [strict, loose] * 8:
        symbolic.set_data("factor", start.factor)
        z, weight = rng.normal(0, 1, len(start.centre)), rng.exponential(1, len(families))
        noise = rng.uniform(0.002, 0.1)
        free = start.centre + start.factor @ z
        total, walls, offset = np.zeros(12), 0.0, 0
        for k, family in enumerate(families):
            parameters = to_parameters(family, free[offset : offset + len(family.start)], 40.0)
            offset += len(family.start)
            if start.kept[k]:
                total += weight[k] * family(X, parameters)
                at_2, at_limit = family([2.0, 40.0], parameters)
                beyond = np.maximum([at_2 - at_limit, -at_limit, at_limit - 100], 0)
                walls += norm.logpdf(beyond / 0.002).sum() - 3 * norm.logpdf(0)
        mean = total / weight[start.kept].sum()
        expected = (
            norm.logpdf(z).sum()
            + expon.logpdf(weight).sum()
            - np.log(0.999)
            + (recency_weights(12) * (norm.logpdf(CURVES[0], mean, noise) + 0.5 * np.log(2 * np.pi))).sum()
            + walls
        )
        n_walls += walls < 0
        point = {
            "z": z,
            "weight_log__": np.log(weight),
            "noise_std_interval__": np.log((noise - 0.001) / (1 - noise)),
        }
        assert float(log_density(point)) == pytest.approx(expected, rel=1e-6)
    assert n_walls


def test_nutpie_predicts_compiles_once_and_is_reproducible(monkeypatch: pytest.MonkeyPatch) -> None:
    nutpie = pytest.importorskip("nutpie")
    compiled, compile_model = [], nutpie.compile_pymc_model
    monkeypatch.setattr(nutpie, "compile_pymc_model", lambda m: compiled.append(m) or compile_model(m))
    extrapolator = WPMMCMC(**SMALL)
    both = extrapolator.predict(CURVES, 40)
    extrapolator.predict(CURVES[:, :9], 30)
    assert len(compiled) == 1, "another length and horizon are data of the same model"
    assert both.mean == pytest.approx(TRUTH, abs=0.02)
    assert (np.abs(both.mean - TRUTH) < 3 * both.std).all()
    assert (both.std > 0.002).all()
    alone = WPMMCMC(**SMALL).predict(CURVES[1:], 40)
    assert alone.mean[0] == both.mean[1]
    assert alone.std[0] == both.std[1]
    other = WPMMCMC(**SMALL, seed=1).predict(CURVES[1:], 40)
    assert 0 < abs(other.mean[0] - both.mean[1]) < both.std[1]

    for found in extrapolator.diagnostics(CURVES, 40):
        assert found.families == ("ilog2", "pow3")
        assert 0.99 < found.prediction_r_hat <= found.r_hat < 1.1
        assert 20 < found.ess <= found.prediction_ess
        assert 0 <= found.divergences < 100


def test_warns_of_chains_that_disagree(caplog: pytest.LogCaptureFixture) -> None:
    pytest.importorskip("nutpie")
    WPMMCMC(families=["ilog2", "pow3"], draws=8, tune=2, chains=2).predict(CURVES[:1], 40)
    assert "R-hat" in caplog.text


@pytest.mark.parametrize(("sampler", "more"), [("nuts", {}), ("demetropolis", {"draws": 6000, "tune": 4000})])
def test_the_samplers_agree(sampler: str, more: dict[str, int]) -> None:
    pytest.importorskip("nutpie")
    reference = WPMMCMC(**SMALL).predict(CURVES[:1], 40)
    extrapolator = WPMMCMC(**{**SMALL, **more, "sampler": sampler})
    prediction = extrapolator.predict(CURVES[:1], 40)
    assert abs(prediction.mean[0] - reference.mean[0]) < 0.3 * reference.std[0]
    assert prediction.std[0] == pytest.approx(reference.std[0], rel=0.3)
    again = WPMMCMC(**{**SMALL, **more, "sampler": sampler}).predict(CURVES[:1], 40)
    assert again.mean[0] == prediction.mean[0]


def test_constant_curve() -> None:
    pytest.importorskip("nutpie")
    prediction = WPMMCMC(draws=100, tune=200, chains=2).predict(np.full((1, 8), 0.42), 40)
    assert prediction.mean[0] == pytest.approx(0.42, abs=0.05)
    assert np.isfinite(prediction.std).all()


def test_arviz_is_quiet(recwarn: pytest.WarningsRecorder) -> None:
    import_quietly("arviz")
    assert not [w for w in recwarn if "ArviZ" in str(w.message)]
