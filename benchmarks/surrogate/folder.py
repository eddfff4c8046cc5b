"""A surrogate as a folder: plain texts and arrays, and a manifest that names and hashes them. No pickle."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from nascurve import options
from nascurve.benchmarks.files.source import checked_json, guarded, open_source
from nascurve.benchmarks.surrogate.surrogate import Blob, Part, Surrogate
from nascurve.errors import ConfigError, DataFileError, UnknownIdError
from nascurve.registry import create_search_space

MANIFEST = "manifest.json"
FORMAT = "nascurve-surrogate"
FORMAT_VERSION = 1
_ARRAYS = "arrays.npz"
_MAX_MANIFEST = 2**22
_MAX_FILE = 2**29
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,100}")
_SUFFIXES = {str: "txt", bytes: "bin"}
_REMEDY = "Make it again with `nascurve surrogate fit`, or get the whole folder again."


def is_surrogate_folder(path: Path) -> bool:
    """Whether a surrogate was saved there: by its manifest, whatever state the rest is in."""
    return os.path.isfile(path / MANIFEST)  # noqa: PTH113 -- what may not be looked at counts as absent


def save_surrogate(
    surrogate: Surrogate, folder: str | os.PathLike[str], *, evaluation: Mapping[str, Any] | None = None
) -> Path:
    """Write a surrogate to `folder`, which appears whole or not at all (a temporary folder, then a rename).

    folder: new, empty, or that of another surrogate, which is replaced. evaluation: figures of how good it
    is, as JSON can hold them; kept in the manifest.

    Files: `manifest.json`; `arrays.npz`, all arrays, none of objects; `<part>.<name>.txt` and `.bin`, the
    models' own texts and bytes. Raises DataFileError for a folder that holds anything else, or cannot be
    written to, ConfigError for a search space without an id.
    """
    target = options.path("folder", folder)
    check_target(target)
    try:
        create_search_space(surrogate.space.name)
    except UnknownIdError as error:
        raise ConfigError(
            f"The surrogate's search space {surrogate.space.name!r} is not registered, so that it could not "
            f"be loaded again. Register it as an entry point of nascurve.search_spaces. {error}"
        ) from error
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent))
    except OSError as error:
        raise _unwritable(target, error) from error
    try:
        _write(surrogate, part, dict(evaluation or {}))
        part.chmod(0o755)
        _put_in_place(part, target)
    except OSError as error:
        raise _unwritable(target, error) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return target


def load_surrogate_folder(folder: str | os.PathLike[str]) -> tuple[Surrogate, dict[str, Any]]:
    """The surrogate that was saved there, and its manifest. Runs nothing that the files hold.

    Raises DataFileError, which names the file, for one that is missing, altered, cut short or too many; for a
    manifest that is damaged or of a newer format; and for a search space that is not installed.
    """
    where = options.path("folder", folder)
    manifest = _read_manifest(where / MANIFEST)
    files = _read_files(where, manifest)
    try:
        space = create_search_space(manifest["space"])
    except UnknownIdError as error:
        raise DataFileError(
            f"{where / MANIFEST}: expected a surrogate over an installed search space, got one over "
            f"{manifest['space']!r:.80}. Install the package that brings it. {error}"
        ) from error
    with guarded(where, "the fitted models that its manifest describes", _REMEDY):
        parts = _read_parts(files, manifest)
        try:
            return Surrogate.from_parts(space, parts, manifest["facts"]), manifest
        except DataFileError as error:  # of a part, which does not know in which folder it lies
            raise ValueError(str(error)) from error


def check_target(target: Path) -> None:
    """Raises DataFileError where `save_surrogate` would: for anything but a folder that is missing, empty or
    that of a surrogate."""
    if not os.path.lexists(target):
        return
    if not target.is_dir() or target.is_symlink():
        raise DataFileError(f"{target}: expected a folder to write a surrogate to, got a file or link.")
    names = sorted(entry.name for entry in target.iterdir())
    if names and not is_surrogate_folder(target):
        raise DataFileError(
            f"{target}: holds other files ({', '.join(names[:5])}); a surrogate has a folder to itself. Give "
            "another folder."
        )


def _unwritable(target: Path, error: OSError) -> DataFileError:
    return DataFileError(f"{target}: cannot be written ({error.strerror or error}). Give another folder.")


def _write(surrogate: Surrogate, folder: Path, evaluation: dict[str, Any]) -> None:
    arrays: dict[str, np.ndarray[Any, Any]] = {}
    described: dict[str, Any] = {}
    for part, (settings, blobs) in surrogate.parts().items():
        names: dict[str, str] = {}
        for name, blob in blobs.items():
            if isinstance(blob, np.ndarray):
                names[name] = _ARRAYS
                arrays[f"{part}.{name}"] = blob
            else:
                names[name] = f"{part}.{name}.{_SUFFIXES[type(blob)]}"
                _write_bytes(folder / names[name], blob.encode() if isinstance(blob, str) else blob)
        described[part] = {"settings": settings, "blobs": names}
    _write_npz(folder / _ARRAYS, arrays)
    manifest = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "space": surrogate.space.name,
        "facts": dict(surrogate.facts),
        "evaluation": evaluation,
        "parts": described,
        "files": {path.name: _described(path.read_bytes()) for path in sorted(folder.iterdir())},
    }
    manifest["sha256"] = _digest(manifest)
    text = json.dumps(manifest, indent=1, allow_nan=False)
    _write_bytes(folder / MANIFEST, f"{text}\n".encode())


def _write_bytes(path: Path, data: bytes) -> None:
    if not _NAME.fullmatch(path.name):
        raise ValueError(f"{path.name!r} cannot be the name of a stored model")
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _write_npz(path: Path, arrays: Mapping[str, np.ndarray[Any, Any]]) -> None:
    """Uncompressed: trees hardly shrink, and packing them would take longer than fitting them. Without the
    time: the same arrays, the same bytes."""
    with path.open("wb") as file:
        with zipfile.ZipFile(file, "w") as archive:
            for name, array in arrays.items():
                entry = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
                with archive.open(entry, "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, np.ascontiguousarray(array), allow_pickle=False)
        file.flush()
        os.fsync(file.fileno())


def _read_npz(data: bytes) -> dict[str, np.ndarray[Any, Any]]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        if sum(member.file_size for member in archive.infolist()) > _MAX_FILE:
            raise ValueError(f"arrays of more than {_MAX_FILE} bytes")
    with np.load(io.BytesIO(data), allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def _put_in_place(part: Path, target: Path) -> None:
    if not target.exists():
        part.rename(target)
        return
    with tempfile.TemporaryDirectory(prefix=f".{target.name}.", suffix=".old", dir=target.parent) as away:
        old = target.rename(Path(away) / target.name)
        try:
            part.rename(target)
        except OSError:
            old.rename(target)
            raise


def _described(data: bytes) -> dict[str, Any]:
    return {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def _digest(manifest: Mapping[str, Any]) -> str:
    """SHA-256 of all of the manifest but the digest itself."""
    rest = {name: value for name, value in manifest.items() if name != "sha256"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def _read_manifest(path: Path) -> dict[str, Any]:
    with open_source(path, expected="the manifest of a surrogate", remedy=_REMEDY) as file:
        data = file.read(_MAX_MANIFEST + 1)
    manifest = checked_json(data, path=path, max_bytes=_MAX_MANIFEST, remedy=_REMEDY, allow_nan=False)
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        _refuse(path, "the manifest of a surrogate", "another JSON document")
    version = manifest.get("format_version")
    if type(version) is not int or version < 1:
        _refuse(path, "a format_version of 1 or more", f"{version!r:.40}")
    if version > FORMAT_VERSION:
        raise DataFileError(
            f"{path}: has format_version {version}; this nascurve reads up to {FORMAT_VERSION}. Upgrade "
            "nascurve (pip install --upgrade nascurve), or fit the surrogate again."
        )
    if manifest.get("sha256") != _digest(manifest):
        _refuse(path, "the manifest as it was written", "one that was altered: its own sha256 differs")
    wanted = {"space": str, "facts": dict, "evaluation": dict, "parts": dict, "files": dict}
    for name, kind in wanted.items():
        if not isinstance(manifest.get(name), kind):
            _refuse(path, f"{name} as a {kind.__name__}", f"{manifest.get(name)!r:.60}")
    return manifest


def _read_files(folder: Path, manifest: Mapping[str, Any]) -> dict[str, bytes]:
    """What the files hold that the manifest names: each is there as it was written, and nothing else is.

    Each is read once: another process may replace the folder after it was checked."""
    files = manifest["files"]
    contents: dict[str, bytes] = {}
    with guarded(folder, "a folder that can be read", _REMEDY):
        there = {entry.name for entry in folder.iterdir()}
    for name in sorted(there - set(files) - {MANIFEST}):
        raise DataFileError(
            f"{folder / name}: is not part of the surrogate in this folder, whose manifest does not name it. "
            "Remove it, or keep it elsewhere."
        )
    for name, about in files.items():
        if not _NAME.fullmatch(name) or not isinstance(about, dict):
            _refuse(folder / MANIFEST, "plain names of files", f"{name!r:.80}")
        path = folder / name
        with open_source(path, expected=f"a file of the surrogate in {folder}", remedy=_REMEDY) as file:
            size = os.fstat(file.fileno()).st_size
            if size != about.get("bytes") or size > _MAX_FILE:
                _refuse(path, f"{about.get('bytes')!r:.20} bytes, as its manifest says", f"{size}")
            contents[name] = file.read(size)
        if hashlib.sha256(contents[name]).hexdigest() != about.get("sha256"):
            _refuse(path, "the file as it was written", "one that was altered: its SHA-256 differs")
    return contents


def _read_parts(files: Mapping[str, bytes], manifest: Mapping[str, Any]) -> dict[str, Part]:
    arrays = _read_npz(files[_ARRAYS])
    parts: dict[str, Part] = {}
    for part, about in manifest["parts"].items():
        blobs: dict[str, Blob] = {}
        for name, file in about["blobs"].items():
            if file == _ARRAYS:
                blobs[name] = arrays[f"{part}.{name}"]
                continue
            if file not in files:
                raise ValueError(f"{file!r} is none of the files")
            blobs[name] = files[file].decode() if file.endswith(".txt") else files[file]
        parts[part] = about["settings"], blobs
    return parts


def _refuse(path: Path, expected: str, got: str) -> NoReturn:
    raise DataFileError(f"{path}: expected {expected}, got {got}. {_REMEDY}")
