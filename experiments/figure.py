"""The anytime figure: what the incumbent is worth against simulated time, for all methods of a comparison."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from nascurve.errors import ConfigError
from nascurve.experiments.anytime_lines import AnytimeLine, anytime_lines, best_methods
from nascurve.experiments.curves import MethodKey, Metric, Statistic, choose_metric
from nascurve.experiments.methods import NO_LCE
from nascurve.options import choice
from nascurve.simulator.types import FloatArray

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

# Okabe and Ito's palette without its yellow, which is too pale for lines. In greyscale the markers tell
# optimizers apart.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#000000", "#56B4E9", "#D55E00")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
_DASHED: Any = (0, (4, 2))
_WITHOUT = "0.45"
# The first LCE of a comparison is solid, further ones get patterns of their own.
_LCE_STYLES: tuple[Any, ...] = ("-", (0, (4, 1.2, 1, 1.2)), (0, (1, 1)), (0, (4, 1.2, 1, 1.2, 1, 1.2)))
_SIZES_IN = {"column": (3.5, 3.9), "page": (7.2, 3.7)}
_LEGEND_ROWS = 22
_Y_LABELS = {"regret": "true test regret (percentage points)", "test_error": "true test error (%)"}
RC: Any = {
    "font.size": 8,
    "axes.labelsize": 8,
    "axes.titlesize": 8.5,
    "legend.fontsize": 7.5,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "axes.linewidth": 0.7,
    "pdf.fonttype": 42,  # embedded TrueType: publishers refuse Type 3
    "svg.fonttype": "none",
    "axes.unicode_minus": False,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureSettings:
    """x: scale of the time axis.  statistic: over seeds.  size: a paper's column or its whole page width.
    panels: "one" for all curves, or one for each "optimizer"; "auto": the latter with more than three LCE
    entries, when the lines of one panel could not be told apart.

    Raises ConfigError.
    """

    x: Literal["log", "linear"] = "log"
    statistic: Statistic = "mean"
    size: Literal["column", "page"] = "page"
    panels: Literal["auto", "one", "optimizer"] = "auto"

    def __post_init__(self) -> None:
        choice("figure.x", self.x, ("log", "linear"))
        choice("figure.statistic", self.statistic, ("mean", "median"))
        choice("figure.size", self.size, tuple(_SIZES_IN))
        choice("figure.panels", self.panels, ("auto", "one", "optimizer"))


def draw_anytime(
    runs: pd.DataFrame,
    *,
    title: str,
    budget_s: float,
    training_s: float | None,
    settings: FigureSettings,
) -> Figure:
    """Mean or median over seeds with a 95 % bootstrap band. In one panel an optimizer has a colour and a
    marker, and its lines are solid with LCE and dashed without; in a panel for each optimizer, colour and
    marker tell the LCE.

    runs: rows of runs.parquet.  training_s: cost of a mean full training, marked on the time axis.
    Each curve starts when all seeds have an incumbent. Regret is on a log axis; a mean that falls to 0 (every
    seed has found the best) leaves the figure at its lower edge. Of very many methods the best 40 are drawn,
    and the title says so. Raises ConfigError without any incumbent.
    """
    from matplotlib import rc_context

    metric = choose_metric(runs)
    drawn = best_methods(runs, metric)
    lines = anytime_lines(drawn, metric, settings.statistic)
    if not lines:
        raise ConfigError(
            "There is nothing to draw: no run had an incumbent within its budget. Give a larger one."
        )
    optimizers = list(dict.fromkeys(optimizer for optimizer, _ in lines))
    extrapolators = [lce for lce in dict.fromkeys(lce for _, lce in lines) if lce != NO_LCE]
    start_s = min(float(line.times_s[0]) for line in lines.values())
    n_seeds = max(line.n_seeds for line in lines.values())
    band = ", 95 % band" if n_seeds > 1 else ""
    of_seeds = f"{n_seeds} seed{'' if n_seeds == 1 else 's'}{band}"
    if len(drawn) < len(runs):
        n_methods = runs.groupby(["optimizer", "lce"]).ngroups
        of_seeds = f"best {len(lines)} of {n_methods} methods, {of_seeds}"
    heading = title if settings.size == "column" else f"{title}: {of_seeds}"
    several = settings.panels == "optimizer" or (settings.panels == "auto" and len(extrapolators) > 3)
    ways = [lce for lce in (*extrapolators, NO_LCE) if any(lce == other for _, other in lines)]
    with rc_context(RC):
        figure, panels = _panels(len(optimizers) if several else 1, settings)
        for axes in panels:
            _set_axes(
                axes, lines, metric, settings, start_s=start_s, budget_s=budget_s, training_s=training_s
            )
        for (optimizer, lce), line in lines.items():
            number = optimizers.index(optimizer)
            plain = lce == NO_LCE
            if several:
                index, n, style = ways.index(lce), len(ways), _DASHED if plain else "-"
            else:
                index, n = number, len(optimizers)
                style = _DASHED if plain else _LCE_STYLES[extrapolators.index(lce) % len(_LCE_STYLES)]
            axes = panels[number if several else 0]
            look = _way_look(index, lce) if several else _look(index)
            _draw_line(axes, line, settings, budget_s, look, (index + 0.5) / n, style, hollow=plain)
        if training_s is not None:
            for axes in panels:
                _mark_training(axes, training_s, labelled=axes is panels[0])
        if several:
            for axes, optimizer in zip(panels, optimizers, strict=True):
                axes.set_title(optimizer)
            _label_outer(panels, settings)
            figure.suptitle(heading, fontsize=8.5)
            handles = [_way_handle(index, lce) for index, lce in enumerate(ways)]
        else:
            panels[0].set_title(heading)
            handles = _handles(optimizers, extrapolators, with_none=NO_LCE in ways)
        _add_legend(figure, handles, settings)
        figure.canvas.draw()  # lays out while the settings hold
    return figure


def _panels(n: int, settings: FigureSettings) -> tuple[Figure, list[Axes]]:
    """A figure with n panels: beside each other where the width allows for it."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    columns = _columns(n, settings)
    rows = math.ceil(n / columns)
    width, height = _SIZES_IN[settings.size]
    figure = Figure(figsize=(width, height * (1 + 0.6 * (rows - 1))), dpi=200, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).ravel().tolist()
    for axes in panels[n:]:
        axes.set_visible(False)
    return figure, panels[:n]


