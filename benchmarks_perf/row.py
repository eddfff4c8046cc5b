"""Child process of the command: measures one row and leaves its lines in a file."""

from __future__ import annotations

import importlib
import json
import sys
from dataclasses import asdict

from benchmarks_perf.settings import Settings


def main(row: str, arguments: list[str]) -> None:
    settings = Settings.read(arguments)
    lines = importlib.import_module(f"benchmarks_perf.{row}_row").measure(settings)
    path = settings.out / f"{row}.json"
    text = json.dumps({"lines": [asdict(line) for line in lines]})
    path.with_suffix(".tmp").write_text(text, encoding="utf-8")
    path.with_suffix(".tmp").replace(path)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
