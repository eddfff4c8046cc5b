"""All architectures of a small search space, and which of them a benchmark holds."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import cast

import numpy as np

from nascurve.errors import ArchitectureError, ProtocolError
from nascurve.simulator.types import Architecture, Benchmark, SearchSpace

LIMIT = 100_000
"""Spaces with more architectures than this are not enumerated."""


def all_architectures(space: SearchSpace) -> Sequence[Architecture] | None:
    """All architectures, in a fixed order; None for a space with more than `LIMIT`.

    A space that has a method `all()` is asked for them; of another one they are the closure of one sample
    under `neighbors`, sorted by their strings. Raises ProtocolError when they are not `space.size` many.
    """
    if not space.size <= LIMIT:
        return None
    listing = getattr(space, "all", None)
    archs = cast("Sequence[Architecture]", listing()) if listing is not None else _closure(space)
    if len(archs) != space.size:
        raise ProtocolError(
            f"Search space {space.name!r}: size is {space.size}, but {len(archs)} architectures were found "
            f"by {'all()' if listing is not None else 'following neighbors() from a sample'}."
        )
    return archs


def training_runs(benchmark: Benchmark, arch: Architecture) -> int:
    """How many training runs the benchmark has of an architecture; 0 of one that it does not hold."""
    ask = getattr(benchmark, "training_runs", None)
    try:
        if ask is not None:
            return int(ask(arch))
        benchmark.query(arch, seed=0)
    except ArchitectureError:
        return 0
    return benchmark.info.n_seeds


def _closure(space: SearchSpace) -> list[Architecture]:
    start = space.sample(np.random.default_rng(0))
    found, frontier = {start}, [start]
    while frontier and len(found) <= LIMIT:
        new = [arch for arch in space.neighbors(frontier.pop()) if arch not in found]
        found.update(new)
        frontier += new
    return sorted(found, key=functools.cache(str))
