"""`nascurve status`: how far a sweep is, also one that runs elsewhere."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from nascurve.experiments.usage import UsageError

if TYPE_CHECKING:
    from nascurve.experiments.sweep_status import SweepStatus

HELP = """\
usage: nascurve status FOLDER

How far the sweep in FOLDER (`out` of `nascurve compare`) is: runs done, at work, failed and missing, the rate
of the last ten minutes, the time left, and who is at work. It reads files alone: the sweep may run on
another machine that shares the folder.

Exit code: 0 when every run is done, 3 when some are missing or have failed.
"""
_MOST_PACKS = 20


def main(argv: list[str]) -> int:
    """Run the command; raises UsageError, NascurveError."""
    if {"-h", "--help"} & set(argv):
        print(HELP, end="")
        return 0
    if len(argv) != 1 or argv[0].startswith("-"):
        got = f"got {' '.join(argv)}" if argv else "got none"
        raise UsageError(
            f"status: expected one folder of a sweep, {got}. Example: nascurve status results/compare"
        )
    from nascurve.experiments.sweep_status import read_status

    statuses = read_status(Path(argv[0]))
    print(_table(statuses))
    for status in statuses:
        for line in _details(status):
            print(line)
    return 0 if all(status.done == status.total for status in statuses) else 3


def _table(statuses: list[SweepStatus]) -> str:
    from nascurve.experiments.progress import duration, rate
    from nascurve.experiments.table import format_table

    rows = [
        [
            status.title,
            f"{status.done} of {status.total}",
            str(status.running),
            str(status.failed),
            str(status.missing),
            rate(round(status.rate_per_s * 3600), 3600, "run") if status.rate_per_s else "-",
            "-" if math.isnan(status.left_s) or not status.missing else duration(status.left_s),
        ]
        for status in statuses
    ]
    header = ["benchmark", "done", "running", "failed", "missing", "rate", "time left"]
    return format_table(header, rows, right=range(1, len(header)))


def _details(status: SweepStatus) -> list[str]:
    from nascurve.locks import describe_age

    lines = []
    if status.at_work:
        lines.append(f"{status.path}: {status.at_work}, is at work.")
    elif status.running:
        lines.append(f"{status.path}: jobs of a launch that is gone are still at work.")
    elif status.missing:
        lines.append(f"{status.path}: nobody is at work. The same `nascurve compare` goes on from there.")
    waiting = [pack for pack in status.packs if not (pack.alive or pack.done)]
    begun = [pack for pack in status.packs if pack.alive or pack.done]
    for pack in begun[:_MOST_PACKS]:
        state = "at work" if pack.alive else "left by a dead process"
        lines.append(
            f"  job {pack.name}: {pack.done} of {pack.total} runs, {state}, last wrote "
            f"{describe_age(pack.quiet_s)} ago"
        )
    if len(begun) > _MOST_PACKS:
        lines.append(f"  and {len(begun) - _MOST_PACKS} more jobs that have begun")
    if waiting:
        lines.append(f"  {len(waiting)} jobs have not begun")
    if status.failed:
        lines.append(
            f"  {status.failed} failed: `nascurve results {status.path} show=failures` says why; the same "
            "`nascurve compare` with retry_failed=true does them again."
        )
    return lines
