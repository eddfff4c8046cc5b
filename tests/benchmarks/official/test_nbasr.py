"""NAS-Bench-ASR from files in the official format.

No official file is at hand: they are made up by `tests/official_data/nbasr.py`, but for one model, whose row
is the one that the authors' README prints. What it says of that row is checked here against the reader.
"""

from __future__ import annotations

import math
import os
import pickle
import re
import shutil
import struct
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import nascurve
from nascurve.benchmarks.held_space import HeldSpace
from nascurve.benchmarks.nbasr.benchmark import NBASR
from nascurve.benchmarks.nbasr.convert import convert
from nascurve.benchmarks.nbasr.space import ASRSpace
from nascurve.errors import ArchitectureError, CapabilityError, ConfigError, DataFileError
from nascurve.testing import check_benchmark, check_search_space
from tests.official_data import nbasr as official

SPACE = ASRSpace()
CONV5 = SPACE.parse("[[1,0],[1,0,0],[1,0,0,0]]")
E40 = "nb-asr-e40-1234.pickle"
JETSON = "jetson-nano-fp32"


def load(folder: Path, name: str) -> tuple[dict, list]:
    """As the official README reads a file."""
    with (folder / name).open("rb") as file:
        return pickle.load(file), pickle.load(file)


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """Files with all 8,242 models (of one seed, to save time), converted once."""
    folder = tmp_path_factory.mktemp("nb-asr")
    official.write(folder, seeds=[1234], number=float)
    NBASR(data_dir=folder)
    return folder


@pytest.fixture
def few(tmp_path) -> Path:
    folder = tmp_path / "few"
    folder.mkdir()
    official.write(folder, n_models=12)
    return folder


# --- values -----------------------------------------------------------------------------------------------


def test_the_published_row(few):
    """The official README's queries and answers for [[1,0],[1,0,0],[1,0,0,0]]."""
    bench = NBASR(data_dir=few)
    assert bench.info.training_seeds == (1234, 1235, 1236)
    per = [1 - bench.query(CONV5, seed=seed).val_acc for seed in range(3)]
    assert per[2][7] == pytest.approx(0.22979344, abs=1e-8)  # val_acc(arch, epoch=8, best=False)
    assert per[0][:8].min() == pytest.approx(0.22547652, abs=1e-8)  # val_acc(arch, epoch=8)
    assert per[0][-1] == pytest.approx(0.22056186, abs=1e-8)  # val_acc(arch, best=False)
    assert per[2].min() == pytest.approx(0.21245933, abs=1e-8)  # val_acc(arch)
    curve = bench.query(CONV5, seed=1)
    assert curve.test_acc[-1] == 1 - 0.242688849568367  # test_acc(arch)
    assert np.isnan(curve.test_acc[:-1]).all()
    assert bench.true_test_acc(CONV5) == pytest.approx(1 - (0.23395704 + 0.24268885 + 0.23728344) / 3)
    assert bench.latency_s(CONV5, "gtx-1080ti-fp32") == 0.04320073127746582
    assert bench.latency_s(CONV5, JETSON) == 0.5421140193939209
    assert bench.params(CONV5) == 26338848
    assert bench.info.details["devices"] == ["gtx-1080ti-fp32", JETSON]


