"""The file format of curve tables, faced with every kind of bad file, and the benchmark on top of it."""

from __future__ import annotations

import io
import json
import os
import pickle
import random
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from nascurve.benchmarks import array_file
from nascurve.benchmarks.cell201 import Cell201Space
from nascurve.benchmarks.table import CurveTable, TableMeta
from nascurve.benchmarks.table_benchmark import TableBenchmark
from nascurve.errors import ArchitectureError, ConfigError, DataFileError
from nascurve.testing import check_benchmark

SPACE = Cell201Space()
ALL_NETWORKS = sorted({SPACE.key(cell) for cell in SPACE.all()})


def make_table(networks=tuple(ALL_NETWORKS[:40]), *, n_seeds=3, epochs=6, trained=None):
    rng = np.random.default_rng(0)
    n = len(networks)
    return CurveTable(
        network=np.array(networks),
        trained=np.ones((n_seeds, n), bool) if trained is None else trained,
        val_correct=rng.integers(0, 401, (n_seeds, n, epochs)).astype(np.uint16),
        val_loss=rng.random((n_seeds, n, epochs), dtype=np.float32),
        train_loss=rng.random((n_seeds, n, epochs), dtype=np.float32).astype(np.float16),
        test_correct=rng.integers(0, 801, (n_seeds, n)).astype(np.uint16),
        diverged_epoch=np.zeros((n_seeds, n), np.int16),
        train_epoch_s=rng.random(n, dtype=np.float32),
        eval_epoch_s=rng.random(n, dtype=np.float32),
        meta=TableMeta(
            benchmark="pocket201-mnist",
            version=1,
            space="cell201",
            n_train=4_800,
            n_val=400,
            n_test=800,
            training_seeds=tuple(range(10, 10 + n_seeds)),
            licence="CC-BY-4.0",
            recipe={"lr": 0.1, "nested": {"list": [1, None, "é"]}},
            software={"torch": "2.13.0"},
        ),
    )


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "table.npz"
    make_table().write(path)
    return path


def read_error(path):
    with pytest.raises(DataFileError) as caught:
        CurveTable.read(path)
    assert path.name in str(caught.value)
    return str(caught.value)


