"""Reading of joblib dumps of scikit-learn, LightGBM and SciPy objects, without these and without running
anything.

A joblib dump is a pickle in which the bytes of each numpy array stand between the opcodes, behind the state
of a `NumpyArrayWrapper` that describes them (joblib, `numpy_pickle.py`); optionally all of it is compressed.
The pickle is carried out by our own machine (`files/pickles.py`), which imports and calls nothing.
"""

from __future__ import annotations

import bz2
import lzma
import math
import os
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from nascurve.benchmarks.files.pickles import read_pickle
from nascurve.benchmarks.files.source import guarded, open_source
from nascurve.errors import DataFileError

_EXPECTED = "a joblib dump of a surrogate model"
_PACKAGES = frozenset(("sklearn", "lightgbm", "scipy", "joblib", "numpy", "collections"))
_BUILTINS = frozenset(("getattr", "object", "range", "slice", "complex"))
_WRAPPERS = (
    ("joblib.numpy_pickle", "NumpyArrayWrapper"),
    ("sklearn.externals.joblib.numpy_pickle", "NumpyArrayWrapper"),
)
_DICTS = frozenset(
    (("collections", "defaultdict"), ("collections", "OrderedDict"), ("collections", "Counter"))
)
_MAX_BYTES = 2**31
_MAX_DIMENSIONS = 8
_CHUNK = 2**18
_GROWTH = 60  # zlib at its best makes text of numbers about 4 times smaller, and a bomb 1000 times
_ALWAYS_ALLOWED = 2**24


class Inert:
    """What stands for an object in a dump: its class by name, the arguments it was made with, and its state.

    It has no behaviour. `get` looks its attributes up under several spellings.
    """

    __slots__ = ("args", "module", "name", "state")

    def __init__(self, module: str, name: str, args: tuple[Any, ...]) -> None:
        self.module = module
        self.name = name
        self.args = args
        self.state: dict[Any, Any] = {}

    def __setstate__(self, state: Any) -> None:
        self.state = state if type(state) is dict else {}  # no class that we look into has another state

    def __repr__(self) -> str:
        return f"<{self.module}.{self.name}, not loaded>"

    def get(self, *names: str) -> Any:
        """The first of the attributes that is there; None when none is."""
        return next((self.state[name] for name in names if name in self.state), None)


def of_class(value: Any, name: str) -> Inert:
    """An inert object of the class with that name. Raises ValueError for anything else."""
    if not isinstance(value, Inert) or value.name != name:
        raise ValueError(f"{value!r:.80} where a {name} belongs")
    return value


def read_joblib(path: str | os.PathLike[str], *, remedy: str) -> Any:
    """The value of a dump: plain values, numpy numbers and arrays, and `Inert` for all other objects.

    Uncompressed, and compressed by zlib, gzip, bz2, lzma and xz; written by joblib 0.10 and later, pickle
    protocols 2 to 5. Arrays are of f4, f8, i1, i2, i4, i8, u1 or b1, fit into the file and belong to the
    caller. Objects may refer to each other in circles. Memory stays within a few times the unpacked data,
    which may be 60 times the file and 2 GB at most.

    Raises DataFileError for whatever else: names of other packages than numpy, joblib, scikit-learn,
    LightGBM and SciPy (nothing is run), arrays of objects, arrays that claim to be larger than the file,
    damage.
    """
    path = Path(path)
    with open_source(path, expected=_EXPECTED, remedy=remedy) as file:
        data = _unpacked(file, path, remedy)
    return read_pickle(
        data,
        path=path,
        remedy=remedy,
        find_class=_StandIns().get,
        inline=_ArrayReader(data),
        max_bytes=_MAX_BYTES,
    )


class _StandIns:
    """One stand-in for each name, so that equal names are the same object."""

    def __init__(self) -> None:
        self._made: dict[tuple[str, str], Callable[..., Any]] = {}

    def get(self, module: str, name: str) -> Callable[..., Any] | None:
        if module in ("builtins", "__builtin__"):
            if name not in _BUILTINS:
                return None
        elif module.partition(".")[0] not in _PACKAGES:
            return None
        if (module, name) not in self._made:
            if len(module) + len(name) > 200:
                raise ValueError("a name of more than 200 letters")
            self._made[module, name] = _empty_dict if (module, name) in _DICTS else _Maker(module, name)
        return self._made[module, name]


