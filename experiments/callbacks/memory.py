"""What a callback needs to know when a sweep goes on in another process."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nascurve.experiments.files import write_atomically

if TYPE_CHECKING:
    import pandas as pd


class Memory:
    """Values that JSON can hold, in a file in the folder of results. They are forgotten where no run is there
    yet, where they are about another place, and without a folder.

    place: where the tool keeps what it gets; only a checksum is written, as an address may hold a password.
    done: runs that were there before this session.
    """

    def __init__(self, folder: Path | None, name: str, *, place: Sequence[str | None], done: int) -> None:
        self._path = None if folder is None else folder / name
        checksum = hashlib.sha256(json.dumps(list(place)).encode()).hexdigest()
        known = self._read() if done else {}
        self.values: dict[str, Any] = known if known.get("place") == checksum else {"place": checksum}

    def keep(self, **values: Any) -> None:
        """Add values; they are on the disk when this returns. Raises DataFileError."""
        self.values.update(values)
        if self._path is not None:
            text = json.dumps(self.values, indent=1, sort_keys=True)
            write_atomically(self._path, lambda temporary: temporary.write_text(text, encoding="utf-8"))

    def is_news(self, runs: pd.DataFrame) -> bool:
        """Whether these results are others than those that `keep_results` was told of."""
        return bool(self.values.get("results") != _checksum(runs))

    def keep_results(self, runs: pd.DataFrame) -> None:
        """Remember that these results were logged."""
        self.keep(results=_checksum(runs))

    def _read(self) -> dict[str, Any]:
        try:
            values = json.loads(self._path.read_text(encoding="utf-8")) if self._path is not None else {}
        except (OSError, ValueError):  # none, or damaged: then the tool gets new runs
            return {}
        return values if isinstance(values, dict) else {}


def _checksum(runs: pd.DataFrame) -> int:
    return zlib.crc32(runs.to_csv(index=False).encode())
