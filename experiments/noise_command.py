"""`nascurve noise`: what a benchmark's results vary by, with its landscape, in numbers and figures."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nascurve import options
from nascurve.errors import ConfigError, did_you_mean
from nascurve.experiments.usage import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nascurve.benchmarks.noise.estimate import Bootstrap
    from nascurve.benchmarks.noise.study import NoiseStudy
    from nascurve.benchmarks.noise.transfer import Transfer
    from nascurve.simulator.types import Benchmark

HELP = """\
usage: nascurve noise [benchmark=ID] [OPTION=VALUE ...]

Study the noise of a benchmark: distribution of final accuracies, agreement between training runs, early
epochs against the last, drops and spikes, residuals, what selecting by noisy results costs, costs, and the
landscape over elementary changes. With a reference, both side by side; and where both have trained the same
networks, how far what is good on one is good on the other. What cannot be computed (a single run,
no curves) is left out, and the table says why.

options (defaults):
  benchmark=pocket201-mnist   an id; with -v1 at its end a pinned version
  benchmark.OPTION=VALUE      an option of the benchmark, such as benchmark.data_file=FILE
  reference=null              another benchmark, such as nb201-finals
  reference.OPTION=VALUE      an option of the reference, such as reference.dataset=cifar10
  out=results/noise           folder
  resamples=200               bootstrap resamples of each interval; 0: no intervals
  figures=true                false: numbers only
  markdown=false              true: print the tables as Markdown

Written to the folder: noise.csv, noise.md (the same as Markdown), and each figure as noise-NAME.png and .pdf.
The same command gives the same files.
"""
_OWN: dict[str, Any] = {"out": "results/noise", "resamples": 200, "figures": True, "markdown": False}
_ROLES = ("benchmark", "reference")


def main(argv: list[str]) -> int:
    """Run the command; raises UsageError, NascurveError."""
    if {"-h", "--help"} & set(argv):
        print(HELP, end="")
        return 0
    settings, ids, component_options = _settings(argv)
    folder = Path(options.path("out", settings["out"]))
    resamples = options.integer("resamples", settings["resamples"], at_least=0)
    with_figures = options.flag("figures", settings["figures"])
    as_markdown = options.flag("markdown", settings["markdown"])

    from nascurve.benchmarks.noise.estimate import Bootstrap
    from nascurve.benchmarks.noise.study import NoiseStudy
    from nascurve.experiments.files import clear_write_errors, write_atomically
    from nascurve.experiments.noise_table import NoiseTable
    from nascurve.registry import load_benchmark

    studies: dict[str, NoiseStudy] = {}
    benchmarks = []
    bootstrap = Bootstrap(resamples=resamples)
    for role in _ROLES:
        id_ = ids[role]
        if id_ is None:
            continue
        benchmark = load_benchmark(id_, **component_options[role])
        name = _name(benchmark, component_options[role])
        print(f"studying {name} …", file=sys.stderr, flush=True)
        studies[name if name not in studies else f"{name} ({role})"] = NoiseStudy.of(
            benchmark, bootstrap=bootstrap
        )
        benchmarks.append(benchmark)
    transfers = transfers_between(studies, benchmarks, bootstrap=bootstrap)
    table = NoiseTable(
        {
            name: (*study.estimates, *(transfers[name].estimates if name in transfers else ()))
            for name, study in studies.items()
        }
    )
    with clear_write_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    for file, text in (("noise.csv", table.to_csv()), ("noise.md", table.to_markdown())):
        write_atomically(folder / file, lambda path, text=text: path.write_text(text, encoding="utf-8"))  # type: ignore[misc]
    written = ["noise.csv", "noise.md"]
    if with_figures:
        from nascurve.experiments.noise_figure import save_noise_figures

        paths = save_noise_figures(studies, folder, transfers)
        written += [path.name for path in paths if path.suffix == ".png"]
    print(table.to_markdown() if as_markdown else table.to_text())
    more = " (each figure as .pdf too)" if with_figures else ""
    print(f"\nWritten to {folder}: {', '.join(written)}{more}.", file=sys.stderr)
    return 0


def transfers_between(
    studies: Mapping[str, NoiseStudy], benchmarks: Sequence[Benchmark], *, bootstrap: Bootstrap
) -> dict[str, Transfer]:
    """Of two studies whose benchmarks share networks: by name, what the other one's results tell of it."""
    from nascurve.benchmarks.noise.transfer import Transfer

    if len(studies) < 2:
        return {}
    (name, study), (other_name, other) = studies.items()
    space, other_space = (benchmark.space for benchmark in benchmarks)
    to_first = Transfer.of(study.runs, other.runs, space, other_space, bootstrap=bootstrap)
    to_other = Transfer.of(other.runs, study.runs, other_space, space, bootstrap=bootstrap)
    if to_first is None or to_other is None:
        return {}
    return {name: to_first, other_name: to_other}


def _settings(argv: list[str]) -> tuple[dict[str, Any], dict[str, str | None], dict[str, dict[str, Any]]]:
    """The command's own options, and of each role the id and the benchmark's options."""
    from nascurve.experiments.overrides import parse_overrides, split_flags

    _, rest = split_flags(argv, command="noise")
    settings = dict(_OWN)
    ids: dict[str, str | None] = {"benchmark": "pocket201-mnist", "reference": None}
    component_options: dict[str, dict[str, Any]] = {role: {} for role in _ROLES}
    for override in parse_overrides(rest, command="noise"):
        key, value = override.key_or_group, override.value()
        role, _, option = key.partition(".")
        if role in _ROLES and option:
            component_options[role][option] = value
        elif key in _ROLES:
            if value is not None and not isinstance(value, str):
                raise UsageError(
                    f"noise: {key}= takes one id, got {value!r}. See `nascurve list benchmarks`."
                )
            ids[key] = value
        elif key in settings:
            settings[key] = value
        else:
            raise ConfigError(
                f"noise: there is no option {key!r}. {did_you_mean(key, [*_ROLES, *settings])} An option of "
                f"the benchmark is given as benchmark.{key}=…"
            )
    if ids["benchmark"] is None:
        raise UsageError("noise: benchmark= needs an id. See `nascurve list benchmarks`.")
    if ids["reference"] is None and component_options["reference"]:
        raise UsageError("noise: reference= is missing; there are options of it. Give reference=ID.")
    return settings, ids, component_options


def _name(benchmark: Benchmark, given: dict[str, Any]) -> str:
    """Name and version, and what of its options tells it apart from the benchmark itself."""
    info = benchmark.info
    extra = ", ".join(
        Path(value).name if isinstance(value, str) else f"{key}={value}" for key, value in given.items()
    )
    return f"{info.name}-v{info.version}{f' ({extra})' if extra else ''}"
