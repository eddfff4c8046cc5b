"""A user's own learning curves, for `nascurve lce evaluate source=logs`."""

from __future__ import annotations

import csv
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nascurve.errors import DataFileError
from nascurve.simulator.types import FloatArray

Logs = tuple[list[str], FloatArray]
"""The architecture of each run, and the curves (R, E); NaN where nothing was measured."""
_TOLERANCE = 1e-6
_FORMATS = (
    "Expected .csv (header architecture,1,2,…,E), .parquet (columns architecture and val_acc, a list) or "
    ".npz (arrays architecture and val_acc), with a row for each run and accuracies in [0, 1]."
)


def read_logs(path: Path) -> Logs:
    """Read a file, or all files of these formats in a folder, in the order of their names; shorter runs are
    filled up with NaN.

    CSV: a header `architecture,1,2,…,E` (epochs, none left out), a line for each run; an empty cell was not
    measured. Parquet: columns `architecture` (text) and `val_acc` (lists of numbers; null: not measured), as
    `nascurve export` writes them; where there is a column `key`, it tells architectures apart instead.
    npz: arrays `architecture` (R,) of text and `val_acc` (R, E), NaN: not measured.

    Raises DataFileError for a file that is missing, damaged or not of this form, for accuracies outside
    [0, 1], and for a run without any.
    """
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.suffix.lower() in _READERS)
        if not files:
            raise DataFileError(f"{path}: there are no files of learning curves. {_FORMATS}")
    elif path.is_file():
        files = [path]
        if path.suffix.lower() not in _READERS:
            raise DataFileError(f"{path}: got the suffix {path.suffix!r}. {_FORMATS}")
    else:
        raise DataFileError(f"{path}: there is no such file or folder. {_FORMATS}")
    names: list[str] = []
    parts: list[FloatArray] = []
    for file in files:
        architectures, curves = _READERS[file.suffix.lower()](file)
        _check(file, architectures, curves)
        names += architectures
        parts.append(curves)
    longest = max(part.shape[1] for part in parts)
    filled = [np.pad(part, ((0, 0), (0, longest - part.shape[1])), constant_values=np.nan) for part in parts]
    return names, np.concatenate(filled)


def _read_csv(path: Path) -> Logs:
    names: list[str] = []
    rows: list[list[float]] = []
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = csv.reader(file)
            header = [cell.strip() for cell in next(lines, [])]
            if len(header) < 2 or header != ["architecture", *map(str, range(1, len(header)))]:
                raise DataFileError(
                    f"{path}: expected the header architecture,1,2,…,E, got {','.join(header)!r:.100}."
                )
            for line in lines:
                if not line:
                    continue
                if len(line) != len(header):
                    raise DataFileError(
                        f"{path}, line {lines.line_num}: expected {len(header)} cells, got {len(line)}."
                    )
                names.append(line[0].strip())
                rows.append([_number(cell, path, lines.line_num) for cell in line[1:]])
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataFileError(f"Cannot read {path}: {error}. {_FORMATS}") from error
    return names, np.array(rows, dtype=np.float64).reshape(len(rows), len(header) - 1)


def _number(cell: str, path: Path, line: int) -> float:
    if not cell.strip():
        return float("nan")
    try:
        return float(cell.replace("_", "?"))  # Python takes 0_5 for 5
    except ValueError as error:
        raise DataFileError(
            f"{path}, line {line}: expected an accuracy or an empty cell, got {cell!r:.50}."
        ) from error


def _read_parquet(path: Path) -> Logs:
    import pyarrow
    import pyarrow.parquet

    arrow: Any = pyarrow
    parquet: Any = pyarrow.parquet
    try:
        schema = parquet.read_schema(path)
        columns = schema.names
        name = "key" if "key" in columns else "architecture"
        wanted = [name, "val_acc"]
        if not set(wanted) <= set(columns):
            raise DataFileError(f"{path}: expected the columns {wanted}, got {columns!r:.100}. {_FORMATS}")
        _check_list_of_numbers(path, arrow.types, schema.field("val_acc").type)
        table = parquet.read_table(path, columns=wanted).to_pydict()
    except (OSError, arrow.ArrowException) as error:
        raise DataFileError(f"Cannot read {path}: {error!s:.200}. {_FORMATS}") from error
    lists = [[] if values is None else values for values in table["val_acc"]]
    curves = np.full((len(lists), max(map(len, lists), default=0)), np.nan)
    for row, values in zip(curves, lists, strict=True):
        row[: len(values)] = np.array(values, dtype=np.float64)  # null becomes NaN
    return _texts(path, table[name]), curves


def _check_list_of_numbers(path: Path, types: Any, kind: Any) -> None:
    is_list = types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)
    of = kind.value_type if is_list else None
    if of is None or not (types.is_floating(of) or types.is_integer(of) or types.is_null(of)):
        raise DataFileError(f"{path}: val_acc: expected lists of numbers, got {kind!s:.50}. {_FORMATS}")


def _read_npz(path: Path) -> Logs:
    try:
        with zipfile.ZipFile(path):  # np.load takes other formats of that name, too
            pass
        with np.load(path, allow_pickle=False) as file:
            missing = {"architecture", "val_acc"} - set(file.files)
            if missing:
                raise DataFileError(f"{path}: there is no array {min(missing)!r}. {_FORMATS}")
            names, curves = file["architecture"], file["val_acc"]
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DataFileError(f"Cannot read {path}: {error!s:.200}. {_FORMATS}") from error
    if names.ndim != 1 or curves.ndim != 2 or len(names) != len(curves) or curves.dtype.kind not in "fiu":
        raise DataFileError(
            f"{path}: expected architecture (R,) and numbers val_acc (R, E), got {names.shape} and "
            f"{curves.dtype} {curves.shape}."
        )
    return _texts(path, names.tolist()), curves.astype(np.float64)


def _texts(path: Path, values: Sequence[Any]) -> list[str]:
    for value in values:
        if not isinstance(value, str):
            raise DataFileError(f"{path}: expected architectures as text, got {value!r:.50}.")
    return list(values)


def _check(path: Path, names: Sequence[str], curves: FloatArray) -> None:
    if not curves.size:
        raise DataFileError(f"{path}: there are no runs in it. {_FORMATS}")
    if not all(names):
        raise DataFileError(f"{path}: expected a name of each run's architecture, got an empty one.")
    measured = ~np.isnan(curves)
    outside = measured & ~((curves >= -_TOLERANCE) & (curves <= 1 + _TOLERANCE))
    if outside.any():
        row, epoch = np.argwhere(outside)[0]
        value = float(curves[row, epoch])
        hint = " In percent? Divide by 100." if 1 < value <= 100 else ""
        raise DataFileError(
            f"{path}, run {row + 1}, epoch {epoch + 1}: expected an accuracy in [0, 1], got {value:.6g}."
            f"{hint}"
        )
    if not measured.any(axis=1).all():
        run = int(np.flatnonzero(~measured.any(axis=1))[0]) + 1
        raise DataFileError(f"{path}, run {run}: expected at least one accuracy, got none.")


_READERS: dict[str, Callable[[Path], Logs]] = {
    ".csv": _read_csv,
    ".parquet": _read_parquet,
    ".npz": _read_npz,
}
