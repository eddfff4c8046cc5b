"""What 2 to 20 methods look like in the figures of statistics, in colour and in grey."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nascurve.experiments.curves import MethodKey
from nascurve.experiments.figure import COLOURS, MARKERS
from nascurve.experiments.methods import NO_LCE, method_name
from nascurve.experiments.statistics.study import PairedStudy
from nascurve.simulator.types import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

DASHED: Any = (0, (4, 2))
_STYLES: tuple[Any, ...] = ("-", (0, (4, 1.2, 1, 1.2)), (0, (1, 1)), (0, (4, 1.2, 1, 1.2, 1, 1.2)))
PAGE_IN = 7.2
"""Width of a figure that fills a page, as of the anytime figure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """colour, marker: of the optimizer.  style: of the LCE.  hollow: without LCE."""

    colour: str
    marker: str
    style: Any
    hollow: bool

    @property
    def face(self) -> str:
        return "white" if self.hollow else self.colour


def looks(study: PairedStudy) -> dict[str, Look]:
    """Of the methods of a study, by name."""
    return method_looks(study.keys)


def method_looks(keys: Sequence[MethodKey]) -> dict[str, Look]:
    """By method name, as in the anytime figure: an optimizer has a colour and a marker, its lines are dashed
    and its markers hollow without LCE, and solid or dotted, with full markers, with LCE. With more LCE
    entries than there are patterns, every method has a colour and marker of its own instead."""
    optimizers = list(dict.fromkeys(optimizer for optimizer, _ in keys))
    extrapolators = [lce for lce in dict.fromkeys(lce for _, lce in keys) if lce != NO_LCE]
    by_optimizer = len(extrapolators) <= len(_STYLES)
    found = {}
    for place, key in enumerate(keys):
        optimizer, lce = key
        n = optimizers.index(optimizer) if by_optimizer else place
        # More of them than colours: the markers are shifted, so that the pair is new.
        marker = MARKERS[(n + n // len(COLOURS)) % len(MARKERS)]
        plain = lce == NO_LCE
        style = DASHED if plain else _STYLES[extrapolators.index(lce) if by_optimizer else 0]
        colour = COLOURS[n % len(COLOURS)]
        found[method_name(key)] = Look(colour=colour, marker=marker, style=style, hollow=plain)
    return found


def new_figure(width_in: float, height_in: float) -> Figure:
    """An empty figure that lays itself out; to be called under `figure_files.styled`."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width_in, height_in), dpi=200, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def draw_markers(axes: Axes, x: FloatArray, y: FloatArray, look: Look) -> None:
    """A method's markers at some places of its line."""
    axes.plot(
        x,
        y,
        linestyle="",
        marker=look.marker,
        markersize=4,
        color=look.colour,
        markerfacecolor=look.face,
        markeredgewidth=0.9,
    )


def handle(name: str, look: Look) -> Line2D:
    """A line for the legend."""
    from matplotlib.lines import Line2D

    return Line2D(
        [],
        [],
        color=look.colour,
        linestyle=look.style,
        linewidth=1.3,
        marker=look.marker,
        markersize=4,
        markerfacecolor=look.face,
        markeredgewidth=0.9,
        label=name,
    )


def add_legend(figure: Figure, found: dict[str, Look], order: Sequence[str]) -> None:
    """Beside the axes, so that it covers nothing; in the order given, best as in the figure."""
    handles = [handle(name, found[name]) for name in order]
    figure.legend(handles=handles, loc="outside right center", frameon=False, handlelength=4)


def plain_axes(axes: Axes, grid: str = "both") -> None:
    """A light grid behind what is drawn, and no frame on the right and above."""
    axes.grid(axis=grid, which="major", linewidth=0.4, color="0.88")  # type: ignore[arg-type]
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