class _Maker:
    """Stands for a class or function; makes an `Inert` that remembers what it would have been called with."""

    def __init__(self, module: str, name: str) -> None:
        self._name = (module, name)

    def __call__(self, *args: Any) -> Inert:
        return Inert(*self._name, args)


def _empty_dict(*_args: Any) -> dict[Any, Any]:
    return {}


class _ArrayReader:
    """Puts the array in the place of its wrapper, see `PickleMachine`."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def __call__(self, wrapper: Any, position: int) -> tuple[Any, int] | None:
        if not isinstance(wrapper, Inert) or (wrapper.module, wrapper.name) not in _WRAPPERS:
            return None
        dtype, shape, order = wrapper.get("dtype"), wrapper.get("shape"), wrapper.get("order")
        if not isinstance(dtype, np.dtype) or dtype.hasobject:
            raise ValueError("an array of something else than numbers")
        if order not in ("C", "F") or type(shape) is not tuple or len(shape) > _MAX_DIMENSIONS:
            raise ValueError("an array without a shape and an order")
        lengths = [_whole(length) for length in shape]
        data = self._data
        if wrapper.get("numpy_array_alignment_bytes") is not None:  # since joblib 1.2
            position += 1 + data[position]
        # a single length beyond the data is refused before any product is formed
        if any(not 0 <= length <= len(data) for length in lengths):
            raise ValueError(f"an array of shape {tuple(lengths)} in a file of {len(data)} bytes")
        n_bytes = math.prod(lengths) * dtype.itemsize
        if n_bytes > len(data) - position:
            raise ValueError(f"an array of {n_bytes} bytes where {max(0, len(data) - position)} are left")
        flat = np.frombuffer(data, dtype, math.prod(lengths), position).copy()
        return flat.reshape(lengths, order=order), position + n_bytes


def _whole(length: Any) -> int:
    if isinstance(length, np.integer):
        return int(length)
    if type(length) is not int:
        raise ValueError(f"an array with a length of type {type(length).__name__}")
    return length


def _unpacked(file: BinaryIO, path: Path, remedy: str) -> bytes:
    """All of the file, decompressed where it is compressed."""
    with guarded(path, _EXPECTED, remedy):
        size = os.fstat(file.fileno()).st_size
        if size > _MAX_BYTES:
            raise DataFileError(
                f"{path}: expected {_EXPECTED} of at most {_MAX_BYTES} bytes, got {size}. {remedy}"
            )
        start = file.read(6)
        file.seek(0)
        make = next((make for magic, make in _DECOMPRESSORS if start.startswith(magic)), None)
        if make is None:
            return file.read()
        most = min(_MAX_BYTES, _ALWAYS_ALLOWED + _GROWTH * size)
        parts: list[bytes] = []
        decompressor = make()
        n_bytes = 0
        while not decompressor.eof:
            packed = file.read(_CHUNK) if decompressor.needs_input else b""
            part = decompressor.decompress(packed, _CHUNK)
            if not part and not packed and decompressor.needs_input and not decompressor.eof:
                raise DataFileError(f"{path}: expected {_EXPECTED}, got one that is cut short. {remedy}")
            n_bytes += len(part)
            if n_bytes > most:
                raise DataFileError(
                    f"{path}: expected {_EXPECTED} of at most {most} bytes unpacked, got more. {remedy}"
                )
            parts.append(part)
        return b"".join(parts)


class _Zlib:
    """zlib's decompressor with the interface of those of bz2 and lzma."""

    def __init__(self, wbits: int) -> None:
        self._inner = zlib.decompressobj(wbits)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def needs_input(self) -> bool:
        return not self._inner.unconsumed_tail

    def decompress(self, packed: bytes, max_length: int) -> bytes:
        return self._inner.decompress(self._inner.unconsumed_tail + packed, max_length)


def _lzma() -> lzma.LZMADecompressor:
    return lzma.LZMADecompressor(memlimit=2**28)


_DECOMPRESSORS: tuple[tuple[bytes, Callable[[], Any]], ...] = (
    (b"\x1f\x8b", lambda: _Zlib(31)),
    (b"BZh", bz2.BZ2Decompressor),
    (b"\xfd7zXZ\x00", _lzma),
    (b"\x5d\x00", _lzma),
    (b"x", lambda: _Zlib(15)),
)
