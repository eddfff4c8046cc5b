"""The `nascurve` command: finds the subcommand, and turns errors into exit codes.

Exit codes: 0 done; 1 a clear error on standard error without a traceback (`--debug` shows it); 2 usage;
130 interrupted, with what was done kept. Nothing heavy is imported here or before the subcommand is known.
"""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from collections.abc import Callable, Sequence

import nascurve
from nascurve.errors import NascurveError, did_you_mean
from nascurve.experiments.usage import UsageError

_PACKAGE = "nascurve.experiments"
_COMMANDS = {
    "list": ("list_command", "what there is: optimizers, benchmarks, extrapolators, search spaces"),
    "run": ("run_command", "one simulated run, or with -m a sweep of runs"),
    "compare": (
        "compare_command",
        "optimizers with and without learning-curve extrapolation: table and figure",
    ),
    "plot": ("plot_command", "redraw the figure and the table of a results folder"),
    "results": ("results_command", "list, filter and export the results of a sweep"),
    "status": ("status_command", "how far a sweep is, also one that runs elsewhere"),
    "report": ("report_command", "one HTML file of a sweep: figures, tables, replay"),
    "power": ("power_command", "how many seeds a difference needs"),
    "describe": ("describe_command", "statistics of a benchmark's curves"),
    "noise": ("noise_command", "noise and landscape of a benchmark: table and figures"),
    "lce": ("lce_command", "judge learning-curve extrapolators on real curves"),
    "surrogate": ("surrogate_command", "fit surrogate benchmarks to learning curves, and judge them"),
    "convert": ("convert_command", "make the fast cache of a benchmark's official files"),
    "collect": ("collect_command", "train a benchmark's learning curves, resumable"),
    "assemble": ("assemble_command", "make a benchmark's table from collected curves"),
    "export": ("export_command", "write the training runs of a benchmark as a Parquet file"),
}
_EXAMPLES = """\
examples:
  nascurve compare
  nascurve compare optimizers=[rs,re] lce=[none,last_value] seeds=50 budget_s=1000 out=results/mine
  nascurve run optimizer=re lce=last_value seed=3 budget_s=1000
  nascurve run -m optimizer=rs,re lce=none,last_value 'seed=range(0,30)'
  nascurve plot results/mine
"""


def _help() -> str:
    width = max(map(len, _COMMANDS))
    commands = "\n".join(f"  {name:<{width}}  {text}" for name, (_, text) in _COMMANDS.items())
    return (
        "usage: nascurve [--help] [--version] [--debug] COMMAND [OPTION=VALUE ...]\n\n"
        "Simulate neural architecture search with learning curves.\n\n"
        f"commands:\n{commands}\n\n"
        "  nascurve COMMAND --help  describes a command and its options\n"
        "  --debug                  shows the traceback of an error\n\n" + _EXAMPLES
    )


def _command(name: str) -> Callable[[list[str]], int | None]:
    if name not in _COMMANDS:
        what = "option" if name.startswith("-") else "command"
        valid = ["--help", "--version", "--debug"] if what == "option" else list(_COMMANDS)
        raise UsageError(f"unknown {what} {name!r}. {did_you_mean(name, valid)}")
    module = importlib.import_module(f"{_PACKAGE}.{_COMMANDS[name][0]}")
    command: Callable[[list[str]], int | None] = module.main
    return command


def _dispatch(argv: list[str]) -> int:
    if not argv:
        sys.stderr.write(_help())
        return 2
    name, *rest = argv
    if name in ("-h", "--help", "help"):
        sys.stdout.write(_help())
        return 0
    if name in ("-V", "--version"):
        print(f"nascurve {nascurve.__version__}")
        return 0
    return _command(name)(rest) or 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line (without the program's name; default `sys.argv[1:]`) and return its exit code."""
    args = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in args
    args = [arg for arg in args if arg != "--debug"]
    try:
        code = _dispatch(args)
        sys.stdout.flush()
    except KeyboardInterrupt as interrupt:
        _report(interrupt, "interrupted", debug)
        return 130
    except UsageError as error:
        _report(error, "usage", debug)
        return 2
    except (NascurveError, OSError) as error:
        if isinstance(error, BrokenPipeError):  # `nascurve list | head`: not worth a word
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 1
        _report(error, "error", debug)
        return 1
    return code


def _report(error: BaseException, what: str, debug: bool) -> None:
    if debug:
        traceback.print_exception(error)
    sys.stderr.write(f"nascurve: {what}: {error}\n" if str(error) else f"nascurve: {what}.\n")


if __name__ == "__main__":
    sys.exit(main())
