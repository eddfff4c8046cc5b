"""NAS-Bench-201 and NATS-Bench: on the real sample against the authors' own reader, and on made-up files."""

from __future__ import annotations

import bz2
import io
import os
import pickle
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nascurve.benchmarks.cell201 import Cell201Space
from nascurve.benchmarks.files.array_cache import write_cache
from nascurve.benchmarks.files.pickle_machine import UnreadableError
from nascurve.benchmarks.nb201 import archives
from nascurve.benchmarks.nb201.benchmark import (
    NB201Cifar10,
    NB201Cifar100,
    NB201ImageNet16,
    SizeCifar10,
    SizeCifar100,
    SizeImageNet16,
)
from nascurve.benchmarks.nb201.convert import FORMAT_VERSION
from nascurve.benchmarks.nb201.pickle_stream import PickleStream
from nascurve.errors import ArchitectureError, CapabilityError, ConfigError, DataFileError, NascurveError
from nascurve.testing.benchmark import check_benchmark
from nascurve.testing.search_space import check_search_space
from tests.benchmarks.files.test_pickles import BOMBS, HOSTILE
from tests.official_data import nb201 as made_up
from tests.official_data import real_sample

CELLS = {"cifar10-valid": NB201Cifar10, "cifar100": NB201Cifar100, "ImageNet16-120": NB201ImageNet16}
SIZES = {"cifar10-valid": SizeCifar10, "cifar100": SizeCifar100, "ImageNet16-120": SizeImageNet16}


@pytest.fixture(scope="session")
def sample(tmp_path_factory):
    """Options that load the real sample: three architectures of the official folder."""
    return {
        "data_dir": real_sample("nats-bench-tss-sample"),
        "cache_dir": tmp_path_factory.mktemp("nb201-sample"),
    }


@pytest.fixture(scope="session")
def official(sample):
    """The authors' reader on the real sample."""
    nats_bench = pytest.importorskip("nats_bench", reason="the authors' reader is not installed")
    folder = sample["data_dir"] / "NATS-tss-v1_0-3ffb9-simple"
    return nats_bench.create(str(folder), "tss", fast_mode=True, verbose=False)


@pytest.fixture(scope="session")
def entries():
    """Made-up entries of the topology space: indices 0, 5, 7 with 3, 1, 2 trainings of 200 epochs."""
    return made_up.entries()


@pytest.fixture(scope="session")
def folder(tmp_path_factory, entries):
    """A folder with a made-up 'simple' archive."""
    where = tmp_path_factory.mktemp("nb201-simple")
    made_up.write(where, made=entries)
    return where


def assert_agrees(bench, api, dataset, hp, *, curve="valid"):
    """Every metric of every seed and epoch equals what the authors' reader gives: accuracies to the float
    noise of their percentages, losses to float32, seconds exactly but for the order of additions.

    curve: what the reader calls the set of val_acc: valid (x-valid) or valtest (ori-test).
    """
    texts = {text: index for index, text in enumerate(api.meta_archs)}
    checked = 0
    for arch in bench.space.all():
        index = texts[str(arch)]
        api._prepare_info(index)
        seeds = sorted(api.arch2infos_dict[index][hp].get_dataset_seeds(dataset))
        assert bench.training_runs(arch) == len(seeds)
        finals = []
        for place, seed in enumerate(seeds):
            got = bench.query(arch, seed=place)
            for epoch in range(bench.info.max_epochs):
                want = api.get_more_info(index, dataset, iepoch=epoch, hp=hp, is_random=seed)
                if f"{curve}-accuracy" in want:
                    assert abs(got.val_acc[epoch] - want[f"{curve}-accuracy"] / 100) < 3e-9
                    assert got.val_loss[epoch] == np.float32(want[f"{curve}-loss"])
                    checked += 1
                    if f"{curve}-all-time" in want and bench.info.details["epoch_s"].startswith(
                        "training of each epoch and one pass"
                    ):
                        total = want["train-all-time"] + want[f"{curve}-all-time"]
                        assert got.epoch_s[: epoch + 1].sum() == pytest.approx(total, rel=1e-12)
                else:
                    assert np.isnan(got.val_acc[epoch])
                assert got.train_loss[epoch] == np.float32(want["train-loss"])
                if "test-accuracy" in want:
                    assert abs(got.test_acc[epoch] - want["test-accuracy"] / 100) < 3e-9
                else:
                    assert np.isnan(got.test_acc[epoch])
            finals.append(want["test-accuracy"] / 100)
        assert bench.true_test_acc(arch) == pytest.approx(np.mean(finals), abs=3e-9)
    return checked


# The real sample


@pytest.mark.parametrize("dataset", CELLS)
@pytest.mark.parametrize("epochs", [12, 200])
def test_real_sample_agrees_with_the_authors_reader(sample, official, dataset, epochs):
    bench = CELLS[dataset](**sample, epochs=epochs)
    curve = "valtest" if epochs == 200 and dataset != "cifar10-valid" else "valid"
    runs = {12: 6 if dataset == "cifar10-valid" else 3, 200: 9}[epochs]
    assert assert_agrees(bench, official, dataset, str(epochs), curve=curve) == runs * epochs


