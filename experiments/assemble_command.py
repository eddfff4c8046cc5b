"""`nascurve assemble`: makes a benchmark's table of collected curves."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from nascurve.errors import ConfigError
from nascurve.experiments.usage import UsageError

HELP = """\
usage: nascurve assemble FOLDER out=FILE.npz [OPTION=VALUE ...]

Make the table of a benchmark of the curves that `nascurve collect` left in FOLDER, complete or not.

options (defaults):
  benchmark=ID-vN (pocket201-mnist-v2)   the id and version that the table carries
  space=ID (cell201)                     the search space whose architectures it answers for
"""
_DEFAULTS: dict[str, Any] = {"benchmark": "pocket201-mnist-v2", "space": "cell201", "out": None}


def main(argv: list[str]) -> int:
    """Run the command; raises UsageError, NascurveError."""
    if {"-h", "--help"} & set(argv):
        print(HELP, end="")
        return 0
    from nascurve.experiments.overrides import read_options, split_flags

    _, rest = split_flags(argv, command="assemble")
    folders = [arg for arg in rest if "=" not in arg]
    options = read_options([arg for arg in rest if "=" in arg], _DEFAULTS, command="assemble")
    if len(folders) != 1 or options["out"] is None:
        raise UsageError(
            "assemble: expected one folder of a collection and out=FILE. See `nascurve assemble --help`."
        )
    match = re.fullmatch(r"(.+)-v(\d+)", str(options["benchmark"]))
    if match is None:
        raise ConfigError(f"assemble: expected benchmark=<id>-v<number>, got {options['benchmark']!r}.")

    from nascurve.benchmarks.assemble import assemble
    from nascurve.experiments.files import clear_write_errors

    table = assemble(Path(folders[0]), benchmark=match[1], version=int(match[2]), space=str(options["space"]))
    out = Path(str(options["out"]))
    with clear_write_errors(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        table.write(out)
    runs = int(table.trained.sum())
    seeds = list(table.meta.training_seeds)
    print(f"assemble: {runs} runs of {table.n_networks} networks, seeds {seeds} -> {out}")
    return 0
