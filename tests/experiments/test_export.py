"""`nascurve export`: every run of a benchmark in its row, in files that are whole and sound."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

import nascurve
from nascurve.benchmarks import export as export_module
from nascurve.benchmarks.cell201 import Cell201Space
from nascurve.benchmarks.export import export_runs
from nascurve.benchmarks.held_space import HeldSpace
from nascurve.benchmarks.synthetic import SyntheticBenchmark
from nascurve.benchmarks.table_benchmark import TableBenchmark
from nascurve.errors import ConfigError
from nascurve.experiments.cli import main
from nascurve.simulator.types import Architecture, LearningCurve
from tests.benchmarks.patchy import EPOCHS, N_NETWORKS, Patchy
from tests.benchmarks.test_table import make_table
from tests.official_data import nb101, nbnlp


@pytest.fixture(scope="module")
def patchy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("patchy")
    export_runs(Patchy(), out)
    return out


def _rows(out: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(out / "runs.parquet").to_pylist()
    return rows


def _same(values: Sequence[float | None], curve: np.ndarray[Any, Any] | None) -> bool:
    there = np.array([np.nan if value is None else value for value in values])
    return curve is not None and np.array_equal(there, curve, equal_nan=True)


def test_every_run_of_every_network_stands_in_its_row(patchy: Path) -> None:
    benchmark = Patchy()
    rows = _rows(patchy)
    runs = {key: benchmark.training_runs(arch) for key, arch in benchmark.archs.items()}
    assert {(row["key"], row["seed"]) for row in rows} == {(k, s) for k, n in runs.items() for s in range(n)}
    assert len(rows) == sum(runs.values())
    for row in rows[::97]:
        arch = benchmark.space.parse(row["architecture"])
        curve = benchmark.query(arch, seed=row["seed"])
        assert row["key"] == benchmark.space.key(arch)
        assert row["epochs"] == EPOCHS
        assert row["true_test_acc"] == benchmark.true_test_acc(arch)
        for name in ("val_acc", "test_acc", "epoch_s"):
            assert _same(row[name], getattr(curve, name))
        assert row["diverged"] == np.isnan(curve.val_acc[-1])
        assert (None in row["val_acc"]) == row["diverged"]
        # it has three official seeds; which of them an architecture with one run got is not known
        assert row["training_seed"] == (row["seed"] if runs[row["key"]] == 3 else None)
    assert sum(row["diverged"] for row in rows) > N_NETWORKS / 7


def test_pandas_explodes_the_lists(patchy: Path) -> None:
    runs = pd.read_parquet(patchy / "runs.parquet")
    long = runs[["key", "seed", "val_acc", "epoch_s"]].explode(["val_acc", "epoch_s"])
    long["epoch"] = long.groupby(["key", "seed"]).cumcount() + 1
    assert len(long) == EPOCHS * len(runs)
    sound = runs[~runs["diverged"]].iloc[0]
    last = long[(long["key"] == sound["key"]) & (long["seed"] == sound["seed"]) & (long["epoch"] == EPOCHS)]
    assert last["val_acc"].item() == sound["val_acc"][-1]


def test_the_file_says_what_it_is(patchy: Path) -> None:
    file = pq.ParquetFile(patchy / "runs.parquet")
    info = Patchy().info
    about = {key.decode(): value.decode() for key, value in file.schema_arrow.metadata.items()}
    assert about["nascurve.kind"] == "synthetic"
    assert about["nascurve.licence"] == info.licence
    assert about["nascurve.citation"] == info.citation
    assert (about["nascurve.name"], about["nascurve.version"]) == ("synthetic", "1")
    assert json.loads(about["nascurve.details"])["crossing"] == info.details["crossing"]
    assert file.num_row_groups > 1
    assert "val_loss" not in file.schema_arrow.names  # this benchmark has none


def test_croissant_document(patchy: Path) -> None:
    document = json.loads((patchy / "croissant.json").read_text())
    data = (patchy / "runs.parquet").read_bytes()
    assert document["conformsTo"] == "http://mlcommons.org/croissant/1.0"
    assert document["@type"] == "sc:Dataset"
    assert document["name"] == "synthetic-v1"
    assert document["license"] == "Apache-2.0"
    assert "Kind: synthetic" in document["description"]
    (file,) = document["distribution"]
    assert file["sha256"] == hashlib.sha256(data).hexdigest()
    assert file["contentSize"] == f"{len(data)} B"
    assert file["contentUrl"] == "runs.parquet"
    (records,) = document["recordSet"]
    fields = {field["name"]: field for field in records["field"]}
    assert list(fields) == pq.read_schema(patchy / "runs.parquet").names
    assert all(field["source"]["fileObject"]["@id"] == file["@id"] for field in fields.values())
    assert fields["val_acc"]["repeated"]
    assert fields["val_acc"]["dataType"] == "sc:Float"
    assert "repeated" not in fields["key"]


class OneByOne(Patchy):
    """Counts what it is asked at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[int] = []
        self.forgotten = 0

    def query_many(self, archs: Sequence[Architecture], seeds: Sequence[int]) -> list[LearningCurve]:
        self.asked.append(len(archs))
        return super().query_many(archs, seeds)

    def forget(self) -> None:
        self.forgotten += 1


