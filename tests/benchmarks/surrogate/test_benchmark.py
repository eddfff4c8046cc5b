"""A surrogate as a benchmark: what it promises, with a made-up surrogate whose answers are known."""

from __future__ import annotations

import zlib

import numpy as np
import pytest

import nascurve
from nascurve.benchmarks.cell201 import Cell201Space
from nascurve.benchmarks.nbnlp.space import RecurrentSpace
from nascurve.benchmarks.surrogate.benchmark import SurrogateBenchmark
from nascurve.errors import ArchitectureError, CapabilityError, ConfigError
from nascurve.testing import check_benchmark

EPOCHS = 6


class MadeUp:
    """Mean curves rise to a number made of the key; noise is a number made of key and seed."""

    n_epochs = EPOCHS
    share = 0.0

    def __init__(self, space, early_epochs=0):
        self.space = space
        self.early_epochs = early_epochs
        self.facts = {"source": "made up", "settings": {"noise": "spikes"}, "details": {}}
        self.asked = []

    def _numbers(self, texts, low, high):
        shares = [zlib.crc32(text.encode()) / 2**32 for text in texts]
        return low + (high - low) * np.array(shares)

    def mean_curves(self, archs, early=None):
        assert (early is not None) == bool(self.early_epochs)
        self.asked.append(len(archs))
        final = self._numbers([self.space.key(arch) for arch in archs], 0.3, 0.8)
        curves = final[:, None] * np.linspace(0.5, 1, EPOCHS)
        if early is not None:
            curves[:, : self.early_epochs] = early
        return curves

    def add_noise(self, archs, seeds, mean_curves):
        texts = [f"{self.space.key(arch)} {seed}" for arch, seed in zip(archs, seeds, strict=True)]
        return mean_curves + self._numbers(texts, -0.1, 0.1)[:, None]

    def epoch_s(self, archs):
        return self._numbers([f"s {self.space.key(arch)}" for arch in archs], 1, 2)

    def divergence(self, archs):
        return np.full(len(archs), self.share)

    def lengths(self, archs, seeds, divergence):
        return np.where(np.asarray(seeds) % 2 < divergence, 2, EPOCHS)


@pytest.fixture(params=[Cell201Space(), RecurrentSpace()], ids=lambda space: space.name)
def space(request):
    return request.param


@pytest.mark.parametrize("noise", [True, False])
def test_it_keeps_the_contract(space, noise):
    check_benchmark(SurrogateBenchmark(MadeUp(space), noise=noise, n_seeds=2), n=5)


def test_it_says_that_it_is_a_surrogate_and_what_its_truth_is(space):
    bench = SurrogateBenchmark(MadeUp(space))
    assert bench.info.kind == "surrogate"
    assert (bench.info.n_seeds, bench.info.max_epochs) == (100, EPOCHS)
    assert "validation accuracy" in bench.info.details["true_test_acc"]
    assert bench.info.details["source"] == "made up"
    arch = space.sample(np.random.default_rng(0))
    assert bench.true_test_acc(arch) == MadeUp(space).mean_curves([arch])[0, -1]


def test_seeds_differ_unless_there_is_no_noise(space):
    arch = space.sample(np.random.default_rng(1))
    noisy, still = (
        SurrogateBenchmark(MadeUp(space)),
        SurrogateBenchmark(MadeUp(space), noise=False, n_seeds=2),
    )
    assert (noisy.query(arch, seed=0).val_acc != noisy.query(arch, seed=1).val_acc).all()
    assert np.array_equal(still.query(arch, seed=0).val_acc, still.query(arch, seed=1).val_acc)
    assert still.query(arch, seed=0).val_acc[-1] == still.true_test_acc(arch) == noisy.true_test_acc(arch)


def test_diverged_runs_end_in_nan_and_cost_nothing_then(space):
    surrogate = MadeUp(space)
    surrogate.share = 0.5  # of its seeds, the even ones diverge after two epochs
    bench = SurrogateBenchmark(surrogate, n_seeds=4)
    check_benchmark(bench, n=3)
    arch = space.sample(np.random.default_rng(1))
    ended, whole = bench.query(arch, seed=2), bench.query(arch, seed=3)
    assert np.isnan(ended.val_acc).tolist() == [False] * 2 + [True] * 4
    assert (ended.epoch_s > 0).tolist() == [True] * 2 + [False] * 4
    assert np.isfinite(whole.val_acc).all()
    for options in ({"diverge": False}, {"noise": False}):
        assert np.isfinite(SurrogateBenchmark(surrogate, **options).query(arch, seed=0).val_acc).all()


