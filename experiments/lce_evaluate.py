"""`nascurve lce evaluate`: how well extrapolators predict the curves of a benchmark, or one's own."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from nascurve.processes import THREAD_VARIABLES

if TYPE_CHECKING:
    from nascurve.experiments.lce_evaluate_folder import EvaluationFolder
    from nascurve.experiments.lce_evaluate_run import Part
    from nascurve.experiments.lce_evaluate_source import MeasuredRuns
    from nascurve.experiments.lce_evaluate_specs import ExtrapolatorSpec
    from nascurve.lce.evaluation.curve_set import CurveSet
    from nascurve.lce.evaluation.settings import EvaluationSettings
    from nascurve.lce.evaluation.split import Split


def main(argv: list[str]) -> int:
    """Run the command; raises UsageError, NascurveError, KeyboardInterrupt with what was kept."""
    from nascurve.experiments.lce_evaluate_options import HELP, read_arguments

    if {"-h", "--help"} & set(argv):
        print(HELP, end="")
        return 0
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))  # as its worker processes: the same digits
    settings, source, nested = read_arguments(argv)
    _evaluate(settings, source, nested)
    return 0


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
        **{name: given[name] for name in EvaluationSettings.defaults()},
    )
    kinds = {kind for spec in specs if (kind := getattr(spec(), "encoding", None)) is not None}
    curves = runs.complete(
        at_epoch=settings.at_epoch, min_final_acc=settings.min_final_acc, kinds=sorted(kinds)
    )
    first = Split.draw(curves, settings, 0)  # refuses too few curves before anything is written
    _say_what_is_there(
        runs, curves, settings, specs, n_splits, first, unencoded=bool(kinds) and runs.encode is None
    )
    folder = EvaluationFolder(out)
    with folder.opened(_config(runs, curves, settings, specs), overwrite=overwrite):
        results = _run_missing(folder, specs, curves, settings, n_splits, jobs=jobs, fans=figures)
        _write(folder, runs, results, curves, settings, specs, first, figures=figures, markdown=markdown)


def _config(
    runs: MeasuredRuns, curves: CurveSet, settings: EvaluationSettings, specs: Sequence[ExtrapolatorSpec]
) -> dict[str, Any]:
    from nascurve.experiments.config import versions

    return {
        "experiment": {"source": dict(runs.description), "evaluation": settings.describe()},
        "reference": {
            "data_sha256": runs.sha256,
            "architectures": len(curves.keys),
            "runs": len(curves.curves),
            "left_out_runs": curves.n_left_out,
            "runs_below_min_final_acc": curves.n_below,
            "reporting_architectures": int(curves.reporting.sum()),
        },
        "extrapolators": {spec.label: spec.describe() for spec in specs},
        "versions": versions(),
    }


def _title(runs: MeasuredRuns, settings: EvaluationSettings) -> str:
    half = "" if settings.test_on == "all" else f", {settings.test_on} half"
    above = "" if settings.min_final_acc is None else f", runs that reach {settings.min_final_acc:g}"
    return f"{runs.title}{half}{above}"


def _say_what_is_there(
    runs: MeasuredRuns,
    curves: CurveSet,
    settings: EvaluationSettings,
    specs: Sequence[ExtrapolatorSpec],
    n_splits: int,
    split: Split,
    *,
    unencoded: bool,
) -> None:
    without = f" runs without an accuracy after epoch {settings.at_epoch} (diverged, or ended before)"
    left_out = [f"{curves.n_left_out}{without}"] if curves.n_left_out else []
    left_out += [f"{curves.n_below} runs below min_final_acc"] if curves.n_below else []
    half = "" if settings.test_on == "all" else f" of the {settings.test_on} half"
    print(
        f"{runs.title}: {len(curves.curves)} runs of {len(curves.keys)} architectures, {curves.max_epochs} "
        f"epochs{'; left out: ' if left_out else ''}{', '.join(left_out)}. {len(specs)} extrapolators × "
        f"{n_splits} splits; each tests {split.n_test} of {split.n_testable} architectures{half} and fits up "
        f"to {len(split.fit)} of all others.",
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
    runs: MeasuredRuns,
    results: Mapping[tuple[str, str], Any],
    curves: CurveSet,
    settings: EvaluationSettings,
    specs: Sequence[ExtrapolatorSpec],
    first: Split,
    *,
    figures: bool,
    markdown: bool,
) -> None:
    from nascurve.experiments.files import write_atomically
    from nascurve.experiments.lce_evaluate_run import FANS, fans_from_plain
    from nascurve.experiments.lce_evaluate_summary import metrics_frame, paired_frame, splits_frame
    from nascurve.experiments.lce_evaluate_table import format_evaluation

    cells = {
        (label, int(name.rpartition("-")[2])): content
        for (label, name), content in results.items()
        if name != FANS
    }
    cells = {(spec.label, n): cells[label, n] for spec in specs for label, n in cells if label == spec.label}
    splits = splits_frame(cells, n_left_out=curves.n_left_out)
    metrics = metrics_frame(splits)
    paired = paired_frame(splits, n_testable=first.n_testable, n_test=first.n_test)
    for name, frame in (("metrics.csv", metrics), ("splits.csv", splits), ("paired.csv", paired)):
        text = frame.to_csv(index=False, float_format="%.6g", lineterminator="\n")
        write_atomically(folder.path / name, lambda to, t=text: to.write_text(t, encoding="utf-8"))  # type: ignore[misc]
    written = ["metrics.csv", "splits.csv", "paired.csv"]
    if figures:
        from nascurve.experiments.lce_figures import save_lce_figures

        fans = {spec.label: fans_from_plain(results[spec.label, FANS]) for spec in specs}
        paths = save_lce_figures(
            folder.path,
            title=_title(runs, settings),
            metrics=metrics,
            cells=cells,
            fans=fans,
            at_epoch=settings.at_epoch,
        )
        written += [path.name for path in paths if path.suffix == ".png"]
    print(format_evaluation(metrics, paired, markdown=markdown))
    more = " (each figure as .pdf too)" if figures else ""
    print(f"\nWritten to {folder.path}: {', '.join(written)}{more}.", file=sys.stderr)
