"""Finished runs of a packed job, one line each, added the moment they finish."""

from __future__ import annotations

import contextlib
import json
import os
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nascurve.errors import DataFileError
from nascurve.experiments.files import clear_write_errors
from nascurve.experiments.record import RunRecord
from nascurve.locks import locked

_SYNC_EVERY_S = 1.0
_LOCK_WITHIN_S = 1.0


class AtWorkError(DataFileError):
    """Another process holds a journal."""


class Journal:
    """An append-only file of run records, used as a context manager, which holds the file's lock: one process
    at a time is at work on a packed job.

    Every line carries a checksum, so that a line which a crash, a kill or a full disk cut short is
    recognised, dropped, and its run done again; all the others hold. A kill loses no line; a machine that
    loses power may lose those that the system had not written yet.

    Raises DataFileError, AtWorkError.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._held = contextlib.ExitStack()
        self._synced_at_s = 0.0

    def __enter__(self) -> Journal:
        with contextlib.ExitStack() as held, clear_write_errors(self._path):
            self._file = held.enter_context(self._path.open("ab+", buffering=0))
            try:
                held.enter_context(locked(self._file, wait_s=_LOCK_WITHIN_S))
            except BlockingIOError as error:
                raise AtWorkError(f"Another process is at work on {self._path}.") from error
            self._drop_torn_tail()
            self._held = held.pop_all()
        return self

    def __exit__(self, *exception: object) -> None:
        self._held.close()

    def append(self, record: RunRecord) -> None:
        """Add a record. On failure the file is as it was before."""
        line = _encode(record)
        end = self._file.seek(0, os.SEEK_END)
        with clear_write_errors(self._path):
            try:
                while line:  # unbuffered: a nearly full disk may take a part only
                    line = line[self._file.write(line) :]
                now_s = time.monotonic()
                if now_s - self._synced_at_s > _SYNC_EVERY_S:
                    os.fsync(self._file.fileno())
                    self._synced_at_s = now_s
            except OSError:
                os.ftruncate(self._file.fileno(), end)
                raise

    def records(self) -> list[RunRecord]:
        """The records that are whole."""
        return read_journal(self._path)

    def _drop_torn_tail(self) -> None:
        self._file.seek(0)
        content = self._file.read()
        if content and not content.endswith(b"\n"):
            os.ftruncate(self._file.fileno(), content.rfind(b"\n") + 1)


def read_records(content: bytes) -> Iterator[RunRecord]:
    """The whole records of a journal's content."""
    for line in content.split(b"\n"):
        record = _decode(line)
        if record is not None:
            yield record


def read_journal(path: Path) -> list[RunRecord]:
    """The whole records of a journal, without opening it for writing; none if it does not exist."""
    try:
        return list(read_records(path.read_bytes()))
    except FileNotFoundError:
        return []


def _encode(record: RunRecord) -> bytes:
    body = json.dumps(record.to_dict(), separators=(",", ":"), sort_keys=True).encode()
    return b"%08x %s\n" % (zlib.crc32(body), body)


def _decode(line: bytes) -> RunRecord | None:
    checksum, _, body = line.partition(b" ")
    try:
        if int(checksum, 16) != zlib.crc32(body):
            return None
        content: dict[str, Any] = json.loads(body)
        return RunRecord.from_dict(content)
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
