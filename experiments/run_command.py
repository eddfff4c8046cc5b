"""`nascurve run`: one simulated run, or with -m a Hydra sweep of them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from nascurve.experiments.usage import UsageError
from nascurve.processes import THREAD_VARIABLES

if TYPE_CHECKING:
    from hydra.core.override_parser.types import Override

HELP = """\
usage: nascurve run [-m] [OPTION=VALUE ...]

One simulated run of an optimizer on a benchmark. With -m (anywhere on the line) a sweep: options may list
several values, as in optimizer=rs,re 'seed=range(0,30)', and every combination is run. Finished runs of a
sweep are not run again; `nascurve plot` draws its folder.

options (defaults):
  optimizer=re              id;           its options: optimizer.population_size=50
  lce=none                  extrapolator; options of the wrapper: lce.e_few=4 lce.k=16 lce.top_n=4,
                            of the extrapolator: lce.extrapolator.OPTION=...
  benchmark=pocket201-mnist id;           its options: benchmark.OPTION=...
  seed=0
  budget_s=null             simulated seconds,
  budget_epochs=null        or epochs,
  budget_trainings=200      or, when neither is given, multiples of the mean cost of a full training
  workers=1                 simulated asynchronous workers
  resume=true               promoted candidates go on from their checkpoint
  charge_decisions=false    add the optimizer's real time to the simulated clock
  common_noise=true         an architecture's training noise depends on it and the seed, not on the order
  out=null                  folder; null: results/run/..., of a sweep results/sweep
  overwrite=false           true: replace a different run in the same folder

flags: -m, --multirun; --config-dir DIR (your own optimizer/*.yaml, lce/*.yaml, benchmark/*.yaml, each with an
id); --cfg job (show the configuration and stop). For sweeps also Hydra's settings, e.g.
hydra/launcher=joblib (or submitit_local, submitit_slurm, ray): short runs are packed into jobs, by what runs
are measured to cost, unless settings of Hydra's other than hydra.launcher.* are given.

Results: config.yaml, runs.parquet (a row per change of the incumbent), evaluations.parquet.
"""
_SWEEP_OUT = "results/sweep"
_CONFIGS = "pkg://nascurve.experiments.conf"
_SWITCHES = ("-m", "--multirun", "--resolve", "--hydra-help", "--run", "-r")
_VALUED = ("--cfg", "-c", "--config-dir", "-cd", "--package", "-p", "--info", "-i")


def main(argv: list[str]) -> int:
    """Run the command; raises UsageError, NascurveError."""
    if {"-h", "--help"} & set(argv):
        print(HELP, end="")
        return 0
    # One thread, as in `nascurve compare`: more would change the last digits of some optimizers' results.
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))
    import hydra

    from nascurve.experiments.groups import choices_of, register_groups
    from nascurve.experiments.hydra_main import hydra_command_line
    from nascurve.experiments.overrides import clear_hydra_errors, parse_overrides, split_flags
    from nascurve.experiments.packed_sweep import can_be_packed, run_packed
    from nascurve.experiments.single_run import run_job

    flags, args = split_flags(argv, command="run", switches=_SWITCHES, valued=_VALUED)
    overrides = parse_overrides(args, command="run")
    sweep = bool({"-m", "--multirun"} & set(flags))
    swept = [override for override in overrides if override.is_sweep_override()]
    if swept and not sweep:
        raise UsageError(f"run: {swept[0].input_line!r} lists several values: add -m to run them all.")
    own_configs = any(flag.split("=")[0] in ("--config-dir", "-cd") for flag in flags)
    register_groups(choices_of(overrides), overrides, own_configs=own_configs)
    if sweep and not swept:  # a sweep of one
        flags = [flag for flag in flags if flag not in ("-m", "--multirun")]
        sweep = False
    if not flags:
        _run_single(args)
        return 0
    launcher = _value(overrides, "hydra/launcher")
    if launcher not in (None, "basic") and can_be_packed(flags, overrides):
        run_packed(overrides, out=Path(_value(overrides, "out") or _SWEEP_OUT))
        _report_sweep(_value(overrides, "out") or _SWEEP_OUT)
        return 0
    with (
        clear_hydra_errors("run"),
        hydra_command_line("nascurve run", [*flags, *args, *(_sweep_settings(overrides) if sweep else [])]),
    ):
        hydra.main(version_base="1.3", config_path=_CONFIGS, config_name="run")(run_job)()
    if sweep and not {"--cfg", "-c", "--info", "-i", "--hydra-help"} & set(flags):
        _report_sweep(_value(overrides, "out") or _SWEEP_OUT)
    return 0


def _run_single(args: list[str]) -> None:
    """Without Hydra's application frame, which would add a log file and report errors on its own."""
    from hydra import compose, initialize_config_module

    from nascurve.experiments.overrides import clear_hydra_errors
    from nascurve.experiments.single_run import run_job

    with (
        clear_hydra_errors("run"),
        initialize_config_module(_CONFIGS.removeprefix("pkg://"), version_base="1.3"),
    ):
        config = compose("run", overrides=args)
    run_job(config)


def _value(overrides: list[Override], key: str) -> str | None:
    values = [override.value() for override in overrides if override.key_or_group == key]
    return str(values[-1]) if values and values[-1] is not None else None


def _sweep_settings(overrides: list[Override]) -> list[str]:
    """Each run of a sweep goes to a folder that is named after what is swept."""
    given = {override.key_or_group for override in overrides}
    fixed = [
        o.key_or_group
        for o in overrides
        if not o.is_sweep_override() and not o.key_or_group.startswith("hydra")
    ]
    excluded = ",".join(f"'{key}'" for key in fixed)
    settings = {"hydra.job.config.override_dirname.exclude_keys": f"[{excluded}]"}
    out = _value(overrides, "out")
    if out is not None:
        settings["hydra.sweep.dir"] = f"'{out}'"
    return [f"{key}={value}" for key, value in settings.items() if key not in given]


def _report_sweep(folder: str) -> None:
    from nascurve.errors import ConfigError
    from nascurve.experiments.results import read_results
    from nascurve.experiments.table import format_summary

    try:
        results = read_results(Path(folder))
    except ConfigError as error:  # budgets or benchmarks were swept: each run stands for itself
        print(f"No common table: {error}")
        return
    print(format_summary(results.summarise()))
    print(f"\nWritten to {folder}. `nascurve plot {folder}` draws the figure.")