@pytest.mark.parametrize("dataset", ["cifar100", "ImageNet16-120"])
def test_real_sample_true_validation_accuracy_is_measured_at_the_end_only(sample, official, dataset):
    bench = CELLS[dataset](**sample, curve="x-valid")
    assert bench.info.fidelities == (200,)
    assert assert_agrees(bench, official, dataset, "200", curve="valid") == 9
    arch = bench.space.all()[0]
    with pytest.raises(CapabilityError, match="only after 200"):
        bench.query(arch, seed=0, epochs=12)


@pytest.mark.parametrize("dataset", CELLS)
@pytest.mark.parametrize("options", [{}, {"epochs": 12}])
def test_real_sample_contract(sample, dataset, options):
    bench = CELLS[dataset](**sample, **options)
    check_benchmark(bench)
    check_search_space(bench.space)


def test_real_sample_is_a_held_space_of_three(sample):
    bench = NB201Cifar10(**sample)
    assert bench.space.name.startswith("cell201-held-")
    assert len(bench.space.all()) == bench.info.details["n_architectures"] == 3
    assert bench.info.training_seeds == (777, 888, 999)
    assert bench.info.n_seeds == 3
    whole = NB201Cifar10(**sample, restrict=False)
    assert whole.space.name == "cell201"
    with pytest.raises(ArchitectureError, match="3 of 15625"):
        whole.query(whole.space.parse("|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"), seed=0)


def test_real_sample_schedules_are_apart(sample):
    """Index 0, seed 777: after 12 epochs 62.712 % where 12 were planned, 47.872 % where 200 were."""
    text = "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|"
    short, long = NB201Cifar10(**sample, epochs=12), NB201Cifar10(**sample)
    arch = short.space.parse(text)
    assert short.info.training_seeds == (111, 777)
    assert short.query(arch, seed=1).val_acc[-1] == 0.62712
    assert short.query(arch, seed=1).test_acc[-1] == 0.6282
    assert long.query(arch, seed=0, epochs=12).val_acc[-1] == 0.47872
    assert (short.info.name, long.info.name) == ("nb201-cifar10-e12", "nb201-cifar10")


@pytest.mark.parametrize(
    ("cls", "options", "name"),
    [
        (NB201Cifar10, {"charge": "train+valid"}, "nb201-cifar10"),
        (NB201Cifar10, {"charge": "train", "epochs": 12}, "nb201-cifar10-e12-charge-train"),
        (
            NB201Cifar10,
            {"charge": "official", "report": "cifar10"},
            "nb201-cifar10-charge-official-report-cifar10",
        ),
        (NB201Cifar100, {"curve": "ori-test"}, "nb201-cifar100"),
        (NB201Cifar100, {"curve": "x-valid"}, "nb201-cifar100-curve-x-valid"),
        (NB201ImageNet16, {"curve": "ori-test", "epochs": 12}, "nb201-imagenet16-e12-curve-ori-test"),
    ],
)
def test_the_name_says_what_differs_from_the_defaults(folder, cls, options, name):
    """So that saved runs under different options are not taken for one benchmark's."""
    bench = cls(data_dir=folder, **options)
    assert bench.info.name == name
    assert len(bench.info.details["data_sha256"]) == 64


@pytest.mark.parametrize("epochs", [12, 200])
def test_real_sample_official_charge_is_the_cost_of_simulate_train_eval(sample, official, epochs):
    for name, cls in (
        ("cifar10", NB201Cifar10),
        ("cifar100", NB201Cifar100),
        ("ImageNet16-120", NB201ImageNet16),
    ):
        bench = cls(**sample, epochs=epochs, charge="official")
        for arch in bench.space.all():
            curve = bench.query(arch, seed=0)
            for epoch in {0, 5, 11, epochs - 1}:
                _, _, cost, _ = official.simulate_train_eval(str(arch), name, iepoch=epoch, hp=str(epochs))
                assert curve.epoch_s[: epoch + 1].sum() == pytest.approx(cost, rel=1e-12)
    arch = bench.space.all()[0]
    first = NB201Cifar10(**sample, epochs=12, charge="official")
    text = official.meta_archs[0]
    assert first.query(first.space.parse(text), seed=1).epoch_s.sum() == pytest.approx(89.2021, abs=5e-5)


def test_real_sample_report_of_the_trainings_on_all_images(sample, official):
    bench = NB201Cifar10(**sample, report="cifar10")
    for arch in bench.space.all():
        want = official.get_more_info(str(arch), "cifar10", hp="200", is_random=False)["test-accuracy"]
        assert bench.true_test_acc(arch) == pytest.approx(want / 100, abs=1e-12)


