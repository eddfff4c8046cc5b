"""A checked container of arrays: an .npz file (zip of .npy) with a JSON document that names and hashes them.

Nothing of a file is trusted: no pickles, and no array is unpacked before its declared size, type and shape
have been found acceptable. Every fault is one DataFileError that says what to do.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import os
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nascurve.errors import DataFileError

Arrays = dict[str, NDArray[Any]]

META = "meta"
"""The member that holds the JSON document, as UTF-8 bytes."""
MAX_BYTES = 2**29
"""Largest file, and largest sum of unpacked arrays, that is read."""
_HEADER_BYTES = 10_000
_KINDS = "biufU"


def write_arrays(
    path: str | os.PathLike[str], arrays: Mapping[str, NDArray[Any]], meta: dict[str, Any]
) -> None:
    """Write arrays and meta, with `meta["arrays"]` added: type, shape and SHA-256 of each.

    The file appears whole or not at all (temporary file, fsync, rename). Same content, same bytes. Raises
    DataFileError for an array of objects, OSError when the disk refuses.
    """
    path = Path(path)
    stored = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    for name, array in stored.items():
        if array.dtype.kind not in _KINDS or array.dtype.byteorder == ">" or name == META:
            raise DataFileError(
                f"{path}: array {name!r} of type {array.dtype} cannot be stored; expected plain "
                "little-endian booleans, numbers or strings, under another name than 'meta'."
            )
    meta = {**meta, "arrays": {name: _describe(array) for name, array in stored.items()}}
    document = np.frombuffer(json.dumps(meta, indent=1, allow_nan=False).encode(), dtype=np.uint8)
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            with zipfile.ZipFile(file, "w") as archive:
                for name, array in ((META, document), *stored.items()):
                    buffer = io.BytesIO()
                    np.lib.format.write_array(buffer, array, allow_pickle=False)
                    archive.writestr(_entry(name), buffer.getvalue(), compresslevel=9)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def digest(arrays: Mapping[str, NDArray[Any]]) -> str:
    """SHA-256 over names, types, shapes and contents, whatever the order of the names."""
    described = {name: _describe(array) for name, array in arrays.items()}
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()


def read_arrays(
    path: str | os.PathLike[str], *, kind: str, format_version: int, remedy: str
) -> tuple[Arrays, dict[str, Any]]:
    """Arrays and meta of a file whose meta says `"format": kind` and no `format_version` above the given one.

    remedy: what the user can do, the end of every message. Raises DataFileError for anything amiss.
    """
    path = Path(path)
    try:
        return _read(path, kind, format_version, remedy)
    except DataFileError:
        raise
    except FileNotFoundError as error:
        raise DataFileError(f"{path}: no such file; expected a {kind!r} file. {remedy}") from error
    except Exception as error:  # a hostile file may upset zipfile, zlib, numpy or json in ways beyond listing
        raise DataFileError(
            f"{path}: cannot be read as a {kind!r} file ({type(error).__name__}: {error}). {remedy}"
        ) from error


def _read(path: Path, kind: str, format_version: int, remedy: str) -> tuple[Arrays, dict[str, Any]]:
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(512)
        if not start.startswith(b"PK"):
            web_page = start.lstrip().lower().startswith((b"<!doctype", b"<html", b"<?xml"))
            what = "a web page" if web_page else "empty" if not start else "not a zip archive"
            raise DataFileError(
                f"{path}: is {what} ({size} bytes); expected a {kind!r} file (.npz). {remedy}"
            )
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            declared = sum(member.file_size for member in members)
            if max(size, declared) > MAX_BYTES:
                raise DataFileError(
                    f"{path}: {size} bytes that claim to unpack to {declared}; at most {MAX_BYTES} are read. "
                    f"{remedy}"
                )
            names = [member.filename for member in members]
            if len(set(names)) != len(names) or _member(META) not in names:
                raise DataFileError(
                    f"{path}: expected a {kind!r} file, a zip archive with {_member(META)} and each array "
                    f"once; it holds {', '.join(names[:12])}. {remedy}"
                )
            meta = json.loads(_array(archive, META, path, None, remedy).tobytes())
            _check_version(path, meta, kind, format_version, remedy)
            described = meta.get("arrays")
            if not isinstance(described, dict) or set(names) != {_member(n) for n in (META, *described)}:
                raise DataFileError(
                    f"{path}: the arrays in the file ({', '.join(names[:12])}) are not those that its meta "
                    f"names. {remedy}"
                )
            arrays = {name: _array(archive, name, path, about, remedy) for name, about in described.items()}
    return arrays, meta


def _check_version(path: Path, meta: Any, kind: str, format_version: int, remedy: str) -> None:
    if not isinstance(meta, dict) or meta.get("format") != kind:
        found = meta.get("format") if isinstance(meta, dict) else type(meta).__name__
        raise DataFileError(f"{path}: expected a {kind!r} file; its meta says {found!r}. {remedy}")
    version = meta.get("format_version")
    if not isinstance(version, int) or version < 1:
        raise DataFileError(f"{path}: format_version is {version!r}; expected a whole number >= 1. {remedy}")
    if version > format_version:
        raise DataFileError(
            f"{path}: has format_version {version}; this nascurve reads up to {format_version}. Upgrade "
            "nascurve (pip install --upgrade nascurve), or get the file in the older format."
        )


def _array(
    archive: zipfile.ZipFile, name: str, path: Path, about: dict[str, Any] | None, remedy: str
) -> NDArray[Any]:
    member = archive.getinfo(_member(name))
    with archive.open(member) as stream:
        version = np.lib.format.read_magic(stream)
        if version == (1, 0):
            header = np.lib.format.read_array_header_1_0(stream, max_header_size=_HEADER_BYTES)
        elif version == (2, 0):
            header = np.lib.format.read_array_header_2_0(stream, max_header_size=_HEADER_BYTES)
        else:
            raise DataFileError(f"{path}: array {name!r} is of .npy version {version}; 1.0 or 2.0. {remedy}")
        shape, fortran, dtype = header
        wanted_bytes = math.prod(shape) * dtype.itemsize
        if dtype.kind not in _KINDS or dtype.hasobject or fortran or wanted_bytes > member.file_size:
            raise DataFileError(
                f"{path}: array {name!r} is declared as {dtype} {shape} in {member.file_size} bytes; "
                f"expected plain values in C order that fit (arrays of objects are never loaded). {remedy}"
            )
        data = stream.read(wanted_bytes + 1)  # bounded, whatever the deflate stream holds; the CRC is checked
    if len(data) != wanted_bytes:
        raise DataFileError(
            f"{path}: array {name!r} has {len(data)} bytes; its header promises {wanted_bytes}. {remedy}"
        )
    array: NDArray[Any] = np.frombuffer(data, dtype=dtype).reshape(shape)
    if about is not None and about != _describe(array):
        raise DataFileError(
            f"{path}: array {name!r} does not match the type, shape or SHA-256 that the file's meta states: "
            f"the file is damaged or was altered. {remedy}"
        )
    return array


def _describe(array: NDArray[Any]) -> dict[str, Any]:
    return {
        "dtype": array.dtype.str,
        "shape": list(array.shape),
        "sha256": hashlib.sha256(np.ascontiguousarray(array).data).hexdigest(),
    }


def _member(name: str) -> str:
    return f"{name}.npy"


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(
        _member(name), date_time=(1980, 1, 1, 0, 0, 0)
    )  # no clock: same content, same bytes
    entry.compress_type = zipfile.ZIP_DEFLATED
    return entry
