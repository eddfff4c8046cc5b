"""The benchmark nb101 on made-up files in the exact official format; no real one is at hand.

The files are written independently of the reader (`tests/official_data/nb101.py`).
"""

from __future__ import annotations

import functools
import logging
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

import nascurve
from nascurve.benchmarks.files.array_cache import open_cache, write_cache
from nascurve.benchmarks.held_space import HeldSpace
from nascurve.benchmarks.nb101 import benchmark as nb101_module
from nascurve.benchmarks.nb101.benchmark import NB101
from nascurve.benchmarks.nb101.cell import Cell101
from nascurve.benchmarks.nb101.space import N_CLASSES, NB101Space
from nascurve.errors import ArchitectureError, CapabilityError, ConfigError, DataFileError
from nascurve.lce.last_value import LastValue
from nascurve.lce.wrapper import LCE
from nascurve.optimizers.random_search import RandomSearch
from nascurve.simulator.simulate import simulate
from nascurve.simulator.types import Evaluation
from nascurve.testing import check_benchmark, check_search_space
from tests.official_data import nb101 as made_up

FULL, ONLY_108, NASLIB = "nasbench_full.tfrecord", "nasbench_only108.tfrecord", "nasbench_only108.pkl"


@functools.cache
def file_of(name: str) -> tuple[bytes, list[made_up.Record]]:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        trainings = made_up.write(Path(folder), n_cells=30, file=name)
        return (Path(folder) / name).read_bytes(), trainings


def put(folder: Path, name: str = FULL) -> list[made_up.Record]:
    data, trainings = file_of(name)
    (folder / name).write_bytes(data)
    return trainings


def by_budget(trainings: list[made_up.Record]) -> dict[tuple[str, int], list[made_up.Record]]:
    groups: dict[tuple[str, int], list[made_up.Record]] = {}
    for training in trainings:
        groups.setdefault((training.key, training.epochs), []).append(training)
    return groups


@pytest.mark.parametrize("name", [FULL, ONLY_108, NASLIB])
def test_contracts(tmp_path: Path, name: str) -> None:
    put(tmp_path, name)
    bench = NB101(data_dir=tmp_path)
    check_benchmark(bench)
    check_search_space(bench.space)
    assert bench.info.fidelities == ((4, 12, 36, 108) if name == FULL else (108,))
    assert bench.info.required_files == (name,)
    assert not bench.info.resumable
    loaded = nascurve.load_benchmark("nb101", data_dir=str(tmp_path / name), cache_dir=str(tmp_path / "c"))
    assert loaded.info == bench.info


@pytest.mark.parametrize("name", [FULL, ONLY_108, NASLIB])
def test_every_official_value_is_given(tmp_path: Path, name: str) -> None:
    groups = by_budget(put(tmp_path, name))
    bench = NB101(data_dir=tmp_path)
    budgets = bench.info.fidelities or ()
    for (key, epochs), runs in groups.items():
        cell = Cell101(runs[0].matrix, runs[0].ops)
        assert cell.official_hash() == key
        points = [{"trainable_parameters": run.parameters, **run.data_point()} for run in runs]
        assert bench.official_runs(cell, epochs=epochs) == points
        assert bench.training_runs(cell) == 3
        for seed, point in enumerate(points):
            curve = bench.query(cell, seed=seed, epochs=epochs)
            half = epochs // 2
            for values, kind in ((curve.val_acc, "validation"), (curve.test_acc, "test")):
                assert values is not None
                assert np.flatnonzero(~np.isnan(values)).tolist() == [half - 1, epochs - 1]
                assert values[half - 1] == point[f"halfway_{kind}_accuracy"]
                assert values[-1] == point[f"final_{kind}_accuracy"]
            assert curve.epoch_s[:half].sum() == pytest.approx(point["halfway_training_time"], rel=1e-12)
            assert curve.epoch_s.sum() == pytest.approx(point["final_training_time"], rel=1e-12)
            assert len(set(curve.epoch_s[:half])) == len(set(curve.epoch_s[half:])) == 1
        mean = np.mean([point["final_test_accuracy"] for point in points])
        if epochs == max(budgets):
            assert bench.true_test_acc(cell) == pytest.approx(mean, abs=1e-15)
    truths = {
        key: np.mean([run.evaluations[2].test_accuracy for run in runs])
        for (key, epochs), runs in groups.items()
        if epochs == 108
    }
    cell, value = bench.best()
    assert value == pytest.approx(max(truths.values()), abs=1e-15)
    assert truths[cell.official_hash()] == max(truths.values())


