"""The figure of interquartile means, means and medians with their intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nascurve.experiments.figure_files import styled
from nascurve.experiments.statistics.looks import PAGE_IN, looks, new_figure, plain_axes
from nascurve.experiments.statistics.scores import Scores

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

_PANELS = {"iqm": "interquartile mean", "mean": "mean", "median": "median"}


@styled
def draw_intervals(table: pd.DataFrame, scores: Scores) -> Figure:
    """A row a method: point and 95 % interval of each column of `aggregate_table`; smaller is better."""
    found = looks(scores.study)
    k = len(table)
    figure = new_figure(PAGE_IN, 0.9 + 0.2 * k)
    panels = figure.subplots(1, len(_PANELS), sharex=True, sharey=True, squeeze=False)[0]
    for axes, (column, title) in zip(panels, _PANELS.items(), strict=True):
        for place, row in enumerate(table.to_dict("records")):
            look = found[row["method"]]
            axes.plot(
                [row[f"{column}_ci_low"], row[f"{column}_ci_high"]],
                [place, place],
                color=look.colour,
                linewidth=3,
                alpha=0.45,
                solid_capstyle="butt",
            )
            axes.plot(
                row[column],
                place,
                marker=look.marker,
                markersize=4.5,
                color=look.colour,
                markerfacecolor=look.face,
                markeredgewidth=0.9,
            )
        axes.set_title(title)
        axes.set_yticks(range(k), labels=table["method"].tolist())
        axes.set_ylim(k - 0.4, -0.6)
        plain_axes(axes, grid="x")
        axes.tick_params(axis="y", length=0)
    figure.supxlabel(f"{scores.title} ({scores.unit}); 95 % intervals", fontsize=8)
    figure.canvas.draw()
    return figure
