"""The growth figure: each measurement against its size, on logarithmic axes, with lines of slope 1."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from benchmarks_perf.growth.point import Point, by_series, exponent
from nascurve.experiments.figure import COLOURS, MARKERS
from nascurve.experiments.figure_files import styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True, kw_only=True)
class _Line:
    label: str
    points: Sequence[Point]
    value: str
    scale: float = 1.0


@dataclass(frozen=True, kw_only=True)
class _Panel:
    """linear: whether growth in proportion to the size is what is expected, rather than none.
    notes: what is said where lines bend: label of the line, size, text.  legend: inside, or right of all.
    """

    part: str
    title: str
    x: str
    y: str
    lines: Callable[[Mapping[str, Sequence[Point]]], list[_Line]]
    linear: bool = True
    notes: tuple[tuple[str, float, str], ...] = ()
    legend: Literal["best", "right"] = "best"


def _each(value: str, scale: float = 1.0) -> Callable[[Mapping[str, Sequence[Point]]], list[_Line]]:
    def lines(series: Mapping[str, Sequence[Point]]) -> list[_Line]:
        return [_Line(label=name, points=points, value=value, scale=scale) for name, points in series.items()]

    return lines


def _chosen(
    wanted: Sequence[tuple[str, str, str, float]],
) -> Callable[[Mapping[str, Sequence[Point]]], list[_Line]]:
    """wanted: label, series, value, scale."""

    def lines(series: Mapping[str, Sequence[Point]]) -> list[_Line]:
        return [
            _Line(label=label, points=series[name], value=value, scale=scale)
            for label, name, value, scale in wanted
            if name in series
        ]

    return lines


_PLAIN = ("ls", "re", "re + last_value", "ls, space exhausted")
_MODELS = ("bananas", "bananas, 11,204 features", "tpe", "re + auto", "re + lcsvr", "re + gp")
_PANELS = (
    _Panel(
        part="history",
        title="a. One run: time against history",
        x="evaluations",
        y="CPU s",
        lines=_chosen([(name, name, "cpu_s", 1.0) for name in _PLAIN]),
        notes=(("ls, space exhausted", 10_000, "all networks tried"),),
    ),
    _Panel(
        part="history",
        title="b. One run: memory against history",
        x="evaluations",
        y="peak memory, MB",
        lines=_chosen([(name, name, "peak_bytes", 1e-6) for name in _PLAIN]),
        notes=(("re", 100_000, "curves: full"),),
    ),
    _Panel(
        part="history",
        title="c. The same with models: time",
        x="evaluations",
        y="CPU s",
        lines=_chosen([(name, name, "cpu_s", 1.0) for name in _MODELS]),
        legend="right",
    ),
    _Panel(
        part="history",
        title="d. The same with models: memory",
        x="evaluations",
        y="peak memory, MB",
        lines=_chosen([(name, name, "peak_bytes", 1e-6) for name in _MODELS]),
        legend="right",
    ),
    _Panel(
        part="workers",
        title="e. One run: simulated workers",
        x="simulated workers",
        y="CPU µs an evaluation",
        lines=_each("cpu_us_per_evaluation"),
        linear=False,
    ),
    _Panel(
        part="budget",
        title="f. One run: budget",
        x="budget, full trainings",
        y="CPU s",
        lines=_each("cpu_s"),
    ),
    _Panel(
        part="runs",
        title="g. Sweep: time against runs",
        x="runs",
        y="wall s",
        lines=_chosen(
            (
                ("sweep, more seeds", "seeds", "wall_s", 1.0),
                ("sweep, more methods", "methods", "wall_s", 1.0),
                ("again, all done", "seeds", "again_wall_s", 1.0),
                ("read and summarise", "seeds", "read_wall_s", 1.0),
            )
        ),
        notes=(("sweep, more seeds", 10_000, "start-up over"),),
    ),
    _Panel(
        part="runs",
        title="h. Sweep: memory and disk against runs",
        x="runs",
        y="MB",
        lines=_chosen(
            (
                ("parent, peak memory", "seeds", "peak_bytes", 1e-6),
                ("reader, peak memory", "seeds", "read_peak_bytes", 1e-6),
                ("store, on disk", "seeds", "store_bytes", 1e-6),
            )
        ),
    ),
    _Panel(
        part="cores",
        title="i. Sweep: processes",
        x="processes",
        y="wall s",
        lines=_chosen((("4 methods × LCE on/off", "sweep", "wall_s", 1.0),)),
    ),
    _Panel(
        part="start",
        title="j. Launch: packed jobs",
        x="packed jobs",
        y="s",
        lines=_chosen(
            (("write them", "watch", "write_s", 1.0), ("look at them once", "watch", "poll_s", 1.0))
        ),
    ),
)


def draw(parts: Mapping[str, Sequence[Point]], path: Path) -> None:
    """Write the figure of the parts that were measured as a PNG."""
    panels = [panel for panel in _PANELS if panel.part in parts]
    if panels:
        _figure(parts, panels).savefig(path, dpi=150)


@styled
def _figure(parts: Mapping[str, Sequence[Point]], panels: Sequence[_Panel]) -> Figure:
    from matplotlib.figure import Figure

    rows = -(-len(panels) // 2)
    figure = Figure(figsize=(8.4, 0.4 + 2.7 * rows), layout="constrained")
    for place, panel in enumerate(panels):
        axes = figure.add_subplot(rows, 2, place + 1)
        _draw_panel(axes, panel, panel.lines(by_series(parts[panel.part])))
    figure.suptitle("Growth. Dotted: in proportion to the size. In brackets: slope over the last three sizes")
    return figure


def _draw_panel(axes: Axes, panel: _Panel, lines: Sequence[_Line]) -> None:
    for place, line in enumerate(lines):
        slope = exponent(line.points, line.value)
        axes.plot(
            [point.size for point in line.points],
            [line.scale * point.values[line.value] or math.nan for point in line.points],
            color=COLOURS[place % len(COLOURS)],
            marker=MARKERS[place % len(MARKERS)],
            markersize=3.5,
            linewidth=1.2,
            linestyle="-" if place < len(COLOURS) else "--",
            label=f"{line.label} ({slope:.2f})" if not math.isnan(slope) else line.label,
        )
    axes.set_xscale("log")
    axes.set_yscale("log")
    _draw_guides(axes, panel, lines)
    _draw_notes(axes, panel, lines)
    axes.set_title(panel.title, fontsize=9, loc="left")
    axes.set_xlabel(panel.x)
    axes.set_ylabel(panel.y)
    if panel.legend == "right":
        axes.set_xlim(right=100 * axes.get_xlim()[1])
        axes.legend(fontsize=6.5, frameon=False, loc="center right")
    else:
        axes.legend(fontsize=6.5, frameon=False)
    axes.grid(visible=True, which="major", color="#DDDDDD", linewidth=0.5)


def _draw_guides(axes: Axes, panel: _Panel, lines: Sequence[_Line]) -> None:
    """A line of the expected slope through the last point of each line that has several."""
    for line in lines:
        last = line.points[-1]
        sizes = [point.size for point in line.points]
        value = line.scale * last.values[line.value]
        if len(sizes) < 2 or value <= 0:
            continue
        falling = panel.part == "cores"  # twice the processes, half the time
        if falling:
            axes.set_xticks(sizes, [f"{size:.0f}" for size in sizes], minor=False)
            axes.set_xticks([], minor=True)
        expected = [
            value * ((last.size / size if falling else size / last.size) if panel.linear else 1.0)
            for size in sizes
        ]
        low, high = axes.get_ylim()
        axes.plot(sizes, expected, color="#888888", linewidth=0.8, linestyle=(0, (1, 2)), zorder=0)
        axes.set_ylim(low, high)


def _draw_notes(axes: Axes, panel: _Panel, lines: Sequence[_Line]) -> None:
    for label, size, text in panel.notes:
        for line in lines:
            for point in line.points:
                if line.label == label and point.size == size:
                    axes.annotate(
                        text,
                        (size, line.scale * point.values[line.value]),
                        xytext=(6, -9),
                        textcoords="offset points",
                        fontsize=6,
                        color="#444444",
                    )