def test_real_sample_counts_are_exact(sample):
    """All accuracies of the real files are whole numbers of images, so the cache holds counts."""
    for dataset, cls in CELLS.items():
        for epochs in (12, 200):
            bench = cls(**sample, epochs=epochs)
            for images in made_up.SETS[dataset]:
                assert bench._arrays[f"{images} acc"].dtype == np.uint16


# Made-up files in each format


@pytest.mark.parametrize(("layout", "digits"), [("simple", 1), ("single", 6), ("torch", 6), ("torch-zip", 6)])
def test_made_up_formats_hold_the_same(folder, entries, tmp_path, layout, digits):
    path = made_up.write(tmp_path, layout=layout, made=entries, digits=digits)
    for cls in CELLS.values():
        for epochs in (12, 200):
            want, got = cls(data_dir=folder, epochs=epochs), cls(data_dir=tmp_path, epochs=epochs)
            assert got.info.details["source"] == path.name
            assert want.space.name == got.space.name  # named by the digest of everything in it


def test_an_archive_without_an_end_is_refused(entries, tmp_path, monkeypatch):
    """bz2 packs 16 GB of equal entries into little."""
    monkeypatch.setattr(archives, "_MAX_ARCHIVE", 10**6)
    made_up.write(tmp_path, layout="single", made=entries)
    with pytest.raises(DataFileError, match="at most 1000000 bytes"):
        NB201Cifar10(data_dir=tmp_path)


def test_an_archive_with_more_behind_it_is_refused(entries, tmp_path):
    path = made_up.write(tmp_path, layout="single", made={5: entries[5]})
    path.write_bytes(bz2.compress(bz2.decompress(path.read_bytes()) + b"N"))
    with pytest.raises(DataFileError, match="more behind it"):
        NB201Cifar10(data_dir=tmp_path)


def test_one_entry_under_both_names_is_refused(entries, tmp_path):
    path = made_up.write(tmp_path, made={5: entries[5]})
    (path / "5.pickle.pbz2").write_bytes((path / "000005.pickle.pbz2").read_bytes())
    with pytest.raises(DataFileError, match="an index that came before"):
        NB201Cifar10(data_dir=tmp_path)


def test_one_architecture_at_two_indices_is_refused(tmp_path):
    made = made_up.entries(indices=(5, 7))
    for state in made[7].values():
        state["arch_str"] = made_up.strings("tss")[5]
    path = made_up.write(tmp_path, made=made)
    (path / "meta.pickle.pbz2").unlink()
    with pytest.raises(DataFileError, match="one architecture at two indices"):
        NB201Cifar10(data_dir=tmp_path)


def test_a_part_of_another_conversion_is_not_used(folder, entries, tmp_path):
    made_up.write(tmp_path, made={5: entries[5]})
    NB201Cifar10(data_dir=folder, cache_dir=tmp_path / "one")
    NB201Cifar10(data_dir=tmp_path, cache_dir=tmp_path / "two")
    part = "nats-tss-simple-cifar10-valid-200.nascurve"
    (tmp_path / "one" / part).write_bytes((tmp_path / "two" / part).read_bytes())
    with pytest.raises(DataFileError, match="got another"):
        NB201Cifar10(cache_dir=tmp_path / "one")


def test_made_up_archive_in_another_order(folder, entries, tmp_path):
    """A dictionary of the single files may come in any order of its indices."""
    made_up.write(tmp_path, layout="single", made={index: entries[index] for index in (7, 0, 5)})
    want, got = NB201Cifar10(data_dir=folder), NB201Cifar10(data_dir=tmp_path)
    assert want.info.details["data_sha256"] == got.info.details["data_sha256"]


def test_made_up_single_file_agrees_with_the_authors_reader(entries, tmp_path):
    nats_bench = pytest.importorskip("nats_bench")
    path = made_up.write(tmp_path, layout="single", made=entries)
    api = nats_bench.NATStopology(pickle.loads(bz2.decompress(path.read_bytes())), verbose=False)
    for dataset, cls in CELLS.items():
        bench = cls(data_dir=path, epochs=12)
        assert assert_agrees(bench, api, dataset, "12")


@pytest.mark.parametrize("layout", ["simple", "single"])
@pytest.mark.parametrize("dataset", SIZES)
def test_made_up_sizes_agree_with_the_authors_reader(tmp_path, layout, dataset):
    nats_bench = pytest.importorskip("nats_bench")
    made = made_up.entries("sss", (0, 9, 32_767))
    made_up.write(tmp_path, family="sss", layout=layout, made=made)
    whole = {"meta_archs": made_up.strings("sss"), "arch2infos": made, "evaluated_indexes": set(made)}
    api = nats_bench.NATSsize(whole, verbose=False)
    for hp, epochs in made_up.SSS_SCHEDULES.items():
        bench = SIZES[dataset](data_dir=tmp_path, epochs=epochs)
        assert [str(arch) for arch in bench.space.all()] == ["8:8:8:8:8", "8:8:8:16:16", "64:64:64:64:64"]
        assert bench.info.n_seeds == (3 if epochs == 12 else 1)
        assert assert_agrees(bench, api, dataset, hp) == 3 * bench.info.n_seeds * epochs
        check_benchmark(bench)


