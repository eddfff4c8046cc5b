"""The converted cache of an official benchmark: opened where it fits the files, else made from them."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from nascurve.benchmarks.array_file import Arrays
from nascurve.benchmarks.files.array_cache import open_cache, write_cache
from nascurve.benchmarks.files.card import OfficialCard
from nascurve.errors import DataFileError
from nascurve.locks import exclusive

_LOG = logging.getLogger(__name__)
_WAIT_S = 0.2
_OURS = (".nascurve", ".nascurve.lock", ".part")
"""Ends of the names of our own files, which may stand in a folder of sources."""


def open_cached(
    *,
    card: OfficialCard,
    sources: Sequence[Path],
    cache_dir: Path,
    name: str,
    format_version: int,
    convert: Callable[[], tuple[Mapping[str, NDArray[Any]], dict[str, Any]]],
) -> tuple[Arrays, dict[str, Any]]:
    """Read-only, memory-mapped arrays and the meta of `cache_dir/name.nascurve`; made first where needed.

    sources: the official files or folders that `convert` reads. The cache remembers their names, sizes and
    times of change; when these differ, or the cache is damaged or of another version, it is made anew (with
    a warning in the log). Where a source is gone, the cache is used as it is. Of several processes, one
    converts and the others wait for it.
    name: of the cache file, without suffix; also the kind that its meta states. format_version: of what
    `convert` gives; raise it when that changes. convert: returns the arrays and a meta that fits into JSON.

    Raises DataFileError: the card's when there are neither sources nor cache; for sources that cannot be
    converted; and for a cache_dir that cannot be written to (before the conversion begins).
    """
    path = cache_dir / f"{name}.nascurve"
    remedy = f"Remove it, and give data_dir= to make it again. {card.remedy}"
    fingerprint = _fingerprint(sources)
    if fingerprint is None:
        if not _is_there(path):
            gone = [source for source in sources if not _is_there(source)]
            raise card.missing((*gone, *sources, None)[0])
        return noted(path, open_cache(path, kind=name, format_version=format_version, remedy=remedy))

    def usable() -> tuple[Arrays, dict[str, Any]] | None:
        if not _is_there(path):
            return None
        try:
            arrays, meta = open_cache(path, kind=name, format_version=format_version, remedy=remedy)
        except DataFileError as error:
            _LOG.warning("The cache is made anew: %s", error)
            return None
        if meta.get("sources") == fingerprint:
            return arrays, meta
        _LOG.warning("%s: made from other files than those of now; it is made anew.", path)
        return None

    before = _state(path)
    opened = usable()
    if opened is None:
        with _alone(path, card):
            if _state(path) != before:  # another process has made it meanwhile
                opened = usable()
            if opened is None:
                arrays, meta = convert()
                about = {"format": name, "format_version": format_version, "sources": fingerprint}
                write_cache(path, arrays, {**meta, **about})
                opened = open_cache(path, kind=name, format_version=format_version, remedy=remedy)
    return noted(path, opened)


_WATCHED: ContextVar[dict[Path, Arrays] | None] = ContextVar("watched", default=None)


@contextlib.contextmanager
def opened_caches() -> Iterator[dict[Path, Arrays]]:
    """Collects, by path, the arrays of the caches that are opened within, by `open_cached` or `noted`."""
    watched: dict[Path, Arrays] = {}
    token = _WATCHED.set(watched)
    try:
        yield watched
    finally:
        _WATCHED.reset(token)


def noted(path: Path, opened: tuple[Arrays, dict[str, Any]]) -> tuple[Arrays, dict[str, Any]]:
    """Pass on what was opened, and let `opened_caches` know of it."""
    watched = _WATCHED.get()
    if watched is not None:
        watched[path] = opened[0]
    return opened


def _is_there(path: Path) -> bool:
    """Unlike Path.exists, False also where the folder may not be looked into or the name is impossible."""
    return os.path.exists(path)  # noqa: PTH110


def _state(path: Path) -> tuple[int, int] | None:
    try:
        state = path.stat()
    except OSError:
        return None
    return state.st_ino, state.st_mtime_ns


def _fingerprint(sources: Sequence[Path]) -> str | None:
    """SHA-256 over names, sizes and times of change of all files, also in folders; None: one is missing."""
    facts: list[Any] = []
    for source in sources:
        try:
            state = source.stat()
            inner = sorted(_entries(os.fspath(source), "")) if source.is_dir() else []
        except (OSError, ValueError):  # ValueError: a null byte in the path
            return None
        facts.append([source.name, *(inner or (state.st_size, state.st_mtime_ns))])
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest() if facts else None


def _entries(folder: str, prefix: str) -> Iterator[tuple[str, int, int]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _entries(entry.path, f"{prefix}{entry.name}/")
            elif not entry.name.endswith(_OURS):
                try:
                    state = entry.stat()
                except FileNotFoundError:  # a link to nowhere, which no converter can read either
                    continue
                yield prefix + entry.name, state.st_size, state.st_mtime_ns


@contextlib.contextmanager
def _alone(path: Path, card: OfficialCard) -> Iterator[None]:
    """Hold the lock of the cache, waiting for who has it; clear away what a killed process left."""
    with contextlib.ExitStack() as held:
        waiting = False
        while True:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                held.enter_context(exclusive(path.with_name(f"{path.name}.lock"), "Another process converts"))
                break
            except (DataFileError, OSError) as error:
                cause = error.__cause__ if isinstance(error, DataFileError) else error
                if not isinstance(cause, BlockingIOError):
                    reason = getattr(cause, "strerror", None) or cause
                    raise DataFileError(
                        f"{path}: the converted cache of {card.id} cannot be written ({reason}). Give "
                        "cache_dir=, a folder that can be written to."
                    ) from error
            if not waiting:
                _LOG.warning("%s: another process converts it; waiting for it.", path)
                waiting = True
            time.sleep(_WAIT_S)
        for left in path.parent.glob(f".{path.name}.*.part"):
            left.unlink(missing_ok=True)
        yield
