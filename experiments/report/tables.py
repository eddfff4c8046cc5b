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

_DIGITS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """text: as shown.  key: what the column is sorted by; None, which sorts last, where there is no value.
    best: whether it is set in bold."""

    text: str
    key: float | str | None
    best: bool = False


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
            label=self.id,
            note=self.note,
            right=[column for column, numeric in enumerate(self._numeric) if numeric],
            bold=[(i, j) for i, row in enumerate(self.rows) for j, cell in enumerate(row) if cell.best],
        )

    @property
    def _numeric(self) -> list[bool]:
        """Which columns hold numbers alone."""
        return [
            all(not isinstance(row[column].key, str) for row in self.rows)
            for column in range(len(self.header))
        ]

    def to_html(self) -> Markup:
        """The table in a box of its own that scrolls sideways where the page is narrow."""
        numeric = self._numeric
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
            tag("caption", capitalised(self.caption)),
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


def capitalised(text: str) -> str:
    """With a capital at its beginning, the rest as it is."""
    return text[:1].upper() + text[1:]


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
    """A table of any frame: the numbers of a column with the same decimals, about three significant digits;
    columns `x_ci_low` and `x_ci_high` as one interval. The CSV file has the columns as they are."""
    header: list[str] = []
    columns: list[list[Cell]] = []
    for name in map(str, frame.columns):
        partner = name.replace("ci_low", "ci_high")
        if name.endswith("ci_low") and partner in frame:
            header.append("95 % interval")
            columns.append(_interval_cells(frame[name].tolist(), frame[partner].tolist()))
        elif not name.endswith("ci_high"):
            header.append(name.replace("_", " "))
            columns.append(_value_cells(name, frame[name].tolist()))
    return ReportTable(
        id=id,
        caption=caption,
        header=header,
        rows=list(zip(*columns, strict=True)),
        csv=frame.to_csv(index=False, lineterminator="\n"),
        note=note,
    )


def _value_cells(column: str, values: Sequence[Any]) -> list[Cell]:
    if not all(isinstance(value, float) for value in values):
        return [
            Cell(text=str(value), key=float(value) if type(value) is int else str(value)) for value in values
        ]
    is_p_value = column == "p" or column.startswith("p_")
    decimals = _decimals(values)
    return [
        Cell(text="-", key=None)
        if math.isnan(value)
        else Cell(text=p_value(value) if is_p_value else f"{value:.{decimals}f}", key=value)
        for value in values
    ]


def _interval_cells(lows: Sequence[float], highs: Sequence[float]) -> list[Cell]:
    """Sorted by their width."""
    decimals = _decimals([*lows, *highs])
    return [
        Cell(text="-", key=None)
        if math.isnan(low) or math.isnan(high)
        else Cell(text=f"[{low:.{decimals}f}, {high:.{decimals}f}]", key=float(high - low))
        for low, high in zip(lows, highs, strict=True)
    ]


def _decimals(values: Sequence[float]) -> int:
    largest = max((abs(value) for value in values if math.isfinite(value)), default=0.0)
    return max(0, _DIGITS - 1 - math.floor(math.log10(largest))) if largest else 0


def _cell(cell: Cell, is_number: bool) -> Markup:
    return tag(
        "td",
        tag("strong", cell.text) if cell.best else cell.text,
        class_="number" if is_number else None,
        data_key=repr(cell.key) if isinstance(cell.key, float) else None,
        data_missing=cell.key is None,
    )
