"""The LightGBM model inside a pickled Booster that was read as an inert object."""

from __future__ import annotations

from typing import Any

from nascurve.benchmarks.x11.forest import Forest
from nascurve.benchmarks.x11.joblib_stream import Inert


class BoosterText:
    """The model text that a pickled `lightgbm.Booster` carries, and how many trees it predicts with (None:
    all).

    booster: an `Inert` Booster of LightGBM 2 (attribute `handle`), 3 or 4 (`_handle`). Raises ValueError for
    another value, or one without text.
    """

    def __init__(self, booster: Any) -> None:
        booster = of_class(booster, "Booster")
        text, best = booster.get("_handle", "handle"), booster.get("best_iteration")
        if isinstance(text, bytes | bytearray):
            text = bytes(text).decode()
        if type(text) is not str:
            raise ValueError("a Booster without its model text")
        self.text: str = text
        self.n_trees: int | None = best if type(best) is int and best > 0 else None

    def forest(self, n_features: int) -> Forest:
        """The trees that predict. Raises ValueError as `Forest.parse` does."""
        forest = Forest.parse(self.text, n_features=n_features)
        return forest if self.n_trees is None else forest.first(self.n_trees)


def of_class(value: Any, name: str) -> Inert:
    """An inert object of the class with that name. Raises ValueError for anything else."""
    if not isinstance(value, Inert) or value.name != name:
        raise ValueError(f"{value!r:.80} where a {name} belongs")
    return value
