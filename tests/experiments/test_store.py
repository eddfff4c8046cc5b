"""The store of runs: open to other programs as it is, strict about what does not belong there."""

from __future__ import annotations

import dataclasses
import functools
import json
import shutil
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml

from nascurve.errors import ConfigError, DataFileError
from nascurve.experiments.compare import compare
from nascurve.experiments.comparison_result import ComparisonResult
from nascurve.experiments.packs import collect_leftovers
from nascurve.experiments.record import TRAJECTORY, RunRecord
from nascurve.experiments.results import read_results
from nascurve.experiments.store import RunStore
from nascurve.experiments.store_schema import SCHEMA_VERSION, VERSION_KEY, schema, to_records, to_table

from .fakes import Wrapped

quick: Callable[..., ComparisonResult] = functools.partial(
    compare, ["rs", "re"], lce="none", budget_trainings=10, quiet=True, seeds=2
)


def record(seed: int, *regrets: float, finished_at_s: float = 1.0) -> RunRecord:
    values = regrets or (0.5, 0.1 * seed)
    return RunRecord(
        optimizer="rs",
        lce="none",
        seed=seed,
        trajectory={name: [_of(name, value) for value in values] for name in TRAJECTORY},
        archs=[f"arch {value}" for value in values],
        total_evaluations=7,
        total_epochs=70,
        total_time_s=9.5,
        decision_s=0.25,
        wall_s=0.5,
        finished_at_s=finished_at_s,
    )


def _of(name: str, value: float) -> float:
    return 10 if name in ("epochs", "evaluations") else value


def failed(seed: int, error: str, *, finished_at_s: float = 1.0) -> RunRecord:
    return RunRecord(
        optimizer="rs",
        lce="none",
        seed=seed,
        status="failed",
        error=error,
        traceback="Traceback (most recent call last): …",
        finished_at_s=finished_at_s,
    )


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    store = RunStore(tmp_path / "store")
    store.append("a", [record(0), record(1)])
    store.append("b", [record(2), failed(3, "ValueError: no luck")])
    return store


def stored(store: RunStore, more: Sequence[RunRecord] = ()) -> dict[int, RunRecord]:
    return {one.seed: one for one in to_records(store.read(more))}


def test_what_was_appended_is_read_back(store: RunStore) -> None:
    written = [record(0), record(1), record(2), failed(3, "ValueError: no luck"), record(4, float("nan"))]
    read = stored(store, written[4:])
    assert [read[seed] for seed in range(4)] == written[:4]
    assert repr(read[4]) == repr(written[4])  # repr: NaN equals NaN
    assert store.records_of("a") == written[:2]
    assert store.records_of("nothing") == []
    assert store
    assert not RunStore(store.path / "nowhere")
    assert RunStore(store.path / "nowhere").read().num_rows == 0


def test_pandas_polars_and_duckdb_read_it_as_it_is(store: RunStore) -> None:
    duckdb = pytest.importorskip("duckdb")
    polars = pytest.importorskip("polars")
    expected = [(0, "done", 0.0), (1, "done", 0.1), (2, "done", 0.2), (3, "failed", None)]

    frame = pd.read_parquet(store.path).sort_values("seed")
    assert list(frame.columns) == schema().names
    last = [None if len(values) == 0 else values[-1] for values in frame["regret"]]
    assert list(zip(frame["seed"], frame["status"], last, strict=True)) == expected

    lazy = polars.scan_parquet(store.path / "*.parquet").select(
        "seed", "status", polars.col("regret").list.last()
    )
    assert lazy.sort("seed").collect().rows() == expected
    assert polars.read_parquet(store.path / "*.parquet")["total_epochs"].sum() == 210

    found = duckdb.sql(
        f"select seed, status, regret[-1] from '{store.path}/*.parquet' order by seed"
    ).fetchall()
    assert found == expected
    exploded = duckdb.sql(f"select seed, unnest(regret) from '{store.path}/*.parquet'").fetchall()
    assert len(exploded) == 6


def test_every_file_says_its_version(store: RunStore) -> None:
    for path in store.path.iterdir():
        assert pq.read_metadata(path).metadata[VERSION_KEY] == str(SCHEMA_VERSION).encode()


def _foreign(path: Path, store: RunStore) -> None:
    pd.DataFrame({"seed": [1]}).to_parquet(path)


