"""The size space of NATS-Bench."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from nascurve.benchmarks.nb201.size_space import CHANNELS, Sizes, SizeSpace
from nascurve.errors import ArchitectureError, ConfigError
from nascurve.testing.search_space import check_search_space

SPACE = SizeSpace()


def test_contract():
    check_search_space(SPACE)


def test_official_order_and_count():
    everything = SPACE.all()
    assert len(everything) == len(set(everything)) == SPACE.size == 32_768
    assert [str(arch) for arch in everything[:9]] == [
        *(f"8:8:8:8:{width}" for width in CHANNELS),
        "8:8:8:16:8",
    ]
    assert str(everything[-1]) == "64:64:64:64:64"
    assert all(arch.index == i for i, arch in enumerate(everything))


def test_neighbors_differ_in_one_place():
    arch = SPACE.parse("8:64:32:16:40")
    near = SPACE.neighbors(arch)
    assert len(near) == len(set(near)) == 35
    assert all(sum(a != b for a, b in zip(arch.channels, other.channels, strict=True)) == 1 for other in near)


def test_crossover_takes_each_width_from_a_parent():
    rng = np.random.default_rng(0)
    a, b = SPACE.parse("8:8:8:8:8"), SPACE.parse("64:64:64:64:64")
    children = {SPACE.crossover(a, b, rng) for _ in range(1000)}
    assert len(children) == 32
    assert {width for child in children for width in child.channels} == {8, 64}


def test_encodings():
    arch = SPACE.parse("8:16:24:56:64")
    assert SPACE.encode([arch]).tolist() == [[0, 1, 2, 6, 7]]
    onehot = SPACE.encode([arch], "onehot")
    assert np.flatnonzero(onehot[0]).tolist() == [0, 9, 18, 30, 39]
    with pytest.raises(ConfigError, match="onehot"):
        SPACE.encode([arch], "one-hot")


@pytest.mark.parametrize(
    "text",
    ["8:8:8:8", "8:8:8:8:8:8", "8:8:8:8:9", "8:8:8:8:08", "8:8:8:8:8\n", "8:8:8:8:٨", "8" * 10_000, None],
)
def test_refuses_other_strings(text):
    with pytest.raises(ArchitectureError):
        SPACE.parse(text)


@pytest.mark.parametrize(
    "channels", [(8, 8, 8, 8), (8, 8, 8, 8, 12), [8, 8, 8, 8, 8], (8, 8, 8, 8, 8.0), None]
)
def test_refuses_other_widths(channels):
    with pytest.raises(ArchitectureError):
        Sizes(channels)


def test_value_semantics():
    arch = SPACE.parse("8:16:24:32:40")
    assert pickle.loads(pickle.dumps(arch)) == arch
    assert hash(pickle.loads(pickle.dumps(arch))) == hash(arch)
    with pytest.raises(AttributeError):
        arch.channels = (8, 8, 8, 8, 8)
