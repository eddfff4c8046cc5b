"""Follows packed jobs that other processes do: what has ended, and what is running."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nascurve.experiments.journal import read_records
from nascurve.experiments.packs import Pack

if TYPE_CHECKING:
    from nascurve.experiments.record import RunRecord


@dataclass(slots=True)
class _Followed:
    pack: Pack
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
        self._followed = [_Followed(pack, len(pack.jobs())) for pack in packs]
        self._on_ended = on_ended
        self.n_running = 0

    def poll(self) -> None:
        """Look at what is not over. Raises DataFileError for a damaged file in the store."""
        self.n_running = 0
        for followed in self._followed:
            if not followed.over:
                self._look(followed)

    def _look(self, followed: _Followed) -> None:
        journal = followed.pack.journal
        over = not followed.pack.spec.exists()  # seen before the journal: what is over has no later lines
        try:
            size = journal.stat().st_size
        except FileNotFoundError:
            size = 0
        if size > followed.read_bytes:
            self._read_tail(followed)
        if over:
            followed.over = True
            self._read_stored(followed)
        elif size or journal.exists():
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