def test_strings_of_one_network_have_one_curve():
    space = Cell201Space()
    twins = [arch for arch in space.all() if space.key(arch) == space.key(space.all()[0])][:2]
    bench = SurrogateBenchmark(MadeUp(space))
    assert np.array_equal(bench.query(twins[0], seed=4).val_acc, bench.query(twins[1], seed=4).val_acc)


def test_mean_curves_are_asked_for_once(space):
    surrogate = MadeUp(space)
    bench = SurrogateBenchmark(surrogate, n_seeds=4)
    archs = list({space.sample(np.random.default_rng(i)): None for i in range(5)})
    bench.query_many(archs, [0] * len(archs))
    bench.query(archs[0], seed=3)
    bench.query_many([*archs, *archs], [1, 2] * len(archs))
    bench.true_test_acc(archs[1])
    assert surrogate.asked == [len(archs)]


def test_best_is_that_of_all_networks():
    bench = SurrogateBenchmark(MadeUp(Cell201Space()))
    arch, value = bench.best()
    assert value == bench.true_test_acc(arch) == max(map(bench.true_test_acc, bench.space.all()))
    assert SurrogateBenchmark(MadeUp(RecurrentSpace())).best() is None


def test_first_epochs_cut_the_space_down_and_are_passed_on():
    space = RecurrentSpace()
    archs = [space.sample(np.random.default_rng(i)) for i in range(3)]
    known = {archs[0]: [0.1, 0.2], str(archs[1]): (0.3, 0.4)}
    bench = SurrogateBenchmark(MadeUp(space, early_epochs=2), first_epochs=known, noise=False)
    assert bench.space.all() == (archs[0], archs[1])
    assert bench.query(archs[1], seed=0).val_acc[:2].tolist() == [0.3, 0.4]
    with pytest.raises(ArchitectureError):
        bench.query(archs[2], seed=0)
    check_benchmark(bench, n=2)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([0.1], "expected 2 accuracies"),
        ([0.1, 70.0], "expected 2 accuracies"),
        ([0.1, float("nan")], "expected 2 accuracies"),
        (0.5, "expected 2 accuracies"),
    ],
)
def test_wrong_first_epochs_are_refused(values, text):
    arch = Cell201Space().sample(np.random.default_rng(0))
    with pytest.raises(ConfigError, match=text):
        SurrogateBenchmark(MadeUp(Cell201Space(), early_epochs=2), first_epochs={arch: values})


@pytest.mark.parametrize("given", [3, [1, 2]])
def test_first_epochs_that_are_no_mapping_are_refused(given):
    with pytest.raises(ConfigError, match="expected a mapping"):
        SurrogateBenchmark(MadeUp(Cell201Space(), early_epochs=2), first_epochs=given)


def test_first_epochs_where_they_are_needed_and_only_there():
    with pytest.raises(CapabilityError, match="early_epochs=2"):
        SurrogateBenchmark(MadeUp(Cell201Space(), early_epochs=2))
    arch = Cell201Space().sample(np.random.default_rng(0))
    with pytest.raises(CapabilityError, match="architecture alone"):
        SurrogateBenchmark(MadeUp(Cell201Space()), first_epochs={arch: [0.1, 0.2]})
    with pytest.raises(ConfigError, match="space 'cell201'"):
        SurrogateBenchmark(MadeUp(Cell201Space(), early_epochs=1), first_epochs={3: [0.1]})


@pytest.mark.parametrize("options", [{"noise": 1}, {"n_seeds": 0}, {"n_seeds": 2.0}])
def test_options_out_of_range_are_refused(options):
    with pytest.raises(ConfigError, match=next(iter(options))):
        SurrogateBenchmark(MadeUp(Cell201Space()), **options)


@pytest.mark.parametrize("optimizer", ["rs", "re", "ls"])
def test_optimizers_with_lce_search_in_it(space, optimizer):
    bench = SurrogateBenchmark(MadeUp(space), n_seeds=3)
    base = nascurve.create_optimizer(optimizer, bench.space, seed=0)
    lce = nascurve.LCE(base, nascurve.create_extrapolator("last_value"), e_few=2, k=8, top_n=3)
    result = nascurve.simulate(lce, bench, budget_s=200, seed=0)
    again = nascurve.simulate(
        nascurve.LCE(
            nascurve.create_optimizer(optimizer, bench.space, seed=0),
            nascurve.create_extrapolator("last_value"),
            e_few=2,
            k=8,
            top_n=3,
        ),
        SurrogateBenchmark(MadeUp(space), n_seeds=3),
        budget_s=200,
        seed=0,
    )
    assert len(result.to_frame()) > 10
    assert result.to_frame().equals(again.to_frame())
