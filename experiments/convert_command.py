"""`nascurve convert`: makes the fast cache of a benchmark's official files."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from nascurve.errors import ArchitectureError, ConfigError
from nascurve.experiments.usage import UsageError

if TYPE_CHECKING:
    from nascurve.benchmarks.array_file import Arrays

HELP = """\
usage: nascurve convert benchmark=ID data_dir=PATH [cache_dir=FOLDER] [OPTION=VALUE ...]

Read the official files of a benchmark, and keep what it needs in one file that opens at once. Loading the
benchmark does the same when the cache is not there; a cache that fits the files is left as it is.

options:
  benchmark=ID       see `nascurve list benchmarks`
  data_dir=PATH      the folder with the official files, or the path of the file
  cache_dir=FOLDER   where to put the cache; beside the data when left out
  OPTION=VALUE       the benchmark's own options, where they decide about what is converted
"""


def main(argv: list[str]) -> int:
    """Run the command; raises UsageError, NascurveError."""
    if {"-h", "--help"} & set(argv):
        print(HELP, end="")
        return 0
    from nascurve.experiments.overrides import parse_overrides, split_flags

    _, rest = split_flags(argv, command="convert")
    options = {
        override.key_or_group: override.value() for override in parse_overrides(rest, command="convert")
    }
    id_ = options.pop("benchmark", None)
    if id_ is None or "data_dir" not in options:
        missing = "benchmark" if id_ is None else "data_dir"
        raise UsageError(f"convert: {missing}= is missing. See `nascurve convert --help`.")
    _convert(str(id_), options)
    return 0


def _convert(id_: str, options: dict[str, Any]) -> None:
    from nascurve import registry
    from nascurve.benchmarks.files.cached import opened_caches
    from nascurve.experiments.options import OptionSchema

    build = registry.component("benchmarks", id_)
    if not hasattr(build, "card"):
        raise ConfigError(
            f"convert: {id_} has no official files; it needs no conversion. `nascurve list benchmarks` shows "
            "which have some."
        )
    resolved = OptionSchema(id_, build).resolve(options)
    with opened_caches() as caches:
        benchmark = registry.load_benchmark(id_, **resolved)
    info = benchmark.info
    print(f"{info.name}: {_contents(benchmark)}, {info.max_epochs} epochs, {info.kind} curves")
    for path, arrays in caches.items():
        if not arrays:  # says only what the files beside it were made from
            continue
        print(f"\n{path}: {_megabytes(path.stat().st_size)}\n{_table(arrays)}")
    if not caches:
        print("Its files are read as they are: there is no cache.")


def _contents(benchmark: Any) -> str:
    """Numbers of architectures and trainings: counted where the space can be enumerated, else as it says."""
    from nascurve.benchmarks.enumeration import all_architectures

    info = benchmark.info
    archs = None if info.kind == "surrogate" else all_architectures(benchmark.space)
    if archs is None:
        counts = {key[2:].replace("_", " "): n for key, n in info.details.items() if key.startswith("n_")}
        return ", ".join(f"{n} {what}" for what, n in counts.items()) or f"space {info.space}"
    runs = [_runs(benchmark, arch) for arch in archs]
    return f"{sum(n > 0 for n in runs)} architectures, {sum(runs)} runs"


def _runs(benchmark: Any, arch: Any) -> int:
    if not hasattr(benchmark, "training_runs"):  # the same number for each
        return int(benchmark.info.n_seeds)
    try:
        return int(benchmark.training_runs(arch))
    except ArchitectureError:  # not held
        return 0


def _table(arrays: Arrays) -> str:
    from nascurve.experiments.table import format_table

    rows = [
        [name, array.dtype.str, " x ".join(map(str, array.shape)) or "1", _megabytes(array.nbytes)]
        for name, array in arrays.items()
    ]
    return format_table(["array", "type", "shape", "size"], rows, right=[3])


def _megabytes(n_bytes: int) -> str:
    return f"{math.ceil(n_bytes / 1e4) / 100:.2f} MB"
