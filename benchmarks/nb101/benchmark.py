"""The benchmark NAS-Bench-101, from the official files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nascurve import options
from nascurve.benchmarks.curve_benchmark import CurveBenchmark, curve_rows
from nascurve.benchmarks.files.cached import open_cached
from nascurve.benchmarks.files.card import OfficialCard, OfficialFile
from nascurve.benchmarks.held_space import HeldSpace
from nascurve.benchmarks.nb101.cell import Cell101, cell_of
from nascurve.benchmarks.nb101.official_file import read_official_file
from nascurve.benchmarks.nb101.run_table import ACCURACIES, BUDGETS, N_REPEATS
from nascurve.benchmarks.nb101.space import N_CLASSES, NB101Space
from nascurve.errors import ArchitectureError, CapabilityError
from nascurve.simulator.types import Architecture, BenchmarkInfo, FloatArray, LearningCurve, SearchSpace

_ROWS_KEPT = 100_000
_FORMAT_VERSION = 1
_HALF, _FINAL = 0, 1
_TRAIN, _VALID, _TEST = 0, 1, 2
_CHARGES = ("training_time", "total_time")

CARD = OfficialCard(
    id="nb101",
    kind="real",
    space="nb101",
    max_epochs=max(BUDGETS),
    n_seeds=N_REPEATS,
    files=(
        OfficialFile(
            name="nasbench_full.tfrecord",
            published="storage.googleapis.com/nasbench, linked from github.com/google-research/nasbench",
            bytes=1_950_000_000,
            sha256="3d64db8180fb1b0207212f9032205064312b6907a3bbc81eabea10db2f5c7e9c",
        ),
        OfficialFile(
            name="nasbench_only108.tfrecord",
            published="the same place; 108 epochs only",
            bytes=499_000_000,
            sha256="4c39c3936e36a85269881d659e44e61a245babcb72cb374eacacf75d0e5f4fd1",
        ),
        OfficialFile(
            name="nasbench_only108.pkl", published="linked from github.com/automl/NASLib; 108 epochs only"
        ),
    ),
    licence="Apache-2.0 (of the repository that publishes it)",
    citation=(
        "Ying, Klein, Christiansen, Real, Murphy, Hutter: NAS-Bench-101: Towards Reproducible Neural "
        "Architecture Search, ICML 2019 (PMLR 97, 7105-7114)"
    ),
    description=(
        "423,624 convolutional cells on CIFAR-10, trained three times each with budgets of 4, 12, 36 and 108 "
        "epochs; accuracies and times halfway and at the end."
    ),
)


class NB101(CurveBenchmark):
    """The trainings of NAS-Bench-101, from `nasbench_full.tfrecord` (4, 12, 36 and 108 epochs),
    `nasbench_only108.tfrecord` or NASLib's `nasbench_only108.pkl` (108 epochs).

    Each budget is a training of its own, with its own learning-rate schedule: `info.resumable` is False, and
    `query(arch, seed=s, epochs=e)` gives the s-th of the trainings with e epochs, in the order of the file
    (the authors name no seeds). Its curve holds the two measured values, after e/2 and after e epochs, and
    NaN elsewhere; accuracies are the official ones, value by value. An architecture is looked up by its
    official hash. `true_test_acc` is the mean final test accuracy of the trainings with most epochs.

    data_dir: the folder with one of the files (the first of the order above that is there), or its path.
    cache_dir: where the converted cache is kept; beside the data when None.
    charge: seconds of an epoch. "training_time": the official cumulative training time at the half and at the
        end, spread evenly over the epochs of each half; evaluation not counted, as in the official API.
        "total_time": the same, scaled to the record's total time with evaluations (not in the pickle);
        `info.name` is then nb101-total_time, so that runs of the two never pass for each other.
    mutation: of the search space, see `NB101Space`.
    restrict: whether the search space is cut down to the architectures held (`HeldSpace`, of the cells as
        stored); None: exactly when some of the 423,624 are missing.

    Raises DataFileError for absent or unusable files, ConfigError for options out of range, CapabilityError
    for "total_time" where some training has none.
    """

    card = CARD

    def __init__(
        self,
        *,
        data_dir: str | os.PathLike[str] | None = None,
        cache_dir: str | os.PathLike[str] | None = None,
        charge: str = "training_time",
        mutation: str = "elementary",
        restrict: bool | None = None,
    ) -> None:
        charge = options.choice("charge", charge, _CHARGES)
        base = NB101Space(mutation=mutation)
        if restrict is not None:
            options.flag("restrict", restrict)
        source, folder = _locate(data_dir, cache_dir)
        self._arrays, meta = open_cached(
            card=CARD,
            sources=[source],
            cache_dir=folder,
            name=source.name,
            format_version=_FORMAT_VERSION,
            convert=lambda: read_official_file(source, remedy=CARD.remedy),
        )
        self._total_time = charge == "total_time"
        if self._total_time and not self._has_total_times():
            raise CapabilityError(
                f"nb101: {source} does not hold the total time of each training. Give charge='training_time'."
            )
        self._known_rows: dict[Architecture, int] = {}
        self._high, self._low = self._arrays["hash_high"], self._arrays["hash_low"]
        self._n_runs: NDArray[np.uint8] = self._arrays["n_runs"].min(axis=1)
        self._budgets = tuple(meta["budgets"])
        held = len(self._high)
        restricted = held < N_CLASSES if restrict is None else restrict
        space: SearchSpace = base
        if restricted:
            space = HeldSpace(base, [self.cell(row) for row in range(held)], digest=meta["cells_sha256"])
        super().__init__(
            space=space,
            info=BenchmarkInfo(
                name=CARD.id if charge == _CHARGES[0] else f"{CARD.id}-{charge}",
                version=1,
                kind=CARD.kind,
                space=space.name,
                max_epochs=max(self._budgets),
                n_seeds=int(self._n_runs.min()),
                metrics=("val_acc", "test_acc"),
                fidelities=self._budgets,
                resumable=False,
                licence=CARD.licence,
                citation=CARD.citation,
                description=CARD.description,
                required_files=(source.name,),
                details={
                    "n_architectures": held,
                    "n_trainings": int(self._arrays["n_runs"].sum()),
                    "n_incomplete_left_out": meta["n_incomplete"],
                    "complete": meta["complete"],
                    "data_sha256": meta["data_sha256"],
                    "accuracies": "val_acc and test_acc are NaN but at the half and at the end of a training",
                    "images": "40,000 for training, 10,000 for validation, 10,000 for test (9,984 counted)",
                    "seconds": (
                        "training and evaluations" if self._total_time else "training, without evaluations"
                    )
                    + ", spread evenly over the epochs of each half",
                    "seeds": "not named by the authors; in the order of the file",
                },
            ),
        )

    def cell(self, row: int) -> Cell101:
        """The cell of a row of the table, 0 … `info.details["n_architectures"]` - 1, sorted by hash: as
        stored, filled up to 7 vertices."""
        return cell_of(int(self._arrays["edges"][row]), int(self._arrays["labeling"][row]))

    def training_runs(self, arch: Architecture) -> int:
        """Trainings of an architecture that there are with each budget."""
        return int(self._n_runs[self._row(arch)])

    def official_runs(self, arch: Architecture, *, epochs: int | None = None) -> list[dict[str, float]]:
        """The trainings with a budget (None: the largest), as `get_metrics_from_spec` of the official API
        gives them: `halfway_` and `final_` `training_time` (s), `train_accuracy`, `validation_accuracy` and
        `test_accuracy`; and `trainable_parameters`.

        Raises ArchitectureError and CapabilityError as `query` does.
        """
        row = self._row(arch)
        epochs = self._info.max_epochs if epochs is None else epochs
        self._check_epochs(epochs)
        budget = self._budgets.index(epochs)
        runs = []
        for repeat in range(int(self._arrays["n_runs"][row, budget])):
            run: dict[str, float] = {"trainable_parameters": int(self._arrays["parameters"][row])}
            accuracies = self._accuracy((row, budget, repeat))
            for when, name in ((_HALF, "halfway"), (_FINAL, "final")):
                run[f"{name}_training_time"] = float(self._arrays["training_s"][row, budget, repeat, when])
                for images, kind in ((_TRAIN, "train"), (_VALID, "validation"), (_TEST, "test")):
                    run[f"{name}_{kind}_accuracy"] = float(accuracies[when, images])
            runs.append(run)
        return runs

    def true_test_acc(self, arch: Architecture) -> float:
        """Final test accuracy of the largest budget, mean over its trainings."""
        return float(self._true(np.array([self._row(arch)]))[0])

    def best(self) -> tuple[Cell101, float]:
        """The held cell with the best `true_test_acc`, the first by hash among equals, and that value."""
        truths = self._true(np.arange(len(self._high)))
        row = int(truths.argmax())
        return self.cell(row), float(truths[row])

    def _make_budget(
        self, archs: Sequence[Architecture], seeds: Sequence[int], epochs: int
    ) -> list[LearningCurve]:
        rows = [self._row(arch) for arch in archs]
        budget = self._budgets.index(epochs)
        where = (np.array(rows, dtype=np.intp), budget, np.array(seeds, dtype=np.intp))
        accuracies = self._accuracy(where)
        times = self._arrays["training_s"][where].astype(np.float64)
        if self._total_time:
            total_s = self._arrays["total_s"][where].astype(np.float64)
            final_s = times[:, _FINAL]
            times *= np.divide(total_s, final_s, out=np.ones_like(final_s), where=final_s > 0)[:, None]
        times[:, _HALF] = np.minimum(times[:, _HALF], times[:, _FINAL])  # no epoch takes less than nothing
        half = epochs // 2
        epoch_s = np.empty((len(rows), epochs))
        epoch_s[:, :half] = times[:, :1] / half
        epoch_s[:, half:] = (times[:, 1:] - times[:, :1]) / (epochs - half)
        curves = np.full((2, len(rows), epochs), np.nan)
        for curve, images in zip(curves, (_VALID, _TEST), strict=True):
            curve[:, [half - 1, epochs - 1]] = accuracies[:, :, images]
        return curve_rows(curves[0], epoch_s, test_acc=curves[1])

    def _row(self, arch: Architecture) -> int:
        """The row of an architecture, by its official hash."""
        if not self._space.contains(arch):
            raise self._foreign(arch)
        row = self._known_rows.get(arch)
        if row is None:
            if len(self._known_rows) >= _ROWS_KEPT:
                self._known_rows.clear()
            row = self._known_rows[arch] = self._search(arch)
        return row

    def _search(self, arch: Architecture) -> int:
        key = self._space.key(arch)
        high, low = int(key[:16], 16), int(key[16:], 16)
        first = int(np.searchsorted(self._high, np.uint64(high), side="left"))
        for row in range(first, len(self._high)):
            if self._high[row] != high:
                break
            if self._low[row] == low:
                return row
        raise ArchitectureError(
            f"nb101: the data hold no training of {arch} (hash {key}), but of {len(self._high)} other "
            "architectures. Leave out restrict=False to search among these."
        )

    def _has_total_times(self) -> bool:
        there = np.arange(N_REPEATS) < self._arrays["n_runs"][:, :, None]
        return not np.isnan(self._arrays["total_s"][there]).any()

    def _accuracy(self, where: Any) -> FloatArray:
        stored = self._arrays["accuracy"][where]
        values = ACCURACIES[stored] if stored.dtype.kind == "u" else stored
        accuracies: FloatArray = np.array(values, dtype=np.float64)
        return accuracies

    def _true(self, rows: NDArray[np.intp]) -> FloatArray:
        """Mean final test accuracies of rows, at the largest budget. Adds up repeat by repeat, so that the
        result does not depend on how many rows are asked for."""
        n_runs = self._arrays["n_runs"][rows, -1]
        sums = np.zeros(len(rows))
        for repeat in range(N_REPEATS):
            final = self._accuracy((rows, -1, repeat, _FINAL, _TEST))
            sums += np.where(repeat < n_runs, final, 0.0)
        means: FloatArray = sums / n_runs
        return means


def _locate(
    data_dir: str | os.PathLike[str] | None, cache_dir: str | os.PathLike[str] | None
) -> tuple[Path, Path]:
    """The official file, or where it was when the cache was made, and the folder of the cache."""
    if data_dir is None:
        raise CARD.missing(None)
    where = options.path("data_dir", data_dir)
    cache = options.path("cache_dir", cache_dir) if cache_dir is not None else None
    if where.is_file() or (cache or where.parent).joinpath(f"{where.name}.nascurve").exists():
        return where, cache or where.parent
    cache = cache or where
    candidates = [where / file.name for file in CARD.files]
    for there in (candidates, [cache / f"{file.name}.nascurve" for file in CARD.files]):
        for candidate, path in zip(candidates, there, strict=True):
            if path.exists():
                return candidate, cache
    raise CARD.missing(where)
