"""Panels of what two benchmarks of the same networks tell of each other."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from nascurve.benchmarks.noise.transfer import Transfer
from nascurve.experiments.noise_panels import Shown, grid, label_axes, plain_log_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def _accuracies(axes: Axes, shown: Sequence[Shown], *, transfers: Mapping[str, Transfer]) -> None:
    first, other = shown
    both = transfers[first.name]
    axes.scatter(
        100 * both.true_acc,
        100 * both.other_acc,
        s=3,
        color="0.25",
        alpha=0.25,
        linewidths=0,
        rasterized=len(both.true_acc) > 500,
    )
    title = f"{len(both.true_acc)} networks on two benchmarks"
    label_axes(axes, _wrapped(first.name), _wrapped(other.name), title)


def _regret_of_the_best(axes: Axes, shown: Sequence[Shown], *, transfers: Mapping[str, Transfer]) -> None:
    """Regret on one benchmark after a look at the k best networks of the other."""
    for one in shown:
        regret = transfers[one.name].regret_of_best
        k = np.arange(1, len(regret) + 1)
        axes.plot(k, np.maximum(regret, 1e-2), color=one.colour, drawstyle="steps-post", linewidth=1.3)
    axes.set_xscale("log")
    axes.set_yscale("log")
    plain_log_axes(axes)
    grid(axes)
    label_axes(
        axes,
        "networks taken, the other benchmark's best first",
        "regret of the best of them (points)",
        "Searching by the other benchmark\n(0 drawn at 0.01)",
    )


def _wrapped(name: str) -> str:
    return "\n".join(textwrap.wrap(f"{name} (%)", 36))


PANELS = (_accuracies, _regret_of_the_best)
