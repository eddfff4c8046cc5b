"""`nascurve lce evaluate`: how well extrapolators predict the curves of a benchmark, or one's own."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from nascurve.experiments.usage import UsageError
from nascurve.processes import THREAD_VARIABLES

if TYPE_CHECKING:
    from nascurve.experiments.lce_evaluate_folder import EvaluationFolder
    from nascurve.experiments.lce_evaluate_run import Part
    from nascurve.experiments.lce_evaluate_source import TrainingRuns
    from nascurve.experiments.lce_evaluate_specs import ExtrapolatorSpec
    from nascurve.lce.evaluation.curve_set import CurveSet
    from nascurve.lce.evaluation.settings import EvaluationSettings

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
  prefixes=[.05,.1,.2,.3,.5,.75]  epochs seen, or fractions of the last epoch in (0, 1)
  at_epoch=null             epoch (or fraction) that is predicted; null: the last one
  fit_curves=[0,20,100]     numbers of full curves that are learnt from
  splits=20                 seed=0
  max_test=1000             tested architectures of a split, at most
  runs=one                  one run of each tested architecture, drawn; all: every run
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
    "prefixes": [0.05, 0.1, 0.2, 0.3, 0.5, 0.75],
    "at_epoch": None,
    "fit_curves": [0, 20, 100],
    "splits": 20,
    "seed": 0,
    "max_test": 1000,
    "runs": "one",
    "max_architectures": 10_000,
    "out": "results/lce-evaluate",
    "overwrite": False,
    "jobs": 1,
    "figures": True,
    "markdown": False,
}
_COMMAND = "lce evaluate"


def main(argv: list[str]) -> int:
    """Run the command; raises UsageError, NascurveError, KeyboardInterrupt with what was kept."""
    if {"-h", "--help"} & set(argv):
        print(HELP, end="")
        return 0
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))  # as its worker processes: the same digits
    settings, source, nested = _read(argv)
    _evaluate(settings, source, nested)
    return 0


def _read(argv: list[str]) -> tuple[dict[str, Any], str, dict[str, dict[str, Any]]]:
    """The command's own options, the source, and the options of source and extrapolators."""
    from nascurve.experiments.overrides import check_key, parse_overrides, split_flags

    _, rest = split_flags(argv, command=_COMMAND)
    settings, source = dict(DEFAULTS), "pocket201-mnist"
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


def _evaluate(given: dict[str, Any], source: str, nested: dict[str, dict[str, Any]]) -> None:
    from nascurve import options
    from nascurve.experiments.lce_evaluate_folder import EvaluationFolder
    from nascurve.experiments.lce_evaluate_source import read_runs
    from nascurve.experiments.lce_evaluate_specs import read_extrapolators
    from nascurve.lce.evaluation.settings import EvaluationSettings
    from nascurve.lce.evaluation.split import Split

    out = options.path("out", given["out"])
    n_splits = options.integer("splits", given["splits"], at_least=1)
    jobs = options.integer("jobs", given["jobs"], at_least=1)
    overwrite, figures, markdown = (
        options.flag(name, given[name]) for name in ("overwrite", "figures", "markdown")
    )
    limit = options.integer("max_architectures", given["max_architectures"], at_least=20)
    specs = read_extrapolators(given["extrapolators"], nested["extrapolator_options"])
    runs = read_runs(
        source, nested["source"], data=given["data"], cache=out / "data-cache", max_architectures=limit
    )
    settings = EvaluationSettings.read(
        max_epochs=runs.curves.shape[1],
        fidelities=runs.fidelities,
        **{name: given[name] for name in ("at_epoch", "prefixes", "fit_curves", "max_test", "runs", "seed")},
    )
    kinds = {kind for spec in specs if (kind := getattr(spec(), "encoding", None)) is not None}
    curves = runs.complete(at_epoch=settings.at_epoch, kinds=sorted(kinds))
    Split.draw(curves, settings, 0)  # refuses too few curves before anything is written
    _say_what_is_there(runs, curves, settings, specs, n_splits, unencoded=bool(kinds) and runs.encode is None)
    folder = EvaluationFolder(out)
    with folder.opened(_config(runs, curves, settings, specs), overwrite=overwrite):
        results = _run_missing(folder, specs, curves, settings, n_splits, jobs=jobs, fans=figures)
        _write(folder, runs, results, curves, settings, specs, figures=figures, markdown=markdown)


def _config(
    runs: TrainingRuns, curves: CurveSet, settings: EvaluationSettings, specs: Sequence[ExtrapolatorSpec]
) -> dict[str, Any]:
    from nascurve.experiments.config import versions

    return {
        "experiment": {"source": dict(runs.description), "evaluation": settings.describe()},
        "reference": {
            "data_sha256": runs.sha256,
            "architectures": len(curves.keys),
            "runs": len(curves.curves),
            "left_out_runs": curves.n_left_out,
        },
        "extrapolators": {spec.label: spec.describe() for spec in specs},
        "versions": versions(),
    }


