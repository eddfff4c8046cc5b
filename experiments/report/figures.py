"""Figures drawn by matplotlib, as parts of the page and as files that it holds."""

from __future__ import annotations

import base64
import io
import re
from typing import TYPE_CHECKING

from nascurve.experiments.figure import RC
from nascurve.experiments.report.markup import Markup, join, tag
from nascurve.experiments.report.tables import download_link

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_PATHS = re.compile(r' d="[^"]*"')
_PIXELS_AN_INCH = 130
"""On the page, so that a figure that fills a paper's page has text as large as the page's."""
_NUMBERS = re.compile(r"-?\d+\.\d{3,}")


def figure_box(figure: Figure, *, id: str, caption: str) -> Markup:  # noqa: A002
    """The figure with its caption, and links that save it as SVG and PDF."""
    svg, pdf = _save(figure, "svg"), _save(figure, "pdf")
    svg = _shortened(svg.decode()).encode()
    return tag(
        "figure",
        tag(
            "div",
            tag(
                "img",
                src=f"data:image/svg+xml;base64,{base64.b64encode(svg).decode('ascii')}",
                width=round(_PIXELS_AN_INCH * figure.get_size_inches()[0]),
                alt=caption,
            ),
            class_="paper",
        ),
        tag("figcaption", caption),
        figure_downloads(svg, pdf, id=id, caption=caption),
        id=id,
    )


def figure_links(figure: Figure, *, id: str, caption: str) -> Markup:  # noqa: A002
    """The links alone, for a figure that the page shows in another way."""
    svg = _shortened(_save(figure, "svg").decode()).encode()
    return figure_downloads(svg, _save(figure, "pdf"), id=id, caption=caption)


def figure_downloads(svg: bytes, pdf: bytes, *, id: str, caption: str) -> Markup:  # noqa: A002
    return tag(
        "p",
        join(
            download_link(f"{id}.svg", "image/svg+xml", svg, f"figure {caption}"),
            download_link(f"{id}.pdf", "application/pdf", pdf, f"figure {caption}"),
        ),
        class_="downloads",
    )


def _save(figure: Figure, kind: str) -> bytes:
    """The same bytes for the same figure: without dates, and with ids that do not depend on chance."""
    from matplotlib import rc_context

    metadata = {"Date": None} if kind == "svg" else {"CreationDate": None}
    content = io.BytesIO()
    with rc_context(RC | {"svg.hashsalt": "nascurve"}):
        figure.savefig(content, format=kind, metadata=metadata)
    return content.getvalue()


def _shortened(svg: str) -> str:
    """Coordinates of paths rounded to a hundredth of a point, which nobody sees: half the size."""

    def shorten(path: re.Match[str]) -> str:
        return _NUMBERS.sub(lambda number: f"{float(number[0]):.2f}".rstrip("0").rstrip("."), path[0])

    return _PATHS.sub(shorten, svg)
