"""What the command was told."""

from __future__ import annotations

import sys
from dataclasses import dataclass, fields
from pathlib import Path

from benchmarks_perf.service import ROOT

_TRUE, _FALSE = ("true", "1", "yes"), ("false", "0", "no")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """quick: tiny sizes, to see that all works; the numbers mean little.
    repeats: of each measurement, ours and the peer's by turns.
    peer: Python of an environment with benchmarks_perf/requirements.txt; if it is not there, the peer is not
        measured.
    out: folder of the measurements, one file a row.
    resume: keep rows, and seeds of the row `quality`, that are there, measured with the same settings.
    """

    rows: tuple[str, ...] = ()
    benchmark: str = "pocket201-mnist"
    repeats: int = 3
    quick: bool = False
    resume: bool = False
    peer: Path = ROOT / ".venv-perf" / "bin" / "python"
    out: Path = ROOT / "results" / "perf"

    @classmethod
    def read(cls, arguments: list[str]) -> Settings:
        """From NAME=VALUE arguments; `quick` and `resume` may stand alone. Raises ValueError."""
        values: dict[str, object] = {}
        for argument in arguments:
            name, given, text = argument.partition("=")
            if name not in {field.name for field in fields(cls)}:
                raise ValueError(
                    f"unknown option {argument!r}; valid: {', '.join(f.name for f in fields(cls))}."
                )
            if name in ("quick", "resume"):
                if given and text.lower() not in _TRUE + _FALSE:
                    raise ValueError(f"{name}: expected true or false, got {text!r}.")
                values[name] = not given or text.lower() in _TRUE
            elif name == "repeats":
                if not text.isdecimal() or int(text) < 1:
                    raise ValueError(f"repeats: expected an integer of at least 1, got {text!r}.")
                values[name] = int(text)
            elif name == "rows":
                values[name] = tuple(filter(None, text.strip("[]").replace(" ", "").split(",")))
            elif not text:
                raise ValueError(f"{name}: expected a value, as in {name}=…, got none.")
            else:
                values[name] = Path(text).absolute() if name in ("peer", "out") else text
        return cls(**values)  # type: ignore[arg-type]

    def arguments(self) -> list[str]:
        """What `read` makes these settings of."""
        return [
            f"rows={','.join(self.rows)}",
            *(
                f"{name}={getattr(self, name)}"
                for name in ("benchmark", "repeats", "quick", "resume", "peer", "out")
            ),
        ]

    def describe(self) -> dict[str, object]:
        """What a row's numbers depend on."""
        return {
            "benchmark": self.benchmark,
            "repeats": self.repeats,
            "quick": self.quick,
            "peer": self.peer.exists(),
        }


def say(text: str) -> None:
    """A line of progress."""
    print(text, file=sys.stderr, flush=True)
