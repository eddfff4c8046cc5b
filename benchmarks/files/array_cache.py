"""The fast cache: one file of plain arrays, aligned and memory-mapped, with a checksum over every byte.

Layout (little-endian):

| bytes | content |
|---|---|
| 0-15 | `nascurve arrays\\n` |
| 16-39 | offset and length of the JSON document, length of the whole file: uint64 each |
| 40-47 | CRC-32 of the document; CRC-32 of bytes 0-43 |
| 48-63 | zero |
| 64 … | arrays, each at a multiple of 64, filled with zeros to the next |
| at the end | the JSON document: meta, with `arrays`: name -> dtype, shape, offset, CRC-32 with its filling |

The checksums find damage, not forgery: a forged cache can hold wrong numbers, but no code and no array that
reaches beyond the file. (`array_file.py` is the compressed container of tables that are shipped.)
"""

from __future__ import annotations

import contextlib
import errno
import json
import math
import mmap
import os
import struct
import tempfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from nascurve.benchmarks.array_file import Arrays
from nascurve.benchmarks.files.source import guarded, open_source
from nascurve.errors import DataFileError

_MAGIC = b"nascurve arrays\n"
_START = struct.Struct("<16sQQQI")
_CRC = struct.Struct("<I")
_ALIGNMENT = 64
_CHUNK = 2**20
_MAX_DOCUMENT = 2**26
_KINDS = "biufUS"
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def write_cache(
    path: str | os.PathLike[str], arrays: Mapping[str, NDArray[Any]], meta: dict[str, Any]
) -> None:
    """Write arrays and meta, which must hold "format" and "format_version" for `open_cache`.

    Arrays go out piece by piece, so that memory-mapped ones are never whole in memory. The file appears
    whole or not at all (temporary file, fsync, rename). Same content, same bytes. Raises DataFileError,
    naming the file, for arrays that are not of plain little-endian values,
    and when the disk is full or refuses.
    """
    path = Path(path)
    for name, array in arrays.items():
        if array.dtype.kind not in _KINDS or array.dtype.byteorder == ">" or array.dtype.itemsize == 0:
            raise DataFileError(
                f"{path}: array {name!r} of type {array.dtype} cannot be stored; expected plain "
                "little-endian booleans, numbers or strings."
            )
    with _replacing(path) as file:
        file.write(bytes(_ALIGNMENT))
        described = {name: _write_array(file, array) for name, array in arrays.items()}
        document = json.dumps({**meta, "arrays": described}, allow_nan=False).encode()
        offset = file.tell()
        file.write(document)
        start = _START.pack(_MAGIC, offset, len(document), offset + len(document), zlib.crc32(document))
        file.seek(0)
        file.write(start + _CRC.pack(zlib.crc32(start)))


def open_cache(
    path: str | os.PathLike[str], *, kind: str, format_version: int, remedy: str
) -> tuple[Arrays, dict[str, Any]]:
    """Read-only arrays over one memory map, and the meta, of a file whose meta says `"format": kind`
    and exactly this `format_version`.

    Every byte is read once and checked, piece by piece; in memory stays only what is used later.
    remedy: what the user can do, the end of every message. Raises DataFileError for anything amiss.
    """
    expected = f"a nascurve cache of {kind!r}, version {format_version}"
    file = open_source(path, expected=expected, remedy=remedy, magic=(_MAGIC,))
    with file, guarded(path, expected, remedy):
        meta, end = _read_meta(file)
        found = (meta.get("format"), meta.get("format_version"))
        if found != (kind, format_version):
            raise DataFileError(
                f"{os.fspath(path)}: expected {expected}, got {found[0]!r}, version {found[1]!r}. {remedy}"
            )
        described = meta.pop("arrays")
        _check_arrays(file, described, end)
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        arrays = {name: _view(mapped, about) for name, about in described.items()}
    return arrays, meta