def _columns(n: int, settings: FigureSettings) -> int:
    return 1 if n == 1 or settings.size == "column" else 2


def _label_outer(panels: Sequence[Axes], settings: FigureSettings) -> None:
    """Labels only where no panel is below, or to the left."""
    columns = _columns(len(panels), settings)
    for place, axes in enumerate(panels):
        lowest, first = place + columns >= len(panels), place % columns == 0
        axes.tick_params(labelbottom=lowest, labelleft=first)
        if not lowest:
            axes.set_xlabel("")
        if not first:
            axes.set_ylabel("")


def _set_axes(
    axes: Axes,
    lines: dict[MethodKey, AnytimeLine],
    metric: Metric,
    settings: FigureSettings,
    *,
    start_s: float,
    budget_s: float,
    training_s: float | None,
) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.set_xlabel("simulated time (s)")
    axes.set_ylabel(f"{settings.statistic} {_Y_LABELS[metric]}")
    left = min(start_s, training_s if training_s is not None else start_s)
    if settings.x == "log":
        axes.set_xscale("log")
        axes.set_xlim(0.8 * left, budget_s)
        axes.xaxis.set_major_formatter(FuncFormatter(plain_number))
        axes.xaxis.set_minor_formatter(NullFormatter())
        if budget_s / left < 1000:
            axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    else:
        axes.set_xlim(0, budget_s)
    axes.set_yscale("log")
    low, high = _y_limits(list(lines.values()))
    axes.set_ylim(low, high)
    if high / low < 1000:
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(plain_number))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.grid(which="major", linewidth=0.4, color="0.88")
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _y_limits(lines: Sequence[AnytimeLine]) -> tuple[float, float]:
    """In points. A little more than the centres need; bands may be cut below, where a log axis has no end."""
    centres = [line.centre for line in lines]
    highs = [line.high.max() for line in lines]
    positive = np.concatenate([centre[centre > 0] for centre in centres])
    if not len(positive):  # every method has found the best from the start
        return 0.01, 1.0
    return 100 * float(positive.min()) / 1.6, 100 * max(*highs, float(positive.max())) * 1.15


def _draw_line(
    axes: Axes,
    line: AnytimeLine,
    settings: FigureSettings,
    budget_s: float,
    look: tuple[str, str],
    shift: float,
    style: Any,
    *,
    hollow: bool,
) -> None:
    colour, marker = look
    times_s, centre = _until(budget_s, line.times_s, line.centre)
    floor = axes.get_ylim()[0]
    if line.n_seeds > 1:
        low, high = (_until(budget_s, line.times_s, edge)[1] for edge in (line.low, line.high))
        axes.fill_between(
            times_s,
            np.maximum(100 * low, floor / 10),
            np.maximum(100 * high, floor / 10),
            step="post",
            color=colour,
            alpha=0.1 if hollow else 0.18,
            linewidth=0,
        )
    points = np.maximum(100 * centre, floor / 10)
    axes.plot(times_s, points, drawstyle="steps-post", color=colour, linestyle=style, linewidth=1.3)
    places_s = _marker_places(settings.x, float(times_s[0]), budget_s, shift)
    rows = np.searchsorted(times_s, places_s, side="right") - 1
    axes.plot(
        places_s,
        points[rows],
        linestyle="",
        marker=marker,
        markersize=4,
        color=colour,
        markerfacecolor="white" if hollow else colour,
        markeredgewidth=0.9,
        clip_on=True,
    )


