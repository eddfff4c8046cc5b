"""Finds optimizers, benchmarks, extrapolators, search spaces and callbacks by id, through entry points.

Groups: `nascurve.optimizers`, `nascurve.benchmarks`, `nascurve.extrapolators`, `nascurve.search_spaces`,
`nascurve.callbacks`. Their metadata are read without importing anything; a component is imported when it is
first asked for. Ids may end in a version (`pocket201-mnist-v1`); without one the highest version is meant.
"""

from __future__ import annotations

import functools
import importlib.metadata
import re
from collections.abc import Callable
from typing import Any, Literal, cast

from nascurve.errors import ConfigError, UnknownIdError, did_you_mean
from nascurve.options import integer
from nascurve.simulator.types import Benchmark, Extrapolator, Optimizer, SearchSpace

Group = Literal["optimizers", "benchmarks", "extrapolators", "search_spaces", "callbacks"]
_VERSIONED = re.compile(r"^(?P<id>.+)-v(?P<version>\d+)$")


@functools.cache
def _entry_points(group: Group) -> dict[str, importlib.metadata.EntryPoint]:
    found = {point.name: point for point in importlib.metadata.entry_points(group=f"nascurve.{group}")}
    newest: dict[str, tuple[int, importlib.metadata.EntryPoint]] = {}
    for name, point in found.items():
        match = _VERSIONED.match(name)
        if match and int(match["version"]) > newest.get(match["id"], (-1, point))[0]:
            newest[match["id"]] = (int(match["version"]), point)
    return {**{name: point for name, (_, point) in newest.items()}, **found}


def ids(group: Group, *, versions: bool = False) -> list[str]:
    """The registered ids, sorted. Versioned ones are listed by their bare id unless `versions` is true."""
    names = _entry_points(group)
    bare = {match["id"] for name in names if (match := _VERSIONED.match(name))}
    if versions:
        return sorted(name for name in names if name not in bare)
    return sorted(name for name in names if name in bare or not _VERSIONED.match(name))


def component(group: Group, id: str) -> Callable[..., Any]:  # noqa: A002 -- the field's word
    """The registered class or function behind an id. Raises UnknownIdError with a suggestion."""
    points = _entry_points(group)
    if id not in points:
        raise UnknownIdError(
            f"No {group.removesuffix('s').replace('_', ' ').replace('searchspace', 'search space')} "
            f"is called {id!r}. {did_you_mean(id, ids(group))}"
        )
    return cast("Callable[..., Any]", points[id].load())


def _create(group: Group, id: str, *args: Any, **options: Any) -> Any:  # noqa: A002
    build = component(group, id)
    try:
        return build(*args, **options)
    except TypeError as error:
        if "argument" not in str(error):
            raise
        raise ConfigError(f"{id}: {error}. See help({build.__module__}.{build.__qualname__}).") from error


def load_benchmark(id: str, **options: Any) -> Benchmark:  # noqa: A002
    """Load a benchmark: `load_benchmark("pocket201-mnist")`, or `"pocket201-mnist-v1"` to pin its version.

    Raises UnknownIdError, ConfigError (an option it does not have) or DataFileError.
    """
    return cast("Benchmark", _create("benchmarks", id, **options))


def create_optimizer(id: str, space: SearchSpace, *, seed: int, **options: Any) -> Optimizer:  # noqa: A002
    """Create an optimizer: `create_optimizer("re", bench.space, seed=0, population_size=20)`.

    Raises UnknownIdError, or ConfigError for an option it does not have, a value out of its range, or a space
    that is not a search space.
    """
    import numpy as np

    seed = integer("seed", seed, at_least=0)
    if isinstance(space, type) or not all(hasattr(space, name) for name in ("name", "sample")):
        raise ConfigError(
            f"space: expected a SearchSpace, got {space!r:.200}. Give the benchmark's, benchmark.space, or "
            "create_search_space('cell201')."
        )
    return cast("Optimizer", _create("optimizers", id, space, rng=np.random.default_rng(seed), **options))


def create_extrapolator(id: str, **options: Any) -> Extrapolator:  # noqa: A002
    """Create an extrapolator: `create_extrapolator("last_value")`."""
    return cast("Extrapolator", _create("extrapolators", id, **options))


def create_search_space(id: str, **options: Any) -> SearchSpace:  # noqa: A002
    """Create a search space: `create_search_space("cell201")`."""
    return cast("SearchSpace", _create("search_spaces", id, **options))
