"""`nascurve results`: what a folder of results holds, as tables on the terminal, as CSV and as LaTeX."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nascurve.experiments.usage import UsageError

if TYPE_CHECKING:
    from nascurve.experiments.results_views import View

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
_COMMAND = "results"
_SHOWN = ("methods", "runs", "failures", "statistics")
_DEFAULTS: dict[str, Any] = {"show": "methods", "table": None, "limit": 50, "traceback": False}
_ONLY_WITH = {"table": "statistics", "traceback": "failures"}
_FILES = ("--csv", "--latex")


def main(argv: list[str]) -> int:
    """Run the command; raises UsageError, NascurveError."""
    if {"-h", "--help"} & set(argv):
        print(HELP, end="")
        return 0
    from nascurve.experiments.overrides import split_flags

    flags, rest = split_flags(argv, command=_COMMAND, valued=_FILES)
    files = _files(flags)
    folder, options = _arguments(rest)
    view = _view(folder, options)
    contents = _contents(view, options["show"], files)
    print(view.text)
    for path, content in contents.items():
        _write(path, content)
        print(f"Written: {path}.")
    return 0


def _files(flags: Sequence[str]) -> dict[str, Path]:
    """From --csv FILE and --csv=FILE."""
    joined = iter(flags)
    files: dict[str, Path] = {}
    for flag in joined:
        name, given, value = flag.partition("=")
        value = value if given else next(joined)
        if not value:
            raise UsageError(f"{_COMMAND}: {name} needs a value.")
        files[name] = Path(value)
    return files


def _arguments(rest: Sequence[str]) -> tuple[Path, dict[str, Any]]:
    from nascurve.experiments.overrides import read_options
    from nascurve.experiments.run_filter import FILTERS
    from nascurve.options import choice, flag, integer

    def is_option(arg: str) -> bool:
        name, given, _ = arg.partition("=")
        return bool(given) and name.isidentifier()

    folders = [arg for arg in rest if not is_option(arg)]
    if len(folders) != 1:
        got = f"got {len(folders)}: {', '.join(folders)}" if folders else "got none"
        raise UsageError(
            f"{_COMMAND}: expected one folder of results, {got}. Example: nascurve results results/compare"
        )
    options = read_options(
        [arg for arg in rest if is_option(arg)], {**FILTERS, **_DEFAULTS}, command=_COMMAND
    )
    choice("show", options["show"], _SHOWN)
    integer("limit", options["limit"], at_least=0)
    flag("traceback", options["traceback"])
    for name, show in _ONLY_WITH.items():
        if options[name] != _DEFAULTS[name] and options["show"] != show:
            raise UsageError(f"{_COMMAND}: {name}= is an option of show={show}.")
    if options["status"] is not None and options["show"] not in ("methods", "runs"):
        raise UsageError(f"{_COMMAND}: status= is a filter of show=methods and show=runs.")
    return Path(folders[0]), options


def _view(folder: Path, options: dict[str, Any]) -> View:
    from nascurve.experiments import results_views as views
    from nascurve.experiments.results import read_study
    from nascurve.experiments.run_filter import RunFilter

    runs = RunFilter.read(options)
    study = {title: runs.with_seeds(results) for title, results in runs.tasks(read_study(folder)).items()}
    if options["show"] == "runs":
        return views.runs_view(study, runs, limit=options["limit"])
    if options["show"] == "failures":
        return views.failures_view(study, runs, limit=options["limit"], traceback=options["traceback"])
    if options["show"] == "statistics":
        return views.statistics_view(study, runs, table=options["table"])
    return views.methods_view(study, runs)


def _contents(view: View, show: str, files: dict[str, Path]) -> dict[Path, str]:
    contents: dict[Path, str] = {}
    if "--csv" in files:
        if view.frame is None:
            raise UsageError(
                f"{_COMMAND}: --csv writes one table: choose it of show=statistics with table=NAME."
            )
        contents[files["--csv"]] = view.frame.to_csv(index=False, lineterminator="\n")
    if "--latex" in files:
        if not view.latex:
            raise UsageError(
                f"{_COMMAND}: --latex writes the tables of show=methods and show=statistics; got "
                f"show={show}, or filters that keep no method. Use --csv for rows."
            )
        contents[files["--latex"]] = view.latex
    return contents


def _write(path: Path, content: str) -> None:
    from nascurve.experiments.files import write_atomically

    write_atomically(path, lambda temporary: temporary.write_text(content, encoding="utf-8"))
