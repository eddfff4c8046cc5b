"""The synthetic benchmark does what its formula says, on any space."""

from __future__ import annotations

import re
import subprocess
import sys

import numpy as np
import pytest

from nascurve.benchmarks.cell201 import Cell201Space
from nascurve.benchmarks.enumeration import all_architectures
from nascurve.benchmarks.synthetic import SyntheticBenchmark
from nascurve.benchmarks.synthetic_traits import normals
from nascurve.errors import ArchitectureError, ConfigError, ProtocolError
from nascurve.testing import check_benchmark, check_search_space

SPACE = Cell201Space()
CELLS = SPACE.all()
DISTINCT = list({SPACE.key(cell): cell for cell in CELLS}.values())


class Bits:
    """A third-party space: strings of bits; the order of the two halves does not matter to the network."""

    encodings = ("bits",)

    def __init__(self, length=8):
        self.name, self.length, self.size = f"bits{length}", length, 2**length

    def sample(self, rng):
        return Bit(tuple(rng.integers(0, 2, self.length).tolist()))

    def neighbors(self, arch):
        return [Bit((*arch.bits[:i], 1 - arch.bits[i], *arch.bits[i + 1 :])) for i in range(self.length)]

    def mutate(self, arch, rng):
        return self.neighbors(arch)[rng.integers(self.length)]

    def encode(self, archs, kind=None):
        if kind not in (None, "bits"):
            raise ConfigError("bits only")
        return np.array([arch.bits for arch in archs], dtype=np.float64).reshape(len(archs), self.length)

    def parse(self, text):
        if len(text) != self.length or not set(text) <= set("01"):
            raise ArchitectureError("bits only")
        return Bit(tuple(map(int, text)))

    def key(self, arch):
        halves = str(arch)[: self.length // 2], str(arch)[self.length // 2 :]
        return "|".join(sorted(halves))

    def contains(self, arch):
        return isinstance(arch, Bit) and len(arch.bits) == self.length


class Bit:
    def __init__(self, bits):
        self.bits = bits

    def __eq__(self, other):
        return isinstance(other, Bit) and self.bits == other.bits

    def __hash__(self):
        return hash(self.bits)

    def __str__(self):
        return "".join(map(str, self.bits))


def finals(bench, archs, seed=0):
    return np.array([curve.val_acc[-1] for curve in bench.query_many(archs, [seed] * len(archs))])


@pytest.mark.parametrize("length", [1, 8, 40])
def test_any_space_will_do(length):
    space = Bits(length)
    check_search_space(space, n=10)
    bench = SyntheticBenchmark(space=space, max_epochs=9, n_seeds=2, crossing=0.0)
    check_benchmark(bench, n=2)
    assert (bench.best() is None) == (length == 40)


def test_small_space_is_enumerated_through_its_neighbors():
    archs = all_architectures(Bits(8))
    assert sorted(map(str, archs)) == [f"{i:08b}" for i in range(256)] == list(map(str, archs))
    assert all_architectures(Bits(40)) is None
    wrong = Bits(8)
    wrong.size = 300
    with pytest.raises(ProtocolError, match=r"300.*256"):
        all_architectures(wrong)


def test_equal_keys_share_everything():
    space = Bits(8)
    bench = SyntheticBenchmark(space=space)
    a, b = space.parse("00101101"), space.parse("11010010")
    assert space.key(a) == space.key(b)
    np.testing.assert_array_equal(bench.query(a, seed=1).val_acc, bench.query(b, seed=1).val_acc)
    np.testing.assert_array_equal(bench.query(a, seed=1).epoch_s, bench.query(b, seed=1).epoch_s)
    assert bench.true_test_acc(a) == bench.true_test_acc(b)


def test_same_in_every_process():
    """No hash randomisation, no state: another process gets the same numbers, in any order of queries."""
    code = (
        "from nascurve.benchmarks.synthetic import SyntheticBenchmark\n"
        "b = SyntheticBenchmark()\n"
        "cells = [b.space.all()[i] for i in (3, 14_007)]\n"
        "print([float(b.query(cell, seed=s).val_acc.sum()) for cell in cells for s in (2, 0)])\n"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True, text=True, check=True, timeout=60, env={"PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    bench = SyntheticBenchmark()
    curves = bench.query_many([CELLS[14_007]] * 2 + [CELLS[3]] * 2, [0, 2, 0, 2])
    mine = [float(curves[i].val_acc.sum()) for i in (3, 2, 1, 0)]
    assert {f"{mine}\n"} == outputs


@pytest.mark.parametrize("space", [SPACE, Bits(40)])
def test_a_query_of_one_and_of_many_agree_to_the_last_bit(space):
    rng = np.random.default_rng(0)
    archs = list({str(a): a for a in (space.sample(rng) for _ in range(150))}.values())
    single, joint = SyntheticBenchmark(space=space), SyntheticBenchmark(space=space)
    for arch, curve in zip(archs, joint.query_many(archs, [1] * len(archs)), strict=True):
        alone = single.query(arch, seed=1)
        np.testing.assert_array_equal(alone.val_acc, curve.val_acc)
        np.testing.assert_array_equal(alone.test_acc, curve.test_acc)
        np.testing.assert_array_equal(alone.epoch_s, curve.epoch_s)


def test_data_seed_makes_another_benchmark():
    one, other = (finals(SyntheticBenchmark(data_seed=seed), DISTINCT[:2_000]) for seed in (0, 1))
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.6


def test_expected_accuracy_is_what_the_noise_is_around():
    bench = SyntheticBenchmark(noise=0.02, n_seeds=40, low=0.3, high=0.7)
    archs = DISTINCT[:200]
    expected = bench.expected_acc(archs)
    pairs = [(a, s) for a in archs for s in range(40)]
    curves = bench.query_many([a for a, _ in pairs], [s for _, s in pairs])
    val = np.array([c.val_acc for c in curves]).reshape(200, 40, -1) - expected[:, None]
    test = np.array([c.test_acc for c in curves]).reshape(200, 40, -1) - expected[:, None]
    assert np.abs(val.mean(axis=(0, 1))).max() < 0.002
    at_the_end = 0.02 * np.sqrt(1 + bench._calm[-1] ** 2)
    assert val[:, :, -1].std() == pytest.approx(at_the_end, rel=0.03)
    correlation = np.corrcoef(val[:, :, -1].ravel(), test[:, :, -1].ravel())[0, 1]
    assert correlation == pytest.approx(1 / (1 + bench._calm[-1] ** 2), abs=0.03)
    assert (np.diff(expected, axis=1) > 0).all()
    assert expected.min() >= 0.3
    assert expected.max() <= 0.7


def test_no_noise_gives_the_formula():
    bench = SyntheticBenchmark(noise=0.0)
    curves = bench.query_many(DISTINCT[:50], [0] * 50)
    np.testing.assert_array_equal([c.val_acc for c in curves], bench.expected_acc(DISTINCT[:50]))
    np.testing.assert_array_equal([c.test_acc for c in curves], bench.expected_acc(DISTINCT[:50]))


@pytest.mark.parametrize("crossing", [0.0, 0.05, 0.15, 0.2])
@pytest.mark.parametrize("max_epochs", [32, 9])
def test_crossing_is_the_share_of_pairs_that_change_order(crossing, max_epochs):
    bench = SyntheticBenchmark(crossing=crossing, max_epochs=max_epochs)
    expected = bench.expected_acc(DISTINCT)
    early, last = expected[:, -(-max_epochs // 4) - 1], expected[:, -1]
    i, j = np.random.default_rng(0).integers(0, len(DISTINCT), (2, 200_000))
    share = np.mean((early[i] > early[j]) != (last[i] > last[j]))
    assert share == pytest.approx(crossing, abs=0.0 if crossing == 0 else 0.03)


def test_more_crossing_than_there_can_be():
    with pytest.raises(ConfigError, match=r"crossing: 0\.45 is more.*give at most") as caught:
        SyntheticBenchmark(crossing=0.45)
    most = float(re.search(r"at most (\S+)", str(caught.value))[1])
    assert 0.2 < most < 0.45
    SyntheticBenchmark(crossing=most)


def test_a_single_epoch_has_no_crossings():
    with pytest.raises(ConfigError, match=r"cannot cross at all: give crossing=0 "):
        SyntheticBenchmark(max_epochs=1)
    SyntheticBenchmark(max_epochs=1, crossing=0)


def test_cost_spread():
    for spread in (0.0, 0.5):
        bench = SyntheticBenchmark(cost_spread=spread, mean_epoch_s=3.0)
        seconds = np.array([c.epoch_s for c in bench.query_many(DISTINCT, [0] * len(DISTINCT))])
        assert (seconds == seconds[:, :1]).all()
        assert np.log(seconds[:, 0]).std() == pytest.approx(spread, rel=0.15)
        assert seconds.mean() == pytest.approx(3.0, rel=0.1)
    cheap, dear = np.argsort(seconds[:, 0])[:500], np.argsort(seconds[:, 0])[-500:]
    quality = bench.expected_acc(DISTINCT)[:, -1]
    assert quality[dear].mean() > quality[cheap].mean() + 0.1


def test_structure_makes_neighbours_alike():
    def likeness(structure):
        final = SyntheticBenchmark(structure=structure).expected_acc(CELLS)[:, -1]
        some = range(0, 15_625, 7)
        near = np.array([[other.index for other in SPACE.neighbors(CELLS[i])] for i in some])
        key = np.array([SPACE.key(cell) for cell in CELLS])
        distinct = key[near] != key[list(some)][:, None]
        own = np.repeat(final[list(some)][:, None], 24, axis=1)
        return np.corrcoef(own[distinct], final[near][distinct])[0, 1]

    assert likeness(1.0) > likeness(0.6) + 0.1
    assert likeness(1.0) > 0.4
    assert abs(likeness(0.0)) < 0.1


def test_best_is_the_best_of_all():
    bench = SyntheticBenchmark(n_seeds=2)
    best, value = bench.best()
    assert value == max(bench.true_test_acc(cell) for cell in DISTINCT)
    last = [bench.query(best, seed=seed).test_acc[-1] for seed in (0, 1)]
    assert value == pytest.approx(np.mean(last), abs=1e-15)


def test_draws_are_standard_normal_and_independent():
    draws = normals([f"text {i}" for i in range(20_000)], 5)
    assert np.abs(draws.mean(axis=0)).max() < 0.03
    assert np.abs(draws.std(axis=0) - 1).max() < 0.02
    assert np.abs(np.corrcoef(draws.T) - np.eye(5)).max() < 0.03
    assert np.abs((draws**4).mean(axis=0) - 3).max() < 0.25
    np.testing.assert_array_equal(normals(["text 7"], 5)[0], draws[7])


@pytest.mark.parametrize(
    "options",
    [
        {"max_epochs": 0},
        {"max_epochs": 2.5},
        {"n_seeds": 0},
        {"noise": -0.1},
        {"noise": float("nan")},
        {"crossing": 0.6},
        {"cost_spread": -1},
        {"structure": 1.1},
        {"low": 0.9, "high": 0.1},
        {"high": 1.5},
        {"mean_epoch_s": 0},
        {"data_seed": -1},
        {"encoding": "paths"},
    ],
)
def test_bad_options(options):
    with pytest.raises(ConfigError, match=f"{next(iter(options))}.*got"):
        SyntheticBenchmark(**options)


def test_bad_seed_says_the_range():
    with pytest.raises(ConfigError, match=r"0 to 2: there are 3 training runs.*got 3"):
        SyntheticBenchmark().query(CELLS[0], seed=3)