@pytest.mark.parametrize("dataset", CELLS)
def test_made_up_naslib_pickle(folder, entries, tmp_path, dataset):
    made_up.write_naslib(tmp_path, entries, dataset)
    bench, other = CELLS[dataset](data_dir=tmp_path), CELLS[dataset](data_dir=folder)
    check_benchmark(bench)
    assert bench.info.n_seeds == 1
    assert bench.info.training_seeds == ()
    assert bench.info.metrics == ("val_acc", "val_loss", "train_loss")
    assert "without evaluation" in bench.info.details["epoch_s"]
    for arch in bench.space.all():
        got, want = bench.query(arch, seed=0), other.query(arch, seed=0)
        np.testing.assert_array_equal(got.val_acc, want.val_acc)
        np.testing.assert_array_equal(got.val_loss, want.val_loss)
        np.testing.assert_array_equal(got.train_loss, want.train_loss)
        assert (got.epoch_s == other._arrays["train_s"][0]).all() or len(set(got.epoch_s)) == 1
        assert bench.true_test_acc(arch) == got.val_acc[-1]
    for charge in ("train+valid", "official"):
        with pytest.raises(CapabilityError, match="evaluation times"):
            CELLS[dataset](data_dir=tmp_path, charge=charge)
    with pytest.raises(CapabilityError, match="no trainings of 12 epochs"):
        CELLS[dataset](data_dir=tmp_path, epochs=12)


def test_made_up_architectures_trained_once_or_thrice(folder, entries):
    """Seeds are indices among the trainings that exist, by ascending official seed."""
    bench = NB201Cifar10(data_dir=folder)
    check_benchmark(bench)
    texts = made_up.strings("tss")
    runs = {index: bench.training_runs(bench.space.parse(texts[index])) for index in entries}
    assert runs == {0: 3, 5: 1, 7: 2}
    assert bench.info.n_seeds == 1
    assert bench.info.details["n_trainings"] == 6
    arch = bench.space.parse(texts[7])
    for place, seed in enumerate((777, 888)):
        trial = entries[7]["200"]["all_results"]["cifar10-valid", seed]
        want = [trial["eval_acc1es"][f"x-valid@{epoch}"] / 100 for epoch in range(200)]
        np.testing.assert_allclose(bench.query(arch, seed=place).val_acc, want, rtol=0, atol=3e-9)
    with pytest.raises(ConfigError, match="2 training runs of"):
        bench.query(arch, seed=2)


def test_made_up_old_file_without_times(tmp_path):
    """The oldest files have no times, and short trainings on CIFAR-10 alone."""
    made = made_up.entries()
    for infos in made.values():
        infos["12"]["all_results"] = {
            key: trial for key, trial in infos["12"]["all_results"].items() if key[0] == "cifar10-valid"
        }
        for state in infos.values():
            for trial in state["all_results"].values():
                trial["train_times"], trial["eval_times"], trial["latency"] = None, {}, None
    made_up.write(tmp_path, layout="torch", made=made)
    for charge in ("auto", "train", "train+valid", "official"):
        with pytest.raises(CapabilityError, match="charge="):
            NB201Cifar10(data_dir=tmp_path, charge=charge)
    bench = NB201Cifar10(data_dir=tmp_path, charge="epochs")
    check_benchmark(bench)
    assert bench.query(bench.space.all()[0], seed=0).epoch_s.sum() == 200
    with pytest.raises(CapabilityError, match="no trainings of 12 epochs on cifar100"):
        NB201Cifar100(data_dir=tmp_path, epochs=12, charge="epochs")


def test_made_up_times_that_differ_between_epochs(tmp_path):
    made = made_up.entries(indices=(4,))
    trial = made[4]["200"]["all_results"]["cifar10-valid", 777]
    for epoch in range(200):
        trial["train_times"][epoch] = 3.0 + epoch
    made_up.write(tmp_path, made=made)
    bench = NB201Cifar10(data_dir=tmp_path, charge="train")
    curve = bench.query(bench.space.all()[0], seed=0)
    assert curve.epoch_s.tolist() == [3.0 + epoch for epoch in range(200)]


def test_made_up_accuracies_that_are_no_whole_numbers_of_images(tmp_path):
    """Means over trainings, say: kept as they are, in float64."""
    made = made_up.entries()
    trial = made[5]["200"]["all_results"]["cifar10-valid", 777]
    trial["eval_acc1es"]["x-valid@3"] = 33.333333
    made_up.write(tmp_path, made=made)
    bench = NB201Cifar10(data_dir=tmp_path)
    check_benchmark(bench)
    arch = bench.space.parse(made_up.strings("tss")[5])
    assert bench.query(arch, seed=0).val_acc[3] == 33.333333 / 100
    other = bench.query(bench.space.parse(made_up.strings("tss")[0]), seed=0)
    want = made[0]["200"]["all_results"]["cifar10-valid", 777]["eval_acc1es"]
    np.testing.assert_allclose(
        other.val_acc, [want[f"x-valid@{epoch}"] / 100 for epoch in range(200)], atol=3e-9
    )


