"""NAS-Bench-ASR: 8,242 speech models trained for 40 epochs on TIMIT with three seeds."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nascurve import options
from nascurve.benchmarks.array_file import Arrays
from nascurve.benchmarks.curve_benchmark import CurveBenchmark, curve_rows
from nascurve.benchmarks.files.cached import open_cached
from nascurve.benchmarks.files.card import OfficialCard, OfficialFile
from nascurve.benchmarks.held_space import HeldSpace
from nascurve.benchmarks.nbasr.convert import FORMAT_VERSION, convert
from nascurve.benchmarks.nbasr.space import ASRCell, ASRSpace
from nascurve.errors import ArchitectureError, CapabilityError, ConfigError, DataFileError
from nascurve.simulator.types import Architecture, BenchmarkInfo, FloatArray, LearningCurve

SCHEDULES = (40, 10, 5)
"""Numbers of epochs for which trainings were published; each is a schedule of its own."""
SECONDS = ("unit", "gtx-1080ti-fp32", "jetson-nano-fp32", "params", "flops")

_INFO = "nb-asr-info.pickle"
_BENCH = re.compile(r"nb-asr-bench-[a-zA-Z0-9-]+\.pickle")
_SPACE = ASRSpace()


def _card(epochs: int) -> OfficialCard:
    seeds = "seeds 1234, 1235, 1236" if epochs == SCHEDULES[0] else "seed 1234"
    return OfficialCard(
        id="nbasr" if epochs == SCHEDULES[0] else f"nbasr-e{epochs}",
        kind="real",
        space=_SPACE.name,
        max_epochs=epochs,
        n_seeds=3 if epochs == SCHEDULES[0] else 1,
        files=(
            OfficialFile(
                name=f"nb-asr-e{epochs}-<seed>.pickle",
                published=f"{seeds}; release v1.1.0 of github.com/SamsungLabs/nb-asr",
            ),
        ),
        licence="not stated with the files",
        citation="A. Mehrotra, A. G. C. P. Ramos, S. Bhattacharya, Ł. Dudziak, R. Vipperla, T. Chau, "
        "M. S. Abdelfattah, S. Ishtiaq, N. D. Lane. NAS-Bench-ASR: Reproducible Neural Architecture Search "
        "for Speech Recognition. ICLR 2021.",
        description=f"Phoneme error rates of convolutional speech models on TIMIT, each of {epochs} epochs.",
    )


class NBASR(CurveBenchmark):
    """NAS-Bench-ASR from the authors' files. An architecture is answered by the row of its model hash.

    data_dir: folder with `nb-asr-e<epochs>-<seed>.pickle` of one seed or more and, where wanted,
        `nb-asr-bench-<device>.pickle` and `nb-asr-info.pickle`; or the path of a single training file.
    cache_dir: folder of the converted cache; beside the data when None. Where it holds the cache already,
        data_dir may be left out.
    epochs: 40, 10 or 5: the trainings of that schedule (`info.name` is nbasr, nbasr-e10, nbasr-e5). They are
        never joined: each is a training of its own.
    seconds: what an epoch costs; the files hold no training times. "unit" (default): 1 s, so that simulated
        seconds count epochs, and nothing looks measured that was not. A device: proportional to the latency
        on it (bench file); "params", "flops": proportional to these (info file). All but "unit" are scaled so
        that the mean over the models with that number is 1 s an epoch; models without it are not held.
    restrict: whether `space` holds only the architectures with data. None: exactly when some have none.

    Curves. val_acc is 1 - validation PER (phoneme error rate), at least 0: insertions can bring PER above 1.
    From the first epoch whose PER is missing or not finite the run counts as diverged, NaN to the end; a PER
    that stays near 1 is a measurement. test_acc is 1 - test PER, at least 0; the files have one test PER for
    each run, of the weights at the lowest validation PER: it stands at the last epoch, NaN before.
    `true_test_acc` is its mean over the runs, a test PER that is not finite counting as accuracy 0.

    Source: Mehrotra et al. 2021 and the code in github.com/SamsungLabs/nb-asr.
    Raises ConfigError for options, DataFileError for files that are missing or not as published.
    """

    card = _card(SCHEDULES[0])

    def __init__(
        self,
        *,
        data_dir: str | Path | None = None,
        cache_dir: str | Path | None = None,
        epochs: int = 40,
        seconds: str = "unit",
        restrict: bool | None = None,
    ) -> None:
        epochs = options.integer("epochs", epochs, at_least=1)
        if epochs not in SCHEDULES:
            raise ConfigError(f"epochs: expected one of {', '.join(map(str, SCHEDULES))}, got {epochs}.")
        options.choice("seconds", seconds, SECONDS)
        if restrict is not None:
            options.flag("restrict", restrict)
        card = _card(epochs)
        arrays, meta = _open(
            card,
            None if data_dir is None else options.path("data_dir", data_dir),
            None if cache_dir is None else options.path("cache_dir", cache_dir),
        )
        self._devices: list[str] = meta["devices"]
        self._static = {name: np.asarray(arrays[name]) for name in ("latency_s", "params", "flops")}
        self._epoch_s = _epoch_s(self._static, meta, seconds, card)
        row = np.asarray(arrays["row"])
        self._rows: NDArray[np.intp] = np.where(np.isfinite(self._epoch_s)[row], row, -1).astype(np.intp)
        trained = np.asarray(arrays["trained"])
        self._counts = trained.sum(axis=0)
        # _runs[k, model]: where on the seeds' axis the model's k-th training stands (stable: the seeds'
        # order)
        self._runs = np.argsort(~trained, axis=0, kind="stable")
        self._val_per = arrays["val_per"]
        self._test_acc = _accuracy(np.asarray(arrays["test_per"]))
        self._truth: FloatArray = np.nan_to_num(self._test_acc).sum(axis=0) / self._counts
        held = [cell for cell in _SPACE.all() if self._rows[cell.index] >= 0]
        if restrict is None:
            restrict = len(held) < _SPACE.size
        space = HeldSpace(_SPACE, held) if restrict else _SPACE
        models = np.unique(self._rows[self._rows >= 0])
        diverged = trained & ~np.isfinite(self._val_per).all(axis=2)
        super().__init__(
            space=space,
            info=BenchmarkInfo(
                name=card.id,
                version=1,
                kind=card.kind,
                space=space.name,
                max_epochs=epochs,
                n_seeds=int(self._counts[models].min()),
                metrics=("val_acc", "test_acc"),
                licence=card.licence,
                citation=card.citation,
                description=card.description,
                required_files=tuple(file.name for file in card.files),
                training_seeds=tuple(np.asarray(arrays["seed"]).tolist()),
                details={
                    "val_acc": "1 - phoneme error rate, at least 0; NaN from divergence on",
                    "test_acc": "at the last epoch: 1 - test PER of the weights at the lowest validation PER",
                    "seconds": f"{seconds}; no training times are published: a mean epoch is 1 s",
                    "n_models": len(models),
                    "n_runs": int(self._counts[models].sum()),
                    "n_diverged": int(diverged[:, models].sum()),
                    "n_models_without_seconds": len(self._counts) - len(models),
                    "devices": list(self._devices),
                    "file_versions": meta["versions"],
                    "other_rows": meta["other_rows"],
                    "data_sha256": meta["data_sha256"],
                },
            ),
        )

    def _make(self, archs: Sequence[Architecture], seeds: Sequence[int]) -> list[LearningCurve]:
        models = [self._model(arch) for arch in archs]
        where = self._runs[np.asarray(seeds, dtype=np.intp), models], models
        epochs = self.info.max_epochs
        test_acc = np.full((len(models), epochs), np.nan)
        test_acc[:, -1] = self._test_acc[where]
        return curve_rows(
            val_acc=_accuracy(self._val_per[where], to_the_end=True),
            epoch_s=np.repeat(self._epoch_s[models][:, None], epochs, axis=1),
            test_acc=test_acc,
        )

    def _model(self, arch: Architecture) -> int:
        """The row of the architecture's model. Raises ArchitectureError where there is none."""
        if not isinstance(arch, ASRCell):
            raise self._foreign(arch)
        model = int(self._rows[arch.index])
        if model < 0:
            raise ArchitectureError(
                f"{self.info.name} holds no training of {arch} (model {_SPACE.key(arch)}), only of "
                f"{self.info.details['n_models']} models. Sample from bench.space, with restrict=True."
            )
        return model

    def training_runs(self, arch: Architecture) -> int:
        """How many trainings of the architecture there are. Raises ArchitectureError as `query` does."""
        return int(self._counts[self._model(arch)])

    def true_test_acc(self, arch: Architecture) -> float:
        """Mean over the architecture's trainings of 1 - test PER. For reporting only."""
        return float(self._truth[self._model(arch)])

    def best(self) -> tuple[Architecture, float]:
        """The best architecture by `true_test_acc` and that value (of several cells, the first by index)."""
        return self._best

    @functools.cached_property
    def _best(self) -> tuple[Architecture, float]:
        truth = np.where(self._rows >= 0, self._truth[self._rows], -1.0)
        index = int(truth.argmax())
        return _SPACE.all()[index], float(truth[index])

    def latency_s(self, arch: Architecture, device: str) -> float:
        """Seconds of one inference on `device`, such as "gtx-1080ti-fp32".

        Raises CapabilityError for a device whose bench file was not there, ArchitectureError for an
        architecture that has no latency in it.
        """
        if device not in self._devices:
            raise CapabilityError(
                f"{self.info.name} has no latencies of {device!r}, only of: "
                f"{', '.join(self._devices) or 'none'}. Put its nb-asr-bench file beside the others."
            )
        return self._number(
            arch, f"latency on {device}", self._static["latency_s"][self._devices.index(device)]
        )

    def params(self, arch: Architecture) -> int:
        """Number of parameters. Raises CapabilityError without the info file, ArchitectureError as
        `query`."""
        return int(self._number(arch, "params", self._static["params"]))

    def flops(self, arch: Architecture) -> float:
        """FLOPs as the info file has them (version 2 on). Raises as `params` does."""
        return self._number(arch, "flops", self._static["flops"])

    def _number(self, arch: Architecture, what: str, values: NDArray[Any]) -> float:
        number = float(values[self._model(arch)])
        if np.isnan(number):
            if np.isnan(values).all():
                raise CapabilityError(
                    f"{self.info.name} has no {what}. Put {_INFO} (with it) beside the others."
                )
            raise ArchitectureError(f"{self.info.name} holds no {what} of {arch}.")
        return number


