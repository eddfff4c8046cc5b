"""The official files of NAS-Bench-201 and NATS-Bench, and the entries that they hold, one at a time."""

from __future__ import annotations

import bz2
import contextlib
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal

from nascurve.benchmarks.cell201 import Cell201Space
from nascurve.benchmarks.files.pickles import read_pickle
from nascurve.benchmarks.files.source import bounded_bz2, guarded, open_source
from nascurve.benchmarks.nb201.pickle_stream import PickleStream
from nascurve.benchmarks.nb201.size_space import SizeSpace
from nascurve.errors import DataFileError

Layout = Literal["simple", "single", "torch", "naslib"]

_ENTRY_FILE = re.compile(r"(0|[1-9][0-9]{0,5}|[0-9]{6})\.pickle\.pbz2", re.ASCII)
_META = "meta.pickle.pbz2"
_MAX_ENTRY = 2**23
_MAX_ARCHIVE = 2**34
_TORCH_MAGIC = bytes.fromhex("80028a0a6cfc9c46f9206aa85019")
_TORCH_NUMBER = 0x1950A86A20F9469CFC6C
_TORCH_MEMBER = re.compile(r"[^/]+/data\.pkl")


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """One of the two search spaces. schedules: epochs -> keys of that schedule in the files.

    files: official names and layouts, the preferred first.
    """

    name: str
    space: Cell201Space | SizeSpace
    schedules: dict[int, tuple[str, ...]]
    files: tuple[tuple[str, Layout], ...]