@pytest.mark.parametrize("folder", ["whole", "few"])
def test_every_value_as_plain_pickle_reads_it(folder, request):
    folder = request.getfixturevalue(folder)
    bench = nascurve.load_benchmark("nbasr", data_dir=folder)
    cells = bench.space.all()
    runs = []
    for index, seed in enumerate(bench.info.training_seeds):
        rows = {row[0]: row for row in load(folder, f"nb-asr-e40-{seed}.pickle")[1]}
        assert set(rows) == {SPACE.key(cell) for cell in cells}
        curves = bench.query_many(cells, [index] * len(cells))
        for cell, curve in zip(cells, curves, strict=True):
            _, val_per, test_per, _ = rows[SPACE.key(cell)]
            assert np.array_equal(curve.val_acc, 1.0 - np.array(val_per, dtype=np.float64))
            assert curve.test_acc[-1] == 1.0 - test_per
        runs.append(rows)
    truth = {key: np.mean([1.0 - rows[key][2] for rows in runs]) for key in runs[0]}
    for cell in cells[::7]:
        assert bench.true_test_acc(cell) == pytest.approx(truth[SPACE.key(cell)], abs=1e-12)
    arch, value = bench.best()
    assert value == pytest.approx(max(truth.values()), abs=1e-12)
    assert truth[SPACE.key(arch)] == pytest.approx(value, abs=1e-12)


def test_contract_and_metadata(whole):
    bench = NBASR(data_dir=str(whole))
    check_benchmark(bench)
    info = bench.info
    assert (info.name, info.kind, info.space, info.n_seeds, info.max_epochs) == (
        "nbasr",
        "real",
        "asr",
        1,
        40,
    )
    assert info.details["n_models"] == 8_242
    assert info.details["n_runs"] == 8_242
    assert info.details["n_diverged"] == 0
    assert isinstance(bench.space, ASRSpace)  # nothing is missing
    assert "ICLR 2021" in info.citation
    assert NBASR.card.files[0].name == "nb-asr-e40-<seed>.pickle"


@pytest.mark.parametrize("number", [float, np.float32, np.float64], ids=lambda number: number.__name__)
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_number_types_and_protocols(tmp_path, number, protocol):
    official.write(tmp_path, n_models=3, number=number, protocol=protocol)
    curve = NBASR(data_dir=tmp_path).query(CONV5, seed=0)
    assert np.array_equal(curve.val_acc, 1.0 - np.array(load(tmp_path, E40)[1][0][1], dtype=np.float64))


def test_names_of_old_numpy(tmp_path):
    """Files of 2021 name numpy.core, which numpy 2 calls numpy._core."""
    official.write(tmp_path, n_models=3, protocol=2)
    for path in tmp_path.iterdir():
        path.write_bytes(path.read_bytes().replace(b"cnumpy._core.", b"cnumpy.core."))
    assert b"cnumpy.core.multiarray\nscalar" in (tmp_path / E40).read_bytes()
    curve = NBASR(data_dir=tmp_path).query(CONV5, seed=0)
    assert curve.val_acc[-1] == pytest.approx(1 - 0.22056186)


def test_arrays_further_columns_and_tuples(tmp_path):
    def change(name, header, rows):
        if header["dataset_type"] == "training":
            header["columns"].insert(3, "remark")
            for row in rows:
                row[1] = np.array(row[1], dtype=np.float32)
                row.insert(3, None)
            rows[:] = map(tuple, rows)

    official.write(tmp_path, n_models=3, change=change)
    assert NBASR(data_dir=tmp_path).query(CONV5, seed=2).val_acc[7] == pytest.approx(1 - 0.22979344)


# --- schedules, seeds and what is missing -----------------------------------------------------------------


def test_schedules_are_never_joined(tmp_path):
    official.write(tmp_path, n_models=12)
    official.write(tmp_path, n_models=5, epochs=5, seeds=[1234])
    official.write(tmp_path, n_models=5, epochs=10, seeds=[1234])
    long, middle, short = (NBASR(data_dir=tmp_path, epochs=epochs) for epochs in (40, 10, 5))
    assert [bench.info.name for bench in (long, middle, short)] == ["nbasr", "nbasr-e10", "nbasr-e5"]
    assert [bench.info.max_epochs for bench in (long, middle, short)] == [40, 10, 5]
    assert [bench.info.n_seeds for bench in (long, middle, short)] == [3, 1, 1]
    # The README's row of 5 epochs, whose first epochs differ from those of 40.
    assert short.query(CONV5, seed=0).val_acc == pytest.approx(1 - np.array(official.PUBLISHED_E5[0]))
    assert short.true_test_acc(CONV5) == pytest.approx(1 - 0.3227997124195099)
    assert long.query(CONV5, seed=0, epochs=5).val_acc[-1] != short.query(CONV5, seed=0).val_acc[-1]
    check_benchmark(short)
    (tmp_path / "nb-asr-e5-1235.pickle").write_bytes((tmp_path / "nb-asr-e10-1234.pickle").read_bytes())
    with pytest.raises(
        DataFileError, match=r"nb-asr-e5-1235\.pickle: expected trainings of 5 epochs, got 10"
    ):
        NBASR(data_dir=tmp_path, epochs=5)


