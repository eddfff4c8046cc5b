"""Architecture-aware extrapolators, and what extrapolators are given."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nascurve
from nascurve.errors import ConfigError
from nascurve.lce._inputs import checked_curves, checked_prefixes
from nascurve.lce.last_value import LastValue
from nascurve.simulator.types import FloatArray, Prediction

from .fakes import E_FEW, E_MAX, Driver, RecordingBase, begun, curve_of


class Sighted(LastValue):
    """Notes the encodings that it is given; predicts by them alone."""

    encoding = "adjacency"

    def __init__(self) -> None:
        super().__init__()
        self.fitted: list[tuple[FloatArray, FloatArray]] = []

    def fit(self, curves: FloatArray, encodings: FloatArray | None = None) -> None:
        assert encodings is not None
        self.fitted.append((curves.copy(), encodings.copy()))

    def predict(self, prefixes: FloatArray, at_epoch: int, encodings: FloatArray | None = None) -> Prediction:
        assert encodings is not None
        assert len(encodings) == len(prefixes)
        return Prediction(mean=encodings[:, 0], std=np.ones(len(prefixes)))


def digits(arch: str) -> float:
    """The encoding of an architecture of `NumberSpace`."""
    return int(arch) / 10**6


def test_an_extrapolator_with_an_encoding_gets_it_of_each_curve_and_prefix() -> None:
    sighted = Sighted()
    lce = begun(RecordingBase(), sighted, k=4, top_n=1)
    driver = Driver(lce, diverging=3).run(60)
    first = [e for e in driver.finished[:4] if np.isfinite(e.val_acc)]
    best = max(first, key=lambda e: digits(str(e.trial.arch)))
    assert driver.finished[4].trial.id == best.trial.id

    full = [e for e in driver.finished if e.curve.epochs == E_MAX and np.isfinite(e.curve.val_acc).all()]
    curves, encodings = sighted.fitted[-1]
    assert 3 < len(curves) == len(encodings) <= len(full)
    for e, curve, encoding in zip(full, curves, encodings, strict=False):
        assert np.array_equal(curve, e.curve.val_acc)
        assert encoding.tolist() == [digits(str(e.trial.arch))]

    state = json.loads(json.dumps(lce.state_dict()))
    other = Sighted()
    restored = begun(RecordingBase(), other, k=4, top_n=1)
    restored.load_state_dict(state)
    looks = [e for e in driver.finished if e.curve.epochs == E_FEW and np.isfinite(e.val_acc)]
    for each in (lce, restored):
        each._forecaster.predict(looks[:2])
    assert np.array_equal(other.fitted[-1][1], sighted.fitted[-1][1])
    assert np.array_equal(other.fitted[-1][0], sighted.fitted[-1][0])


def test_it_works_in_a_real_search() -> None:
    bench = nascurve.load_benchmark("synthetic")
    base = nascurve.create_optimizer("rs", bench.space, seed=0)
    extrapolator: Any = nascurve.create_extrapolator("lightgbm", encoding="adjacency", min_curves=5)
    result = nascurve.simulate(nascurve.LCE(base, extrapolator), bench, max_evaluations=60, seed=0)
    assert result.n_evaluations == 60


# --- Checks of what extrapolators are given ---

WIDTHS = {
    "n": st.integers(1, 4),
    "epochs": st.integers(1, 6),
    "row": st.integers(0, 3),
    "at": st.integers(0, 5),
}


@given(**WIDTHS, bad=st.sampled_from([np.nan, np.inf, -np.inf, 93.2, 1.01, -0.2]))
@settings(max_examples=25, deadline=None)
def test_bad_values_are_refused_wherever_they_stand(
    n: int, epochs: int, row: int, at: int, bad: float
) -> None:
    values = np.full((n, epochs), 0.5)
    checked_prefixes(values, epochs + 1, LastValue())
    values[row % n, at % epochs] = bad
    message = "percent" if np.isfinite(bad) and bad > 1 else "finite|fractions"
    for check in (
        lambda: checked_curves(values, LastValue()),
        lambda: checked_prefixes(values, epochs + 1, LastValue()),
    ):
        with pytest.raises(ConfigError, match=f"(?i)LastValue.*({message})"):
            check()


def test_percent_is_named() -> None:
    with pytest.raises(
        ConfigError,
        match=r"LastValue\.predict: expected accuracies as fractions in \[0, 1\], got 93\.2\. Per",
    ):
        LastValue().predict(np.array([[90.0, 93.2]]), 5)


def test_rounding_is_forgiven() -> None:
    values = np.array([[1 + 1e-9, -1e-9]])
    assert np.array_equal(checked_curves(values, LastValue()), values)


@pytest.mark.parametrize("at_epoch", [2, 1, 0, 3.0, True, None, "4"])
def test_an_epoch_that_is_none_or_was_seen(at_epoch: Any) -> None:
    with pytest.raises(ConfigError, match="whole epoch after the 2"):
        checked_prefixes(np.full((1, 2), 0.5), at_epoch, LastValue())


def test_mixed_lengths_are_one_clear_error() -> None:
    with pytest.raises(ConfigError, match=r"LastValue\.fit: expected an array of numbers of shape"):
        checked_curves([curve_of(1, 3).val_acc, curve_of(2, 4).val_acc], LastValue())  # type: ignore[arg-type]
