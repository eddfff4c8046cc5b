"""The runs of NAS-Bench-301 as a table that answers for (architecture, training)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nascurve.benchmarks.array_file import Arrays
from nascurve.benchmarks.curve_benchmark import curve_rows
from nascurve.benchmarks.nb301.genotype import N_PAIRS, NODES, OPS, DartsGenotype
from nascurve.errors import ArchitectureError, DataFileError
from nascurve.simulator.types import Architecture, FloatArray, LearningCurve

SHORT_RUNS = ("drop", "hold")
METRICS: tuple[str, ...] = ("val_acc", "test_acc", "val_loss", "train_loss")


class RunTable:
    """Runs of one length, `max_epochs`: the commonest among them.

    short_runs: what becomes of shorter runs. "drop": they are left out. "hold": their last accuracy stands to
        the end, as x11 does; the epochs that were not trained cost the same as the others. Longer runs are
        left out.

    Without any learning curves in the files, `fidelities` is the last epoch alone, and curves hold NaN
    before it. Raises DataFileError for arrays that hold no such runs.
    """

    def __init__(
        self, arrays: Arrays, meta: dict[str, Any], *, short_runs: str, path: str, remedy: str
    ) -> None:
        archs = np.asarray(arrays["arch"])
        _check_archs(archs, path, remedy)
        method, self._methods = np.asarray(arrays["method"]), tuple(meta["methods"])
        length = np.asarray(arrays["length"])
        with_curves = bool(length.max() > 0)
        epochs = length if with_curves else np.asarray(arrays["epochs"])
        counts = np.bincount(epochs[epochs > 0])
        self.max_epochs = int(len(counts) - 1 - counts[::-1].argmax())  # of equally common ones the longest
        self.fidelities = None if with_curves else (self.max_epochs,)
        final_test = np.asarray(arrays["final_test_acc"])
        self.has_test = not np.isnan(final_test).all()
        keep = epochs == self.max_epochs
        short = (epochs > 0) & (epochs < self.max_epochs)
        if with_curves and short_runs == "hold":
            keep = keep | short
        untested = keep & np.isnan(final_test) if self.has_test else np.zeros(len(keep), bool)
        keep &= ~untested
        if not keep.any():
            raise DataFileError(f"{path}: expected runs with a test accuracy, got none. {remedy}")
        rows = np.flatnonzero(keep)
        of_arch = np.repeat(np.arange(len(archs)), np.asarray(arrays["n_runs"]))[rows]
        held, starts, runs = np.unique(of_arch, return_index=True, return_counts=True)
        self.archs = _genotypes(archs[held])
        self.digest = hashlib.sha256(archs[held].tobytes()).hexdigest()
        self._start = dict(zip(self.archs, starts.tolist(), strict=True))
        self._runs = dict(zip(self.archs, runs.tolist(), strict=True))
        self._rows, self._method, self._length = rows, method[rows], length[rows]
        self._epoch_s = np.asarray(arrays["runtime_s"])[rows] / epochs[rows]
        self._curves = {name: arrays[name] for name in METRICS if name in arrays}
        self._final_val = np.asarray(arrays["final_val_acc"])[rows]
        self._final_test = final_test[rows]
        self._hold = short_runs == "hold"
        self.metrics = tuple(
            name
            for name in METRICS
            if name == "val_acc" or (name == "test_acc" and self.has_test) or name in self._curves
        )
        self.n_seeds = int(runs.min())
        final = self._final_test if self.has_test else self._last_val()
        truths = np.add.reduceat(np.nan_to_num(final), starts) / runs
        self._truth = dict(zip(self.archs, truths.tolist(), strict=True))
        names, of_method = np.unique(self._method, return_counts=True)
        self.details: dict[str, Any] = {
            "n_archs": len(self.archs),
            "n_runs": len(rows),
            "runs_by_method": {self._methods[i]: int(n) for i, n in zip(names, of_method, strict=True)},
            "n_diverged": int(np.isnan(self._last_val()).sum()),
            "shorter_runs": f"{int(short.sum())}, {'held at their last value' if self._hold else 'left out'}",
            "n_longer_runs_left_out": int((epochs > self.max_epochs).sum()),
            "n_runs_without_curve_left_out": int((epochs <= 0).sum()),
            "n_runs_without_test_accuracy_left_out": int(untested.sum()),
            "n_runs_with_other_settings_left_out": int(meta["other_settings"]),
            "n_copies_left_out": int(meta["copies"]),
        }

    def _last_val(self) -> FloatArray:
        if "val_acc" not in self._curves or self.fidelities is not None:
            return self._final_val
        last: FloatArray = self._curves["val_acc"][self._rows, self._length - 1]
        return last

    def runs(self, arch: Architecture, name: str) -> int:
        """How many trainings the architecture has. Raises ArchitectureError for one that is not held."""
        runs: int | None = self._runs.get(arch) if isinstance(arch, DartsGenotype) else None
        if runs is None:
            raise ArchitectureError(
                f"{name} holds no run of {arch!s:.400}, only of {len(self.archs)} architectures. Sample from "
                "bench.space, with restrict=True, or ask a surrogate."
            )
        return runs

    def methods(self, arch: Architecture, name: str) -> tuple[str, ...]:
        """The optimizer that each training of the architecture comes from."""
        count = self.runs(arch, name)
        start = self._start[arch]  # type: ignore[index]
        return tuple(self._methods[i] for i in self._method[start : start + count])

    def truth(self, arch: Architecture, name: str) -> float:
        self.runs(arch, name)
        return float(self._truth[arch])  # type: ignore[index]

    def best(self) -> tuple[Architecture, float]:
        arch = max(self.archs, key=self._truth.__getitem__)
        return arch, self._truth[arch]

    def curves(self, archs: Sequence[Architecture], seeds: Sequence[int]) -> list[LearningCurve]:
        """Of architectures that are held, and of trainings that they have."""
        rows = [self._start[arch] + seed for arch, seed in zip(archs, seeds, strict=True)]  # type: ignore[index]
        index = np.array(rows, np.intp)
        shape = (len(rows), self.max_epochs)
        columns: dict[str, FloatArray] = {}
        for metric in self.metrics:
            if metric in self._curves:
                columns[metric] = self._metric(metric, index)
            else:
                columns[metric] = np.full(shape, np.nan)
        if self.fidelities is not None:
            columns["val_acc"][:, -1] = self._final_val[index]
        if self.has_test:
            columns["test_acc"][:, -1] = self._final_test[index]
        epoch_s = np.repeat(self._epoch_s[index][:, None], self.max_epochs, axis=1)
        return curve_rows(epoch_s=epoch_s, **columns)

    def _metric(self, metric: str, index: np.ndarray[tuple[int], np.dtype[np.intp]]) -> FloatArray:
        table: FloatArray = np.array(self._curves[metric][self._rows[index], : self.max_epochs])
        if self._hold:
            length = self._length[index]
            beyond = np.arange(self.max_epochs) >= length[:, None]
            last = table[np.arange(len(index)), length - 1]
            table = np.where(beyond, last[:, None], table)
        return table


def _genotypes(archs: NDArray[np.uint8]) -> tuple[DartsGenotype, ...]:
    """Of (n, 2, 8, 2) sources and operations; pairs are shared, so that many fit into the memory."""
    pairs = [(source, op) for source in range(max(NODES)) for op in range(len(OPS))]
    codes = archs[..., 0].astype(np.intp) * len(OPS) + archs[..., 1]
    made = []
    for code in codes.reshape(-1, 2 * N_PAIRS).tolist():
        both = [pairs[place] for place in code]
        made.append(DartsGenotype.trusted(tuple(both[:N_PAIRS]), tuple(both[N_PAIRS:])))
    return tuple(made)


def _check_archs(archs: Any, path: str, remedy: str) -> None:
    wide = archs.astype(np.int64)
    good = archs.ndim == 4 and archs.shape[1:] == (2, 8, 2)
    if good:
        sources, ops = wide[..., 0], wide[..., 1]
        bound = np.repeat([2, 3, 4, 5], 2)
        good = bool(
            (ops < len(OPS)).all()
            and (sources < bound).all()
            and (sources[..., ::2] < sources[..., 1::2]).all()
        )
    if not good:
        raise DataFileError(f"{path}: expected architectures of the DARTS space, got others. {remedy}")