def _open(card: OfficialCard, data_dir: Path | None, cache_dir: Path | None) -> tuple[Arrays, dict[str, Any]]:
    training: list[Path] = []
    benchmarking: list[Path] = []
    static: Path | None = None
    name = f"nbasr-e{card.max_epochs}"
    if data_dir is not None and os.path.isfile(data_dir):  # noqa: PTH113 -- Path raises without permission
        training, name = [data_dir], f"{name}-{data_dir.stem}"
        cache_dir = cache_dir or data_dir.parent
    elif data_dir is not None:
        cache_dir = cache_dir or data_dir
        pattern = re.compile(rf"nb-asr-e{card.max_epochs}-[0-9]+\.pickle")
        names = _names(data_dir)
        training = [data_dir / each for each in names if pattern.fullmatch(each)]
        benchmarking = [data_dir / each for each in names if _BENCH.fullmatch(each)]
        static = data_dir / _INFO if _INFO in names else None
    if cache_dir is None or not (training or os.path.exists(cache_dir / f"{name}.nascurve")):  # noqa: PTH110
        raise card.missing(data_dir)
    others = [*benchmarking, *([] if static is None else [static])]
    return open_cached(
        card=card,
        sources=[*training, *others] if training else [],
        cache_dir=cache_dir,
        name=name,
        format_version=FORMAT_VERSION,
        convert=lambda: convert(training, benchmarking, static, epochs=card.max_epochs, remedy=card.remedy),
    )