def _write_array(file: BinaryIO, array: NDArray[Any]) -> dict[str, Any]:
    offset = file.tell()
    crc = 0
    rows = max(1, _CHUNK // max(1, array.itemsize * math.prod(array.shape[1:])))
    pieces = (array[i : i + rows] for i in range(0, len(array), rows)) if array.ndim else iter([array])
    for piece in pieces:
        data = np.ascontiguousarray(piece).reshape(-1).view(np.uint8).data
        crc = zlib.crc32(data, crc)
        file.write(data)
    filling = bytes(-file.tell() % _ALIGNMENT)
    file.write(filling)
    crc = zlib.crc32(filling, crc)
    return {"dtype": array.dtype.str, "shape": list(array.shape), "offset": offset, "crc32": crc}


def _read_meta(file: BinaryIO) -> tuple[dict[str, Any], int]:
    """The document, and where the arrays end. Raises ValueError for damage."""
    start = file.read(_ALIGNMENT)
    magic, offset, length, total, document_crc = _START.unpack_from(start)
    if start[_START.size :] != _CRC.pack(zlib.crc32(start[: _START.size])) + bytes(16) or magic != _MAGIC:
        raise ValueError("its first 64 bytes are damaged")
    size = os.fstat(file.fileno()).st_size
    if not _ALIGNMENT <= offset == total - length or size != total or length > _MAX_DOCUMENT:
        raise ValueError(f"{size} bytes where {total} belong")
    file.seek(offset)
    document = file.read(length)
    if zlib.crc32(document) != document_crc:
        raise ValueError("its description is damaged")
    meta = json.loads(document)
    if not isinstance(meta, dict) or not isinstance(meta.get("arrays"), dict):
        raise ValueError("its description names no arrays")
    return meta, offset


def _check_arrays(file: BinaryIO, described: dict[str, Any], end: int) -> None:
    """Whether the arrays lie one behind the other, of allowed types, and match their checksums."""
    buffer = bytearray(_CHUNK)
    view = memoryview(buffer)
    position = file.seek(_ALIGNMENT)
    for name, about in described.items():
        dtype, shape = np.dtype(about["dtype"]), about["shape"]
        if (
            dtype.kind not in _KINDS
            or dtype.str != about["dtype"]
            or dtype.byteorder == ">"
            or not dtype.itemsize
        ):
            raise ValueError(f"array {name!r} is of type {dtype}")
        if any(type(length) is not int or length < 0 for length in shape):
            raise ValueError(f"array {name!r} has shape {shape}")
        n_bytes = math.prod(shape) * dtype.itemsize
        n_bytes += -n_bytes % _ALIGNMENT
        if about["offset"] != position or position + n_bytes > end:
            raise ValueError(f"array {name!r} reaches beyond its place")
        position += n_bytes
        crc = 0
        while n_bytes:
            piece = view[: min(_CHUNK, n_bytes)]
            if file.readinto(piece) != len(piece):  # type: ignore[attr-defined]  # typing's BinaryIO forgets it
                raise ValueError("it is cut short")
            n_bytes -= len(piece)
            crc = zlib.crc32(piece, crc)
            if dtype.kind == "U" and (np.frombuffer(piece, "<u4") > 0x10FFFF).any():
                raise ValueError(f"array {name!r} holds what is no text")
        if crc != about["crc32"]:
            raise ValueError(f"array {name!r} does not match its checksum")
    if position != end:
        raise ValueError("there are bytes of no array in it")


def _view(mapped: mmap.mmap, about: dict[str, Any]) -> NDArray[Any]:
    shape = about["shape"]
    array: NDArray[Any] = np.frombuffer(mapped, about["dtype"], math.prod(shape), about["offset"]).reshape(
        shape
    )
    return array


@contextlib.contextmanager
def _replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to fill that takes the place of `path` once it is whole and on the disk."""
    temporary: Path | None = None
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
        temporary = Path(name)
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
        temporary = None
    except OSError as error:
        full = error.errno in _DISK_FULL
        raise DataFileError(
            f"{path}: cannot be written: {'the disk is full' if full else error.strerror or error}. "
            f"{'Free some space' if full else 'Make its folder writable'}, or give another cache_dir=."
        ) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