def test_any_isomorphic_cell_is_answered_in_the_whole_space(tmp_path: Path) -> None:
    trainings = put(tmp_path)
    bench = NB101(data_dir=tmp_path, restrict=False)
    assert isinstance(bench.space, NB101Space)
    check_search_space(bench.space)
    rng = np.random.default_rng(0)
    renumbered = 0
    for training in trainings[::12] * 10:
        n = len(training.ops)
        order = [0, *(1 + rng.permutation(n - 2)).tolist(), n - 1]
        matrix = training.matrix[np.ix_(order, order)]
        if not np.tril(matrix).any():
            renumbered += order != list(range(n))
            twin = Cell101(matrix, [training.ops[v] for v in order])
            assert bench.official_runs(twin) == bench.official_runs(Cell101(training.matrix, training.ops))
    assert renumbered > 2
    absent = next(
        cell for cell in (bench.space.sample(rng) for _ in range(1000)) if len(cell.graph.vertices) > 5
    )
    for ask in (lambda: bench.query(absent, seed=0), lambda: bench.true_test_acc(absent)):
        with pytest.raises(ArchitectureError, match=absent.official_hash()):
            ask()


def test_part_of_the_space_is_a_space_of_its_own(tmp_path: Path) -> None:
    trainings = put(tmp_path)
    space = NB101(data_dir=tmp_path).space
    assert isinstance(space, HeldSpace)
    assert {space.key(cell) for cell in space.all()} == {training.key for training in trainings}
    assert NB101(data_dir=tmp_path, restrict=True).space.name == space.name