@pytest.mark.parametrize("epochs", [20, 30, 0, -5, 41, 40.0, True, "40"])
def test_other_schedules_do_not_exist(whole, epochs):
    with pytest.raises(ConfigError, match="epochs: expected"):
        NBASR(data_dir=whole, epochs=epochs)


def test_seeds_that_differ_in_their_models(tmp_path):
    """The order is the official seed's; each architecture has the trainings that there are."""

    def change(name, header, rows):
        if name == "nb-asr-e40-1235.pickle":
            del rows[0]
        if name == E40:
            del rows[0], rows[0]

    official.write(tmp_path, n_models=12, seeds=(1236, 1234, 1235), change=change)
    bench = NBASR(data_dir=tmp_path)
    assert bench.info.training_seeds == (1234, 1235, 1236)
    assert (bench.info.n_seeds, bench.training_runs(CONV5)) == (1, 1)
    assert bench.query(CONV5, seed=0).val_acc[-1] == pytest.approx(1 - 0.22228864)  # that of 1236
    assert bench.true_test_acc(CONV5) == pytest.approx(1 - official.PUBLISHED_TEST_PER[1236])
    with pytest.raises(ConfigError, match=r"seed must be 0 to 0: there is 1 training run"):
        bench.query(CONV5, seed=1)
    second = SPACE.parse(str(next(cell for cell in bench.space.all() if bench.training_runs(cell) == 2)))
    key = SPACE.key(second)
    for index, seed in enumerate((1235, 1236)):
        row = next(row for row in load(tmp_path, f"nb-asr-e40-{seed}.pickle")[1] if row[0] == key)
        assert bench.query(second, seed=index).test_acc[-1] == 1 - row[2]
    check_benchmark(bench)


def test_the_seed_is_the_one_in_the_header(few):
    (few / "nb-asr-e40-1236.pickle").rename(few / "nb-asr-e40-1.pickle")
    bench = NBASR(data_dir=few)
    assert bench.info.training_seeds == (1234, 1235, 1236)
    for index, seed in enumerate(bench.info.training_seeds):
        assert bench.query(CONV5, seed=index).test_acc[-1] == 1 - official.PUBLISHED_TEST_PER[seed]


def test_one_seed_will_do(few):
    for seed in (1234, 1236):
        (few / f"nb-asr-e40-{seed}.pickle").unlink()
    bench = NBASR(data_dir=few)
    assert (bench.info.training_seeds, bench.info.n_seeds) == ((1235,), 1)
    assert bench.query(CONV5, seed=0).test_acc[-1] == 1 - 0.242688849568367


def test_part_of_the_space_is_held(few):
    bench = NBASR(data_dir=few)
    assert isinstance(bench.space, HeldSpace)
    assert bench.info.space == bench.space.name != "asr"
    assert {SPACE.key(cell) for cell in bench.space.all()} == {row[0] for row in load(few, E40)[1]}
    check_benchmark(bench)
    check_search_space(bench.space)
    absent = next(cell for cell in SPACE.all() if not bench.space.contains(cell))
    with pytest.raises(ArchitectureError):
        bench.query(absent, seed=0)
    loose = NBASR(data_dir=few, restrict=False)
    assert isinstance(loose.space, ASRSpace)
    with pytest.raises(ArchitectureError, match=r"holds no training of .* only of 12 models"):
        loose.query(absent, seed=0)
    with pytest.raises(ArchitectureError, match="holds no training"):
        loose.true_test_acc(absent)
    arch, value = loose.best()
    assert value == max(loose.true_test_acc(cell) for cell in bench.space.all())
    assert loose.true_test_acc(arch) == value


