"""Extrapolators on splits: what they are given, how they are scored; predicted curves and fans."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from nascurve.errors import ConfigError, ProtocolError
from nascurve.lce._levels import LEVELS
from nascurve.lce.evaluation.curve_set import CurveSet
from nascurve.lce.evaluation.evaluate import evaluate_split, warm_up
from nascurve.lce.evaluation.fans import Fans
from nascurve.lce.evaluation.settings import EvaluationSettings
from nascurve.lce.evaluation.split import Split
from nascurve.lce.last_value import LastValue
from nascurve.lce.power_law import PowerLaw
from nascurve.lce.predictive_curve import predictive_curve
from nascurve.simulator.types import FloatArray, Prediction

E = 20
SETTINGS = EvaluationSettings.read(max_epochs=E, prefixes=[2, 5, 10], fit_curves=[0, 7])


@pytest.fixture(scope="module")
def curves() -> CurveSet:
    rng = np.random.default_rng(0)
    final = rng.uniform(0.4, 0.9, (60, 1))
    values = final - 0.3 * np.arange(1.0, E + 1) ** -rng.uniform(0.6, 1.4, (60, 1))
    values = np.clip(values + rng.normal(0, 0.003, values.shape), 0, 1)
    found = CurveSet.of([f"a{i:02d}" for i in range(60)], values, at_epoch=E)
    return dataclasses.replace(found, encodings={"path": np.arange(60.0)[:, None]})


class Spy(LastValue):
    """Remembers what it was given; wants encodings."""

    encoding = "path"
    seen: list[tuple[str, tuple[int, ...], list[float] | None]]

    def __init__(self) -> None:
        super().__init__()
        type(self).seen = getattr(type(self), "seen", [])

    def fit(self, curves: FloatArray, encodings: FloatArray | None = None) -> None:
        self.seen.append(("fit", curves.shape, None if encodings is None else encodings[:, 0].tolist()))
        super().fit(curves)

    def predict(self, prefixes: FloatArray, at_epoch: int, encodings: FloatArray | None = None) -> Prediction:
        known = None if encodings is None else encodings[:, 0].tolist()
        self.seen.append(("predict", prefixes.shape, known))
        return super().predict(prefixes, at_epoch)


def test_last_value_is_scored_as_by_hand(curves: CurveSet) -> None:
    split = Split.draw(curves, SETTINGS, 0)
    cells = evaluate_split(LastValue, curves, split, SETTINGS)
    assert [(cell.prefix, cell.fit_curves) for cell in cells] == [
        *((2, 0), (5, 0), (10, 0), (2, 7), (5, 7), (10, 7)),
    ]
    truth = curves.curves[split.test, -1]
    for cell in cells:
        error = curves.curves[split.test, cell.prefix - 1] - truth
        assert cell.scores.rmse == pytest.approx(np.sqrt(np.mean(error**2)))
        assert cell.n_test == 30
        assert cell.cpu_s >= 0
    assert cells[0].scores.tau == cells[3].scores.tau  # the same test runs, whatever was fitted
    assert cells[0].scores.log_lik != cells[3].scores.log_lik


def test_encodings_go_with_the_runs(curves: CurveSet) -> None:
    Spy.seen = []
    split = Split.draw(curves, SETTINGS, 1)
    evaluate_split(Spy, curves, split, SETTINGS)
    fits = [(shape, known) for what, shape, known in Spy.seen if what == "fit"]
    assert fits[:3] == [((0, E), [])] * 3
    assert fits[3:] == [((7, E), [float(curves.architecture[run]) for run in split.fit[:7]])] * 3
    predicts = [(shape, known) for what, shape, known in Spy.seen if what == "predict"]
    assert predicts[1] == ((30, 5), [float(curves.architecture[run]) for run in split.test])
    # without encodings of its kind it is used as one that wants none
    Spy.seen = []
    evaluate_split(Spy, dataclasses.replace(curves, encodings={}), split, SETTINGS)
    assert {known is None for _, _, known in Spy.seen} == {True}


def test_a_misbehaving_extrapolator_is_named(curves: CurveSet) -> None:
    class Wrong(LastValue):
        def predict(self, prefixes: FloatArray, at_epoch: int) -> Prediction:
            return Prediction(mean=np.full(len(prefixes), np.nan), std=np.zeros(len(prefixes)))

    with pytest.raises(ProtocolError, match="Wrong"):
        evaluate_split(Wrong, curves, Split.draw(curves, SETTINGS, 0), SETTINGS)


@pytest.mark.parametrize("levels", [(0.0, 0.5), (0.5, 1.0), (0.9, 0.1), (0.5, 0.5)])
def test_levels_that_are_none_are_refused(levels: tuple[float, ...], curves: CurveSet) -> None:
    class Wrong(LastValue):
        def predict(self, prefixes: FloatArray, at_epoch: int) -> Prediction:
            flat = np.full((len(prefixes), 2), 0.5)
            return Prediction(mean=flat[:, 0], std=flat[:, 0], quantiles=flat, levels=levels)

    with pytest.raises(ProtocolError, match="ascending levels between 0 and 1"):
        evaluate_split(Wrong, curves, Split.draw(curves, SETTINGS, 0), SETTINGS)


def test_warming_up_takes_made_up_curves(curves: CurveSet) -> None:
    Spy.seen = []
    warm_up(Spy, SETTINGS)
    assert [(what, shape) for what, shape, _ in Spy.seen] == [("fit", (7, E)), ("predict", (1, 2))]


class Whole(PowerLaw):
    """Predicts whole curves at once, and has other levels."""

    def predict_curve(self, prefixes: FloatArray, until_epoch: int) -> list[Prediction]:
        seen = prefixes.shape[1]
        found = [super(Whole, self).predict(prefixes, epoch) for epoch in range(seen + 1, until_epoch + 1)]
        return [
            Prediction(
                mean=one.mean,
                std=one.std,
                quantiles=np.stack([one.mean - one.std, one.mean + one.std], axis=1),
                levels=(0.15865525393145707, 0.8413447460685429),
            )
            for one in found
        ]

    def predict(self, prefixes: FloatArray, at_epoch: int) -> Prediction:
        raise AssertionError("predict_curve is there")


def test_predictive_curves(curves: CurveSet) -> None:
    prefixes = curves.curves[:4, :5]
    extrapolator = PowerLaw()
    extrapolator.fit(curves.curves[10:30])
    found = predictive_curve(extrapolator, prefixes, E)
    assert found.epochs.tolist() == list(range(6, E + 1))
    assert found.levels == LEVELS
    assert found.quantiles.shape == (4, E - 5, 5)
    alone = extrapolator.predict(prefixes, 13)
    assert found.mean[:, 7].tolist() == alone.mean.tolist()
    assert found.std[:, 7].tolist() == alone.std.tolist()
    assert found.quantiles[:, 7, 2] == pytest.approx(np.clip(alone.mean, 0, 1))
    assert (np.diff(found.quantiles, axis=2) >= 0).all()
    assert ((found.quantiles >= 0) & (found.quantiles <= 1)).all()
    some = predictive_curve(extrapolator, prefixes, E, epochs=[6, 20])
    assert np.array_equal(some.mean, found.mean[:, [0, -1]])
    whole = Whole()
    whole.fit(curves.curves[10:30])
    at_once = predictive_curve(whole, prefixes, E, epochs=[13])
    assert at_once.mean[:, 0].tolist() == alone.mean.tolist()
    assert at_once.quantiles[:, 0] == pytest.approx(found.quantiles[:, 7])  # other levels, one distribution


@pytest.mark.parametrize("until", [5, 3, 2.5])
def test_a_predictive_curve_ends_after_the_prefix(until: int, curves: CurveSet) -> None:
    with pytest.raises(ConfigError, match="expected at_epoch to be a whole epoch after the 5"):
        predictive_curve(LastValue(), curves.curves[:4, :5], until)


def test_fans_show_the_same_runs_of_small_and_large_changes(curves: CurveSet) -> None:
    split = Split.draw(curves, SETTINGS, 0)
    fans = Fans.of(LastValue, curves, split, SETTINGS)
    assert (fans.prefix, fans.fit_curves) == (5, 7)  # nearest to a fifth; the most fitted curves
    errors = np.abs(fans.curves[:, 4] - fans.curves[:, -1])
    assert (np.diff(errors) >= 0).all()
    every = np.abs(curves.curves[split.test, 4] - curves.curves[split.test, -1])
    assert errors[0] <= np.quantile(every, 0.1)
    assert errors[-1] >= np.quantile(every, 0.9)
    assert fans.quantiles.shape == (6, len(fans.epochs), 5)
    assert (fans.epochs[0], fans.epochs[-1]) == (6, E)
    assert fans.quantiles[:, -1, 2] == pytest.approx(fans.curves[:, 4])
    other = Fans.of(PowerLaw, curves, split, SETTINGS)
    assert np.array_equal(other.curves, fans.curves)
    assert np.array_equal(other.rank, fans.rank)
