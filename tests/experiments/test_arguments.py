"""What a user gives to the functions of `nascurve` that is not of the right kind."""

from typing import Any

import numpy as np
import pytest

import nascurve
from nascurve.errors import ConfigError
from nascurve.optimizers.random_search import RandomSearch

from .fakes import Wrapped


def test_simulate_wants_objects_and_says_how_to_get_them() -> None:
    bench: Any = Wrapped()
    optimizer: Any = nascurve.create_optimizer("rs", bench.space, seed=0)
    for wrong in ("re", None, RandomSearch, bench):
        with pytest.raises(
            ConfigError, match=r"optimizer: expected an Optimizer, got .*create_optimizer\('re', "
        ):
            nascurve.simulate(wrong, bench, budget_s=10)
    for wrong in ("synthetic", None, Wrapped, optimizer):
        with pytest.raises(ConfigError, match=r"benchmark: expected a Benchmark, got .*load_benchmark\('"):
            nascurve.simulate(optimizer, wrong, budget_s=10)
    nascurve.simulate(optimizer, bench, budget_s=10)  # untouched by all that


@pytest.mark.parametrize("seed", [-1, 0.5, None, "3", True])
def test_create_optimizer_wants_a_seed(seed: Any) -> None:
    with pytest.raises(ConfigError, match="seed: expected an integer of at least 0, got "):
        nascurve.create_optimizer("re", Wrapped().space, seed=seed)


def test_numpy_seeds_are_seeds() -> None:
    space = Wrapped().space
    one, two = (nascurve.create_optimizer("re", space, seed=seed) for seed in (3, np.int64(3)))  # type: ignore[arg-type]
    assert one.state_dict() == two.state_dict()


@pytest.mark.parametrize("space", ["cell201", None, Wrapped()])
def test_create_optimizer_wants_a_search_space(space: Any) -> None:
    with pytest.raises(
        ConfigError, match=r"space: expected a SearchSpace, got .*create_search_space\('cell201'\)"
    ):
        nascurve.create_optimizer("re", space, seed=0)