def _marker_places(x: str, start_s: float, budget_s: float, shift: float) -> FloatArray:
    """Six places a curve, shifted from curve to curve so that markers do not hide each other."""
    shares = (np.arange(6) + shift) / 6
    if x == "log":
        return np.asarray(start_s * (budget_s / start_s) ** shares)
    return np.asarray(start_s + (budget_s - start_s) * shares)


def _until(budget_s: float, times_s: FloatArray, values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """A step function drawn on to the end of the budget."""
    if times_s[-1] >= budget_s:
        return times_s, values
    return np.append(times_s, budget_s), np.append(values, values[-1])


def _mark_training(axes: Axes, training_s: float, *, labelled: bool) -> None:
    axes.axvline(training_s, color="0.35", linewidth=0.8, linestyle=(0, (1, 1.5)), zorder=1)
    if not labelled:
        return
    axes.annotate(
        f"one full training ({training_s:.3g} s)",
        xy=(training_s, 0),
        xycoords=("data", "axes fraction"),
        xytext=(3, 4),
        textcoords="offset points",
        fontsize=7,
        color="0.25",
        rotation=90,
        va="bottom",
        ha="left",
    )


def _handles(optimizers: Sequence[str], extrapolators: Sequence[str], *, with_none: bool) -> list[Line2D]:
    """Of one panel: colours for optimizers, line styles for LCE."""
    from matplotlib.lines import Line2D

    handles: list[Line2D] = []
    for index, optimizer in enumerate(optimizers):
        colour, marker = _look(index)
        handles.append(
            Line2D([], [], color=colour, marker=marker, markersize=4, linewidth=1.3, label=optimizer)
        )
    for lce, style in zip(extrapolators, _LCE_STYLES * len(extrapolators), strict=False):
        handles.append(_style_handle(f"with LCE: {lce}", style, hollow=False))
    if with_none:
        handles.append(_style_handle("without LCE", _DASHED, hollow=True))
    return handles


def _way_handle(index: int, lce: str) -> Line2D:
    """Of panels by optimizer: a colour for each LCE, or none."""
    colour, marker = _way_look(index, lce)
    plain = lce == NO_LCE
    handle = _style_handle("without LCE" if plain else lce, _DASHED if plain else "-", hollow=plain)
    handle.set_color(colour)
    handle.set_marker(marker)
    handle.set_markerfacecolor("white" if plain else colour)
    return handle


def _add_legend(figure: Figure, handles: Sequence[Line2D], settings: FigureSettings) -> None:
    """Outside the axes, so that it covers no curve."""
    if settings.size == "page":
        columns = math.ceil(len(handles) / _LEGEND_ROWS)
        figure.legend(
            handles=handles, loc="outside right upper", ncols=columns, frameon=False, handlelength=4
        )
    else:
        columns = 2 if len(handles) > 2 else len(handles)
        figure.legend(
            handles=handles, loc="outside lower center", ncols=columns, frameon=False, handlelength=4
        )


def _style_handle(label: str, style: Any, *, hollow: bool) -> Line2D:
    from matplotlib.lines import Line2D

    return Line2D(
        [],
        [],
        color="0.3",
        linestyle=style,
        linewidth=1.3,
        marker="o",
        markersize=4,
        markerfacecolor="white" if hollow else "0.3",
        markeredgewidth=0.9,
        label=label,
    )


def _look(index: int) -> tuple[str, str]:
    """Once the colours are used up they come again with other markers."""
    return COLOURS[index % len(COLOURS)], MARKERS[(index + index // len(COLOURS)) % len(MARKERS)]


def _way_look(index: int, lce: str) -> tuple[str, str]:
    """Of panels by optimizer; no palette colour for what the others are compared with."""
    return (_WITHOUT, "o") if lce == NO_LCE else _look(index)


def plain_number(value: float, _position: int | None = None) -> str:
    """1000 and 0.05 rather than powers of ten, as long as that stays short."""
    if value <= 0 or not 1e-4 <= value < 1e6:
        return f"{value:.0e}"
    digits = max(0, -math.floor(math.log10(value) + 1e-9))
    return f"{value:.{digits}f}"
