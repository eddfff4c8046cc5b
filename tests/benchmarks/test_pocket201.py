"""Loading the embedded tables."""

from __future__ import annotations

import importlib.resources
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nascurve import load_benchmark
from nascurve.benchmarks import pocket201
from nascurve.benchmarks.assemble import assemble
from nascurve.benchmarks.cell201 import Cell201Space
from nascurve.benchmarks.pocket201 import load_pocket201, load_pocket201_mnist
from nascurve.benchmarks.stratified import stratified_networks
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
            version=2,
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
    make_table(n_seeds=8).write(path)
    return path


def test_a_file_of_one_s_own(path):
    bench = load_benchmark("pocket201-mnist", data_file=path)
    assert bench.info.max_epochs == 32
    assert bench.info.required_files == ("pocket201-mnist-v2.npz",)
    assert len(bench.query(bench.space.all()[4_000], seed=2)) == 32


def test_table_of_another_benchmark_or_version_is_refused(path, tmp_path):
    table = make_table(epochs=2, n_seeds=1)
    for change, found in (
        ({"benchmark": "pocket201-digits"}, "pocket201-digits-v2"),
        ({"version": 1}, "pocket201-mnist-v1"),
    ):
        replace(table, meta=replace(table.meta, **change)).write(tmp_path / "other.npz")
        with pytest.raises(
            DataFileError, match=f"expected the table of pocket201-mnist-v2.*Load it as benchmark {found}"
        ):
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
    path.with_name("pocket201-mnist-v2.npz").write_bytes(path.read_bytes())
    assert load_pocket201_mnist().info.n_seeds == 8


def test_loading_is_fast_and_small(path):
    """A table with eight seeds of every network: under .5 s and 100 MB, in a fresh process."""
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


@pytest.mark.parametrize(
    ("id_", "n_runs", "n_seeds"),
    [
        ("pocket201-mnist-v1", 5_425, 1),
        ("pocket201-mnist-v2", 3 * 5_425 + 5 * 400, 3),
        ("pocket201-digits-v1", 5_425, 1),
    ],
)
def test_embedded_tables_are_whole(id_, n_runs, n_seeds):
    bench = load_benchmark(id_)
    assert bench.info.kind == "real"
    assert bench.info.details["n_networks"] == 5_425
    assert bench.info.details["n_runs"] == n_runs
    assert bench.info.n_seeds == n_seeds
    curves = bench.query_many(SPACE.all(), [n_seeds - 1] * SPACE.size)
    assert all(len(curve) == 32 for curve in curves)
    assert sorted(bench.table.network.tolist()) == NETWORKS


def test_version_2_has_the_runs_of_version_1_and_eight_of_a_stratified_sample():
    first, second = load_benchmark("pocket201-mnist-v1").table, load_benchmark("pocket201-mnist").table
    assert first.network.tolist() == second.network.tolist()
    assert first.meta.training_seeds == (0,)
    assert second.meta.training_seeds == tuple(range(8))
    for name in ("val_correct", "test_correct", "diverged_epoch"):
        np.testing.assert_array_equal(getattr(first, name)[0], getattr(second, name)[0])
    eight = second.trained.all(axis=0)
    sample = {str(network) for network in stratified_networks(second, 400)}
    assert set(second.network[eight].tolist()) == sample
    better_half = second.test_correct[0] > np.median(second.test_correct[0])
    assert better_half[eight].mean() == pytest.approx(0.75, abs=0.01)


def test_the_runs_in_the_repository_are_the_table_s():
    """`collected/` holds the single runs that the shipped tables were assembled from."""
    root = Path(__file__).parents[2] / "collected"
    if not root.is_dir():
        pytest.skip("collected/ is in the repository only, not in an installed package")
    again = assemble(root / "digits-affine", benchmark="pocket201-digits", version=1, space="cell201")
    assert again.data_sha256() == load_benchmark("pocket201-digits").table.data_sha256()


def test_package_data_stay_small():
    data = importlib.resources.files("nascurve.benchmarks.data")
    assert sum(len(path.read_bytes()) for path in data.iterdir() if path.is_file()) < 12e6