def test_restrict_can_be_asked_for(whole):
    bench = NBASR(data_dir=whole, restrict=True)
    assert isinstance(bench.space, HeldSpace)
    assert bench.space.size == 13_824
    with pytest.raises(ConfigError, match="restrict"):
        NBASR(data_dir=whole, restrict="yes")


def test_a_file_instead_of_a_folder(few, tmp_path):
    other = tmp_path / "renamed.bin"
    shutil.copy(few / "nb-asr-e40-1236.pickle", other)
    bench = NBASR(data_dir=other)
    assert (bench.info.training_seeds, bench.info.details["devices"]) == ((1236,), [])
    assert bench.query(CONV5, seed=0).val_acc[7] == pytest.approx(1 - 0.22979344)
    with pytest.raises(DataFileError, match=r"renamed.bin: expected trainings of 5 epochs, got 40"):
        NBASR(data_dir=other, epochs=5)  # although the same file is in the cache, with 40
    with pytest.raises(CapabilityError, match="no latencies of 'jetson-nano-fp32', only of: none"):
        bench.latency_s(CONV5, JETSON)
    with pytest.raises(CapabilityError, match=r"no params. Put nb-asr-info.pickle"):
        bench.params(CONV5)


def test_no_data():
    with pytest.raises(DataFileError, match=r"nb-asr-e40-<seed>.pickle; no data_dir .*SamsungLabs/nb-asr"):
        NBASR()
    with pytest.raises(DataFileError, match=r"nb-asr-e5-<seed>\.pickle"):
        NBASR(epochs=5)


def test_wrong_folders(tmp_path, few):
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(DataFileError, match="got an empty folder"):
        NBASR(data_dir=empty)
    with pytest.raises(DataFileError, match="no such file or folder"):
        NBASR(data_dir=tmp_path / "nowhere")
    with pytest.raises(DataFileError, match=r"expected nb-asr-e10-<seed>.pickle .* got a folder with nb-asr"):
        NBASR(data_dir=few, epochs=10)
    for data_dir in (tmp_path / ("x" * 5_000), few / E40 / "below-a-file"):
        with pytest.raises(DataFileError, match=r"expected nb-asr-e40-<seed>\.pickle"):
            NBASR(data_dir=data_dir)


# --- the cache --------------------------------------------------------------------------------------------


def test_the_cache_is_used_and_made_anew(few, tmp_path, monkeypatch):
    cache = tmp_path / "cache"
    cache.mkdir()
    first = NBASR(data_dir=few, cache_dir=cache)
    assert [path.name for path in cache.iterdir() if path.suffix == ".nascurve"] == ["nbasr-e40.nascurve"]
    monkeypatch.setattr("nascurve.benchmarks.nbasr.benchmark.convert", None)  # a call would fail
    for again in (NBASR(data_dir=few, cache_dir=cache), NBASR(cache_dir=cache)):
        assert np.array_equal(again.query(CONV5, seed=1).val_acc, first.query(CONV5, seed=1).val_acc)
        assert again.info == first.info
    monkeypatch.undo()
    (few / "nb-asr-e40-1236.pickle").unlink()
    assert NBASR(data_dir=few, cache_dir=cache).info.training_seeds == (1234, 1235)


