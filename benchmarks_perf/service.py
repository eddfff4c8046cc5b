"""Measuring processes: a parent asks, a child with its own interpreter answers, one JSON line each."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")


def child_environment(**extra: str) -> dict[str, str]:
    """The environment with one thread for numerical libraries, so that CPU seconds are those of one core."""
    return os.environ | dict.fromkeys(_THREAD_VARIABLES, "1") | extra


def serve(commands: Mapping[str, Callable[..., Any]]) -> None:
    """Answer the parent's requests until it closes the pipe. Called by the child's main module.

    What libraries print goes to standard error, which a `Service` keeps for its error messages.
    """
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    for line in sys.stdin:
        request = json.loads(line)
        answers.write(json.dumps(commands[request["command"]](**request["arguments"])) + "\n")
        answers.flush()


class Service:
    """A child process that runs `python -m module`; use as a context manager.

    log: the file for what the child prints.
    """

    def __init__(self, python: Path | str, module: str, log: Path, **environment: str) -> None:
        self._name = module
        self._log = log
        with log.open("w") as stderr:
            self._process = subprocess.Popen(
                [str(python), "-m", module],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                cwd=ROOT,
                env=child_environment(**environment),
            )

    def __enter__(self) -> Service:
        return self

    def __exit__(self, *exc: object) -> None:
        self._process.kill()
        self._process.communicate()

    def call(self, command: str, **arguments: Any) -> Any:
        """Run a command in the child. Raises RuntimeError with what it printed when it dies."""
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise RuntimeError(f"{self._name} has no pipes.")
        try:
            stdin.write(json.dumps({"command": command, "arguments": arguments}) + "\n")
            stdin.flush()
            answer = stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            self._process.wait()
            tail = " | ".join(self._log.read_text(errors="replace").strip().splitlines()[-3:])
            raise RuntimeError(f"{self._name} died during {command!r}: {tail}")
        return json.loads(answer)
