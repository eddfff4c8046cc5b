"""The figures of a surrogate on held-out architectures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nascurve.experiments.figure import COLOURS, MARKERS, plain_number
from nascurve.experiments.figure_files import styled
from nascurve.experiments.noise_panels import grid

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

REAL = "0.25"
SURROGATE = COLOURS[0]
_PANEL_IN = (3.1, 2.4)


def panels(
    rows: int, columns: int, *, title: str, panel_in: tuple[float, float] = _PANEL_IN
) -> tuple[Figure, list[Axes]]:
    """A figure with a title and room for a legend below, and its axes, row by row."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    size = (panel_in[0] * columns, panel_in[1] * rows + 0.45)
    figure = Figure(figsize=size, dpi=200, layout="constrained")
    FigureCanvasAgg(figure)
    axes = list(figure.subplots(rows, columns, squeeze=False).flat)
    figure.suptitle(title, fontsize=8.5)
    for panel in axes:
        panel.spines[["top", "right"]].set_visible(False)
    return figure, axes


def legend_below(figure: Figure, axes: Axes, *, columns: int = 4) -> None:
    """The entries of one panel, for all of them."""
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=columns, frameon=False, handlelength=2.6)


def with_band(axes: Axes, x: Any, values: Any, *, colour: str, **look: Any) -> None:
    """Mean over the rows of `values` (splits), with a band of one standard error."""
    mean = np.nanmean(values, axis=0)
    if len(values) > 1:
        error = np.nanstd(values, axis=0, ddof=1) / np.sqrt(len(values))
        axes.fill_between(x, mean - error, mean + error, color=colour, alpha=0.2, linewidth=0)
    axes.plot(x, mean, color=colour, **look)


@styled
def draw_epochs(by_epoch: Sequence[Mapping[str, Any]], *, title: str, n_given: int) -> Figure:
    """R² and Kendall's τ of the mean curves at each epoch. by_epoch: of each split. n_given: first epochs
    that the surrogate was given."""
    heading = f"{title}: mean curves of held-out architectures, {_splits(len(by_epoch))}"
    figure, axes = panels(1, 2, title=heading)
    for panel, name, label in zip(axes, ("r2", "tau"), ("R²", "Kendall's τ"), strict=True):
        values = np.array([one[name] for one in by_epoch], dtype=np.float64)
        epochs = np.arange(1, values.shape[1] + 1)
        known = np.isfinite(values).any(axis=0)
        with_band(panel, epochs[known], values[:, known], colour=SURROGATE, linewidth=1.3)
        if n_given:
            panel.axvspan(0.5, n_given + 0.5, color="0.9", linewidth=0, zorder=0)
        panel.set_xlabel("epoch" + (" (grey: given to the surrogate)" if n_given else ""))
        panel.set_ylabel(label)
        panel.set_ylim(min(0.0, float(np.nanmin(values))) - 0.02, 1.02)
        grid(panel)
    return figure


@styled
def draw_spikes(exceedances: Sequence[Mapping[str, Any]], *, title: str) -> Figure:
    """How often a curve ends so far below its maximum: real and simulated curves of the same held-out
    architectures."""
    figure, (panel,) = panels(
        1, 1, title=f"{title}\nspikes, {_splits(len(exceedances))}", panel_in=(4.2, 2.7)
    )
    threshold = 100 * np.array(exceedances[0]["threshold"])
    largest = 0.0
    for side, colour, style in (("real", REAL, "-"), ("surrogate", SURROGATE, (0, (4, 2)))):
        shares = 100 * np.array([one[side] for one in exceedances])
        with_band(panel, threshold, shares, colour=colour, linestyle=style, linewidth=1.3, label=side)
        seen = np.flatnonzero(shares.mean(axis=0) > 0.05)
        largest = max(largest, float(threshold[seen[-1]]) if len(seen) else 0.0)
    panel.set_xlim(0, max(largest * 1.05, 1.0))
    panel.set_yscale("log")
    panel.set_ylim(0.05, 110)
    panel.yaxis.set_major_formatter(lambda value, _: plain_number(value))
    panel.set_xlabel("maximum minus last accuracy, above (points)")
    panel.set_ylabel("curves (%)")
    grid(panel)
    legend_below(figure, panel)
    return figure


@styled
def draw_curves(examples: Mapping[str, Any], *, title: str) -> Figure:
    """Of six held-out architectures, from bad to good: real runs, the predicted mean, and simulated runs."""
    figure, axes = panels(
        2, 3, title=f"{title}: held-out architectures, from the worst to the best", panel_in=(2.4, 1.9)
    )
    columns = zip(examples["real"], examples["mean"], examples["simulated"], strict=True)
    for place, (panel, (real, mean, simulated)) in enumerate(zip(axes, columns, strict=True)):
        epochs = np.arange(1, len(mean) + 1)
        drawn = np.array(real, dtype=np.float64), np.array(simulated, dtype=np.float64)
        for curves, colour, label in zip(
            drawn, (REAL, COLOURS[1]), ("real runs", "simulated runs"), strict=True
        ):
            for number, curve in enumerate(curves):
                panel.plot(
                    epochs,
                    100 * curve,
                    color=colour,
                    linewidth=0.7,
                    alpha=0.75,
                    label=label if number == 0 else None,
                )
        panel.plot(epochs, 100 * np.array(mean), color=SURROGATE, linewidth=1.4, label="predicted mean")
        if place % 3 == 0:
            panel.set_ylabel("accuracy (%)")
        if place >= 3:
            panel.set_xlabel("epoch")
        grid(panel)
    legend_below(figure, axes[0])
    return figure


@styled
def draw_tabular(tabular: pd.DataFrame, *, title: str) -> Figure:
    """Tables of 1 to 4 seeds and the surrogate, both against the mean of the other seeds. tabular: as
    tabular.csv."""
    figure, axes = panels(1, 4, title=f"{title}: against tables of seeds", panel_in=(1.85, 2.2))
    names = {"avg_r2": "average R²", "final_r2": "final R²", "avg_tau": "average τ", "final_tau": "final τ"}
    for panel, (name, label) in zip(axes, names.items(), strict=True):
        for place, estimator in enumerate(("table", "surrogate")):
            own = tabular[tabular["estimator"] == estimator]
            panel.errorbar(
                own["seeds"],
                own[name],
                yerr=own[f"{name}_se"].fillna(0),
                color=(REAL, SURROGATE)[place],
                marker=MARKERS[place],
                markersize=4,
                linewidth=1.2,
                capsize=2,
                linestyle=("-", (0, (4, 2)))[place],
                label=("table of k seeds", "surrogate, same judges")[place],
            )
        panel.set_title(label)
        panel.set_xlabel("k")
        panel.set_xticks(sorted(set(tabular["seeds"])))
        grid(panel)
    legend_below(figure, axes[0])
    return figure


def _splits(n: int) -> str:
    return f"{n} split{'' if n == 1 else 's'}" + (", band: one standard error" if n > 1 else "")
