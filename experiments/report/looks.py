"""How the methods of a task are told apart: by colour, by marker and by dash, each enough for a few."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nascurve.experiments.curves import MethodKey
from nascurve.experiments.figure import COLOURS, MARKERS
from nascurve.experiments.methods import NO_LCE

_SHAPES = {
    "o": "circle",
    "s": "square",
    "^": "triangle",
    "D": "diamond",
    "v": "triangle-down",
    "P": "plus",
    "X": "cross",
}
_WITHOUT = "7 4"
_DASHES = ("", "9 3 2 3", "2 2.5", "9 3 2 3 2 3", "14 4", "5 2 2 2 2 2")
"""SVG dash arrays of the LCE entries; the first is solid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """colour: of Okabe and Ito's palette.  shape: of the markers.  dash: an SVG dash array, empty for solid.
    hollow: markers without a filling, as of all methods without LCE."""

    colour: str
    shape: str
    dash: str
    hollow: bool


def method_looks(methods: Sequence[MethodKey]) -> list[Look]:
    """As in the static figure: an optimizer has a colour and a marker, an LCE entry a dash. From the eighth
    optimizer on colours come again, with other markers."""
    optimizers = list(dict.fromkeys(optimizer for optimizer, _ in methods))
    entries = [lce for lce in dict.fromkeys(lce for _, lce in methods) if lce != NO_LCE]
    return [_look(optimizers.index(optimizer), lce, entries) for optimizer, lce in methods]


def _look(index: int, lce: str, entries: Sequence[str]) -> Look:
    again = index // len(COLOURS)
    plain = lce == NO_LCE
    return Look(
        colour=COLOURS[index % len(COLOURS)],
        shape=_SHAPES[MARKERS[(index + again) % len(MARKERS)]],
        dash=_WITHOUT if plain else _DASHES[entries.index(lce) % len(_DASHES)],
        hollow=plain,
    )