def test_some_runs_at_a_time_are_asked_for_and_then_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_module, "_RUNS_AT_ONCE", 500)
    benchmark = OneByOne()
    done = export_runs(benchmark, tmp_path)
    assert max(benchmark.asked) < 500 + 3
    assert benchmark.forgotten >= len(benchmark.asked) - 1 > 10
    assert done.n_architectures == N_NETWORKS
    assert done.n_diverged == sum(row["diverged"] for row in _rows(tmp_path))
    groups = pq.ParquetFile(tmp_path / "runs.parquet").metadata
    assert max(groups.row_group(i).num_rows for i in range(groups.num_row_groups)) < 500 + 3


def _small(max_epochs: int) -> SyntheticBenchmark:
    space = Cell201Space()
    return SyntheticBenchmark(space=HeldSpace(space, space.all()[::50]), max_epochs=max_epochs, n_seeds=2)


def test_same_benchmark_same_bytes(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        export_runs(_small(3), tmp_path / folder)
    for name in ("runs.parquet", "croissant.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_a_failure_leaves_the_old_files_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export_runs(_small(2), tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(export_module, "croissant", full)
    with pytest.raises(OSError, match="No space"):
        export_runs(_small(3), tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_seeds_of_a_table_with_gaps_and_a_diverged_run(tmp_path: Path) -> None:
    space = Cell201Space()
    names = sorted({space.key(cell) for cell in space.all()})[:4]
    trained = np.array([[1, 0, 1, 0], [1, 1, 0, 0], [1, 1, 1, 0]], bool)
    table = make_table(tuple(names), trained=trained)
    table.val_loss[2, 1, 3:] = np.nan
    export_runs(TableBenchmark(table, space), tmp_path / "all")
    rows = _rows(tmp_path / "all")
    seeds = {name: [row["training_seed"] for row in rows if row["key"] == name] for name in names}
    assert list(seeds.values()) == [[10, 11, 12], [11, 12], [10, 12], []]
    assert [(row["key"], row["seed"]) for row in rows if row["diverged"]] == [(names[1], 1)]
    assert [loss is None for row in rows if row["diverged"] for loss in row["val_loss"]] == [False] * 3 + [
        True
    ] * 3
    export_runs(TableBenchmark(table, space), tmp_path / "some", seeds=[2])
    assert [(row["key"], row["training_seed"]) for row in _rows(tmp_path / "some")] == [(names[0], 12)]
    with pytest.raises(ConfigError, match="seeds 3, 7"):
        export_runs(TableBenchmark(table, space), tmp_path / "none", seeds=[7, 3])
    assert list((tmp_path / "none").iterdir()) == []


class ByString(SyntheticBenchmark):
    """Trained once for each string: two strings of one network have different curves."""

    def _make(self, archs: Sequence[Architecture], seeds: Sequence[int]) -> list[LearningCurve]:
        return [
            LearningCurve(
                val_acc=np.full(self.info.max_epochs, (len(str(arch)) % 7) / 7 + seed / 100),
                epoch_s=curve.epoch_s,
                test_acc=curve.test_acc,
            )
            for arch, seed, curve in zip(archs, seeds, super()._make(archs, seeds), strict=True)
        ]


def test_strings_of_one_network_are_one_row_only_when_their_curves_are_equal(tmp_path: Path) -> None:
    space = Cell201Space()
    cells = space.all()[::5]
    export_runs(ByString(space=HeldSpace(space, cells), max_epochs=2, n_seeds=1), tmp_path)
    rows = _rows(tmp_path)
    expected = {(space.key(cell), len(str(cell)) % 7) for cell in cells}
    assert [row["architecture"] for row in rows] == sorted(
        (row["architecture"] for row in rows), key=[str(cell) for cell in cells].index
    )
    assert len(rows) == len(expected)
    assert {(row["key"], len(row["architecture"]) % 7) for row in rows} == expected
    assert len({row["key"] for row in rows}) < len(rows)


def test_budgets_that_are_trainings_of_their_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Made-up files of NAS-Bench-101, by the command."""
    nb101.write(tmp_path, n_cells=12)
    out = tmp_path / "out"
    command = ["export", "benchmark=nb101", f"benchmark_options.data_dir={tmp_path}", f"out={out}"]
    assert main(command) == 0, capsys.readouterr().err
    assert "144 runs of 12 architectures (0 diverged)" in capsys.readouterr().out
    benchmark = nascurve.load_benchmark("nb101", data_dir=tmp_path)
    rows = _rows(out)
    assert sorted({row["epochs"] for row in rows}) == [4, 12, 36, 108]
    for row in rows:
        arch = benchmark.space.parse(row["architecture"])
        curve = benchmark.query(arch, seed=row["seed"], epochs=row["epochs"])
        assert len(row["val_acc"]) == row["epochs"]
        assert _same(row["val_acc"], curve.val_acc)
        assert _same(row["epoch_s"], curve.epoch_s)
    assert all(row["training_seed"] is None for row in rows)


def test_losses_and_early_ends(tmp_path: Path) -> None:
    """Made-up logs of NAS-Bench-NLP, one of a run that diverged."""
    rnn, gru = list(nbnlp.CELLS.values())[:2]
    logs = [nbnlp.log(rnn, run=0), nbnlp.log(rnn, run=1)]
    nbnlp.write(tmp_path, [*logs, nbnlp.log(gru, run=2, recorded=7, status="loss is nan!")])
    export_runs(nascurve.load_benchmark("nbnlp", data_dir=tmp_path), tmp_path / "out")
    rows = sorted(_rows(tmp_path / "out"), key=lambda row: row["diverged"])
    assert [row["diverged"] for row in rows] == [False, False, True]
    assert rows[0]["val_loss"] == pytest.approx(logs[1]["val_losses"])  # the earlier of the two
    assert rows[2]["val_acc"].count(None) == 50 - 6


def test_random_architectures_of_a_space_that_cannot_be_listed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    darts = [
        "export",
        "benchmark=synthetic",
        "benchmark_options.space=darts",
        "benchmark_options.max_epochs=2",
    ]
    assert main([*darts, f"out={tmp_path / 'all'}"]) == 1
    assert "n=" in capsys.readouterr().err
    for folder in ("a", "b"):
        assert main([*darts, f"out={tmp_path / folder}", "n=20", "seeds=[0,2]"]) == 0, capsys.readouterr().err
    rows = _rows(tmp_path / "a")
    assert rows == _rows(tmp_path / "b")
    assert len({row["key"] for row in rows}) == 20
    assert [row["seed"] for row in rows] == [0, 2] * 20
    assert main([*darts, f"out={tmp_path / 'c'}", "n=20", "seeds=[0,2]", "sample_seed=1"]) == 0
    assert _rows(tmp_path / "c") != rows


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        (["out=x"], 2, "benchmark= is missing"),
        (["benchmark=synthetic"], 2, "out= is missing"),
        (["benchmark=synthetic", "out=x", "seed=1"], 1, "seeds"),
        (["benchmark=synthetic", "out=x", "seeds=2"], 1, r"\[0,1\]"),
        (["benchmark=synthetic", "out=x", "seeds=[-1]"], 1, "seeds"),
        (["benchmark=synthetic", "out=x", "seeds=[9]"], 1, "no training runs"),
        (["benchmark=synthetic", "out=x", "n=0"], 1, "n: expected"),
        (["benchmark=synthetic", "out=x", "n=15000"], 1, "at most the number of networks"),
        (["benchmark=synthetic", "out=x", "benchmark_options.wrong=1"], 1, "wrong"),
        (["benchmark=synthetic", "out=x", "benchmark_options=1"], 1, "benchmark_options"),
        (["benchmark=nothing", "out=x"], 1, "nothing"),
        (["benchmark=synthetic", "out=file/x"], 1, "Cannot write"),
    ],
)
def test_bad_input_is_one_clear_error(
    options: list[str], code: int, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setattr(export_module, "_TRIES", 1)
    assert main(["export", *options]) == code
    error = capsys.readouterr().err
    assert "Traceback" not in error
    assert re.search(says, error), error
    assert not list(tmp_path.rglob("*.parquet"))
