"""Sweeps in processes of their own that are killed at random moments."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nascurve.locks import is_held

DEADLINE_S = 120.0


@dataclass
class Sweep:
    """`nascurve compare` with these options; `out` is its folder."""

    options: Sequence[str]
    out: Path
    kills: Counter[str] = field(default_factory=Counter)

    def start(self) -> subprocess.Popen[bytes]:
        """In a session of its own, as a terminal or a job scheduler does."""
        program = [sys.executable, "-m", "nascurve.experiments.cli"]
        return subprocess.Popen(
            [*program, "compare", *self.options, f"out={self.out}"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def finish(self) -> bytes:
        """Run until it ends by itself; what it said. Fails the test when it does not end well."""
        process = self.start()
        _, said = process.communicate(timeout=DEADLINE_S)
        assert process.returncode == 0, said.decode()
        return said

    def run_and_kill(self, rng: random.Random) -> bool:
        """Start, and kill something at a random moment; whether that came before the end."""
        process = self.start()
        how = rng.choice(["parent", "parent", "worker", "group", "interrupt", "interrupt twice"])
        begun = how == "worker" or rng.random() < 0.75  # the others come while it starts
        if begun:
            self._wait_until_begun(process)
        deadline = time.monotonic() + rng.uniform(0.0, 2.5)
        while time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.01)
        if process.poll() is not None:
            assert process.returncode == 0, process.communicate()[1].decode()
            return False
        killed = _kill(process, how, rng)
        try:
            _, said = process.communicate(timeout=DEADLINE_S)
        finally:
            _kill_group(process)
        if how == "worker":  # the others go on, and the sweep with them
            assert process.returncode == 0, said.decode()
        if how.startswith("interrupt") and begun:  # before, it is Python that is interrupted
            assert process.returncode in (0, 130, -signal.SIGINT), (process.returncode, said.decode())
        self.kills[how] += killed
        return killed

    def _wait_until_begun(self, process: subprocess.Popen[bytes]) -> None:
        while process.poll() is None and not any(map(is_held, (self.out / "jobs").glob("*.jsonl"))):
            time.sleep(0.02)


def _kill(process: subprocess.Popen[bytes], how: str, rng: random.Random) -> bool:
    if how == "worker":
        workers = _children(process.pid)
        if not workers:
            return False
        return _signal(rng.choice(workers), signal.SIGKILL)
    if how == "group":
        return _kill_group(process)
    if how == "parent":
        return _signal(process.pid, signal.SIGKILL)
    os.killpg(process.pid, signal.SIGINT)  # as Ctrl-C in a terminal does
    if how == "interrupt twice":
        time.sleep(rng.uniform(0.0, 0.5))
        _signal_group(process.pid, signal.SIGINT)
    return True


def _children(pid: int) -> list[int]:
    """Worker processes, but not those that only look after resources."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
            command = (stat.parent / "cmdline").read_bytes()
        except OSError:
            continue
        if int(fields[1]) == pid and b"resource_tracker" not in command:
            found.append(int(stat.parent.name))
    return found


def _signal(pid: int, number: signal.Signals) -> bool:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def _signal_group(pid: int, number: signal.Signals) -> bool:
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        return False
    return True


def _kill_group(process: subprocess.Popen[bytes]) -> bool:
    return _signal_group(process.pid, signal.SIGKILL)