def test_charge_total_time_includes_evaluations(tmp_path: Path) -> None:
    groups = by_budget(put(tmp_path))
    bench = NB101(data_dir=tmp_path, charge="total_time")
    assert (bench.info.name, NB101(data_dir=tmp_path).info.name) == ("nb101-total_time", "nb101")
    for (_, epochs), runs in list(groups.items())[:8]:
        cell = Cell101(runs[0].matrix, runs[0].ops)
        curve = bench.query(cell, seed=1, epochs=epochs)
        assert curve.epoch_s.sum() == pytest.approx(runs[1].total_time, rel=1e-12)
        half, final = (evaluation.training_time for evaluation in runs[1].evaluations[1:])
        share = curve.epoch_s[: epochs // 2].sum() / curve.epoch_s.sum()
        assert share == pytest.approx(half / final, rel=1e-12)


def test_a_clock_that_goes_back_charges_no_negative_seconds(tmp_path: Path) -> None:
    first = made_up.records(1, budgets=(108,), repeats=1)[0]
    late = first.evaluations[1]._replace(training_time=first.evaluations[2].training_time + 8)
    training = first._replace(evaluations=[first.evaluations[0], late, first.evaluations[2]])
    made_up.write_tfrecord(tmp_path / ONLY_108, [training])
    curve = NB101(data_dir=tmp_path).query(Cell101(first.matrix, first.ops), seed=0)
    assert curve.epoch_s.min() == 0
    assert curve.epoch_s.sum() == pytest.approx(first.evaluations[2].training_time)


def test_naslib_has_no_total_time(tmp_path: Path) -> None:
    put(tmp_path, NASLIB)
    with pytest.raises(CapabilityError, match="training_time"):
        NB101(data_dir=tmp_path, charge="total_time")


def test_fewer_trainings_of_some(tmp_path: Path) -> None:
    trainings = made_up.records(4)
    del trainings[1]  # one of the first cell's with 4 epochs
    made_up.write_tfrecord(tmp_path / FULL, trainings)
    bench = NB101(data_dir=tmp_path)
    check_benchmark(bench)
    first = Cell101(trainings[0].matrix, trainings[0].ops)
    assert bench.info.n_seeds == bench.training_runs(first) == 2
    assert sorted(bench.training_runs(bench.cell(row)) for row in range(4)) == [2, 3, 3, 3]
    with pytest.raises(ConfigError, match="2 training runs of"):
        bench.query(first, seed=2, epochs=4)
    assert len(bench.official_runs(first, epochs=4)) == 2
    runs = bench.official_runs(first)
    assert len(runs) == 3
    assert bench.true_test_acc(first) == pytest.approx(np.mean([run["final_test_accuracy"] for run in runs]))


def test_epochs_without_trainings_are_a_clear_error(tmp_path: Path) -> None:
    put(tmp_path, ONLY_108)
    bench = NB101(data_dir=tmp_path)
    arch = bench.space.sample(np.random.default_rng(0))
    for epochs in (4, 54, 107):
        with pytest.raises(CapabilityError, match="108"):
            bench.query(arch, seed=0, epochs=epochs)
        with pytest.raises(CapabilityError, match="108"):
            bench.official_runs(arch, epochs=epochs)


def test_optimizers_run_in_it(tmp_path: Path) -> None:
    put(tmp_path)
    for restrict, mutation in ((None, "elementary"), (False, "official")):
        bench = NB101(data_dir=tmp_path, restrict=restrict, mutation=mutation)
        optimizer = nascurve.create_optimizer("re", bench.space, seed=0, population_size=4, sample_size=2)
        optimizer.begin(
            nascurve.simulator.types.Problem(
                space=bench.space, max_epochs=108, fidelities=bench.info.fidelities, resumable=False
            )
        )
        assert all(bench.space.contains(trial.arch) for trial in optimizer.ask(4))


def test_hashes_that_begin_alike_are_told_apart(tmp_path: Path) -> None:
    """The first 64 of 128 bits find the place, the others decide."""
    put(tmp_path)
    bench = NB101(data_dir=tmp_path)
    cell = bench.cell(20)
    bench._high = np.full_like(bench._high, int(bench.space.key(cell)[:16], 16))
    assert bench._search(cell) == 20
    bench._low = np.zeros_like(bench._low)
    with pytest.raises(ArchitectureError, match="hold no training"):
        bench._search(cell)


class Spy(LCE):
    """LCE that keeps what it is told."""

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        self.told = [*getattr(self, "told", []), *evaluations]
        super().tell(evaluations)


def test_lce_pays_for_both_trainings_and_sees_no_test_accuracy(tmp_path: Path) -> None:
    """Budgets 4 -> 108 of LCE: two trainings, each charged in full with its own official seconds."""
    trainings = by_budget(put(tmp_path))
    bench = NB101(data_dir=tmp_path)
    spy = Spy(RandomSearch(bench.space, rng=np.random.default_rng(0)), LastValue(), e_few=4)
    result = simulate(spy, bench, max_evaluations=44)
    promoted = set()
    for record in result.evaluations:
        training = trainings[bench.space.key(record.arch), record.epochs][record.training_seed]
        assert record.charged_epochs == record.epochs
        assert record.charged_s == pytest.approx(training.evaluations[2].training_time, rel=1e-6)
        assert record.val_acc == pytest.approx(training.evaluations[2].validation_accuracy, abs=1e-7)
        if record.epochs == 108:
            promoted.add(record.trial_id)
    assert promoted
    assert {record.epochs for record in result.evaluations} == {4, 108}
    assert promoted <= {record.trial_id for record in result.evaluations if record.epochs == 4}
    total = sum(record.charged_s for record in result.evaluations)
    assert result.total_time_s == pytest.approx(total)
    assert all(evaluation.curve.test_acc is None for evaluation in spy.told)
    stranger = LCE(RandomSearch(bench.space, rng=np.random.default_rng(0)), LastValue(), e_few=5)
    with pytest.raises(ConfigError, match=r"cannot stop at e_few=5\. Valid: 4, 12, 36"):
        simulate(stranger, bench, max_evaluations=3)


def test_cache_is_used_and_renewed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    put(tmp_path)
    cache = tmp_path / "cache"
    before = NB101(data_dir=tmp_path, cache_dir=cache).info
    assert [path.name for path in cache.glob("*.nascurve")] == [f"{FULL}.nascurve"]
    (tmp_path / FULL).unlink()  # the cache alone will do, by the folder or the file's old place
    assert NB101(data_dir=tmp_path, cache_dir=cache).info == before
    assert NB101(data_dir=tmp_path / FULL, cache_dir=cache).info == before
    made_up.write_tfrecord(tmp_path / FULL, made_up.records(3))
    with caplog.at_level(logging.WARNING):
        assert NB101(data_dir=tmp_path, cache_dir=cache).info.details["n_architectures"] == 3
    shutil.rmtree(cache)
    (tmp_path / FULL).unlink()
    with pytest.raises(DataFileError, match=FULL):
        NB101(data_dir=tmp_path, cache_dir=cache)


def test_the_full_file_goes_before_the_others(tmp_path: Path) -> None:
    put(tmp_path, ONLY_108)
    assert NB101(data_dir=tmp_path).info.max_epochs == 108
    put(tmp_path, FULL)
    assert NB101(data_dir=tmp_path).info.required_files == (FULL,)


def test_without_data_the_error_says_where_it_is(tmp_path: Path) -> None:
    for where in (None, tmp_path, tmp_path / "absent"):
        with pytest.raises(DataFileError) as caught:
            NB101(data_dir=where)
        for fact in (FULL, ONLY_108, "nasbench", "data_dir=", NB101.card.files[0].sha256 or "?"):
            assert fact in str(caught.value)


def test_options_are_checked(tmp_path: Path) -> None:
    put(tmp_path)
    for bad in ({"charge": "free"}, {"mutation": "none"}, {"restrict": 1}, {"data_dir": 5}):
        with pytest.raises(ConfigError, match=next(iter(bad))):
            NB101(**{"data_dir": tmp_path, **bad})


@pytest.mark.perf
@pytest.mark.parametrize(("n_cells", "budgets"), [(34_000, (108,)), (9_000, (4, 12, 36, 108))])
def test_speed_of_conversion(tmp_path: Path, n_cells: int, budgets: tuple[int, ...]) -> None:
    """Over 100,000 made-up records, as in the file of 108 epochs and in the full one."""
    trainings = made_up.records(n_cells, budgets=budgets, vertices=(6, 7))
    made_up.write_tfrecord(tmp_path / FULL, trainings)
    n = len(trainings)
    started = time.process_time()
    NB101(data_dir=tmp_path)
    rate = n / (time.process_time() - started)
    print(f"{n:,} records, {len(budgets)} budgets: {rate:,.0f} a CPU second")
    assert rate > 20_000


@pytest.mark.perf
def test_speed_at_full_scale(tmp_path: Path) -> None:
    """A cache of 423,624 rows: 2,000 made-up cells, the others with hashes of no cell."""
    made_up.write_tfrecord(tmp_path / FULL, made_up.records(2000, vertices=(6, 7)))
    bench = NB101(data_dir=tmp_path)
    cells = [bench.cell(row) for row in range(1000)]
    cache = tmp_path / f"{FULL}.nascurve"
    arrays, meta = open_cache(cache, kind=FULL, format_version=nb101_module._FORMAT_VERSION, remedy="")
    n = len(arrays["hash_high"])
    rng = np.random.default_rng(0)
    rows = np.resize(np.arange(n), N_CLASSES)
    big = {name: array[rows] for name, array in arrays.items()}
    big["hash_high"][n:] = rng.integers(2**64, size=N_CLASSES - n, dtype=np.uint64)
    order = np.argsort(big["hash_high"], kind="stable")
    write_cache(cache, {name: array[order] for name, array in big.items()}, {**meta, "complete": True})
    started = time.perf_counter()
    bench = NB101(data_dir=tmp_path, restrict=False)
    opened = time.perf_counter()
    for cell in cells:
        bench.space.key(cell)
    hashed = time.perf_counter()
    bench.query_many(cells, [0] * 1000)
    queried = time.perf_counter()
    random_cells = [bench.space.sample(rng) for _ in range(5000)]
    keyed = time.perf_counter()
    for cell in random_cells:
        bench.space.key(cell)
    rate = 5000 / (time.perf_counter() - keyed)
    print(
        f"{cache.stat().st_size / 1e6:.0f} MB opened in {opened - started:.2f} s; 1,000 curves "
        f"{1e3 * (queried - hashed):.1f} ms, their hashes {1e3 * (hashed - opened):.1f} ms; "
        f"{rate:,.0f} random cells hashed a second"
    )
    assert opened - started < 0.5
    assert rate > 10_000
