from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nascurve import registry
from nascurve.errors import ConfigError, ProtocolError, UnknownIdError
from nascurve.lce import auto as auto_module
from nascurve.lce._levels import LEVELS
from nascurve.lce.auto import PRIOR, Auto
from nascurve.lce.auto_stacking import pruned, stacking_weights
from nascurve.lce.last_value import LastValue
from nascurve.simulator.types import FloatArray, Prediction
from nascurve.testing import check_extrapolator

CHEAP = ["last_value", "power_law", "gp"]
EPOCHS = np.arange(1.0, 25)


def curves(n: int, seed: int = 0, noise: float = 0.003) -> FloatArray:
    rng = np.random.default_rng(seed)
    final, rate = rng.uniform(0.4, 0.7, (n, 1)), rng.uniform(0.4, 1.6, (n, 1))
    return np.clip(final - 0.3 * EPOCHS**-rate + rng.normal(0, noise, (n, 24)), 0, 1)


class Planted:
    """Knows that the last value comes `factor` times as high; counts its fits."""

    def __init__(self, factor: float, std: float = 0.01) -> None:
        self._factor = factor
        self._std = std
        self.fits: list[int] = []

    def fit(self, curves: FloatArray) -> None:
        self.fits.append(len(curves))

    def predict(self, prefixes: FloatArray, at_epoch: int) -> Prediction:
        n = len(prefixes)
        return Prediction(mean=prefixes[:, -1] * self._factor, std=np.full(n, self._std))


def plant(monkeypatch: pytest.MonkeyPatch, **members: Any) -> dict[str, list[Any]]:
    """Register classes or functions as extrapolators; what is made of each is listed by its id."""
    made: dict[str, list[Any]] = {name: [] for name in members}
    real = registry.component

    def component(group: Any, name: str) -> Any:
        if name not in members:
            return real(group, name)

        def build() -> Any:
            made[name].append(members[name]())
            return made[name][-1]

        return build

    monkeypatch.setattr(registry, "component", component)
    return made


def halved(n: int, seed: int = 0) -> FloatArray:
    """Curves whose last value is half of that at epoch 8, give or take .01."""
    rng = np.random.default_rng(seed)
    values = curves(n, seed)
    values[:, -1] = values[:, 7] / 2 + rng.normal(0, 0.01, n)
    return values


def test_contract() -> None:
    check_extrapolator(Auto(members=CHEAP, fallback="power_law"))


@pytest.mark.slow
def test_contract_with_all_members() -> None:
    check_extrapolator(Auto())


def test_default_is_registered_and_uses_all_members() -> None:
    auto = registry.create_extrapolator("auto", n_folds=2)
    known = curves(10)
    auto.fit(known)
    prediction = auto.predict(known[:3, :8], 24)
    assert prediction.levels == LEVELS
    assert set(auto.weights(8, 24)) == set(PRIOR)  # type: ignore[attr-defined]
    auto.fit(known[:0])
    assert auto.weights(8, 24) == {"wpm": 1.0}  # type: ignore[attr-defined]


def test_the_planted_best_member_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, planted=lambda: Planted(0.5), wrong=lambda: Planted(0.7))
    auto = Auto(members=["last_value", "wrong", "planted", "power_law"], fallback="last_value")
    known, new = halved(40), halved(300, seed=1)
    auto.fit(known)
    weights = auto.weights(8, 24)
    assert weights["planted"] > 0.85
    assert sum(weights.values()) == pytest.approx(1)
    prediction = auto.predict(new[:, :8], 24)
    assert np.sqrt(np.mean((prediction.mean - new[:, -1]) ** 2)) < 0.025
    assert prediction.quantiles is not None
    inside = (prediction.quantiles[:, 0] < new[:, -1]) & (new[:, -1] < prediction.quantiles[:, -1])
    assert 0.84 < inside.mean() < 0.98


@pytest.mark.parametrize("std", [0.0, 0.001, 0.3])
def test_the_interval_is_right_though_the_member_is_wrong_about_its_own(
    monkeypatch: pytest.MonkeyPatch, std: float
) -> None:
    plant(monkeypatch, planted=lambda: Planted(0.5, std))
    auto = Auto(members=["planted"], fallback="last_value")
    auto.fit(halved(160))
    new = halved(500, seed=1)
    prediction = auto.predict(new[:, :8], 24)
    assert prediction.quantiles is not None
    low, q25, _, q75, high = prediction.quantiles.T
    assert 0.86 < np.mean((low < new[:, -1]) & (new[:, -1] < high)) < 0.97
    assert 0.42 < np.mean((q25 < new[:, -1]) & (new[:, -1] < q75)) < 0.65


