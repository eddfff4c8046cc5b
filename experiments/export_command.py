"""`nascurve export`: a benchmark's training runs as a Parquet file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from nascurve.errors import ConfigError
from nascurve.experiments.usage import UsageError

HELP = """\
usage: nascurve export benchmark=ID out=FOLDER [benchmark_options.NAME=VALUE ...] [OPTION=VALUE ...]

Write the training runs of a benchmark for pandas, Polars, DuckDB or any other reader of Parquet: FOLDER gets
runs.parquet, a row for each training run with its curves as lists, and croissant.json, the metadata in the
MLCommons Croissant format (1.0).

options (defaults):
  benchmark=ID               see `nascurve list benchmarks`; its options: benchmark_options.data_dir=PATH
  seeds=all|[0,1,...] (all)  indices of the training runs, of those that an architecture has
  n=N (null)                 only N random architectures; needed where the space cannot be listed
  sample_seed=N (0)          with n: of the random draws
"""
_DEFAULTS: dict[str, Any] = {
    "benchmark": None,
    "benchmark_options": {},
    "out": None,
    "seeds": "all",
    "n": None,
    "sample_seed": 0,
}


def main(argv: list[str]) -> int:
    """Run the command; raises UsageError, NascurveError."""
    if {"-h", "--help"} & set(argv):
        print(HELP, end="")
        return 0
    from nascurve.experiments.overrides import read_options, split_flags

    _, rest = split_flags(argv, command="export")
    options = read_options(rest, _DEFAULTS, command="export", nested="benchmark_options")
    for name in ("benchmark", "out"):
        if options[name] is None:
            raise UsageError(f"export: {name}= is missing. See `nascurve export --help`.")
    _export(options, options["benchmark_options"])
    return 0


def _export(options: dict[str, Any], own: dict[str, Any]) -> None:
    import numpy as np
    from tqdm import tqdm

    from nascurve.benchmarks.export import export_runs
    from nascurve.experiments.files import clear_write_errors
    from nascurve.experiments.options import seeds as read_seeds
    from nascurve.experiments.source import BenchmarkSource
    from nascurve.options import integer

    seeds = options["seeds"]
    if seeds != "all" and not isinstance(seeds, list):
        raise ConfigError(f"export: seeds: expected all, or a list such as [0,1], got {seeds!r}.")
    sample_seed = integer("sample_seed", options["sample_seed"], at_least=0)
    n = None if options["n"] is None else integer("n", options["n"], at_least=1)
    chosen = None if seeds == "all" else read_seeds(seeds)
    benchmark = BenchmarkSource.read(str(options["benchmark"]), own).load()
    out = Path(str(options["out"]))
    with (
        clear_write_errors(out),
        tqdm(unit="architecture", file=sys.stderr, dynamic_ncols=True, disable=None) as bar,
    ):
        done = export_runs(
            benchmark,
            out,
            seeds=chosen,
            n=n,
            rng=np.random.default_rng(sample_seed),
            on_start=bar.reset,
            on_architectures=bar.update,
        )
    print(
        f"export: {done.n_runs} runs of {done.n_architectures} architectures ({done.n_diverged} diverged) -> "
        f"{done.data}, {done.metadata.name}"
    )
