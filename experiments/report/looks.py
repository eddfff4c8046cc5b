"""How methods are told apart in the interactive charts: as in the figures, put into the words of SVG."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nascurve.experiments.curves import MethodKey
from nascurve.experiments.statistics.looks import method_looks

_SHAPES = {
    "o": "circle",
    "s": "square",
    "^": "triangle",
    "D": "diamond",
    "v": "triangle-down",
    "P": "plus",
    "X": "cross",
}
_PIXELS = 2.0
"""Of a dash of length 1: matplotlib counts in line widths."""


def svg_looks(methods: Sequence[MethodKey]) -> dict[str, dict[str, Any]]:
    """By method name. colour: of Okabe and Ito's palette.  shape: of the markers.  dash: an SVG dash array,
    empty for solid.  hollow: markers without a filling."""
    return {
        name: {
            "colour": look.colour,
            "shape": _SHAPES[look.marker],
            "dash": _dash_array(look.style),
            "hollow": look.hollow,
        }
        for name, look in method_looks(methods).items()
    }


def _dash_array(style: Any) -> str:
    if style == "-":
        return ""
    _, lengths = style
    return " ".join(f"{_PIXELS * length:g}" for length in lengths)
