"""An explicit list of methods, and methods rebuilt from what config.yaml says of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import yaml

import nascurve
from nascurve import registry
from nascurve.errors import ConfigError, UnknownIdError
from nascurve.experiments.methods import Method, read_methods
from nascurve.experiments.presets import preset_names

LISTED = [
    {"optimizer": "re", "lce": "none"},
    {"optimizer": "re", "lce": {"id": "last_value", "label": "lv", "e_few": 4}},
    {"optimizer": {"id": "ls", "label": "hill", "n_initial": 5}},
    {"optimizer": {"id": "ls", "label": "hill", "n_initial": 5}, "lce": {"id": "last_value", "label": "lv"}},
]


def test_a_list_of_methods_in_its_order_with_options_by_id() -> None:
    methods = read_methods(
        methods=LISTED, optimizer_options={"re": {"population_size": 30}}, lce_options={"k": 4, "e_few": 2}
    )
    assert [method.name for method in methods] == ["re", "re+lv", "hill", "hill+lv"]
    described = [method.describe() for method in methods]
    assert [entry["optimizer"].get("population_size") for entry in described] == [30, 30, None, None]
    assert [entry["lce"].get("e_few") for entry in described] == [None, 4, None, 2]
    assert [entry["lce"].get("k") for entry in described] == [None, 4, None, 4]


@pytest.mark.parametrize(
    ("picks", "names"),
    [
        ({"optimizers": ["re"]}, ["re", "re+lv"]),
        ({"lce": "lv"}, ["re+lv", "hill+lv"]),
        ({"optimizers": ["hill"], "lce": ["none"]}, ["hill"]),
    ],
)
def test_labels_pick_from_the_list(picks: Mapping[str, Any], names: list[str]) -> None:
    assert [method.name for method in read_methods(methods=LISTED, **picks)] == names


def test_without_anything_the_methods_of_the_main_job() -> None:
    names = [method.name for method in read_methods()]
    assert names[:4] == ["rs", "rs+last_value", "re", "re+last_value"]
    assert len(names) == 8


@pytest.mark.parametrize(
    ("changes", "error", "text"),
    [
        ({"methods": []}, ConfigError, "methods: expected at least one"),
        ({"methods": ["re"]}, ConfigError, "expected entries such as"),
        ({"methods": [{"optimizer": "re", "lse": "none"}]}, ConfigError, "expected entries such as"),
        ({"methods": [{"optimizer": "res"}]}, UnknownIdError, "Did you mean"),
        (
            {"methods": [{"optimizer": "re"}, {"optimizer": "re", "lce": "none"}]},
            ConfigError,
            "more than once",
        ),
        (
            {
                "methods": [
                    {"optimizer": "re"},
                    {"optimizer": {"id": "re", "population_size": 9}, "lce": "wpm"},
                ]
            },
            ConfigError,
            "different options",
        ),
        ({"optimizers": ["ree"]}, ConfigError, "Did you mean 're'"),
        ({"optimizers": [{"id": "re", "population_size": 9}]}, ConfigError, "by label"),
        ({"lce": ["last_value"]}, ConfigError, "methods=null"),
        ({"optimizer_options": {"rs": {}}}, ConfigError, "'rs' is not part"),
    ],
)
def test_bad_lists(changes: Mapping[str, Any], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        read_methods(**{"methods": LISTED, **changes})


def test_labels_that_no_method_has_together() -> None:
    with pytest.raises(ConfigError, match="none of those listed"):
        read_methods(methods=[LISTED[0], LISTED[3]], optimizers=["re"], lce=["lv"])


def test_every_registered_component_comes_back_from_its_description() -> None:
    optimizers = registry.ids("optimizers")
    lce = ["none", *registry.ids("extrapolators"), *preset_names()]
    methods = read_methods(optimizers, lce)
    assert len(methods) == len(optimizers) * len(lce)
    space = nascurve.create_search_space("cell201")
    for method in methods:
        kept = yaml.safe_load(yaml.safe_dump(method.describe()))
        back = Method.from_description(kept)
        assert back.describe() == kept
        assert (back.key, back.name) == (method.key, method.name)
        assert type(back.build(space, 0)) is type(method.build(space, 0))


def test_a_rebuilt_method_searches_as_the_first_one_did() -> None:
    (method,) = read_methods(methods=[{"optimizer": "re", "lce": {"id": "last_value", "e_few": 4, "k": 4}}])
    bench = nascurve.load_benchmark("synthetic")
    first, second = (
        nascurve.simulate(one.build(bench.space, 3), bench, budget_epochs=400, seed=3).to_frame()
        for one in (method, Method.from_description(method.describe()))
    )
    assert np.array_equal(first["val_acc"], second["val_acc"])


@pytest.mark.parametrize(
    ("description", "error", "text"),
    [
        ({"optimizer": {"label": "mine", "factory": "m.f"}, "lce": {"label": "none", "id": "none"}},
         ConfigError, "Python function m.f"),
        ({"optimizer": {"label": "re", "id": "re"}}, ConfigError, "expected a method such as"),
        ({"optimizer": {"label": "re"}, "lce": {"label": "none", "id": "none"}},
         ConfigError, "expected an id"),
        ({"optimizer": {"label": "re", "id": "re", "colour": 1}, "lce": {"label": "none", "id": "none"}},
         ConfigError, "no option 'colour'"),
        ({"optimizer": {"label": "re", "id": "gone"}, "lce": {"label": "none", "id": "none"}},
         UnknownIdError, "'gone'"),
    ],
)  # fmt: skip
def test_descriptions_that_cannot_be_rebuilt(description: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        Method.from_description(description)
