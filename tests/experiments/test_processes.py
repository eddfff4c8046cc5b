"""The pool of worker processes, and what it knows of the machine."""

import multiprocessing.util
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nascurve import processes
from nascurve.experiments import run_command
from nascurve.experiments.usage import UsageError

SLOW_TO_IMPORT = """
import multiprocessing, os, pathlib, time
if multiprocessing.current_process().name != "MainProcess":
    pathlib.Path(f"importing-{os.getpid()}").touch()
    time.sleep(5)

def begin():
    pass

def work():
    return os.getpid()
"""
SCRIPT = """
import sys, time
import slow
from nascurve.processes import worker_pool
try:
    with worker_pool(3, slow.begin) as pool:
        futures = [pool.submit(slow.work)]
        time.sleep(0.2)
        futures += [pool.submit(slow.work) for _ in range(2)]
        print([future.result() for future in futures])
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="no signal masks")
def test_an_interrupt_while_workers_import_is_quiet(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(SLOW_TO_IMPORT)
    (tmp_path / "script.py").write_text(SCRIPT)
    process = subprocess.Popen(
        [sys.executable, "script.py"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 60
    while len(list(tmp_path.glob("importing-*"))) < 3:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: the whole group
    stdout, stderr = process.communicate(timeout=30)
    assert (process.returncode, stdout, stderr) == (130, "", "")


def test_submitting_leaves_the_callers_signals_as_they_were() -> None:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    with processes.worker_pool(1, _begin, start="fork") as pool:
        assert pool.submit(os.getpid).result() != os.getpid()
        assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == before


def _begin() -> None:
    pass


def test_cores_are_known_where_the_system_has_no_affinity(monkeypatch: pytest.MonkeyPatch) -> None:
    if hasattr(os, "sched_getaffinity"):
        assert processes.available_cores() == len(os.sched_getaffinity(0))
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 7)
    assert processes.available_cores() == 7
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert processes.available_cores() == 1


def test_run_has_the_threads_of_the_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in processes.THREAD_VARIABLES:
        monkeypatch.setenv(name, "5")
    with pytest.raises(UsageError):
        run_command.main(["foo"])
    assert {name: os.environ[name] for name in processes.THREAD_VARIABLES} == dict.fromkeys(
        processes.THREAD_VARIABLES, "1"
    )


def _never_ends() -> int:
    multiprocessing.util.Finalize(None, time.sleep, args=(600,), exitpriority=100)
    return os.getpid()


def _nothing() -> None:
    pass


def test_workers_that_do_not_end_by_themselves_are_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As one does that waits for a lock which a killed one has taken with it."""
    monkeypatch.setattr(processes, "_GO_WITHIN_S", 0.5)
    with processes.worker_pool(1, _nothing, start="fork") as pool:
        pid = pool.submit(_never_ends).result()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
