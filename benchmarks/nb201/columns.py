"""The trainings of one part of NAS-Bench-201, gathered into compact tables."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nascurve.benchmarks.nb201.trial import SETS, Trial
from nascurve.simulator.types import FloatArray

MISSING = 65_535
"""Stands for "not measured" where accuracies are counts of images."""

_EXACT = 1e-3
"""How far from a whole number of images an accuracy may be. The files' float noise is below 1e-5."""
_BLOCK = 512

Table = NDArray[Any]


class Pieces:
    """The trainings of one data set and schedule, in the order in which the files have them."""

    def __init__(self, dataset: str, epochs: int) -> None:
        self.dataset = dataset
        self.epochs = epochs
        self.indices: list[int] = []
        self._seeds: list[list[int]] = []
        self._cifar10_test: list[float] = []
        self._runs: list[dict[str, Table]] = []
        self._blocks: list[dict[str, Table]] = []
        self._n_runs: list[int] = []  # of each block

    def add(self, index: int, trials: list[Trial], whole: list[Trial]) -> None:
        """An architecture's trainings, and those of the same schedule on all of CIFAR-10."""
        if not trials:
            return
        self.indices.append(index)
        self._seeds.append([trial.seed for trial in trials])
        self._runs += [self._columns(trial) for trial in trials]
        if len(self._runs) >= _BLOCK:
            self._close_block()
        size = SETS["cifar10"]["ori-test"]
        finals = [
            float(decode_accuracy(encode_accuracy(trial.accs["ori-test"][-1:], size), size)[0])
            for trial in whole
            if "ori-test" in trial.accs
        ]
        known = [value for value in finals if not np.isnan(value)]
        self._cifar10_test.append(sum(known) / len(known) if known else np.nan)

    def pack(self, archs: dict[int, int]) -> dict[str, Table]:
        """The part's arrays, see `convert.convert_source`; what was gathered is gone afterwards."""
        if self._runs:
            self._close_block()
        order = sorted(range(len(self.indices)), key=self.indices.__getitem__)
        counts = np.array([len(seeds) for seeds in self._seeds])
        ends = np.cumsum(counts)
        runs = np.concatenate([np.arange(ends[row] - counts[row], ends[row]) for row in order])
        part: dict[str, Table] = {
            "index": np.array([self.indices[row] for row in order], dtype=np.int32),
            "arch": np.array([archs[self.indices[row]] for row in order], dtype=np.int32),
            "first": np.concatenate([[0], np.cumsum(counts[order])]).astype(np.int64),
            "seed": np.array([seed for row in order for seed in self._seeds[row]], dtype=np.int32),
        }
        if self.dataset == "cifar10-valid":
            part["cifar10 test"] = np.array([self._cifar10_test[row] for row in order])
        in_order = bool((np.diff(runs) == 1).all())
        for name in sorted({name for block in self._blocks for name in block}):
            tables = [block.pop(name, None) for block in self._blocks]
            joined = self._join(name, tables)
            part[name] = joined if in_order else joined[runs]
        return part

    def _columns(self, trial: Trial) -> dict[str, Table]:
        columns: dict[str, Table] = {
            "train_loss": trial.train_losses.astype(np.float32),
            "train_s": trial.train_s,
        }
        for name, acc in trial.accs.items():
            columns[f"{name} acc"] = encode_accuracy(acc, SETS[self.dataset][name])
            columns[f"{name} loss"] = trial.losses[name].astype(np.float32)
            columns[f"{name} s"] = trial.eval_s[name]
        return columns

    def _close_block(self) -> None:
        block = {}
        for name in {name: None for run in self._runs for name in run}:
            columns = [run.get(name) for run in self._runs]
            table = self._join(name, [None if values is None else values[None] for values in columns])
            if name.endswith("s") and not name.endswith("loss"):
                if np.array_equal(table, np.repeat(table[:, :1], table.shape[1], axis=1), equal_nan=True):
                    table = table[:, :1].copy()
            elif table.shape[1] > 1 and _empty(table[:, :-1]):
                table = table[:, -1:].copy()
            block[name] = table
        self._blocks.append(block)
        self._n_runs.append(len(self._runs))
        self._runs = []

    def _join(self, name: str, tables: list[Table | None]) -> Table:
        """Tables one below the other. Where they differ, counts become fractions and narrow tables wide ones;
        absent tables are missing values."""
        heights = [1] * len(tables) if self._runs else self._n_runs
        present = [table for table in tables if table is not None]
        dtype = present[0].dtype
        if name.endswith(" acc") and any(table.dtype != np.uint16 for table in present):
            dtype = np.dtype(np.float64)
        width = max(table.shape[1] for table in present)
        joined = np.full((sum(heights), width), MISSING if dtype == np.uint16 else np.nan, dtype=dtype)
        row = 0
        for table, height in zip(tables, heights, strict=True):
            if table is not None:
                if table.dtype != dtype:
                    table = decode_accuracy(table, SETS[self.dataset][name.removesuffix(" acc")])
                once = table.shape[1] == 1 and name.endswith((" acc", " loss"))
                joined[row : row + height, -1:] = table[:, -1:]
                if not once:
                    joined[row : row + height] = table
            row += height
        return joined


def encode_accuracy(percent: FloatArray, size: int) -> Table:
    """Counts of images out of `size`, uint16, where all values are such; else float64 fractions."""
    exact = percent * (size / 100)
    known = ~np.isnan(exact)
    counts = np.rint(exact[known])
    if (np.abs(counts - exact[known]) > _EXACT).any():
        return np.minimum(percent / 100, 1.0)
    encoded = np.full(len(percent), MISSING, dtype=np.uint16)
    encoded[known] = counts
    return encoded


def decode_accuracy(values: Table, size: int) -> FloatArray:
    """Fractions, NaN where not measured, of what `encode_accuracy` gave."""
    if values.dtype != np.uint16:
        return values.astype(np.float64)
    fractions: FloatArray = values / np.float64(size)
    fractions[values == MISSING] = np.nan
    return fractions


def _empty(table: Table) -> bool:
    return bool((table == MISSING if table.dtype == np.uint16 else np.isnan(table)).all())
