"""The memory-mapped cache: what comes out, what stays in memory, and that damage is found."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import subprocess
import sys
import time
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest

from nascurve.benchmarks.files import array_cache
from nascurve.benchmarks.files.array_cache import open_cache, write_cache
from nascurve.errors import DataFileError

ARRAYS = {
    "acc": np.linspace(0, 1, 60, dtype="f4").reshape(3, 4, 5),
    "fortran": np.asfortranarray(np.arange(12.0).reshape(3, 4)),
    "counts": np.arange(7, dtype="u1"),
    "names": np.array(["a", "bcé€😀", ""]),
    "codes": np.array([b"a", b"bcd"]),
    "flags": np.array([True, False, True]),
    "one": np.array(2.5),
    "empty": np.zeros((0, 3), "i8"),
    "strided": np.arange(20, dtype="i2")[::3],
}
META = {"format": "made-up", "format_version": 3, "about": {"é": [1, 2.5, None, "x"]}}


def opened(path: Path, **changes: object):
    return open_cache(path, **{"kind": "made-up", "format_version": 3, "remedy": "Make it again.", **changes})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_cache(tmp_path / "x.nascurve", ARRAYS, META)
    return tmp_path / "x.nascurve"


def test_what_was_written_comes_out(path: Path) -> None:
    arrays, meta = opened(path)
    assert meta == META
    assert list(arrays) == list(ARRAYS)
    for name, array in arrays.items():
        assert array.dtype == ARRAYS[name].dtype
        assert array.shape == ARRAYS[name].shape
        assert np.array_equal(array, ARRAYS[name])
        assert not array.flags.writeable
        with pytest.raises(ValueError, match="WRITEABLE"):
            array.setflags(write=True)
        assert array.size == 0 or array.ctypes.data % 64 == 0


def test_same_content_same_bytes_and_nothing_else_in_the_folder(path: Path) -> None:
    write_cache(path.with_name("y.nascurve"), ARRAYS, META)
    assert path.read_bytes() == path.with_name("y.nascurve").read_bytes()
    assert {entry.name for entry in path.parent.iterdir()} == {"x.nascurve", "y.nascurve"}
    assert path.stat().st_mode & 0o777 == 0o644


def test_arrays_outlive_the_file_that_is_replaced(path: Path) -> None:
    arrays, _ = opened(path)
    write_cache(path, {"other": np.zeros(3)}, META)
    assert np.array_equal(arrays["acc"], ARRAYS["acc"])
    assert list(opened(path)[0]) == ["other"]


def test_every_flipped_bit_is_found(path: Path) -> None:
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for at in {*range(64), *rng.integers(len(whole), size=400).tolist()}:
        damaged = bytearray(whole)
        damaged[at] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        with pytest.raises(DataFileError, match=r"x\.nascurve: expected a nascurve cache.*Make it again\.$"):
            opened(path)


def test_every_cut_is_found(path: Path) -> None:
    whole = path.read_bytes()
    for n in [*range(0, len(whole), 37), len(whole) - 1]:
        path.write_bytes(whole[:n])
        with pytest.raises(DataFileError, match=r"x\.nascurve: expected a nascurve cache"):
            opened(path)
    path.write_bytes(whole + b"\0")
    with pytest.raises(DataFileError, match=r"x\.nascurve: expected a nascurve cache"):
        opened(path)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"kind": "another"}, "got 'made-up', version 3"),
        ({"format_version": 4}, "version 4, got 'made-up', version 3"),
    ],
)
def test_another_kind_or_version(path: Path, change: dict[str, object], text: str) -> None:
    with pytest.raises(DataFileError, match=text):
        opened(path, **change)


@pytest.mark.parametrize(
    "array",
    [np.array([None]), np.zeros(2, ">f8"), np.zeros(2, "V8"), np.zeros(2, complex), np.zeros(2, "M8[s]")],
    ids=lambda array: array.dtype.str,
)
def test_only_plain_arrays_are_written(tmp_path: Path, array: np.ndarray) -> None:
    with pytest.raises(DataFileError, match=r"x: array 'a' of type .* cannot be stored"):
        write_cache(tmp_path / "x", {"a": array}, META)
    assert list(tmp_path.iterdir()) == []


def forge(path: Path, **about: object) -> None:
    """A cache whose checksums are right, but which describes its one array otherwise than the writer does."""
    write_cache(path, {"a": np.arange(16.0)}, META)
    data = path.read_bytes()
    _, offset, _, _, _ = array_cache._START.unpack_from(data)
    document = json.loads(data[offset:])
    document["arrays"]["a"] |= about
    text = json.dumps(document).encode()
    start = array_cache._START.pack(
        array_cache._MAGIC, offset, len(text), offset + len(text), zlib.crc32(text)
    )
    start += array_cache._CRC.pack(zlib.crc32(start)) + bytes(16)
    path.write_bytes(start + data[64:offset] + text)


@pytest.mark.parametrize(
    "about",
    [
        {"shape": [10**12]},
        {"shape": [-1, -16]},
        {"shape": [2.0, 8]},
        {"shape": "16"},
        {"dtype": "O"},
        {"dtype": "|O"},
        {"dtype": "V8"},
        {"dtype": ">f8"},
        {"dtype": "<U0"},
        {"dtype": [["x", "<f8"]]},
        {"dtype": None},
        {"offset": 128},
        {"offset": -64},
        {"offset": 10**9},
        {"crc32": 0},
        {"shape": [32], "dtype": "<U1"},
    ],
    ids=str,
)
def test_forged_descriptions(tmp_path: Path, about: dict[str, object]) -> None:
    forge(tmp_path / "x")
    assert np.array_equal(opened(tmp_path / "x")[0]["a"], np.arange(16.0))
    forge(tmp_path / "x", **about)
    with pytest.raises(DataFileError, match="x: expected a nascurve cache"):
        opened(tmp_path / "x")


def test_a_full_disk_is_one_clear_error_and_leaves_nothing(tmp_path: Path, monkeypatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    write_cache(tmp_path / "x", {"a": np.zeros(2)}, META)
    before = (tmp_path / "x").read_bytes()
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(
        DataFileError, match=r"x: cannot be written: the disk is full\. Free some space.*cache_dir="
    ):
        write_cache(tmp_path / "x", {"a": np.ones(2)}, META)
    assert (tmp_path / "x").read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["x"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a file system of limited size")
def test_a_file_size_limit_is_one_clear_error(tmp_path: Path) -> None:
    script = """