def test_checksum_tells_data_of_the_same_models_apart(tmp_path):
    """Results of one are not continued with the other, see `experiments.config`."""

    def change(name, header, rows):
        if name == E40:
            rows[1][1][3] += np.float32(0.125)

    checksums = []
    for folder, how in (("a", None), ("b", None), ("c", change)):
        (tmp_path / folder).mkdir()
        official.write(tmp_path / folder, n_models=3, change=how)
        checksums.append(NBASR(data_dir=tmp_path / folder).info.details["data_sha256"])
    assert checksums[0] == checksums[1] != checksums[2]
    assert len(checksums[0]) == 64


# --- seconds ----------------------------------------------------------------------------------------------


def test_seconds(few):
    unit = NBASR(data_dir=few)
    assert (unit.query(CONV5, seed=0).epoch_s == 1.0).all()
    archs = unit.space.all()
    keys = {SPACE.key(arch): arch for arch in archs}
    measured = {
        "gtx-1080ti-fp32": lambda bench, arch: bench.latency_s(arch, "gtx-1080ti-fp32"),
        JETSON: lambda bench, arch: bench.latency_s(arch, JETSON),
        "params": NBASR.params,
        "flops": NBASR.flops,
    }
    for seconds, number in measured.items():
        bench = NBASR(data_dir=few, seconds=seconds)
        numbers = np.array([number(bench, arch) for arch in keys.values()])
        epoch_s = np.array([bench.query(arch, seed=0).epoch_s for arch in keys.values()])
        assert np.ptp(epoch_s, axis=1).max() == 0
        assert epoch_s[:, 0] == pytest.approx(numbers / numbers.mean())
        assert bench.info.details["seconds"].startswith(seconds)
    with pytest.raises(ConfigError, match="seconds"):
        NBASR(data_dir=few, seconds="hours")


def test_seconds_need_their_file(few):
    (few / "nb-asr-bench-jetson-nano-fp32.pickle").unlink()
    with pytest.raises(DataFileError, match=r"nb-asr-bench-jetson-nano-fp32.pickle .* seconds='unit'"):
        NBASR(data_dir=few, seconds=JETSON)
    official.write(few, n_models=12, info_version=1)
    assert NBASR(data_dir=few, seconds="params").params(CONV5) == official.PARAMS
    with pytest.raises(DataFileError, match=r"nb-asr-info.pickle with flops"):
        NBASR(data_dir=few, seconds="flops")
    with pytest.raises(CapabilityError, match="no flops"):
        NBASR(data_dir=few).flops(CONV5)


def test_models_without_the_number_are_not_held(tmp_path):
    def change(name, header, rows):
        if "jetson" in name:
            rows[1][1], rows[2][1], rows[3][1] = None, math.nan, 0.0
            rows[4][0] = "0" * 32  # a model that nobody trained

    official.write(tmp_path, n_models=12, change=change)
    bench = NBASR(data_dir=tmp_path, seconds=JETSON)
    assert bench.info.details["n_models"] == 8
    assert bench.info.details["n_models_without_seconds"] == 4
    assert bench.info.details["other_rows"]["nb-asr-bench-jetson-nano-fp32.pickle"] == 1
    check_benchmark(bench)
    unit = NBASR(data_dir=tmp_path)
    assert unit.info.details["n_models"] == 12
    absent = next(cell for cell in unit.space.all() if not bench.space.contains(cell))
    with pytest.raises(ArchitectureError):
        bench.query(absent, seed=0)
    no_latency = load(tmp_path, E40)[1][1][0]
    with pytest.raises(ArchitectureError, match="holds no latency on jetson"):
        unit.latency_s(next(cell for cell in unit.space.all() if SPACE.key(cell) == no_latency), JETSON)
    assert unit.true_test_acc(absent) > 0


# --- error rates that are no plain numbers ----------------------------------------------------------------


