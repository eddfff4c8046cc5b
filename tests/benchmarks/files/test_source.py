"""Opening and unpacking of files that nobody vouches for."""

from __future__ import annotations

import bz2
import contextlib
import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nascurve.benchmarks.files.source import (
    bounded_bz2,
    bounded_zip_member,
    checked_json,
    guarded,
    open_source,
)
from nascurve.errors import DataFileError

REMEDY = "Get it again."
WHERE = {"path": "the/file", "remedy": REMEDY}


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "got an empty file"),
        (b"<!DOCTYPE html><html>", "got a web page, so that the download failed"),
        (b"\xef\xbb\xbf\n  <HTML>404", "got a web page"),
        (b"<?xml version='1.0'?><Error>AccessDenied</Error>", "got a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:ab", "got a Git LFS pointer"),
        (b"\x1f\x8b\x08\x00", "got one that begins with 1f 8b 08"),
    ],
)
def test_wrong_files_are_one_clear_error(tmp_path: Path, content: bytes, text: str) -> None:
    path = tmp_path / "meta.pickle.pbz2"
    path.write_bytes(content)
    with pytest.raises(DataFileError) as caught:
        open_source(path, expected="a bz2-compressed pickle", remedy=REMEDY, magic=(b"BZh",))
    message = str(caught.value)
    assert message.startswith(f"{path}: expected a bz2-compressed pickle, {text}")
    assert message.endswith(f"({len(content)} bytes). {REMEDY}")


def test_right_files_begin_at_their_beginning(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"BZh and more")
    with open_source(tmp_path / "x", expected="x", remedy="", magic=(b"PK", b"BZh")) as file:
        assert file.read() == b"BZh and more"
    with open_source(str(tmp_path / "x"), expected="x", remedy="") as file:
        assert file.read() == b"BZh and more"


def test_no_such_file_and_folders(tmp_path: Path) -> None:
    with pytest.raises(DataFileError, match="expected x, got no such file"):
        open_source(tmp_path / "none", expected="x", remedy=REMEDY)
    with pytest.raises(DataFileError, match="expected x, got a folder"):
        open_source(tmp_path, expected="x", remedy=REMEDY)
    (tmp_path / "file").touch()
    with pytest.raises(DataFileError, match=r"file/inner.*(Not a directory|no such file)"):
        open_source(tmp_path / "file" / "inner", expected="x", remedy=REMEDY)


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() == 0, reason="everything is readable to root")
def test_unreadable_files(tmp_path: Path) -> None:
    (tmp_path / "x").touch(mode=0)
    with pytest.raises(DataFileError, match="cannot be read: Permission denied"):
        open_source(tmp_path / "x", expected="x", remedy=REMEDY)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_pipes_do_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x")
    with pytest.raises(DataFileError, match="expected x, got no regular file"):
        open_source(tmp_path / "x", expected="x", remedy=REMEDY)


def unpacked(data: bytes, max_bytes: int = 10**7) -> bytes:
    return bounded_bz2(io.BytesIO(data), max_bytes=max_bytes, **WHERE)


@pytest.mark.parametrize("content", [b"", b"abc", os.urandom(10**6), bytes(10**6)], ids=len)
def test_bz2(content: bytes) -> None:
    assert unpacked(bz2.compress(content)) == content
    assert unpacked(bz2.compress(content) + bz2.compress(b"more")) == content + b"more"
    if content:
        with pytest.raises(
            DataFileError, match=f"the/file: expected at most {len(content) - 1} bytes unpacked"
        ):
            unpacked(bz2.compress(content), len(content) - 1)


def test_damaged_bz2() -> None:
    whole = bz2.compress(os.urandom(1000))
    for n in range(0, len(whole), 7):
        with pytest.raises(
            DataFileError, match="the/file: expected a whole bz2 file, got one that is cut short"
        ):
            unpacked(whole[:n])
    for n in range(4, len(whole) - 1, 11):
        damaged = bytearray(whole)
        damaged[n] ^= 4
        with pytest.raises(DataFileError, match="the/file: expected"):
            unpacked(bytes(damaged))
    with pytest.raises(DataFileError, match="the/file: expected a bz2-compressed file"):
        unpacked(whole + b"trailing")


