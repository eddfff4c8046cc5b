"""The tables of `nascurve surrogate evaluate`, for a terminal and as Markdown."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from nascurve.experiments.table import format_table, markdown_table

if TYPE_CHECKING:
    import pandas as pd

_NOT_SHOWN = ("splits.csv",)


def format_frames(frames: Mapping[str, pd.DataFrame], *, markdown: bool) -> str:
    """Each table but those of single splits; a column NAME_se is joined to NAME as ± error."""
    shown = [frame for name, frame in frames.items() if name not in _NOT_SHOWN]
    return "\n\n".join(_format(frame, markdown=markdown) for frame in shown)


def _format(frame: pd.DataFrame, *, markdown: bool) -> str:
    names = [str(name) for name in frame.columns if not str(name).endswith("_se")]
    texts = [name for name in names if frame[name].dtype.kind not in "fiub"]
    right = [place for place, name in enumerate(names) if name not in texts]
    rows = [
        [_cell(row[name], row.get(f"{name}_se")) for name in names]
        for row in frame.astype(object).where(frame.notna(), None).to_dict("records")
    ]
    return markdown_table(names, rows, right=right) if markdown else format_table(names, rows, right=right)


def _cell(value: Any, error: Any = None) -> str:
    if isinstance(value, float):
        if math.isnan(value):
            return ""
        text = f"{value:.4g}" if abs(value) < 0.001 else f"{value:.3f}"
        return text if error is None or math.isnan(error) else f"{text} ± {error:.3f}"
    return "" if value is None else str(value)
