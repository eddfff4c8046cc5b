"""A user's own learning curves, for `source=logs` of `nascurve lce evaluate` and `nascurve surrogate`."""

from __future__ import annotations

import csv
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nascurve.errors import DataFileError
from nascurve.simulator.types import FloatArray

_TOLERANCE = 1e-6
_FORMATS = (
    "Expected .csv (header architecture,1,2,…,E), .parquet (columns architecture and val_acc, a list) or "
    ".npz (arrays architecture and val_acc), with a row for each run and accuracies in [0, 1]."
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LoggedRuns:
    """R runs as the files have them.

    architectures: (R,), as text. keys: (R,), texts that are equal for runs of the same architecture.
    val_acc: (R, E), NaN where nothing was measured. epoch_s: (R,), mean seconds of the epochs that took any,
    NaN: unknown. seeds: (R,), the training seeds; None when they are not known of all runs.
    """

    architectures: list[str]
    keys: list[str]
    val_acc: FloatArray
    epoch_s: FloatArray
    seeds: list[int] | None


def read_logs(path: Path) -> tuple[list[str], FloatArray]:
    """`keys` and `val_acc` of `read_runs`. Raises DataFileError as it does, and for a run without any
    accuracy."""
    runs = read_runs(path)
    empty = np.isnan(runs.val_acc).all(axis=1)
    if empty.any():
        run = int(np.flatnonzero(empty)[0]) + 1
        raise DataFileError(f"{path}, run {run}: expected at least one accuracy, got none.")
    return runs.keys, runs.val_acc


def read_runs(path: Path) -> LoggedRuns:
    """Read a file, or all files of these formats in a folder, in the order of their names; shorter runs are
    filled up with NaN.

    CSV: a header `architecture,1,2,…,E` (epochs, none left out), a line for each run; an empty cell was not
    measured. Parquet: columns `architecture` (text) and `val_acc` (lists of numbers; null: not measured), as
    `nascurve export` writes them; and where they are there `key` (text, equal for the same architecture),
    `epoch_s` (seconds: a list or number a run), `training_seed` and `seed` (the former where it is known).
    npz: arrays `architecture` (R,) of text and `val_acc` (R, E), NaN: not measured; and where they are there
    `epoch_s` (R,) or (R, E), and `seed` (R,).

    Raises DataFileError for a file that is missing, damaged or not of this form, for accuracies outside
    [0, 1], and for an export of a benchmark in which each number of epochs is a training of its own.
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
    parts = []
    for file in files:
        part = _READERS[file.suffix.lower()](file)
        _check(file, part.architectures, part.val_acc)
        parts.append(part)
    longest = max(part.val_acc.shape[1] for part in parts)
    filled = [
        np.pad(part.val_acc, ((0, 0), (0, longest - part.val_acc.shape[1])), constant_values=np.nan)
        for part in parts
    ]
    seeds: list[int] = []
    for part in parts:
        seeds += part.seeds or []
    return LoggedRuns(
        architectures=[name for part in parts for name in part.architectures],
        keys=[key for part in parts for key in part.keys],
        val_acc=np.concatenate(filled),
        epoch_s=np.concatenate([part.epoch_s for part in parts]),
        seeds=seeds if len(seeds) == sum(len(part.keys) for part in parts) else None,
    )


def _read_csv(path: Path) -> LoggedRuns:
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
    return LoggedRuns(
        architectures=names,
        keys=names,
        val_acc=np.array(rows, dtype=np.float64).reshape(len(rows), len(header) - 1),
        epoch_s=np.full(len(rows), np.nan),
        seeds=None,
    )


def _number(cell: str, path: Path, line: int) -> float:
    if not cell.strip():
        return float("nan")
    try:
        return float(cell.replace("_", "?"))  # Python takes 0_5 for 5
    except ValueError as error:
        raise DataFileError(
            f"{path}, line {line}: expected an accuracy or an empty cell, got {cell!r:.50}."
        ) from error


def _read_parquet(path: Path) -> LoggedRuns:
    import pyarrow
    import pyarrow.parquet

    arrow: Any = pyarrow
    parquet: Any = pyarrow.parquet
    try:
        schema = parquet.read_schema(path)
        if not {"architecture", "val_acc"} <= set(schema.names):
            raise DataFileError(
                f"{path}: expected the columns architecture and val_acc, got {schema.names!r:.100}. "
                f"{_FORMATS}"
            )
        if (schema.metadata or {}).get(b"nascurve.resumable") == b"false":
            raise DataFileError(
                f"{path}: exported from a benchmark in which each number of epochs is a training of its own, "
                "so that its rows are no learning curves. Give whole curves."
            )
        _check_list_of_numbers(path, arrow.types, schema.field("val_acc").type)
        wanted = [name for name in _COLUMNS if name in schema.names]
        table = parquet.read_table(path, columns=wanted).to_pydict()
    except (OSError, arrow.ArrowException) as error:
        raise DataFileError(f"Cannot read {path}: {error!s:.200}. {_FORMATS}") from error
    lists = [[] if values is None else values for values in table["val_acc"]]
    curves = np.full((len(lists), max(map(len, lists), default=0)), np.nan)
    for row, values in zip(curves, lists, strict=True):
        row[: len(values)] = np.array(values, dtype=np.float64)  # null becomes NaN
    names = _texts(path, table["architecture"])
    unknown = [None] * len(names)
    pairs = zip(table.get("training_seed", unknown), table.get("seed", unknown), strict=True)
    return LoggedRuns(
        architectures=names,
        keys=_texts(path, table["key"]) if "key" in table else names,
        val_acc=curves,
        epoch_s=np.array([_mean_s(path, value) for value in table.get("epoch_s", unknown)], dtype=np.float64),
        seeds=_seeds(path, [seed if official is None else official for official, seed in pairs]),
    )


def _mean_s(path: Path, value: Any) -> float:
    """The mean over the epochs that took any time: none was trained in the others."""
    try:
        spent = np.array(value, dtype=np.float64)  # None becomes NaN
    except (TypeError, ValueError) as error:
        raise DataFileError(f"{path}: epoch_s: expected seconds, got {value!r:.50}.") from error
    spent = spent[~np.isnan(spent) & (spent != 0)]
    return float(spent.mean()) if spent.size else float("nan")


def _seeds(path: Path, values: Sequence[Any]) -> list[int] | None:
    """None when one is not known. Raises DataFileError for anything but whole numbers."""
    known = [value for value in values if value is not None]
    for value in known:
        if type(value) is not int or abs(value) >= 2**63:
            raise DataFileError(f"{path}: expected whole numbers as seeds, got {value!r:.50}.")
    return known if len(known) == len(values) else None


def _check_list_of_numbers(path: Path, types: Any, kind: Any) -> None:
    is_list = types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)
    of = kind.value_type if is_list else None
    if of is None or not (types.is_floating(of) or types.is_integer(of) or types.is_null(of)):
        raise DataFileError(f"{path}: val_acc: expected lists of numbers, got {kind!s:.50}. {_FORMATS}")


def _read_npz(path: Path) -> LoggedRuns:
    try:
        with zipfile.ZipFile(path):  # np.load takes other formats of that name, too
            pass
        with np.load(path, allow_pickle=False) as file:
            missing = {"architecture", "val_acc"} - set(file.files)
            if missing:
                raise DataFileError(f"{path}: there is no array {min(missing)!r}. {_FORMATS}")
            names, curves = file["architecture"], file["val_acc"]
            unknown = np.full(len(names) if names.ndim else 0, np.nan)
            seconds = file["epoch_s"] if "epoch_s" in file.files else unknown
            seeds = file["seed"] if "seed" in file.files else None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DataFileError(f"Cannot read {path}: {error!s:.200}. {_FORMATS}") from error
    if names.ndim != 1 or curves.ndim != 2 or len(names) != len(curves) or curves.dtype.kind not in "fiu":
        raise DataFileError(
            f"{path}: expected architecture (R,) and numbers val_acc (R, E), got {names.shape} and "
            f"{curves.dtype} {curves.shape}."
        )
    for name, array in (("epoch_s", seconds), ("seed", seeds)):
        if array is not None and (array.ndim not in (1, 2) or len(array) != len(names)):
            raise DataFileError(
                f"{path}: {name}: expected a row for each of {len(names)} runs, got shape {array.shape}."
            )
    texts = _texts(path, names.tolist())
    return LoggedRuns(
        architectures=texts,
        keys=texts,
        val_acc=curves.astype(np.float64),
        epoch_s=np.array([_mean_s(path, value) for value in seconds], dtype=np.float64),
        seeds=None if seeds is None else _seeds(path, seeds.tolist()),
    )


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
    outside = ~(np.isnan(curves) | ((curves >= -_TOLERANCE) & (curves <= 1 + _TOLERANCE)))
    if outside.any():
        row, epoch = np.argwhere(outside)[0]
        value = float(curves[row, epoch])
        hint = " In percent? Divide by 100." if 1 < value <= 100 else ""
        raise DataFileError(
            f"{path}, run {row + 1}, epoch {epoch + 1}: expected an accuracy in [0, 1], got {value:.6g}."
            f"{hint}"
        )


_COLUMNS = ("architecture", "key", "val_acc", "epoch_s", "training_seed", "seed")
_READERS: dict[str, Callable[[Path], LoggedRuns]] = {
    ".csv": _read_csv,
    ".parquet": _read_parquet,
    ".npz": _read_npz,
}
