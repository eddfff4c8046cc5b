"""A state on disk: JSON with a checksum, written whole or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from pathlib import Path

from nascurve.errors import DataFileError
from nascurve.simulator.types import State

_FORMAT = "nascurve-simulation"
_VERSION = 1


def write_state(path: str | os.PathLike[str], state: State) -> None:
    """Write a state atomically: after a crash, a kill or on a full disk the path holds the old state or the
    new one, whole. Raises DataFileError when it cannot be written."""
    body = _dump(state)
    text = json.dumps({"format": _FORMAT, "version": _VERSION, "sha256": _digest(body)})[:-1]
    target = Path(path)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("w", encoding="utf-8") as file:
            file.write(f'{text}, "state": {body}}}\n')
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
        _sync_folder(target.parent)
    except OSError as error:
        raise DataFileError(
            f"Cannot write the state {target}: {error}. What was saved there before is untouched."
        ) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def read_state(path: str | os.PathLike[str]) -> State:
    """Read a state. Raises DataFileError for a file that is missing, truncated, corrupt, of another kind or
    of a newer format."""
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DataFileError(f"No simulation state at {path}.") from error
    except OSError as error:
        raise DataFileError(f"Cannot read the state {path}: {error}.") from error
    except (ValueError, RecursionError) as error:
        raise DataFileError(
            f"{path}: expected a simulation state (JSON), got a file that is truncated, corrupt or of "
            f"another kind: {error}. Start the run anew, or take an older state."
        ) from error
    if not isinstance(content, dict) or content.get("format") != _FORMAT:
        raise DataFileError(
            f"{path}: expected a file of format {_FORMAT!r}, got another kind of JSON. "
            "Give the path that Simulation.save wrote."
        )
    if content.get("version") != _VERSION:
        raise DataFileError(
            f"{path}: expected version {_VERSION} of the format, got {content.get('version')!r}. "
            "Use the nascurve that wrote it."
        )
    state = content.get("state")
    if not isinstance(state, dict) or content.get("sha256") != _digest(_dump(state)):
        raise DataFileError(
            f"{path}: the checksum does not fit the state: the file is corrupt. Start the run anew, or take "
            "an older state."
        )
    return state


def _dump(state: State) -> str:
    return json.dumps(state, separators=(",", ":"))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _sync_folder(folder: Path) -> None:
    """Make the new name last through a power cut, where the system can open folders."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