import resource, signal, sys, numpy as np
from nascurve.benchmarks.files.array_cache import write_cache
from nascurve.errors import DataFileError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, 2**20))
try:
    write_cache(sys.argv[1], {"a": np.zeros(2**20)}, {})
except DataFileError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "x")], capture_output=True, text=True, check=True
    )
    assert f"{tmp_path / 'x'}: cannot be written: the disk is full" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_no_such_folder(tmp_path: Path) -> None:
    with pytest.raises(DataFileError, match="cannot be written: No such file or directory"):
        write_cache(tmp_path / "none" / "x", {}, META)


_MEMORY = """
import sys
from nascurve.benchmarks.files.array_cache import open_cache
def peak():
    return int(next(l for l in open("/proc/self/status") if l.startswith("VmHWM")).split()[1]) / 1024
start = peak()
arrays, _ = open_cache(sys.argv[1], kind="x", format_version=1, remedy="")
assert arrays["big"][500, 3] == 3
print(peak() - start)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads the memory of a process as Linux tells it")
def test_writing_and_opening_take_little_memory(tmp_path: Path) -> None:
    """100 MB, written piece by piece and opened with each byte checked, within 10 MB."""
    big = np.broadcast_to(np.arange(25_000, dtype="f4"), (1000, 25_000))
    tracemalloc.start()
    write_cache(tmp_path / "x", {"big": big, "turned": big.T}, {"format": "x", "format_version": 1})
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 10e6
    done = subprocess.run(
        [sys.executable, "-c", _MEMORY, str(tmp_path / "x")], capture_output=True, text=True, check=True
    )
    assert float(done.stdout) < 10


@pytest.mark.perf
def test_300_mb_open_fast(tmp_path: Path) -> None:
    write_cache(tmp_path / "x", {"a": np.random.default_rng(0).random(300_000_000 // 8)}, META)
    times = []
    for _ in range(5):
        start = time.perf_counter()
        opened(tmp_path / "x")
        times.append(time.perf_counter() - start)
    print(f"300 MB opened in {min(times):.3f} s at best, {np.median(times):.3f} s median")
    assert min(times) < 0.5


@pytest.mark.slow
def test_many_mutations(path: Path) -> None:
    whole = path.read_bytes()
    rng = np.random.default_rng(1)
    for _ in range(2000):
        damaged = bytearray(whole)
        for at in rng.integers(len(whole), size=int(rng.integers(1, 20))):
            damaged[at] = rng.integers(256)
        path.write_bytes(damaged)
        with contextlib.suppress(DataFileError):
            arrays, meta = opened(path)
            assert meta == META
            assert all(np.array_equal(array, ARRAYS[name]) for name, array in arrays.items())