def rewrite(path, change):
    """Rewrite the zip with `change(members)` applied to the dict of its members' bytes."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)


def npy(array, **options):
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array, **options)
    return buffer.getvalue()


def change_meta(members, **values):
    meta = json.loads(np.load(io.BytesIO(members["meta.npy"])).tobytes()) | values
    members["meta.npy"] = npy(np.frombuffer(json.dumps(meta).encode(), np.uint8))


# --- writing and reading ----------------------------------------------------------------------------------


def test_round_trip_and_same_bytes(path, tmp_path):
    table, again = make_table(), CurveTable.read(path)
    assert again.meta == table.meta
    for name in (
        "network",
        "trained",
        "val_correct",
        "val_loss",
        "train_loss",
        "test_correct",
        "diverged_epoch",
    ):
        assert getattr(again, name).dtype == getattr(table, name).dtype
        np.testing.assert_array_equal(getattr(again, name), getattr(table, name))
    again.write(tmp_path / "again.npz")
    assert (tmp_path / "again.npz").read_bytes() == path.read_bytes()


def test_file_is_a_plain_npz_without_pickles(path):
    with np.load(path, allow_pickle=False) as arrays:
        meta = json.loads(arrays["meta"].tobytes())
        assert arrays["val_correct"].shape == (3, 40, 6)
    assert meta["format_version"] == 1
    assert len(meta["arrays"]["val_correct"]["sha256"]) == 64


def test_failed_write_leaves_the_old_file_and_nothing_else(path, monkeypatch):
    before = path.read_bytes()

    def full(fd):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        make_table(n_seeds=2).write(path)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_objects_are_never_written(tmp_path):
    with pytest.raises(DataFileError, match="object"):
        array_file.write_arrays(tmp_path / "x.npz", {"a": np.array([{}])}, {})


# --- bad files --------------------------------------------------------------------------------------------


def test_missing_file(tmp_path):
    message = read_error(tmp_path / "none.npz")
    assert "no such file" in message
    assert "nascurve collect" in message


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"<!DOCTYPE html><html>404</html>", "web page"),
        (b"\n <HTML>", "web page"),
        (b"network,acc\n1,2\n", "not a zip"),
        (pickle.dumps({"a": 1}), "not a zip"),
        (b"PK\x03\x04 and so on", "cannot be read"),
    ],
)
def test_files_of_another_kind(path, content, says):
    path.write_bytes(content)
    assert says in read_error(path)


def test_directory_in_place_of_the_file(tmp_path):
    read_error(tmp_path)


def test_truncated_anywhere(path):
    whole = path.read_bytes()
    for size in sorted({*range(0, len(whole), max(1, len(whole) // 40)), len(whole) - 1}):
        path.write_bytes(whole[:size])
        read_error(path)


def test_flipped_bytes_give_the_same_table_or_a_data_file_error(path):
    """Flips outside the data (such as a time stamp in the zip directory) may go unnoticed; nothing else."""
    whole = path.read_bytes()
    expected = CurveTable.read(path)
    rng = random.Random(0)
    refused = 0
    for _ in range(400):
        broken = bytearray(whole)
        for _ in range(rng.choice([1, 1, 1, 5])):
            broken[rng.randrange(len(broken))] ^= 1 << rng.randrange(8)
        path.write_bytes(broken)
        try:
            table = CurveTable.read(path)
        except DataFileError:
            refused += 1
            continue
        assert table.meta == expected.meta
        np.testing.assert_array_equal(table.val_correct, expected.val_correct)
        np.testing.assert_array_equal(table.test_correct, expected.test_correct)
    assert refused > 300


def test_flipped_bytes_inside_the_members(path):
    """Damage that a correct zip checksum hides is found by SHA-256, shape and type."""
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if name != "meta.npy"]
    rng = random.Random(1)
    whole = path.read_bytes()
    for name in names:
        for _ in range(6):

            def flip(members, name=name):
                data = bytearray(members[name])
                data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
                members[name] = bytes(data)

            path.write_bytes(whole)
            rewrite(path, flip)
            try:
                CurveTable.read(path)
            except DataFileError:
                continue
            # harmless: padding of the .npy header
            with np.load(path) as arrays:
                key = name.removesuffix(".npy")
                np.testing.assert_array_equal(arrays[key], getattr(make_table(), key))


def test_altered_value_is_found_by_its_checksum(path):
    def alter(members):
        array = np.load(io.BytesIO(members["val_correct.npy"]))
        array[0, 0, 0] ^= 1
        members["val_correct.npy"] = npy(array)

    rewrite(path, alter)
    message = read_error(path)
    assert "SHA-256" in message
    assert "val_correct" in message


def test_hostile_pickle_is_never_loaded(path, tmp_path):
    target = tmp_path / "loaded"

    class Hostile:
        def __reduce__(self):
            return (os.mkdir, (str(target),))

    rewrite(
        path, lambda members: members.update({"network.npy": npy(np.array([Hostile()]), allow_pickle=True)})
    )
    assert "objects are never loaded" in read_error(path)
    assert not target.exists()


def test_decompression_bomb_is_refused_before_unpacking(path, monkeypatch):
    monkeypatch.setattr(array_file, "MAX_BYTES", 2**22)

    def grow(members):
        members["val_loss.npy"] = npy(np.zeros(array_file.MAX_BYTES // 4 + 1, np.float32))

    rewrite(path, grow)
    assert path.stat().st_size < 2**16
    assert "at most" in read_error(path)


def test_bomb_that_lies_about_its_size_is_not_unpacked(path):
    """The zip directory says 1,000 bytes, the stream holds 16 MB: what is unpacked stays bounded."""
    import tracemalloc

    rewrite(path, lambda members: members.update({"val_loss.npy": npy(np.zeros(2**22, np.float32))}))
    data = bytearray(path.read_bytes())
    size = len(npy(np.zeros(2**22, np.float32))).to_bytes(4, "little")
    while (at := data.find(size)) >= 0:
        data[at : at + 4] = (1_000).to_bytes(4, "little")
    path.write_bytes(data)
    tracemalloc.start()
    read_error(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**21


def test_header_that_promises_too_much(path):
    def promise(members):
        header = io.BytesIO()
        np.lib.format.write_array_header_1_0(
            header, {"descr": "<f4", "fortran_order": False, "shape": (10**12, 10**6)}
        )
        members["val_loss.npy"] = header.getvalue() + b"\0" * 64

    rewrite(path, promise)
    assert "declared" in read_error(path)


def test_newer_format_says_upgrade(path):
    rewrite(path, lambda members: change_meta(members, format_version=2))
    message = read_error(path)
    assert "format_version 2" in message
    assert "Upgrade" in message


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"format": "something else"}, "something else"),
        ({"format_version": "1"}, "format_version"),
        ({"format_version": 0}, "format_version"),
        ({"arrays": None}, "not those that its meta names"),
        ({"n_val": "400"}, "n_val"),
        ({"n_val": True}, "n_val"),
        ({"n_val": 3}, "val_correct at most"),
        ({"training_seeds": [1, 2, "3"]}, "training_seeds"),
        ({"training_seeds": [1, 2, 2]}, "training_seeds"),
        ({"training_seeds": [1, 2]}, "training_seeds"),
        ({"kind": "imaginary"}, "kind"),
        ({"recipe": None}, "recipe"),
    ],
)
def test_wrong_meta(path, values, says):
    rewrite(path, lambda members: change_meta(members, **values))
    assert says in read_error(path)


def test_meta_that_is_not_json(path):
    rewrite(path, lambda members: members.update({"meta.npy": npy(np.frombuffer(b"[" * 100_000, np.uint8))}))
    read_error(path)


def test_missing_surplus_and_doubled_arrays(path):
    whole = path.read_bytes()
    rewrite(path, lambda members: members.pop("val_loss.npy"))
    assert "not those" in read_error(path)
    path.write_bytes(whole)
    rewrite(path, lambda members: members.update({"more.npy": npy(np.zeros(3))}))
    assert "not those" in read_error(path)
    path.write_bytes(whole)
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("val_loss.npy", npy(np.zeros(3)))
    assert "once" in read_error(path)
    array_file.write_arrays(
        path, {"network": np.array(["empty"])}, {"format": "nascurve-curve-table", "format_version": 1}
    )
    assert "expected the arrays" in read_error(path)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"val_correct": np.zeros((3, 40), np.uint16)}, "val_correct: expected shape"),
        ({"val_correct": np.zeros((3, 40, 6), np.int64)}, "val_correct"),
        ({"val_loss": np.zeros((3, 40, 5), np.float32)}, "val_loss"),
        ({"val_loss": np.full((3, 40, 6), np.nan, np.float32)}, "finite losses"),
        ({"network": np.array(["empty"] * 40)}, "every network once"),
        ({"network": np.arange(40)}, "network"),
        ({"test_correct": np.full((3, 40), 801, np.uint16)}, "test_correct at most"),
        ({"diverged_epoch": np.full((3, 40), 7, np.int16)}, "diverged_epoch"),
        ({"train_epoch_s": np.full(40, np.inf, np.float32)}, "seconds"),
        ({"eval_epoch_s": np.full(40, -1, np.float32)}, "seconds"),
    ],
)
def test_arrays_that_do_not_fit(changes, says):
    with pytest.raises(DataFileError, match=says):
        replace(make_table(), **changes)


def test_string_that_is_no_unicode(path):
    """A checksum that fits does not make a bad code point good."""
    with np.load(path) as archive:
        arrays = {name: archive[name] for name in archive.files}
    meta = json.loads(arrays.pop("meta").tobytes())
    array_file.write_arrays(path, arrays | {"network": np.frombuffer(b"\xff" * 4 * 40, "<U1")}, meta)
    assert "ASCII" in read_error(path)


# --- the benchmark ----------------------------------------------------------------------------------------


def test_benchmark_over_all_networks_keeps_the_contract():
    bench = TableBenchmark(make_table(tuple(ALL_NETWORKS)), SPACE)
    check_benchmark(bench)
    curves = bench.query_many(SPACE.all(), [0] * SPACE.size)  # every string is answered
    assert len(curves) == 15_625
    by_key = {SPACE.key(c): curve.val_acc for c, curve in zip(SPACE.all(), curves, strict=True)}
    assert all(
        np.array_equal(by_key[SPACE.key(c)], v.val_acc) for c, v in zip(SPACE.all(), curves, strict=True)
    )


def test_curve_holds_the_table_s_numbers():
    table = make_table(tuple(ALL_NETWORKS))
    bench = TableBenchmark(table, SPACE)
    cell = SPACE.all()[9_999]
    row = ALL_NETWORKS.index(SPACE.key(cell))
    curve = bench.query(cell, seed=1)
    np.testing.assert_array_equal(curve.val_acc, table.val_correct[1, row] / 400)
    np.testing.assert_array_equal(curve.val_loss, table.val_loss[1, row])
    np.testing.assert_array_equal(curve.train_loss, table.train_loss[1, row])
    assert np.isnan(curve.test_acc[:-1]).all()
    assert curve.test_acc[-1] == table.test_correct[1, row] / 800
    np.testing.assert_allclose(curve.epoch_s, table.train_epoch_s[row] + table.eval_epoch_s[row], rtol=1e-6)
    assert bench.true_test_acc(cell) == pytest.approx(table.test_correct[:, row].mean() / 800)
    best, value = bench.best()
    assert value == pytest.approx(table.test_correct.mean(axis=0).max() / 800)
    assert ALL_NETWORKS.index(SPACE.key(best)) == table.test_correct.mean(axis=0).argmax()
    assert bench.query(cell, seed=1) is curve


def test_info_says_what_the_table_is():
    info = TableBenchmark(make_table(), SPACE).info
    assert (info.kind, info.n_seeds, info.max_epochs, info.training_seeds) == ("real", 3, 6, (10, 11, 12))
    assert (info.details["n_networks"], info.details["n_runs"], info.details["n_val"]) == (40, 120, 400)
    assert info.licence == "CC-BY-4.0"


def test_info_says_which_data_it_is(path):
    table = make_table()
    digest = TableBenchmark(table, SPACE).info.details["data_sha256"]
    assert len(digest) == 64
    table.write(path)
    assert TableBenchmark(CurveTable.read(path), SPACE).info.details["data_sha256"] == digest
    other_text = replace(table, meta=replace(table.meta, description="the same data"))
    assert other_text.data_sha256() == digest
    for name in ("val_correct", "test_correct", "train_epoch_s"):
        changed = getattr(table, name).copy()
        changed.flat[-1] += 1
        assert replace(table, **{name: changed}).data_sha256() != digest


def test_seed_counts_the_trainings_that_an_architecture_has():
    cells = {SPACE.key(cell): cell for cell in SPACE.all()}
    names = ALL_NETWORKS[:4]
    trained = np.array([[1, 0, 1, 0], [1, 1, 0, 0], [1, 1, 1, 0]], bool)
    table = make_table(tuple(names), trained=trained)
    bench = TableBenchmark(table, SPACE)
    assert bench.info.n_seeds == 2
    assert bench.info.details["n_runs"] == 7
    np.testing.assert_array_equal(bench.query(cells[names[1]], seed=0).val_acc, table.val_correct[1, 1] / 400)
    np.testing.assert_array_equal(bench.query(cells[names[2]], seed=1).val_acc, table.val_correct[2, 2] / 400)
    assert len(bench.query(cells[names[0]], seed=2)) == 6
    with pytest.raises(ConfigError, match=r"0 to 1.*got 2"):
        bench.query(cells[names[2]], seed=2)
    assert bench.true_test_acc(cells[names[1]]) == pytest.approx(table.test_correct[1:, 1].mean() / 800)
    with pytest.raises(ArchitectureError, match=r"holds no training.*only of 3 networks\. Collect the rest"):
        bench.query(cells[names[3]], seed=0)
    with pytest.raises(ArchitectureError, match="holds no training"):
        bench.true_test_acc(cells[ALL_NETWORKS[99]])
    assert SPACE.key(bench.best()[0]) in names[:3]


def test_diverged_run_is_answered():
    table = make_table()
    diverged = table.diverged_epoch.copy()
    diverged[0, 5] = 3
    loss = table.val_loss.copy()
    loss[0, 5, 2:] = np.nan
    bench = TableBenchmark(replace(table, diverged_epoch=diverged, val_loss=loss), SPACE)
    cell = next(c for c in SPACE.all() if SPACE.key(c) == ALL_NETWORKS[5])
    curve = bench.query(cell, seed=0)
    assert np.isfinite(curve.val_loss[:2]).all()
    assert np.isnan(curve.val_loss[2:]).all()
    assert np.isfinite(curve.val_acc).all()
    assert bench.info.details["n_diverged"] == 1


@pytest.mark.parametrize("seed", [-1, 3, 1.5, True, None, "0"])
def test_bad_seeds(seed):
    bench = TableBenchmark(make_table(tuple(ALL_NETWORKS)), SPACE)
    with pytest.raises(ConfigError, match="seed"):
        bench.query(SPACE.all()[5], seed=seed)


@pytest.mark.parametrize("epochs", [0, 7, 1.5, True, "3"])
def test_bad_epochs(epochs):
    bench = TableBenchmark(make_table(tuple(ALL_NETWORKS)), SPACE)
    with pytest.raises(ConfigError, match="1 to 6"):
        bench.query(SPACE.all()[5], seed=0, epochs=epochs)


def test_wrong_calls():
    bench = TableBenchmark(make_table(tuple(ALL_NETWORKS)), SPACE)
    for stranger in ("|none~0|", ["a", "list"], None):
        with pytest.raises(ArchitectureError, match="cell201"):
            bench.query(stranger, seed=0)
    with pytest.raises(ConfigError, match="one seed for each"):
        bench.query_many(SPACE.all()[:3], [0, 1])
    meta = replace(make_table().meta, space="nb101")
    with pytest.raises(ConfigError, match=r"Give space=nascurve\.create_search_space\('nb101'\)"):
        TableBenchmark(replace(make_table(), meta=meta), SPACE)
    with pytest.raises(ConfigError, match="no trained"):
        TableBenchmark(make_table(trained=np.zeros((3, 40), bool)), SPACE)


def test_memory_of_curves_is_bounded(monkeypatch):
    from nascurve.benchmarks import curve_benchmark

    monkeypatch.setattr(curve_benchmark, "_MEMORY", 10)
    bench = TableBenchmark(make_table(tuple(ALL_NETWORKS)), SPACE)
    cells = SPACE.all()[::700]
    first = bench.query_many(cells, [0] * len(cells))
    for _ in range(2):
        for cell, curve in zip(cells, first, strict=True):
            np.testing.assert_array_equal(bench.query(cell, seed=0).val_acc, curve.val_acc)
    assert len(bench._memory) <= 10
