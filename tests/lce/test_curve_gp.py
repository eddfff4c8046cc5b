from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nascurve.errors import ConfigError
from nascurve.lce._levels import LEVELS
from nascurve.lce.curve_gp import CurveGP
from nascurve.lce.power_law import PowerLaw
from nascurve.simulator.types import FloatArray, Prediction
from nascurve.testing import check_extrapolator

EPOCHS = np.arange(1.0, 25)


def late_rise(n: int, seed: int = 0) -> FloatArray:
    """(n, 24): power laws that gain, in the last third, as much again as their rate foretells.

    No parametric curve foresees it, but it can be learnt from other curves.
    """
    rng = np.random.default_rng(seed)
    final, rate = rng.uniform(0.4, 0.7, (n, 1)), rng.uniform(0.4, 1.6, (n, 1))
    clean = final - 0.3 * EPOCHS**-rate
    rise = 0.2 * (rate - 0.3) / 1.6 / (1 + np.exp(-(EPOCHS - 18)))
    return np.clip(clean + rise + rng.normal(0, 0.003, clean.shape), 0, 1)


def same(a: Prediction, b: Prediction) -> bool:
    pairs = ((a.mean, b.mean), (a.std, b.std), (a.quantiles, b.quantiles))
    return all(np.array_equal(np.asarray(x), np.asarray(y)) for x, y in pairs)


@pytest.mark.parametrize("mean", ["last_value", "power_law"])
def test_contract(mean: str) -> None:
    check_extrapolator(CurveGP(mean=mean))


def test_learns_what_the_parametric_mean_cannot_know() -> None:
    train, test = late_rise(40), late_rise(200, seed=1)
    gp, law = CurveGP(), PowerLaw()
    gp.fit(train)
    law.fit(train)
    prediction = gp.predict(test[:, :8], 24)
    error = np.sqrt(np.mean((prediction.mean - test[:, -1]) ** 2))
    assert error < 0.3 * np.sqrt(np.mean((law.predict(test[:, :8], 24).mean - test[:, -1]) ** 2))
    assert prediction.levels == LEVELS
    assert prediction.quantiles is not None
    inside = (prediction.quantiles[:, 0] < test[:, -1]) & (test[:, -1] < prediction.quantiles[:, -1])
    assert 0.84 < inside.mean() < 0.97


def test_curves_that_move_are_less_certain_than_settled_ones() -> None:
    """Half have settled by epoch 8, half still move, to ends that their prefix does not tell."""
    rng = np.random.default_rng(0)
    moving = np.repeat([0.0, 0.3], 40)[:, None]
    end = 0.6 + moving * rng.uniform(-0.4, 1, (80, 1))
    curves = end - moving * EPOCHS**-0.5 + rng.normal(0, 0.001, (80, 24))
    curves[:, :8] = (0.6 - moving * EPOCHS**-0.5 + rng.normal(0, 0.001, (80, 24)))[:, :8]
    gp = CurveGP()
    order = rng.permutation(80)
    gp.fit(curves[order[:60]])
    rest = order[60:]
    std = gp.predict(curves[rest, :8], 24).std
    is_moving = moving[rest, 0] > 0
    assert std[is_moving].min() > 1.5 * std[~is_moving].max()


def test_one_wild_curve_spoils_nothing() -> None:
    train, test = late_rise(40), late_rise(100, seed=1)
    wild = train.copy()
    wild[7] = np.r_[np.zeros(12), np.full(12, 0.9)]
    errors = []
    for curves in (train, wild):
        gp = CurveGP()
        gp.fit(curves)
        errors.append(np.sqrt(np.mean((gp.predict(test[:, :8], 24).mean - test[:, -1]) ** 2)))
    assert errors[1] < 1.15 * errors[0]


