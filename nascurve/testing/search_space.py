"""The contract of a search space, as a test for authors of plug-ins."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nascurve.errors import ArchitectureError, ConfigError, NascurveError
from nascurve.simulator.types import Architecture, SearchSpace


def require(holds: Any, rule: str) -> None:
    """Raise AssertionError with the broken rule unless `holds`."""
    if not holds:
        raise AssertionError(rule)


def require_error(call: Callable[[], object], kind: type[NascurveError], rule: str) -> None:
    """Raise AssertionError with the broken rule unless `call` raises an error of `kind` with a message."""
    try:
        result = call()
    except kind as error:
        require(str(error).strip(), f"{rule}: {kind.__name__} came without a message.")
    except Exception as error:
        raise AssertionError(
            f"{rule}: expected {kind.__name__}, got {type(error).__name__}: {error}"
        ) from error
    else:
        raise AssertionError(f"{rule}: expected {kind.__name__}, got the result {result!r:.80}.")


def check_search_space(space: SearchSpace, rng: np.random.Generator | None = None, n: int = 50) -> None:
    """Check everything that `SearchSpace` promises, on n sampled architectures and their neighbourhoods.

    rng: what to sample with; a fixed seed when left out. Raises AssertionError with the first broken rule.
    """
    seed = 0 if rng is None else int(rng.integers(2**32))
    require(isinstance(space.name, str) and space.name, "name is a non-empty string")
    size: Any = space.size
    require(
        isinstance(size, int | float) and not isinstance(size, bool) and size >= 1 and not math.isnan(size),
        f"size is a number >= 1, got {size!r}",
    )
    archs = _samples(space, seed, n)
    require([str(a) for a in archs] == [str(a) for a in _samples(space, seed, n)], "same seed, same samples")
    if size > 1:
        require(len(set(_samples(space, seed, 200))) > 1, "sample gives more than one architecture")
    for arch in archs:
        _check_value(space, arch)
    _check_key(space, archs)
    _check_changes(space, archs, seed)
    _check_encodings(space, archs)
    for text in ("", "no architecture", str(archs[0]) + "x", "x" + str(archs[0])):
        require_error(lambda text=text: space.parse(text), ArchitectureError, f"parse({text!r}) refuses it")  # type: ignore[misc]
    for stranger in (None, 0, "no architecture", object()):
        require(space.contains(stranger) is False, f"contains({stranger!r}) is False")


def _samples(space: SearchSpace, seed: int, n: int) -> list[Architecture]:
    rng = np.random.default_rng(seed)
    return [space.sample(rng) for _ in range(n)]


def _check_value(space: SearchSpace, arch: Architecture) -> None:
    text = str(arch)
    require(space.contains(arch) is True, f"contains is True for what sample gave: {text}")
    again = space.parse(text)
    require(again == arch and hash(again) == hash(arch), f"parse(str(arch)) equals arch, hash too: {text}")
    require(str(again) == text, f"str(parse(text)) is text: {text}")
    require(arch != text, f"an architecture does not equal its string: {text}")


def _check_key(space: SearchSpace, archs: Sequence[Architecture]) -> None:
    for arch in archs:
        key = space.key(arch)
        require(isinstance(key, str) and key, f"key is a non-empty string: {arch}")
        require(space.key(space.parse(str(arch))) == key, f"equal architectures have equal keys: {arch}")


def _check_changes(space: SearchSpace, archs: Sequence[Architecture], seed: int) -> None:
    rng, same = np.random.default_rng(seed), np.random.default_rng(seed)
    crossover = getattr(space, "crossover", None)
    for arch, other in zip(archs, [*archs[1:], archs[0]], strict=True):
        text = str(arch)
        near = space.neighbors(arch)
        texts = [str(a) for a in near]
        require(arch not in near, f"neighbors does not hold the architecture itself: {text}")
        require(len(set(near)) == len(set(texts)) == len(near), f"neighbors holds each once: {text}")
        require(all(space.contains(a) for a in near), f"neighbors lie in the space: {text}")
        require(texts == [str(a) for a in space.neighbors(arch)], f"neighbors has a fixed order: {text}")
        require(str(arch) == text, f"neighbors leaves the architecture as it was: {text}")
        if space.size > 1:
            require(near, f"neighbors is not empty in a space of more than one architecture: {text}")
            child = space.mutate(arch, rng)
            require(child != arch, f"mutate gives a different architecture: {text}")
            require(child in near, f"mutate gives a neighbor: {text} -> {child}")
            require(space.mutate(arch, same) == child, f"mutate: same generator state, same child: {text}")
            require(str(arch) == text, f"mutate leaves the architecture as it was: {text}")
        if near:
            back = [str(a) for a in space.neighbors(near[0])]
            require(text in back, f"neighborhood is mutual: {text} is no neighbor of its neighbor {near[0]}")
        if crossover is not None:
            child = crossover(arch, other, rng)
            require(space.contains(child), f"crossover stays in the space: {text} x {other} -> {child}")
            require(
                crossover(arch, other, same) == child, f"crossover: same generator state, same child: {text}"
            )
            require(
                crossover(arch, arch, rng) == arch,
                f"crossover of an architecture with itself gives it: {text}",
            )
            same.bit_generator.state = rng.bit_generator.state


def _check_encodings(space: SearchSpace, archs: Sequence[Architecture]) -> None:
    require(
        isinstance(space.encodings, tuple)
        and space.encodings
        and len(set(space.encodings)) == len(space.encodings),
        f"encodings is a non-empty tuple of different names, got {space.encodings!r}",
    )
    default = space.encode(archs)
    for kind in space.encodings:
        codes = space.encode(archs, kind)
        require(
            isinstance(codes, np.ndarray) and codes.dtype == np.float64 and codes.ndim == 2,
            f"encode(archs, {kind!r}) is a float64 array (n, d)",
        )
        require(len(codes) == len(archs), f"encode(archs, {kind!r}) has one row for each architecture")
        require(np.isfinite(codes).all(), f"encode(archs, {kind!r}) is finite")
        require(np.array_equal(codes, space.encode(archs, kind)), f"encode(archs, {kind!r}): the same again")
        require(
            np.array_equal(codes[::-1], space.encode(archs[::-1], kind)),
            f"encode(archs, {kind!r}): a row depends on its own architecture only",
        )
        require(space.encode([], kind).shape == (0, codes.shape[1]), f"encode([], {kind!r}) has shape (0, d)")
        codes[...] = -1.0
        require(
            (space.encode(archs, kind) != -1.0).any(),
            f"encode(archs, {kind!r}) gives a fresh array each time",
        )
    require(
        np.array_equal(default, space.encode(archs, space.encodings[0])), "encode's default is encodings[0]"
    )
    require_error(
        lambda: space.encode(archs, "no such encoding"), ConfigError, "encode refuses an unknown kind"
    )
