from __future__ import annotations

import hashlib
import logging
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import kendalltau

import nascurve
from nascurve.errors import ConfigError
from nascurve.lce import lcsvr_search
from nascurve.lce._levels import LEVELS
from nascurve.lce.last_value import LastValue
from nascurve.lce.lcsvr import LcSVR
from nascurve.simulator.types import FloatArray, Prediction
from nascurve.testing.extrapolator import check_extrapolator
from tests.official_data import real_sample


def crossing_curves(n: int, seed: int) -> FloatArray:
    """(n, 24): those that start slowly end high, so that the last value of 6 epochs ranks them badly."""
    rng = np.random.default_rng(seed)
    rate = rng.uniform(0.3, 1.5, (n, 1))
    final = 0.95 - 0.2 * rate + rng.normal(0, 0.01, (n, 1))
    clean = final - 0.5 * np.exp(-rate * np.arange(24) / 3)
    return np.clip(clean + rng.normal(0, 0.003, clean.shape), 0, 1)


def fitted(curves: FloatArray, encodings: FloatArray | None = None, **options: Any) -> LcSVR:
    svr = LcSVR(**options)
    svr.fit(curves, encodings)
    return svr


def assert_same(a: Prediction, b: Prediction) -> None:
    assert np.array_equal(a.mean, b.mean)
    assert np.array_equal(a.std, b.std)
    assert a.quantiles is not None
    assert b.quantiles is not None
    assert np.array_equal(a.quantiles, b.quantiles)


@pytest.mark.parametrize(
    "options",
    [
        {"min_curves": 5, "target": "value"},
        {"features": "statistics"},
        {"regressor": "bayesian_ridge"},
    ],
)
def test_contract(options: dict[str, Any]) -> None:
    check_extrapolator(LcSVR(**options))


def test_contract_of_the_papers_search() -> None:
    # RBF without scaling on one feature, and a few draws: constant curves are not learnt well
    check_extrapolator(LcSVR(search="paper", n_draws=8), constant_atol=0.6)


@pytest.mark.parametrize("options", [{}, {"search": "paper", "n_draws": 60}, {"regressor": "bayesian_ridge"}])
def test_learns_what_the_last_value_cannot_know(options: dict[str, Any]) -> None:
    train, test = crossing_curves(60, 0), crossing_curves(200, 1)
    prediction = fitted(train, **options).predict(test[:, :6], 24)
    error = prediction.mean - test[:, -1]
    last = test[:, 5] - test[:, -1]
    assert np.abs(error).mean() < 0.2 * np.abs(last).mean()
    assert kendalltau(prediction.mean, test[:, -1]).statistic > 0.75
    assert kendalltau(test[:, 5], test[:, -1]).statistic < 0.2
    assert prediction.levels == LEVELS
    assert prediction.quantiles is not None
    inside = (test[:, -1] >= prediction.quantiles[:, 0]) & (test[:, -1] <= prediction.quantiles[:, 4])
    assert 0.8 < inside.mean() < 0.99


def test_falls_back_until_it_has_enough_and_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    curves = crossing_curves(20, 0)
    svr, last = LcSVR(min_curves=12), LastValue()
    with caplog.at_level(logging.INFO, logger="nascurve"):
        for m in (0, 1, 11):
            svr.fit(curves[:m])
            last.fit(curves[:m])
            ours, theirs = svr.predict(curves[:, :6], 24), last.predict(curves[:, :6], 24)
            assert np.array_equal(ours.mean, theirs.mean)
            assert np.array_equal(ours.std, theirs.std)
            assert ours.levels == LEVELS
        svr.fit(curves)
        assert not np.array_equal(svr.predict(curves[:, :6], 24).mean, theirs.mean)
        assert np.array_equal(svr.predict(curves[:, :6], 25).mean, curves[:, 5]), "no curve reaches epoch 25"
    assert len(caplog.records) == 1
    assert "last value until it has 12" in caplog.text


