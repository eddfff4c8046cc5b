"""What `hydra.main` reads of its process, for the length of a call."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager


@contextmanager
def hydra_command_line(name: str, args: Sequence[str]) -> Iterator[None]:
    """Hydra reads sys.argv, and hands errors on instead of printing them when HYDRA_FULL_ERROR is set. It may
    be at work already, in a program that calls us."""
    argv, full_error = sys.argv, os.environ.get("HYDRA_FULL_ERROR")
    sys.argv = [name, *args]
    os.environ["HYDRA_FULL_ERROR"] = "1"
    try:
        with hydra_at_rest():
            yield
    finally:
        sys.argv = argv
        if full_error is None:
            del os.environ["HYDRA_FULL_ERROR"]
        else:
            os.environ["HYDRA_FULL_ERROR"] = full_error


@contextmanager
def hydra_at_rest() -> Iterator[None]:
    """Hydra holds one configuration in a process; for a moment it is free for another one."""
    from hydra.core.global_hydra import GlobalHydra
    from hydra.core.hydra_config import HydraConfig

    hydra, config = GlobalHydra.instance().hydra, HydraConfig.instance().cfg
    GlobalHydra.instance().hydra = None
    try:
        yield
    finally:
        GlobalHydra.instance().hydra = hydra
        HydraConfig.instance().cfg = config