def test_too_few_or_too_short_curves_leave_the_parametric_mean() -> None:
    curves = late_rise(30)
    gp, law = CurveGP(min_curves=5), PowerLaw()
    for known, at_epoch in ((curves[:4], 24), (curves[:, :20], 24)):
        gp.fit(known)
        law.fit(known)
        expected = law.predict(curves[:, :8], at_epoch)
        got = gp.predict(curves[:, :8], at_epoch)
        assert np.array_equal(got.mean, expected.mean)
        assert np.array_equal(got.std, expected.std)
        assert got.levels == LEVELS
    gp.fit(curves[:5])
    assert not np.array_equal(gp.predict(curves[:, :8], 24).mean, law.predict(curves[:, :8], 24).mean)


def test_what_is_remembered_changes_nothing() -> None:
    """Growing from 5 to 30 curves, and back, gives what a new one gives that is fitted once."""
    curves, test = late_rise(30), late_rise(10, seed=1)
    used = CurveGP()
    for m in (5, 9, 30, 12, 17):
        used.fit(curves[:m])
        fresh = CurveGP()
        fresh.fit(curves[:m])
        assert same(used.predict(test[:, :8], 24), fresh.predict(test[:, :8], 24))
    used.fit(curves[:30] * 0.9)
    used.predict(test[:, :8], 24)
    used.fit(curves[:17])
    assert same(used.predict(test[:, :8], 24), fresh.predict(test[:, :8], 24))


def test_hyperparameters_are_chosen_on_a_geometric_grid(monkeypatch: pytest.MonkeyPatch) -> None:
    from nascurve.lce import curve_gp

    chosen_on = []
    choose = curve_gp._choose

    def spy(base: object, target: FloatArray) -> object:
        chosen_on.append(len(target))
        return choose(base, target)  # type: ignore[arg-type]

    monkeypatch.setattr(curve_gp, "_choose", spy)
    gp, curves = CurveGP(min_curves=5), late_rise(30)
    for m in range(5, 31):
        gp.fit(curves[:m])
        gp.predict(curves[:2, :8], 24)
    assert chosen_on == [5, 7, 11, 16, 25]


def test_more_curves_than_max_curves_are_thinned_evenly() -> None:
    curves = late_rise(99)
    many, few = CurveGP(max_curves=50), CurveGP()
    many.fit(curves)
    few.fit(curves[::2])
    assert same(many.predict(curves[:5, :8], 24), few.predict(curves[:5, :8], 24))


@pytest.mark.parametrize(
    "option",
    [
        {"mean": "gp"},
        {"mean": None},
        {"min_curves": 2},
        {"min_curves": 8.0},
        {"max_curves": 4},
        {"temperature": 1.5},
        {"temperature": float("nan")},
    ],
)
def test_bad_options(option: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=f"CurveGP.{next(iter(option))}"):
        CurveGP(**option)  # type: ignore[arg-type]


ACCURACIES = st.one_of(st.sampled_from([0.0, 0.1, 0.5, 1.0]), st.floats(0, 1))


@given(data=st.data(), m=st.integers(0, 12), epochs=st.integers(2, 12))
@settings(max_examples=25, deadline=None)
def test_hostile_curves(data: st.DataObject, m: int, epochs: int) -> None:
    """Anything in [0, 1], repeated rows among it, gives finite predictions in [0, 1], in order."""
    curves = data.draw(hnp.arrays(np.float64, (m, epochs), elements=ACCURACIES))
    shape = (3, data.draw(st.integers(1, epochs - 1)))
    prefixes = data.draw(hnp.arrays(np.float64, shape, elements=ACCURACIES))
    gp = CurveGP(min_curves=3)
    gp.fit(np.repeat(curves, 2, axis=0))
    prediction = gp.predict(prefixes, epochs)
    assert prediction.quantiles is not None
    for values in (prediction.mean, prediction.quantiles):
        assert ((values >= 0) & (values <= 1)).all()
    assert ((prediction.std > 0) & (prediction.std < 10)).all()
    assert (np.diff(prediction.quantiles, axis=1) >= 0).all()
