"""`nascurve lce sensitivity`: what Algorithm 2 gains for each e_few, k and top_n."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from typing import Any

from nascurve import options
from nascurve.errors import ConfigError
from nascurve.experiments.overrides import read_options, split_flags

HELP = """\
usage: nascurve lce sensitivity [OPTION=VALUE ...]

Run optimizers without LCE and inside Algorithm 2 at every combination of e_few, k and top_n, over the same
seeds, and show how much each gains: the mean true test regret without it minus that with it, averaged over
the search (from a tenth of the budget on), and at its end. Positive: it helps.

options (defaults):
  optimizers=[rs,re,ls,bananas]
  extrapolator=last_value  extrapolator_options.OPTION=VALUE
  e_few=[2,4,8,16]         epochs, or fractions of the last
  k=[8]  top_n=[1,2,3,4,6] a top_n above k is left out; fractions of k in (0, 1) are possible
  lce_options.OPTION=VALUE other options of Algorithm 2, for all: report_dropped, ranking, ...
  seeds=30                 n for seeds 0 ... n-1, or a list
  benchmark=pocket201-mnist  benchmark_options.OPTION=VALUE
  budget_s=null            simulated seconds of one run; null: budget_trainings
  budget_trainings=200     the same in mean full trainings
  out=results/lce-sensitivity  folder; the same command in it runs only what is missing
  overwrite=false          true: throw away what is there
  processes=null           real processes; null: one a core

Results: sensitivity.csv, sensitivity.png and .pdf (heat maps), and the files of `nascurve compare`.
"""
DEFAULTS: dict[str, Any] = {
    "optimizers": ["rs", "re", "ls", "bananas"],
    "extrapolator": "last_value",
    "e_few": [2, 4, 8, 16],
    "k": [8],
    "top_n": [1, 2, 3, 4, 6],
    "seeds": 30,
    "benchmark": "pocket201-mnist",
    "budget_s": None,
    "budget_trainings": 200,
    "out": "results/lce-sensitivity",
    "overwrite": False,
    "processes": None,
}
_NESTED = ("extrapolator_options", "lce_options", "benchmark_options")
_COMMAND = "lce sensitivity"


def main(argv: list[str]) -> int:
    """Run the command; raises UsageError, NascurveError."""
    if {"-h", "--help"} & set(argv):
        print(HELP, end="")
        return 0
    _, rest = split_flags(argv, command=_COMMAND)
    nested: dict[str, dict[str, Any]] = {}
    for name in _NESTED:
        inside = [arg for arg in rest if arg.partition("=")[0].partition(".")[0] == name]
        rest = [arg for arg in rest if arg not in inside]
        nested[name] = read_options(inside, {name: {}}, command=_COMMAND, nested=name)[name]
    _study(read_options(rest, DEFAULTS, command=_COMMAND), nested)
    return 0


def _study(given: dict[str, Any], nested: dict[str, dict[str, Any]]) -> None:
    from nascurve.experiments.compare import compare
    from nascurve.experiments.files import write_atomically
    from nascurve.experiments.sensitivity_figure import save_sensitivity
    from nascurve.experiments.sensitivity_table import format_sensitivity, sensitivity
    from nascurve.registry import component

    out = options.path("out", given["out"])
    extrapolator = given["extrapolator"]
    if not isinstance(extrapolator, str):
        raise ConfigError(f"{_COMMAND}: expected extrapolator to be an id, got {extrapolator!r}.")
    component("extrapolators", extrapolator)  # a preset has settings of its own
    _refuse_what_the_grid_varies(nested["lce_options"])
    grid = settings_grid(given["e_few"], given["k"], given["top_n"])
    entries = [
        {"id": extrapolator, "label": label, "extrapolator": nested["extrapolator_options"], **setting}
        for label, setting in grid.items()
    ]
    result = compare(
        given["optimizers"],
        given["benchmark"],
        seeds=given["seeds"],
        budget_s=given["budget_s"],
        budget_trainings=given["budget_trainings"],
        lce=["none", *entries],
        lce_options=nested["lce_options"],
        benchmark_options=nested["benchmark_options"],
        out=out,
        overwrite=options.flag("overwrite", given["overwrite"]),
        processes=given["processes"],
        say=lambda line: print(line, file=sys.stderr, flush=True),
    )
    budget_s = float(result.config["experiment"]["run"]["budget_s"])
    table = sensitivity(result.runs, grid, budget_s=budget_s)
    text = table.to_csv(index=False, float_format="%.6g", lineterminator="\n")
    write_atomically(out / "sensitivity.csv", lambda path: path.write_text(text, encoding="utf-8"))
    save_sensitivity(out, table, title=f"{result.config['experiment']['benchmark']['id']}, {extrapolator}")
    print(format_sensitivity(table))
    print(f"\nWritten to {out}: sensitivity.csv, sensitivity.png, sensitivity.pdf.")


def _refuse_what_the_grid_varies(lce_options: dict[str, Any]) -> None:
    for name in ("e_few", "k", "top_n"):
        if name in lce_options:
            raise ConfigError(f"{_COMMAND}: give {name}=[...] in place of lce_options.{name}.")
    if lce_options.get("promotion", "top_n") != "top_n":
        raise ConfigError(
            f"{_COMMAND}: e_few, k and top_n are the settings of promotion 'top_n', got "
            f"{lce_options['promotion']!r}. `nascurve compare` compares others."
        )


def settings_grid(e_few: Any, k: Any, top_n: Any) -> dict[str, dict[str, int | float]]:
    """Every combination of the lists, by label, without those with top_n > k. Raises ConfigError."""
    lists = {
        name: value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
        for name, value in (("e_few", e_few), ("k", k), ("top_n", top_n))
    }
    for name, values in lists.items():
        if not values or any(isinstance(v, bool) or not isinstance(v, int | float) for v in values):
            raise ConfigError(f"{_COMMAND}: expected {name} to be a list of numbers, got {values!r}.")
        if any(not math.isfinite(v) for v in values):
            raise ConfigError(f"{_COMMAND}: expected finite numbers for {name}, got {values!r}.")
        if len(set(values)) < len(values):
            raise ConfigError(f"{_COMMAND}: {name} has a value twice: {values!r}.")
    for size in lists["k"]:
        options.integer(f"{_COMMAND}: k", size, at_least=1)
    grid = {
        f"e{early}-k{size}-n{best}": {"e_few": early, "k": size, "top_n": best}
        for size in lists["k"]
        for early in lists["e_few"]
        for best in lists["top_n"]
        if best <= size
    }
    if not grid:
        raise ConfigError(f"{_COMMAND}: no top_n is at most k: got top_n={top_n}, k={k}.")
    return grid
