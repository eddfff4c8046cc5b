"""`nascurve compare`."""

from __future__ import annotations

import os
import sys
import warnings
from typing import TYPE_CHECKING, Any

from nascurve.errors import ConfigError
from nascurve.experiments.usage import UsageError
from nascurve.processes import THREAD_VARIABLES

if TYPE_CHECKING:
    from nascurve.experiments.comparison_result import ComparisonResult, FailedRun

HELP = """\
usage: nascurve compare [OPTION=VALUE ...]

Run optimizers with and without learning-curve extrapolation (LCE) over seeds; write a table and a figure.
Without options: the main job, rs, re, ls and bananas, each with and without LCE.

options (defaults):
  experiment=NAME                  a study's settings, which other options change; `nascurve list experiments`
  optimizers=[rs,re,ls,bananas]    ids, or {id: re, label: re-50, population_size: 50}
  lce=[none,last_value]            none = without; extrapolator ids, or {id: last_value, label: lv4, e_few: 4}
  methods=null                     in place of all pairs: [{optimizer: re}, {optimizer: re, lce: wpm}]
  seeds=50                         n for seeds 0 ... n-1, or a list [0,1,7]
  benchmark=pocket201-mnist        an id, with -v1 at its end a pinned version; or several: [pocket201-mnist,
                                   {id: nb301, data_dir: PATH}], each in a folder of its own in out=
  budget_s=null                    simulated seconds of one run; null: budget_trainings
  budget_trainings=200             the same in mean full trainings
  workers=1                        simulated asynchronous workers
  resume=true                      promoted candidates go on from their checkpoint
  charge_decisions=false           add the optimizer's real time to the simulated clock
  common_noise=true                with one seed, an architecture has the same noise under every method
  optimizer_options.ID.OPTION=...  e.g. optimizer_options.re.population_size=50
  lce_options.OPTION=...           e_few (epochs, or a fraction of the last; .25), k, top_n, promotion, ...
  extrapolator_options.ID.OPTION=...  benchmark_options.OPTION=...
  out=results/compare              folder; the same command in the same folder runs only what is missing
  overwrite=false                  true: throw away what is there
  retry_failed=false               true: do failed runs again, too
  processes=null                   real processes of this machine; null: one a core
  hydra/launcher=NAME              instead: basic (this process), joblib, submitit_local, submitit_slurm, ray;
                                   with hydra.launcher.OPTION=..., such as hydra.launcher.partition=short
  job_s=null  max_jobs=1000        real seconds of a launcher's job, into which runs are packed; most jobs
  callbacks=[]                     tensorboard, mlflow, wandb, your own: `nascurve list callbacks`
  figure.x=log|linear  figure.statistic=mean|median  figure.size=page|column  figure.panels=auto|one|optimizer

`nascurve list` shows the ids. Results: config.yaml, runs.parquet, summary.csv, anytime.png, anytime.pdf, and
store/, all runs as Parquet files. Then: nascurve results | report | plot | power. Exit codes: 0 done, 1 error
or failed runs, 2 usage, 130 interrupted.
"""
_FREE = ("optimizer_options", "lce_options", "extrapolator_options", "benchmark_options")


def main(argv: list[str]) -> int:
    """Run the command; raises UsageError, NascurveError."""
    if {"-h", "--help"} & set(argv):
        print(HELP, end="")
        return 0
    # Before anything numerical is imported: with more threads the last digits of some results would differ
    # between launchers.
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))
    from nascurve.experiments.launch_options import LaunchOptions

    launch, argv = LaunchOptions.split(argv, command="compare")
    settings, notes = _compose(argv)
    for line in notes:
        print(line, file=sys.stderr)
    settings.update(launcher=launch.name, launcher_options=launch.overrides)
    from nascurve.experiments.compare import compare, compare_tasks
    from nascurve.experiments.figure import FigureSettings

    settings["figure"] = FigureSettings(**settings["figure"])
    settings["say"] = lambda line: print(line, file=sys.stderr, flush=True)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"\d+ runs failed")  # told below
        if isinstance(settings["benchmark"], list):
            results = list(compare_tasks(settings.pop("benchmark"), **_of_tasks(settings)).values())
        else:
            results = [compare(**settings)]
    for result in results:
        _print_result(result, titled=len(results) > 1)
    return _tell_failures([failure for result in results for failure in result.failures])