def test_between_comparisons_only_chosen_members_are_fitted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auto_module, "_ALL_UP_TO", 100)
    made = plant(monkeypatch, good=lambda: Planted(0.5), bad=lambda: Planted(3.0))
    auto = Auto(members=["good", "bad"], fallback="last_value", min_curves=10, n_folds=4)
    known = halved(45)
    for m in range(0, 46, 3):
        auto.fit(known[:m])
        auto.predict(known[:2, :8], 24)
    (good, good_on_trial), (bad, bad_on_trial) = made["good"], made["bad"]
    assert good.fits == list(range(12, 46, 3))
    assert bad.fits == []
    # 10, 20 and 40 curves, less a quarter each
    assert good_on_trial.fits == bad_on_trial.fits == [7, 7, 8, 8, 15, 15, 15, 15, 30, 30, 30, 30]


def test_of_many_curves_as_many_as_a_grid_says_are_fitted_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auto_module, "_ALL_UP_TO", 100)
    monkeypatch.setattr(auto_module, "_REFIT_GROWTH", 1.1)
    made = plant(monkeypatch, good=lambda: Planted(0.5))
    auto = Auto(members=["good"], fallback="last_value")
    known = halved(125)
    for m in (94, 97, 100, 103, 109, 110, 113, 121, 124):
        auto.fit(known[:m])
        auto.predict(known[:2, :8], 24)
    assert made["good"][0].fits == [94, 97, 100, 110, 121]
    auto = Auto(members=["good"], fallback="last_value", min_curves=120)
    auto.fit(known[:119])
    assert auto.weights(8, 24) == {"last_value": 1.0}
    auto.fit(known)
    assert auto.weights(8, 24) == {"good": 1.0}


def test_what_is_remembered_changes_nothing() -> None:
    known, new = curves(115), curves(5, seed=1)
    used = Auto(members=CHEAP, fallback="power_law")
    for m in (4, 12, 45, 21, 12, 108, 100, 115):
        used.fit(known[:m])
        fresh = Auto(members=CHEAP, fallback="power_law")
        fresh.fit(known[:m])
        a, b = used.predict(new[:, :8], 24), fresh.predict(new[:, :8], 24)
        assert np.array_equal(a.mean, b.mean)
        assert np.array_equal(a.std, b.std)
        assert np.array_equal(np.asarray(a.quantiles), np.asarray(b.quantiles))


def test_fallback_until_there_are_enough_curves() -> None:
    known, new = curves(30), curves(5, seed=1)
    auto, last = Auto(members=CHEAP, fallback="last_value"), LastValue()
    for few, at_epoch in ((known[:9], 24), (known[:, :20], 24)):
        auto.fit(few)
        last.fit(few)
        got, expected = auto.predict(new[:, :8], at_epoch), last.predict(new[:, :8], at_epoch)
        assert np.array_equal(got.mean, expected.mean)
        assert np.array_equal(got.std, expected.std)
        assert got.levels == LEVELS
        assert auto.weights(8, at_epoch) == {"last_value": 1.0}


@pytest.mark.parametrize(("n_given", "n_used"), [(16, 2), (4, 2)])
def test_seed_goes_to_members_that_have_one(
    monkeypatch: pytest.MonkeyPatch, n_given: int, n_used: int
) -> None:
    seen: list[tuple[str, dict[str, Any]]] = []
    create = registry.create_extrapolator

    def spy(name: str, **more: Any) -> Any:
        seen.append((name, more))
        return create(name, **more)

    monkeypatch.setattr(registry, "create_extrapolator", spy)
    Auto(members=["lightgbm", "last_value"], fallback="last_value", seed=n_given)
    assert [more for name, more in seen if name == "lightgbm"] == [{"seed": n_given}] * n_used
    assert all(more == {} for name, more in seen if name == "last_value")


def test_a_member_that_misbehaves_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    class Nonsense(Planted):
        def predict(self, prefixes: FloatArray, at_epoch: int) -> Prediction:
            return Prediction(mean=np.full(len(prefixes), np.nan), std=np.ones(len(prefixes)))

    class Broken(Planted):
        def predict(self, prefixes: FloatArray, at_epoch: int) -> Prediction:
            raise RuntimeError("out of order")

    plant(monkeypatch, nonsense=lambda: Nonsense(1.0), broken=lambda: Broken(1.0))
    known = curves(12)
    for name, error, words in (
        ("nonsense", ProtocolError, "Nonsense"),
        ("broken", RuntimeError, "out of order"),
    ):
        auto = Auto(members=["last_value", name], fallback="last_value")
        auto.fit(known)
        with pytest.raises(error, match=words):
            auto.predict(known[:, :8], 24)
        auto = Auto(members=["last_value"], fallback=name)
        auto.fit(known[:3])
        with pytest.raises(error, match=words):
            auto.predict(known[:, :8], 24)


