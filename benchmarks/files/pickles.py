"""Reading of official pickles without running anything that they hold."""

from __future__ import annotations

import mmap
import os
import re
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from nascurve.benchmarks.files.pickle_machine import FindClass, PickleMachine, UnreadableError
from nascurve.benchmarks.files.pickle_names import DTYPES, NUMPY_NAMES, SCALARS, Name
from nascurve.benchmarks.files.source import bounded_zip_member, guarded, open_source
from nascurve.errors import DataFileError

MAX_BYTES = 2**31
MAX_TORCH_BYTES = 2**33
_TORCH_MAGIC = bytes.fromhex("80028a0a6cfc9c46f9206aa85019")
_TORCH_MEMBER = re.compile(r"[^/]+/data\.pkl")
_MAX_DEPTH = 100
_CONTAINERS = frozenset((dict, OrderedDict, list, tuple, set, frozenset))
_LEAVES = (
    SCALARS
    | {bytearray, np.ndarray}
    | {type(dtype) for dtype in DTYPES.values()}
    | {dtype.type for dtype in DTYPES.values()}
)


def read_pickle(
    data: bytes | memoryview,
    *,
    path: str | os.PathLike[str],
    remedy: str,
    allowed: frozenset[Name] = NUMPY_NAMES,
    find_class: FindClass | None = None,
    inline: Callable[[Any, int], tuple[Any, int] | None] | None = None,
    max_bytes: int = MAX_BYTES,
    several: bool = False,
) -> Any:
    """The value of a pickle (protocols 2 to 5); with `several`, the list of all that follow each other.

    Values are None, bool, int, float, str, bytes, bytearray, list, tuple, dict, OrderedDict, set, frozenset,
    and numpy numbers, arrays and types of f4, f8, i1, i2, i4, i8, u1, b1. They form a tree: no value contains
    itself, at most 100 levels, and not much larger when written out than the data (no "billion laughs").
    Nothing that the data name is imported or called: see `pickle_machine`. Memory stays within some 60 times
    the data, for hostile ones too.

    path: named in messages only. remedy: what the user can do, the end of each message.
    allowed: the names (module, name) that may occur, of `pickle_names.STAND_INS`.
    find_class: asked for each other name, see `PickleMachine`; with it the value is not checked to be a tree.
    inline: see `PickleMachine`. max_bytes: largest `data`.

    Raises DataFileError for anything else: other names, persistent ids, nonsense, data cut short or too long.
    """
    name = os.fspath(path)
    if len(data) > max_bytes:
        raise DataFileError(
            f"{name}: expected a pickle of at most {max_bytes} bytes, got {len(data)}. {remedy}"
        )
    machine = PickleMachine(data, allowed=allowed, find_class=find_class, inline=inline)
    values: list[Any] = []
    try:
        while several or not values:
            values.append(machine.load())
            if find_class is None:
                _check_tree(values[-1], len(data))
            if several and machine.position == len(data):
                return values
        if machine.position != len(data):
            raise UnreadableError(f"{len(data) - machine.position} bytes behind its end")
    except Exception as error:
        reason = _reason(error)
        raise DataFileError(
            f"{name}: expected a pickle of plain values and numpy arrays, got {reason} (near byte "
            f"{machine.position} of {len(data)}). {remedy}"
        ) from error
    return values[0]


def read_torch_pickle(
    path: str | os.PathLike[str],
    *,
    remedy: str,
    allowed: frozenset[Name] = NUMPY_NAMES,
    max_bytes: int = MAX_TORCH_BYTES,
) -> Any:
    """The object that `torch.save` wrote to a file, where it holds no tensors; without torch.

    Both containers are read: the zip archive of today (`<name>/data.pkl`) and the older five pickles in
    sequence (magic number, protocol version, facts about the machine, the object, list of storages). Values
    and errors as in `read_pickle`; a tensor (a persistent id) is refused. The older container is
    memory-mapped, so that the file itself takes no memory. max_bytes: of the file, and of data.pkl unpacked.
    """
    expected = "a file of torch.save"
    name = os.fspath(path)
    with open_source(path, expected=expected, remedy=remedy, magic=(b"PK\x03\x04", _TORCH_MAGIC)) as file:
        size = os.fstat(file.fileno()).st_size
        if size > max_bytes:
            raise DataFileError(
                f"{name}: expected {expected} of at most {max_bytes} bytes, got {size}. {remedy}"
            )
        if file.read(2) != b"PK":
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped, memoryview(mapped) as view:
                return _torch_sequence(view, name, remedy, allowed)
        file.seek(0)
        with guarded(path, expected, remedy), zipfile.ZipFile(file) as archive:
            inner = [member for member in archive.infolist() if _TORCH_MEMBER.fullmatch(member.filename)]
            if len(inner) != 1:
                raise DataFileError(
                    f"{name}: expected {expected}, got a zip archive without data.pkl. {remedy}"
                )
            data = bounded_zip_member(archive, inner[0], path=path, max_bytes=max_bytes, remedy=remedy)
        return read_pickle(data, path=path, remedy=remedy, allowed=allowed, max_bytes=max_bytes)


def _torch_sequence(data: memoryview, name: str, remedy: str, allowed: frozenset[Name]) -> Any:
    parts = read_pickle(data, path=name, remedy=remedy, allowed=allowed, max_bytes=len(data), several=True)
    if len(parts) != 5 or parts[1] != 1001 or type(parts[2]) is not dict or parts[4] != []:
        raise DataFileError(
            f"{name}: expected the five parts that torch.save writes for values without tensors, got "
            f"{len(parts)} parts or others. {remedy}"
        )
    return parts[3]


def _reason(error: Exception) -> str:
    if isinstance(error, UnreadableError | ValueError) and not isinstance(error, UnicodeError):
        return f"{error}"
    if isinstance(error, IndexError | KeyError) or type(error).__name__ == "error":
        return "one that is cut short or damaged"
    return f"one that cannot be read ({type(error).__name__}: {error})"


def _check_tree(value: Any, n_bytes: int) -> None:
    """Raises UnreadableError for other types, nesting beyond 100 levels (so for a value that holds itself),
    and for much more than the data when each value is counted wherever it stands: to walk, print or compare
    what was read costs no more than that."""
    left = 4 * n_bytes + 10_000
    path: list[Iterator[Any]] = [iter([value] if type(value) not in _LEAVES else [])]
    while path:
        container = next(path[-1], None)
        if container is None:
            path.pop()
            continue
        kind = type(container)
        if kind not in _CONTAINERS:
            raise UnreadableError(f"a value of type {kind.__name__}")
        left -= 1 + len(container)
        if left < 0:
            raise UnreadableError("values that hold each other over and over")
        inner = [item for item in container if type(item) not in _LEAVES]
        if kind is dict or kind is OrderedDict:
            inner += [item for item in container.values() if type(item) not in _LEAVES]
        if inner:
            if len(path) == _MAX_DEPTH:
                raise UnreadableError(f"values nested more than {_MAX_DEPTH} deep")
            path.append(iter(inner))
