"""One line of the table, and the table."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

HEADER = ("row", "what was measured", "ours", "peer", "ratio (min–max)", "target", "met")


@dataclass(frozen=True, kw_only=True)
class Line:
    """A measurement. met: None where there is no target, or nothing to hold against it."""

    row: str
    what: str
    ours: str
    peer: str = "–"
    ratio: str = "–"
    target: str = "–"
    met: bool | None = None

    def cells(self) -> tuple[str, ...]:
        met = "–" if self.met is None else "yes" if self.met else "**no**"
        return (self.row, self.what, self.ours, self.peer, self.ratio, self.target, met)


def table(lines: Iterable[Line]) -> str:
    """Markdown."""
    rows = [HEADER, tuple("---" for _ in HEADER), *(line.cells() for line in lines)]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in rows)


def spread(values: Sequence[float], *, scale: float = 1.0, unit: str = "") -> str:
    """Median (min–max) with three digits."""
    low, middle, high = (number(scale * value) for value in (min(values), _median(values), max(values)))
    return f"{middle}{unit} ({low}–{high})"


def number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _median(values: Sequence[float]) -> float:
    return statistics.median(values)
