"""The collector: resumable, order does not matter, nothing lost, nothing mixed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import nascurve
from nascurve.benchmarks.assemble import assemble
from nascurve.benchmarks.collect import collect, networks_in_random_order, read_settings
from nascurve.benchmarks.cost_model import CostModel
from nascurve.benchmarks.mnist_affine import MnistAffine
from nascurve.benchmarks.network import Network
from nascurve.benchmarks.shards import Shard, finished_runs, read_shards
from nascurve.benchmarks.table import CurveTable
from nascurve.benchmarks.task import Recipe
from nascurve.benchmarks.training import PreparedTask, TrainingRuns, train_network
from nascurve.errors import ConfigError, DataFileError, NascurveError

SHORT = Recipe(epochs=2, steps_per_epoch=3)
C3, C1, POOL, SKIP = "nor_conv_3x3", "nor_conv_1x1", "avg_pool_3x3", "skip_connect"
NETWORKS = [
    Network.parse(text)
    for text in (f"0-1:{C3}", f"0-1:{C1}", f"0-1:{POOL}", f"0-1:{SKIP}", f"0-1:{C3},1-2:{C1}", "empty")
]


def _runs(folder: Path) -> dict[tuple[int, str], tuple[list[int], list[float]]]:
    return {
        (shard.seed, str(network)): (shard.runs.val_correct[i].tolist(), shard.runs.val_loss[i].tolist())
        for shard in read_shards(folder / "shards")
        for i, network in enumerate(shard.networks)
    }


@pytest.fixture(scope="module")
def task() -> MnistAffine:
    return MnistAffine(recipe=SHORT)


@pytest.fixture(scope="module")
def collected(task: MnistAffine, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("collected")
    assert collect(task, NETWORKS, [0, 1], out, processes=2, shard_size=2) == 12
    return out


def test_same_runs_in_any_order_with_any_number_of_processes(
    task: MnistAffine, collected: Path, tmp_path: Path
) -> None:
    collect(task, NETWORKS[:1], [1], tmp_path, processes=1, shard_size=5)
    trained = collect(task, NETWORKS[::-1], [1, 0], tmp_path, processes=1, shard_size=5)
    assert trained == 11
    assert _runs(tmp_path) == _runs(collected)
    assert collect(task, NETWORKS, [0, 1], tmp_path, processes=1) == 0


def test_a_shard_holds_what_training_alone_gives(task: MnistAffine, collected: Path) -> None:
    prepared = PreparedTask(task)
    run = train_network(prepared, NETWORKS[4], 1)
    assert _runs(collected)[1, str(NETWORKS[4])] == (run.val_correct[0].tolist(), run.val_loss[0].tolist())
    empty = _runs(collected)[0, "empty"]
    counts = np.bincount(prepared.data.val.labels)
    assert empty[0] == [counts[np.bincount(prepared.data.train.labels).argmax()]] * 2
    assert empty[1][0] == pytest.approx(np.log(40), rel=0.01)


def test_damaged_shards_are_trained_again(task: MnistAffine, collected: Path, tmp_path: Path) -> None:
    before = _runs(collected)
    paths = sorted((collected / "shards").glob("*.npz"))
    paths[0].write_bytes(paths[0].read_bytes()[:100])
    (collected / "shards" / ".leftover.part").write_bytes(b"half")
    assert len(finished_runs(collected / "shards")) == 10
    assert collect(task, NETWORKS, [0, 1], collected, processes=1, shard_size=2) == 2
    assert _runs(collected) == before
    assert not list((collected / "shards").glob(".*"))


def test_other_settings_do_not_mix(collected: Path) -> None:
    longer = MnistAffine(recipe=Recipe(epochs=3, steps_per_epoch=3))
    with pytest.raises(ConfigError, match=r"recipe.*'epochs': 2.*'epochs': 3"):
        collect(longer, NETWORKS, [0], collected)


def test_bad_arguments(task: MnistAffine, tmp_path: Path) -> None:
    for networks, seeds, options in (
        ([], [0], {}),
        (NETWORKS, [], {}),
        (NETWORKS, [-1], {}),
        (NETWORKS, [0], {"processes": 0}),
        (NETWORKS, [0], {"shard_size": 0}),
    ):
        with pytest.raises(ConfigError, match="expected"):
            collect(task, networks, seeds, tmp_path, **options)
    with pytest.raises(DataFileError, match=r"collection\.json"):
        read_settings(tmp_path)


def test_only_one_collector_at_a_time(task: MnistAffine, tmp_path: Path) -> None:
    import fcntl

    with (tmp_path / "collection.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(DataFileError, match="Another `nascurve collect`"):
            collect(task, NETWORKS, [0], tmp_path)


def test_unwritable_folder_is_one_clear_error(
    task: MnistAffine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import errno

    import nascurve.benchmarks.collect as module

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module, "worker_pool", full)
    with pytest.raises(DataFileError, match=r"No space left.*kept"):
        collect(task, NETWORKS, [0], tmp_path)


def test_killed_collector_goes_on_where_it_was(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "nascurve", "collect", f"out={tmp_path}", "architectures=6"]
    command += ["shard_size=1", "processes=2"]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True)
    shards = tmp_path / "shards"
    deadline = time.monotonic() + 240
    while len(list(shards.glob("seed*.npz"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    time.sleep(0.5)  # the workers end with their parent
    there = _runs(tmp_path)
    assert 2 <= len(there) < 6, "killed too late to show anything"
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    after = _runs(tmp_path)
    assert len(after) == 6
    assert {key: after[key] for key in there} == there


def test_assemble_says_what_is_missing(collected: Path, tmp_path: Path) -> None:
    with pytest.raises(DataFileError, match="at least 20 single runs"):
        assemble(collected, benchmark="toy", version=1, space="cell201")
    with pytest.raises(DataFileError, match="nascurve collect"):
        assemble(tmp_path, benchmark="toy", version=1, space="cell201")


def test_assembled_table_holds_every_run_in_its_place(collected: Path, tmp_path: Path) -> None:
    cells = nascurve.create_search_space("cell201")
    rng = np.random.default_rng(0)
    networks = list({cells.network(cells.sample(rng)) for _ in range(40)})  # type: ignore[attr-defined]
    (tmp_path / "shards").mkdir()
    (tmp_path / "collection.json").write_text((collected / "collection.json").read_text())
    expected = {}
    for seed, members in ((5, networks), (2, networks[::-1][:25])):
        n = len(members)
        runs = TrainingRuns(
            val_correct=rng.integers(0, 4000, (n, 2)).astype(np.uint16),
            val_loss=rng.random((n, 2)).astype(np.float32),
            train_loss=rng.random((n, 2)).astype(np.float32),
            test_correct=rng.integers(0, 8000, n).astype(np.uint16),
            diverged_epoch=np.zeros(n, np.int16),
            train_s=rng.random((n, 2)).astype(np.float32),
            eval_s=rng.random((n, 2)).astype(np.float32),
        )
        Shard(networks=tuple(members), seed=seed, runs=runs).write(tmp_path / "shards")
        for i, network in enumerate(members):
            expected[seed, str(network)] = (runs.val_correct[i], runs.test_correct[i], runs.train_loss[i])
    table = assemble(tmp_path, benchmark="toy", version=3, space="cell201")
    assert table.meta.training_seeds == (2, 5)
    assert (table.meta.kind, table.meta.benchmark, table.meta.version) == ("real", "toy", 3)
    assert int(table.trained.sum()) == len(expected)
    for (seed, name), (val, test, loss) in expected.items():
        s, row = table.meta.training_seeds.index(seed), table.network.tolist().index(name)
        assert table.trained[s, row]
        np.testing.assert_array_equal(table.val_correct[s, row], val)
        np.testing.assert_array_equal(table.train_loss[s, row], loss)
        assert table.test_correct[s, row] == test
    table.write(tmp_path / "toy.npz")
    assert CurveTable.read(tmp_path / "toy.npz").meta == table.meta


def test_shard_round_trip_and_refusals(tmp_path: Path) -> None:
    ones = np.ones((2, 3), dtype=np.float32)
    runs = TrainingRuns(
        val_correct=np.ones((2, 3), np.uint16), val_loss=ones, train_loss=ones,
        test_correct=np.ones(2, np.uint16), diverged_epoch=np.zeros(2, np.int16), train_s=ones, eval_s=ones,
    )  # fmt: skip
    path = Shard(networks=tuple(NETWORKS[:2]), seed=7, runs=runs).write(tmp_path)
    again = Shard.read(path)
    assert (again.networks, again.seed) == (tuple(NETWORKS[:2]), 7)
    np.testing.assert_array_equal(again.runs.val_correct, runs.val_correct)
    short = TrainingRuns(**{**{f: getattr(runs, f) for f in runs.__dataclass_fields__}, "val_loss": ones[:1]})
    wrong = Shard(networks=tuple(NETWORKS[:2]), seed=8, runs=short).write(tmp_path)
    with pytest.raises(DataFileError, match="one row for each"):
        Shard.read(wrong)
    path.write_bytes(b"<html>not found</html>")
    with pytest.raises(NascurveError, match="Delete it"):
        Shard.read(path)


def test_cost_model_recovers_the_cost_of_each_operation() -> None:
    rng = np.random.default_rng(0)
    networks = [
        Network.of(
            [(0, i % 2 + 1, op) for i, op in enumerate(rng.choice([C3, C1, POOL], 4))] + [(1, 2, C3)], 2
        )
        for _ in range(300)
    ]
    ops = [[op for _, _, op in network.edges] for network in networks]
    truth = np.array([0.01 + 0.005 * o.count(C3) + 0.002 * o.count(C1) + 0.001 * o.count(POOL) for o in ops])
    noisy = truth * rng.uniform(0.98, 1.02, len(truth))
    noisy[:30] *= 3.0  # runs that something else slowed down
    model = CostModel.fit(networks, noisy)
    np.testing.assert_allclose(model.predict(networks), truth, rtol=0.05)
    assert model.n_runs == 300


def test_random_order_is_fixed_and_complete() -> None:
    assert networks_in_random_order(NETWORKS) == networks_in_random_order(NETWORKS)
    assert set(networks_in_random_order(NETWORKS)) == set(NETWORKS)
    assert networks_in_random_order(NETWORKS, 2) == networks_in_random_order(NETWORKS)[:2]
