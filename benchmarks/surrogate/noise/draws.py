"""Random numbers of a noisy curve: a function of the architecture's key and the seed alone."""

from __future__ import annotations

from collections.abc import Sequence

from nascurve.benchmarks.synthetic_traits import normals
from nascurve.simulator.types import FloatArray


def run_normals(keys: Sequence[str], seeds: Sequence[int], count: int) -> FloatArray:
    """Standard normal, (n, count): row i depends on keys[i] and seeds[i] alone, in any process."""
    return normals([f"noise of run {int(seed)} {key}" for key, seed in zip(keys, seeds, strict=True)], count)


def key_normals(keys: Sequence[str], count: int) -> FloatArray:
    """Standard normal, (n, count): the same for all runs of an architecture."""
    return normals([f"noise of all runs {key}" for key in keys], count)
