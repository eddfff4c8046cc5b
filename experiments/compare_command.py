"""`nascurve compare`."""

from __future__ import annotations

import sys
import warnings
from typing import Any

from nascurve.errors import ConfigError
from nascurve.experiments.usage import UsageError

HELP = """\
usage: nascurve compare [OPTION=VALUE ...]

Run optimizers with and without learning-curve extrapolation (LCE) over seeds; write a table and a figure.
Without options: the main job, rs, re, ls and bananas, each with and without LCE.

options (defaults):
  optimizers=[rs,re,ls,bananas]    ids, or {id: re, label: re-50, population_size: 50}
  lce=[none,last_value]            none = without; extrapolator ids, or {id: last_value, label: lv4, e_few: 4}
  seeds=50                         n for seeds 0 ... n-1, or a list [0,1,7]
  benchmark=pocket201-mnist        an id; with -v1 at its end a pinned version
  budget_s=null                    simulated seconds of one run; null: budget_trainings
  budget_trainings=200             the same in mean full trainings
  workers=1                        simulated asynchronous workers
  resume=true                      promoted candidates go on from their checkpoint
  charge_decisions=false           add the optimizer's real time to the simulated clock
  optimizer_options.ID.OPTION=...  e.g. optimizer_options.re.population_size=50
  lce_options.OPTION=...           e_few (epochs, or a fraction of the last; .25), k, top_n, promotion, ...
  extrapolator_options.ID.OPTION=...  benchmark_options.OPTION=...
  out=results/compare              folder; the same command in the same folder runs only what is missing
  overwrite=false                  true: throw away what is there
  processes=null                   real processes; null: one a core
  figure.x=log|linear  figure.statistic=mean|median  figure.size=page|column  figure.panels=auto|one|optimizer

`nascurve list` shows the ids. Results: config.yaml, runs.parquet, summary.csv, anytime.png, anytime.pdf, and
runs.jsonl, the record of finished runs. Exit codes: 0 done, 1 error or failed runs, 2 usage, 130 interrupted.
"""
_FREE = ("optimizer_options", "lce_options", "extrapolator_options", "benchmark_options")


def main(argv: list[str]) -> int:
    """Run the command; raises UsageError, NascurveError."""
    if {"-h", "--help"} & set(argv):
        print(HELP, end="")
        return 0
    settings = _compose(argv)
    from nascurve.experiments.compare import compare, describe_failures
    from nascurve.experiments.figure import FigureSettings
    from nascurve.experiments.table import format_summary

    figure = FigureSettings(**settings.pop("figure"))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"\d+ runs failed")  # told below
        result = compare(**settings, figure=figure, say=lambda line: print(line, file=sys.stderr, flush=True))
    print(format_summary(result.summary))
    print(f"\nWritten to {result.folder}: {', '.join(_written(result))}.")
    if result.failures:
        sys.stdout.flush()
        sys.stderr.write(
            f"nascurve: error: {len(result.failures)} runs failed; the others are kept, and the same command "
            f"tries the failed ones again.\n{describe_failures(result.failures)}\n"
        )
        if "--debug" in sys.argv:
            sys.stderr.write("\n".join(failure.details for failure in result.failures[:3]))
        return 1
    return 0


def _written(result: Any) -> list[str]:
    names = ("config.yaml", "runs.parquet", "summary.csv", "anytime.png", "anytime.pdf")
    return [name for name in names if (result.folder / name).exists()]


def _compose(argv: list[str]) -> dict[str, Any]:
    from hydra import compose, initialize_config_module
    from omegaconf import OmegaConf

    from nascurve.experiments.overrides import check_key, clear_hydra_errors, parse_overrides, split_flags

    if {"-m", "--multirun"} & set(argv):
        raise UsageError(
            "compare runs its own grid: give lists, as in optimizers=[rs,re] (-m is for `nascurve run`)."
        )
    _, args = split_flags(argv, command="compare")
    with (
        clear_hydra_errors("compare"),
        # apart from `run`'s: there lce= is a group, here a list
        initialize_config_module("nascurve.experiments.conf.compare", version_base="1.3"),
    ):
        defaults: Any = OmegaConf.to_container(compose("compare"))
        final = []
        for arg, override in zip(args, parse_overrides(args, command="compare"), strict=True):
            key = override.key_or_group
            root, _, inner = key.partition(".")
            check_key(root, defaults, command="compare")
            if root == "figure" and inner:
                check_key(inner, defaults["figure"], command="compare", prefix="figure.")
            elif inner and root not in _FREE:
                raise ConfigError(
                    f"compare: {root} has no options of its own, got {arg!r}. See `nascurve compare --help`."
                )
            if override.is_sweep_override():
                raise UsageError(
                    f"compare: {arg!r} lists several values. Put them in brackets: {key}=[...], "
                    "and write ranges of seeds as a number or a list."
                )
            adds = inner and root in _FREE and not arg.startswith(("+", "~"))
            final.append(f"++{arg}" if adds else arg)
        config: Any = OmegaConf.to_container(compose("compare", overrides=final), resolve=True)
    if not isinstance(config["out"], str) or not config["out"]:
        raise ConfigError(f"out: expected a folder, got {config['out']!r}.")
    return dict(config)
