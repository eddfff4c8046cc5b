"""`nascurve results`: what a folder of results holds, as tables on the terminal, as CSV and as LaTeX."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nascurve.errors import ConfigError, did_you_mean
from nascurve.experiments.usage import UsageError

if TYPE_CHECKING:
    import pandas as pd

    from nascurve.experiments.results import Results
    from nascurve.experiments.run_filter import RunFilter

HELP = """\
usage: nascurve results DIR [FILTER=VALUE ...] [OPTION=VALUE ...] [--csv FILE] [--latex FILE]

List what the `out` of `nascurve compare` holds, also while it is at work: of one benchmark, or of several in
folders of their own.

filters:
  optimizer=[rs,re] lce=none   labels of methods
  seeds=[0,3]|0-9|7            seeds, ranges of seeds
  status=done|failed|missing   how runs ended; missing: not run yet
  task=ID                      of several benchmarks
  The tests compare with `none` and are Holm-corrected over all methods of the experiment, shown or not.

options (defaults):
  show=methods|runs|failures|statistics (methods)
                               a row a method; a row a run; failed runs with their errors; all tables of
                               docs/statistics.md
  table=NAME                   of show=statistics: this one alone
  limit=N (50)                 rows of show=runs and failures that are printed; 0: all of them
  traceback=true|false (false) of show=failures: print the tracebacks too
  --csv FILE                   write what is shown, all rows of it, with accuracies in [0, 1]
  --latex FILE                 write the tables of show=methods or statistics for a paper (booktabs)
"""
_SHOWN = ("methods", "runs", "failures", "statistics")
_DEFAULTS: dict[str, Any] = {"show": "methods", "table": None, "limit": 50, "traceback": False}
_FILES = ("--csv", "--latex")
_RUN_COLUMNS = {
    "final_regret": "final regret (pp)",
    "final_test_acc": "test acc (%)",
    "total_evaluations": "evaluations",
    "total_epochs": "epochs",
    "wall_s": "wall (s)",
}


def main(argv: list[str]) -> int:
    """Run the command; raises UsageError, NascurveError."""
    if {"-h", "--help"} & set(argv):
        print(HELP, end="")
        return 0
    from nascurve.experiments.overrides import split_flags
    from nascurve.experiments.results import read_study
    from nascurve.experiments.run_filter import RunFilter

    flags, rest = split_flags(argv, command="results", valued=_FILES)
    files = _files(flags)
    folder, options = _arguments(rest)
    runs = RunFilter.read(options)
    study = {title: runs.with_seeds(results) for title, results in runs.tasks(read_study(folder)).items()}
    show = {"methods": _methods, "runs": _runs, "failures": _failures, "statistics": _statistics}
    show[options["show"]](study, runs, options, files)
    for path in files.values():
        print(f"Written: {path}.")
    return 0
