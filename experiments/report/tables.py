"""Tables of the report: sortable on the page, and to download as CSV and LaTeX."""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nascurve.experiments.latex_table import latex_table
from nascurve.experiments.report.markup import Markup, join, tag
from nascurve.experiments.table import p_value

if TYPE_CHECKING:
    import pandas as pd

_DIGITS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """text: as shown.  key: what the column is sorted by; None, which sorts last, where there is no value."""

    text: str
    key: float | str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportTable:
    """id: of the element and of the files, so without spaces.  note: what the columns mean.
    csv: the text of that file."""

    id: str
    caption: str
    header: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    csv: str
    note: str = ""

    @property
    def latex(self) -> str:
        """A booktabs table of the cells as they are shown."""
        return latex_table(
            list(self.header),
            [[cell.text for cell in row] for row in self.rows],
            caption=self.caption,
            label=f"tab:{self.id}",
        )

    def to_html(self) -> Markup:
        """The table in a box of its own that scrolls sideways where the page is narrow."""
        numeric = [
            all(not isinstance(row[column].key, str) for row in self.rows)
            for column in range(len(self.header))
        ]
        heads = [
            tag(
                "th",
                tag("button", name, type="button", class_="sort"),
                scope="col",
                class_="number" if is_number else None,
                aria_sort="none",
            )
            for name, is_number in zip(self.header, numeric, strict=True)
        ]
        lines = [
            tag("tr", *(_cell(cell, is_number) for cell, is_number in zip(row, numeric, strict=True)))
            for row in self.rows
        ]
        table = tag(
            "table",
            tag("caption", self.caption),
            tag("thead", tag("tr", *heads)),
            tag("tbody", *lines),
            class_="sortable",
            id=self.id,
        )
        return tag(
            "div",
            tag("div", table, class_="wide", tabindex=0, role="region", aria_label=self.caption),
            tag("p", self.note, class_="note") if self.note else None,
            self._downloads(),
            class_="table-box",
        )

    def _downloads(self) -> Markup:
        return tag(
            "p",
            join(
                download_link(f"{self.id}.csv", "text/csv", self.csv.encode(), f"CSV of {self.caption}"),
                download_link(
                    f"{self.id}.tex", "text/x-tex", self.latex.encode(), f"LaTeX of {self.caption}"
                ),
            ),
            class_="downloads",
        )


def download_link(file_name: str, media_type: str, content: bytes, label: str) -> Markup:
    """A link that saves bytes which the page itself holds."""
    encoded = base64.b64encode(content).decode("ascii")
    return tag(
        "a",
        file_name.rpartition(".")[2].upper().replace("TEX", "LaTeX"),
        href=f"data:{media_type};base64,{encoded}",
        download=file_name,
        aria_label=f"Download {label}",
    )


def frame_table(
    frame: pd.DataFrame,
    *,
    id: str,  # noqa: A002
    caption: str,
    note: str = "",
) -> ReportTable:
    """A table of any frame: numbers with four significant digits, p-values as in the printed tables."""
    header = [_heading(str(name)) for name in frame.columns]
    rows = [
        [value_cell(str(name), value) for name, value in row.items()] for row in frame.to_dict("records")
    ]
    return ReportTable(
        id=id,
        caption=caption,
        header=header,
        rows=rows,
        csv=frame.to_csv(index=False, lineterminator="\n"),
        note=note,
    )


def value_cell(column: str, value: Any) -> Cell:
    """A value as it is shown and sorted."""
    if isinstance(value, bool):
        return Cell(text="yes" if value else "no", key=str(value))
    if isinstance(value, int):
        return Cell(text=str(value), key=float(value))
    if isinstance(value, float):
        if math.isnan(value):
            return Cell(text="-", key=None)
        if column == "p" or column.startswith(("p_", "p ")) or "p_value" in column:
            return Cell(text=p_value(value), key=value)
        return Cell(text=f"{value:.{_DIGITS}g}", key=value)
    return Cell(text=str(value), key=str(value))


def _heading(column: str) -> str:
    return column.replace("_", " ")


def _cell(cell: Cell, is_number: bool) -> Markup:
    return tag(
        "td",
        cell.text,
        class_="number" if is_number else None,
        data_key=repr(cell.key) if isinstance(cell.key, float) else None,
        data_missing=cell.key is None,
    )