@pytest.mark.parametrize(
    ("option", "name"),
    [
        ({"members": []}, "members"),
        ({"members": "gp"}, "members"),
        ({"members": ["gp", "gp"]}, "members"),
        ({"members": ["gp", "auto"]}, "members"),
        ({"members": [1]}, "members"),
        ({"members": 3}, "members"),
        ({"fallback": "auto"}, "fallback"),
        ({"fallback": None}, "fallback"),
        ({"n_folds": 1}, "n_folds"),
        ({"min_curves": 3}, "min_curves"),
        ({"prior_curves": 0}, "prior_curves"),
        ({"smallest_weight": 1.1}, "smallest_weight"),
        ({"seed": -1}, "seed"),
    ],
)
def test_bad_options(option: dict[str, Any], name: str) -> None:
    with pytest.raises(ConfigError, match=rf"Auto\.{name}"):
        Auto(**option)


def test_unknown_member() -> None:
    with pytest.raises(UnknownIdError, match="power_law"):
        Auto(members=["power_lw"])


def test_weights_refuses_bad_epochs() -> None:
    with pytest.raises(ConfigError, match="at_epoch"):
        Auto(members=CHEAP, fallback="power_law").weights(8, 8)


ACCURACIES = st.one_of(st.sampled_from([0.0, 0.1, 0.5, 1.0]), st.floats(0, 1))


@given(data=st.data(), m=st.integers(0, 12), epochs=st.integers(2, 12))
@settings(max_examples=25, deadline=None)
def test_hostile_curves(data: st.DataObject, m: int, epochs: int) -> None:
    known = data.draw(hnp.arrays(np.float64, (m, epochs), elements=ACCURACIES))
    shape = (3, data.draw(st.integers(1, epochs - 1)))
    prefixes = data.draw(hnp.arrays(np.float64, shape, elements=ACCURACIES))
    auto = Auto(members=CHEAP, fallback="power_law", min_curves=4)
    auto.fit(known)
    prediction = auto.predict(prefixes, epochs)
    assert prediction.quantiles is not None
    for values in (prediction.mean, prediction.quantiles):
        assert ((values >= 0) & (values <= 1)).all()
    assert ((prediction.std > 0) & (prediction.std <= 0.5)).all()
    assert (np.diff(prediction.quantiles, axis=1) >= 0).all()


class TestStacking:
    """Members whose quantiles are normal, with centre and spread by hand."""

    LEVEL_SCORES = np.array([-1.645, -0.6745, 0, 0.6745, 1.645])

    def quantiles(self, *members: tuple[FloatArray, float]) -> FloatArray:
        return np.stack([centre[:, None] + std * self.LEVEL_SCORES for centre, std in members], axis=2)

    def test_no_curves_leave_the_prior(self) -> None:
        prior = np.array([0.2, 0.5, 0.3])
        none = stacking_weights(np.empty(0), np.empty((0, 5, 3)), prior=prior, prior_curves=4)
        assert none == pytest.approx(prior)

    def test_is_the_optimum(self) -> None:
        """No step along any direction makes the objective smaller."""
        rng = np.random.default_rng(0)
        outcomes = rng.uniform(0.4, 0.6, 60)
        members = [(outcomes + rng.normal(0, s, 60), s) for s in (0.02, 0.02, 0.1)]
        quantiles = self.quantiles(*members)
        prior = np.full(3, 1 / 3)
        levels = np.array(LEVELS)

        def objective(weights: FloatArray) -> float:
            scale = np.median(np.abs(outcomes[:, None] - quantiles[:, 2]), axis=1) + 0.003
            off = (outcomes[:, None] - quantiles @ weights) / scale[:, None]
            loss = np.maximum(levels * off, (levels - 1) * off).sum()
            return float(loss + 5 * (weights @ np.log(weights / prior)))

        weights = stacking_weights(outcomes, quantiles, prior=prior, prior_curves=5)
        assert weights[:2].min() > 0.3  # two that err independently share
        best = objective(weights)
        for other in np.eye(3):
            assert objective(0.95 * weights + 0.05 * other) > best - 1e-3 * abs(best)

    def test_the_prior_counts_for_less_the_more_curves(self) -> None:
        rng = np.random.default_rng(0)
        prior = np.array([0.9, 0.1])
        shares = []
        for m in (2, 20, 200):
            outcomes = rng.uniform(0.4, 0.6, m)
            quantiles = self.quantiles((outcomes + 0.03, 0.01), (outcomes + rng.normal(0, 0.01, m), 0.01))
            shares.append(stacking_weights(outcomes, quantiles, prior=prior, prior_curves=10)[1])
        assert shares[0] < shares[1] < shares[2]
        assert shares[0] < 0.5
        assert shares[2] > 0.85

    def test_small_weights_are_pruned(self) -> None:
        assert pruned(np.array([0.9, 0.08, 0.02]), 0.05) == pytest.approx([0.9 / 0.98, 0.08 / 0.98, 0])
        assert pruned(np.array([0.4, 0.6]), 1.0) == pytest.approx([0, 1])
