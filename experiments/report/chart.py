"""Interactive charts: their data, and where the page's scripts draw them."""

from __future__ import annotations

from typing import Any

from nascurve.experiments.report.markup import Markup, json_block, tag


def chart_box(data: dict[str, Any], *, id: str, caption: str) -> Markup:  # noqa: A002
    """A figure that is drawn when the page is opened.

    data: what `StepChart` in assets/step_chart.js wants.
    """
    return tag(
        "figure",
        tag("div", tag("noscript", "This chart needs JavaScript; the files below do not."), data_chart=id),
        tag("figcaption", caption),
        json_block(id, data),
    )