def test_divergence(tmp_path):
    def change(name, header, rows):
        if name == E40:
            rows[0][1][10:] = [math.nan] + [0.3] * 29  # NaN, and numbers again
            rows[1][1] = rows[1][1][:7]  # missing epochs
            rows[2][1][3] = math.inf
            rows[3][1][0] = None
            rows[3][2] = math.nan
            rows[4][1] = []
            rows[4][2] = None
            rows[5][1] = [1.0] * 40  # never learns: measured, not diverged
            rows[5][2] = 1.7  # insertions

    official.write(tmp_path, n_models=12, seeds=[1234], change=change)
    bench = NBASR(data_dir=tmp_path)
    check_benchmark(bench)
    keys = {SPACE.key(cell): cell for cell in bench.space.all()}
    archs = [keys[row[0]] for row in load(tmp_path, E40)[1]]
    curves = bench.query_many(archs[:6], [0] * 6)
    assert [int(np.isfinite(curve.val_acc).sum()) for curve in curves] == [10, 7, 3, 0, 0, 40]
    for curve in curves[:5]:
        diverged = np.isnan(curve.val_acc)
        assert (diverged[1:] >= diverged[:-1]).all()
    assert np.isnan(curves[3].test_acc[-1])
    assert bench.true_test_acc(archs[3]) == bench.true_test_acc(archs[4]) == 0.0
    assert (curves[5].val_acc == 0).all()
    assert curves[5].test_acc[-1] == 0.0
    assert bench.info.details["n_diverged"] == 5


def test_error_rates_above_one_are_clipped(tmp_path):
    def change(name, header, rows):
        rows[0][1] = [2.5, 0.4] + [0.25] * 38 if name == E40 else rows[0][1]

    official.write(tmp_path, n_models=3, seeds=[1234], number=float, change=change)
    assert NBASR(data_dir=tmp_path).query(CONV5, seed=0).val_acc[:3].tolist() == [0.0, 0.6, 0.75]


# --- damaged and hostile files ----------------------------------------------------------------------------


def set_header(key, value):
    return lambda header, rows: header.__setitem__(key, value)


def set_row(place, value):
    return lambda header, rows: rows[1].__setitem__(place, value)


