"""Options: what constructors take, and checks of plain values."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from nascurve import registry
from nascurve.errors import ConfigError, UnknownIdError
from nascurve.experiments import options
from nascurve.experiments.methods import read_methods
from nascurve.experiments.options import OptionSchema
from nascurve.options import real


def test_the_schema_of_an_optimizer_is_its_constructor_without_what_the_simulator_gives() -> None:
    schema = OptionSchema.of("optimizers", "re")
    assert schema.defaults["population_size"] == 20
    assert not {"space", "rng", "self"} & set(schema.defaults)


@pytest.mark.parametrize("group", ["optimizers", "extrapolators", "benchmarks"])
def test_every_registered_component_has_a_schema_with_plain_defaults(group: Any) -> None:
    for id_ in registry.ids(group):
        schema = OptionSchema.of(group, id_)
        assert schema.resolve({}) == schema.plain_defaults()


def test_an_unknown_option_is_an_error_with_a_suggestion() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'population_size'"):
        OptionSchema.of("optimizers", "re").resolve({"popsize": 3})


def test_a_missing_option_is_named() -> None:
    def build(*, folder: str, size: int = 3) -> None: ...

    with pytest.raises(ConfigError, match="x needs the options folder"):
        OptionSchema("x", build).resolve({"size": 4})


@pytest.mark.parametrize(
    ("value", "expected"),
    [(3, (0, 1, 2)), ([4, 1], (4, 1)), (range(2), (0, 1)), (np.int64(2), (0, 1)), (np.arange(3), (0, 1, 2))],
)
def test_seeds(value: Any, expected: tuple[int, ...]) -> None:
    assert options.seeds(value) == expected


@pytest.mark.parametrize("value", [0, -1, [], "3", None, True, [1, 1], [-1], [0.5], {"a": 1}, 2.5])
def test_bad_seeds(value: Any) -> None:
    with pytest.raises(ConfigError, match="seeds"):
        options.seeds(value)


@pytest.mark.parametrize("value", [0, -1.0, float("nan"), float("inf"), "7", None, True])
def test_a_budget_is_a_positive_number(value: Any) -> None:
    with pytest.raises(ConfigError, match="budget_s"):
        real("budget_s", value, above=0)


def test_methods_are_all_pairs_in_order() -> None:
    methods = read_methods(["re", "rs"], ["none", "last_value"])
    assert [method.name for method in methods] == ["re", "re+last_value", "rs", "rs+last_value"]


def test_variants_of_one_id_with_labels_and_options() -> None:
    optimizers = ["re", {"id": "re", "label": "re-50", "population_size": 50}]
    lce = [{"id": "last_value", "label": "lv4", "e_few": 4, "extrapolator": {"default_std": 0.1}}]
    methods = read_methods(
        optimizers, lce, optimizer_options={"re": {"sample_size": 5}}, lce_options={"k": 4, "e_few": 2}
    )
    described = [method.describe() for method in methods]
    assert [d["optimizer"]["population_size"] for d in described] == [20, 50]
    assert [d["optimizer"]["sample_size"] for d in described] == [5, 5]
    assert described[0]["lce"] | {"e_few": 4, "k": 4, "label": "lv4"} == described[0]["lce"]
    assert described[0]["lce"]["extrapolator"] == {"default_std": 0.1}


@pytest.mark.parametrize(
    ("changes", "error", "text"),
    [
        ({"optimizers": ["rr"]}, UnknownIdError, "Did you mean"),
        ({"lce": ["lastvalue"]}, UnknownIdError, "Did you mean 'last_value'"),
        ({"lce": ["nonne"]}, UnknownIdError, "Did you mean 'none'"),
        ({"optimizers": ["rs", "rs"]}, ConfigError, "more than once"),
        ({"optimizers": []}, ConfigError, "empty"),
        ({"optimizers": [3]}, ConfigError, "expected an id"),
        ({"lce": 7}, ConfigError, "lce: expected a list"),
        ({"lce_options": {"topn": 3}}, ConfigError, "Did you mean 'top_n'"),
        ({"optimizer_options": {"re": {"population_size": 3}}}, ConfigError, "'re' is not part"),
        ({"optimizer_options": {"rs": 3}}, ConfigError, "expected options"),
        ({"extrapolator_options": {"power_law": {}}}, ConfigError, "'power_law' is not part"),
    ],
)
def test_bad_methods(changes: Mapping[str, Any], error: type[Exception], text: str) -> None:
    given: dict[str, Any] = {"optimizers": ["rs"], "lce": ["none", "last_value"], **changes}
    with pytest.raises(error, match=text):
        read_methods(given.pop("optimizers"), given.pop("lce"), **given)
