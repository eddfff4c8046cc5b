"""Finished runs survive crashes, kills and full disks; torn lines are recognised."""

import errno
import os
from pathlib import Path

import pytest

from nascurve.errors import DataFileError
from nascurve.experiments.journal import Journal, read_records
from nascurve.experiments.record import RunRecord

COLUMNS = ("time_s", "epochs", "evaluations", "val_acc", "test_acc", "regret")


def record(seed: int, regret: float = 0.1) -> RunRecord:
    return RunRecord(
        optimizer="rs",
        lce="none",
        seed=seed,
        trajectory={name: [regret, 2.0] for name in COLUMNS},
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
    records = list(read_records(path))
    assert [one.seed for one in records] == [0, 1, 2]
    assert records[1].trajectory["regret"] == [1 / 3, 2.0]


def test_nan_survives(tmp_path: Path) -> None:
    with Journal(tmp_path / "j") as journal:
        journal.append(record(0, regret=float("nan")))
    (one,) = read_records(tmp_path / "j")
    assert one.trajectory["regret"][0] != one.trajectory["regret"][0]


@pytest.mark.parametrize("cut", [1, 2, 50, 200])
def test_a_torn_last_line_is_dropped_and_does_not_spoil_the_next(path: Path, cut: int) -> None:
    path.write_bytes(path.read_bytes()[:-cut])
    assert [one.seed for one in read_records(path)] == [0, 1] if cut > 1 else [0, 1, 2]
    with Journal(path) as journal:
        kept = [one.seed for one in journal.records()]
        journal.append(record(7))
        assert [one.seed for one in journal.records()] == [*kept, 7]


def test_a_line_with_a_flipped_byte_is_not_believed(path: Path) -> None:
    lines = path.read_bytes().split(b"\n")
    lines[1] = lines[1].replace(b'"total_epochs":64', b'"total_epochs":65')
    path.write_bytes(b"\n".join(lines))
    assert [one.seed for one in read_records(path)] == [0, 2]


def test_a_file_of_zeros_as_after_a_power_cut(path: Path) -> None:
    path.write_bytes(path.read_bytes() + bytes(100))
    with Journal(path) as journal:
        journal.append(record(3))
        assert [one.seed for one in journal.records()] == [0, 1, 2, 3]


def test_a_full_disk_leaves_the_file_as_it_was(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = path.read_bytes()

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with Journal(path) as journal:
        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(DataFileError, match=r"disk is full .* Free some space"):
            journal.append(record(3))
        monkeypatch.undo()
        assert path.read_bytes() == before
        journal.append(record(4))
    assert [one.seed for one in read_records(path)] == [0, 1, 2, 4]
