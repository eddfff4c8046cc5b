"""Where the trainings of one data set and schedule come from: converted files, opened as memory maps."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path
from typing import Any

import numpy as np

from nascurve.benchmarks.array_file import Arrays
from nascurve.benchmarks.files.array_cache import open_cache, write_cache
from nascurve.benchmarks.files.cached import noted, open_cached
from nascurve.benchmarks.files.card import OfficialCard
from nascurve.benchmarks.nb201.archives import Family, Source, cache_names, find_source
from nascurve.benchmarks.nb201.convert import FORMAT_VERSION, Part, convert_source, part_name
from nascurve.errors import CapabilityError, DataFileError

_LOG = logging.getLogger(__name__)


def open_table(
    *,
    card: OfficialCard,
    family: Family,
    dataset: str,
    epochs: int,
    data_dir: Path | None,
    cache_dir: Path | None,
) -> tuple[Arrays, dict[str, Any]]:
    """The arrays of one part (see `convert_source`), and its meta: source (the official file's name), epochs
    (really trained for), digest (of the content).

    An archive is gone through once, for all of its parts: each becomes a file of its own, and a small file
    beside them says what they were made from. The cache is looked for, and made, in cache_dir; by default
    beside the data. Without data_dir, the caches in cache_dir are used.

    Raises DataFileError for files that are missing or not as published, CapabilityError for a schedule or
    data set that the files do not hold.
    """
    source = None if data_dir is None else find_source(family, dataset, data_dir)
    if cache_dir is None:
        if data_dir is None:
            raise card.missing(None)
        cache_dir = data_dir if data_dir.is_dir() else data_dir.parent
    name = _cached_name(family, dataset, cache_dir) if source is None else source.name
    if name is None:
        raise card.missing(data_dir)
    try:
        return _open(card, family, dataset, epochs, source, name, cache_dir)
    except _PartError as error:
        if source is None:
            raise
        _LOG.warning("The cache is made anew: %s", error)
        (cache_dir / f"{name}.nascurve").unlink(missing_ok=True)
        return _open(card, family, dataset, epochs, source, name, cache_dir)


class _PartError(DataFileError):
    """One of the files of a cache is missing, damaged or of another conversion."""


def _open(
    card: OfficialCard,
    family: Family,
    dataset: str,
    epochs: int,
    source: Source | None,
    name: str,
    cache_dir: Path,
) -> tuple[Arrays, dict[str, Any]]:
    def convert() -> tuple[Part, dict[str, Any]]:
        if source is None:  # not called then: there is nothing to convert
            raise card.missing(None)
        digests = {}
        parts = convert_source(source, family, dataset, remedy=card.remedy)
        for part in list(parts):
            arrays = parts.pop(part)
            digests[part] = _digest(arrays)
            meta = {"format": f"{name}-{part}", "format_version": FORMAT_VERSION, "digest": digests[part]}
            write_cache(_path(cache_dir, name, part), arrays, meta)
        return {}, {"parts": digests, "source": source.path.name}

    _, meta = open_cached(
        card=card,
        sources=[] if source is None else [source.path],
        cache_dir=cache_dir,
        name=name,
        format_version=FORMAT_VERSION,
        convert=convert,
    )
    part = _wanted(
        meta["parts"], dataset, epochs, meta["source"], naslib=name.startswith(f"{family.name}-naslib")
    )
    path = _path(cache_dir, name, part)
    try:
        kind = f"{name}-{part}"
        arrays, about = noted(
            path, open_cache(path, kind=kind, format_version=FORMAT_VERSION, remedy=card.remedy)
        )
    except DataFileError as error:
        raise _PartError(str(error)) from error
    if about.get("digest") != meta["parts"][part]:
        raise _PartError(f"{path}: expected the conversion of {meta['source']}, got another. {card.remedy}")
    trained = int(part.rpartition("-")[2])
    return arrays, {"source": meta["source"], "epochs": trained, "digest": about["digest"]}


def _wanted(parts: dict[str, str], dataset: str, epochs: int, source: str, *, naslib: bool) -> str:
    """The name of the part. NASLib's curves need not be of exactly 200 epochs."""
    names = {name for name in parts if name.rpartition("-")[0] == dataset}
    wanted = part_name(dataset, epochs)
    if naslib and epochs == 200 and len(names) == 1:
        return names.pop()
    if wanted not in parts:
        raise CapabilityError(
            f"{source} holds no trainings of {epochs} epochs on {dataset}; it holds "
            f"{', '.join(sorted(parts))} (data set, epochs). Ask for one of these, or give another data_dir."
        )
    return wanted


def _cached_name(family: Family, dataset: str, cache_dir: Path) -> str | None:
    names = cache_names(family, dataset)
    return next((name for name in names if (cache_dir / f"{name}.nascurve").exists()), None)


def _path(cache_dir: Path, name: str, part: str) -> Path:
    return cache_dir / f"{name}-{part}.nascurve"


def _digest(arrays: Part) -> str:
    digest = hashlib.sha256()
    for name, array in arrays.items():
        digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
