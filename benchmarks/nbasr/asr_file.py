"""One official NAS-Bench-ASR file: a header and rows, as two pickles in sequence."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from pathlib import Path
from typing import Any, Literal, NoReturn

from nascurve.benchmarks.files.pickles import read_pickle
from nascurve.benchmarks.files.source import guarded, open_source
from nascurve.benchmarks.nbasr.space import OPS
from nascurve.errors import DataFileError

DatasetType = Literal["training", "benchmarking", "static"]
MAX_BYTES = 2**28
"""Far above the official files (8,242 rows)."""
_COLUMNS: dict[str, tuple[str, ...]] = {
    "training": ("model_hash", "val_per", "test_per"),
    "benchmarking": ("model_hash", "latency"),
    "static": ("model_hash", "params"),
}
_ZERO_LAST = (OPS, OPS[:-1])
_HASH_DIGITS = frozenset("0123456789abcdef")


@dataclass(frozen=True, slots=True, kw_only=True)
class ASRFile:
    """What one file holds, checked: names and shapes, not yet the numbers.

    version: of the file's format. epochs, seed: of a training file, else None. device: of a benchmarking
    file, else "". columns: names of the values of a row, the model hash first. rows: by model hash, without
    it.

    Format: the authors' README ("Dataset format") and `nasbench_asr/dataset.py`.
    """

    path: Path
    version: int
    epochs: int | None
    seed: int | None
    device: str
    columns: tuple[str, ...]
    rows: dict[str, Sequence[Any]]

    @classmethod
    def read(cls, path: Path, dataset_type: DatasetType, *, remedy: str) -> ASRFile:
        """Read and check a file of this type. remedy: the end of each message.

        Raises DataFileError for anything else than such a file, for other operations than those of the space
        in another order, and for a model that stands in it twice.
        """
        expected = f"a NAS-Bench-ASR {dataset_type} file (two pickles in sequence)"
        with open_source(path, expected=expected, remedy=remedy, magic=(b"\x80",)) as file:
            size = os.fstat(file.fileno()).st_size
            if size > MAX_BYTES:
                raise DataFileError(
                    f"{path}: expected {expected} of at most {MAX_BYTES} bytes, got {size}. {remedy}"
                )
            data = file.read(MAX_BYTES + 1)
        parts = read_pickle(data, path=path, remedy=remedy, max_bytes=MAX_BYTES, several=True)
        check = _Checks(path, remedy)
        with guarded(path, expected, remedy):  # arrays where names belong compare element by element
            if len(parts) != 2 or type(parts[0]) is not dict or type(parts[1]) is not list:
                kinds = ", ".join(type(part).__name__ for part in parts[:4])
                check.refuse(f"{expected}: a header (dict) and rows (list)", f"{len(parts)} ({kinds})")
            header, rows = parts
            if header.get("dataset_type") != dataset_type:
                check.refuse(f"dataset_type {dataset_type!r}", header.get("dataset_type"))
            check.ops(header.get("search_space"))
            columns = check.columns(header.get("columns"), _COLUMNS[dataset_type])
            training = dataset_type == "training"
            found = cls(
                path=path,
                version=check.integer(header, "version"),
                epochs=check.integer(header, "epochs") if training else None,
                seed=check.integer(header, "seed") if training else None,
                device=check.device(header) if dataset_type == "benchmarking" else "",
                columns=columns,
                rows=check.rows(rows, len(columns)),
            )
        return found  # noqa: RET504 -- for mypy a context manager might swallow the exception

    def column(self, name: str) -> dict[str, Any]:
        """Values of one column by model hash. Raises KeyError for a column that the file lacks."""
        if name not in self.columns[1:]:
            raise KeyError(name)
        place = self.columns.index(name, 1) - 1
        return {model: row[place] for model, row in self.rows.items()}


def real(value: Any) -> float | None:
    """A number as float, NaN for None (not measured); None for what is no number."""
    if value is None:
        return float("nan")
    if isinstance(value, Real) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:  # an int beyond all floats
            return None
    return None


class _Checks:
    def __init__(self, path: Path, remedy: str) -> None:
        self._path = path
        self._remedy = remedy

    def refuse(self, expected: str, got: object) -> NoReturn:
        raise DataFileError(f"{self._path}: expected {expected}, got {got!s:.200}. {self._remedy}")

    def integer(self, header: dict[Any, Any], name: str) -> int:
        value = header.get(name)
        if not isinstance(value, Integral) or isinstance(value, bool) or not 0 <= int(value) < 2**63:
            self.refuse(f"a whole number as {name!r} in the header", repr(value))
        return int(value)

    def device(self, header: dict[Any, Any]) -> str:
        value = header.get("device")
        if not isinstance(value, str) or not value:
            self.refuse("a name as 'device' in the header", repr(value))
        return value

    def ops(self, search_space: object) -> None:
        ops = search_space.get("ops") if isinstance(search_space, dict) else None
        if not isinstance(ops, list | tuple) or tuple(ops) not in _ZERO_LAST:
            self.refuse(f"the operations {', '.join(OPS)} (the last may be absent)", repr(ops))

    def columns(self, columns: object, first: tuple[str, ...]) -> tuple[str, ...]:
        names = tuple(columns) if isinstance(columns, list | tuple) else ()
        if names[: len(first)] != first or not all(isinstance(name, str) for name in names):
            self.refuse(f"columns that begin with {', '.join(first)}", repr(columns))
        return names

    def rows(self, rows: list[Any], width: int) -> dict[str, Sequence[Any]]:
        by_model: dict[str, Sequence[Any]] = {}
        for number, row in enumerate(rows):
            if not isinstance(row, list | tuple) or len(row) != width:
                self.refuse(f"{width} values in row {number}", repr(row))
            model = row[0]
            if not isinstance(model, str) or len(model) != 32 or not _HASH_DIGITS.issuperset(model):
                self.refuse(f"a model hash (32 hexadecimal digits) first in row {number}", repr(model))
            if model in by_model:
                self.refuse("one row for each model", f"two for {model}")
            by_model[model] = row[1:]
        if not by_model:
            self.refuse("one row or more", "none")
        return by_model