def test_made_up_missing_epoch_is_divergence(tmp_path):
    made = made_up.entries()
    trial = made[5]["200"]["all_results"]["cifar10-valid", 777]
    del trial["eval_acc1es"]["x-valid@70"]
    trial["eval_losses"]["x-valid@70"] = float("nan")
    made_up.write(tmp_path, made=made)
    bench = NB201Cifar10(data_dir=tmp_path)
    check_benchmark(bench)
    curve = bench.query(bench.space.parse(made_up.strings("tss")[5]), seed=0)
    assert np.isfinite(curve.val_acc[:70]).all()
    assert np.isnan(curve.val_acc[70:]).all()


def test_partial_download_without_the_list_of_architectures(folder, tmp_path, entries):
    path = made_up.write(tmp_path, made=entries)
    (path / "meta.pickle.pbz2").unlink()
    assert NB201Cifar10(data_dir=path).space.name == NB201Cifar10(data_dir=folder).space.name


def test_restrict(folder):
    assert NB201Cifar10(data_dir=folder, restrict=True).space.size == 3
    bench = NB201Cifar10(data_dir=folder, restrict=False)
    assert type(bench.space) is Cell201Space
    with pytest.raises(ConfigError, match="restrict"):
        NB201Cifar10(data_dir=folder, restrict="no")


@pytest.mark.parametrize(
    ("cls", "options"),
    [
        (NB201Cifar10, {"epochs": 90}),
        (NB201Cifar10, {"epochs": 12.0}),
        (NB201Cifar10, {"report": "imagenet"}),
        (NB201Cifar100, {"curve": "x-test"}),
        (NB201Cifar10, {"charge": "nothing"}),
        (SizeCifar10, {"epochs": 200}),
        (NB201Cifar10, {"data_dir": 5}),
    ],
)
def test_options_are_checked(folder, cls, options):
    with pytest.raises(ConfigError):
        cls(**{"data_dir": folder, **options})


# The cache


def test_cache_alone_is_enough(folder, entries, tmp_path):
    cache = tmp_path / "cache"
    want = NB201Cifar10(data_dir=folder, cache_dir=cache)
    got = NB201Cifar10(cache_dir=cache)
    assert got.info == want.info
    arch = got.space.all()[0]
    np.testing.assert_array_equal(got.query(arch, seed=0).val_acc, want.query(arch, seed=0).val_acc)
    (cache / "nats-tss-simple-cifar100-200.nascurve").unlink()
    with pytest.raises(DataFileError, match="cifar100-200"):
        NB201Cifar100(cache_dir=cache)
    assert NB201Cifar100(data_dir=folder, cache_dir=cache).info.max_epochs == 200


