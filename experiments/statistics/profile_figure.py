"""The figure of performance profiles."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nascurve.experiments.figure_files import styled
from nascurve.experiments.statistics.looks import (
    PAGE_IN,
    add_legend,
    draw_markers,
    looks,
    new_figure,
    plain_axes,
)
from nascurve.experiments.statistics.profiles import PerformanceProfiles
from nascurve.experiments.statistics.scores import Scores

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MANY = 8


@styled
def draw_profiles(profiles: PerformanceProfiles, scores: Scores) -> Figure:
    """A step a method: the share of its runs that are at least as good as the threshold; higher is better.
    95 % bands with up to eight methods."""
    from matplotlib.ticker import PercentFormatter

    found = looks(scores.study)
    k = len(profiles.methods)
    figure = new_figure(PAGE_IN, max(3.2, 0.8 + 0.17 * k))
    axes = figure.add_subplot()
    x = profiles.thresholds
    for place, name in enumerate(profiles.methods):
        look, shares = found[name], profiles.shares[place]
        if k <= _MANY:
            axes.fill_between(
                x,
                profiles.lows[place],
                profiles.highs[place],
                step="post",
                color=look.colour,
                alpha=0.13,
                linewidth=0,
            )
        axes.plot(
            x,
            shares,
            drawstyle="steps-post",
            color=look.colour,
            linestyle=look.style,
            linewidth=1.3,
        )
        # Markers at levels, where the lines are apart, and not at thresholds, where they may all be at 1.
        levels = (np.arange(5) + (place + 0.5) / k) / 5
        rows = np.minimum(np.searchsorted(shares, levels), len(x) - 1)
        draw_markers(axes, x[rows], shares[rows], look)
    axes.set_xlim(float(x[0]), float(x[-1]))
    axes.set_ylim(0, 1.01)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.set_xlabel(f"threshold: {scores.title} ({scores.unit})")
    axes.set_ylabel("runs at least as good")
    plain_axes(axes)
    area = np.trapezoid(profiles.shares, x, axis=1)
    add_legend(figure, found, [profiles.methods[i] for i in np.argsort(-area, kind="stable")])
    figure.canvas.draw()
    return figure
