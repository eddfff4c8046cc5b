"""The tasks that `nascurve collect` knows, by name. Plug-ins add theirs in the group `nascurve.tasks`."""

from __future__ import annotations

import functools
import importlib.metadata
from typing import Any, cast

from nascurve.benchmarks.task import Task
from nascurve.errors import ConfigError, UnknownIdError, did_you_mean


@functools.cache
def _entry_points() -> dict[str, importlib.metadata.EntryPoint]:
    return {point.name: point for point in importlib.metadata.entry_points(group="nascurve.tasks")}


def task_names() -> list[str]:
    return sorted(_entry_points())


def create_task(name: str, **options: Any) -> Task:
    """The task of that name. Raises UnknownIdError with a suggestion, ConfigError for options that it does
    not have or needs."""
    points = _entry_points()
    if name not in points:
        raise UnknownIdError(f"No task is called {name!r}. {did_you_mean(name, points)}")
    build = points[name].load()
    try:
        return cast("Task", build(**options))
    except TypeError as error:
        if "argument" not in str(error):
            raise
        raise ConfigError(f"Task {name}: {error}. Options are given as task_options.<name>=.") from error
