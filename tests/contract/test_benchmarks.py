"""Every registered benchmark keeps the contract; and the contract test finds those that do not."""

from __future__ import annotations

import numpy as np
import pytest

from nascurve.benchmarks.synthetic import SyntheticBenchmark
from nascurve.errors import DataFileError
from nascurve.registry import component, ids, load_benchmark
from nascurve.simulator.types import LearningCurve
from nascurve.testing import check_benchmark

FROM_A_PACKAGE = "nb201-finals"  # its files come with a development dependency: no data_dir is needed
OFFICIAL = [
    id_
    for id_ in ids("benchmarks")
    if hasattr(component("benchmarks", id_), "card") and id_ != FROM_A_PACKAGE
]
# `table` and `surrogate` need a file; the fit of the other has a contract test of its own
ELSEWHERE = ("table", "surrogate", "pocket201-mnist-surrogate-v1")
SHIPPED = [id_ for id_ in ids("benchmarks", versions=True) if id_ not in (*OFFICIAL, *ELSEWHERE)]


@pytest.mark.parametrize("benchmark_id", OFFICIAL)
def test_official_benchmark_says_which_files_it_needs(benchmark_id):
    """With data, each is checked in tests/benchmarks/official."""
    card = component("benchmarks", benchmark_id).card
    with pytest.raises(DataFileError) as caught:
        load_benchmark(benchmark_id, data_dir="no such folder")
    for text in (benchmark_id, "data_dir", card.files[0].name):
        assert text in str(caught.value)
    assert card.id == benchmark_id
    assert card.citation
    assert card.licence


@pytest.mark.parametrize("benchmark_id", SHIPPED)
def test_registered_benchmark_keeps_the_contract(benchmark_id):
    bench = load_benchmark(benchmark_id)
    assert benchmark_id in (bench.info.name, f"{bench.info.name}-v{bench.info.version}")
    check_benchmark(bench)


class Broken:
    """A sound benchmark with single methods replaced."""

    def __init__(self, **methods):
        self._sound = SyntheticBenchmark()
        for name, method in methods.items():
            setattr(
                self, name, lambda *args, _method=method, **options: _method(self._sound, *args, **options)
            )

    def __getattr__(self, name):
        return getattr(self._sound, name)


def _remade(curve, **changes):
    columns = {"val_acc": curve.val_acc, "epoch_s": curve.epoch_s, "test_acc": curve.test_acc}
    return LearningCurve(**(columns | changes))


def _gap(curve):
    """Diverged in the middle, and sound again."""
    return np.where(np.arange(len(curve)) == 10, np.nan, curve.val_acc)


def _value(pair):
    return pair[1]


_noise = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("methods", "rule"),
    [
        ({"query": lambda b, a, *, seed, epochs=None: b.query(a, seed=0, epochs=epochs)}, "deterministic"),
        (
            {
                "query": lambda b, a, *, seed, epochs=None: _remade(
                    b.query(a, seed=seed, epochs=epochs), val_acc=_noise.random(epochs or 32)
                )
            },
            "deterministic",
        ),
        ({"query": lambda b, a, *, seed, epochs=None: b.query(a, seed=seed)}, "prefix"),
        (
            {"query_many": lambda b, a, s: [_remade(c, val_acc=c.val_acc * 100) for c in b.query_many(a, s)]},
            r"\[0, 1\]",
        ),
        (
            {"query_many": lambda b, a, s: [_remade(c, val_acc=_gap(c)) for c in b.query_many(a, s)]},
            "NaN to the end",
        ),
        (
            {"query_many": lambda b, a, s: [_remade(c, epoch_s=-c.epoch_s) for c in b.query_many(a, s)]},
            "epoch_s",
        ),
        ({"query_many": lambda b, a, s: [c.observed(32) for c in b.query_many(a, s)]}, "info.metrics"),
        ({"query_many": lambda b, a, s: [c.prefix(31) for c in b.query_many(a, s)]}, "max_epochs"),
        (
            {"best": lambda b: min(((a, b.true_test_acc(a)) for a in b.space.all()[::501]), key=_value)},
            "at least as",
        ),
        ({"best": lambda b: (b.best()[0], 1.0)}, "best"),
        (
            {"true_test_acc": lambda b, a: 0.5 if isinstance(a, str) else b.true_test_acc(a)},
            "foreign architecture",
        ),
        (
            {"query": lambda b, a, *, seed, epochs=None: b.query(a, seed=max(seed, 0), epochs=epochs)},
            "seed=-1",
        ),
    ],
)
def test_contract_finds_the_broken_rule(methods, rule):
    with pytest.raises(AssertionError, match=rule):
        check_benchmark(Broken(**methods), n=5)


def test_sound_benchmark_behind_the_same_wrapper_passes():
    check_benchmark(Broken(), n=5)
