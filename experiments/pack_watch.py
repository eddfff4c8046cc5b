"""Follows packed jobs that other processes do: what has ended, and what is running."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nascurve.experiments.journal import read_records
from nascurve.experiments.packs import Pack

if TYPE_CHECKING:
    from nascurve.experiments.record import RunRecord


@dataclass(slots=True)
class _Followed:
    pack: Pack
    folder: Path
    spec: str
    journal: str
    size: int
    read_bytes: int = 0
    n_seen: int = 0
    over: bool = False


class PackWatch:
    """Reads the journals of packs as they grow, and calls `on_ended` once with each run.

    `poll` looks at the files once; it may be called as often as one likes, and misses nothing: what a pack's
    journal no longer shows, because the pack is over, its file in the store does.
    """

    def __init__(self, packs: Sequence[Pack], on_ended: Callable[[RunRecord], object]) -> None:
        self._followed = [
            _Followed(pack, pack.spec.parent, pack.spec.name, pack.journal.name, len(pack.jobs()))
            for pack in packs
        ]
        self._on_ended = on_ended
        self.n_running = 0

    def poll(self) -> None:
        """Look at what is not over. Raises DataFileError for a damaged file in the store.

        Folders are listed, once each: to look for every file by itself would cost a sweep the square of its
        packs, and a shared file system as many questions.
        """
        self.n_running = 0
        left = [followed for followed in self._followed if not followed.over]
        names = {folder: _names_in(folder) for folder in {followed.folder for followed in left}}
        for followed in left:
            self._look(followed, names[followed.folder])

    def _look(self, followed: _Followed, names: set[str]) -> None:
        at_work = followed.journal in names
        if at_work:
            self._read_tail(followed)
        # A list made while others change the folder may lack a name on some shared file systems.
        if followed.spec not in names and not followed.pack.spec.exists():
            followed.over = True
            self._read_stored(followed)
        elif at_work:
            self.n_running += 1

    def _read_tail(self, followed: _Followed) -> None:
        try:
            with followed.pack.journal.open("rb") as file:
                file.seek(followed.read_bytes)
                content = file.read()
        except FileNotFoundError:
            return
        whole = content.rfind(b"\n") + 1
        for record in read_records(content[:whole]):
            followed.n_seen += 1
            self._on_ended(record)
        followed.read_bytes += whole

    def _read_stored(self, followed: _Followed) -> None:
        if followed.n_seen < followed.size:
            for record in followed.pack.stored_records()[followed.n_seen :]:
                self._on_ended(record)
            followed.n_seen = followed.size


def _names_in(folder: Path) -> set[str]:
    try:
        with os.scandir(folder) as entries:
            return {entry.name for entry in entries}
    except FileNotFoundError:
        return set()