def _rewritten(path: Path, store: RunStore) -> None:
    pd.read_parquet(store.path / "a.parquet").to_parquet(path)


def _zero_bytes(path: Path, store: RunStore) -> None:
    path.write_bytes(b"")


def _half_written(path: Path, store: RunStore) -> None:
    content = (store.path / "a.parquet").read_bytes()
    path.write_bytes(content[: len(content) // 2])


def _flipped_in_the_footer(path: Path, store: RunStore) -> None:
    content = bytearray((store.path / "a.parquet").read_bytes())
    content[-200:-100] = bytes(100)
    path.write_bytes(content)


def _text(path: Path, store: RunStore) -> None:
    path.write_text("seed,regret\n0,1\n")


def _folder(path: Path, store: RunStore) -> None:
    path.mkdir()


@pytest.mark.parametrize(
    "put",
    [_foreign, _rewritten, _zero_bytes, _half_written, _flipped_in_the_footer, _text, _folder],
    ids=lambda put: put.__name__.strip("_"),
)
def test_a_file_put_there_by_hand_is_one_clear_error(
    store: RunStore, put: Callable[[Path, RunStore], None]
) -> None:
    put(store.path / "by-hand.parquet", store)
    with pytest.raises(DataFileError, match=r"by-hand\.parquet.*Remove by-hand\.parquet") as caught:
        store.read()
    assert "\n" not in str(caught.value)
    with pytest.raises(DataFileError, match=r"by-hand\.parquet"):
        store.read(columns=["optimizer", "lce", "seed", "status"])


def test_a_file_of_a_newer_version_is_refused_not_guessed(store: RunStore) -> None:
    table = to_table([record(9)])
    newer = {**(table.schema.metadata or {}), VERSION_KEY: str(SCHEMA_VERSION + 1).encode()}
    pq.write_table(table.replace_schema_metadata(newer), store.path / "new.parquet")
    with pytest.raises(DataFileError, match=r"new\.parquet was written by a newer nascurve.*Install a newer"):
        store.read()


def test_the_same_run_twice_counts_once(store: RunStore) -> None:
    store.append("again", [dataclasses.replace(record(1), wall_s=99.0, finished_at_s=5.0)])
    store.append("nan", [record(8, float("nan")), record(7)])
    store.append("nan-again", [record(8, float("nan"))])
    assert sorted(store.read()["seed"].to_pylist()) == [0, 1, 2, 3, 7, 8]
    assert sorted(store.read([record(7)])["seed"].to_pylist()) == [0, 1, 2, 3, 7, 8]
    few = store.read(columns=["optimizer", "lce", "seed", "status", "finished_at_s"])
    assert sorted(few["seed"].to_pylist()) == [0, 1, 2, 3, 7, 8]


def test_the_same_run_twice_with_other_results_is_a_clear_error(store: RunStore) -> None:
    store.append("other", [record(1, 0.5, 0.10000001)])
    with pytest.raises(
        DataFileError,
        match=r"seed 1 of rs, none stands there twice, with different results.*Remove the files",
    ):
        store.read()


def test_a_run_that_ended_well_counts_before_a_failed_one_and_the_last_failure_before_others(
    store: RunStore,
) -> None:
    store.append("retried", [record(3, finished_at_s=0.5), failed(0, "later", finished_at_s=9.0)])
    store.append("failed", [failed(5, "first", finished_at_s=1.0), failed(6, "third", finished_at_s=3.0)])
    store.append("failed-2", [failed(5, "second", finished_at_s=2.0), failed(6, "fourth", finished_at_s=2.0)])
    read = stored(store)
    assert [read[seed].status for seed in (0, 3, 5, 6)] == ["done", "done", "failed", "failed"]
    assert read[3] == record(3, finished_at_s=0.5)
    assert [read[5].error, read[6].error] == ["second", "third"]


def test_a_kill_while_a_file_is_written_leaves_nothing_that_readers_see(
    store: RunStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `kill -9` leaves it: the temporary file is there, half written."""
    duckdb = pytest.importorskip("duckdb")
    polars = pytest.importorskip("polars")

    class Killed(BaseException):
        pass

    def killed(table: Any, path: Path, **_: Any) -> None:
        path.write_bytes(b"PAR1 half")
        monkeypatch.setattr(Path, "unlink", lambda *_, **__: None)
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(pq, "write_table", killed)
        with pytest.raises(Killed):
            store.append("c", [record(5)])
    monkeypatch.undo()
    assert len(list(store.path.iterdir())) == 3
    assert len(stored(store)) == 4
    assert len(pd.read_parquet(store.path)) == 4
    assert len(polars.read_parquet(store.path / "*.parquet")) == 4
    assert duckdb.sql(f"select count(*) from '{store.path}/*.parquet'").fetchall() == [(4,)]
    collect_leftovers(tmp_path)
    assert sorted(path.name for path in store.path.iterdir()) == ["a.parquet", "b.parquet"]


def test_clear_removes_runs_alone(store: RunStore) -> None:
    (store.path / "notes.txt").write_text("mine")
    store.clear()
    assert [path.name for path in store.path.iterdir()] == ["notes.txt"]
    (store.path / "notes.txt").unlink()
    store.clear()
    assert not store.path.exists()


def test_a_damaged_file_stops_compare_with_the_file_named_and_removing_it_heals(tmp_path: Path) -> None:
    whole = quick(Wrapped(), out=tmp_path)
    (path,) = (tmp_path / "store").iterdir()
    path.write_bytes(path.read_bytes()[:-50])
    for again in (quick, lambda *_, **__: read_results(tmp_path)):
        with pytest.raises(
            DataFileError, match=rf"{path.name}.*the same `nascurve compare` does its runs again"
        ):
            again(Wrapped(), out=tmp_path)
    path.unlink()
    pd.testing.assert_frame_equal(quick(Wrapped(), out=tmp_path).runs, whole.runs)


def old_line(one: RunRecord) -> bytes:
    """As nascurve 0.1 wrote it."""
    names = ("optimizer", "lce", "seed", "trajectory", "total_evaluations", "total_epochs", "total_time_s")
    content = {name: getattr(one, name) for name in (*names, "decision_s", "wall_s")}
    body = json.dumps(content, separators=(",", ":"), sort_keys=True).encode()
    return b"%08x %s\n" % (zlib.crc32(body), body)


@pytest.fixture
def old_folder(tmp_path: Path) -> tuple[Path, dict[str, bytes]]:
    """A folder of nascurve 0.1, in which one run of four was torn, and its final files."""
    old = tmp_path / "old"
    quick(Wrapped(), out=old, common_noise=False)
    final = {name: (old / name).read_bytes() for name in ("runs.parquet", "summary.csv")}
    lines = [old_line(one) for one in to_records(RunStore(old / "store").read())]
    (old / "runs.jsonl").write_bytes(b"".join(lines)[:-40])
    for name in ("store", "jobs"):
        shutil.rmtree(old / name)
    config = yaml.safe_load((old / "config.yaml").read_text())
    del config["experiment"]["run"]["common_noise"]  # which 0.1 did not have
    text = "# Written by nascurve. A folder belongs to one configuration.\n" + yaml.safe_dump(config)
    (old / "config.yaml").write_text(text)
    return old, final


def test_a_folder_of_an_older_version_goes_on_to_the_same_files(
    old_folder: tuple[Path, dict[str, bytes]],
) -> None:
    old, final = old_folder
    (old / "runs.parquet").unlink()
    assert len(read_results(old).totals) == 3  # as it is, without migration
    assert (old / "runs.jsonl").exists()
    with pytest.raises(ConfigError, match=r"common_noise: False there, True now"):
        quick(Wrapped(), out=old)
    said: list[str] = []
    quick(Wrapped(), out=old, common_noise=False, say=said.append)
    assert "3 of 4 runs are there already; 1 to do." in said
    assert not (old / "runs.jsonl").exists()
    assert {name: (old / name).read_bytes() for name in final} == final


def test_a_migration_that_was_cut_short_is_done_again(old_folder: tuple[Path, dict[str, bytes]]) -> None:
    old, final = old_folder
    journal = (old / "runs.jsonl").read_bytes()
    quick(Wrapped(), out=old, common_noise=False)
    (old / "runs.jsonl").write_bytes(journal)  # the store had it, the journal was not removed yet
    quick(Wrapped(), out=old, common_noise=False)
    assert {name: (old / name).read_bytes() for name in final} == final
