"""`nascurve lce`: the commands about learning-curve extrapolation."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable

from nascurve.errors import did_you_mean
from nascurve.experiments.usage import UsageError

_PACKAGE = "nascurve.experiments"
_COMMANDS = {
    "evaluate": ("lce_evaluate", "judge extrapolators on real curves: ranks, errors, calibration, speed"),
}


def _help() -> str:
    width = max(map(len, _COMMANDS))
    commands = "\n".join(f"  {name:<{width}}  {text}" for name, (_, text) in _COMMANDS.items())
    return (
        "usage: nascurve lce COMMAND [OPTION=VALUE ...]\n\n"
        "Learning-curve extrapolation (LCE).\n\n"
        f"commands:\n{commands}\n\n"
        "  nascurve lce COMMAND --help  describes a command and its options\n"
    )


def main(argv: list[str]) -> int:
    """Run the command; raises UsageError, NascurveError."""
    if not argv:
        sys.stderr.write(_help())
        return 2
    name, *rest = argv
    if name in ("-h", "--help", "help"):
        sys.stdout.write(_help())
        return 0
    if name not in _COMMANDS:
        raise UsageError(f"lce: unknown command {name!r}. {did_you_mean(name, _COMMANDS)}")
    module = importlib.import_module(f"{_PACKAGE}.{_COMMANDS[name][0]}")
    command: Callable[[list[str]], int] = module.main
    return command(rest)