TSS = Family(
    name="nats-tss",
    space=Cell201Space(),
    schedules={12: ("12", "less"), 200: ("200", "full")},
    files=(
        ("NATS-tss-v1_0-3ffb9-simple", "simple"),
        ("NATS-tss-v1_0-3ffb9.pickle.pbz2", "single"),
        ("NAS-Bench-201-v1_1-096897.pth", "torch"),
        ("NAS-Bench-201-v1_0-e61699.pth", "torch"),
    ),
)
SSS = Family(
    name="nats-sss",
    space=SizeSpace(),
    schedules={1: ("01",), 12: ("12",), 90: ("90",)},
    files=(
        ("NATS-sss-v1_0-50262-simple", "simple"),
        ("NATS-sss-v1_0-50262.pickle.pbz2", "single"),
    ),
)
NASLIB_FILES = {
    "cifar10-valid": "nb201_cifar10_full_training.pickle",
    "cifar100": "nb201_cifar100_full_training.pickle",
    "ImageNet16-120": "nb201_ImageNet16_full_training.pickle",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """An official file or folder that is there. name: of its cache."""

    path: Path
    layout: Layout
    name: str


def find_source(family: Family, dataset: str, where: Path) -> Source | None:
    """What `where` is or holds: the official file or folder, renamed or not; None where there is none."""
    if where.is_file():
        layout = _layout_of_file(family, where.name)
        return None if layout is None else _source(family, dataset, where, layout)
    if not where.is_dir():
        return None
    if _is_simple(where):
        return _source(family, dataset, where, "simple")
    for name, layout in family.files:
        path = where / name
        if path.is_dir() if layout == "simple" else path.is_file():
            return _source(family, dataset, path, layout)
    naslib = where / NASLIB_FILES[dataset]
    if family is TSS and naslib.is_file():
        return _source(family, dataset, naslib, "naslib")
    return None


def cache_names(family: Family, dataset: str) -> list[str]:
    """The names that caches of any official file can have, the preferred first."""
    layouts: list[Layout] = ["simple", "single", "torch"]
    if family is TSS:
        layouts.append("naslib")
    return [_cache_name(family, dataset, layout) for layout in layouts]


def _source(family: Family, dataset: str, path: Path, layout: Layout) -> Source:
    return Source(path=path, layout=layout, name=_cache_name(family, dataset, layout))


def _cache_name(family: Family, dataset: str, layout: Layout) -> str:
    return f"{family.name}-{layout}" + (f"-{dataset}" if layout == "naslib" else "")


def _layout_of_file(family: Family, name: str) -> Layout | None:
    if name.endswith(".pbz2") and name != _META:
        return "single"
    if family is TSS and name.endswith(".pth"):
        return "torch"
    return "naslib" if family is TSS and name.endswith(".pickle") else None


def _is_simple(folder: Path) -> bool:
    return any(_ENTRY_FILE.fullmatch(entry.name) for entry in folder.iterdir())


class Archive:
    """The entries of a NATS-Bench or NAS-Bench-201 archive: (index, {schedule: `ArchResults` state}, file).

    Read one by one, so that never more than one is in memory. `strings`, the official list of architectures,
    is complete once all entries are read; None where a partial download lacks it.
    Raises DataFileError, naming the file, for one that is not as published.
    """

    def __init__(self, source: Source, *, remedy: str) -> None:
        self.strings: list[str] | None = None
        self._source = source
        self._remedy = remedy

    def __iter__(self) -> Iterator[tuple[int, Any, Path]]:
        return self._folder() if self._source.layout == "simple" else self._stream()

    def _folder(self) -> Iterator[tuple[int, Any, Path]]:
        folder = self._source.path
        if (folder / _META).exists():
            meta = self._small_file(folder / _META)
            if not isinstance(meta, dict):
                raise self._unlike(folder / _META)
            self.strings = self._checked_strings(meta.get("meta_archs"), folder / _META)
        names = (_ENTRY_FILE.fullmatch(entry.name) for entry in folder.iterdir())
        files = sorted((int(name.group(1)), name.string) for name in names if name is not None)
        for index, name in files:
            yield index, self._small_file(folder / name), folder / name

    def _small_file(self, path: Path) -> Any:
        expected = "a bz2-compressed pickle of NATS-Bench"
        with open_source(path, expected=expected, remedy=self._remedy, magic=(b"BZh",)) as file:
            data = bounded_bz2(file, path=path, max_bytes=_MAX_ENTRY, remedy=self._remedy)
        return read_pickle(data, path=path, remedy=self._remedy, max_bytes=_MAX_ENTRY)

    def _stream(self) -> Iterator[tuple[int, Any, Path]]:
        path = self._source.path
        torch = self._source.layout == "torch"
        expected = f"the archive of {'torch.save' if torch else 'NATS-Bench, a bz2-compressed pickle'}"
        magic = (b"PK\x03\x04", _TORCH_MAGIC) if torch else (b"BZh",)
        with contextlib.ExitStack() as opened:
            file = opened.enter_context(
                open_source(path, expected=expected, remedy=self._remedy, magic=magic)
            )
            opened.enter_context(guarded(path, expected, self._remedy))
            stream, before = self._unpacked(file, opened)
            pickles = PickleStream(stream.read)
            if before:
                head = [pickles.load() for _ in range(3)]
                if head[0] != _TORCH_NUMBER or head[1] != 1001 or type(head[2]) is not dict:
                    raise DataFileError(f"{path}: expected {expected}, got another file. {self._remedy}")
            entries = pickles.entries("arch2infos")
            while True:
                try:
                    index, infos = next(entries)
                except StopIteration as end:
                    whole = end.value
                    break
                if pickles.position > _MAX_ARCHIVE:
                    raise DataFileError(
                        f"{path}: expected {expected} of at most {_MAX_ARCHIVE} bytes. {self._remedy}"
                    )
                if type(index) is not int:
                    raise self._unlike(path)
                yield index, infos, path
            if (before and pickles.load() != []) or not pickles.at_end():
                raise DataFileError(
                    f"{path}: expected {expected} without tensors, got more behind it. {self._remedy}"
                )
            if not isinstance(whole, dict) or "arch2infos" not in whole:
                raise self._unlike(path)
            self.strings = self._checked_strings(whole.get("meta_archs"), path)

    def _unpacked(self, file: BinaryIO, opened: contextlib.ExitStack) -> tuple[Any, bool]:
        """The stream of pickles, and whether three small ones come before the archive's (and one behind)."""
        if self._source.layout == "single":
            return opened.enter_context(bz2.BZ2File(file)), False
        if file.read(2) == b"\x80\x02":
            file.seek(0)
            return file, True
        file.seek(0)
        archive = opened.enter_context(zipfile.ZipFile(file))
        inner = [member for member in archive.infolist() if _TORCH_MEMBER.fullmatch(member.filename)]
        if len(inner) != 1:
            raise DataFileError(
                f"{self._source.path}: expected an archive of torch.save, got a zip archive without "
                f"data.pkl. {self._remedy}"
            )
        return opened.enter_context(archive.open(inner[0])), False

    def _checked_strings(self, strings: Any, path: Path) -> list[str]:
        if not isinstance(strings, list) or not all(type(text) is str for text in strings):
            raise self._unlike(path)
        return strings

    def _unlike(self, path: Path) -> DataFileError:
        return DataFileError(
            f"{path}: expected a dictionary with meta_archs (and arch2infos) as NATS-Bench has it, got other "
            f"content. {self._remedy}"
        )
