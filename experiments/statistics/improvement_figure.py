"""The figure of probabilities of improvement between all pairs of methods."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nascurve.experiments.figure_files import styled
from nascurve.experiments.statistics.looks import new_figure
from nascurve.experiments.statistics.scores import Scores

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

_DARK = 0.68  # above it white digits are easier to read


@styled
def draw_improvement(table: pd.DataFrame, scores: Scores) -> Figure:
    """A matrix: how probable it is, in percent, that a run of the row's method is better than one of the
    column's. Bold where the 95 % interval does not hold 50 %; one hue from light to dark, which grey keeps.

    table: of `improvement_table` with all pairs. Methods stand in the order of their mean probability.
    """
    methods = list(scores.methods)
    k = len(methods)
    values, bold = np.full((k, k), np.nan), np.zeros((k, k), dtype=bool)
    for row in table.to_dict("records"):
        a, b = methods.index(row["method"]), methods.index(row["over"])
        values[a, b], values[b, a] = row["probability"], 1 - row["probability"]
        bold[a, b] = bold[b, a] = not row["ci_low"] <= 0.5 <= row["ci_high"]
    order = np.argsort(-np.nanmean(values, axis=1), kind="stable")
    values, bold = values[np.ix_(order, order)], bold[np.ix_(order, order)]
    names = [methods[i] for i in order]
    size_in = max(3.5, min(7.2, 2.0 + 0.36 * k))
    figure = new_figure(size_in, size_in - 0.2)
    axes = figure.add_subplot()
    axes.imshow(values, cmap="Blues", vmin=0, vmax=1, aspect="equal")
    digits = 7.5 if k <= 12 else 6
    for a, b in np.argwhere(~np.isnan(values)):
        axes.text(
            b,
            a,
            f"{100 * values[a, b]:.0f}",
            ha="center",
            va="center",
            fontsize=digits,
            fontweight="bold" if bold[a, b] else "normal",
            color="white" if values[a, b] > _DARK else "black",
        )
    axes.set_xticks(range(k), labels=names, rotation=45, ha="left", rotation_mode="anchor")
    axes.set_yticks(range(k), labels=names)
    axes.tick_params(length=0, labeltop=True, labelbottom=False, labelsize=digits)
    axes.spines[:].set_visible(False)
    axes.set_xlabel(f"row better than column, % of runs\n{scores.title}")
    figure.canvas.draw()
    return figure
