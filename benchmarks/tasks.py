"""The tasks that `nascurve collect` knows, by name. Plug-ins add theirs in the group `nascurve.tasks`."""

from __future__ import annotations

import functools
import importlib.metadata
from typing import cast

from nascurve.benchmarks.task import Task
from nascurve.errors import UnknownIdError, did_you_mean


@functools.cache
def _entry_points() -> dict[str, importlib.metadata.EntryPoint]:
    return {point.name: point for point in importlib.metadata.entry_points(group="nascurve.tasks")}


def task_names() -> list[str]:
    return sorted(_entry_points())


def create_task(name: str) -> Task:
    """The task of that name. Raises UnknownIdError with a suggestion."""
    points = _entry_points()
    if name not in points:
        raise UnknownIdError(f"No task is called {name!r}. {did_you_mean(name, points)}")
    return cast("Task", points[name].load()())
