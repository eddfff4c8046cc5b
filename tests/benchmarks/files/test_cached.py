"""When the converted cache is used, made, made anew; and what is said when it cannot be."""

from __future__ import annotations

import logging
import multiprocessing
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from nascurve.benchmarks.files.array_cache import open_cache
from nascurve.benchmarks.files.cached import open_cached, opened_caches
from nascurve.benchmarks.files.card import OfficialCard, OfficialFile
from nascurve.errors import DataFileError

CARD = OfficialCard(
    id="nb999",
    kind="real",
    space="cell201",
    max_epochs=12,
    n_seeds=3,
    files=(
        OfficialFile(name="table.pickle", published="example.org/nb999", bytes=1_950_000_000, sha256="ab12"),
        OfficialFile(name="meta.json", published="the same place"),
    ),
    licence="MIT",
    citation="A. Author. A Paper. 2020.",
    description="A made-up benchmark.",
)


class Folder:
    """Official files, a cache beside them, and a converter that counts its calls."""

    def __init__(self, path: Path) -> None:
        self.cache_dir = path / "cache"
        self.sources = [path / "data" / "table.pickle", path / "data" / "simple"]
        self.sources[1].mkdir(parents=True)
        self.sources[0].write_text("12")
        for i in range(3):
            (self.sources[1] / f"{i}.part-of-it").write_text(str(i))
        self.cache = self.cache_dir / "nb999-table.nascurve"
        self.calls = 0

    def open(self, **changes: object):
        options = {
            "card": CARD,
            "sources": self.sources,
            "cache_dir": self.cache_dir,
            "name": "nb999-table",
            "format_version": 2,
            "convert": self.convert,
        }
        return open_cached(**(options | changes))

    def convert(self):
        self.calls += 1
        value = int(self.sources[0].read_text())
        return {"a": np.arange(value)}, {"note": value}


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def touch_later(path: Path) -> None:
    state = path.stat()
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns + 10**9))


def test_converts_once(folder: Folder, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(3):
        arrays, meta = folder.open()
        assert arrays["a"].tolist() == list(range(12))
        assert meta["note"] == 12
    assert folder.calls == 1
    assert caplog.records == []
    arrays, _ = open_cache(folder.cache, kind="nb999-table", format_version=2, remedy="")
    assert arrays["a"].tolist() == list(range(12))


def test_sources_that_changed_are_converted_anew(folder: Folder, caplog: pytest.LogCaptureFixture) -> None:
    folder.open()
    folder.sources[0].write_text("13")
    touch_later(folder.sources[0])
    assert len(folder.open()[0]["a"]) == 13
    assert "made from other files" in caplog.text
    touch_later(folder.sources[1] / "1.part-of-it")
    folder.open()
    (folder.sources[1] / "3.part-of-it").write_text("3")
    folder.open()
    (folder.sources[1] / "2.part-of-it").rename(folder.sources[1] / "20.part-of-it")
    folder.open()
    assert folder.calls == 5


def test_a_cache_in_the_folder_of_the_sources_is_no_source(folder: Folder) -> None:
    for _ in range(2):
        folder.open(cache_dir=folder.sources[1])
    assert folder.calls == 1


@pytest.mark.parametrize("damage", ["flipped", "cut", "empty", "web page"])
def test_a_damaged_cache_is_made_anew(folder: Folder, damage: str, caplog: pytest.LogCaptureFixture) -> None:
    folder.open()
    whole = folder.cache.read_bytes()
    damaged = {
        "flipped": whole[:80] + b"x" + whole[81:],
        "cut": whole[:-9],
        "empty": b"",
        "web page": b"<html>",
    }
    folder.cache.write_bytes(damaged[damage])
    assert folder.open()[0]["a"].tolist() == list(range(12))
    assert folder.calls == 2
    assert caplog.text.count("The cache is made anew") == 1
    assert folder.cache.read_bytes() == whole


def test_another_version_is_made_anew(folder: Folder) -> None:
    folder.open(format_version=1)
    folder.open()
    assert folder.calls == 2


def test_the_cache_alone_is_enough(folder: Folder) -> None:
    folder.open()
    folder.sources[0].unlink()
    assert folder.open()[1]["note"] == 12
    assert folder.open(sources=[])[1]["note"] == 12
    folder.cache.write_bytes(b"damaged")
    with pytest.raises(
        DataFileError, match=r"nb999-table\.nascurve: expected .*Remove it, .*example.org/nb999"
    ):
        folder.open()


def test_neither_sources_nor_cache(folder: Folder) -> None:
    folder.sources[0].unlink()
    with pytest.raises(DataFileError, match=r"table\.pickle: expected table\.pickle or meta\.json for nb999"):
        folder.open()
    with pytest.raises(DataFileError, match="no data_dir was given"):
        folder.open(sources=[])
    assert folder.calls == 0


def test_a_link_to_nowhere_is_no_source(folder: Folder) -> None:
    folder.open()
    (folder.sources[1] / "link").symlink_to(folder.sources[1] / "nowhere")
    folder.open()
    assert folder.calls == 1


def test_a_failed_conversion_leaves_nothing(folder: Folder) -> None:
    folder.sources[0].write_text("no number")
    with pytest.raises(ValueError, match="invalid literal"):
        folder.open()
    assert [path.name for path in folder.cache_dir.iterdir()] == ["nb999-table.nascurve.lock"]
    folder.sources[0].write_text("12")
    assert folder.open()[1]["note"] == 12


def test_what_a_killed_process_left_is_cleared_away(folder: Folder) -> None:
    folder.cache_dir.mkdir()
    (folder.cache_dir / ".nb999-table.nascurve.k3j2.part").write_bytes(b"half")
    (folder.cache_dir / ".nb999-other.nascurve.k3j2.part").write_bytes(b"half")
    folder.open()
    left = {path.name for path in folder.cache_dir.iterdir()}
    assert left == {"nb999-table.nascurve", "nb999-table.nascurve.lock", ".nb999-other.nascurve.k3j2.part"}


def test_a_cache_dir_that_is_a_file(folder: Folder) -> None:
    folder.cache_dir.write_text("")
    with pytest.raises(DataFileError, match=r"cache of nb999 cannot be written .*Give cache_dir="):
        folder.open()
    assert folder.calls == 0


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() == 0, reason="root writes everywhere")
def test_a_cache_dir_that_is_read_only(folder: Folder) -> None:
    folder.cache_dir.mkdir(mode=0o500)
    with pytest.raises(DataFileError, match=r"cannot be written \(Permission denied\)\. Give cache_dir="):
        folder.open()
    assert folder.calls == 0


