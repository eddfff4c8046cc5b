"""Reading of official pickles without running anything that they hold."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from nascurve.benchmarks.files.pickle_machine import FindClass, PickleMachine, UnreadableError
from nascurve.benchmarks.files.pickle_names import NUMPY_NAMES, Name
from nascurve.benchmarks.files.pickle_tree import check_tree
from nascurve.errors import DataFileError

MAX_BYTES = 2**31


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
                check_tree(values[-1], len(data))
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


def _reason(error: Exception) -> str:
    if isinstance(error, UnreadableError | ValueError) and not isinstance(error, UnicodeError):
        return f"{error}"
    if isinstance(error, IndexError | KeyError) or type(error).__name__ == "error":
        return "one that is cut short or damaged"
    return f"one that cannot be read ({type(error).__name__}: {error})"
