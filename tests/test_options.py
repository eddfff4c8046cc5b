"""The checks of options, and that no registered component takes an option of a wrong type."""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nascurve
from nascurve import options
from nascurve.errors import ConfigError


@pytest.mark.parametrize("value", [3, np.int64(3), np.uint8(3)])
def test_integers_come_back_plain(value: object) -> None:
    checked = options.integer("n", value, at_least=3, at_most=3)
    assert checked == 3
    assert type(checked) is int


@pytest.mark.parametrize("value", [2, 8, 3.0, True, "3", None, float("nan"), np.float64(3), np.True_, [3]])
def test_what_is_no_integer_within_the_bounds(value: object) -> None:
    message = rf"^n: expected an integer from 3 to 7, got {re.escape(repr(value))}\. Do this\.$"
    with pytest.raises(ConfigError, match=message):
        options.integer("n", value, at_least=3, at_most=7, hint="Do this.")


@pytest.mark.parametrize("value", [2, 2.0, np.float32(2), np.int8(2), Fraction(2)])
def test_numbers_come_back_as_floats(value: object) -> None:
    checked = options.real("x", value, at_least=2, at_most=2)
    assert checked == 2.0
    assert type(checked) is float


@pytest.mark.parametrize("value", [0, 1.5, True, "1", None, float("nan"), float("inf"), 1j, 10**400])
def test_what_is_no_number_within_the_bounds(value: object) -> None:
    with pytest.raises(ConfigError, match=r"^x: expected a finite number above 0 and at most 1, got "):
        options.real("x", value, above=0, at_most=1)


def test_number_without_bounds() -> None:
    assert options.real("x", -1e300) == -1e300
    with pytest.raises(ConfigError, match=r"^x: expected a finite number, got 'a'\.$"):
        options.real("x", "a")


@pytest.mark.parametrize("value", [1, 0, "true", None, np.True_])
def test_flags(value: object) -> None:
    assert options.flag("f", False) is False
    with pytest.raises(ConfigError, match="f: expected true or false, got "):
        options.flag("f", value)


@pytest.mark.parametrize("value", ["beste", 1, None, ["best"]])
def test_choices(value: object) -> None:
    assert options.choice("c", "best", ("best", "first")) == "best"
    with pytest.raises(ConfigError, match=r"c: got .*Valid: best, first"):
        options.choice("c", value, ("best", "first"))


@pytest.mark.parametrize("value", [5, True, None, "", b"name", ["name"]])
def test_paths(value: object) -> None:
    assert options.path("p", "name") == options.path("p", Path("name")) == Path("name")
    with pytest.raises(ConfigError, match="p: expected the path of a file, got "):
        options.path("p", value)


def _lce(**settings: Any) -> object:
    base = nascurve.create_optimizer("rs", nascurve.create_search_space("cell201"), seed=0)
    return nascurve.LCE(base, nascurve.create_extrapolator("last_value"), **({"e_few": 4} | settings))


def _extrapolator(name: str) -> Callable[..., object]:
    return lambda **settings: nascurve.create_extrapolator(name, **settings)


def _benchmark(name: str) -> Callable[..., object]:
    return lambda **settings: nascurve.load_benchmark(name, **settings)


@pytest.mark.parametrize(
    ("build", "settings"),
    [
        (_lce, {"top_n": 1.5}),
        (_lce, {"top_n": True}),
        (_lce, {"k": 8.5}),
        (_lce, {"k": "8"}),
        (_lce, {"k": True, "top_n": 1}),
        (_lce, {"n_initial": 2.5, "promotion": "history"}),
        (_lce, {"top_fraction": "half", "promotion": "history"}),
        (_lce, {"top_fraction": True, "promotion": "history"}),
        (_lce, {"e_few": "4"}),
        (_extrapolator("last_value"), {"default_std": "abc"}),
        (_extrapolator("last_value"), {"default_std": True}),
        (_extrapolator("power_law"), {"n_exponents": 2.5}),
        (_extrapolator("power_law"), {"min_exponent": "1"}),
        (_extrapolator("power_law"), {"max_exponent": True}),
        (_extrapolator("power_law"), {"recency": None}),
        (_extrapolator("power_law"), {"noise_std": "abc"}),
        (_extrapolator("lightgbm"), {"num_leaves": 2.5}),
        (_extrapolator("lightgbm"), {"num_leaves": 10**6}),
        (_extrapolator("lightgbm"), {"min_curves": "20"}),
        (_extrapolator("lightgbm"), {"n_rounds": True}),
        (_extrapolator("lightgbm"), {"min_data_in_leaf": None}),
        (_extrapolator("lightgbm"), {"learning_rate": "abc"}),
        (_extrapolator("lightgbm"), {"feature_fraction": True}),
        (_extrapolator("lightgbm"), {"seed": "x"}),
        (_extrapolator("lightgbm"), {"seed": 2**40}),
        (_benchmark("synthetic"), {"noise": "abc"}),
        (_benchmark("synthetic"), {"noise": True}),
        (_benchmark("synthetic"), {"n_seeds": "3"}),
        (_benchmark("synthetic"), {"max_epochs": True}),
        (_benchmark("synthetic"), {"mean_epoch_s": None}),
        (_benchmark("synthetic"), {"encoding": 3}),
        (_benchmark("synthetic"), {"space": 5}),
        (_benchmark("pocket201-mnist"), {"data_file": 5}),
        (_benchmark("pocket201-mnist"), {"data_file": True}),
    ],
)
def test_option_of_a_wrong_type_is_refused_by_its_name(
    build: Callable[..., object], settings: dict[str, Any]
) -> None:
    name, value = next(iter(settings.items()))
    with pytest.raises(ConfigError, match=rf"{name}\b.*got {re.escape(repr(value))}"):
        build(**settings)


def test_promotion_rule_of_ones_own_is_checked() -> None:
    class Rule:
        round_size = 2.5
        n_initial = 0

        def select(self, prediction: object, history: object) -> list[int]:
            return [0]

    with pytest.raises(ConfigError, match=r"Rule\.round_size: expected an integer of at least 1, got 2\.5"):
        _lce(promotion=Rule())
