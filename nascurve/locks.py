"""Files that one process at a time may hold."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from nascurve.errors import DataFileError

_LOOK_S = 0.2
"""Nobody who only looks holds a lock so long."""


@contextlib.contextmanager
def exclusive(path: Path, what: str) -> Iterator[None]:
    """Hold the lock file `path` for this process; the system lets go of it however the process ends.

    The file is made when it is missing, and never removed nor replaced: a lock belongs to the file itself, so
    that a second process could lock another one of the same name. It says who holds it, or held it last, and
    since when. Its folder must be there. Where the system has no such locks (Windows), nobody is kept out.

    what: who holds it, the first sentence of the message, such as "Another nascurve writes to results/x".
    Raises DataFileError when another process holds the file, with that process and how long it has had it,
    and when it cannot be opened or locked.
    """
    with contextlib.ExitStack() as held:
        try:
            file = held.enter_context(path.open("ab"))
            held.enter_context(locked(file, wait_s=_LOOK_S))
            _sign(file)
        except BlockingIOError as error:
            owner = describe_owner(path)
            raise DataFileError(
                f"{what}{f' ({owner})' if owner else ''}. Wait until it has finished, or give another out=…"
            ) from error
        except OSError as error:
            raise DataFileError(
                f"Cannot lock {path}: {error.strerror or error}. Make it writable, or give another out=…"
            ) from error
        yield


@contextlib.contextmanager
def locked(file: IO[bytes], *, wait_s: float = 0.0, shared: bool = False) -> Iterator[None]:
    """Hold the lock of an open file; try for `wait_s`, since somebody may only be looking (`is_held`).

    shared: together with others that hold it so; for that a file may be open for reading alone.
    Raises BlockingIOError when somebody else holds it, OSError where the file system has no locks."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    deadline_s = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(file.fileno(), (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            if time.monotonic() >= deadline_s:
                raise
            time.sleep(0.02)
    try:
        yield
    finally:  # said, not left to closing: forks of this process have the file open too
        fcntl.flock(file.fileno(), fcntl.LOCK_UN)


def is_held(path: Path) -> bool:
    """Whether a process holds the lock of this file; False when it is missing. To see, the lock is shared for
    a moment: who wants it has to try again, others who look do not notice."""
    try:
        with path.open("rb") as file, locked(file, shared=True):
            return False
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False


def describe_owner(path: Path) -> str:
    """Who holds, or held last, a lock file, and since when; empty where the file does not say."""
    try:
        owner = json.loads(path.read_text(encoding="utf-8"))
        since_s, pid, host = float(owner["since_s"]), int(owner["pid"]), str(owner["host"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(since_s))
    return f"process {pid} on {host}, since {since}, {describe_age(time.time() - since_s)}"


def describe_age(seconds: float) -> str:
    """As in "3 minutes"."""
    for unit_s, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= 2 * unit_s:
            return f"{seconds / unit_s:.0f} {unit}s"
    return f"{max(seconds, 0):.0f} seconds"


def _sign(file: IO[bytes]) -> None:
    owner = {"pid": os.getpid(), "host": socket.gethostname(), "since_s": time.time()}
    file.truncate(0)
    with contextlib.suppress(OSError):  # on a full disk the lock holds all the same
        file.write(json.dumps(owner).encode())
        file.flush()
