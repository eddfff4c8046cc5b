"""The few names that a pickle of plain values and numpy arrays refers to, as checked functions of our own.

A pickle gives the name and the arguments; what happens is decided here. No object of another library is
called by a pickle, but for `numpy.ndarray.__setstate__` after its arguments were found to fit.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np

Name = tuple[str, str]
"""Module and name, as they stand in a pickle."""

DTYPES = {code: np.dtype(f"<{code}") for code in ("f4", "f8", "i1", "i2", "i4", "i8", "u1", "b1")}
"""The number types that may occur."""
_STATES = {
    code: (3, "|" if dtype.itemsize == 1 else "<", None, None, None, -1, -1, 0)
    for code, dtype in DTYPES.items()
}
_MAX_DIMENSIONS = 8
_MAX_KEY_PARTS = 1000
SCALARS = frozenset((str, int, float, bytes, bool, type(None)))
"""Types of keys that need no look inside."""


class ArrayClass:
    """Stands for `numpy.ndarray`, which is only ever handed to `_reconstruct`."""


_NDARRAY = ArrayClass()


def hashable(value: object) -> bool:
    """Whether a value can be a key or a member of a set, at a bounded cost of hashing it.

    A few hundred bytes can describe nested tuples whose hash would take years (each holding the one before
    twice), or crash the interpreter (a million deep). The hash of a frozenset is remembered, but to compare
    two that are equal takes as long.
    """
    parts = 0
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if type(item) in SCALARS or isinstance(item, np.generic):
            continue
        if type(item) is not tuple and type(item) is not frozenset:
            return False
        parts += 1 + len(item)
        if parts > _MAX_KEY_PARTS:
            return False
        waiting += item
    return True


def fill(target: dict[Any, Any], items: list[Any]) -> None:
    """Put keys and values in turn into a dictionary. Raises ValueError for a key that must not be hashed."""
    keys = items[::2]
    if len(items) % 2:
        raise ValueError("a key without a value")
    if not SCALARS.issuperset(map(type, keys)):
        _check_keys(keys)
    target.update(zip(keys, items[1::2], strict=True))


def members(items: Any) -> list[Any]:
    """The members of a set. Raises ValueError for one that must not be hashed."""
    if type(items) not in (list, tuple):
        raise ValueError("a set made of something else than a list")
    _check_keys(items)
    return list(items)


def _check_keys(keys: Any) -> None:
    for key in keys:
        if not hashable(key):
            raise ValueError(f"a key of type {type(key).__name__}, or too large")


def set_state(target: object, state: Any) -> None:
    """The opcode BUILD for a numpy type or array. Raises ValueError for what numpy does not write."""
    if isinstance(target, np.dtype):
        if (
            type(state) is not tuple
            or not set(map(type, state)) <= SCALARS
            or state != _STATES[target.str[1:]]
        ):
            raise ValueError(f"a numpy type with a state other than {_STATES[target.str[1:]]}")
    elif isinstance(target, np.ndarray) and target.size == 0 and type(state) is tuple and len(state) == 5:
        version, shape, dtype, fortran, data = state
        if version != 1 or type(fortran) is not bool or not isinstance(dtype, np.dtype):
            raise ValueError("an array with a state that numpy does not write")
        _check_fit(shape, dtype, data)
        filled: Any = target  # numpy's stubs want other types than numpy does
        filled.__setstate__((1, shape, dtype, fortran, bytes(data)))
    else:
        raise ValueError(f"a state for a value of type {type(target).__name__}")


def _check_fit(shape: Any, dtype: np.dtype[Any], data: Any) -> None:
    if type(data) not in (bytes, bytearray):
        raise ValueError(f"an array made of {type(data).__name__}")
    if type(shape) is not tuple or len(shape) > _MAX_DIMENSIONS:
        raise ValueError("an array whose shape is no tuple of a few numbers")
    if any(type(length) is not int or not 0 <= length < 2**31 for length in shape):
        raise ValueError("an array whose shape is no tuple of a few numbers")
    if math.prod(shape) * dtype.itemsize != len(data):
        raise ValueError(f"an array of {dtype} {shape} in {len(data)} bytes")


def _dtype(code: Any, align: Any = False, copy: Any = True) -> np.dtype[Any]:
    if type(code) is not str or code not in DTYPES or type(align) not in (bool, int) or align:
        raise ValueError(f"a numpy type other than {', '.join(DTYPES)}")
    return DTYPES[code]


def _scalar(dtype: Any, data: Any) -> np.generic:
    if not isinstance(dtype, np.dtype) or type(data) is not bytes or len(data) != dtype.itemsize:
        raise ValueError("a numpy number whose bytes do not fit its type")
    value: np.generic = np.frombuffer(data, dtype)[0]
    return value


def _reconstruct(kind: Any, shape: Any, code: Any) -> np.ndarray[Any, Any]:
    if kind is not _NDARRAY or shape != (0,) or code not in (b"b", "b"):
        raise ValueError("an array that is made in another way than numpy's")
    return np.empty(0, np.int8)


def _frombuffer(data: Any, dtype: Any, shape: Any, order: Any) -> np.ndarray[Any, Any]:
    if not isinstance(dtype, np.dtype) or order not in ("C", "F"):
        raise ValueError("an array that is made in another way than numpy's")
    _check_fit(shape, dtype, data)
    return np.frombuffer(bytearray(data), dtype).reshape(shape, order=order)


def _encode(text: Any, encoding: Any) -> bytes:
    if type(text) is not str or type(encoding) is not str or encoding not in ("latin1", "latin-1"):
        raise ValueError("an encoding other than latin1")
    return text.encode("latin1")


def _ordered_dict(items: Any = ()) -> OrderedDict[Any, Any]:
    made: OrderedDict[Any, Any] = OrderedDict()
    if type(items) not in (list, tuple):
        raise ValueError("an OrderedDict made of something else than pairs")
    for pair in items:
        if type(pair) not in (list, tuple) or len(pair) != 2:
            raise ValueError("an OrderedDict made of something else than pairs")
        fill(made, list(pair))
    return made


def _set(items: Any = ()) -> set[Any]:
    return set(members(items))


def _frozenset(items: Any = ()) -> frozenset[Any]:
    return frozenset(members(items))


def _no_bytes() -> bytes:
    """Before protocol 3, empty bytes are written as a call; others go through `_encode`."""
    return b""


def _bytearray(data: Any = b"", encoding: Any = None) -> bytearray:
    """Protocol 2 of older Pythons gives text and its encoding, as in `_encode`."""
    if encoding is not None:
        data = _encode(data, encoding)
    if type(data) is not bytes:
        raise ValueError("a bytearray made of something else than bytes")
    return bytearray(data)


STAND_INS: dict[Name, Callable[..., Any] | ArrayClass] = {
    ("collections", "OrderedDict"): _ordered_dict,
    ("numpy", "dtype"): _dtype,
    ("numpy", "ndarray"): _NDARRAY,
    ("_codecs", "encode"): _encode,
    **{
        (f"numpy.{core}.{module}", name): stand_in
        for core in ("core", "_core")
        for module, name, stand_in in (
            ("multiarray", "scalar", _scalar),
            ("multiarray", "_reconstruct", _reconstruct),
            ("numeric", "_frombuffer", _frombuffer),
        )
    },
    **{
        (module, name): stand_in
        for module in ("builtins", "__builtin__")
        for name, stand_in in (
            ("set", _set),
            ("frozenset", _frozenset),
            ("bytes", _no_bytes),
            ("bytearray", _bytearray),
        )
    },
}
"""What each name does. Both names of numpy's inner module (before and since numpy 2) are known."""
NUMPY_NAMES = frozenset(STAND_INS)
"""Allowed unless a format needs less."""
