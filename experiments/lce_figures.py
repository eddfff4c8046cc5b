"""The figures of `nascurve lce evaluate`: scores against the prefix, calibration, and predicted fans."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nascurve.experiments.figure import COLOURS, MARKERS
from nascurve.experiments.figure_files import save_figures, styled
from nascurve.experiments.lce_evaluate_folder import FIGURES
from nascurve.experiments.noise_panels import grid
from nascurve.lce.evaluation.fans import Fans
from nascurve.lce.evaluation.scores import NOMINAL

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    Cells = Mapping[tuple[str, int], Sequence[Mapping[str, Any]]]
_PAGE_IN = 7.2
_STYLES: tuple[Any, ...] = ("-", (0, (4, 1.5)), (0, (1, 1)))
"""Of the extrapolators when the colours begin again."""


def save_lce_figures(
    folder: Path,
    *,
    title: str,
    metrics: pd.DataFrame,
    cells: Cells,
    fans: Mapping[str, Fans],
    at_epoch: int,
) -> list[Path]:
    """Write the three figures as .png and .pdf (fonts embedded), atomically. Raises DataFileError."""
    drawn = (
        draw_fans(fans, title=title),
        draw_prefixes(metrics, title=title, at_epoch=at_epoch),
        draw_calibration(cells, title=title),
    )
    return save_figures(dict(zip(FIGURES, drawn, strict=True)), folder)


@styled
def draw_prefixes(metrics: pd.DataFrame, *, title: str, at_epoch: int) -> Figure:
    """Kendall's τ and RMSE against the epochs seen, with bands of one standard error: a column for each
    number of fitted curves, a line for each extrapolator. metrics: as metrics.csv."""
    labels = list(dict.fromkeys(metrics["extrapolator"]))
    numbers = sorted(set(metrics["fit_curves"]))
    figure, axes = _panels(2, len(numbers), height_in=2.1, title=title, share_y="row")
    for column, number in enumerate(numbers):
        for row, (metric, scale) in enumerate((("tau", 1.0), ("rmse", 100.0))):
            panel = axes[row][column]
            for place, label in enumerate(labels):
                mine = metrics[(metrics["extrapolator"] == label) & (metrics["fit_curves"] == number)]
                seen, mean = mine["prefix"].to_numpy(), scale * mine[metric].to_numpy()
                error = scale * mine[f"{metric}_se"].fillna(0).to_numpy()
                look = _look(place)
                low = mean - error if metric == "tau" else np.maximum(mean - error, mean / 10)  # log axis
                panel.fill_between(seen, low, mean + error, color=look["color"], alpha=0.18, linewidth=0)
                panel.plot(seen, mean, **_nested(place, len(labels)), **look)
            panel.set_xticks(sorted(set(metrics["prefix"])))
            grid(panel)
        axes[0][column].set_title(_fitted(number))
        axes[1][column].set_xlabel(f"epochs seen, of {at_epoch}")
        _log_points(axes[1][column])
    axes[0][0].set_ylabel("Kendall's τ")
    axes[1][0].set_ylabel("RMSE (percentage points)")
    return _finish(figure, labels)


@styled
def draw_calibration(cells: Cells, *, title: str) -> Figure:
    """Share of the true accuracies below each predicted quantile, mean over splits, against its level: a
    column for each number of fitted curves, a row for the shortest, a middle and the longest prefix. On the
    diagonal the predicted distribution is honest; flatter in the middle than at the ends, it is too narrow.

    cells: by label and split, as they are kept.
    """
    labels = list(dict.fromkeys(label for label, _ in cells))
    first = next(iter(cells.values()))
    numbers = sorted({cell["fit_curves"] for cell in first})
    seen = sorted({cell["prefix"] for cell in first})
    shown = list(dict.fromkeys([seen[0], seen[(len(seen) - 1) // 2], seen[-1]]))
    figure, axes = _panels(len(shown), len(numbers), height_in=1.9, title=title, share_y="all")
    for row, prefix in enumerate(shown):
        for column, number in enumerate(numbers):
            panel = axes[row][column]
            panel.plot([0, 1], [0, 1], color="0.6", linewidth=0.8)
            for place, label in enumerate(labels):
                below = [
                    cell["scores"]["below"]
                    for (owner, _), own in cells.items()
                    for cell in own
                    if owner == label and cell["prefix"] == prefix and cell["fit_curves"] == number
                ]
                nested = _nested(place, len(labels))
                panel.plot(NOMINAL, np.mean(below, axis=0), markevery=3, **nested, **_look(place))
            panel.set_xlim(0, 1)
            panel.set_ylim(0, 1)
            panel.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", ".25", ".5", ".75", "1"])
            panel.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0", ".25", ".5", ".75", "1"])
            grid(panel)
            panel.set_title(f"{prefix} epoch{'' if prefix == 1 else 's'} seen, {_fitted(number)}")
            if row == len(shown) - 1:
                panel.set_xlabel("level of the predicted quantile")
        axes[row][0].set_ylabel("share of truths below")
    return _finish(figure, labels)


@styled
def draw_fans(fans: Mapping[str, Fans], *, title: str) -> Figure:
    """Real curves with the median and the central 50 % and 90 % intervals predicted after the first epochs: a
    row for each extrapolator, a column for each run. The axes of a column are the same, so that widths can be
    compared; an interval much wider than most others' is cut off by them."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    columns = max(len(one.curves) for one in fans.values())
    first = next(iter(fans.values()))
    after = f"after {first.prefix} epoch{'' if first.prefix == 1 else 's'}"
    heading = (
        f"{title}: {after}, {_fitted(first.fit_curves)}\n"
        "columns: test runs, by the share of all whose accuracy changes less from there on"
    )
    figure, axes = _panels(len(fans), columns, height_in=1.1, title=heading, share_y="col")
    for row, (label, one) in enumerate(fans.items()):
        colour = COLOURS[row % len(COLOURS)]
        for column, panel in enumerate(axes[row]):
            if column >= len(one.curves):
                panel.set_axis_off()
                continue
            _draw_fan(panel, one, column, colour)
            if row == 0:
                panel.set_title(f"{one.rank[column]:.2f}".removeprefix("0"), fontsize=7.5)
            panel.tick_params(labelsize=6)
            if row == len(fans) - 1:
                panel.set_xlabel("epoch")
            else:
                panel.tick_params(labelbottom=False)
        axes[row][0].set_ylabel(label)
    for column in range(columns):
        axes[0][column].set_ylim(*_limits(list(fans.values()), column))
    figure.supylabel("accuracy (%)", fontsize=8)
    handles = [
        Line2D([], [], color="0.15", linewidth=1, label="real curve, seen"),
        Line2D([], [], color="0.15", linewidth=1, linestyle=(0, (1, 1)), label="real curve, to come"),
        Line2D([], [], color="0.45", linewidth=1.3, label="predicted median"),
        Patch(color="0.45", alpha=0.45, linewidth=0, label="50 % interval"),
        Patch(color="0.45", alpha=0.2, linewidth=0, label="90 % interval"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=5, frameon=False)
    return figure


def _draw_fan(panel: Axes, one: Fans, place: int, colour: str) -> None:
    curve, bands = 100 * one.curves[place], 100 * one.quantiles[place]
    epochs = np.arange(1, len(curve) + 1)
    panel.fill_between(one.epochs, bands[:, 0], bands[:, 4], color=colour, alpha=0.2, linewidth=0)
    panel.fill_between(one.epochs, bands[:, 1], bands[:, 3], color=colour, alpha=0.35, linewidth=0)
    panel.plot(one.epochs, bands[:, 2], color=colour, linewidth=1.3)
    panel.plot(epochs[: one.prefix], curve[: one.prefix], color="0.15", linewidth=1)
    panel.plot(
        epochs[one.prefix - 1 :], curve[one.prefix - 1 :], color="0.15", linewidth=1, linestyle=(0, (1, 1))
    )
    panel.axvline(one.prefix, color="0.6", linewidth=0.6)


def _limits(fans: Sequence[Fans], place: int) -> tuple[float, float]:
    """Of a column: the real curve, but for its first epochs, and the median extrapolator's 90 % interval."""
    fans = [one for one in fans if place < len(one.curves)]
    ahead = 100 * fans[0].curves[place][max(fans[0].prefix // 2 - 1, 0) :]
    bands = [100 * one.quantiles[place] for one in fans]
    low = min(float(ahead.min()), float(np.median([band.min() for band in bands])))
    high = max(float(ahead.max()), float(np.median([band.max() for band in bands])))
    margin = max(0.06 * (high - low), 0.1)
    return low - margin, high + margin


def _panels(
    rows: int, columns: int, *, height_in: float, title: str, share_y: Any
) -> tuple[Figure, list[list[Axes]]]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    width_in = max(min(_PAGE_IN, 2.8 * columns), 4.2)
    figure = Figure(figsize=(width_in, height_in * rows + 0.9), dpi=200, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns, squeeze=False, sharex="col", sharey=share_y)
    figure.suptitle(title, fontsize=8.5)
    for panel in axes.flat:
        panel.spines[["top", "right"]].set_visible(False)
    return figure, axes.tolist()


def _finish(figure: Figure, labels: Sequence[str]) -> Figure:
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], markersize=4, linewidth=1.3, label=label, **_look(place))
        for place, label in enumerate(labels)
    ]
    figure.legend(
        handles=handles, loc="outside lower center", ncols=min(len(labels), 4), frameon=False, handlelength=3
    )
    return figure


def _look(place: int) -> dict[str, Any]:
    n = len(COLOURS)
    return {"color": COLOURS[place % n], "marker": MARKERS[place % n], "linestyle": _STYLES[place // n % 3]}


def _nested(place: int, n: int) -> dict[str, Any]:
    """Widths that shrink from the first to the last, so that lines which coincide are all seen."""
    share = 1 - place / max(n - 1, 1)
    return {"markersize": 2.6 + 2.6 * share, "linewidth": 0.9 + 1.1 * share}


def _fitted(number: int) -> str:
    return "no fitted curves" if number == 0 else f"{number} fitted curve{'' if number == 1 else 's'}"


def _log_points(panel: Axes) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    panel.set_yscale("log")
    low, high = panel.get_ylim()
    panel.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high > 10 * low else (1, 1.5, 2, 3, 4, 5, 7)))
    panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    panel.yaxis.set_minor_formatter(NullFormatter())