def test_damaged_part_of_the_cache_is_made_anew(folder, tmp_path, caplog):
    cache = tmp_path / "cache"
    NB201Cifar10(data_dir=folder, cache_dir=cache)
    part = cache / "nats-tss-simple-cifar10-valid-200.nascurve"
    data = bytearray(part.read_bytes())
    data[len(data) // 2] ^= 1
    part.write_bytes(data)
    NB201Cifar10(data_dir=folder, cache_dir=cache)
    assert "made anew" in caplog.text
    data[len(data) // 2] ^= 1
    assert part.read_bytes() == data


def test_cache_is_made_anew_when_a_file_comes(tmp_path, entries):
    path = made_up.write(tmp_path, made={0: entries[0]})
    assert NB201Cifar10(data_dir=tmp_path).space.size == 1
    (path / "000005.pickle.pbz2").write_bytes(bz2.compress(pickle.dumps(entries[5])))
    assert NB201Cifar10(data_dir=tmp_path).space.size == 2


# Files that are not what they should be


@pytest.mark.parametrize("cls", [*CELLS.values(), *SIZES.values()])
def test_no_data(cls, tmp_path):
    with pytest.raises(DataFileError, match=r"NATS-.ss-v1_0.*data_dir="):
        cls()
    with pytest.raises(DataFileError, match="an empty folder"):
        cls(data_dir=tmp_path)
    with pytest.raises(DataFileError, match="no such file"):
        cls(data_dir=tmp_path / "absent")


class _Evil:
    def __reduce__(self):
        return os.system, ("touch nb201-was-run",)


class _Eval:
    def __reduce__(self):
        return eval, ("1/0",)


def _hostile():
    page = b"<!DOCTYPE html><html><body>404</body></html>"
    bomb = b"".join([b"\x80\x04]\x94", *[b"]\x94(h\x00h\x00e"] * 100, b"."])
    return {
        "page": page,
        "empty": b"",
        "os.system": pickle.dumps({0: _Evil()}),
        "eval": pickle.dumps({0: _Eval()}),
        "array": pickle.dumps(np.zeros(3))[:-1].replace(b"K\x03", b"J\xff\xff\xff\x7f") + b".",
        "object array": pickle.dumps(np.array([None])),
        "bomb": bomb,
        "nested": b"\x80\x04" + b"(" * 10**6,
        "tuple hash": b"\x80\x04}(" + b")" + b"\x94h\x00\x86" * 60 + b"K\x01u.",
        "memo": b"\x80\x04}r\xff\xff\xff\xff.",
        "other pickle": pickle.dumps([1, 2, 3]),
        "text": b"architecture,accuracy\n",
    }


@pytest.mark.parametrize("what", [*_hostile(), "zeros"])
@pytest.mark.parametrize("layout", ["simple", "meta", "single", "torch", "naslib"])
def test_hostile_files(tmp_path, monkeypatch, entries, layout, what):
    monkeypatch.chdir(tmp_path)
    data = bytes(2 * 10**7) if what == "zeros" else _hostile()[what]
    raw = what in ("page", "empty")
    packed = data if raw else bz2.compress(data)
    if layout in ("simple", "meta"):
        where = made_up.write(tmp_path, made={5: entries[5]})
        path = where / ("000005.pickle.pbz2" if layout == "simple" else "meta.pickle.pbz2")
        path.write_bytes(packed)
    elif layout == "single":
        path = tmp_path / made_up.NAMES["tss", "single"]
        path.write_bytes(packed)
    else:
        path = tmp_path / (
            made_up.NAMES["tss", "torch"] if layout == "torch" else "nb201_cifar10_full_training.pickle"
        )
        head = b"".join(pickle.dumps(part, protocol=2) for part in (0x1950A86A20F9469CFC6C, 1001, {}))
        path.write_bytes(data if raw or layout == "naslib" else head + data)
    with pytest.raises(DataFileError, match=path.name):
        NB201Cifar10(data_dir=tmp_path)
    assert not (tmp_path / "nb201-was-run").exists()
    assert not list(tmp_path.rglob("*.part"))


@pytest.mark.parametrize("layout", ["simple", "single", "torch", "torch-zip"])
def test_truncated_and_flipped(tmp_path, entries, layout):
    path = made_up.write(tmp_path, layout=layout, made={5: entries[5]})
    if layout == "simple":
        path = path / "000005.pickle.pbz2"
    data = path.read_bytes()
    for cut in (10, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:cut])
        with pytest.raises(DataFileError, match=path.name):
            NB201Cifar10(data_dir=tmp_path)
    if layout != "torch":  # which has no checksum
        path.write_bytes(
            data[: len(data) // 2] + bytes([data[len(data) // 2] ^ 4]) + data[len(data) // 2 + 1 :]
        )
        with pytest.raises(DataFileError, match=path.name):
            NB201Cifar10(data_dir=tmp_path)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("another index", lambda infos: infos["200"].update(arch_index=6)),
        ("another architecture", lambda infos: infos["200"].update(arch_str=made_up.strings("tss")[6])),
        ("no architecture", lambda infos: infos["200"].update(arch_str="resnet")),
        ("no trainings", lambda infos: infos["200"].update(all_results=None)),
        ("epochs", lambda infos: next(iter(infos["200"]["all_results"].values())).update(epochs=199)),
        (
            "acc",
            lambda infos: infos["200"]["all_results"]["cifar10-valid", 777]["eval_acc1es"].update(
                {"x-valid@3": 101.0}
            ),
        ),
        (
            "text",
            lambda infos: infos["200"]["all_results"]["cifar10-valid", 777]["eval_acc1es"].update(
                {"x-valid@3": "9"}
            ),
        ),
        (
            "time",
            lambda infos: infos["200"]["all_results"]["cifar10-valid", 777]["train_times"].update({3: -1.0}),
        ),
        ("seed", lambda infos: infos["200"]["all_results"].update({("cifar10-valid", "777"): {}})),
        ("keys", lambda infos: infos["200"]["all_results"].update({5: {}})),
    ],
)
@pytest.mark.parametrize("layout", ["simple", "single"])
def test_wrong_content(tmp_path, name, change, layout):
    made = made_up.entries(indices=(5,))
    change(made[5])
    made_up.write(tmp_path, layout=layout, made=made)
    with pytest.raises(DataFileError, match=r"NATS-tss|000005"):
        NB201Cifar10(data_dir=tmp_path)


