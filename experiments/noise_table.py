"""The numbers of noise studies, side by side: CSV, Markdown, and plain text."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nascurve.benchmarks.noise.estimate import Estimate
from nascurve.experiments.table import format_table

_CSV_HEADER = ("benchmark", "section", "statistic", "value", "low", "high", "n", "unit", "note")
_LEGEND = (
    "In brackets: 95 % interval (percentile bootstrap over networks); counts, maxima and exact properties of "
    "a whole table have none. Points: percentage points of accuracy. n is given where it is not the number "
    "of networks. `-`: cannot be computed, or does not apply."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Section:
    """Title, rows of cells (statistic, then one a benchmark), and the notes that cells refer to by number."""

    title: str
    rows: list[list[str]]
    notes: list[str]


class NoiseTable:
    """studies: the estimates of one or more benchmarks, by their names, in the order of the columns."""

    def __init__(self, studies: Mapping[str, Sequence[Estimate]]) -> None:
        self._studies = dict(studies)

    def to_csv(self) -> str:
        """One line an estimate; without a value where it cannot be computed, and `note` says why."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(_CSV_HEADER)
        for name, estimates in self._studies.items():
            for row in estimates:
                numbers = ["" if math.isnan(x) else f"{x:.6g}" for x in (row.value, row.low, row.high)]
                writer.writerow([name, row.section, row.label, *numbers, row.n, row.unit, row.note])
        return text.getvalue()

    def to_markdown(self) -> str:
        """A heading and a table for each section, its notes below."""
        parts = []
        for section in self._sections():
            lines = [
                f"### {section.title[0].upper()}{section.title[1:]}",
                "",
                _line(["statistic", *self._studies]),
                _line([":--", *["--:"] * len(self._studies)]),
                *map(_line, section.rows),
            ]
            if section.notes:
                lines += ["", *(f"{number}. {note}" for number, note in enumerate(section.notes, 1))]
            parts.append("\n".join(lines))
        return "\n\n".join([*parts, f"{_LEGEND}\n"])

    def to_text(self) -> str:
        """The same for a terminal."""
        parts = []
        for section in self._sections():
            right = range(1, len(self._studies) + 1)
            table = format_table([section.title, *self._studies], section.rows, right=right)
            notes = [f"({number}) {note}" for number, note in enumerate(section.notes, 1)]
            parts.append("\n".join([table, *notes]))
        return "\n\n".join(parts)

    def _sections(self) -> list[_Section]:
        by_place = {
            name: {(row.section, row.label): row for row in estimates}
            for name, estimates in self._studies.items()
        }
        networks = {name: max(row.n for row in estimates) for name, estimates in self._studies.items()}
        for name, estimates in self._studies.items():
            networks[name] = next((row.n for row in estimates if row.label == "networks"), networks[name])
        sections: dict[str, _Section] = {}
        for section, label in _in_order([list(rows) for rows in by_place.values()]):
            part = sections.setdefault(section, _Section(title=section, rows=[], notes=[]))
            found = {name: rows.get((section, label)) for name, rows in by_place.items()}
            unit = next((row.unit for row in found.values() if row is not None and row.unit), "")
            cells = [_cell(row, networks[name], part.notes) for name, row in found.items()]
            part.rows.append([f"{label} ({unit})" if unit else label, *cells])
        return list(sections.values())


def _in_order(lists: Sequence[Sequence[tuple[str, str]]]) -> list[tuple[str, str]]:
    """All items once; one that only a later list has stands after the item it follows there."""
    order: list[tuple[str, str]] = list(lists[0])
    for items in lists[1:]:
        place = -1
        for item in items:
            if item in order:
                place = order.index(item)
            else:
                sections = [section for section, _ in order]
                if place < 0 or sections[place] != item[0]:  # the first of its section
                    place = sections.index(item[0]) - 1 if item[0] in sections else len(order) - 1
                place += 1
                order.insert(place, item)
    return order


def _cell(row: Estimate | None, networks: int, notes: list[str]) -> str:
    if row is None:
        return "-"
    text = _number(row.value, row)
    if math.isfinite(row.low) and math.isfinite(row.value):
        text += f" [{_number(row.low, row)}, {_number(row.high, row)}]"
    if row.n not in (networks, 0):
        text += f", n = {row.n}"
    if row.note:
        if row.note not in notes:
            notes.append(row.note)
        text += f" ({notes.index(row.note) + 1})"
    return text


def _number(value: float, row: Estimate) -> str:
    """Two decimals for accuracies and shares, four digits for seconds, whole counts as such, else three
    decimals."""
    if math.isnan(value):
        return "-"
    if row.unit in ("%", "points", "steps"):
        return f"{round(value, 2) + 0.0:.2f}"
    if row.unit == "s":
        return f"{value:.4g}"
    if float(value).is_integer() and math.isnan(row.low):
        return f"{value:.0f}"
    return f"{round(value, 3) + 0.0:.3f}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
