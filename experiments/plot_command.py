"""`nascurve plot`: the figure and the table of results, from the results alone."""

from __future__ import annotations

from pathlib import Path

from nascurve.experiments.folder_arguments import folder_arguments, one_folder

HELP = """\
usage: nascurve plot FOLDER [OPTION=VALUE ...]

Redraw anytime.png and anytime.pdf of a folder that `nascurve compare` or `nascurve run` wrote (of a sweep:
the folder that holds its runs), and print the table.

options (defaults):
  x=log|linear (log)            scale of the time axis
  statistic=mean|median (mean)  over seeds
  size=page|column (page)       7.2 or 3.5 inches wide
  panels=auto|one|optimizer     one panel, or one for each optimizer (auto: with more than three LCE entries)
  out=FOLDER                    where the figures go
"""
_OPTIONS = ("x", "statistic", "size", "panels", "out")


def main(argv: list[str]) -> int:
    """Run the command; raises UsageError, NascurveError."""
    if {"-h", "--help"} & set(argv):
        print(HELP, end="")
        return 0
    folders, options = folder_arguments(argv, command="plot", options=_OPTIONS)
    return _plot(one_folder(folders, command="plot"), options)


def _plot(folder: Path, options: dict[str, str]) -> int:
    from nascurve.experiments.comparison_result import draw_results
    from nascurve.experiments.figure import FigureSettings
    from nascurve.experiments.figure_files import save_figures
    from nascurve.experiments.files import clear_write_errors
    from nascurve.experiments.results import read_results
    from nascurve.experiments.table import format_summary

    target = Path(options.pop("out", folder))
    settings = FigureSettings(**options)  # type: ignore[arg-type]
    results = read_results(folder)
    figure = draw_results(results.runs, results.config, settings)
    with clear_write_errors(target):
        target.mkdir(parents=True, exist_ok=True)
    paths = save_figures({"anytime": figure}, target)
    print(format_summary(results.summarise()))
    print(f"\nWritten: {', '.join(map(str, paths))}.")
    return 0
