"""A measurement in a process of its own: neither memory nor caches of the one before it count."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from typing import Any

from benchmarks_perf.service import ROOT, child_environment


def start(task: str, **arguments: Any) -> subprocess.Popen[str]:
    """Begin `benchmarks_perf.growth.TASK.measure(**arguments)`; the arguments are JSON-able."""
    return subprocess.Popen(
        [sys.executable, "-m", "benchmarks_perf.growth.child", task, json.dumps(arguments)],
        cwd=ROOT,
        env=child_environment(),
        stdout=subprocess.PIPE,
        text=True,
    )


def answer(process: subprocess.Popen[str]) -> Any:
    """What a measurement returned, once it is over. Raises RuntimeError when it failed; then its process
    said why."""
    try:
        text, _ = process.communicate()
    finally:
        process.kill()  # after an interrupt
    if process.returncode:
        raise RuntimeError(f"{process.args!r}: exit code {process.returncode}.")
    return json.loads(text)


def measure(task: str, **arguments: Any) -> Any:
    return answer(start(task, **arguments))


def _main(task: str, arguments: str) -> None:
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print is no part of the answer
    module = importlib.import_module(f"benchmarks_perf.growth.{task}")
    answers.write(json.dumps(module.measure(**json.loads(arguments))))
    answers.close()


if __name__ == "__main__":
    _main(sys.argv[1], sys.argv[2])
