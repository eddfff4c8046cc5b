"""A measurement at one size, and how fast measurements grow with it."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Point:
    """What was measured in a series at one size.

    size: what the series is about, such as evaluations or runs.
    values: by name, with the unit in the name (`cpu_s`, `peak_bytes`).
    """

    series: str
    size: float
    values: dict[str, float]


def write_points(points: Sequence[Point], path: Path) -> None:
    path.write_text(json.dumps([asdict(point) for point in points], indent=1), encoding="utf-8")


def read_points(path: Path) -> list[Point]:
    """Raises OSError or ValueError for a file that `write_points` did not write."""
    return [Point(**point) for point in json.loads(path.read_text(encoding="utf-8"))]


def by_series(points: Sequence[Point]) -> dict[str, list[Point]]:
    """Each series by ascending size, in the order in which they first occur."""
    series: dict[str, list[Point]] = {}
    for point in points:
        series.setdefault(point.series, []).append(point)
    return {name: sorted(own, key=lambda point: point.size) for name, own in series.items()}


def exponent(points: Sequence[Point], name: str, *, last: int = 3) -> float:
    """The slope of `name` against size in a log-log plot, by least squares over the `last` largest sizes:
    1 is linear. NaN with fewer than two sizes at which it is positive."""
    chosen = [point for point in points if point.values.get(name, 0.0) > 0][-last:]
    if len({point.size for point in chosen}) < 2:
        return math.nan
    x = [math.log(point.size) for point in chosen]
    y = [math.log(point.values[name]) for point in chosen]
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    spread = sum((a - mean_x) ** 2 for a in x)
    return (
        sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True)) / spread if spread else math.nan
    )


def marginal(points: Sequence[Point], name: str) -> float:
    """Growth of a value between the last two sizes, for each unit of size; NaN where there are not two."""
    if len(points) < 2:
        return math.nan
    before, last = points[-2:]
    return (last.values[name] - before.values[name]) / (last.size - before.size)
