"""Part `history`: one run as the number of its evaluations grows."""

from __future__ import annotations

import time
from typing import Any

from benchmarks_perf.growth.child import answer, start
from benchmarks_perf.growth.point import Point
from benchmarks_perf.settings import say
from nascurve.processes import available_cores

# A space that no search exhausts, and one training seed of each network: no two evaluations are alike.
_LARGE: dict[str, Any] = {
    "benchmark": "synthetic",
    "benchmark_options": {"space": "darts", "encoding": "ordinal", "n_seeds": 1},
}
_SMALL: dict[str, Any] = {"benchmark": "pocket201-digits"}
SERIES: dict[str, tuple[int, dict[str, Any]]] = {
    "ls": (1_000_000, {"optimizer": "ls", **_LARGE}),
    "re": (1_000_000, {"optimizer": "re", **_LARGE}),
    "bananas, 11,204 features": (500, {"optimizer": "bananas", **_LARGE}),
    "re + last_value": (100_000, {"optimizer": "re", "extrapolator": "last_value", **_LARGE}),
    "ls, space exhausted": (100_000, {"optimizer": "ls", **_SMALL}),
    "bananas": (2_000, {"optimizer": "bananas", **_SMALL}),
    "tpe": (1_000, {"optimizer": "tpe", **_SMALL}),
    "re + auto": (2_000, {"optimizer": "re", "extrapolator": "auto", **_SMALL}),
    "re + lcsvr": (1_000, {"optimizer": "re", "extrapolator": "lcsvr", **_SMALL}),
    "re + gp": (1_000, {"optimizer": "re", "extrapolator": "gp", **_SMALL}),
}
"""The last number of evaluations, and what is run."""
_FIRST = 100
_LOOK_EVERY_S = 0.2
_QUICK_SHARE = 1 / 1000


def measure(*, quick: bool) -> list[Point]:
    """As many series at a time as there are cores, each in a process of its own."""
    points: list[Point] = []
    waiting = list(SERIES.items())
    at_work: dict[str, Any] = {}
    while waiting or at_work:
        while waiting and len(at_work) < available_cores():
            name, (last, arguments) = waiting.pop(0)
            last = max(_FIRST, int(last * _QUICK_SHARE)) if quick else last
            at_work[name] = start("one_run", marks=half_decades(_FIRST, last), **arguments)
        over = [name for name, process in at_work.items() if process.poll() is not None]
        for name in over:
            for found in answer(at_work.pop(name)):
                points.append(Point(series=name, size=found.pop("evaluations"), values=found))
            last_s = points[-1].values["cpu_s"]
            say(f"history: {name}: {points[-1].size:,.0f} evaluations, {last_s:.1f} CPU s")
        time.sleep(_LOOK_EVERY_S)
    order = list(SERIES)
    return sorted(points, key=lambda point: order.index(point.series))


def half_decades(first: int, last: int) -> list[int]:
    """first, √10 first, 10 first, … up to `last`, which is the last one."""
    marks = []
    step = 0
    while (mark := round(first * 10 ** (step / 2))) < last:
        marks.append(mark)
        step += 1
    return [*marks, last]