def _say_what_is_there(
    runs: TrainingRuns,
    curves: CurveSet,
    settings: EvaluationSettings,
    specs: Sequence[ExtrapolatorSpec],
    n_splits: int,
    *,
    unencoded: bool,
) -> None:
    left_out = (
        f"; {curves.n_left_out} runs without an accuracy after epoch {settings.at_epoch} (diverged, or ended "
        "before) are left out"
        if curves.n_left_out
        else ""
    )
    print(
        f"{runs.title}: {len(curves.curves)} runs of {len(curves.keys)} architectures, {curves.max_epochs} "
        f"epochs{left_out}. {len(specs)} extrapolators × {n_splits} splits.",
        file=sys.stderr,
        flush=True,
    )
    if unencoded:
        print(
            "The architectures are not known beyond their names: extrapolators get no encodings.",
            file=sys.stderr,
            flush=True,
        )


def _run_missing(
    folder: EvaluationFolder,
    specs: Sequence[ExtrapolatorSpec],
    curves: CurveSet,
    settings: EvaluationSettings,
    n_splits: int,
    *,
    jobs: int,
    fans: bool,
) -> dict[tuple[str, str], Any]:
    """What the folder has of each part, by label and name, once the missing ones were added."""
    from nascurve.experiments.lce_evaluate_run import Part, run_parts
    from nascurve.experiments.progress import create_progress

    parts = [Part(spec=spec, split=number) for number in range(n_splits) for spec in specs]
    parts += [Part(spec=spec, split=0, fans=True) for spec in specs if fans]
    there = {
        (part.spec.label, part.name): content
        for part in parts
        if (content := folder.load(part.spec.label, part.name)) is not None
    }
    missing = [part for part in parts if (part.spec.label, part.name) not in there]
    if len(missing) < len(parts):
        print(f"{len(there)} of {len(parts)} parts are there already.", file=sys.stderr, flush=True)
    progress = create_progress(total=len(parts), done=len(there), unit="part")

    def on_finished(part: Part, content: Any) -> None:
        folder.keep(part.spec.label, part.name, content)
        there[part.spec.label, part.name] = content
        progress.advance(f"{part.spec.label}, {part.name}")

    try:
        run_parts(missing, curves, settings, jobs=jobs, on_finished=on_finished)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            f"{len(there)} of {len(parts)} parts are done. They are kept in {folder.path}: the same command "
            "goes on from there."
        ) from None
    finally:
        progress.close()
    return there


def _write(
    folder: EvaluationFolder,
    runs: TrainingRuns,
    results: Mapping[tuple[str, str], Any],
    curves: CurveSet,
    settings: EvaluationSettings,
    specs: Sequence[ExtrapolatorSpec],
    *,
    figures: bool,
    markdown: bool,
) -> None:
    from nascurve.experiments.files import write_atomically
    from nascurve.experiments.lce_evaluate_run import FANS, fans_from_plain
    from nascurve.experiments.lce_evaluate_summary import metrics_frame, paired_frame, splits_frame
    from nascurve.experiments.lce_evaluate_table import format_evaluation
    from nascurve.lce.evaluation.split import Split

    cells = {
        (label, int(name.rpartition("-")[2])): content
        for (label, name), content in results.items()
        if name != FANS
    }
    cells = {(spec.label, n): cells[label, n] for spec in specs for label, n in cells if label == spec.label}
    splits = splits_frame(cells, n_left_out=curves.n_left_out)
    metrics = metrics_frame(splits)
    n_test = Split.draw(curves, settings, 0).n_test
    paired = paired_frame(splits, n_architectures=len(curves.keys), n_test=n_test)
    for name, frame in (("metrics.csv", metrics), ("splits.csv", splits), ("paired.csv", paired)):
        text = frame.to_csv(index=False, float_format="%.6g", lineterminator="\n")
        write_atomically(folder.path / name, lambda to, t=text: to.write_text(t, encoding="utf-8"))  # type: ignore[misc]
    written = ["metrics.csv", "splits.csv", "paired.csv"]
    if figures:
        from nascurve.experiments.lce_figures import save_lce_figures

        fans = {spec.label: fans_from_plain(results[spec.label, FANS]) for spec in specs}
        paths = save_lce_figures(
            folder.path, title=runs.title, metrics=metrics, cells=cells, fans=fans, at_epoch=settings.at_epoch
        )
        written += [path.name for path in paths if path.suffix == ".png"]
    print(format_evaluation(metrics, paired, markdown=markdown))
    more = " (each figure as .pdf too)" if figures else ""
    print(f"\nWritten to {folder.path}: {', '.join(written)}{more}.", file=sys.stderr)
