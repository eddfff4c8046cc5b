"""The trainings of NAS-Bench-NLP as arrays, for the cache."""

from __future__ import annotations

import hashlib
import itertools
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nascurve.benchmarks.array_file import digest as data_digest
from nascurve.benchmarks.nbnlp.cell import RecurrentCell
from nascurve.benchmarks.nbnlp.run import Run
from nascurve.errors import DataFileError


def arrays_of(
    runs: Sequence[Run], left_out: Counter[str], *, path: Path, remedy: str
) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Arrays and meta.

    code (bytes,), uint8: the cells one after the other, by their strings: number of outputs, outputs, then of
        each node its operation, number of inputs, inputs
    first_code (cells + 1,): cell i is code[first_code[i] : first_code[i + 1]]
    first_run (cells + 1,): the runs of cell i are first_run[i] to first_run[i + 1] - 1, in their order
    losses (runs, 3, epochs): train, validation, test; NaN where nothing was recorded
    wall_s (runs, epochs): 0 where nothing was recorded
    n_recorded (runs,): epochs recorded
    meta: data, epochs, left_out (reason -> number), digest (SHA-256 of the cells' strings), data_sha256 (of
    the arrays)

    Trainings planned for fewer epochs than the longest are left out. Raises DataFileError when no training
    remains or when they are of several data sets.
    """
    data = sorted({run.data for run in runs})
    if len(data) != 1:
        raise DataFileError(
            f"{path}: expected trainings on one data set, got {', '.join(data) or 'no usable training'} "
            f"({dict(left_out)} left out). {remedy}"
        )
    epochs = max(run.epochs for run in runs)
    kept = [run for run in runs if run.epochs == epochs]
    left_out = Counter(left_out)
    if len(kept) < len(runs):
        left_out[f"planned for less than {epochs} epochs"] += len(runs) - len(kept)
    kept.sort(key=lambda run: (str(run.cell), run.order))
    cells = list(dict.fromkeys(run.cell for run in kept))
    counts = Counter(run.cell for run in kept)
    losses = np.full((len(kept), 3, epochs), np.nan)
    wall_s = np.zeros((len(kept), epochs))
    for row, run in enumerate(kept):
        losses[row, :, : run.losses.shape[1]] = run.losses
        wall_s[row, : len(run.wall_s)] = run.wall_s
    codes = [_code(cell) for cell in cells]
    arrays: dict[str, NDArray[Any]] = {
        "code": np.frombuffer(b"".join(codes), dtype=np.uint8),
        "first_code": np.cumsum([0, *map(len, codes)], dtype=np.int64),
        "first_run": np.cumsum([0, *(counts[cell] for cell in cells)], dtype=np.int32),
        "losses": losses,
        "wall_s": wall_s,
        "n_recorded": np.array([len(run.wall_s) for run in kept], dtype=np.int32),
    }
    digest = hashlib.sha256("\n".join(map(str, cells)).encode()).hexdigest()
    meta = {
        "data": data[0],
        "epochs": epochs,
        "left_out": dict(sorted(left_out.items())),
        "digest": digest,
        "data_sha256": data_digest(arrays),
    }
    return arrays, meta


def cells_of(arrays: dict[str, NDArray[Any]]) -> tuple[RecurrentCell, ...]:
    """The cells of `arrays_of`, which are canonical already."""
    code, first = arrays["code"].tobytes(), arrays["first_code"].tolist()
    return tuple(_decoded(code[start:end]) for start, end in itertools.pairwise(first))


def _code(cell: RecurrentCell) -> bytes:
    numbers = [len(cell.outputs), *cell.outputs]
    for op, sources in zip(cell.ops, cell.inputs, strict=True):
        numbers += [op, len(sources), *sources]
    return bytes(numbers)


def _decoded(code: bytes) -> RecurrentCell:
    place = 1 + code[0]
    outputs = tuple(code[1:place])
    ops: list[int] = []
    inputs: list[tuple[int, ...]] = []
    while place < len(code):
        end = place + 2 + code[place + 1]
        ops.append(code[place])
        inputs.append(tuple(code[place + 2 : end]))
        place = end
    return RecurrentCell.trusted((tuple(ops), tuple(inputs), outputs))
