"""Reading of the official NAS-Bench-101 files, and of the NASLib pickle made from them."""

from __future__ import annotations

import binascii
import json
import mmap
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from nascurve.benchmarks.files.pickles import read_pickle
from nascurve.benchmarks.files.source import guarded, open_source
from nascurve.benchmarks.nb101.metrics import decode_metrics
from nascurve.benchmarks.nb101.run_table import RunTable
from nascurve.benchmarks.nb101.tfrecord import HEADER_BYTES, header_is_sound, read_tfrecords
from nascurve.errors import DataFileError

_EXPECTED = "NAS-Bench-101 data: a TFRecord file of the authors or NASLib's pickle"
_LONG_BYTES = 20_000_000
_PARTS = ("training_time", "train_accuracy", "validation_accuracy", "test_accuracy")
_VALUES = tuple(f"{when}_{part}" for when in ("halfway", "final") for part in _PARTS)
_NAMES = frozenset((f"numpy.{core}.multiarray", "_reconstruct") for core in ("core", "_core")) | frozenset(
    (("numpy", "ndarray"), ("numpy", "dtype"))
)


def read_official_file(path: Path, *, remedy: str) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Arrays and facts, as `RunTable.arrays` gives them, of a TFRecord file (`nasbench_full.tfrecord`,
    `nasbench_only108.tfrecord`) or of `nasbench_only108.pkl`; told apart by their first bytes.

    TFRecord files are read in a stream: all checksums, the official hash of each cell (once), and the ranges
    of all values are checked. Records of one architecture and budget are its trainings in the order of the
    file. The pickle is read whole, which takes a few gigabytes of memory; it has no total times.

    Raises DataFileError for anything else, for damage and cuts, naming the record.
    """
    with open_source(path, expected=_EXPECTED, remedy=remedy) as file:
        start = file.read(HEADER_BYTES)
        file.seek(0)
        if header_is_sound(start):
            table = _read_records(file, path, remedy)
        elif start[:1] == b"\x80":
            table = _read_naslib(file, path, remedy)
        else:
            raise DataFileError(
                f"{path}: expected {_EXPECTED}, got a file that begins with {start.hex(' ')}. {remedy}"
            )
        with guarded(path, _EXPECTED, remedy):
            return table.arrays()


def _read_records(file: BinaryIO, path: Path, remedy: str) -> RunTable:
    table = RunTable()
    done = 0
    for payloads in _with_progress(read_tfrecords(file, path=path, remedy=remedy), path):
        slots: list[int] = []
        messages: list[bytes] = []
        try:
            for payload in payloads:
                key, epochs, matrix, ops, metrics = json.loads(payload)
                slots.append(table.slot(key, epochs, matrix, ops))
                messages.append(_base64(metrics))
        except (ValueError, TypeError, RecursionError) as error:
            raise _bad_record(path, done + len(messages), error, remedy) from error
        try:
            table.add(slots, *decode_metrics(messages))
        except ValueError as error:
            bad = error.args[1] if len(error.args) > 1 else _first_bad(messages)
            raise _bad_record(path, done + bad, error, remedy) from error
        done += len(payloads)
    return table


def _first_bad(messages: Sequence[bytes]) -> int:
    """The first message whose values are refused; of a batch it is only known that there is one."""
    for place, message in enumerate(messages):
        try:
            RunTable().add([0], *decode_metrics([message]))
        except ValueError:
            return place
    return 0


def _base64(text: Any) -> bytes:
    if not isinstance(text, str):
        raise ValueError("its metrics are no text")
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        if "\n" not in text:
            raise ValueError("its metrics are no base64") from None
        return _base64(text.replace("\n", ""))  # as base64.encodebytes writes it


def _bad_record(path: Path, place: int, error: Exception, remedy: str) -> DataFileError:
    if isinstance(error, json.JSONDecodeError | UnicodeDecodeError | TypeError | RecursionError):
        reason = "it is no JSON list of hash, epochs, matrix, operations and metrics"
    else:
        reason = str(error.args[0]) if error.args else type(error).__name__
        if "unpack" in reason:
            reason = "it has another number of entries than hash, epochs, matrix, operations and metrics"
    return DataFileError(
        f"{path}: expected {_EXPECTED}, got one whose record {place + 1} cannot be used: "
        f"{reason:.400}. {remedy}"
    )


def _with_progress(batches: Iterator[list[bytes]], path: Path) -> Iterator[list[bytes]]:
    n_bytes = path.stat().st_size
    with tqdm(
        total=n_bytes, unit="B", unit_scale=True, desc=path.name, disable=n_bytes < _LONG_BYTES
    ) as progress:
        for batch in batches:
            yield batch
            progress.update(sum(map(len, batch)) + 16 * len(batch))


def _read_naslib(file: BinaryIO, path: Path, remedy: str) -> RunTable:
    table = RunTable()
    size = os.fstat(file.fileno()).st_size
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped, memoryview(mapped) as view:
        # With find_class the values are not checked to form a tree, which would take as long as all the rest;
        # so no value but keys (which are bounded) is shown or compared before its type was looked at.
        value = read_pickle(
            view,
            path=path,
            remedy=remedy,
            allowed=_NAMES,
            find_class=_refuse_name,
            max_bytes=size,
        )
    with guarded(path, _EXPECTED, remedy):
        if type(value) is not dict:
            raise ValueError(f"a pickle of a {type(value).__name__} instead of a dictionary by hash")
        for key, entry in value.items():
            try:
                _add_naslib(table, key, entry)
            except (ValueError, TypeError, KeyError) as error:
                reason = str(error) if type(error) is ValueError else f"its layout ({error!r:.100})"
                raise DataFileError(
                    f"{path}: expected {_EXPECTED}, got one whose entry {key!r:.50} cannot be used: "
                    f"{reason:.400}. {remedy}"
                ) from error
    return table


def _refuse_name(_module: str, _name: str) -> None:
    return None


def _add_naslib(table: RunTable, key: Any, entry: Any) -> None:
    fixed, by_budget = entry
    matrix, ops, parameters = (
        fixed[f"{name}"] for name in ("module_adjacency", "module_operations", "trainable_parameters")
    )
    if type(matrix) is not np.ndarray or matrix.ndim != 2 or len(matrix) > 7 or type(ops) is not list:
        raise ValueError("its cell is no matrix with a list of operations")
    if not all(type(op) is str for op in ops):  # nor shown in a message: it could go on forever
        raise ValueError("its operations are no texts")
    if type(parameters) is not int or not 0 <= parameters < 2**31:
        raise ValueError("its number of trainable parameters is missing or negative")
    rows = matrix.tolist()
    slots, values = [], []
    for epochs, runs in by_budget.items():
        if type(runs) is not list:
            raise ValueError("its trainings are no list")
        for run in runs:
            slots.append(table.slot(key, epochs, rows, ops))
            values.append([_number(run[name]) for name in _VALUES])
    if slots:
        evaluations = np.array(values).reshape(len(slots), 2, len(_PARTS))
        unknown = np.full(len(slots), np.nan)
        table.add(slots, evaluations, np.full(len(slots), parameters), unknown)


def _number(value: Any) -> float:
    if type(value) not in (int, float) and not isinstance(value, np.floating):
        raise ValueError("its metrics are no numbers")
    return float(value)
