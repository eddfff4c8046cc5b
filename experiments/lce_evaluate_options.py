"""The options of `nascurve lce evaluate`, as they are given on the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nascurve.experiments.usage import UsageError

HELP = """\
usage: nascurve lce evaluate [source=ID] [data=PATH] [OPTION=VALUE ...]

Judge extrapolators on the learning curves of a benchmark, or on your own: over random splits by architecture
they learn from the full curves of some architectures and predict the last accuracy of others from their
first epochs. Scores: ranks (Kendall's tau, Spearman's rho, recall of the best 10 %), errors (RMSE), the
distribution (log-likelihood, CRPS, coverage of the 50 % and 90 % intervals), and speed.

options (defaults):
  source=pocket201-mnist    a benchmark's id; or logs: your own files in data=FOLDER
  source.OPTION=VALUE       an option of the benchmark
  data=PATH                 short for source.data_dir=PATH
  extrapolators=[last_value,power_law,wpm,lcsvr,lightgbm,gp,auto]
                            ids, or {id: lcsvr, label: lcsvr-paper, search: paper}
  extrapolator_options.ID.OPTION=VALUE
  prefixes=[.05,.1,.2,.3,.5,.75]  epochs seen, or fractions of the predicted one in (0, 1)
  at_epoch=null             epoch (or fraction) that is predicted; null: the last one
  fit_curves=[0,20,100]     numbers of full curves that are learnt from
  splits=20                 seed=0
  max_test=1000             tested architectures of a split, at most
  runs=one                  one run of each tested architecture, drawn; all: every run
  test_on=all               reporting, development: test the architectures of one half alone, by the SHA-256
                            of their strings; our defaults were chosen on the development half
  min_final_acc=null        leave out runs that end below it (did not learn), fitted and tested ones
  max_architectures=10000   of a benchmark with more, that many random ones
  out=results/lce-evaluate  folder; the same command in it computes only what is missing, more splits and
                            more extrapolators are added
  overwrite=false           true: throw away what is there
  jobs=1                    real processes; results do not depend on it
  figures=true              false: numbers only
  markdown=false            true: print the tables as Markdown

Your own files (source=logs): CSV with the header architecture,1,2,...,E and a line for each run, accuracies
in [0, 1]; Parquet with the columns architecture and val_acc (as `nascurve export` writes it); or .npz with
arrays of these names.

Results: metrics.csv (means over splits with standard errors), splits.csv, paired.csv (paired differences,
corrected t-tests), lce-fans, lce-prefix and lce-calibration (.png, .pdf); docs/lce-evaluate.md explains them.
"""
DEFAULTS: dict[str, Any] = {
    "data": None,
    "extrapolators": ["last_value", "power_law", "wpm", "lcsvr", "lightgbm", "gp", "auto"],
    "splits": 20,
    "max_architectures": 10_000,
    "out": "results/lce-evaluate",
    "overwrite": False,
    "jobs": 1,
    "figures": True,
    "markdown": False,
}
"""Of the command's own options; those of `EvaluationSettings` have theirs there."""
_COMMAND = "lce evaluate"


def read_arguments(argv: list[str]) -> tuple[dict[str, Any], str, dict[str, dict[str, Any]]]:
    """The command's own options, the source, and the options of source and extrapolators. Raises UsageError
    for what cannot be read, ConfigError for an unknown option."""
    from nascurve.experiments.overrides import check_key, parse_overrides, split_flags
    from nascurve.lce.evaluation.settings import EvaluationSettings

    _, rest = split_flags(argv, command=_COMMAND)
    settings, source = {**DEFAULTS, **EvaluationSettings.defaults()}, "pocket201-mnist"
    nested: dict[str, dict[str, Any]] = {"source": {}, "extrapolator_options": {}}
    for override in parse_overrides(rest, command=_COMMAND):
        key, value = override.key_or_group, override.value()
        root, _, inner = key.partition(".")
        if override.is_sweep_override():
            raise UsageError(f"{_COMMAND}: {key} lists several values; a list is written as {key}=[a,b].")
        if root in nested and inner:
            _put(nested[root], inner.split("."), value)
        elif key == "extrapolator_options" and isinstance(value, Mapping):
            nested[key].update(value)
        elif key == "source":
            if not isinstance(value, str) or not value:
                raise UsageError(
                    f"{_COMMAND}: source= takes one id, got {value!r}. See `nascurve list benchmarks`."
                )
            source = value
        else:
            check_key(key, {**settings, **nested}, command=_COMMAND)
            if key in nested:
                raise UsageError(f"{_COMMAND}: {key} takes options: {key}.ID.OPTION=VALUE.")
            settings[key] = value
    return settings, source, nested


def _put(where: dict[str, Any], path: Sequence[str], value: Any) -> None:
    for name in path[:-1]:
        where = where.setdefault(name, {})
        if not isinstance(where, dict):
            raise UsageError(f"{_COMMAND}: {'.'.join(path)} stands beside a value of {name}.")
    where[path[-1]] = value
