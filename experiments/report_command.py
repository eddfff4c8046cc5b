"""`nascurve report`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from nascurve.experiments.folder_arguments import folder_arguments, one_folder
from nascurve.experiments.usage import UsageError

if TYPE_CHECKING:
    from nascurve.experiments.report.build import ReplaySeed

HELP = """\
usage: nascurve report DIR [--out FILE] [OPTION=VALUE ...]

Write one HTML file about an experiment of `nascurve compare` or `nascurve run -m` (of a comparison on several
benchmarks: the folder that holds them all): anytime curves to zoom, tables to sort, ranks over time, tests, a
replay of one search of every method with its learning curves, failed runs, configuration. It opens without a
network.

options (defaults):
  --out FILE, out=FILE (DIR/report.html)
  replay_seed=first|none|N       seed of the searches that are simulated again, to be replayed (first)
"""
_OPTIONS = ("out", "replay_seed")


def main(argv: list[str]) -> int:
    """Run the command; raises UsageError, NascurveError."""
    if {"-h", "--help"} & set(argv):
        print(HELP, end="")
        return 0
    folders, options = folder_arguments(argv, command="report", options=_OPTIONS, flags=("out",))
    return _report(one_folder(folders, command="report"), options)


def _report(folder: Path, options: dict[str, str]) -> int:
    from nascurve.experiments.files import clear_write_errors, write_atomically
    from nascurve.experiments.report.build import build_report
    from nascurve.experiments.results import read_study

    seed = _seed(options.get("replay_seed", "first"))
    text = build_report(
        read_study(folder), replay_seed=seed, say=lambda line: print(line, file=sys.stderr, flush=True)
    )
    target = Path(options.get("out", folder / "report.html"))
    with clear_write_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(target, lambda path: path.write_text(text, encoding="utf-8"))
    print(f"Written: {target} ({len(text.encode()) / 1e6:.1f} MB). Open it in a browser.")
    return 0


def _seed(given: str) -> ReplaySeed:
    if given == "first":
        return "first"
    if given == "none":
        return "none"
    if not given.isdecimal():
        raise UsageError(f"report: replay_seed: expected a seed such as 0, first or none, got {given!r}.")
    return int(given)