def test_a_search_is_done_once_for_a_grid_of_sizes_and_any_order_of_fits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    searches: list[int] = []
    search = lcsvr_search.best_of_grid

    def counted(X: FloatArray, *args: Any) -> Any:
        searches.append(len(X))
        return search(X, *args)

    monkeypatch.setattr("nascurve.lce.lcsvr.best_of_grid", counted)
    curves = crossing_curves(40, 0)
    svr = LcSVR(min_curves=10)
    answers = {}
    for m in (10, 14, 15, 21, 22, 32, 33, 40):
        svr.fit(curves[:m])
        assert searches.count(m) <= 1
        answers[m] = svr.predict(curves[:3, :6], 24)
    assert searches == [10, 15, 22, 33]
    for m in (40, 21):  # from the choices that were kept, and from none at all
        svr.fit(curves[:m])
        assert_same(svr.predict(curves[:3, :6], 24), answers[m])
        assert_same(fitted(curves[:m], min_curves=10).predict(curves[:3, :6], 24), answers[m])
    svr.fit(curves[::-1])
    svr.predict(curves[:3, :6], 24)
    assert searches[4:] == [33, 15, 33], "new instances search, other curves are searched anew"


def test_papers_draws() -> None:
    draws = lcsvr_search.paper_draws(2000, seed=0)
    C = np.log10([d.C for d in draws])
    gamma = np.log10([d.gamma for d in draws])
    nu = np.array([d.nu for d in draws])
    for values, low, high in ((C, -5, 1), (gamma, -5, 1), (nu, 0, 1)):
        assert low < values.min() < low + 0.02 * (high - low)
        assert high - 0.02 * (high - low) < values.max() <= high
        assert values.mean() == pytest.approx((low + high) / 2, abs=0.03 * (high - low))
    assert all(d.linear == 0 for d in draws)
    assert lcsvr_search.paper_draws(3, seed=0) == draws[:3]
    assert lcsvr_search.paper_draws(3, seed=1) != draws[:3]


def test_papers_recipe_is_scikit_learns_search() -> None:
    """3-fold cross-validation on R², the best fitted again on all, features in percent and unscaled."""
    from sklearn.model_selection import cross_val_score
    from sklearn.svm import NuSVR

    train, test = crossing_curves(20, 0), crossing_curves(10, 1)
    ours = fitted(train, search="paper", n_draws=12).predict(test[:, :4], 24)

    def features(curves: FloatArray) -> FloatArray:
        seen = 100 * curves[:, :4]
        first = np.diff(seen)
        return np.hstack([seen, first, np.diff(first), seen.mean(1)[:, None], seen.std(1)[:, None]])

    target = 100 * train[:, -1]
    models = [NuSVR(C=d.C, nu=d.nu, gamma=d.gamma) for d in lcsvr_search.paper_draws(12, seed=0)]
    scores = [cross_val_score(model, features(train), target, cv=3, scoring="r2").mean() for model in models]
    best = models[int(np.argmax(scores))].fit(features(train), target)
    assert ours.mean == pytest.approx(best.predict(features(test)) / 100, abs=1e-5)


def test_encodings_join_the_features() -> None:
    rng = np.random.default_rng(0)
    curves = crossing_curves(80, 0)
    jump = rng.integers(0, 2, 80)
    curves[:, -1] = curves[:, 5] + 0.2 * jump + rng.normal(0, 0.01, 80)  # what the prefix does not tell
    encodings = np.stack([jump, rng.random(80), np.ones(80)], axis=1)
    svr = fitted(curves[:50], encodings[:50], encoding="adjacency")
    truth = curves[50:, -1]
    with_ = svr.predict(curves[50:, :6], 24, encodings[50:]).mean
    without = svr.predict(curves[50:, :6], 24)
    assert np.abs(with_ - truth).mean() < 0.6 * np.abs(without.mean - truth).mean()
    assert_same(without, fitted(curves[:50]).predict(curves[50:, :6], 24))
    assert_same(without, fitted(curves[:50]).predict(curves[50:, :6], 24, encodings[50:]))
    with pytest.raises(ConfigError, match="3 columns"):
        svr.predict(curves[50:, :6], 24, encodings[50:, :2])
    with pytest.raises(ConfigError, match=r"LcSVR\.fit.*encodings"):
        svr.fit(curves, encodings[:50])


def test_a_search_without_solution_predicts_the_mean(monkeypatch: pytest.MonkeyPatch) -> None:
    from sklearn.svm import NuSVR

    def infeasible(*args: object) -> object:
        raise ValueError("The dual coefficients or intercepts are not finite.")

    monkeypatch.setattr(NuSVR, "fit", infeasible)
    curves = crossing_curves(20, 0)
    paper = fitted(curves, search="paper", n_draws=2).predict(curves[:4, :6], 24)
    assert paper.mean == pytest.approx([curves[:, -1].mean()] * 4)
    fast = fitted(curves).predict(curves[:4, :6], 24)
    increment = np.median(curves[:, -1] - curves[:, 5])
    assert fast.mean == pytest.approx(np.clip(curves[:4, 5] + increment, 0, 1), abs=0.2)


