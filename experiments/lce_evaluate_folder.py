"""The folder of an evaluation: its configuration, what was computed so far, and its results."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from nascurve.errors import ConfigError
from nascurve.experiments.files import clear_write_errors, write_atomically
from nascurve.experiments.folder import ExperimentFolder, differing, write_yaml

FIGURES = ("lce-fans", "lce-prefix", "lce-calibration")
TABLES = ("metrics.csv", "splits.csv", "paired.csv")
_CACHE = "cache"
_RESULTS = (*TABLES, *(f"{name}.{suffix}" for name in FIGURES for suffix in ("png", "pdf")))


class EvaluationFolder(ExperimentFolder):
    """`out` of an evaluation. It belongs to one configuration (source, data, settings of the splits); more
    splits and more extrapolators may be added, but an extrapolator's label stays with its options.

    cache/LABEL/NAME.json: what was computed for an extrapolator, one file a part, whole or absent.
    """

    @contextlib.contextmanager
    def opened(self, config: Mapping[str, Any], *, overwrite: bool) -> Iterator[None]:
        """As of an ExperimentFolder; config.yaml then names all extrapolators that the folder has."""
        with super().opened(config, overwrite=overwrite):
            there = self.read_config().get("extrapolators") or {}
            merged = {**config, "extrapolators": {**there, **config["extrapolators"]}}
            write_yaml(self.config, merged, comment="Written by nascurve lce evaluate.")
            yield

    def clear(self) -> None:
        super().clear()
        with clear_write_errors(self.path):
            for name in _RESULTS:
                (self.path / name).unlink(missing_ok=True)
            for path in self.path.glob(f"{_CACHE}/*/*.json"):
                path.unlink()

    def load(self, label: str, name: str) -> Any:
        """A part that was kept; None where there is none, or it is damaged."""
        try:
            return json.loads(self._part(label, name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None

    def keep(self, label: str, name: str, content: Any) -> None:
        """Keep a part: plain values. Raises DataFileError."""
        path = self._part(label, name)
        text = json.dumps(content, separators=(",", ":"))
        with clear_write_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))

    def _part(self, label: str, name: str) -> Path:
        plain = re.sub(r"[^A-Za-z0-9_-]", "_", label)
        safe = plain if plain == label else f"{plain}-{hashlib.sha256(label.encode()).hexdigest()[:8]}"
        return self.path / _CACHE / safe / f"{name}.json"

    def _has_results(self) -> bool:
        kept = next(self.path.glob(f"{_CACHE}/*/*.json"), None)
        return kept is not None or super()._has_results() or (self.path / TABLES[0]).exists()

    def _refuse_other(self, config: Mapping[str, Any]) -> None:
        super()._refuse_other(config)
        there, now = self.read_config().get("extrapolators") or {}, config["extrapolators"]
        common = [label for label in now if label in there]
        differences = differing(*({label: side[label] for label in common} for side in (there, now)))
        if differences:
            raise ConfigError(
                f"{self.path} holds results of extrapolators with other options:\n"
                + "\n".join(f"  {line}" for line in differences)
                + "\nGive such an extrapolator another label, {id: …, label: …}, or give another out=…, or "
                "overwrite=true to throw those results away."
            )
