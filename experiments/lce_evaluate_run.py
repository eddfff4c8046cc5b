"""Runs the parts of an evaluation that are missing, in this process or in several."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any

import numpy as np

from nascurve.errors import ConfigError, NascurveError
from nascurve.experiments.lce_evaluate_specs import ExtrapolatorSpec
from nascurve.lce.evaluation.curve_set import CurveSet
from nascurve.lce.evaluation.evaluate import evaluate_split, warm_up
from nascurve.lce.evaluation.fans import Fans
from nascurve.lce.evaluation.settings import EvaluationSettings
from nascurve.lce.evaluation.split import Split
from nascurve.processes import worker_pool

FANS = "fans"
"""In place of a split's name: the fans of split 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """An extrapolator on a split, or its fans: what is computed and kept as one."""

    spec: ExtrapolatorSpec
    split: int
    fans: bool = False

    @property
    def name(self) -> str:
        return FANS if self.fans else f"split-{self.split:04d}"


def run_parts(
    parts: Sequence[Part],
    curves: CurveSet,
    settings: EvaluationSettings,
    *,
    jobs: int,
    on_finished: Callable[[Part, Any], None],
) -> None:
    """Call `on_finished` with each part and its result, plain values, the moment it is done. With `jobs` > 1
    in that many processes; results, but for times, do not depend on it. Raises what the first part that fails
    raises, and NascurveError when a process dies."""
    if jobs == 1 or len(parts) < 2:
        _begin(curves, settings)
        for part in parts:
            on_finished(part, _compute(part))
        return
    with worker_pool(min(jobs, len(parts)), _begin, (curves, settings)) as pool:
        futures: dict[Future[Any], Part] = {pool.submit(_compute, part): part for part in parts}
        for future in as_completed(futures):
            try:
                result = future.result()
            except BrokenProcessPool as error:
                raise NascurveError(
                    "A worker process died: it was killed, or memory did not suffice. What was finished is "
                    "kept: give the same command again, with jobs=1 if memory is short."
                ) from error
            on_finished(futures[future], result)


@dataclass(slots=True)
class _Kept:
    """What a process keeps for all its parts."""

    curves: CurveSet
    settings: EvaluationSettings
    warm: set[str]


_kept: _Kept | None = None


def _begin(curves: CurveSet, settings: EvaluationSettings) -> None:
    global _kept
    _kept = _Kept(curves, settings, set())


def _compute(part: Part) -> Any:
    if _kept is None:
        raise RuntimeError("_compute needs _begin first")
    spec, curves, settings = part.spec, _kept.curves, _kept.settings
    split = Split.draw(curves, settings, part.split)
    try:
        with _warnings_held_back():
            if part.fans:
                return fans_to_plain(Fans.of(spec, curves, split, settings))
            if spec.label not in _kept.warm:
                warm_up(spec, settings)
                _kept.warm.add(spec.label)
            return [dataclasses.asdict(cell) for cell in evaluate_split(spec, curves, split, settings)]
    except NascurveError as error:
        raise type(error)(f"{spec.label}, {part.name}: {error}") from error
    except Exception as error:
        raise NascurveError(f"{spec.label}, {part.name}: {type(error).__name__}: {error}") from error


@contextlib.contextmanager
def _warnings_held_back() -> Iterator[None]:
    """What extrapolators log of their fallbacks: that curves are few is what is asked for here."""
    log = logging.getLogger("nascurve.lce")
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(before)


def fans_to_plain(fans: Fans) -> dict[str, Any]:
    """Numbers and lists, for JSON."""
    return {
        field.name: getattr(fans, field.name).tolist()
        if isinstance(getattr(fans, field.name), np.ndarray)
        else getattr(fans, field.name)
        for field in dataclasses.fields(fans)
    }


def fans_from_plain(content: dict[str, Any]) -> Fans:
    """Back from `fans_to_plain`. Raises ConfigError."""
    values: dict[str, Any] = {
        name: np.array(value) if isinstance(value, list) else value for name, value in content.items()
    }
    try:
        return Fans(**values)
    except TypeError as error:
        raise ConfigError(f"fans.json in the cache was written by another version: {error}") from error
