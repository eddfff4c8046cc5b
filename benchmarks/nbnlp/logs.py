"""The authors' training logs: one JSON document a run, in a folder or in logs.zip."""

from __future__ import annotations

import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from nascurve.benchmarks.files.source import bounded_zip_member, checked_json, guarded, open_source
from nascurve.benchmarks.nbnlp.recipe import cell_of_recipe
from nascurve.benchmarks.nbnlp.run import MOST_EPOCHS, Run, checked_run
from nascurve.errors import ArchitectureError, DataFileError

_MOST_LOG_BYTES = 2**20
_MOST_LOGS = 200_000
_MOST_BYTES = 2**32
_LOG_EXPECTED = "a NAS-Bench-NLP training log"
_EXPECTED = "a zip archive of NAS-Bench-NLP training logs"


def is_log(name: str) -> bool:
    """Whether a file, by its name, is a training log: `log_stats_model_<recipe>_<time>_<experiment>.json`."""
    path = PurePosixPath(name)
    return (
        path.name.startswith("log_stats_model_") and path.suffix == ".json" and "__MACOSX" not in path.parts
    )


def read_logs(path: Path, *, remedy: str) -> tuple[list[Run], Counter[str]]:
    """All trainings of a folder or zip archive of logs, and what was left out: reason -> number.

    One log is in memory at a time. Left out are trainings that something else than the network ended; those
    that diverged are kept. Raises DataFileError for anything that is no such archive, folder or log.
    """
    runs: list[Run] = []
    left_out: Counter[str] = Counter()
    documents = _of_folder(path, remedy) if path.is_dir() else _of_archive(path, remedy)
    for where, document in documents:
        run = read_log(document, where=where, remedy=remedy)
        if isinstance(run, str):
            left_out[run] += 1
        else:
            runs.append(run)
    return runs, left_out


def read_log(document: bytes, *, where: str, remedy: str) -> Run | str:
    """The training of one log, or why it is left out. where: names it in messages. Raises DataFileError."""
    log = checked_json(document, path=where, max_bytes=_MOST_LOG_BYTES, remedy=remedy)
    with guarded(where, _LOG_EXPECTED, remedy):
        if not isinstance(log, dict):
            raise ValueError(f"it is a {type(log).__name__}")
        epochs = _whole(log, "epochs")
        if not 1 <= epochs <= MOST_EPOCHS:
            raise ValueError(f"epochs is {epochs}")
        try:
            cell = cell_of_recipe(_text(log, "recepie"))
        except ArchitectureError as error:
            raise DataFileError(
                f"{where}: expected {_LOG_EXPECTED}, got one of no valid cell: {error} {remedy}"
            ) from error
        return checked_run(
            log,
            cell=cell,
            order=(_text(log, "init_time"), _whole(log, "experiment_id")),
            data=PurePosixPath(_text(log, "data")).name,
            epochs=epochs,
            status=_text(log, "status"),
        )


def _of_folder(folder: Path, remedy: str) -> Iterator[tuple[str, bytes]]:
    for path in sorted(folder.iterdir()):
        if is_log(path.name):
            with (
                open_source(path, expected=_LOG_EXPECTED, remedy=remedy) as file,
                guarded(path, _LOG_EXPECTED, remedy),
            ):
                document = file.read(_MOST_LOG_BYTES + 1)
            yield str(path), document


def _of_archive(path: Path, remedy: str) -> Iterator[tuple[str, bytes]]:
    with open_source(path, expected=_EXPECTED, remedy=remedy, magic=(b"PK\x03\x04",)) as file:
        with guarded(path, _EXPECTED, remedy):
            archive = zipfile.ZipFile(file)
        with archive:
            members = sorted((m for m in archive.infolist() if is_log(m.filename)), key=lambda m: m.filename)
            n_bytes = sum(member.file_size for member in members)
            if not members or len(members) > _MOST_LOGS or n_bytes > _MOST_BYTES:
                raise DataFileError(
                    f"{path}: expected {_EXPECTED}, got {len(members)} logs of {n_bytes} bytes. {remedy}"
                )
            for member in members:
                document = bounded_zip_member(
                    archive, member, path=path, max_bytes=_MOST_LOG_BYTES, remedy=remedy
                )
                yield f"{path} ({member.filename})", document


def _text(log: dict[str, Any], name: str) -> str:
    value = log.get(name)
    if not isinstance(value, str):
        raise ValueError(f"{name} is {value!r:.40}, no text")
    return value


def _whole(log: dict[str, Any], name: str) -> int:
    value = log.get(name)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"{name} is {value!r:.40}, no whole number")
    return value
