"""Panels of the noise study's figures: the course of curves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nascurve.benchmarks.noise.drops import N_BINS, RECOVERY_EPOCHS, THRESHOLDS
from nascurve.benchmarks.noise.residuals import LAGS
from nascurve.experiments.noise_panels import (
    DASHED,
    DOTTED,
    GREY,
    Shown,
    grid,
    label_axes,
    plain_log_axes,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def early_all(axes: Axes, shown: Sequence[Shown]) -> None:
    _early(axes, shown, "all", "All networks")


def early_half(axes: Axes, shown: Sequence[Shown]) -> None:
    _early(axes, shown, "better half", "Better half")


def _early(axes: Axes, shown: Sequence[Shown], group: str, title: str) -> None:
    for one in shown:
        early = one.study.epochs
        if early is None:
            continue
        tau = early.all_ if group == "all" else early.half
        share = 100 * early.epochs / early.epochs[-1]
        axes.plot(share, tau, color=one.colour, linewidth=1.2)
        edges = early.intervals[group].T
        bars = np.nan_to_num(np.stack([tau[early.marked] - edges[0], edges[1] - tau[early.marked]]))
        axes.errorbar(
            share[early.marked],
            tau[early.marked],
            np.maximum(bars, 0),
            linestyle="",
            capsize=2,
            markersize=3,
            **one.look,
        )
    axes.set_ylim(min(0.0, axes.get_ylim()[0]), 1.02)
    grid(axes)
    label_axes(axes, "epoch (% of the last)", "Kendall's τ with the last epoch", title)


def drops_by_epoch(axes: Axes, shown: Sequence[Shown]) -> None:
    for one, style, value in _drops(shown, "by_epoch"):
        axes.plot(one.study.runs.epochs, 100 * value, color=one.colour, linestyle=style)
    axes.set_ylim(0)
    label_axes(axes, "epoch", "curves that drop at this epoch (%)", "Where curves drop")


def drops_by_accuracy(axes: Axes, shown: Sequence[Shown]) -> None:
    for one, style, value in _drops(shown, "by_accuracy"):
        axes.plot(range(1, N_BINS + 1), 100 * value, linestyle=style, markersize=3, **one.look)
    axes.set_ylim(0)
    axes.set_xticks([1, 5, 10], ["worst", "middle", "best"])
    label_axes(axes, "tenth of the networks by final accuracy", "curves with a drop (%)", "Which curves drop")


def recovery(axes: Axes, shown: Sequence[Shown]) -> None:
    for one, style, value in _drops(shown, "recovered"):
        axes.plot(RECOVERY_EPOCHS, 100 * value, linestyle=style, markersize=3, **one.look)
    axes.set_ylim(0, 102)
    axes.set_xticks(RECOVERY_EPOCHS)
    grid(axes)
    label_axes(axes, "epochs after the drop", "drops made good by then (%)", "How fast drops are made good")


def spikes(axes: Axes, shown: Sequence[Shown]) -> None:
    for one in shown:
        if one.study.drops is not None:
            spike = 100 * np.sort(one.study.drops.spike)
            share = 100 * (1 - np.arange(len(spike)) / len(spike))
            axes.plot(spike, share, color=one.colour, drawstyle="steps-post")
    axes.set_yscale("log")
    axes.set_xlim(0)
    axes.set_ylim(top=100)
    plain_log_axes(axes)
    grid(axes)
    label_axes(
        axes, "maximum minus last value (points)", "curves with more (%)", "Loss from the maximum to the end"
    )


def residual_scale(axes: Axes, shown: Sequence[Shown]) -> None:
    for one, kind, style in _kinds(shown):
        axes.plot(kind.epochs, 100 * kind.scale_acc, color=one.colour, linestyle=style)
    axes.set_ylim(0)
    label_axes(axes, "epoch", "sd of residuals (points)", "Size of residuals")


def autocorrelation(axes: Axes, shown: Sequence[Shown]) -> None:
    for one, kind, style in _kinds(shown):
        axes.plot(LAGS, kind.autocorrelation, linestyle=style, markersize=4, **one.look)
        axes.plot(LAGS, kind.white, linestyle=style, color="0.6", linewidth=1, zorder=1)
    axes.set_xticks(LAGS)
    axes.annotate(
        "grey: white noise", (0.97, 0.04), xycoords="axes fraction", ha="right", fontsize=7, color=GREY
    )
    label_axes(axes, "lag (epochs)", "autocorrelation", "Autocorrelation of residuals")


def tails(axes: Axes, shown: Sequence[Shown]) -> None:
    bins = np.linspace(-6, 6, 31)
    middle = (bins[1:] + bins[:-1]) / 2
    for one, kind, style in _kinds(shown):
        density = np.histogram(kind.standardised, bins)[0] / (len(kind.standardised) * (bins[1] - bins[0]))
        axes.plot(middle, np.where(density > 0, density, np.nan), color=one.colour, linestyle=style)
    axes.plot(middle, np.exp(-(middle**2) / 2) / np.sqrt(2 * np.pi), color="0.6", linewidth=1, zorder=1)
    axes.set_yscale("log")
    axes.set_ylim(3e-5, 1)
    axes.annotate("grey: normal", (0.97, 0.92), xycoords="axes fraction", ha="right", fontsize=7, color=GREY)
    label_axes(axes, "residual / its sd at that epoch", "density", "Tails of residuals")


def _drops(shown: Sequence[Shown], what: str) -> list[tuple[Shown, Any, Any]]:
    return [
        (one, style, getattr(one.study.drops, what)[threshold])
        for one in shown
        for threshold, style in zip(THRESHOLDS, ("-", DASHED), strict=True)
    ]


def _kinds(shown: Sequence[Shown]) -> list[tuple[Shown, Any, Any]]:
    """Residuals off the mean over runs are solid, those off a smooth fit dotted."""
    return [
        (one, kind, "-" if kind.kind.startswith("mean") else DOTTED)
        for one in shown
        for kind in one.study.residuals
    ]
