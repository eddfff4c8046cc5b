"""How a long job says how far it is: a bar in a terminal, now and then a line elsewhere, or nothing."""

from __future__ import annotations

import sys
import time
from typing import Protocol


class Progress(Protocol):
    """Told of every finished step."""

    def advance(self, note: str) -> None: ...

    def close(self) -> None: ...


class NoProgress:
    """Says nothing."""

    def advance(self, note: str) -> None:
        pass

    def close(self) -> None:
        pass


class BarProgress:
    """One tqdm bar on standard error."""

    def __init__(self, *, total: int, done: int, unit: str) -> None:
        from tqdm import tqdm

        self._bar = tqdm(total=total, initial=done, unit=unit, file=sys.stderr, dynamic_ncols=True)

    def advance(self, note: str) -> None:
        self._bar.set_postfix_str(note, refresh=False)
        self._bar.update()

    def close(self) -> None:
        self._bar.close()


class LineProgress:
    """A line on standard error at every tenth, for logs."""

    def __init__(self, *, total: int, done: int, unit: str) -> None:
        self._total, self._done, self._unit = total, done, unit
        self._start_s = time.perf_counter()
        self._tenth = self._done * 10 // max(total, 1)

    def advance(self, note: str) -> None:
        self._done += 1
        tenth = self._done * 10 // self._total
        if tenth > self._tenth:
            self._tenth = tenth
            elapsed_s = time.perf_counter() - self._start_s
            sys.stderr.write(f"{self._done} of {self._total} {self._unit}s, {elapsed_s:.0f} s\n")

    def close(self) -> None:
        pass


def create_progress(*, total: int, done: int = 0, unit: str = "run", quiet: bool = False) -> Progress:
    """What suits standard error."""
    if quiet or done >= total:
        return NoProgress()
    kind = BarProgress if sys.stderr.isatty() else LineProgress
    return kind(total=total, done=done, unit=unit)
