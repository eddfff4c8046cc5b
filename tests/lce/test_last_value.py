from __future__ import annotations

import math

import numpy as np
import pytest

from nascurve.errors import ConfigError
from nascurve.lce.last_value import LastValue

CURVES = np.array([[0.1, 0.3, 0.5, 0.6], [0.2, 0.5, 0.6, 0.6]])


def test_mean_is_the_last_value_and_std_the_error_on_the_fitted_curves() -> None:
    extrapolator = LastValue(default_std=0.1)
    extrapolator.fit(CURVES)
    prediction = extrapolator.predict(np.array([[0.7, 0.8], [0.9, 0.2]]), 4)
    assert prediction.mean.tolist() == [0.8, 0.2]
    assert prediction.std == pytest.approx([math.sqrt((0.1**2 + 0.3**2 + 0.1**2) / 3)] * 2)
    assert extrapolator.predict(np.array([[0.7, 0.8]]), 3).std == pytest.approx(
        [math.sqrt((0.1**2 + 0.2**2 + 0.1**2) / 3)]
    )
    extrapolator.fit(CURVES[:1])
    assert extrapolator.predict(np.array([[0.7, 0.8]]), 4).std == pytest.approx(
        [math.sqrt((0.01 + 0.09) / 2)]
    )


def test_of_many_curves_the_latest_count() -> None:
    old, late = np.tile(CURVES[0], (500, 1)), np.tile(CURVES[1], (2_000, 1))
    prefix = np.array([[0.7, 0.8]])
    both, alone = LastValue(), LastValue()
    both.fit(np.concatenate([old, late]))
    alone.fit(late)
    assert both.predict(prefix, 4).std.tolist() == alone.predict(prefix, 4).std.tolist()
    both.fit(np.concatenate([late[1:], old[:1]]))
    assert both.predict(prefix, 4).std > alone.predict(prefix, 4).std


def test_default_std_without_curves_that_reach_the_epoch() -> None:
    extrapolator = LastValue()
    prefix = np.array([[0.5]])
    assert extrapolator.predict(prefix, 2).std.tolist() == [0.05]
    extrapolator.fit(CURVES)
    assert extrapolator.predict(prefix, 5).std.tolist() == [0.05]


@pytest.mark.parametrize("bad", [0.0, -1.0, math.nan, math.inf])
def test_bad_default_std(bad: float) -> None:
    with pytest.raises(ConfigError, match=r"LastValue\.default_std: expected a finite number above 0"):
        LastValue(default_std=bad)


@pytest.mark.parametrize(
    ("prefixes", "at_epoch", "message"),
    [
        (np.array([0.1, 0.2]), 4, r"shape \(n, epochs\).*got \(2,\)"),
        (np.array([[0.1, 0.2], [0.1, np.inf]]), 4, r"finite accuracies.*row\(s\) \[1\]"),
        (np.array([[0.1, 0.2]]), 2, "after the 2 that were seen, got 2"),
        (np.array([[0.1, 0.2]]), 4.0, "got 4.0"),
        (np.empty((2, 0)), 4, "at least one epoch"),
        (np.empty((0, 0)), 4, "at least one epoch"),
        (np.array([[0.1 + 0j]]), 4, "array of numbers.*complex"),
        ([["a", "b"]], 4, "array of numbers"),
    ],
)
def test_bad_prefixes(prefixes: object, at_epoch: int, message: str) -> None:
    with pytest.raises(ConfigError, match=rf"LastValue\.predict.*{message}"):
        LastValue().predict(prefixes, at_epoch)  # type: ignore[arg-type]


def test_bad_curves() -> None:
    with pytest.raises(ConfigError, match=r"LastValue\.fit.*finite"):
        LastValue().fit(np.array([[0.1, np.nan]]))


def test_rounding_does_not_lead_out_of_bounds() -> None:
    assert LastValue().predict(np.array([[1 + 1e-7], [-1e-7]]), 4).mean.tolist() == [1, 0]
