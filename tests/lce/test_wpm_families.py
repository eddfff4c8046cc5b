from __future__ import annotations

import math
import warnings

import numpy as np
import pytest

from nascurve.lce.wpm_families import FAMILIES

X = np.array([1.0, 4.0, 30.0])


@pytest.mark.parametrize(
    ("name", "parameters", "at_4"),
    [
        ("vapor_pressure", (-0.5, -0.4, 0.1), math.exp(-0.5 - 0.1 + 0.1 * math.log(4))),
        ("pow3", (0.9, 0.4, 0.5), 0.9 - 0.4 / 2),
        ("loglog_linear", (0.5, 1.5), math.log(0.5 * math.log(4) + 1.5)),
        ("hill3", (0.8, 0.5, 9.0), 0.8 * 2 / (3 + 2)),
        ("log_power", (0.8, math.log(2.0), -1.0), 0.8 / (1 + 1 / 2)),
        ("pow4", (0.9, 2.0, 1.0, 0.5), 0.9 - 1 / 3),
        ("mmf", (0.9, 0.1, 0.5, 2.0), 0.9 - 0.8 / 5),
        ("exp4", (0.9, 0.3, -1.0, 0.5), 0.9 - math.exp(-1.6)),
        ("janoschek", (0.9, 0.1, 0.3, 0.5), 0.9 - 0.8 * math.exp(-0.6)),
        ("weibull", (0.9, 0.1, 0.125, 2.0), 0.9 - 0.8 * math.exp(-0.25)),
        ("ilog2", (0.9, 0.4), 0.9 - 0.4 / math.log(5)),
    ],
)
def test_values_by_hand(name: str, parameters: tuple[float, ...], at_4: float) -> None:
    family = FAMILIES[name]
    assert family([4.0], parameters) == pytest.approx([at_4], abs=1e-12)
    many = family(X, np.array([parameters, parameters, family.start]))
    assert many.shape == (3, 3)
    assert many[1] == pytest.approx(family(X, parameters), abs=0)
    assert many[2] == pytest.approx(family(X, family.start), abs=0)


def test_there_are_eleven_and_starts_rise_within_0_and_1() -> None:
    assert len(FAMILIES) == 11
    for name, family in FAMILIES.items():
        assert family.name == name
        assert len(family.parameters) == len(family.start)
        curve = family(np.arange(1.0, 51), family.start)
        assert np.isfinite(curve).all()
        assert (np.diff(curve) >= 0).all()
        # pow3 and log log linear leave the range: the source's starts are no accuracies everywhere
        assert curve.max() < 1.6


@pytest.mark.parametrize("name", [name for name, family in FAMILIES.items() if family.asymptote])
def test_tends_to_its_asymptote(name: str) -> None:
    family = FAMILIES[name]
    limit = family.start[family.parameters.index(str(family.asymptote))]
    gaps = np.abs(family([1e2, 1e10, 1e300], family.start) - limit)
    assert gaps[2] <= gaps[1] <= gaps[0]
    assert gaps[2] < 2e-3


def test_undefined_values_are_nan_without_a_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(FAMILIES["mmf"]([2.0], (0.7, 0.1, -0.1, 0.5))).all()
        assert np.isnan(FAMILIES["loglog_linear"]([50.0], (-1.0, 0.5))).all()
        assert FAMILIES["pow3"]([2.0, 3.0], np.empty((0, 3))).shape == (0, 2)
