"""Finished runs, one line each, added the moment they finish."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nascurve.experiments.files import clear_write_errors
from nascurve.experiments.record import RunRecord


class Journal:
    """An append-only file of run records, used as a context manager by one process at a time (the owner of
    the folder, see ExperimentFolder).

    Every line carries a checksum, so that a line which a crash, a kill or a full disk cut short is
    recognised, dropped, and its run done again; all the others hold.

    Raises DataFileError.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> Journal:
        with clear_write_errors(self._path):
            self._file = self._path.open("ab+", buffering=0)
        try:
            self._drop_torn_tail()
        except BaseException:
            self._file.close()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        self._file.close()

    def append(self, record: RunRecord) -> None:
        """Add a record; it is on the disk when this returns. On failure the file is as it was before."""
        line = _encode(record)
        end = self._file.seek(0, os.SEEK_END)
        with clear_write_errors(self._path):
            try:
                while line:  # unbuffered: a nearly full disk may take a part only
                    line = line[self._file.write(line) :]
                os.fsync(self._file.fileno())
            except OSError:
                os.ftruncate(self._file.fileno(), end)
                raise

    def records(self) -> list[RunRecord]:
        """The records that are whole."""
        return list(read_records(self._path))

    def _drop_torn_tail(self) -> None:
        self._file.seek(0)
        content = self._file.read()
        if content and not content.endswith(b"\n"):
            os.ftruncate(self._file.fileno(), content.rfind(b"\n") + 1)


def read_records(path: Path) -> Iterator[RunRecord]:
    """The whole records of a journal, without opening it for writing; nothing if it does not exist."""
    if not path.exists():
        return
    for line in path.read_bytes().split(b"\n"):
        record = _decode(line)
        if record is not None:
            yield record


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
    except (ValueError, TypeError, KeyError):
        return None