@pytest.mark.parametrize(
    ("layout", "where"),
    [("simple", "epochs"), ("single", "epochs"), ("torch", "arch_index"), ("torch", "unused")],
)
def test_values_that_hold_each_other_are_refused(tmp_path, layout, where):
    """Before anything shows or walks them: lists that hold the one before twice hardly end."""
    endless = []
    for _ in range(22):
        endless = [endless, endless]
    made = made_up.entries(indices=(5,))
    del made[5]["200"]
    target = made[5]["12"] if where == "arch_index" else made[5]["12"]["all_results"]["cifar10-valid", 111]
    target[where] = endless
    made_up.write(tmp_path, layout=layout, made=made)
    with pytest.raises(DataFileError, match=r"(NATS-tss|NAS-Bench|000005).*over and over"):
        NB201Cifar10(data_dir=tmp_path)


def _in_an_archive(data):
    """A pickle as the archive of a .pth file, and inside an entry of one."""
    head = b"".join(pickle.dumps(part, protocol=2) for part in (0x1950A86A20F9469CFC6C, 1001, {}))
    body = data[2:].removesuffix(b".")
    if body[:1] == b"\x95" and len(body) > 40:  # the frame of a whole pickle
        body = body[9:]
    before = b"\x80\x04}(\x8c\x0aarch2infos}(K\x05}\x8c\x02ab"
    yield head + data
    yield head + before + body + b"sK\x06}uu." + pickle.dumps([])