DAMAGES = {
    "type": (set_header("dataset_type", "static"), "dataset_type 'training', got static"),
    "seed": (set_header("seed", "1234"), "whole number as 'seed'"),
    "version": (lambda header, rows: header.pop("version"), "whole number as 'version'"),
    "epochs": (set_header("epochs", 41), "trainings of 40 epochs, got 41"),
    "same seed": (set_header("seed", 1235), r"another seed .* got '1235'\s+again"),
    "ops": (set_header("search_space", {"ops": ["conv5", "linear"]}), "operations linear, conv5"),
    "space": (set_header("search_space", None), "operations linear, conv5"),
    "type array": (set_header("dataset_type", np.arange(3.0)), "got one that cannot be read"),
    "ops arrays": (set_header("search_space", {"ops": [np.arange(3.0)] * 6}), "got one that cannot be read"),
    "column array": (set_header("columns", [np.arange(3)] * 4), "got one that cannot be read"),
    "columns": (set_header("columns", ["model_hash", "test_per", "val_per"]), "columns that begin with"),
    "no rows": (lambda header, rows: rows.clear(), "one row or more"),
    "short row": (lambda header, rows: rows[1].pop(), "4 values in row 1"),
    "hash": (set_row(0, "XY"), "model hash .* in row 1"),
    "twice": (lambda header, rows: rows.append(list(rows[0])), "one row for each model"),
    "other hash": (set_row(0, "0" * 32), "the arch_vec of model 000"),
    "other arch": (set_row(3, [(1, 0), (1, 0, 0), (1, 0, 0, 1)]), "the arch_vec of model"),
    "no arch": (set_row(3, "conv5"), "the arch_vec of model"),
    "long": (lambda header, rows: rows[1][1].append(0.1), "at most 40 error rates"),
    "negative": (lambda header, rows: rows[1][1].__setitem__(3, -0.1), "at most 40 error rates of 0 or more"),
    "text": (lambda header, rows: rows[1][1].__setitem__(3, "0.1"), "at most 40 error rates"),
    "huge": (lambda header, rows: rows[1][1].__setitem__(3, 10**400), "at most 40 error rates"),
    "test": (set_row(2, -1.0), "number of 0 or more as test_per"),
    "list": (set_row(2, [0.1]), "number of 0 or more as test_per"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_files_that_do_not_fit(tmp_path, damage):
    spoil, message = DAMAGES[damage]

    def change(name, header, rows):
        if name == E40:
            spoil(header, rows)

    official.write(tmp_path, n_models=4, change=change)
    with pytest.raises(DataFileError, match=rf"nb-asr-e40-123[45].pickle: expected.*{message}"):
        NBASR(data_dir=tmp_path)


def test_hashes_are_checked_without_arch_vec(tmp_path):
    def change(name, header, rows):
        if header["dataset_type"] == "training":
            header["columns"].pop()
            for row in rows:
                row.pop()
            rows[1][0] = "0" * 32

    official.write(tmp_path, n_models=4, change=change)
    with pytest.raises(DataFileError, match="expected model hashes of the space's architectures, got 0000"):
        NBASR(data_dir=tmp_path)


def test_bench_and_info_files_are_checked(tmp_path):
    def change(name, header, rows):
        if "gtx" in name:
            rows[0][1] = "fast"

    official.write(tmp_path, n_models=4, change=change)
    with pytest.raises(
        DataFileError, match=r"gtx-1080ti-fp32.pickle: expected a number of 0 or more as latency"
    ):
        NBASR(data_dir=tmp_path)
    official.write(tmp_path, n_models=4)
    shutil.copy(tmp_path / "nb-asr-bench-gtx-1080ti-fp32.pickle", tmp_path / "nb-asr-bench-copy.pickle")
    with pytest.raises(DataFileError, match="expected another device than that of"):
        NBASR(data_dir=tmp_path)


class _Call:
    def __init__(self, function, *arguments):
        self.reduced = function, arguments

    def __reduce__(self):
        return self.reduced


def hostile(tmp_path: Path) -> dict[str, bytes]:
    told = tmp_path / "told"
    header = pickle.dumps({"dataset_type": "training"})
    array = b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
    array += b"(K\x01J\xff\xff\xff\x7f\x85cnumpy\ndtype\nU\x02f8K\x00K\x01\x87R\x89U\x00tb."
    return {
        "os.system": pickle.dumps(_Call(os.system, f"touch {told}")),
        "eval": header + pickle.dumps(_Call(eval, f"open({str(told)!r}, 'w')")),
        "memo bomb": b"\x80\x02]q\x00" + b"".join(b"(" + b"h\x00" * 9 + b"lq\x00" for _ in range(30)) + b".",
        "repeat bomb": header + pickle.dumps(_Call(str.__mul__, "x", 10**9)),
        "giant array": header + array,
        "giant string": b"\x80\x04\x8d" + struct.pack("<Q", 2**40) + b"x.",
        "deep": b"\x80\x02" + b"(" * 100_000 + b"l" * 100_000 + b".",
        "web page": b"<!DOCTYPE html>\n<html><title>404</title></html>",
        "git lfs": b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3\n",
        "empty": b"",
        "one pickle": header,
        "three pickles": header * 3,
        "wrong order": pickle.dumps([]) + header,
        "text": b"model_hash,val_per\n",
    }


@pytest.mark.parametrize("attack", hostile(Path()))
def test_hostile_files(tmp_path, attack):
    path = tmp_path / E40
    path.write_bytes(hostile(tmp_path)[attack])
    with pytest.raises(DataFileError, match=re.escape(f"{path}: expected")):
        NBASR(data_dir=tmp_path)
    assert sorted(each.name for each in tmp_path.iterdir() if each.suffix != ".lock") == [E40]


def test_a_huge_file_is_not_read(tmp_path):
    with (tmp_path / E40).open("wb") as file:
        file.write(b"\x80\x04")
        file.truncate(2**33)
    with pytest.raises(DataFileError, match="of at most 268435456 bytes, got 8589934592"):
        NBASR(data_dir=tmp_path)


def test_cut_files(few):
    data = (few / E40).read_bytes()
    for length in [1, 2, 50, *range(100, len(data), len(data) // 40)]:
        (few / E40).write_bytes(data[:length])
        with pytest.raises(DataFileError, match=re.escape(E40)):
            NBASR(data_dir=few)


def _fuzz_source(tmp_path_factory) -> bytes:
    folder = tmp_path_factory.mktemp("fuzz")
    official.write(folder, n_models=3, epochs=5, seeds=[1234], devices=[], info_version=None)
    return (folder / "nb-asr-e5-1234.pickle").read_bytes()


@pytest.fixture(scope="module")
def sample(tmp_path_factory) -> SimpleNamespace:
    return SimpleNamespace(data=_fuzz_source(tmp_path_factory), path=tmp_path_factory.mktemp("fuzz") / "file")


EDITS = st.lists(
    st.tuples(st.integers(0, 2**16), st.sampled_from("sdi"), st.binary(min_size=1, max_size=6)), max_size=6
)


def fuzz(sample, edits):
    data = bytearray(sample.data)
    for position, kind, text in edits:
        at = position % (len(data) + 1)
        data[at : at + (0 if kind == "i" else len(text))] = b"" if kind == "d" else text
    sample.path.write_bytes(data)
    try:
        arrays, _ = convert([sample.path], [], None, epochs=5, remedy="Get it again.")
    except DataFileError as error:
        message = str(error)
    else:
        assert arrays["val_per"].shape[2] == 5
        assert not (arrays["val_per"] < 0).any()
        return
    assert message.startswith(f"{sample.path}: ")


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(edits=EDITS)
def test_fuzz(sample, edits):
    fuzz(sample, edits)


@pytest.mark.slow
@settings(max_examples=4000, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(edits=EDITS)
def test_fuzz_more(sample, edits):
    fuzz(sample, edits)


# --- with optimizers --------------------------------------------------------------------------------------


def test_optimizers_run(whole):
    for bench in (NBASR(data_dir=whole), NBASR(data_dir=whole, seconds=JETSON)):
        for name in ("rs", "re", "ls"):
            optimizer = nascurve.create_optimizer(name, bench.space, seed=0)
            result = nascurve.simulate(optimizer, bench, budget_s=40 * 60, seed=0)
            assert len(result.evaluations) > 20


# --- speed ------------------------------------------------------------------------------------------------

_MEASURE = """
import re, sys, time
from nascurve.benchmarks.nbasr.benchmark import NBASR
start = time.process_time()
bench = NBASR(data_dir=sys.argv[1])
opened = time.process_time()
archs = bench.space.all()[:1000]
asked = time.process_time()
bench.query_many(archs, [0] * 1000)
done = time.process_time()
peak_kb = int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1])  # of this program alone
print(opened - start, done - asked, peak_kb / 1024)
"""


@pytest.mark.perf
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
def test_speed_and_memory(tmp_path):
    """The figures of docs/nbasr.md: CPU seconds and peak MB of a process that converts and one that opens."""
    official.write(tmp_path)
    for what, most_s, most_mb in (("convert", 15.0, 500.0), ("open", 0.5, 200.0)):
        command = [sys.executable, "-c", _MEASURE, str(tmp_path)]
        answer = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        seconds, query_s, peak_mb = map(float, answer.split())
        print(f"{what}: {seconds:.2f} s, peak {peak_mb:.0f} MB; 1,000 curves: {query_s * 1e3:.1f} ms")
        assert seconds < most_s
        assert peak_mb < most_mb
        assert query_s < 0.05