_BOMB = """
import io, resource, sys
from nascurve.benchmarks.files.source import bounded_bz2
from nascurve.errors import DataFileError
data = open(sys.argv[1], "rb").read()
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 2**26, used + 2**26))
try:
    bounded_bz2(io.BytesIO(data), path="bomb", max_bytes=2**24, remedy="Get it again.")
except DataFileError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits the memory of a process as Linux does")
def test_bz2_bomb_within_memory(tmp_path: Path) -> None:
    """A few kilobytes that unpack to a gigabyte."""
    part = bz2.compress(bytes(10**7))
    (tmp_path / "bomb").write_bytes(part * 100)
    assert (tmp_path / "bomb").stat().st_size < 10**4
    done = subprocess.run(
        [sys.executable, "-c", _BOMB, str(tmp_path / "bomb")], capture_output=True, text=True, check=True
    )
    assert "bomb: expected at most 16777216 bytes unpacked, got more. Get it again." in done.stdout


def zipped(content: bytes, method: int = zipfile.ZIP_DEFLATED) -> io.BytesIO:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        archive.writestr("log.json", content)
    return buffer


def member(buffer: io.BytesIO, name: str = "log.json", max_bytes: int = 10**6) -> bytes:
    with zipfile.ZipFile(buffer) as archive:
        return bounded_zip_member(archive, name, max_bytes=max_bytes, **WHERE)


def test_zip_members() -> None:
    assert member(zipped(b"abc" * 1000)) == b"abc" * 1000
    assert member(zipped(b"")) == b""
    assert member(zipped(b"abc", zipfile.ZIP_STORED)) == b"abc"
    with zipfile.ZipFile(zipped(b"abc")) as archive:
        assert bounded_zip_member(archive, archive.infolist()[0], max_bytes=3, **WHERE) == b"abc"
    with pytest.raises(DataFileError, match="expected a zip archive with other, got one without"):
        member(zipped(b"abc"), "other")
    with pytest.raises(
        DataFileError, match=r"the/file \(log.json\): expected at most 2 bytes unpacked, got 3"
    ):
        member(zipped(b"abc"), max_bytes=2)
    with pytest.raises(DataFileError, match="a stored or deflated member"):
        member(zipped(b"abc", zipfile.ZIP_LZMA))


def test_a_zip_member_that_lies_about_its_size() -> None:
    data = zipped(bytes(10**6)).getvalue()
    assert data.count((10**6).to_bytes(4, "little")) == 2
    lying = data.replace((10**6).to_bytes(4, "little"), (1000).to_bytes(4, "little"))
    with pytest.raises(DataFileError, match=r"the/file.*expected"):
        member(io.BytesIO(lying))
    encrypted = bytearray(data)
    encrypted[data.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(DataFileError, match="a stored or deflated member"):
        member(io.BytesIO(bytes(encrypted)))


def test_flipped_bits_in_a_zip_member() -> None:
    data = zipped(os.urandom(2000)).getvalue()
    for at in range(40, 1900, 50):
        damaged = bytearray(data)
        damaged[at] ^= 16
        with pytest.raises(DataFileError, match=r"the/file: expected a zip archive with log\.json"):
            member(io.BytesIO(bytes(damaged)))


def loaded(data: bytes, **options: object):
    return checked_json(data, **{"max_bytes": 10**7, **WHERE, **options})


def test_json() -> None:
    value = {"a": [1, 2.5, None, "é"], "b": {"c": True}}
    assert loaded(json.dumps(value).encode()) == value
    assert loaded(b"[NaN, -Infinity]")[1] == -float("inf")
    with pytest.raises(DataFileError, match=r"the/file: expected a JSON document.*NaN is not a number"):
        loaded(b"[NaN]", allow_nan=False)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "got an empty file"),
        (b"<html>", "got a web page"),
        (b'{"a": [1, 2', "JSONDecodeError"),
        (b'{"a": 1} x', "JSONDecodeError"),
        (b"\xff\xfe", "UnicodeDecodeError"),
        (b"[" * 10**6, "RecursionError"),
        (b'{"a":' * 10**5, "RecursionError"),
        (b"1" * 10**5, "ValueError"),
        (b"[0]" + b" " * 10**7, "at most 10000000 bytes, got 10000003"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_damaged_json(data: bytes, text: str) -> None:
    with pytest.raises(DataFileError, match=rf"^the/file: expected .*{text}.*Get it again\.$") as caught:
        loaded(data)
    assert len(str(caught.value)) < 400


@given(st.binary(max_size=50))
@settings(max_examples=300, deadline=None)
def test_arbitrary_bytes(data: bytes) -> None:
    for parse in (loaded, unpacked, lambda data: unpacked(b"BZh9" + data)):
        with contextlib.suppress(DataFileError):
            parse(data)


@pytest.mark.parametrize(
    "error", [ValueError("x"), MemoryError(), RecursionError("deep"), KeyError("k"), OSError(5, "io")]
)
def test_guarded_turns_errors_into_one(error: Exception) -> None:
    with (
        pytest.raises(
            DataFileError, match=rf"^the/file: expected a table, .*{type(error).__name__}"
        ) as caught,
        guarded("the/file", "a table", REMEDY),
    ):
        raise error
    assert caught.value.__cause__ is error


def test_guarded_lets_pass() -> None:
    with pytest.raises(DataFileError, match=r"^mine$"), guarded("the/file", "a table", REMEDY):
        raise DataFileError("mine")
    with pytest.raises(KeyboardInterrupt), guarded("the/file", "a table", REMEDY):
        raise KeyboardInterrupt
    with guarded("the/file", "a table", REMEDY):
        pass
