"""From the official NAS-Bench-ASR files to the arrays of our cache."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nascurve.benchmarks.array_file import digest
from nascurve.benchmarks.nbasr.asr_file import ASRFile, real
from nascurve.benchmarks.nbasr.space import ASRCell, ASRSpace
from nascurve.errors import ArchitectureError, DataFileError
from nascurve.simulator.types import FloatArray

FORMAT_VERSION = 2


def convert(
    training: Sequence[Path],
    benchmarking: Sequence[Path],
    static: Path | None,
    *,
    epochs: int,
    remedy: str,
) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Arrays and meta of the cache from the files of one schedule.

    training: one file a seed, one at least, all trained for `epochs`. benchmarking: one file a device.
    static: the info file. remedy: the end of each message.

    Arrays, for n models (those trained with any seed, by hash), s seeds (ascending), d devices (by name):
    model_hash (n,) S32; row (13824,) the model of each cell by index, -1 where none; seed (s,); trained (s,
    n); val_per (s, n, epochs) and test_per (s, n), phoneme error rates as in the files, NaN where the file
    has none; latency_s (d, n), params (n,), flops (n,), NaN where not known. meta: devices, has_params,
    has_flops, versions of the files, other_rows (rows of models that no trained cell has, which are left
    out), data_sha256 (of the arrays).

    Raises DataFileError for files that do not fit the format, the schedule or each other, whose rows name
    another architecture than their hash, or hold negative numbers.
    """
    runs = sorted(
        (ASRFile.read(path, "training", remedy=remedy) for path in training), key=lambda file: file.seed or 0
    )
    benches = sorted(
        (ASRFile.read(path, "benchmarking", remedy=remedy) for path in benchmarking),
        key=lambda file: file.device,
    )
    info = ASRFile.read(static, "static", remedy=remedy) if static is not None else None
    _check_together(runs, benches, epochs, remedy)
    models = sorted({model for file in runs for model in file.rows})
    place = {model: i for i, model in enumerate(models)}
    space = ASRSpace()
    for file in runs:
        _check_architectures(file, space, remedy)

    val_per = np.full((len(runs), len(models), epochs), np.nan)
    test_per = np.full((len(runs), len(models)), np.nan)
    trained = np.zeros((len(runs), len(models)), dtype=np.bool_)
    for i, file in enumerate(runs):
        tests = file.column("test_per")
        for model, values in file.column("val_per").items():
            curve = _curve(file, model, values, epochs, remedy)
            val_per[i, place[model], : len(curve)] = curve
            test_per[i, place[model]] = _number(file, model, "test_per", tests[model], remedy)
            trained[i, place[model]] = True
    nothing = np.full(len(models), np.nan)
    latency_s = [_numbers(file, "latency", place, remedy) for file in benches]
    has_flops = info is not None and "flops" in info.columns
    others = [file for file in [*benches, info] if file is not None]
    arrays: dict[str, NDArray[Any]] = {
        "model_hash": np.array(models, dtype="S32"),
        "row": np.array([place.get(space.key(cell), -1) for cell in space.all()], dtype=np.int32),
        "seed": np.array([file.seed for file in runs], dtype=np.int64),
        "trained": trained,
        "val_per": val_per,
        "test_per": test_per,
        "latency_s": np.array(latency_s).reshape(len(benches), len(models)),
        "params": nothing if info is None else _numbers(info, "params", place, remedy),
        "flops": nothing if info is None or not has_flops else _numbers(info, "flops", place, remedy),
    }
    meta = {
        "epochs": epochs,
        "devices": [file.device for file in benches],
        "has_params": info is not None,
        "has_flops": has_flops,
        "versions": {file.path.name: file.version for file in [*runs, *others]},
        "other_rows": {file.path.name: sum(model not in place for model in file.rows) for file in others},
        "data_sha256": digest(arrays),
    }
    return arrays, meta


def _check_together(runs: Sequence[ASRFile], benches: Sequence[ASRFile], epochs: int, remedy: str) -> None:
    for file in runs:
        if file.epochs != epochs:
            raise DataFileError(
                f"{file.path}: expected trainings of {epochs} epochs, got {file.epochs}. Give epochs="
                f"{file.epochs}, or its official name. Schedules are never joined. {remedy}"
            )
    for files, names, what in (
        (runs, [str(file.seed) for file in runs], "seed"),
        (benches, [file.device for file in benches], "device"),
    ):
        for before, file, name in zip(files, files[1:], names[1:], strict=False):
            if (before.seed, before.device) == (file.seed, file.device):
                raise DataFileError(
                    f"{file.path}: expected another {what} than that of {before.path.name}, got {name!r} "
                    f"again. Remove the copy. {remedy}"
                )


def _check_architectures(file: ASRFile, space: ASRSpace, remedy: str) -> None:
    """Whether each row's `arch_vec`, where the file has it, is of the model that its hash names."""
    if "arch_vec" not in file.columns:
        known = {space.key(cell) for cell in space.all()}
        stranger = next((model for model in file.rows if model not in known), None)
        if stranger is not None:
            raise DataFileError(
                f"{file.path}: expected model hashes of the space's architectures, got {stranger}. {remedy}"
            )
        return
    for model, arch in file.column("arch_vec").items():
        try:
            fits = space.key(ASRCell(arch)) == model
        except ArchitectureError:
            fits = False
        if not fits:
            raise DataFileError(
                f"{file.path}: expected the arch_vec of model {model}, got {arch!r:.200}. {remedy}"
            )


def _curve(file: ASRFile, model: str, values: Any, epochs: int, remedy: str) -> FloatArray:
    if isinstance(values, np.ndarray) and values.ndim == 1:
        values = values.tolist()
    if isinstance(values, list | tuple) and len(values) <= epochs:
        numbers = [real(value) for value in values]
        if None not in numbers:
            curve = np.array(numbers, dtype=np.float64)
            if not (curve < 0).any():
                return curve
    raise DataFileError(
        f"{file.path}: expected at most {epochs} error rates of 0 or more as val_per of {model}, got "
        f"{values!r:.200}. {remedy}"
    )


def _number(file: ASRFile, model: str, name: str, value: Any, remedy: str) -> float:
    number = real(value)
    if number is None or number < 0:
        raise DataFileError(
            f"{file.path}: expected a number of 0 or more as {name} of {model}, got {value!r:.200}. {remedy}"
        )
    return number


def _numbers(file: ASRFile, name: str, place: dict[str, int], remedy: str) -> FloatArray:
    """One column in the order of `place`, NaN where the file lacks the model or the number is not finite."""
    found = np.full(len(place), np.nan)
    for model, value in file.column(name).items():
        number = _number(file, model, name, value, remedy)
        if model in place and np.isfinite(number):
            found[place[model]] = number
    return found
