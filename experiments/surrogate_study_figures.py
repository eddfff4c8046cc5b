"""The figures of the studies of size, of one method left out, and of searches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from nascurve.experiments.figure import COLOURS, MARKERS, plain_number
from nascurve.experiments.figure_files import styled
from nascurve.experiments.methods import NO_LCE
from nascurve.experiments.noise_panels import DASHED, DOTTED, grid
from nascurve.experiments.surrogate_figures import REAL, legend_below, panels

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TABLE = "table"


@styled
def draw_sizes(sizes: pd.DataFrame, *, title: str) -> Figure:
    """Mean absolute error of mean curves against the number of training architectures, with lines for tables
    of 1 to 4 seeds. sizes: rows of size.csv; surrogates are drawn as judged beside a table of one seed."""
    figure, axes = panels(1, 2, title=f"{title}: training set and error", panel_in=(3.4, 2.6))
    tables = sizes[sizes["estimator"] == TABLE]
    models = [name for name in dict.fromkeys(sizes["estimator"]) if name != TABLE]
    for panel, (measure, label) in zip(
        axes, (("avg_mae", "mean over epochs"), ("final_mae", "last epoch")), strict=True
    ):
        for row in tables.to_dict("records"):
            level = 100 * row[measure]
            panel.axhline(level, color=REAL, linewidth=0.8, linestyle=DOTTED)
            panel.annotate(
                f"{row['seeds']} seed{'' if row['seeds'] == 1 else 's'}",
                # side by side: the tables of 3 and 4 seeds are close to each other
                xy=(0.02 + 0.12 * (row["seeds"] - 1), level),
                xycoords=("axes fraction", "data"),
                fontsize=6.5,
                color=REAL,
                ha="left",
                va="bottom",
            )
        for place, name in enumerate(models):
            own = sizes[(sizes["estimator"] == name) & (sizes["seeds"] == 1)].sort_values("n_train")
            panel.errorbar(
                own["n_train"],
                100 * own[measure],
                yerr=100 * own[f"{measure}_se"].fillna(0),
                color=COLOURS[place],
                marker=MARKERS[place],
                markersize=4,
                linewidth=1.2,
                capsize=2,
                label=name,
            )
        panel.set_xscale("log")
        panel.set_yscale("log")
        panel.set_xticks(sorted({int(n) for n in sizes["n_train"] if n}))
        panel.xaxis.set_major_formatter(lambda value, _: plain_number(value))
        panel.yaxis.set_major_locator(_ticks())
        panel.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        panel.yaxis.set_minor_formatter(_nothing())
        panel.xaxis.set_minor_formatter(_nothing())
        panel.set_xlabel("training architectures")
        panel.set_ylabel("mean absolute error (points)")
        panel.set_title(label)
        grid(panel)
    legend_below(figure, axes[0])
    return figure


@styled
def draw_lomo(lomo: pd.DataFrame, *, title: str) -> Figure:
    """Average and final R² and τ for each method that was left out. lomo: rows of lomo.csv."""
    figure, axes = panels(1, 2, title=f"{title}: one method left out", panel_in=(3.1, 2.4))
    names = lomo["left_out"].tolist()
    place = np.arange(len(names), dtype=float)
    for panel, (measure, label) in zip(axes, (("r2", "R²"), ("tau", "Kendall's τ")), strict=True):
        for number, (prefix, word) in enumerate((("avg", "average over epochs"), ("final", "last epoch"))):
            panel.errorbar(
                place + 0.12 * (number - 0.5),
                lomo[f"{prefix}_{measure}"],
                yerr=lomo[f"{prefix}_{measure}_se"].fillna(0),
                color=COLOURS[number],
                marker=MARKERS[number],
                linestyle="",
                markersize=4.5,
                capsize=2,
                label=word,
            )
        panel.set_xticks(place, names)
        panel.set_xlabel("method left out")
        panel.set_ylabel(label)
        grid(panel)
    legend_below(figure, axes[0])
    return figure


@styled
def draw_search(results: Mapping[str, Any], *, title: str) -> Figure:
    """Mean regret against simulated time on the real table and on the surrogate: a panel for each optimizer,
    with and without LCE in colours."""
    methods = results["table"]["methods"]
    optimizers = list(dict.fromkeys(method["optimizer"] for method in methods))
    extrapolators = list(dict.fromkeys(method["lce"] for method in methods))
    columns = min(len(optimizers), 4)
    rows = -(-len(optimizers) // columns)
    n_seeds = len(methods[0]["at_shares"][0])
    heading = f"{title}: searches on the table and on its surrogate, {n_seeds} seeds, 95 % bands of the table"
    figure, axes = panels(rows, columns, title=heading, panel_in=(2.2, 2.4))
    looks = {"table": "-", "surrogate": DASHED, "surrogate-own": DOTTED}
    words = {
        "table": "real table",
        "surrogate": "surrogate, judged by the table",
        "surrogate-own": "surrogate, judged by itself",
    }
    budget_s = results["table"]["budget_s"]
    for panel, optimizer in zip(axes, optimizers, strict=False):
        for side, style in looks.items():
            for method in results[side]["methods"]:
                if method["optimizer"] == optimizer:
                    colour = COLOURS[extrapolators.index(method["lce"])]
                    _draw_steps(panel, method, budget_s, colour, style, banded=side == "table")
        panel.set_title(optimizer)
        panel.set_xscale("log")
        panel.set_yscale("log")
        panel.set_xlim(right=budget_s)
        panel.xaxis.set_major_formatter(lambda value, _: plain_number(value))
        panel.yaxis.set_major_locator(_ticks())
        panel.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        panel.yaxis.set_minor_formatter(_nothing())
        panel.set_xlabel("simulated time (s)")
        grid(panel)
    for panel in axes[len(optimizers) :]:
        panel.set_axis_off()
    low = min(panel.get_ylim()[0] for panel in axes[: len(optimizers)])
    high = max(panel.get_ylim()[1] for panel in axes[: len(optimizers)])
    for panel in axes[: len(optimizers)]:
        panel.set_ylim(low, high)
    axes[0].set_ylabel("mean regret (points)")
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=COLOURS[place], linewidth=1.3, label=_lce_word(lce))
        for place, lce in enumerate(extrapolators)
    ] + [
        Line2D([], [], color="0.3", linewidth=1.3, linestyle=looks[side], label=words[side]) for side in looks
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False, handlelength=3)
    return figure


def _draw_steps(
    panel: Axes, method: Mapping[str, Any], budget_s: float, colour: str, style: Any, *, banded: bool
) -> None:
    times = np.append(method["times_s"], budget_s)
    mean, low, high = (100 * np.append(method[name], method[name][-1]) for name in ("mean", "low", "high"))
    if banded:
        panel.fill_between(
            times, np.maximum(low, mean / 10), high, step="post", color=colour, alpha=0.15, linewidth=0
        )
    panel.plot(times, mean, drawstyle="steps-post", color=colour, linestyle=style, linewidth=1.1)


def _lce_word(lce: str) -> str:
    return "without LCE" if lce == NO_LCE else f"with LCE: {lce}"


def _ticks() -> Any:
    from matplotlib.ticker import LogLocator

    return LogLocator(subs=(1, 2, 5))


def _nothing() -> Any:
    from matplotlib.ticker import NullFormatter

    return NullFormatter()
