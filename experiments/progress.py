"""How a long job says how far it is: one line in a terminal, now and then a line in a log, or nothing."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Protocol

_LINE_EVERY_S = 60.0
"""Longest silence of a log, real seconds."""
_FIRST_AFTER_S = 1.0
"""When the first line of a log may come: earlier there is no rate worth the name."""


class Progress(Protocol):
    """Told how far a job is; says so where that is of use.

    update: `done` steps have ended well (those of earlier sessions among them), `running` are under way,
        `failed` have ended badly; absolute numbers, as often as is handy.
    advance: one more has ended well; `note` names it.
    note: a message that must not tear the line.
    """

    def update(self, done: int, running: int, failed: int) -> None: ...

    def advance(self, note: str) -> None: ...

    def note(self, text: str) -> None: ...

    def close(self) -> None: ...


class NoProgress:
    """Says nothing."""

    def update(self, done: int, running: int, failed: int) -> None:
        pass

    def advance(self, note: str) -> None:
        pass

    def note(self, text: str) -> None:
        pass

    def close(self) -> None:
        pass


class BarProgress:
    """One tqdm line on standard error: done of all, time, time left, rate, how many run and failed.

    Rate and time left come from the mean over this session: what was there before does not count, and the
    bursts in which packed jobs report do not shake it, as they would a moving average.
    """

    def __init__(self, *, total: int, done: int = 0, failed: int = 0, unit: str = "run") -> None:
        from tqdm import tqdm

        # miniters=0: redrawn by the clock alone (every tenth of a second), also while nothing finishes
        self._bar = tqdm(
            total=total,
            initial=done + failed,
            unit=unit,
            file=sys.stderr,
            dynamic_ncols=True,
            smoothing=0,
            miniters=0,
        )
        self._failed = failed

    def update(self, done: int, running: int, failed: int) -> None:
        self._failed = failed
        counts = [f"{number} {word}" for number, word in ((running, "running"), (failed, "failed")) if number]
        self._show(done + failed, ", ".join(counts))

    def advance(self, note: str) -> None:
        self._show(int(self._bar.n) + 1, note)

    def note(self, text: str) -> None:
        self._bar.write(text, file=sys.stderr)

    def close(self) -> None:
        self._bar.refresh()
        self._bar.close()

    def _show(self, ended: int, text: str) -> None:
        self._bar.set_postfix_str(text, refresh=False)
        self._bar.update(ended - self._bar.n)


class LineProgress:
    """Plain lines on standard error, for log files: the first early, then one at every tenth or minute.

    clock: real seconds.
    """

    def __init__(
        self,
        *,
        total: int,
        done: int = 0,
        failed: int = 0,
        unit: str = "run",
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._total, self._unit, self._clock = total, unit, clock
        self._done, self._running, self._failed = done, 0, failed
        self._before = self._said = done + failed
        self._start_s = self._said_s = clock()

    def update(self, done: int, running: int, failed: int) -> None:
        self._done, self._running, self._failed = done, running, failed
        ended, now_s = done + failed, self._clock()
        another_tenth = ended * 10 // self._total > self._said * 10 // self._total
        first = self._said_s == self._start_s and ended > self._before
        silent_s = now_s - self._said_s
        if another_tenth or silent_s >= _LINE_EVERY_S or (first and silent_s >= _FIRST_AFTER_S):
            self._said, self._said_s = ended, now_s
            self.note(self._line(now_s - self._start_s))

    def advance(self, note: str) -> None:
        self.update(self._done + 1, self._running, self._failed)

    def note(self, text: str) -> None:
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()

    def close(self) -> None:
        pass

    def _line(self, elapsed_s: float) -> str:
        counts = f"{self._done:,} of {self._total:,} {self._unit}s done"
        for number, word in ((self._running, "running"), (self._failed, "failed")):
            if number:
                counts += f", {number:,} {word}"
        ended = self._done + self._failed
        here, left = ended - self._before, self._total - ended
        facts = [counts, duration(elapsed_s)]
        if here > 0 and elapsed_s > 0:
            facts.append(rate(here, elapsed_s, self._unit))
            if left > 0:
                facts.append(f"{duration(elapsed_s / here * left)} left")
        return "; ".join(facts)


def create_progress(
    *, total: int, done: int = 0, failed: int = 0, unit: str = "run", quiet: bool = False
) -> Progress:
    """What suits standard error.

    total: all steps, with those that are there already.  done, failed: how many have ended well, and badly,
    before now; they count as progress, not as speed.  quiet: say nothing.
    """
    if quiet or done >= total:
        return NoProgress()
    if sys.stderr.isatty():
        return BarProgress(total=total, done=done, failed=failed, unit=unit)
    return LineProgress(total=total, done=done, failed=failed, unit=unit)


def duration(seconds: float) -> str:
    """Real time for people: `8 s`, `3 min 20 s`, `2 h 05 min`, `3 d 4 h`."""
    whole_s = round(seconds)
    if whole_s < 60:
        return f"{whole_s} s"
    minutes, rest_s = divmod(whole_s, 60)
    if minutes < 60:
        return f"{minutes} min {rest_s:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"


def rate(n: int, elapsed_s: float, unit: str) -> str:
    """A speed: `35 runs/s`, or `2.5 s a run` where it is slow."""
    per_s = n / elapsed_s
    return f"{per_s:,.3g} {unit}s/s" if per_s >= 1 else f"{elapsed_s / n:,.3g} s a {unit}"
