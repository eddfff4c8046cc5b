"""What a long job says on standard error: on a terminal, in a log, and when it is told to be quiet."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import termios

import pytest

from nascurve.experiments.progress import (
    BarProgress,
    LineProgress,
    NoProgress,
    create_progress,
    duration,
    rate,
)


class Clock:
    """Real time that a test moves."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def _lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().err.splitlines()


def test_log_gets_a_line_early_then_one_at_every_tenth(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    progress = LineProgress(total=1000, clock=clock)
    for done in range(1, 1001):
        clock.now_s += 0.5
        progress.update(done, min(4, 1000 - done), 0)
    progress.close()
    lines = _lines(capsys)
    assert len(lines) == 11
    assert lines[0] == "2 of 1,000 runs done, 4 running; 1 s; 2 runs/s; 8 min 19 s left"
    assert lines[1] == "100 of 1,000 runs done, 4 running; 50 s; 2 runs/s; 7 min 30 s left"
    assert lines[-1] == "1,000 of 1,000 runs done; 8 min 20 s; 2 runs/s"


def test_log_is_never_silent_for_longer_than_a_minute(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    progress = LineProgress(total=10, clock=clock)
    for _ in range(300):
        clock.now_s += 1
        progress.update(0, 2, 0)
    lines = _lines(capsys)
    assert len(lines) == 5
    assert lines[0] == "0 of 10 runs done, 2 running; 1 min 00 s"  # no rate is known yet


def test_what_was_there_before_counts_as_progress_not_as_speed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    clock = Clock()
    progress = LineProgress(total=100, done=80, failed=5, clock=clock)
    clock.now_s += 10
    progress.update(89, 1, 6)
    (line,) = _lines(capsys)
    assert line == "89 of 100 runs done, 1 running, 6 failed; 10 s; 1 runs/s; 5 s left"


def test_advance_counts_one_more(capsys: pytest.CaptureFixture[str]) -> None:
    progress = LineProgress(total=4, done=1, unit="part", clock=Clock())
    for name in ("a", "b", "c"):
        progress.advance(name)
    assert [line.split(" done")[0] for line in _lines(capsys)] == [f"{n} of 4 parts" for n in (2, 3, 4)]


def test_log_keeps_notes(capsys: pytest.CaptureFixture[str]) -> None:
    LineProgress(total=4, clock=Clock()).note("re, none, seed 3 failed")
    assert _lines(capsys) == ["re, none, seed 3 failed"]


@pytest.mark.parametrize("settings", [{"total": 5, "quiet": True}, {"total": 5, "done": 5}])
def test_nothing_is_said_when_quiet_or_when_nothing_is_to_do(
    settings: dict[str, int], capsys: pytest.CaptureFixture[str]
) -> None:
    progress = create_progress(**settings)  # type: ignore[arg-type]
    progress.update(5, 0, 0)
    progress.advance("a")
    progress.note("b")
    progress.close()
    assert isinstance(progress, NoProgress)
    assert capsys.readouterr() == ("", "")


def test_a_log_gets_lines() -> None:
    assert isinstance(create_progress(total=5), LineProgress)  # pytest's standard error is no terminal


_ON_A_TERMINAL = """
import time
from nascurve.experiments.progress import create_progress
progress = create_progress(total=100, done=40, failed=2)
assert type(progress).__name__ == "BarProgress"
progress.update(45, 4, 2)
progress.note("a message")
time.sleep(.15)
progress.update(45, 3, 2)
time.sleep(.15)
progress.update(50, 3, 3)
progress.close()
"""


def test_terminal_gets_one_line_with_counts_rate_and_time_left() -> None:
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 120))
    with subprocess.Popen([sys.executable, "-c", _ON_A_TERMINAL], stderr=theirs, env=os.environ) as process:
        os.close(theirs)
        said = b""
        while chunk := _read(ours):
            said += chunk
    os.close(ours)
    assert process.returncode == 0
    text = said.decode()
    assert "a message\r\n" in text
    drawn = [piece for piece in re.split(r"[\r\n]+", text) if "/100" in piece]
    assert any("47/100" in line and "3 running, 2 failed" in line for line in drawn)  # nothing had finished
    assert re.search(r"53%.*53/100 \[00:0\d<00:0\d,.*run/s, 3 running, 3 failed\]", drawn[-1])
    assert text.count("\n") == 2  # after the message and at the end: all else is drawn over


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 4096)
    except OSError:  # how Linux says that the other end was closed
        return b""


def test_time_left_on_a_terminal_comes_from_this_session(capsys: pytest.CaptureFixture[str]) -> None:
    progress = BarProgress(total=100, done=90)
    progress._bar.start_t -= 10  # as if ten seconds had passed
    progress.update(95, 0, 0)
    progress.close()
    assert re.search(r"95/100 \[00:10<00:10, ", capsys.readouterr().err.split("\r")[-1])


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59.4, "59 s"), (60, "1 min 00 s"), (3599, "59 min 59 s"), (7500, "2 h 05 min")],
)
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_duration_of_days() -> None:
    assert duration(76 * 3600) == "3 d 4 h"


def test_slow_steps_have_seconds_each() -> None:
    assert rate(4, 10.0, "run") == "2.5 s a run"
    assert rate(350, 10.0, "run") == "35 runs/s"