@given(
    curves=arrays(
        float, st.tuples(st.integers(5, 12), st.just(6)), elements=st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0])
    ),
    epochs=st.integers(1, 5),
    search=st.sampled_from(["fast", "fast", "paper"]),
)
@settings(max_examples=25, deadline=None)
def test_any_curves_give_finite_ordered_predictions(curves: FloatArray, epochs: int, search: str) -> None:
    """Constant and duplicated curves, equal targets, jumps from 0 to 1."""
    svr = fitted(curves, min_curves=5, search=search, n_draws=3)
    prefixes = np.vstack([curves[:, :epochs], np.zeros((1, epochs)), np.ones((1, epochs))])
    prediction = svr.predict(prefixes, 6)
    assert prediction.quantiles is not None
    assert np.isfinite(prediction.std).all()
    assert (prediction.std >= 0).all()
    assert ((prediction.mean >= 0) & (prediction.mean <= 1)).all()
    assert ((prediction.quantiles >= 0) & (prediction.quantiles <= 1)).all()
    assert (np.diff(prediction.quantiles, axis=1) >= 0).all()


def test_equal_targets_and_equal_curves() -> None:
    same = np.repeat(np.linspace(0.1, 0.9, 24)[np.newaxis], 20, axis=0)
    for options in ({}, {"search": "paper", "n_draws": 2}, {"regressor": "bayesian_ridge"}):
        prediction = fitted(same, **options).predict(same[:2, :6], 24)
        assert prediction.mean == pytest.approx([0.9, 0.9])
        assert prediction.std == pytest.approx([0, 0], abs=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"search": "slow"}, "LcSVR.search"),
        ({"n_draws": 0}, "LcSVR.n_draws"),
        ({"regressor": "lstm"}, "LcSVR.regressor"),
        ({"features": "raw"}, "LcSVR.features"),
        ({"target": "final"}, "LcSVR.target"),
        ({"encoding": 3}, "LcSVR.encoding"),
        ({"min_curves": 4}, "LcSVR.min_curves"),
        ({"seed": -1}, "LcSVR.seed"),
    ],
)
def test_bad_settings(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message.replace(".", r"\.")):
        LcSVR(**options)


def test_percent_is_refused() -> None:
    with pytest.raises(ConfigError, match="Percent"):
        LcSVR().fit(100 * crossing_curves(20, 0))


def test_sklearn_is_loaded_on_use_only() -> None:
    code = (
        "import sys, nascurve.lce.lcsvr as s; s.LcSVR(); "
        "sys.exit(any(name in sys.modules for name in ('sklearn', 'scipy', 'lightgbm', 'torch')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_ranks_real_curves_better_than_the_last_value_and_knows_its_errors(tmp_path: Any) -> None:
    """40 curves of the development half of NAS-Bench-NLP fitted, the rest of that half predicted."""
    bench = nascurve.load_benchmark(
        "nbnlp", data_dir=real_sample("nas-bench-nlp-wikitext2"), cache_dir=tmp_path
    )
    rng = np.random.default_rng(0)
    archs = {str(arch): arch for arch in (bench.space.sample(rng) for _ in range(2000))}
    chosen = [arch for text, arch in sorted(archs.items()) if _is_development(text)]
    curves = np.array([bench.query(arch, seed=0).val_acc for arch in chosen])
    curves = rng.permutation(curves[np.isfinite(curves).all(axis=1)])
    truth, seen = curves[40:, -1], curves[40:, :10]
    prediction = fitted(curves[:40]).predict(seen, 50)
    assert kendalltau(prediction.mean, truth).statistic > kendalltau(seen[:, -1], truth).statistic + 0.01
    assert prediction.quantiles is not None
    assert 0.8 < np.mean((truth >= prediction.quantiles[:, 0]) & (truth <= prediction.quantiles[:, 4])) < 0.98


def _is_development(text: str) -> bool:
    return int(hashlib.sha256(text.encode()).hexdigest(), 16) % 2 == 0
