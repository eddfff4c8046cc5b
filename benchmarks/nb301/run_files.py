"""NAS-Bench-301's training runs: JSON files in a folder or zip archive, and NASLib's pickle of them, as
arrays."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from nascurve.benchmarks.files.pickles import read_pickle
from nascurve.benchmarks.files.source import bounded_zip_member, checked_json, guarded, open_source
from nascurve.benchmarks.nb301.genotype import DartsGenotype, from_compact
from nascurve.benchmarks.nb301.run_json import Run, read_run
from nascurve.errors import ArchitectureError, DataFileError

FORMAT_VERSION = 1
RESULT = re.compile(r"results_(\d{1,9})(_[A-Za-z0-9]+)?\.json")
PICKLE = "nb301_full_training.pickle"

_MAX_JSON = 2**24
_MAX_EPOCHS = 2000
_MAX_RUNS = 2_000_000
_METRICS = ("val_acc", "test_acc", "val_loss", "train_loss")

Converted = tuple[dict[str, NDArray[Any]], dict[str, Any]]


def result_files(folder: Path) -> Iterator[Path]:
    """All run files below a folder, in no order."""
    return (path for path in folder.rglob("results_*.json") if RESULT.fullmatch(path.name))


def convert_runs(source: Path, *, remedy: str) -> Converted:
    """Arrays of all runs below a folder, or in a zip archive.

    The optimizer that a run comes from is the name of the folder it lies in. Runs with other training
    settings than the benchmark's (see `run_json`) are left out, also repeated copies of a run.
    """
    runs: list[Run] = []
    seen: set[tuple[Any, ...]] = set()
    counts = {"other_settings": 0, "copies": 0}
    for method, name, data in tqdm(
        _documents(source, remedy), desc="NAS-Bench-301 runs", unit="run", delay=2
    ):
        document = checked_json(data, path=name, max_bytes=_MAX_JSON, remedy=remedy)
        run = read_run(document, method=method, path=name, remedy=remedy)
        if run is None:
            counts["other_settings"] += 1
        elif run.identity in seen:
            counts["copies"] += 1
        else:
            seen.add(run.identity)
            runs.append(run)
        if len(runs) > _MAX_RUNS:
            raise DataFileError(f"{source}: expected at most {_MAX_RUNS} runs, got more. {remedy}")
    if not runs:
        what = (
            f"{counts['other_settings']} run(s), all with other training settings"
            if seen or any(counts.values())
            else "none"
        )
        raise DataFileError(
            f"{source}: expected runs of NAS-Bench-301 (results_<i>.json), got {what}. {remedy}"
        )
    return _arrays(runs, source, counts, remedy)


def convert_naslib(path: Path, *, remedy: str) -> Converted:
    """Arrays of NASLib's `nb301_full_training.pickle`: compact architecture -> val_accuracies (%),
    train_losses, runtime (s of the run: a number, or a list of it alone or of each epoch). It names no
    optimizer and has no test accuracy."""
    with open_source(path, expected=f"{PICKLE} of NASLib", remedy=remedy, magic=(b"\x80",)) as file:
        value = read_pickle(file.read(), path=path, remedy=remedy)
    with guarded(path, f"{PICKLE} of NASLib: a dictionary of architectures", remedy):
        if not isinstance(value, dict) or not value:
            raise ValueError(f"a value of type {type(value).__name__}, or an empty one")
        runs = [_naslib_run(compact, entry) for compact, entry in value.items()]
    return _arrays(runs, path, {"other_settings": 0, "copies": 0}, remedy)


def _naslib_run(compact: Any, entry: Any) -> Run:
    if not isinstance(entry, dict) or not {"val_accuracies", "train_losses", "runtime"} <= entry.keys():
        raise ValueError(f"an entry without val_accuracies, train_losses and runtime: {entry!r:.100}")
    try:
        arch = from_compact(compact)
    except ArchitectureError as error:
        raise ValueError(f"a key that is no architecture ({error})") from error
    val_acc = np.asarray(entry["val_accuracies"], np.float64) / 100
    train_loss = np.asarray(entry["train_losses"], np.float64)
    runtime = np.asarray(entry["runtime"], np.float64)
    if val_acc.ndim != 1 or not len(val_acc) or train_loss.shape != val_acc.shape:
        raise ValueError(
            f"{len(train_loss)} train_losses and {len(val_acc)} val_accuracies of an architecture"
        )
    if runtime.size == 1:
        seconds = float(runtime.reshape(()))
    elif runtime.shape == val_acc.shape:
        seconds = float(runtime[-1] if (np.diff(runtime) > 0).all() else runtime.sum())
    else:
        raise ValueError(f"runtimes of shape {runtime.shape}")
    return Run(
        arch=arch,
        method="naslib",
        epochs=len(val_acc),
        runtime_s=seconds,
        test_acc=None,
        curves={"val_acc": val_acc, "train_loss": train_loss},
    ).checked()


def _documents(source: Path, remedy: str) -> Iterator[tuple[str, str, bytes]]:
    """(optimizer, name for messages, content) of each run file, by optimizer, then number."""
    if source.is_dir():
        for path in sorted(
            result_files(source), key=lambda path: _order(path.relative_to(source).as_posix())
        ):
            with open_source(path, expected="a NAS-Bench-301 run in JSON", remedy=remedy) as file:
                yield path.parent.name, str(path), file.read(_MAX_JSON + 1)
        return
    expected = "a zip archive of NAS-Bench-301 runs"
    with open_source(source, expected=expected, remedy=remedy, magic=(b"PK",)) as file:
        with guarded(source, expected, remedy):
            archive = zipfile.ZipFile(file)
            members = [m for m in archive.infolist() if RESULT.fullmatch(m.filename.rpartition("/")[2])]
        for member in sorted(members, key=lambda member: _order(member.filename)):
            data = bounded_zip_member(archive, member, path=source, max_bytes=_MAX_JSON, remedy=remedy)
            yield (
                member.filename.split("/")[-2] if "/" in member.filename else "",
                f"{source} ({member.filename})",
                data,
            )


def _order(name: str) -> tuple[str, str, int, str]:
    folder, _, file = name.rpartition("/")
    match = RESULT.fullmatch(file)
    number = int(match[1]) if match else -1
    return folder.rpartition("/")[2], folder, number, file


def _arrays(runs: Sequence[Run], source: Path, counts: Mapping[str, int], remedy: str) -> Converted:
    """Runs of an architecture one behind the other, in the order of the files; architectures in the order of
    their first run. Curves are NaN beyond a run's own length."""
    rows: dict[DartsGenotype, list[int]] = {}
    for i, run in enumerate(runs):
        rows.setdefault(run.arch, []).append(i)
    order = [i for own in rows.values() for i in own]
    lengths = np.array(
        [len(run.curves["val_acc"]) if "val_acc" in run.curves else 0 for run in runs], np.int32
    )
    width = int(lengths.max())
    if width > _MAX_EPOCHS:
        raise DataFileError(
            f"{source}: expected curves of at most {_MAX_EPOCHS} epochs, got {width}. {remedy}"
        )
    methods = sorted({run.method for run in runs})
    arrays: dict[str, NDArray[Any]] = {
        "arch": np.array([arch.cells for arch in rows], np.uint8),
        "n_runs": np.array([len(own) for own in rows.values()], np.int32),
        "method": np.array([methods.index(runs[i].method) for i in order], np.int16),
        "length": lengths[order],
        "epochs": np.array([runs[i].epochs for i in order], np.int32),
        "runtime_s": np.array([runs[i].runtime_s for i in order]),
        "final_val_acc": np.array([runs[i].final_val_acc for i in order]),
        "final_test_acc": np.array(
            [np.nan if runs[i].test_acc is None else runs[i].test_acc for i in order], np.float64
        ),
    }
    for metric in _METRICS:
        if width and all(
            metric in run.curves or not length for run, length in zip(runs, lengths, strict=True)
        ):
            table = np.full((len(runs), width), np.nan)
            for row, i in enumerate(order):
                if lengths[i]:
                    table[row, : lengths[i]] = runs[i].curves[metric]
            arrays[metric] = table
    return arrays, {"methods": methods, **counts}
