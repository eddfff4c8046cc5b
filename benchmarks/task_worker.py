"""What a worker process of the collector and of the verification holds: one copy of the task's data."""

from __future__ import annotations

from nascurve.benchmarks.task import Task
from nascurve.benchmarks.training import PreparedTask
from nascurve.errors import NascurveError

_prepared: PreparedTask | None = None


def start_worker(task: Task) -> None:
    """Initializer of a `worker_pool`: prepares the data before the worker's first job."""
    global _prepared
    _prepared = PreparedTask(task)


def prepared_task() -> PreparedTask:
    """The data of this worker. Raises NascurveError in a process that `start_worker` did not start."""
    if _prepared is None:
        raise NascurveError("A worker was started without its task.")
    return _prepared
