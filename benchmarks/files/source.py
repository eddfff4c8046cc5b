"""Opening and unpacking of files that nobody vouches for: each fault one DataFileError, memory bounded."""

from __future__ import annotations

import bz2
import contextlib
import json
import os
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from nascurve.errors import DataFileError

_CHUNK = 2**18
_PAGES = (b"<!doctype", b"<html", b"<head", b"<?xml")
_LFS = b"version https://git-lfs"
_ZIP_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def open_source(
    path: str | os.PathLike[str], *, expected: str, remedy: str, magic: tuple[bytes, ...] = ()
) -> BinaryIO:
    """Open an official file for reading, at its beginning.

    expected: what it should be, in words, such as "a bz2-compressed pickle". magic: its possible first bytes;
    empty: any. remedy: what the user can do, the end of the message. Raises DataFileError for a file that is
    missing, unreadable, a folder, empty, a web page or Git LFS pointer (a failed download), or without magic.
    """
    path = Path(path)
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):  # opening a pipe would wait for its other end
            _refuse(path, expected, "a folder" if stat.S_ISDIR(mode) else "no regular file", remedy)
        file = path.open("rb")
    except FileNotFoundError as error:
        raise DataFileError(f"{path}: expected {expected}, got no such file. {remedy}") from error
    except OSError as error:
        raise DataFileError(f"{path}: cannot be read: {error.strerror or error}. {remedy}") from error
    try:
        start = file.read(512)
        size = os.fstat(file.fileno()).st_size
        file.seek(0)
        if not start or not (magic and start.startswith(magic)):
            what = _what_came(start)
            if magic and not what:
                what = f"one that begins with {start[: max(map(len, magic))].hex(' ')}"
            if what:
                raise DataFileError(f"{path}: expected {expected}, got {what} ({size} bytes). {remedy}")
    except OSError as error:
        file.close()
        raise DataFileError(f"{path}: cannot be read: {error.strerror or error}. {remedy}") from error
    except BaseException:
        file.close()
        raise
    return file


def _what_came(start: bytes) -> str:
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if not start:
        return "an empty file"
    if text.startswith(_PAGES):
        return "a web page, so that the download failed"
    if text.startswith(_LFS):
        return "a Git LFS pointer instead of the file itself"
    return ""


def bounded_bz2(stream: BinaryIO, *, path: str | os.PathLike[str], max_bytes: int, remedy: str) -> bytes:
    """All of a bz2 stream, unpacked piece by piece.

    Raises DataFileError when it unpacks to more than `max_bytes` (memory stays near that), is cut short,
    damaged, or followed by something else.
    """
    parts: list[bytes] = []
    n_bytes = 0
    decompressor = bz2.BZ2Decompressor()
    with guarded(path, "a bz2-compressed file", remedy):
        packed = stream.read(_CHUNK)
        while True:
            part = decompressor.decompress(packed, max_length=_CHUNK)
            n_bytes += len(part)
            if n_bytes > max_bytes:
                _refuse(path, f"at most {max_bytes} bytes unpacked", "more", remedy)
            parts.append(part)
            packed = b""
            if decompressor.eof:
                packed = decompressor.unused_data or stream.read(_CHUNK)
                if not packed:
                    return b"".join(parts)
                decompressor = bz2.BZ2Decompressor()
            elif decompressor.needs_input:
                packed = stream.read(_CHUNK)
                if not packed:
                    _refuse(path, "a whole bz2 file", "one that is cut short", remedy)


def bounded_zip_member(
    archive: zipfile.ZipFile,
    name: str | zipfile.ZipInfo,
    *,
    path: str | os.PathLike[str],
    max_bytes: int,
    remedy: str,
) -> bytes:
    """One member of a zip archive, unpacked.

    Raises DataFileError when it is absent, holds or claims more than `max_bytes`, is encrypted, packed by
    another method than deflate, cut short, or does not match its checksum.
    """
    with guarded(path, f"a zip archive with {name if isinstance(name, str) else name.filename}", remedy):
        try:
            member = archive.getinfo(name) if isinstance(name, str) else name
        except KeyError:
            _refuse(path, f"a zip archive with {name}", "one without", remedy)
        what = f"{path} ({member.filename})"
        if member.file_size > max_bytes:
            _refuse(what, f"at most {max_bytes} bytes unpacked", f"{member.file_size}", remedy)
        if member.flag_bits & 1 or member.compress_type not in _ZIP_METHODS:
            _refuse(what, "a stored or deflated member", "an encrypted or otherwise packed one", remedy)
        with archive.open(member) as stream:
            data = stream.read(member.file_size + 1)
        if len(data) != member.file_size:
            _refuse(what, f"{member.file_size} bytes", f"{len(data)}", remedy)
    return data


def checked_json(
    data: bytes, *, path: str | os.PathLike[str], max_bytes: int, remedy: str, allow_nan: bool = True
) -> Any:
    """The value of a JSON document in UTF-8.

    allow_nan: whether bare NaN and Infinity may stand in it, as Python writes them. Raises DataFileError for
    one of more than `max_bytes`, for damaged or cut ones, and for nesting beyond Python's recursion limit.
    """
    if len(data) > max_bytes:
        _refuse(path, f"JSON of at most {max_bytes} bytes", f"{len(data)}", remedy)
    what = _what_came(data[:512])
    if what:
        _refuse(path, "a JSON document", what, remedy)
    with guarded(path, "a JSON document", remedy):
        value = json.loads(data.decode(), parse_constant=None if allow_nan else _no_constant)
    return value  # noqa: RET504 -- for mypy a context manager might swallow the exception


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a number")


@contextlib.contextmanager
def guarded(path: str | os.PathLike[str], expected: str, remedy: str) -> Iterator[None]:
    """Turns whatever a parser raises over a damaged file into one DataFileError; DataFileError passes.

    The exception becomes the error's cause. MemoryError and RecursionError count; an interrupt does not.
    """
    try:
        yield
    except DataFileError:
        raise
    except Exception as error:
        reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        raise DataFileError(
            f"{os.fspath(path)}: expected {expected}, got one that cannot be read ({reason:.300}). {remedy}"
        ) from error


def _refuse(path: str | os.PathLike[str], expected: str, got: str, remedy: str) -> NoReturn:
    raise DataFileError(f"{os.fspath(path)}: expected {expected}, got {got}. {remedy}")
