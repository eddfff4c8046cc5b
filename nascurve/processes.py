"""A pool of worker processes that leaves nothing behind, however the parent ends."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.connection import wait
from typing import Any, Literal

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")


@contextlib.contextmanager
def worker_pool(
    processes: int,
    initializer: Callable[..., None],
    initargs: tuple[Any, ...] = (),
    *,
    start: Literal["spawn", "fork"] = "spawn",
) -> Iterator[ProcessPoolExecutor]:
    """A pool whose workers run the numerical libraries with one thread each, ignore Ctrl-C (the parent
    decides what an interrupt means), and end with their parent even when it is killed. On an exception in the
    block, an interrupt included, work in flight is given up and the workers are terminated.

    Submit inside the block: processes are spawned on submission, with the environment that holds there.
    Spawned workers do not import the caller's main module: they need nothing of it, and a script without an
    `if __name__ == "__main__"` guard would run again in each of them.
    """
    pool = ProcessPoolExecutor(
        max_workers=processes,
        mp_context=multiprocessing.get_context(start),
        initializer=_begin,
        initargs=(initializer, initargs),
    )
    before = set(multiprocessing.active_children())
    try:
        with _one_thread_each(), _main_module_hidden():
            yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        for child in set(multiprocessing.active_children()) - before:
            child.terminate()
        raise
    finally:
        pool.shutdown()


def _begin(initializer: Callable[..., None], initargs: tuple[Any, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    initializer(*initargs)


def _die_with_parent() -> None:
    """A parent that is killed cannot stop its children, and they would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


@contextlib.contextmanager
def _one_thread_each() -> Iterator[None]:
    before = {name: os.environ.get(name) for name in _THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(_THREAD_VARIABLES, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextlib.contextmanager
def _main_module_hidden() -> Iterator[None]:
    main = sys.modules["__main__"]
    hidden = {name: getattr(main, name) for name in ("__spec__", "__file__") if hasattr(main, name)}
    for name in hidden:
        setattr(main, name, None)
    try:
        yield
    finally:
        for name, value in hidden.items():
            setattr(main, name, value)
