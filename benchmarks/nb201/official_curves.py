"""What the benchmarks of NAS-Bench-201 and NATS-Bench share."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from nascurve import options
from nascurve.benchmarks.curve_benchmark import CurveBenchmark, curve_rows
from nascurve.benchmarks.files.card import OfficialCard
from nascurve.benchmarks.held_space import HeldSpace
from nascurve.benchmarks.nb201.archives import Family
from nascurve.benchmarks.nb201.columns import decode_accuracy
from nascurve.benchmarks.nb201.seconds import CHARGES, Seconds
from nascurve.benchmarks.nb201.tables import open_table
from nascurve.benchmarks.nb201.trial import SETS
from nascurve.errors import ArchitectureError, CapabilityError, ConfigError
from nascurve.simulator.types import Architecture, BenchmarkInfo, FloatArray, LearningCurve, SearchSpace

CURVES = ("auto", "x-valid", "ori-test")
REPORTS = ("cifar10-valid", "cifar10")


class OfficialCurves(CurveBenchmark):
    """What the six benchmarks share: one data set of one family, one schedule.

    Options that are the same in all of them:

    data_dir: folder with the official file or folder, that folder itself, or the path of the file.
    cache_dir: folder of the converted cache; beside the data when None. Where it holds the cache already,
        data_dir may be left out.
    epochs: the schedule. Each is a training of its own: they are never joined.
    charge: what an epoch costs in simulated seconds. "train+valid": its training and one pass over the set
        that `val_acc` is measured on, since a curve needs one after each epoch. "train": the training
        alone. "official": the training, and one pass over x-valid in the first epoch, so that the sum up to
        any epoch is the cost that the authors' `simulate_train_eval` returns for it. "epochs": 1 second, for
        files without times. "auto": "train+valid", or "train" where the files lack evaluation times.
    restrict: whether `space` holds only the architectures with data. None: exactly when some have none.

    `info.name` says what differs from the defaults (nb201-cifar10-e12-charge-train), so that runs and saved
    states under different options never pass for runs of the same benchmark.

    Accuracies are the files' numbers of images, exactly (the files' percentages carry float noise of up to
    2e-9 of the whole). Losses are kept to float32. Where an epoch in the middle of a curve is missing, the
    run counts as diverged there: NaN to the end.

    Raises ConfigError for options; DataFileError for files that are missing or not as published;
    CapabilityError for what these files do not hold.
    """

    card: ClassVar[OfficialCard]
    family: ClassVar[Family]
    dataset: ClassVar[str]

    def __init__(
        self,
        *,
        data_dir: str | Path | None,
        cache_dir: str | Path | None,
        epochs: int | None,
        curve: str,
        report: str,
        charge: str,
        restrict: bool | None,
    ) -> None:
        schedules = self.family.schedules
        epochs = self.card.max_epochs if epochs is None else epochs
        if options.integer("epochs", epochs, at_least=1) not in schedules:
            raise ConfigError(f"epochs: expected one of {', '.join(map(str, schedules))}, got {epochs}.")
        options.choice("curve", curve, CURVES)
        options.choice("report", report, REPORTS)
        options.choice("charge", charge, CHARGES)
        if restrict is not None:
            options.flag("restrict", restrict)
        arrays, meta = open_table(
            card=self.card,
            family=self.family,
            dataset=self.dataset,
            epochs=epochs,
            data_dir=None if data_dir is None else options.path("data_dir", data_dir),
            cache_dir=None if cache_dir is None else options.path("cache_dir", cache_dir),
        )
        max_epochs: int = meta["epochs"]
        name = self.card.id if epochs == self.card.max_epochs else f"{self.card.id}-e{epochs}"
        self._arrays = arrays
        self._source: str = meta["source"]
        self._first: NDArray[np.int64] = np.asarray(arrays["first"])
        self._val_set = self._choose_curve(curve, max_epochs, name)
        self._test_set = "ori-test" if self.dataset == "cifar10-valid" else "x-test"
        if self._val_set != self._auto_curve(max_epochs):
            name += f"-curve-{curve}"
        has_test = f"{self._test_set} acc" in arrays
        self._seconds = Seconds(arrays, val_set=self._val_set, charge=charge, name=name, source=self._source)
        if not self._seconds.is_default:
            name += f"-charge-{charge}"
        if report != REPORTS[0]:
            name += f"-report-{report}"
        truth, truth_said = self._final_test(report, has_test, name)

        everything = self.family.space.all()
        held = np.isfinite(truth)
        if not held.any():
            raise CapabilityError(f"{name}: {self._source} holds no final test accuracy, so no benchmark.")
        self._row = np.full(len(everything), -1, dtype=np.intp)  # of each architecture, by index in its space
        self._row[np.asarray(arrays["arch"])[held]] = np.flatnonzero(held)
        self._truth = truth
        some_missing = int(held.sum()) < len(everything)
        space: SearchSpace = self.family.space
        if some_missing if restrict is None else restrict:
            archs = [everything[i] for i in np.flatnonzero(self._row >= 0)]
            space = HeldSpace(self.family.space, archs, digest=meta["digest"])
        counts = np.diff(self._first)[held]
        full_curve = arrays[f"{self._val_set} acc"].shape[1] == max_epochs
        super().__init__(
            space=space,
            info=BenchmarkInfo(
                name=name,
                version=1,
                kind=self.card.kind,
                space=space.name,
                max_epochs=max_epochs,
                n_seeds=int(counts.min()),
                metrics=("val_acc", "test_acc", "val_loss", "train_loss")
                if has_test
                else ("val_acc", "val_loss", "train_loss"),
                fidelities=None if full_curve else (max_epochs,),
                licence=self.card.licence,
                citation=self.card.citation,
                description=self.card.description,
                required_files=tuple(file.name for file in self.card.files),
                training_seeds=tuple(seed for seed in np.unique(arrays["seed"]).tolist() if seed >= 0),
                details={
                    "source": self._source,
                    "data_sha256": meta["digest"],
                    "trained_on": self.dataset,
                    "val_acc": self._val_said(full_curve),
                    "test_acc": self._test_said(has_test, max_epochs),
                    "true_test_acc": truth_said,
                    "epoch_s": self._seconds.said,
                    "n_architectures": int(held.sum()),
                    "n_trainings": int(counts.sum()),
                },
            ),
        )

    def _choose_curve(self, curve: str, max_epochs: int, name: str) -> str:
        """The set whose accuracy is `val_acc`."""
        if curve == "auto":
            curve = self._auto_curve(max_epochs)
        if f"{curve} acc" not in self._arrays:
            raise CapabilityError(f"{name}: {self._source} holds no accuracy on {curve} (curve=).")
        return curve

    def _auto_curve(self, max_epochs: int) -> str:
        def full(images: str) -> bool:
            table = self._arrays.get(f"{images} acc")
            return table is not None and table.shape[1] == max_epochs

        return "x-valid" if full("x-valid") or not full("ori-test") else "ori-test"

    def _final_test(self, report: str, has_test: bool, name: str) -> tuple[FloatArray, str]:
        """What `true_test_acc` gives for each row, NaN where it is not known; and what it is, in words."""
        if report == "cifar10":
            truth = np.asarray(self._arrays["cifar10 test"])
            said = "mean final accuracy on ori-test of the trainings on all 50,000 images (dataset cifar10)"
            if np.isnan(truth).all():
                raise CapabilityError(
                    f"{name}: {self._source} holds no trainings on all of CIFAR-10. "
                    "Use report='cifar10-valid'."
                )
            return truth, said
        images = self._test_set if has_test else self._val_set
        last = decode_accuracy(self._arrays[f"{images} acc"][:, -1], SETS[self.dataset][images])
        known = np.isfinite(last)
        counts = np.add.reduceat(known, self._first[:-1])
        sums = np.add.reduceat(np.where(known, last, 0.0), self._first[:-1])
        truth = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
        said = f"mean final accuracy on {images} over the same trainings"
        if not has_test:
            said += " (as NASLib has it: these files hold one series of evaluations, for validation and test)"
        return truth, said

    def _val_said(self, full_curve: bool) -> str:
        said = f"accuracy on {self._val_set}"
        if not full_curve:
            return f"{said}, measured after the last epoch only: NaN before"
        if self._val_set == "ori-test":
            said += (
                " after every epoch. CAUTION: half of its images are those of x-test, the test images; the "
                "official API has no other full curve either"
            )
        return said

    def _test_said(self, has_test: bool, max_epochs: int) -> str:
        if not has_test:
            return "not in these files"
        every = self._arrays[f"{self._test_set} acc"].shape[1] == max_epochs
        return f"accuracy on {self._test_set}" + (
            "" if every else ", measured after the last epoch only: NaN before"
        )

    def _make(self, archs: Sequence[Architecture], seeds: Sequence[int]) -> list[LearningCurve]:
        rows = np.array([self._row_of(arch) for arch in archs], dtype=np.intp)
        runs = self._first[rows] + np.asarray(seeds, dtype=np.intp)
        val_acc = self._accuracy(self._val_set, runs)
        if self._fidelities is None:
            missing = np.isnan(val_acc)
            if missing.any():
                val_acc[np.logical_or.accumulate(missing, axis=1)] = np.nan
        return curve_rows(
            val_acc=val_acc,
            epoch_s=self._seconds.of(runs, self.info.max_epochs),
            test_acc=self._accuracy(self._test_set, runs) if "test_acc" in self.info.metrics else None,
            val_loss=self._wide(self._arrays[f"{self._val_set} loss"][runs].astype(np.float64)),
            train_loss=self._wide(self._arrays["train_loss"][runs].astype(np.float64)),
        )

    def _accuracy(self, images: str, runs: NDArray[Any]) -> FloatArray:
        return self._wide(decode_accuracy(self._arrays[f"{images} acc"][runs], SETS[self.dataset][images]))

    def _wide(self, values: FloatArray) -> FloatArray:
        """What was measured after the last epoch only, with NaN before it."""
        if values.shape[1] == self.info.max_epochs:
            return values
        wide = np.full((len(values), self.info.max_epochs), np.nan)
        wide[:, -1:] = values
        return wide

    def _row_of(self, arch: Architecture) -> int:
        if not self.family.space.contains(arch):
            raise self._foreign(arch)
        row = int(self._row[arch.index])  # type: ignore[attr-defined]  # of both spaces' architectures
        if row < 0:
            raise ArchitectureError(
                f"{self.info.name} holds no training of {arch} ({self._source} has "
                f"{self.info.details['n_architectures']} of {self.family.space.size} architectures). Sample "
                "from bench.space, with restrict=True."
            )
        return row

    def training_runs(self, arch: Architecture) -> int:
        """How many trainings of the architecture there are. Raises ArchitectureError as `query` does."""
        row = self._row_of(arch)
        return int(self._first[row + 1] - self._first[row])

    def true_test_acc(self, arch: Architecture) -> float:
        """Final test accuracy, mean over trainings, of what `info.details` says. For reporting only."""
        return float(self._truth[self._row_of(arch)])

    def best(self) -> tuple[Architecture, float]:
        """The best architecture by `true_test_acc` and that value (of several, the first by index)."""
        return self._best

    @functools.cached_property
    def _best(self) -> tuple[Architecture, float]:
        truth = np.where(self._row >= 0, self._truth[self._row], -1.0)
        index = int(truth.argmax())
        return self.family.space.all()[index], float(truth[index])
