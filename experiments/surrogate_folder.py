"""The folder of a surrogate's evaluation: its configuration, what was computed so far, and its results."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from nascurve.experiments.files import clear_write_errors, write_atomically
from nascurve.experiments.folder import ExperimentFolder

TABLES = (
    *("metrics.csv", "splits.csv", "tabular.csv", "size.csv", "size-crossings.csv", "lomo.csv"),
    *("search.csv", "search-ranks.csv"),
)
FIGURES = (
    *("surrogate-epochs", "surrogate-spikes", "surrogate-curves", "surrogate-tabular"),
    *("surrogate-size", "surrogate-lomo", "surrogate-search"),
)
_CACHE = "cache"
_RESULTS = (*TABLES, *(f"{name}.{suffix}" for name in FIGURES for suffix in ("png", "pdf")))


class SurrogateFolder(ExperimentFolder):
    """`out` of `nascurve surrogate evaluate`; it belongs to one configuration of one study.

    cache/NAME.json: a part of the study that was computed, whole or absent.
    """

    def clear(self) -> None:
        super().clear()
        with clear_write_errors(self.path):
            for name in _RESULTS:
                (self.path / name).unlink(missing_ok=True)
            for path in self.path.glob(f"{_CACHE}/*.json"):
                path.unlink()

    def load(self, name: str) -> Any:
        """A part that was kept; None where there is none, or it is damaged."""
        try:
            return json.loads(self._part(name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None

    def keep(self, name: str, content: Any) -> None:
        """Keep a part: plain values. Raises DataFileError."""
        path = self._part(name)
        text = json.dumps(content, separators=(",", ":"))
        with clear_write_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))

    def _part(self, name: str) -> Path:
        return self.path / _CACHE / f"{name}.json"

    def _has_results(self) -> bool:
        kept = next(self.path.glob(f"{_CACHE}/*.json"), None)
        return kept is not None or any((self.path / name).exists() for name in TABLES)
