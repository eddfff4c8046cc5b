"""The trainings of NAS-Bench-101 as sorted arrays: what the fast cache holds."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nascurve.benchmarks.nb101.cell import Cell101
from nascurve.benchmarks.nb101.space import N_CLASSES
from nascurve.errors import ArchitectureError

BUDGETS = (4, 12, 36, 108)
"""Epochs of the official trainings."""
N_REPEATS = 3
N_IMAGES = 9_984
"""Images of each accuracy: 39 whole batches of 256."""
ACCURACIES = (np.arange(N_IMAGES + 1) / N_IMAGES).astype(np.float32)
"""accuracies of 0 … 9,984 correct images, as the official files hold them: in single precision."""


class RunTable:
    """Collects trainings in any order, then makes arrays of them.

    Raises ValueError, in a few words, for what NAS-Bench-101 cannot hold.
    """

    def __init__(self) -> None:
        self._row: dict[str, int] = {}
        self._edges: list[int] = []
        self._labeling: list[int] = []
        self._counts: list[int] = []  # of row, budget: at row * len(BUDGETS) + place of the budget
        self._slots: list[NDArray[np.uint32]] = []
        self._evaluations: list[NDArray[Any]] = []
        self._parameters: list[NDArray[np.int64]] = []
        self._totals: list[NDArray[Any]] = []

    def slot(self, key: object, epochs: object, matrix: object, ops: object) -> int:
        """A place for the next training of an architecture with a budget. matrix, ops: rows and names, or
        the texts of the official records; they must have the official hash `key`, which is checked when
        it comes for the first time."""
        row = self._row.get(key) if isinstance(key, str) else None
        if row is None:
            row = self._new_row(key, matrix, ops)
        if type(epochs) is not int or epochs not in BUDGETS:
            raise ValueError(f"it has {epochs!r:.50} epochs instead of 4, 12, 36 or 108")
        group = row * len(BUDGETS) + BUDGETS.index(epochs)
        repeat = self._counts[group]
        if repeat == N_REPEATS:
            raise ValueError(f"there are {N_REPEATS} trainings of {key} with {epochs} epochs before it")
        self._counts[group] = repeat + 1
        return group * N_REPEATS + repeat

    def add(
        self,
        slots: Sequence[int],
        evaluations: NDArray[np.float64],
        parameters: NDArray[np.int64],
        total_s: NDArray[np.float64],
    ) -> None:
        """Metrics of n trainings, shapes as in `Metrics`, at the places given by `slot`."""
        accuracies = evaluations[:, :, 1:]
        if not ((accuracies >= 0) & (accuracies <= 1)).all():
            raise ValueError("it has accuracies outside [0, 1]")
        times = evaluations[:, :, 0]
        if not (np.isfinite(times) & (times >= 0)).all():
            raise ValueError("it has training times that are negative or infinite")
        if not ((total_s >= 0) & (total_s < np.inf) | np.isnan(total_s)).all():
            raise ValueError("it has a total time that is negative or infinite")
        self._slots.append(np.array(slots, dtype=np.uint32))
        self._evaluations.append(_single(evaluations))
        self._parameters.append(parameters)
        self._totals.append(_single(total_s))

    def arrays(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Arrays of the architectures that have a training with every budget that occurs, sorted by hash, and
        what there is to say about them. n: architectures, b: budgets that occur.

        hash_high, hash_low (n,) uint64: the official hash. edges (n,) uint32, labeling (n,) uint8: the
        cell, as in `Cell101`. parameters (n,) int32. n_runs (n, b) uint8: trainings, at most 3.
        accuracy (n, b, 3, 2, 3) uint16, positions in `ACCURACIES` (float32 or float64 where the values are
        no such counts): of each training, halfway and final, on train, validation and test images.
        training_s (n, b, 3, 2), cumulative; total_s (n, b, 3), NaN where unknown: float32 where exact.
        """
        counts = np.array(self._counts, dtype=np.uint8).reshape(-1, len(BUDGETS))
        present: NDArray[np.bool_] = np.array(counts.any(axis=0))
        whole = (counts[:, present] > 0).all(axis=1)
        if not whole.any():
            raise ValueError("it holds no architecture with trainings of every budget")
        kept = np.flatnonzero(whole)
        keys = np.array(list(self._row), dtype="S32")[kept]
        order = np.argsort(keys)
        rows = kept[order]
        rank = np.full(len(counts), -1, dtype=np.int64)
        rank[rows] = np.arange(len(rows))
        digits = np.frombuffer(bytes.fromhex(keys[order].tobytes().decode()), ">u8").reshape(-1, 2)

        slots = np.concatenate(self._slots).astype(np.int64)
        group, repeat = np.divmod(slots, N_REPEATS)
        row, budget = np.divmod(group, len(BUDGETS))
        place = rank[row]
        mine = place >= 0
        where = (place[mine], (np.cumsum(present) - 1)[budget[mine]], repeat[mine])
        shape = (len(rows), int(present.sum()), N_REPEATS)

        evaluations = np.concatenate(self._evaluations)[mine]
        training_s = np.zeros((*shape, 2), dtype=evaluations.dtype)
        training_s[where] = evaluations[:, :, 0]
        measured = _counted(evaluations[:, :, 1:])
        accuracy = np.zeros((*shape, 2, 3), dtype=measured.dtype)
        accuracy[where] = measured
        totals = np.concatenate(self._totals)[mine]
        total_s = np.full(shape, np.nan, dtype=totals.dtype)
        total_s[where] = totals
        parameters = np.zeros(len(rows), dtype=np.int32)
        parameters[where[0]] = np.concatenate(self._parameters)[mine]
        arrays: dict[str, NDArray[Any]] = {
            "hash_high": digits[:, 0].astype("<u8"),
            "hash_low": digits[:, 1].astype("<u8"),
            "edges": np.array(self._edges, dtype=np.uint32)[rows],
            "labeling": np.array(self._labeling, dtype=np.uint8)[rows],
            "parameters": parameters,
            "n_runs": counts[rows][:, present],
            "accuracy": accuracy,
            "training_s": training_s,
            "total_s": total_s,
        }
        return arrays, {
            "budgets": [budget for budget, there in zip(BUDGETS, present.tolist(), strict=True) if there],
            "n_records": len(slots),
            "n_incomplete": int(len(counts) - len(rows)),
            "complete": len(rows) == N_CLASSES and bool((arrays["n_runs"] == N_REPEATS).all()),
            "cells_sha256": _sha256(arrays["hash_high"], arrays["edges"], arrays["labeling"]),
            "data_sha256": _sha256(*arrays.values()),
        }

    def _new_row(self, key: object, matrix: object, ops: object) -> int:
        try:
            cell = _cell(matrix, ops)
        except ArchitectureError as error:
            raise ValueError(f"its cell is none of NAS-Bench-101 ({error})") from error
        if cell.official_hash() != key:
            raise ValueError(f"its cell has the hash {cell.official_hash()}, not {key!r:.50}")
        row = self._row[cell.official_hash()] = len(self._edges)
        self._edges.append(cell.edges)
        self._labeling.append(cell.labeling)
        self._counts += [0] * len(BUDGETS)
        return row


def _cell(matrix: Any, ops: Any) -> Cell101:
    if isinstance(matrix, str):
        n = int(len(matrix) ** 0.5)
        if n * n != len(matrix) or not set(matrix) <= {"0", "1"} or not isinstance(ops, str):
            raise ArchitectureError(f"got the matrix {matrix!r:.80}")
        matrix = [[int(digit) for digit in matrix[start : start + n]] for start in range(0, n * n, n)]
        ops = ops.split(",")
    return Cell101(matrix, ops)


def _sha256(*arrays: NDArray[Any]) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype.str} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _single(values: NDArray[np.float64]) -> NDArray[Any]:
    """In single precision where that loses nothing."""
    with np.errstate(over="ignore"):
        single = values.astype(np.float32)
    return single if np.array_equal(single, values, equal_nan=True) else values


def _counted(accuracies: NDArray[Any]) -> NDArray[Any]:
    """As numbers of correct images where all accuracies are such numbers."""
    counts = np.rint(accuracies * N_IMAGES).astype(np.uint16)
    return counts if np.array_equal(ACCURACIES[counts], accuracies) else accuracies
