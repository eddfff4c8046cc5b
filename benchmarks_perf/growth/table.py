"""The tables of docs/growth.md."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from benchmarks_perf.growth import scale
from benchmarks_perf.growth.point import Point, by_series, exponent, marginal
from benchmarks_perf.line import number


def tables(parts: Mapping[str, Sequence[Point]]) -> str:
    """Markdown: a table for each part that was measured, and what a very large sweep would need."""
    makers = {
        "history": _history,
        "workers": _workers,
        "budget": _budget,
        "runs": _runs,
        "cores": _cores,
        "start": _start,
    }
    found = {part: maker(by_series(parts[part])) for part, maker in makers.items() if part in parts}
    if set(scale.PARTS) <= set(parts):
        found["scale"] = _markdown(
            ["", "measured", "needed"], [[need.what, need.constant, need.need] for need in scale.needs(parts)]
        )
    return "\n".join(f"<!-- {part} -->\n{text}" for part, text in found.items())


Series = Mapping[str, Sequence[Point]]
_RUNS_COLUMNS = (
    *("wall_s", "cpu_s", "workers_cpu_s", "again_wall_s", "read_wall_s", "peak_bytes"),
    *("read_peak_bytes", "store_bytes", "store_files", "config_s"),
)


def _history(series: Series) -> str:
    rows = []
    for name, points in series.items():
        last = points[-1]
        rows.append(
            [
                name,
                f"{last.size:,.0f}",
                number(last.values["cpu_s"]),
                number(1e6 * last.values["cpu_s"] / last.size),
                number(marginal(points, "cpu_s") * 1e6),
                _slope(points, "cpu_s"),
                number(last.values["result_peak_bytes"] / 1e6),
                number(marginal(points, "peak_bytes")),
            ]
        )
    head = ["search", "evaluations", "CPU s", "µs each", "µs each, last step", "slope"]
    return _markdown([*head, "peak MB", "bytes each, last step"], rows)


def _workers(series: Series) -> str:
    sizes = _sizes(series)
    rows = [
        [name, *(number(point.values["cpu_us_per_evaluation"]) for point in points)]
        for name, points in series.items()
    ]
    return _markdown(["CPU µs an evaluation", *(f"{size:,.0f} workers" for size in sizes)], rows)


def _budget(series: Series) -> str:
    sizes = _sizes(series)
    rows = [
        [name, *(number(point.values["cpu_s"]) for point in points), _slope(points, "cpu_s")]
        for name, points in series.items()
    ]
    return _markdown(["CPU s", *(f"{size:,.0f} trainings" for size in sizes), "slope"], rows)


def _runs(series: Series) -> str:
    rows = []
    for name, points in series.items():
        for point in points:
            values = point.values
            rows.append(
                [
                    f"more {name}",
                    f"{point.size:,.0f}",
                    number(values["wall_s"]),
                    number(values["cpu_s"]),
                    number(values["workers_cpu_s"]),
                    number(values["again_wall_s"]),
                    number(values["read_wall_s"]),
                    number(values["peak_bytes"] / 1e6),
                    number(values["read_peak_bytes"] / 1e6),
                    number(values["store_bytes"] / 1e3),
                    number(values["store_files"]),
                    number(values["config_s"]),
                ]
            )
        rows.append(["slope", "", *(_slope(points, column) for column in _RUNS_COLUMNS)])
    head = ["", "runs", "wall s", "parent CPU s", "workers CPU s", "again, wall s", "read, wall s"]
    return _markdown(
        [*head, "parent peak MB", "read peak MB", "store kB", "store files", "config.yaml, s"], rows
    )


def _cores(series: Series) -> str:
    rows = [
        [
            f"{point.size:.0f}",
            number(point.values["wall_s"]),
            number(point.values["cpu_s"] + point.values["workers_cpu_s"]),
            f"{point.values['efficiency']:.0%}",
            number(point.values["store_bytes_per_run"]),
            number(point.values["one_file_bytes_per_run"]),
        ]
        for point in series["sweep"]
    ]
    head = ["processes", "wall s", "CPU s", "efficiency", "store bytes a run", "in one file"]
    runs = [
        [name, number(1e3 * points[0].values["run_wall_s"])]
        for name, points in series.items()
        if name != "sweep"
    ]
    return _markdown(head, rows) + "\n" + _markdown(["method", "ms a run"], runs)


def _start(series: Series) -> str:
    jobs = [
        [
            name.removeprefix("job, "),
            number(points[0].values["wall_s"]),
            number(points[0].values["cpu_s"]),
            number(points[0].values["peak_bytes"] / 1e6),
        ]
        for name, points in series.items()
        if name != "watch"
    ]
    watch = [
        [
            f"{point.size:,.0f}",
            number(1e6 * point.values["write_s"] / point.size),
            number(1e6 * point.values["poll_s"] / point.size),
        ]
        for point in series.get("watch", ())
    ]
    return (
        _markdown(["a packed job's start", "wall s", "CPU s", "peak MB"], jobs)
        + "\n"
        + _markdown(["packed jobs", "µs each to write", "µs each to look at"], watch)
    )


def _sizes(series: Series) -> list[float]:
    return [point.size for point in next(iter(series.values()))]


def _slope(points: Sequence[Point], name: str) -> str:
    slope = exponent(points, name)
    return "–" if math.isnan(slope) else f"{slope:.2f}"


def _markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
