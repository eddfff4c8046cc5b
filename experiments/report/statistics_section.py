"""The section of statistics over all tasks: tests, ranks, profiles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from nascurve.errors import ConfigError
from nascurve.experiments.report.anytime import rounded
from nascurve.experiments.report.chart import chart_box
from nascurve.experiments.report.figures import figure_box, figure_links
from nascurve.experiments.report.looks import svg_looks
from nascurve.experiments.report.markup import Markup, join, tag
from nascurve.experiments.report.tables import frame_table
from nascurve.experiments.statistics.overview import statistic_figures, statistic_tables
from nascurve.experiments.statistics.ranks import RankCurves, rank_curves
from nascurve.experiments.statistics.study import PairedStudy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from nascurve.experiments.results import Results

_CAPTIONS = {
    "intervals": "Interquartile mean, mean and median of the final scores with 95 % intervals",
    "critical_differences": "Critical differences: methods that a bar joins do not differ significantly",
    "improvement": "Probability that a run of the row's method is better than one of the column's",
    "profiles": "Performance profiles: share of runs whose score is at most a value",
}
_RANKS = "rank_over_time"
_RANK_CAPTION = (
    "Average rank over seeds and tasks against simulated time, 1 is best, with 95 % intervals; read at 60 "
    "moments."
)


def statistics_section(study: Mapping[str, Results]) -> Markup:
    """Tables and figures of `experiments.statistics`, or why there are none."""
    return tag(
        "section",
        tag("h2", "Statistics over all tasks" if len(study) > 1 else "Statistics", id="statistics-title"),
        _content(study),
        id="statistics",
        aria_labelledby="statistics-title",
    )


def _content(study: Mapping[str, Results]) -> Markup:
    try:
        tables, figures = statistic_tables(study), statistic_figures(study)
    except ConfigError as error:  # too few seeds or methods in common
        return tag("p", f"There are none: {error}")
    drawn = [
        _ranks(study, figure)
        if name == _RANKS
        else figure_box(figure, id=f"figure-{name}", caption=_CAPTIONS.get(name, name.replace("_", " ")))
        for name, figure in figures.items()
    ]
    listed = [
        frame_table(
            table, id=f"table-{name}", caption=str(table.attrs["title"]), note=str(table.attrs["note"])
        ).to_html()
        for name, table in tables.items()
    ]
    return join(tag("h3", "Figures"), *drawn, tag("h3", "Tables"), *listed)


def _ranks(study: Mapping[str, Results], figure: Figure) -> Markup:
    """The interactive chart of ranks; the files hold the static figure."""
    paired = PairedStudy.of(study)
    curves = rank_curves(paired)
    title = "Average rank over time"
    data = {
        "title": title,
        "file_name": "rank-over-time",
        "x_label": "simulated time (% of the budget)",
        "x_unit": "% of the budget",
        "y_label": "average rank (1 is best)",
        "reversed": True,
        "budget_s": 100.0,
        "training_s": None,
        "methods": [{"name": name, **look} for name, look in svg_looks(paired.keys).items()],
        "curves": {"mean": _rank_lines(curves)},
    }
    return join(
        chart_box(data, id="chart-ranks", caption=_RANK_CAPTION),
        figure_links(figure, id="figure-rank-over-time", caption=title),
    )


def _rank_lines(curves: RankCurves) -> list[dict[str, Any]]:
    times = rounded(100 * curves.shares)
    return [
        {"t": times, "c": rounded(rank), "lo": rounded(low), "hi": rounded(high)}
        for rank, low, high in zip(curves.ranks, curves.lows, curves.highs, strict=True)
    ]
