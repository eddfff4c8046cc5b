"""`nascurve surrogate evaluate`: how near a surrogate's curves come to real ones."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from nascurve.experiments.usage import UsageError
from nascurve.processes import THREAD_VARIABLES

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from nascurve.experiments.surrogate_folder import SurrogateFolder
    from nascurve.experiments.surrogate_settings import SurrogateSettings
    from nascurve.experiments.surrogate_source import SurrogateSource

HELP = """\
usage: nascurve surrogate evaluate [source=ID] [data=PATH] [OPTION=VALUE ...]

Fit surrogates to the learning curves of some architectures, and judge them on others. Splits are by
architecture (isomorphic ones are one), never by run.

options (defaults):
  source=pocket201-mnist    a benchmark's id, such as nbnlp; or logs: your own files in data=PATH
  source.OPTION=VALUE       an option of the benchmark
  data=PATH                 short for source.data_dir=PATH: a folder or zip of logs
  space=ID                  with source=logs: the search space of the architectures
  study=held_out            held_out: R2 and tau of mean curves; KL, spikes, coverage, autocorrelation and a
                              classifier's AUC of noisy curves; tables of 1 to 4 seeds where runs suffice
                            size: number of training architectures against the error of mean curves
                            lomo: leave one method out: fit to what some optimizers visited, test on what
                              another one visited
                            search: ranks and anytime curves of optimizers on the surrogate and on the table
  splits=10                 seed=0
  out=results/surrogate-evaluate   folder; the same command in it computes only what is missing, more splits
                            are added
  overwrite=false           true: throw away what is there
  figures=true              false: numbers only
  markdown=false            true: print the tables as Markdown

  early_epochs=0            first accuracies of an architecture that the surrogate is given
  models=[lightgbm,extratrees]   n_members=5
  compression=svd           n_components=5
  features=null             null: those of the space
  noise=spikes              the noise model
  test_share=.2             share of the architectures that are tested; at most max_test=200
  max_train=1500            architectures that are fitted to, at most; null: all that are not tested
  test_on=all               reporting, development: test only architectures of one half, by the SHA-256 of
                            their strings; choices of this project were made on the development half alone

  study=size:    sizes=[25,50,100,200,400,800,1500]   size_models=[[lightgbm,extratrees],[gin]]
  study=lomo:    optimizers=[rs,re,ls,bananas]   evaluations=150   seeds=10
  study=search:  optimizers=[rs,re,ls,bananas]   lce=[none,last_value]   seeds=30   budget_trainings=200

Where 100 architectures or more have five or more runs and others have fewer (pocket201-mnist), only those are
tested, and none of them is fitted to.

Results: metrics.csv (metric, mean, stderr, n_splits) and splits.csv, or size.csv, lomo.csv, search.csv;
tabular.csv; figures surrogate-NAME (.png, .pdf). docs/surrogates.md explains them.
"""
DEFAULTS: dict[str, Any] = {
    "data": None,
    "space": None,
    "study": "held_out",
    "splits": 10,
    "seed": 0,
    "out": "results/surrogate-evaluate",
    "overwrite": False,
    "figures": True,
    "markdown": False,
    "test_share": 0.2,
    "max_test": 200,
    "max_train": 1500,
    "test_on": "all",
}
"""Of the command's own options; those of `Surrogate.fit` and of the studies have theirs there."""
_COMMAND = "surrogate evaluate"


class Study(Protocol):
    """What is computed in parts, each kept as it is done; and what is made of them."""

    name: str

    def describe(self) -> dict[str, Any]: ...

    @property
    def parts(self) -> tuple[str, ...]: ...

    def compute(self, part: str, results: Mapping[str, Any]) -> Any: ...

    def tables(self, results: Mapping[str, Any]) -> dict[str, pd.DataFrame]: ...

    def figures(self, results: Mapping[str, Any]) -> dict[str, Figure]: ...


def main(argv: list[str]) -> int:
    """Run the command; raises UsageError, NascurveError, KeyboardInterrupt with what was kept."""
    if {"-h", "--help"} & set(argv):
        print(HELP, end="")
        return 0
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))  # the same digits on any number of cores
    settings, source, nested = read_command(argv, _defaults(argv), command=_COMMAND)
    _evaluate(settings, source, nested)
    return 0


def read_command(
    argv: list[str], defaults: Mapping[str, Any], *, command: str
) -> tuple[dict[str, Any], str, dict[str, Any]]:
    """The options of a command about surrogates, its source, and the options of the source. Raises
    UsageError, ConfigError."""
    from nascurve.experiments.overrides import check_key, parse_overrides, split_flags

    _, rest = split_flags(argv, command=command)
    settings, source, nested = dict(defaults), "pocket201-mnist", {}
    for override in parse_overrides(rest, command=command):
        key, value = override.key_or_group, override.value()
        root, _, inner = key.partition(".")
        if override.is_sweep_override():
            raise UsageError(f"{command}: {key} lists several values; a list is written as {key}=[a,b].")
        if root == "source" and inner:
            nested[inner] = value
        elif key == "source":
            if not isinstance(value, str) or not value:
                raise UsageError(
                    f"{command}: source= takes one id, got {value!r}. See `nascurve list benchmarks`."
                )
            source = value
        else:
            check_key(key, {**settings, "source": None}, command=command)
            settings[key] = value
    return settings, source, nested


