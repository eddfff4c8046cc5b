"""Finished runs survive crashes, kills and full disks; torn lines are recognised."""

import dataclasses
import errno
import os
from pathlib import Path
from typing import Any

import pytest

from nascurve.errors import DataFileError
from nascurve.experiments import journal as journal_module
from nascurve.experiments.journal import Journal, read_journal
from nascurve.experiments.record import RunRecord

COLUMNS = ("time_s", "epochs", "evaluations", "val_acc", "test_acc", "regret")
WHOLE = ("epochs", "evaluations")


def record(seed: int, regret: float = 0.1) -> RunRecord:
    return RunRecord(
        optimizer="rs",
        lce="none",
        seed=seed,
        trajectory={name: [1, 2] if name in WHOLE else [regret, 2.0] for name in COLUMNS},
        total_evaluations=2,
        total_epochs=64,
        total_time_s=2.0,
        decision_s=0.0,
        wall_s=0.1,
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "runs.jsonl"
    with Journal(path) as journal:
        for seed in range(3):
            journal.append(record(seed, regret=1 / 3))
    return path


def test_what_was_appended_is_read_back_exactly(path: Path) -> None:
    assert read_journal(path) == [record(seed, regret=1 / 3) for seed in range(3)]
    assert read_journal(path.with_name("missing")) == []


def test_failed_runs_and_architectures_are_kept(tmp_path: Path) -> None:
    failed = dataclasses.replace(
        record(0), status="failed", error="ValueError: ä", traceback="line 1\nline 2"
    )
    with_archs = dataclasses.replace(record(1), archs=["|a~0|", "|b~0|"])
    with Journal(tmp_path / "j") as journal:
        journal.append(failed)
        journal.append(with_archs)
    assert read_journal(tmp_path / "j") == [failed, with_archs]


def test_two_processes_are_not_at_work_on_one_journal(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "_LOCK_WITHIN_S", 0.05)
    with Journal(path) as journal:
        with (
            pytest.raises(DataFileError, match=r"Another process is at work on .*runs\.jsonl"),
            Journal(path),
        ):
            pass
        journal.append(record(3))
    with Journal(path) as journal:
        assert [one.seed for one in journal.records()] == [0, 1, 2, 3]


def test_nan_survives(tmp_path: Path) -> None:
    with Journal(tmp_path / "j") as journal:
        journal.append(record(0, regret=float("nan")))
    (one,) = read_journal(tmp_path / "j")
    assert one.trajectory["regret"][0] != one.trajectory["regret"][0]


@pytest.mark.parametrize("cut", [1, 2, 50, 200])
def test_a_torn_last_line_is_dropped_and_does_not_spoil_the_next(path: Path, cut: int) -> None:
    path.write_bytes(path.read_bytes()[:-cut])
    assert [one.seed for one in read_journal(path)] == [0, 1] if cut > 1 else [0, 1, 2]
    with Journal(path) as journal:
        kept = [one.seed for one in journal.records()]
        journal.append(record(7))
        assert [one.seed for one in journal.records()] == [*kept, 7]


def test_a_line_with_a_flipped_byte_is_not_believed(path: Path) -> None:
    lines = path.read_bytes().split(b"\n")
    lines[1] = lines[1].replace(b'"total_epochs":64', b'"total_epochs":65')
    path.write_bytes(b"\n".join(lines))
    assert [one.seed for one in read_journal(path)] == [0, 2]


def test_a_file_of_zeros_as_after_a_power_cut(path: Path) -> None:
    path.write_bytes(path.read_bytes() + bytes(100))
    with Journal(path) as journal:
        journal.append(record(3))
        assert [one.seed for one in journal.records()] == [0, 1, 2, 3]


@pytest.mark.parametrize("taken", [0, 100])
def test_a_full_disk_leaves_the_file_as_it_was(
    path: Path, taken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the disk takes a part of a line."""
    before = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    class NearlyFull:
        def __init__(self, file: Any) -> None:
            self._file = file
            self.room = taken

        def write(self, line: bytes) -> int:
            if not self.room:
                full()
            written = self._file.write(line[: self.room])
            self.room = 0
            return int(written)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._file, name)

    with Journal(path) as journal:
        whole = journal._file
        journal._file = NearlyFull(whole)  # type: ignore[assignment]
        with pytest.raises(DataFileError, match=r"disk is full .* Free some space"):
            journal.append(record(3))
        journal._file = whole
        assert path.read_bytes() == before
        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(DataFileError, match=r"disk is full .* Free some space"):
            journal.append(record(3))
        monkeypatch.undo()
        assert path.read_bytes() == before
        journal.append(record(4))
    assert [one.seed for one in read_journal(path)] == [0, 1, 2, 4]
