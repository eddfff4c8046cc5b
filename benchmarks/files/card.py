"""What an official benchmark is and which files it needs, known without any data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nascurve.errors import DataFileError
from nascurve.simulator.types import DataKind


@dataclass(frozen=True, slots=True, kw_only=True)
class OfficialFile:
    """A file or folder that the authors publish.

    name: as they call it. published: where, in words or as an address. bytes, sha256: where known.
    """

    name: str
    published: str
    bytes: int | None = None
    sha256: str | None = None

    def __str__(self) -> str:
        facts = [_size(self.bytes)] if self.bytes is not None else []
        facts += [f"SHA-256 {self.sha256}"] if self.sha256 is not None else []
        return f"{self.name} ({', '.join([*facts, self.published])})"


@dataclass(frozen=True, slots=True, kw_only=True)
class OfficialCard:
    """What a benchmark says of itself before its files are there.

    id: as registered. kind: "real" or "surrogate" curves. space: id of the search space.
    max_epochs: longest training. n_seeds: trainings per architecture (the typical number, at most).
    files: what `data_dir` must hold. licence: of the data. citation: of the paper. description: one sentence.
    """

    id: str
    kind: DataKind
    space: str
    max_epochs: int
    n_seeds: int
    files: tuple[OfficialFile, ...]
    licence: str
    citation: str
    description: str

    @property
    def remedy(self) -> str:
        """One sentence that says where to get the files: the end of messages."""
        return f"Get {'; '.join(map(str, self.files))}, and give data_dir=, its folder or its path."

    def missing(self, where: Path | None) -> DataFileError:
        """The error to raise when no data_dir was given (None), or when the files are not in `where`."""
        names = " or ".join(file.name for file in self.files)
        if where is None:
            return DataFileError(
                f"{self.id} needs its official data: {names}; no data_dir was given. {self.remedy}"
            )
        return DataFileError(f"{where}: expected {names} for {self.id}, got {_found(where)}. {self.remedy}")


def _found(where: Path) -> str:
    try:
        if not where.is_dir():
            return "a file of another kind" if where.exists() else "no such file or folder"
        names = sorted(entry.name for entry in where.iterdir())
    except OSError as error:
        return error.strerror or str(error)
    if not names:
        return "an empty folder"
    return f"a folder with {', '.join(names[:6])}{', …' if len(names) > 6 else ''}"


def _size(n_bytes: int) -> str:
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if n_bytes >= size:
            return f"{n_bytes / size:.3g} {unit}"
    return f"{n_bytes} bytes"