def _studies() -> dict[str, Any]:
    from nascurve.experiments.surrogate_held_out import HeldOutStudy
    from nascurve.experiments.surrogate_lomo import LomoStudy
    from nascurve.experiments.surrogate_search import SearchStudy
    from nascurve.experiments.surrogate_size import SizeStudy

    return {study.name: study for study in (HeldOutStudy, SizeStudy, LomoStudy, SearchStudy)}


def _defaults(argv: list[str]) -> dict[str, Any]:
    """Of the command, the models, and the study that is asked for, whose options have meanings of its own."""
    from nascurve.benchmarks.surrogate.surrogate import DEFAULTS as MODEL

    study = next((arg.partition("=")[2] for arg in reversed(argv) if arg.startswith("study=")), "held_out")
    return {**DEFAULTS, **MODEL, **(_studies()[study].DEFAULTS if study in _studies() else {})}


def _evaluate(given: dict[str, Any], source_id: str, nested: dict[str, Any]) -> None:
    import dataclasses

    from nascurve import options
    from nascurve.experiments.surrogate_folder import SurrogateFolder
    from nascurve.experiments.surrogate_settings import ALL, SurrogateSettings
    from nascurve.experiments.surrogate_source import SurrogateSource

    out = options.path("out", given["out"])
    overwrite, figures, markdown = (
        options.flag(name, given[name]) for name in ("overwrite", "figures", "markdown")
    )
    kind = _studies()[options.choice("study", given["study"], tuple(_studies()))]
    settings = SurrogateSettings.read(given)
    source = SurrogateSource.read(
        source_id, nested, data=given["data"], space=given["space"], cache=out / "data-cache"
    )
    reporting = None
    if settings.test_on != ALL:
        reporting = source.reporting_keys()
        source = dataclasses.replace(source, title=f"{source.title}, {settings.test_on} half")
    study: Study = kind(source, settings, reporting, given)
    data = source.data
    print(
        f"{source.title}: {len(data)} runs of {len(data.by_arch())} architectures, {data.n_epochs} epochs; "
        f"{int(data.diverged.sum())} diverged or ended early. Study {study.name}.",
        file=sys.stderr,
        flush=True,
    )
    folder = SurrogateFolder(out)
    with folder.opened(_config(source, settings, study), overwrite=overwrite):
        results = _run_missing(folder, study)
        _write(folder, study, results, figures=figures, markdown=markdown)


def _config(source: SurrogateSource, settings: SurrogateSettings, study: Study) -> dict[str, Any]:
    from nascurve.experiments.config import versions

    return {
        "experiment": {
            "source": dict(source.description),
            "study": study.name,
            "settings": settings.describe(),
            **({study.name: study.describe()} if study.describe() else {}),
        },
        "reference": {"data_sha256": source.data.sha256, "runs": len(source.data)},
        "versions": versions(),
    }


def _run_missing(folder: SurrogateFolder, study: Study) -> dict[str, Any]:
    """What the folder has of each part, once the missing ones were added."""
    from nascurve.experiments.progress import create_progress

    there = {part: content for part in study.parts if (content := folder.load(part)) is not None}
    if there:
        print(f"{len(there)} of {len(study.parts)} parts are there already.", file=sys.stderr, flush=True)
    progress = create_progress(total=len(study.parts), done=len(there), unit="part")
    try:
        for part in study.parts:
            if part not in there:
                content = study.compute(part, there)
                folder.keep(part, content)
                there[part] = content
                progress.advance(part)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            f"{len(there)} of {len(study.parts)} parts are done. They are kept in {folder.path}: the same "
            "command goes on from there."
        ) from None
    finally:
        progress.close()
    return there


def _write(
    folder: SurrogateFolder, study: Study, results: Mapping[str, Any], *, figures: bool, markdown: bool
) -> None:
    from nascurve.experiments.figure_files import save_figures
    from nascurve.experiments.files import write_atomically
    from nascurve.experiments.surrogate_table import format_frames

    frames = study.tables(results)
    for name, frame in frames.items():
        text = frame.to_csv(index=False, float_format="%.6g", lineterminator="\n")
        write_atomically(folder.path / name, lambda to, t=text: to.write_text(t, encoding="utf-8"))  # type: ignore[misc]
    written = list(frames)
    if figures:
        paths = save_figures(study.figures(results), folder.path)
        written += [path.name for path in paths if path.suffix == ".png"]
    print(format_frames(frames, markdown=markdown))
    more = " (each figure as .pdf too)" if figures else ""
    print(f"\nWritten to {folder.path}: {', '.join(written)}{more}.", file=sys.stderr)
