"""`nascurve status`: from the files of a folder alone."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import pytest

from nascurve.errors import DataFileError
from nascurve.experiments import cli
from nascurve.experiments.compare import compare, compare_tasks
from nascurve.experiments.folder import ExperimentFolder
from nascurve.experiments.journal import Journal
from nascurve.experiments.packs import Pack
from nascurve.experiments.store_schema import to_records
from nascurve.experiments.sweep_status import read_status

quick = functools.partial(compare, ["rs"], "synthetic", lce="none", budget_trainings=3, quiet=True)


def _sweep_at_work(folder: Path) -> tuple[Pack, list[Any]]:
    """A folder of six runs, of which two are in a pack that somebody is to go on with."""
    quick(seeds=6, out=folder)
    store = ExperimentFolder(folder).store
    records = sorted(to_records(store.read()), key=lambda record: record.seed)
    store.clear()
    store.append("first", records[:3])
    return Pack.write(folder, "second", [(0, 3), (0, 4), (0, 5)]), records


def test_a_finished_sweep(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    quick(seeds=2, out=tmp_path)
    assert cli.main(["status", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "2 of 2" in said
    assert "nobody" not in said


def test_a_sweep_at_work_elsewhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pack, records = _sweep_at_work(tmp_path)
    with Journal(pack.journal) as journal:
        journal.append(records[3])
        (status,) = read_status(tmp_path)
        assert (status.total, status.done, status.missing, status.running) == (6, 4, 2, 1)
        assert status.rate_per_s > 0
        assert status.left_s == pytest.approx(2 / status.rate_per_s)
        assert cli.main(["status", str(tmp_path)]) == 3
    said = capsys.readouterr().out
    assert "4 of 6" in said
    assert "job second: 1 of 3 runs, at work, last wrote" in said


def test_a_job_of_a_dead_process(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pack, records = _sweep_at_work(tmp_path)
    with Journal(pack.journal) as journal:
        journal.append(records[3])
    (status,) = read_status(tmp_path)
    assert (status.done, status.running) == (4, 0)
    cli.main(["status", str(tmp_path)])
    said = capsys.readouterr().out
    assert "left by a dead process" in said
    assert "nobody is at work" in said


def test_the_holder_is_named(tmp_path: Path) -> None:
    quick(seeds=1, out=tmp_path)
    folder = ExperimentFolder(tmp_path)
    config = folder.read_config()
    assert read_status(tmp_path)[0].at_work == ""
    with folder.opened(config, overwrite=False):
        assert "process " in read_status(tmp_path)[0].at_work


def test_a_study_has_a_row_for_each_benchmark(tmp_path: Path) -> None:
    compare_tasks(
        ["synthetic", "pocket201-digits"],
        ["rs"],
        lce="none",
        seeds=1,
        budget_trainings=3,
        out=tmp_path,
        quiet=True,
    )
    titles = [status.title for status in read_status(tmp_path)]
    assert titles == ["pocket201-digits-v1", "synthetic-v1 (synthetic)"]


def test_a_single_run_is_over_once_its_table_is_there(tmp_path: Path) -> None:
    assert cli.main(["run", "benchmark=synthetic", "budget_trainings=3", f"out={tmp_path}"]) == 0
    assert cli.main(["status", str(tmp_path)]) == 0
    (status,) = read_status(tmp_path)
    assert (status.total, status.done, status.missing) == (1, 1, 0)


def test_a_folder_of_something_else(tmp_path: Path) -> None:
    with pytest.raises(DataFileError, match=r"no config\.yaml"):
        read_status(tmp_path)
    assert cli.main(["status"]) == 2
