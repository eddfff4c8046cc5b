"""Loading the embedded tables."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from nascurve import load_benchmark
from nascurve.benchmarks import pocket201
from nascurve.benchmarks.cell201 import Cell201Space
from nascurve.benchmarks.pocket201 import load_pocket201, load_pocket201_mnist
from nascurve.benchmarks.table import CurveTable, TableMeta
from nascurve.errors import DataFileError

SPACE = Cell201Space()
NETWORKS = sorted({SPACE.key(cell) for cell in SPACE.all()})


def make_table(epochs=32, n_seeds=3):
    rng = np.random.default_rng(0)
    n = len(NETWORKS)
    return CurveTable(
        network=np.array(NETWORKS),
        trained=np.ones((n_seeds, n), bool),
        val_correct=rng.integers(0, 4_001, (n_seeds, n, epochs)).astype(np.uint16),
        val_loss=rng.random((n_seeds, n, epochs), dtype=np.float32),
        train_loss=rng.random((n_seeds, n, epochs), dtype=np.float32),
        test_correct=rng.integers(0, 8_001, (n_seeds, n)).astype(np.uint16),
        diverged_epoch=np.zeros((n_seeds, n), np.int16),
        train_epoch_s=rng.random(n, dtype=np.float32),
        eval_epoch_s=rng.random(n, dtype=np.float32),
        meta=TableMeta(
            benchmark="pocket201-mnist",
            version=1,
            space="cell201",
            n_train=48_000,
            n_val=4_000,
            n_test=8_000,
            training_seeds=tuple(range(n_seeds)),
        ),
    )


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("table") / "full.npz"
    make_table().write(path)
    return path


def test_a_file_of_one_s_own(path):
    bench = load_benchmark("pocket201-mnist", data_file=path)
    assert bench.info.max_epochs == 32
    assert bench.info.required_files == ("pocket201-mnist-v1.npz",)
    assert len(bench.query(bench.space.all()[4_000], seed=2)) == 32


def test_table_of_another_benchmark_or_version_is_refused(path, tmp_path):
    table = make_table(epochs=2, n_seeds=1)
    for change in ({"benchmark": "pocket201-digits"}, {"version": 2}):
        replace(table, meta=replace(table.meta, **change)).write(tmp_path / "other.npz")
        with pytest.raises(DataFileError, match="expected the table of pocket201-mnist-v1"):
            load_pocket201_mnist(data_file=tmp_path / "other.npz")


def test_missing_table_says_how_to_make_it(tmp_path):
    with pytest.raises(
        DataFileError, match=r"pocket201-nothing-v9\.npz.*nascurve collect.*nascurve assemble"
    ):
        load_pocket201("pocket201-nothing", version=9)
    with pytest.raises(DataFileError, match=r"none\.npz.*nascurve collect"):
        load_pocket201_mnist(data_file=tmp_path / "none.npz")


def test_packaged_file_is_the_one_that_is_read(path, monkeypatch):
    monkeypatch.setattr(pocket201.importlib.resources, "files", lambda package: path.parent)
    path.with_name("pocket201-mnist-v1.npz").write_bytes(path.read_bytes())
    assert load_pocket201_mnist().info.n_seeds == 3


def test_loading_is_fast_and_small(path):
    """The whole table with three seeds: under .5 s and 100 MB (the issue's limits), in a fresh process."""
    code = (
        "import resource, sys, time\n"
        "from nascurve.benchmarks.pocket201 import load_pocket201_mnist\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "start = time.process_time()\n"
        "load_pocket201_mnist(data_file=sys.argv[1])\n"
        "print(time.process_time() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
        "assert not {'torch', 'pandas', 'matplotlib', 'scipy'} & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True, timeout=60
    )
    seconds, kilobytes = map(float, done.stdout.split())
    assert seconds < 0.5
    assert kilobytes < 60_000


def test_embedded_table_is_whole():
    bench = load_pocket201_mnist()
    assert bench.info.kind == "real"
    assert bench.info.details["n_networks"] == 5_425
    curves = bench.query_many(SPACE.all(), [0] * SPACE.size)
    assert all(len(curve) == 32 for curve in curves)
    assert sorted(bench.table.network.tolist()) == NETWORKS
