"""Folders that one process at a time may write to."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from nascurve.errors import DataFileError


@contextlib.contextmanager
def exclusive(path: Path, what: str) -> Iterator[None]:
    """Hold the lock file `path` for this process; the system lets go of it however the process ends.

    The file is made when it is missing, and never removed nor replaced: a lock belongs to the file itself, so
    that a second process could lock another one of the same name. Its folder must be there. Where the system
    has no such locks (Windows), nobody is kept out.

    what: who holds it, the first sentence of the message, such as "Another nascurve writes to results/x".
    Raises DataFileError when another process holds the file, and when it cannot be opened or locked.
    """
    with contextlib.ExitStack() as held:
        try:
            file = held.enter_context(path.open("ab"))
            held.enter_context(_locked(file.fileno()))
        except BlockingIOError as error:
            raise DataFileError(f"{what}. Wait until it has finished, or give another out=…") from error
        except OSError as error:
            raise DataFileError(
                f"Cannot lock {path}: {error.strerror or error}. Make it writable, or give another out=…"
            ) from error
        yield


@contextlib.contextmanager
def _locked(descriptor: int) -> Iterator[None]:
    try:
        import fcntl
    except ImportError:
        yield
        return
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    try:
        yield
    finally:  # said, not left to closing: forks of this process have the file open too
        fcntl.flock(descriptor, fcntl.LOCK_UN)
