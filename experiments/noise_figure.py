"""The figures of a noise study, alone or side by side with a reference."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nascurve.benchmarks.noise.study import NoiseStudy
from nascurve.benchmarks.noise.transfer import Transfer
from nascurve.experiments import noise_curve_panels as curves
from nascurve.experiments import noise_panels as finals
from nascurve.experiments import noise_search_panels as search
from nascurve.experiments import noise_transfer_panels as transfer_panels
from nascurve.experiments.figure import COLOURS, MARKERS, RC
from nascurve.experiments.figure_files import save_figures
from nascurve.experiments.noise_panels import DASHED, DOTTED, Panel, Shown

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_PANEL_IN = (3.5, 2.8)


def _always(_study: NoiseStudy) -> bool:
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    """Panels; which studies they can show; and what their line styles mean."""

    panels: Sequence[Panel]
    can_show: Callable[[NoiseStudy], bool] = _always
    styles: Mapping[str, Any] = field(default_factory=dict)


_KINDS = {
    "distribution": _Kind(panels=(finals.accuracies, finals.crowding)),
    "seeds": _Kind(
        panels=(finals.two_runs, finals.agreement), can_show=lambda study: study.runs.n_judged > 1
    ),
    "epochs": _Kind(
        panels=(curves.early_all, curves.early_half), can_show=lambda study: study.epochs is not None
    ),
    "drops": _Kind(
        panels=(curves.drops_by_epoch, curves.drops_by_accuracy, curves.recovery, curves.spikes),
        can_show=lambda study: study.drops is not None,
        styles={"drop of more than 3 points": "-", "of more than 10 points": DASHED},
    ),
    "residuals": _Kind(
        panels=(curves.residual_scale, curves.autocorrelation, curves.tails),
        can_show=lambda study: bool(study.residuals),
        styles={"off the mean over a network's runs": "-", "off a smooth fit of the curve": DOTTED},
    ),
    "selection": _Kind(
        panels=(search.regrets, search.curse),
        styles={"selected by one run's validation accuracy": "-", "selected by true accuracy": DASHED},
    ),
    "cost": _Kind(
        panels=(search.costs, search.cost_accuracy),
        can_show=lambda study: bool(study.accuracy.training_s.max() > 0),
    ),
    "landscape": _Kind(
        panels=(search.random_walk, search.local_search),
        can_show=lambda study: study.landscape is not None,
        styles={"accuracy": "-", "rank of accuracy": DASHED},
    ),
}
TRANSFER = "transfer"
FIGURES = (*_KINDS, TRANSFER)
"""Names of the figures."""


def draw_noise(
    name: str, studies: Mapping[str, NoiseStudy], transfers: Mapping[str, Transfer] | None = None
) -> Figure | None:
    """One of `FIGURES`; None where no study has what it shows.

    studies: by the name for the legend; the first, the benchmark, is blue, the second, a reference, orange.
    transfers: by the same names, where the two share networks.
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    if name != TRANSFER:
        kind = _KINDS[name]
    elif transfers:
        kind = _Kind(
            panels=tuple(functools.partial(panel, transfers=transfers) for panel in transfer_panels.PANELS)
        )
    else:
        return None
    shown = [
        Shown(label, study, {"color": COLOURS[place], "marker": MARKERS[place]})
        for place, (label, study) in enumerate(studies.items())
        if kind.can_show(study)
    ]
    if not shown:
        return None
    columns = len(kind.panels) if len(kind.panels) < 4 else 2
    rows = -(-len(kind.panels) // columns)
    width_in = _PANEL_IN[0] * columns if columns < 3 else 3.0 * columns
    with rc_context(RC):
        figure = Figure(
            figsize=(width_in, _PANEL_IN[1] * rows + 0.2 * (len(shown) > 1)), dpi=200, layout="constrained"
        )
        FigureCanvasAgg(figure)
        for place, panel in enumerate(kind.panels):
            axes = figure.add_subplot(rows, columns, place + 1)
            axes.spines[["top", "right"]].set_visible(False)
            panel(axes, shown)
        if len(shown) == 1:
            figure.suptitle(shown[0].name, fontsize=8.5)
        _add_legend(figure, shown, kind.styles)
        figure.canvas.draw()  # lays out while the settings hold
    return figure


def _add_legend(figure: Figure, shown: Sequence[Shown], styles: Mapping[str, Any]) -> None:
    """Below the panels, so that it covers nothing: studies by colour, where there are several; quantities by
    line style, where it was drawn."""
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], markersize=4, linewidth=1.3, label=one.name, **one.look)
        for one in (shown if len(shown) > 1 else ())
    ]
    colours = {one.colour for one in shown}
    drawn = {
        line.get_linestyle() for axes in figure.axes for line in axes.lines if line.get_color() in colours
    }
    handles += [
        Line2D([], [], color="0.3", linewidth=1.3, linestyle=style, label=label)
        for label, style in styles.items()
        if ("-" if style == "-" else "--") in drawn
    ]
    if handles:
        figure.legend(
            handles=handles,
            loc="outside lower center",
            ncols=2 if len(handles) > 3 else len(handles),
            frameon=False,
            handlelength=3.5,
        )


def save_noise_figures(
    studies: Mapping[str, NoiseStudy], folder: Path, transfers: Mapping[str, Transfer] | None = None
) -> list[Path]:
    """Write noise-NAME.png and .pdf (fonts embedded) of each figure that has something to show, atomically,
    the same bytes each time. Raises DataFileError."""
    drawn = {f"noise-{name}": draw_noise(name, studies, transfers) for name in FIGURES}
    return save_figures({name: figure for name, figure in drawn.items() if figure is not None}, folder)
