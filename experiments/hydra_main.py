"""What `hydra.main` reads of its process, for the length of a call."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager


@contextmanager
def hydra_command_line(name: str, args: Sequence[str]) -> Iterator[None]:
    """Hydra reads sys.argv, and hands errors on instead of printing them when HYDRA_FULL_ERROR is set."""
    argv, full_error = sys.argv, os.environ.get("HYDRA_FULL_ERROR")
    sys.argv = [name, *args]
    os.environ["HYDRA_FULL_ERROR"] = "1"
    try:
        yield
    finally:
        sys.argv = argv
        if full_error is None:
            del os.environ["HYDRA_FULL_ERROR"]
        else:
            os.environ["HYDRA_FULL_ERROR"] = full_error
