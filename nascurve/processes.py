"""A pool of worker processes that leaves nothing behind, however the parent ends."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing.connection import wait
from typing import Any, Literal

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
"""Environment variables from which the numerical libraries take their number of threads when they load."""
_GO_WITHIN_S = 10.0
"""Work is over by then: a worker has nothing left to do but to end."""


def available_cores() -> int:
    """Cores that this process may use; where the system does not say, those that there are."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS and Windows
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


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
    pool = _QuietPool(
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
        _shut_down(pool, before)


def _shut_down(pool: ProcessPoolExecutor, before: set[Any]) -> None:
    """Wait until the workers are gone, those that do not go by themselves because they are killed: a worker
    that somebody kills at this moment may hold the lock of the queue, and then the others wait for ever."""
    going = threading.Thread(target=pool.shutdown, daemon=True)
    going.start()
    going.join(_GO_WITHIN_S)
    while going.is_alive():
        for child in set(multiprocessing.active_children()) - before:
            child.kill()
        going.join(1.0)


class _QuietPool(ProcessPoolExecutor):
    """Starts its workers, which it does on submission, with SIGINT blocked: they inherit that. A Ctrl-C while
    they still import would end each of them with a traceback, before `_begin` can ignore it."""

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        with _interrupts_held_back():
            return super().submit(function, *args, **kwargs)


@contextlib.contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """One that comes meanwhile is raised at the end. Nothing on Windows, where masks do not exist."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


_threads = contextlib.ExitStack()


def _begin(initializer: Callable[..., None], initargs: tuple[Any, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    # For as long as it lives. A fork has its parent's libraries, for which the variables come too late.
    _threads.enter_context(single_threaded())
    initializer(*initargs)


def _die_with_parent() -> None:
    """A parent that is killed cannot stop its children, and they would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


@contextlib.contextmanager
def single_threaded() -> Iterator[None]:
    """One thread for the numerical libraries of this process, those that are loaded and those that come:
    sums of other orders have other last digits."""
    from threadpoolctl import threadpool_limits

    with _one_thread_each(), threadpool_limits(1):
        torch = sys.modules.get("torch")
        n_threads = torch.get_num_threads() if torch is not None else 0
        if torch is not None:
            torch.set_num_threads(1)
        try:
            yield
        finally:
            if torch is not None:
                torch.set_num_threads(n_threads)


@contextlib.contextmanager
def _one_thread_each() -> Iterator[None]:
    before = {name: os.environ.get(name) for name in THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))
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
