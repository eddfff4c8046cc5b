"""Heat maps of what Algorithm 2 gains for each e_few and top_n: a row of panels for each k."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nascurve.experiments.figure_files import save_figures, styled

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

_PANEL_IN = 1.75
_MAP = "RdBu"  # diverging, and told apart by the colour-blind


def save_sensitivity(folder: Path, table: pd.DataFrame, *, title: str) -> None:
    """Write sensitivity.png and .pdf, atomically."""
    save_figures({"sensitivity": draw_sensitivity(table, title=title)}, folder)


@styled
def draw_sensitivity(table: pd.DataFrame, *, title: str) -> Figure:
    """Gains over the search in percentage points, one panel for each optimizer (and k); red: LCE hurts.

    table: of `sensitivity`. A gain whose 95 % interval excludes 0 is printed in bold.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    optimizers = list(dict.fromkeys(table["optimizer"]))
    sizes = list(dict.fromkeys(table["k"]))
    largest = max(100 * float(table["gain_mean"].abs().max()), 0.05)
    figure = Figure(
        figsize=(0.9 + _PANEL_IN * len(optimizers), 0.75 + _PANEL_IN * len(sizes)),
        dpi=200,
        layout="constrained",
    )
    FigureCanvasAgg(figure)
    grid = figure.subplots(len(sizes), len(optimizers), squeeze=False, sharex=True, sharey="row")
    for row, size in enumerate(sizes):
        for column, optimizer in enumerate(optimizers):
            axes = grid[row][column]
            part = table[(table["optimizer"] == optimizer) & (table["k"] == size)]
            image = _draw_panel(axes, part, largest)
            if row == 0:
                axes.set_title(optimizer)
            if row == len(sizes) - 1:
                axes.set_xlabel("e_few (epochs)" if (part["e_few"] >= 1).all() else "e_few")
        grid[row][0].set_ylabel(f"top_n of k = {size:g}")
    bar = figure.colorbar(image, ax=grid, shrink=0.9, pad=0.01)
    bar.set_label("gain over the search (pp)")
    figure.suptitle(title, fontsize=8.5)
    return figure


def _points(gain: float) -> str:
    """With its sign and two decimals, and without the 0 before the point: -.50, +10.25."""
    return f"{gain:+.2f}".replace("+0.", "+.").replace("-0.", "-.")


def _draw_panel(axes: Axes, part: pd.DataFrame, largest: float) -> AxesImage:
    looks, numbers = sorted(set(part["e_few"])), sorted(set(part["top_n"]))
    gains = np.full((len(numbers), len(looks)), np.nan)
    for record in part.to_dict("records"):
        place = numbers.index(record["top_n"]), looks.index(record["e_few"])
        gains[place] = gain = 100 * record["gain_mean"]
        sure = record["gain_ci_low"] > 0 or record["gain_ci_high"] < 0
        axes.text(
            place[1],
            place[0],
            _points(gain),
            ha="center",
            va="center",
            fontsize=6.5,
            fontweight="bold" if sure else "normal",
            color="white" if abs(gain) > 0.6 * largest else "black",
        )
    image = axes.imshow(gains, cmap=_MAP, vmin=-largest, vmax=largest, origin="lower", aspect="auto")
    axes.set_xticks(range(len(looks)), [f"{look:g}" for look in looks])
    axes.set_yticks(range(len(numbers)), [f"{number:g}" for number in numbers])
    return image