def _names(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))  # noqa: PTH208 -- names are what is wanted
    except OSError:
        return []


def _accuracy(per: FloatArray, *, to_the_end: bool = False) -> FloatArray:
    """1 - error rate, at least 0; NaN where it is not finite, and with `to_the_end` from there on."""
    bad = ~np.isfinite(per)
    if to_the_end:
        bad = np.logical_or.accumulate(bad, axis=-1)
    accuracy: FloatArray = np.where(bad, np.nan, np.maximum(1.0 - np.where(bad, 0.0, per), 0.0))
    return accuracy


def _epoch_s(
    static: Mapping[str, NDArray[Any]], meta: dict[str, Any], seconds: str, card: OfficialCard
) -> FloatArray:
    """Seconds of an epoch for each model; NaN where the files do not have the number it is made of."""
    if seconds == "unit":
        return np.ones(len(static["params"]))
    if seconds in ("params", "flops"):
        known, values, file = meta[f"has_{seconds}"], static[seconds], _INFO
    else:
        known, file = seconds in meta["devices"], f"nb-asr-bench-{seconds}.pickle"
        values = static["latency_s"][meta["devices"].index(seconds)] if known else static["params"]
    if not known or not (values > 0).any():
        raise DataFileError(
            f"{card.id}: expected {file} with {seconds} beside the training files for "
            f"seconds={seconds!r}, got none. Put it there, or give seconds='unit'."
        )
    cost: FloatArray = np.where(values > 0, values, np.nan)
    cost /= np.nanmean(cost)
    return cost