def _of_tasks(settings: dict[str, Any]) -> dict[str, Any]:
    if settings.pop("benchmark_options"):
        raise UsageError(
            "compare: with several benchmarks give each its own options: "
            "benchmark=[{id: …, option: value}, …]."
        )
    return settings


def _print_result(result: ComparisonResult, *, titled: bool) -> None:
    from nascurve.experiments.source import benchmark_title
    from nascurve.experiments.table import format_summary

    if titled:
        print(f"{benchmark_title(result.config['experiment']['benchmark'])}\n")
    print(format_summary(result.summary))
    print(f"\nWritten to {result.folder}: {', '.join(_written(result))}.")


def _tell_failures(failures: list[FailedRun]) -> int:
    from nascurve.experiments.comparison_result import describe_failures

    if not failures:
        return 0
    sys.stdout.flush()
    sys.stderr.write(
        f"nascurve: error: {len(failures)} runs failed; the others are kept. The same command with "
        f"retry_failed=true tries the failed ones again.\n{describe_failures(failures)}\n"
    )
    if "--debug" in sys.argv:
        sys.stderr.write("\n".join(failure.details for failure in failures[:3]))
    return 1


def _written(result: ComparisonResult) -> list[str]:
    names = ("config.yaml", "runs.parquet", "summary.csv", "anytime.png", "anytime.pdf")
    return [name for name in names if result.folder is not None and (result.folder / name).exists()]


def _compose(argv: list[str]) -> tuple[dict[str, Any], list[str]]:
    """The options of `compare`, and what a preset says of itself."""
    from hydra import compose, initialize_config_module
    from omegaconf import OmegaConf

    from nascurve.experiments.experiment_presets import CONFIGS, ExperimentPreset
    from nascurve.experiments.groups import groups_hidden
    from nascurve.experiments.methods import NO_LCE
    from nascurve.experiments.overrides import check_key, clear_hydra_errors, parse_overrides, split_flags

    if {"-m", "--multirun"} & set(argv):
        raise UsageError(
            "compare runs its own grid: give lists, as in optimizers=[rs,re] (-m is for `nascurve run`)."
        )
    _, args = split_flags(argv, command="compare")
    with (
        clear_hydra_errors("compare"),
        groups_hidden(),  # of `run`: there lce= is a group, here a list
        initialize_config_module(CONFIGS, version_base="1.3"),
    ):
        defaults: Any = OmegaConf.to_container(compose("compare"))
        final: list[str] = []
        explicit: set[str] = set()
        preset: ExperimentPreset | None = None
        for arg, override in zip(args, parse_overrides(args, command="compare"), strict=True):
            key = override.key_or_group
            root, _, inner = key.partition(".")
            check_key(root, {**defaults, "experiment": None}, command="compare")
            explicit.add(root)
            if root == "figure" and inner:
                check_key(inner, defaults["figure"], command="compare", prefix="figure.")
            elif inner and root not in _FREE:
                raise ConfigError(
                    f"compare: {root} has no options of its own, got {arg!r}. See `nascurve compare --help`."
                )
            if override.is_sweep_override() and key == "experiment":
                raise UsageError(
                    f"compare: expected one experiment, got {arg!r}. Run them one after another."
                )
            if override.is_sweep_override():
                raise UsageError(
                    f"compare: {arg!r} lists several values. Put them in brackets: {key}=[...], "
                    "and write ranges of seeds as a number or a list."
                )
            if key == "experiment":
                name = override.value()
                preset = None if name is None else ExperimentPreset.read(str(name))
                continue
            adds = inner and root in _FREE and not arg.startswith(("+", "~"))
            final.append(f"++{arg}" if adds else arg)
        config: Any = OmegaConf.to_container(compose("compare", overrides=final), resolve=True)
        notes: list[str] = []
        if preset:
            together = compose("compare", overrides=[f"experiment={preset.name}", *final])
            own, config = config, OmegaConf.to_container(together, resolve=True)
            config, notes = preset.settle(config, own, explicit)
    if config["methods"] is not None:  # lists all; then the others pick from it
        config.update({name: None for name in ("optimizers", "lce") if name not in explicit})
    if config["lce"] is None and "lce" in explicit:
        config["lce"] = [NO_LCE]
    if not isinstance(config["out"], str) or not config["out"]:
        raise ConfigError(f"out: expected a folder, got {config['out']!r}.")
    return dict(config), notes