def _open_slowly(path: Path) -> tuple[int, int]:
    folder = object.__new__(Folder)
    folder.cache_dir, folder.calls = path / "cache", 0
    folder.sources = [path / "data" / "table.pickle", path / "data" / "simple"]

    def convert():
        time.sleep(0.5)
        return folder.convert()

    arrays, _ = folder.open(convert=convert)
    return folder.calls, len(arrays["a"])


@pytest.mark.skipif(sys.platform == "win32", reason="no locks")
def test_of_several_processes_one_converts(folder: Folder, tmp_path: Path) -> None:
    with multiprocessing.get_context("fork").Pool(4) as pool:
        results = pool.map(_open_slowly, [tmp_path] * 4)
    assert sorted(results) == [(0, 12), (0, 12), (0, 12), (1, 12)]


def test_whoever_waits_says_so(folder: Folder, caplog: pytest.LogCaptureFixture) -> None:
    fcntl = pytest.importorskip("fcntl")
    folder.cache_dir.mkdir()
    script = (
        "import fcntl, sys, time; f = open(sys.argv[1], 'ab'); fcntl.flock(f, fcntl.LOCK_EX); "
        "print('held', flush=True); time.sleep(0.7)"
    )
    lock = folder.cache_dir / "nb999-table.nascurve.lock"
    with subprocess.Popen([sys.executable, "-c", script, str(lock)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        start = time.monotonic()
        folder.open()
        assert time.monotonic() - start > 0.3
    assert fcntl
    assert caplog.text.count("another process converts it; waiting") == 1
    assert caplog.records[0].levelno == logging.WARNING


def test_opened_caches_are_collected(folder: Folder) -> None:
    with opened_caches() as opened:
        folder.open()
        folder.open(name="nb999-more")
    folder.open(name="nb999-later")
    assert list(opened) == [folder.cache, folder.cache_dir / "nb999-more.nascurve"]
    assert opened[folder.cache]["a"].tolist() == list(range(12))


@pytest.mark.perf
def test_a_folder_of_many_files_opens_fast(folder: Folder) -> None:
    for i in range(15_625):
        (folder.sources[1] / f"{i:06d}.pickle.pbz2").touch()
    folder.open()
    times = []
    for _ in range(5):
        start = time.perf_counter()
        folder.open()
        times.append(time.perf_counter() - start)
    print(f"{min(times):.3f} s at best")
    assert min(times) < 0.25


def test_the_card_says_what_to_get(tmp_path: Path) -> None:
    text = "table.pickle (1.95 GB, SHA-256 ab12, example.org/nb999); meta.json (the same place)"
    assert CARD.remedy == f"Get {text}, and give data_dir=, its folder or its path."
    nothing = str(CARD.missing(None))
    assert nothing.startswith(
        "nb999 needs its official data: table.pickle or meta.json; no data_dir was given."
    )
    assert nothing.endswith(CARD.remedy)
    for found, make in {
        "no such file or folder": lambda path: None,
        "an empty folder": Path.mkdir,
        "a file of another kind": Path.touch,
    }.items():
        path = tmp_path / found
        make(path)
        assert f"{path}: expected table.pickle or meta.json for nb999, got {found}." in str(
            CARD.missing(path)
        )
    (tmp_path / "an empty folder" / "readme.txt").touch()
    assert "got a folder with readme.txt" in str(CARD.missing(tmp_path / "an empty folder"))