@pytest.mark.parametrize("name", [*HOSTILE, *BOMBS])
def test_hostile_pickles_in_the_stream(tmp_path, monkeypatch, name):
    """All that the machine for small files refuses, in the one for streams."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "archive.pth"
    for data in _in_an_archive({**HOSTILE, **BOMBS}[name]):
        path.write_bytes(data)
        with pytest.raises(DataFileError, match=r"archive\.pth: expected .*, got "):
            NB201Cifar10(data_dir=path)
    assert {entry.name for entry in tmp_path.iterdir()} <= {path.name, "nats-tss-torch.nascurve.lock"}


_STREAM_BOUNDED = r"""
import io, pickle, resource
from nascurve.benchmarks.files.pickle_machine import UnreadableError
from nascurve.benchmarks.nb201 import pickle_stream
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
pickle_stream._MAX_ENTRY, pickle_stream._PIECE = 2**20, 2**17  # an eighth, to be quicker
limit = used + 60 * pickle_stream._MAX_ENTRY + 2**22
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
start = b"\x80\x04}(\x8c\x05inner}(K\x05"
units = (b"]", b"N", b"K\x01", b"\x8c\x01a", b"\x8c\x01a\x94", b"N\x94", b"\x94", b"(", b"}", b"M\x01\x7f")
for unit in (*units, b"C\x01ab"):
    data = start + b"(" + unit * (25 * 10**5 // len(unit))
    try:
        list(pickle_stream.PickleStream(io.BytesIO(data).read).entries("inner"))
    except (UnreadableError, IndexError) as error:
        print("refused", unit, error)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits the memory of a process as Linux does")
def test_bombs_in_the_stream_stay_within_memory():
    done = subprocess.run(
        [sys.executable, "-c", _STREAM_BOUNDED], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.count("refused") == 11


def _small(layout):
    """A small archive with one made-up entry, as bytes that the pickle machines get."""
    infos = {"12": made_up.entries(indices=(5,))[5]["12"]}
    text = infos["12"]["arch_str"]
    whole = {"meta_archs": [text] * 6, "arch2infos": {5: infos}, "evaluated_indexes": {5}}
    if layout == "simple":
        return pickle.dumps(infos, protocol=4)
    if layout == "single":
        return pickle.dumps(whole, protocol=4)
    if layout == "torch":
        parts = (0x1950A86A20F9469CFC6C, 1001, {}, whole, [])
        return b"".join(pickle.dumps(part, protocol=2) for part in parts)
    curves = ("train_losses", "eval_losses", "train_acc1es", "eval_acc1es")
    entry = {name: [20.5 + epoch for epoch in range(20)] for name in curves}
    return pickle.dumps({text: {"cifar10-valid": {**entry, "cost_info": {"train_time": np.float64(7.5)}}}})


def _fuzz(tmp_path_factory, layout, n):
    folder = tmp_path_factory.mktemp("fuzz")
    original = _small(layout)
    names = {"naslib": "nb201_cifar10_full_training.pickle", "simple": "simple/000005.pickle.pbz2"}
    path = folder / (names.get(layout) or made_up.NAMES["tss", layout])
    if layout == "simple":
        path.parent.mkdir()
        folder = path.parent
    path.write_bytes(bz2.compress(original, 1) if path.suffix == ".pbz2" else original)
    NB201Cifar10(data_dir=folder, epochs=200 if layout == "naslib" else 12, charge="epochs")
    outcomes = {"read": 0, "refused": 0}

    @settings(max_examples=n, deadline=None, database=None)
    @given(
        st.lists(st.tuples(st.integers(0, len(original) - 1), st.integers(0, 255)), min_size=1, max_size=4),
        st.integers(0, len(original)),
    )
    def run(changes, cut):
        data = bytearray(original)
        for place, value in changes:
            data[place] = value
        if cut % 3 == 0:
            del data[cut:]
        path.write_bytes(bz2.compress(bytes(data), 1) if path.suffix == ".pbz2" else data)
        try:
            NB201Cifar10(data_dir=folder, epochs=200 if layout == "naslib" else 12, charge="epochs")
            outcomes["read"] += 1
        except NascurveError:
            outcomes["refused"] += 1

    run()
    return outcomes


@pytest.mark.parametrize("layout", ["simple", "single", "torch", "naslib"])
def test_fuzz(tmp_path_factory, layout):
    outcomes = _fuzz(tmp_path_factory, layout, 100)
    assert outcomes["refused"] > 20


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["simple", "single", "torch", "naslib"])
def test_fuzz_more(tmp_path_factory, layout):
    outcomes = _fuzz(tmp_path_factory, layout, 2_000)
    assert outcomes["refused"] > 200


# The stream of pickles


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("n", [0, 1, 2, 1000, 1001, 2500])
def test_stream_gives_what_pickle_gives(protocol, n):
    shared = "shared-by-all"
    inner = {
        i: {"12": {"a": i, shared: [1.5, "x" * (i % 300), None, True], (1, shared): {2**40}}, "b": str(i)}
        for i in range(n)
    }
    value = {"first": [shared, "é"], "inner": inner, "last": {1, 2}}
    stream = PickleStream(io.BytesIO(pickle.dumps(value, protocol=protocol) + b"more").read)
    entries = stream.entries("inner")
    found = {}
    while True:
        try:
            key, item = next(entries)
        except StopIteration as end:
            outer = end.value
            break
        found[key] = item
    assert found == inner
    assert list(found) == list(inner)
    assert outer == {**value, "inner": {}}
    assert not stream.at_end()


def test_stream_hands_out_each_entry_before_it_reads_the_next():
    value = {"a": 1, "inner": {i: {"x": list(range(300)), "y": "z" * 5000} for i in range(2000)}}
    data = pickle.dumps(value, protocol=4)
    stream = PickleStream(io.BytesIO(data).read)
    positions = [stream.position for _ in stream.entries("inner")]
    assert len(positions) == 2000
    assert positions[0] < len(data) / 1000
    assert positions[999] < len(data) * 0.51


def test_stream_refuses_a_container_of_an_earlier_entry():
    shared = [1, 2, 3]
    data = pickle.dumps({"a": 1, "inner": {i: {"x": shared} for i in range(3)}}, protocol=4)
    with pytest.raises(UnreadableError, match="earlier entry"):
        list(PickleStream(io.BytesIO(data).read).entries("inner"))


def test_stream_memory_is_bounded():
    with pytest.raises(UnreadableError, match="more than"):
        list(PickleStream(io.BytesIO(b"\x80\x04}(" + b"]" * 10**7).read).entries("inner"))


@pytest.mark.perf
def test_speed_at_full_size(tmp_path):
    """A made-up cache of 15,625 cells, three trainings of 200 epochs each: CPU seconds, so that other work on
    the machine does not count."""
    n, epochs = 15_625, 200
    runs = 3 * n
    rng = np.random.default_rng(0)
    arrays = {
        "index": np.arange(n, dtype=np.int32),
        "arch": rng.permutation(n).astype(np.int32),
        "first": np.arange(0, runs + 1, 3),
        "seed": np.tile(np.array([777, 888, 999], dtype=np.int32), n),
        "train_loss": rng.random((runs, epochs), dtype=np.float32),
        "train_s": rng.random((runs, 1)),
        "cifar10 test": rng.random(n),
    }
    for images, size, width in (("x-valid", 25_000, epochs), ("ori-test", 10_000, 1)):
        arrays[f"{images} acc"] = rng.integers(0, size, (runs, width)).astype(np.uint16)
        arrays[f"{images} loss"] = rng.random((runs, width), dtype=np.float32)
        arrays[f"{images} s"] = rng.random((runs, 1))
    name, part = "nats-tss-simple", "cifar10-valid-200"
    about = {"format_version": FORMAT_VERSION, "digest": "made-up!"}
    write_cache(tmp_path / f"{name}-{part}.nascurve", arrays, {"format": f"{name}-{part}", **about})
    head = {"format": name, **about, "parts": {part: "made-up!"}, "source": "made-up"}
    write_cache(tmp_path / f"{name}.nascurve", {}, head)
    del arrays
    before, start = _resident_mb(), time.process_time()
    bench = NB201Cifar10(cache_dir=tmp_path)
    opened = time.process_time() - start
    took = []
    for _ in range(5):
        archs = [bench.space.sample(rng) for _ in range(1000)]
        start = time.process_time()
        bench.query_many(archs, [0] * 1000)
        took.append(time.process_time() - start)
    grown = _resident_mb() - before
    print(
        f"opened in {opened:.3f} s, 1,000 curves in {min(took):.4f} s, {grown:.0f} MB more after 5,000 curves"
    )
    assert opened < 0.5
    assert min(took) < 0.01
    assert grown < 200


def _resident_mb():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
