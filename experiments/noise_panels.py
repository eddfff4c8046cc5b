"""Panels of the noise study's figures: final accuracies and their agreement; and what all panels share.

A panel draws one quantity of all studies shown into given axes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from nascurve.benchmarks.noise.study import NoiseStudy
from nascurve.experiments.figure import plain_number

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Shown(NamedTuple):
    """A study in a figure: its name in the legend, and its colour and marker."""

    name: str
    study: NoiseStudy
    look: dict[str, Any]

    @property
    def colour(self) -> str:
        return str(self.look["color"])


Panel = Callable[["Axes", Sequence[Shown]], None]
LEGEND: Any = {"frameon": False, "fontsize": 7, "handlelength": 2.6}
GREY = "0.35"
DASHED: Any = (0, (4, 2))
DOTTED: Any = (0, (1, 1.2))


def accuracies(axes: Axes, shown: Sequence[Shown]) -> None:
    bins = np.linspace(0, 100, 51).tolist()
    for one in shown:
        accuracy = 100 * one.study.accuracy.true_acc
        weights = np.full(len(accuracy), 100 / len(accuracy))
        axes.hist(accuracy, bins, weights=weights, color=one.colour, alpha=0.25)
        name = f"{one.study.runs.final_name} accuracy"
        axes.hist(
            accuracy, bins, weights=weights, histtype="step", color=one.colour, linewidth=1.2, label=name
        )
    label_axes(axes, "final accuracy, mean over runs (%)", "networks (%)", "Final accuracy")
    legend_above(axes)


def crowding(axes: Axes, shown: Sequence[Shown]) -> None:
    for one in shown:
        gap = 100 * np.sort(one.study.accuracy.gap)
        share = 100 * np.arange(1, len(gap) + 1) / len(gap)
        axes.plot(np.maximum(gap, 1e-3), share, color=one.colour, drawstyle="steps-post")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(0.1, 100)
    plain_log_axes(axes)
    grid(axes)
    label_axes(
        axes, "gap to the best (% of the range)", "networks within the gap (%)", "How crowded the top is"
    )


def two_runs(axes: Axes, shown: Sequence[Shown]) -> None:
    one = shown[0]
    final = 100 * one.study.runs.judged[:, :2, -1]
    final = final[np.isfinite(final).all(axis=1)]
    few = len(final) <= 500
    axes.scatter(
        final[:, 0],
        final[:, 1],
        s=10 if few else 3,
        color=one.colour,
        alpha=0.7 if few else 0.25,
        linewidths=0,
        rasterized=not few,
    )
    ends = [final.min(), final.max()]
    axes.plot(ends, ends, color=GREY, linewidth=0.7)
    title = f"Two runs of each of {len(final)} networks" + (f"\n{one.name}" if len(shown) > 1 else "")
    label_axes(axes, "validation accuracy of run 0 (%)", "validation accuracy of run 1 (%)", title)


def agreement(axes: Axes, shown: Sequence[Shown]) -> None:
    shifts = np.linspace(-0.08, 0.08, len(shown)) if len(shown) > 1 else np.zeros(1)
    for shift, one in zip(shifts, shown, strict=True):
        rows = one.study.seeds.between
        known = np.array([np.isfinite(row.value) for row in rows])
        value, low, high = (np.array([getattr(row, key) for row in rows]) for key in ("value", "low", "high"))
        edges = np.nan_to_num(np.stack([value - low, high - value]))[:, known]
        axes.errorbar(
            (np.arange(len(rows)) + shift)[known],
            value[known],
            np.maximum(edges, 0),
            linestyle="",
            capsize=2.5,
            markersize=4.5,
            **one.look,
        )
    axes.set_xticks(range(3), ["all networks", "better half", "best quarter"])
    axes.set_xlim(-0.4, 2.4)
    axes.set_ylim(0, 1)
    grid(axes)
    label_axes(axes, "", "Kendall's τ between two runs", "Do two runs rank alike? (95 % intervals)")


def label_axes(axes: Axes, x: str, y: str, title: str) -> None:
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.set_title(title)


def legend_above(axes: Axes) -> None:
    """Room for the legend above the highest bar."""
    n = len(axes.get_legend_handles_labels()[0])
    axes.set_ylim(0, axes.get_ylim()[1] * (1.05 + 0.13 * n))
    axes.legend(**LEGEND, loc="upper left")


def grid(axes: Axes) -> None:
    axes.grid(color="0.9", linewidth=0.6)
    axes.set_axisbelow(True)


def plain_log_axes(axes: Axes) -> None:
    """1000 and 0.05 rather than powers of ten, on log axes."""
    from matplotlib.ticker import FuncFormatter

    for axis, scale in ((axes.xaxis, axes.get_xscale()), (axes.yaxis, axes.get_yscale())):
        if scale == "log":
            axis.set_major_formatter(FuncFormatter(plain_number))
