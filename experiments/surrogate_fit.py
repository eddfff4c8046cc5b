"""`nascurve surrogate fit`: a surrogate benchmark from learning curves, saved as a folder."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from nascurve.processes import THREAD_VARIABLES

HELP = """\
usage: nascurve surrogate fit [source=ID] [data=PATH] out=DIR [OPTION=VALUE ...]

Fit a surrogate to all learning curves of a source, and save it as a folder without pickle. Then

  nascurve.load_benchmark("surrogate", data_dir=DIR)

is a benchmark like any other; so are "nbnlp11", "nb111" and "nb311" of a surrogate over their spaces.

options (defaults):
  source=pocket201-mnist    a benchmark's id, such as nbnlp; or logs: your own files in data=PATH
  source.OPTION=VALUE       an option of the benchmark
  data=PATH                 short for source.data_dir=PATH: a folder or zip of logs
  space=ID                  with source=logs: the search space of the architectures
  out=results/surrogate     folder, new, empty or that of another surrogate, which needs overwrite=true
  overwrite=false           true: replace the surrogate that is there
  seed=0
  splits=3                  of a short evaluation on held-out architectures, kept in the manifest; 0: none
  max_train=null            architectures that are fitted to, at most, drawn at random; null: all

  early_epochs=0            first accuracies of an architecture that the surrogate is given
  models=[lightgbm,extratrees]   n_members=5
  compression=svd           n_components=5
  features=null             null: those of the space
  noise=spikes              the noise model

  hydra/launcher=NAME       as one job of a launcher, such as submitit_slurm or ray
"""
DEFAULTS: dict[str, Any] = {
    "data": None,
    "space": None,
    "out": "results/surrogate",
    "overwrite": False,
    "seed": 0,
    "splits": 3,
    "max_train": None,
}
"""Of the command's own options; those of `Surrogate.fit` have theirs there."""
_COMMAND = "surrogate fit"
_SPLIT = {"test_share": 0.2, "max_test": 200, "test_on": "all"}


def main(argv: list[str]) -> int:
    """Run the command; raises UsageError, NascurveError."""
    if {"-h", "--help"} & set(argv):
        print(HELP, end="")
        return 0
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))  # the same digits on any number of cores
    from nascurve.benchmarks.surrogate.surrogate import DEFAULTS as MODEL
    from nascurve.experiments.command_job import launch_command
    from nascurve.experiments.launch_options import LaunchOptions
    from nascurve.experiments.surrogate_evaluate import read_command

    launch, argv = LaunchOptions.split(argv, command=_COMMAND)
    settings, source, nested = read_command(argv, {**DEFAULTS, **MODEL}, command=_COMMAND)
    if launch.name is not None:
        out = Path(settings["out"])
        launch_command("surrogate_fit", argv, launch, logs=out.with_name(f"{out.name}-logs"))
    else:
        _fit(settings, source, nested)
    return 0


def _fit(given: dict[str, Any], source_id: str, nested: dict[str, Any]) -> None:
    import numpy as np

    from nascurve import options
    from nascurve.benchmarks.surrogate.folder import (
        MANIFEST,
        check_target,
        is_surrogate_folder,
        save_surrogate,
    )
    from nascurve.errors import ConfigError
    from nascurve.experiments.surrogate_settings import SurrogateSettings
    from nascurve.experiments.surrogate_source import SurrogateSource

    out = options.path("out", given["out"])
    n_splits = options.integer("splits", given["splits"], at_least=0)
    overwrite = options.flag("overwrite", given["overwrite"])
    check_target(out)  # before the work
    if is_surrogate_folder(out) and not overwrite:
        raise ConfigError(
            f"{out} holds a surrogate ({MANIFEST}). Give another out=…, or overwrite=true to replace it."
        )
    settings = SurrogateSettings.read({**given, **_SPLIT, "splits": max(n_splits, 1)})
    source = SurrogateSource.read(
        source_id,
        nested,
        data=given["data"],
        space=given["space"],
        cache=out.with_name(f"{out.name}-data-cache"),
    )
    data = source.data
    evaluation = _evaluation(source, settings, given) if n_splits else {}
    groups = data.by_arch()
    if settings.max_train is not None and settings.max_train < len(groups):
        drawn = np.random.default_rng(settings.seed).permutation(len(groups))[: settings.max_train]
        data = data.subset(np.sort(np.concatenate([groups[place] for place in drawn])))
    _say(f"{source.title}: fitting to {len(data)} runs of {len(data.by_arch())} architectures …")
    surrogate = settings.fit(data, settings.seed)
    save_surrogate(surrogate, out, evaluation=evaluation)
    print(f"Saved to {out}. Load it with nascurve.load_benchmark('surrogate', data_dir={str(out)!r}).")


def _evaluation(source: Any, settings: Any, given: dict[str, Any]) -> dict[str, Any]:
    """Means and standard errors of the scores, by metric; what the data cannot give is left out."""
    import math

    from nascurve.experiments.surrogate_held_out import HeldOutStudy

    study = HeldOutStudy(source, settings, None, given)
    results: dict[str, Any] = {}
    for number, part in enumerate(study.splits):
        _say(f"evaluating, split {number + 1} of {len(study.splits)} …")
        results[part] = study.compute(part, results)
    rows: list[Any] = study.tables(results)["metrics.csv"].to_dict("records")
    return {
        row["metric"]: {
            name: None if math.isnan(row[name]) else float(f"{row[name]:.6g}") for name in ("mean", "stderr")
        }
        for row in rows
        if not math.isnan(row["mean"])
    }


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
