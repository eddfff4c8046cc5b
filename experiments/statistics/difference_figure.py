"""The critical-difference diagram."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nascurve.experiments.figure_files import styled
from nascurve.experiments.statistics.looks import PAGE_IN, looks, new_figure
from nascurve.experiments.statistics.paired_tests import p_value_matrix
from nascurve.experiments.statistics.ranks import friedman_p_value, rank_table
from nascurve.experiments.statistics.scores import Scores
from nascurve.experiments.table import p_value

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ALPHA = 0.05


@styled
def draw_critical_differences(scores: Scores) -> Figure:
    """Average ranks on an axis; a bar joins methods between which no test finds a difference.

    The tests are those of `paired_tests.pair_tests`, with Holm's correction, after Friedman's test: where
    that finds nothing (p above .05), a bar joins all. Raises ConfigError as `pair_tests`.
    Source: Demšar (2006); Benavoli, Corani and Mangili (2016), "Should We Really Use Post-Hoc Tests Based on
    Mean-Ranks?", for Wilcoxon tests in place of Nemenyi's.
    """
    from scikit_posthocs import critical_difference_diagram  # type: ignore[attr-defined]

    found = looks(scores.study)
    table = rank_table(scores)
    matrix = p_value_matrix(scores)
    omnibus = friedman_p_value(scores)
    if omnibus > ALPHA:
        matrix.loc[:, :] = 1.0
    k = len(scores.methods)
    figure = new_figure(PAGE_IN, 1.3 + 0.16 * k)
    axes = figure.add_subplot()
    drawn = critical_difference_diagram(
        dict(zip(table["method"], table["rank"], strict=True)),
        matrix,
        alpha=ALPHA,
        ax=axes,
        label_fmt_left="{label} ({rank:.2f})",
        label_fmt_right="({rank:.2f}) {label}",
        label_props={"fontsize": 7.5},
        elbow_props={"linewidth": 0.9},
        crossbar_props={"color": "0.25", "linewidth": 2.2},
        marker_props={"s": 14},
        color_palette={name: look.colour for name, look in found.items()},
        text_h_margin=0.1 * (k - 1),
    )
    for label in drawn["labels"]:
        label.set_color("black")  # the paler colours are hard to read as text
    said = "" if k < 3 else f"; Friedman p {_p(omnibus)}"
    axes.set_title(
        f"average rank, {scores.title}; bars: no difference found (Wilcoxon, Holm, {ALPHA:g}){said}", pad=14
    )
    figure.canvas.draw()
    return figure


def _p(value: float) -> str:
    text = p_value(value)
    return text if text.startswith("<") else f"= {text}"
