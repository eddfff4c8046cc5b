"""Every registered extrapolator keeps the contract, and the contract catches those that do not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import nascurve
from nascurve import registry
from nascurve.errors import ProtocolError
from nascurve.lce._inputs import checked_curves
from nascurve.lce.last_value import LastValue
from nascurve.simulator.types import FloatArray, Prediction
from nascurve.testing.extrapolator import check_extrapolator

_SAMPLED = "wpm_mcmc"  # samples each curve: minutes, even with the settings of its own test


@pytest.mark.parametrize(
    "extrapolator_id", [name for name in registry.ids("extrapolators") if name != _SAMPLED]
)
def test_registered_extrapolator_keeps_the_contract(extrapolator_id: str) -> None:
    check_extrapolator(nascurve.create_extrapolator(extrapolator_id))


@pytest.mark.parametrize("extrapolator_id", ["lcsvr", "lightgbm"])
def test_extrapolator_that_sees_architectures_keeps_the_contract(extrapolator_id: str) -> None:
    extrapolator: Any = nascurve.create_extrapolator(extrapolator_id, encoding="adjacency")
    assert extrapolator.encoding == "adjacency"
    check_extrapolator(extrapolator)


@pytest.mark.slow
def test_sampled_extrapolator_keeps_the_contract() -> None:
    pytest.importorskip("nutpie")
    cheap = {"families": ["ilog2", "pow3"], "draws": 20, "tune": 40, "chains": 1}
    check_extrapolator(nascurve.create_extrapolator(_SAMPLED, **cheap), n_curves=2)


class _Broken(LastValue):
    """LastValue, with its answer spoilt by `spoil`."""

    def __init__(self, spoil: Callable[[FloatArray, Prediction], object]) -> None:
        super().__init__()
        self._spoil = spoil

    def predict(self, prefixes: FloatArray, at_epoch: int) -> Prediction:
        return self._spoil(prefixes, super().predict(prefixes, at_epoch))  # type: ignore[return-value]


def _mutate(prefixes: FloatArray, prediction: Prediction) -> Prediction:
    prefixes *= 0.9
    return prediction


@pytest.mark.parametrize(
    ("spoil", "rule"),
    [
        (lambda _, p: p.mean, "a Prediction"),
        (lambda _, p: Prediction(mean=p.mean[:, np.newaxis], std=p.std), "mean of shape"),
        (lambda _, p: Prediction(mean=p.mean * np.nan, std=p.std), "mean to be finite"),
        (lambda _, p: Prediction(mean=p.mean, std=-p.std), "std >= 0"),
        (lambda _, p: Prediction(mean=p.mean.tolist(), std=p.std), "numpy array"),
        (
            lambda _, p: Prediction(mean=p.mean - p.mean.mean() if len(p.mean) else p.mean, std=p.std),
            "equal mean",
        ),
        (
            lambda _, p: Prediction(
                mean=p.mean,
                std=p.std,
                quantiles=np.stack([p.mean + 0.1, p.mean - 0.1], axis=1),
                levels=(0.1, 0.9),
            ),
            "ascending quantiles",
        ),
        (lambda _, p: Prediction(mean=p.mean / 2, std=p.std), "within 0.1"),
        (lambda x, p: Prediction(mean=x[:, -1], std=p.std), "view of the given prefixes"),
        (_mutate, "unchanged"),
    ],
)
def test_contract_catches(spoil: Callable[[FloatArray, Prediction], object], rule: str) -> None:
    with pytest.raises(ProtocolError, match=rule):
        check_extrapolator(_Broken(spoil))


def test_contract_catches_randomness() -> None:
    rng = np.random.default_rng(0)
    noisy = _Broken(lambda _, p: Prediction(mean=p.mean + rng.normal(0, 1e-3, p.mean.shape), std=p.std))
    with pytest.raises(ProtocolError, match="twice"):
        check_extrapolator(noisy)


class _Remembers(LastValue):
    """Keeps what it learnt when it is fitted anew."""

    seen = 0

    def fit(self, curves: FloatArray) -> None:
        super().fit(curves)
        self.seen += len(curves)

    def predict(self, prefixes: FloatArray, at_epoch: int) -> Prediction:
        prediction = super().predict(prefixes, at_epoch)
        return Prediction(mean=prediction.mean + 1e-4 * self.seen, std=prediction.std)


class _KeepsReference(LastValue):
    """Keeps the caller's array, which the caller may change."""

    def fit(self, curves: FloatArray) -> None:
        self._curves = checked_curves(curves, self)
        self._std.clear()


def test_contract_catches_a_reference_that_is_kept() -> None:
    with pytest.raises(ProtocolError, match="must copy"):
        check_extrapolator(_KeepsReference())


def test_contract_catches_memory_across_fits() -> None:
    with pytest.raises(ProtocolError, match="in between"):
        check_extrapolator(_Remembers())


class _Encoded(LastValue):
    """Learns from encodings, if it is given them."""

    encoding = "adjacency"
    known: FloatArray | None = None

    def fit(self, curves: FloatArray, encodings: FloatArray | None = None) -> None:
        super().fit(curves)
        self.known = encodings

    def predict(self, prefixes: FloatArray, at_epoch: int, encodings: FloatArray | None = None) -> Prediction:
        return super().predict(prefixes, at_epoch)


def test_contract_catches_encodings_that_are_not_checked() -> None:
    with pytest.raises(ProtocolError, match=r"_Encoded with encodings.*encodings of fewer curves"):
        check_extrapolator(_Encoded())


def test_contract_catches_percent_that_is_let_through() -> None:
    class Percent(LastValue):
        def predict(self, prefixes: FloatArray, at_epoch: int) -> Prediction:
            return super().predict(np.where(prefixes > 1, prefixes / 100, prefixes), at_epoch)

    with pytest.raises(ProtocolError, match="prefixes in percent"):
        check_extrapolator(Percent())


class _AcceptsAnything(LastValue):
    def predict(self, prefixes: FloatArray, at_epoch: int) -> Prediction:
        prefixes = np.atleast_2d(prefixes)
        return Prediction(mean=prefixes[:, -1].copy(), std=np.full(len(prefixes), 0.05))


def test_contract_catches_bad_input_that_is_let_through() -> None:
    with pytest.raises(ProtocolError, match="NascurveError"):
        check_extrapolator(_AcceptsAnything())
