"""Panels of the noise study's figures: what a search meets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from nascurve.benchmarks.noise.landscape import LAGS as WALK_LAGS
from nascurve.experiments.figure import plain_number
from nascurve.experiments.noise_panels import (
    DASHED,
    GREY,
    LEGEND,
    Shown,
    grid,
    label_axes,
    legend_above,
    plain_log_axes,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def regrets(axes: Axes, shown: Sequence[Shown]) -> None:
    for one in shown:
        selection = one.study.selection
        range_acc = max(float(np.ptp(one.study.runs.true_acc)), 1e-12)
        for regret, style in ((selection.regret_noisy, "-"), (selection.regret_true, DASHED)):
            positive = np.where(regret > 0, 100 * regret / range_acc, np.nan)
            axes.plot(selection.sizes, positive, color=one.colour, linestyle=style, linewidth=1.2)
    axes.set_xscale("log")
    axes.set_yscale("log")
    plain_log_axes(axes)
    grid(axes)
    label_axes(
        axes, "evaluations of random search", "mean regret (% of the range)", "Regret of random search"
    )


def curse(axes: Axes, shown: Sequence[Shown]) -> None:
    from matplotlib.ticker import FuncFormatter

    some = False
    for one in shown:
        selection = one.study.selection
        if selection.curse is None or selection.curse_low is None or selection.curse_high is None:
            continue
        some = True
        axes.plot(selection.sizes, 100 * selection.curse, markersize=3, **one.look)
        low, high = 100 * selection.curse_low, 100 * selection.curse_high
        axes.fill_between(selection.sizes, low, high, color=one.colour, alpha=0.18, linewidth=0)
    label_axes(
        axes,
        "evaluations of random search",
        "seen minus mean of its other runs\n(points of validation accuracy)",
        "Optimizer's curse (95 % band)",
    )
    if not some:
        _say(axes, "needs two runs of each network")
        return
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(plain_number))
    axes.axhline(0, color=GREY, linewidth=0.7)


def costs(axes: Axes, shown: Sequence[Shown]) -> None:
    ends = _cost_limits(shown)
    bins = np.geomspace(*ends, 50).tolist()
    for one in shown:
        seconds = one.study.accuracy.training_s
        mean = seconds.mean()
        weights = np.full(len(seconds), 100 / len(seconds))
        axes.hist(seconds / mean, bins, weights=weights, color=one.colour, alpha=0.25)
        label = f"mean {mean:,.0f} s" if mean >= 100 else f"mean {mean:.3g} s"
        axes.hist(
            seconds / mean,
            bins,
            weights=weights,
            histtype="step",
            color=one.colour,
            linewidth=1.2,
            label=label,
        )
    _cost_axis(axes, ends)
    label_axes(axes, "seconds of a full training / their mean", "networks (%)", "Cost of a training")
    legend_above(axes)


def cost_accuracy(axes: Axes, shown: Sequence[Shown]) -> None:
    for one in shown:
        distribution = one.study.accuracy
        cost = distribution.training_s / distribution.training_s.mean()
        axes.scatter(
            cost,
            100 * distribution.true_acc,
            s=3 if len(cost) > 500 else 10,
            color=one.colour,
            alpha=0.25 if len(cost) > 500 else 0.7,
            linewidths=0,
            rasterized=len(cost) > 500,
        )
    _cost_axis(axes, _cost_limits(shown))
    label_axes(axes, "seconds of a full training / their mean", "final accuracy (%)", "Cost and accuracy")


def _cost_limits(shown: Sequence[Shown]) -> tuple[float, float]:
    """Costs over their mean, with some room; equal for all panels of the figure."""
    relative = [one.study.accuracy.training_s / one.study.accuracy.training_s.mean() for one in shown]
    return 0.9 * min(float(cost.min()) for cost in relative), 1.1 * max(
        float(cost.max()) for cost in relative
    )


def _cost_axis(axes: Axes, ends: tuple[float, float]) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.set_xscale("log")
    axes.set_xlim(*ends)
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(plain_number))
    axes.xaxis.set_minor_formatter(NullFormatter())


def random_walk(axes: Axes, shown: Sequence[Shown]) -> None:
    for one in shown:
        landscape = one.study.landscape
        if landscape is None:
            continue
        for values, style in ((landscape.autocorrelation, "-"), (landscape.rank_autocorrelation, DASHED)):
            axes.plot(WALK_LAGS, values, linestyle=style, markersize=3, **one.look)
    axes.set_ylim(min(0.0, axes.get_ylim()[0]), 1)
    axes.set_xticks(WALK_LAGS[1::2])
    grid(axes)
    label_axes(axes, "steps of a random walk", "autocorrelation", "Random walk over the networks")


def local_search(axes: Axes, shown: Sequence[Shown]) -> None:
    for one in shown:
        landscape = one.study.landscape
        if landscape is None:
            continue
        order = np.argsort(landscape.lost_acc, kind="stable")
        lost = 100 * np.append(0.0, landscape.lost_acc[order])
        share = 100 * np.append(0.0, np.cumsum(landscape.weights[order]))
        n_optima = int(landscape.optimum.sum())
        label = f"{n_optima} local optim{'um' if n_optima == 1 else 'a'}"
        end = max(
            1.0,
            1.05 * max(100 * item.study.landscape.lost_acc.max() for item in shown if item.study.landscape),
        )
        axes.plot(
            np.append(lost, end), np.append(share, 100), color=one.colour, label=label, drawstyle="steps-post"
        )
    axes.set_ylim(0, 103)
    axes.set_xlim(left=0)
    grid(axes)
    label_axes(
        axes,
        "accuracy lost to the best (points)",
        "random starts that lose no more (%)",
        "What best-improvement local search loses",
    )
    axes.legend(**LEGEND, loc="lower right")


def _say(axes: Axes, text: str) -> None:
    axes.annotate(text, (0.5, 0.5), xycoords="axes fraction", ha="center", va="center", color=GREY)
    axes.set_xticks([])
    axes.set_yticks([])
