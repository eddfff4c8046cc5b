"""Files that are there whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from nascurve.errors import DataFileError


def write_atomically(path: Path, write: Callable[[Path], object], *, suffix: str | None = None) -> None:
    """Let `write` fill a temporary file next to `path`, and put it in its place once it is on the disk.

    suffix: of the temporary name; None: that of `path`, from which some writers take the format. A kill may
    leave the temporary file behind. Raises DataFileError.
    """
    ending = path.suffix if suffix is None else suffix
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.tmp{ending}")
    with clear_write_errors(path):
        try:
            write(temporary)
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def clear_write_errors(path: Path) -> Iterator[None]:
    """Turns the system's errors into one that says what to do. Raises DataFileError."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise DataFileError(
                f"Cannot write {path}: the disk is full ({error.strerror}). Free some space and give the "
                "same command again: what was done is kept."
            ) from error
        raise DataFileError(
            f"Cannot write {path}: {error.strerror or error}. Make it writable, or give another out=…"
        ) from error
