"""The figure of average ranks over time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nascurve.experiments.figure import plain_number
from nascurve.experiments.figure_files import styled
from nascurve.experiments.statistics.looks import (
    PAGE_IN,
    add_legend,
    draw_markers,
    looks,
    new_figure,
    plain_axes,
)
from nascurve.experiments.statistics.ranks import RankCurves
from nascurve.experiments.statistics.study import PairedStudy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MANY = 8  # methods: bands of more would hide each other


@styled
def draw_ranks(curves: RankCurves, study: PairedStudy) -> Figure:
    """A line a method with its 95 % band; the best rank is on top. With more than eight methods the interval
    is that at the end of the budget alone, beside the axis's end."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    found = looks(study)
    k = len(curves.methods)
    figure = new_figure(PAGE_IN, max(3.4, 0.8 + 0.17 * k))
    axes = figure.add_subplot()
    percent = 100 * curves.shares
    end = 1.0
    for place, name in enumerate(curves.methods):
        look, ranks = found[name], curves.ranks[place]
        if k <= _MANY:
            axes.fill_between(
                percent, curves.lows[place], curves.highs[place], color=look.colour, alpha=0.13, linewidth=0
            )
        else:
            end = 1.03 ** (place + 1)  # the intervals stand side by side
            axes.errorbar(
                100 * end,
                ranks[-1],
                yerr=[[ranks[-1] - curves.lows[place, -1]], [curves.highs[place, -1] - ranks[-1]]],
                color=look.colour,
                linewidth=0.9,
                marker=look.marker,
                markersize=3,
                markerfacecolor=look.face,
            )
        axes.plot(percent, ranks, color=look.colour, linestyle=look.style, linewidth=1.3)
        marked = np.linspace(0, len(percent) - 1, 7)[:-1] + (place + 0.5) / k * (len(percent) - 1) / 6
        rows = marked.astype(int)
        draw_markers(axes, percent[rows], ranks[rows], look)
    if k > _MANY:
        axes.axvline(100, color="0.6", linewidth=0.7)
    axes.set_xscale("log")
    axes.set_xlim(float(percent[0]), 100 * max(1.0, end * 1.02))
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(plain_number))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("simulated time (% of the budget)")
    axes.set_ylabel("average rank (1 is best)")
    axes.invert_yaxis()
    plain_axes(axes)
    axes.set_title(_title(study))
    add_legend(figure, found, [curves.methods[i] for i in np.argsort(curves.ranks[:, -1], kind="stable")])
    figure.canvas.draw()  # lays out while the settings hold
    return figure


def _title(study: PairedStudy) -> str:
    tasks = study.tasks[0].name if len(study.tasks) == 1 else f"{len(study.tasks)} tasks"
    return f"{tasks}: {study.n_seeds} seeds, 95 % intervals"
