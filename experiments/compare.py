"""`nascurve.compare`: optimizers with and without learning-curve extrapolation, over seeds."""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nascurve.errors import NascurveError
from nascurve.experiments.config import Comparison, reference_values, versions
from nascurve.experiments.figure import FigureSettings, draw_anytime
from nascurve.experiments.figure_files import save_figures
from nascurve.experiments.folder import ExperimentFolder
from nascurve.experiments.grid import FailedRun, Job, run_grid
from nascurve.experiments.journal import Journal
from nascurve.experiments.progress import create_progress
from nascurve.experiments.record import RunKey, RunRecord, runs_frame, write_frame
from nascurve.experiments.source import benchmark_title
from nascurve.experiments.summary import summarise, write_summary
from nascurve.options import integer
from nascurve.processes import available_cores

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from nascurve.simulator.types import Benchmark

Say = Callable[[str], object]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ComparisonResult:
    """What a comparison gave.

    runs: as runs.parquet, one row per change of an incumbent.  summary: as summary.csv.
    config: as config.yaml.
    failures: runs that raised.  folder: where it was written, if it was.
    """

    runs: pd.DataFrame
    summary: pd.DataFrame
    config: Mapping[str, Any]
    failures: tuple[FailedRun, ...]
    folder: Path | None

    def draw(self, *, x: Any = "log", statistic: Any = "mean", size: Any = "page") -> Figure:
        """The anytime figure; the options are those of FigureSettings."""
        return draw_results(self.runs, self.config, FigureSettings(x=x, statistic=statistic, size=size))


def draw_results(runs: pd.DataFrame, config: Mapping[str, Any], settings: FigureSettings) -> Figure:
    """The anytime figure of rows of runs.parquet and a config.yaml. Raises ConfigError."""
    experiment, reference = config["experiment"], config["reference"]
    return draw_anytime(
        runs,
        title=benchmark_title(experiment["benchmark"]),
        budget_s=float(experiment["run"]["budget_s"]),
        training_s=reference["mean_training_s"],
        settings=settings,
    )


def compare(
    optimizers: Sequence[Any] = ("rs", "re", "ls", "bananas"),
    benchmark: str | Benchmark = "pocket201-mnist",
    *,
    seeds: int | Sequence[int] = 30,
    budget_s: float | None = None,
    budget_trainings: float = 200,
    lce: Sequence[Any] = ("none", "last_value"),
    workers: int = 1,
    resume: bool = True,
    charge_decisions: bool = False,
    optimizer_options: Mapping[str, Mapping[str, Any]] | None = None,
    lce_options: Mapping[str, Any] | None = None,
    extrapolator_options: Mapping[str, Mapping[str, Any]] | None = None,
    benchmark_options: Mapping[str, Any] | None = None,
    out: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    processes: int | None = None,
    figure: FigureSettings | None = None,
    say: Say | None = None,
    quiet: bool = False,
) -> ComparisonResult:
    """Run every optimizer with every `lce` entry on every seed, and compare.

    optimizers: ids; mappings {id, label, option: value}; or pairs (label, factory), called as
        `factory(space, rng=…)`.
    benchmark: an id, with `benchmark_options`; or a Benchmark.
    seeds: n for 0 … n-1, or a sequence. Every method gets the same ones, so that differences are paired. The
        seed goes to the optimizer's generator and to the simulator, as in `create_optimizer(…, seed=s)` and
        `simulate(…, seed=s)`.
    budget_s: simulated seconds of one run; None means `budget_trainings` × the mean cost of a full training.
    lce: "none"; extrapolator ids; mappings {id, label, e_few, k, top_n, …, extrapolator: {…}}; or pairs
        (label, factory) with `factory(base_optimizer)`.
    workers, resume, charge_decisions: of the simulated run, see `simulate`.
    optimizer_options, extrapolator_options: options by id.  lce_options: of the LCE wrapper, for all entries.
    out: folder for config.yaml, runs.parquet, summary.csv and the figure; each finished run is on the disk at
        once (runs.jsonl), and a second call with the same configuration runs only what is missing. None:
        nothing is written.
    overwrite: throw away what `out` holds.
    processes: real processes; None means one a core, or this process alone when objects or factories are
        given, which can only be forked. Results do not depend on it.
    say: gets lines about what is going on.  quiet: no progress bar.

    Failed runs are listed in the result (and warned of), the others are kept. Raises NascurveError: for bad
    settings before anything is run, for a folder that holds another configuration, results on other data or a
    config.yaml of somebody else, or that another process writes to, for a full disk, and when every run
    failed; KeyboardInterrupt says what was kept.
    """
    say = say or (lambda line: None)
    settings = figure or FigureSettings()
    comparison, loaded = Comparison.read(
        optimizers=optimizers,
        lce=lce,
        seeds=seeds,
        benchmark=benchmark,
        budget_s=budget_s,
        budget_trainings=budget_trainings,
        workers=workers,
        resume=resume,
        charge_decisions=charge_decisions,
        optimizer_options=optimizer_options,
        lce_options=lce_options,
        extrapolator_options=extrapolator_options,
        benchmark_options=benchmark_options,
    )
    n_processes = _processes(processes, comparison)
    config = {
        "experiment": comparison.describe(loaded),
        "reference": reference_values(loaded),
        "versions": versions(),
    }
    say(_headline(comparison, config, n_processes))
    records: dict[RunKey, RunRecord] = {}
    failures: list[FailedRun] = []
    folder = None if out is None else ExperimentFolder(out)

    def run_missing(keep: Callable[[RunRecord], object]) -> None:
        _run_missing(comparison, loaded, n_processes, records, failures, keep, say, quiet)

    with contextlib.nullcontext() if folder is None else folder.opened(config, overwrite=overwrite):
        if folder is None:
            run_missing(lambda record: None)
        else:
            _run_and_keep(folder, records, run_missing)
        if not records:
            raise NascurveError("Every run failed.\n" + describe_failures(failures))
        order = [(*method.key, seed) for method in comparison.methods for seed in comparison.seeds]
        kept = [records[key] for key in order if key in records]
        runs = runs_frame(kept)
        summary = summarise(
            runs,
            budget_s=float(comparison.run.budget_s or 0),
            methods=[method.key for method in comparison.methods],
            records=kept,
        )
        if folder is not None:
            write_frame(runs, folder.runs)
            write_summary(summary, folder.summary)
            if len(runs):
                save_figures({"anytime": draw_results(runs, config, settings)}, folder.path)
    if failures:
        warnings.warn(f"{len(failures)} runs failed.\n{describe_failures(failures)}", stacklevel=2)
    return ComparisonResult(
        runs=runs,
        summary=summary,
        config=config,
        failures=tuple(failures),
        folder=None if folder is None else folder.path,
    )


def describe_failures(failures: Sequence[FailedRun]) -> str:
    """Names and causes; runs with the same cause on one line."""
    by_cause: dict[str, list[str]] = {}
    for failure in failures:
        by_cause.setdefault(failure.cause, []).append(failure.name)
    lines = []
    for cause, names in by_cause.items():
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        lines.append(f"  {', '.join(names[:3])}{more}: {cause}")
    return "\n".join(lines)


def _run_and_keep(
    folder: ExperimentFolder,
    records: dict[RunKey, RunRecord],
    run_missing: Callable[[Callable[[RunRecord], object]], None],
) -> None:
    """Take the finished runs from the journal, and put those into it that finish now."""
    with Journal(folder.journal) as journal:
        records.update((record.key, record) for record in journal.records())
        try:
            run_missing(journal.append)
        except KeyboardInterrupt as interrupt:
            raise KeyboardInterrupt(
                f"{interrupt} They are kept in {folder.path}: the same command goes on from there."
            ) from None


def _processes(processes: int | None, comparison: Comparison) -> int:
    if processes is not None:
        return integer("processes", processes, at_least=1)
    if comparison.source.instance is not None or not all(method.from_ids for method in comparison.methods):
        return 1
    return available_cores()


def _headline(comparison: Comparison, config: Mapping[str, Any], processes: int) -> str:
    n_methods, n_seeds = len(comparison.methods), len(comparison.seeds)
    budget_s, training_s = comparison.run.budget_s or 0.0, config["reference"]["mean_training_s"]
    return (
        f"{n_methods} methods × {n_seeds} seeds = {n_methods * n_seeds} runs on "
        f"{benchmark_title(config['experiment']['benchmark'])}; budget {budget_s:g} simulated s each "
        f"({budget_s / training_s:.3g} full trainings of {training_s:.3g} s); "
        f"{processes} process{'' if processes == 1 else 'es'}."
    )


def _run_missing(
    comparison: Comparison,
    benchmark: Benchmark,
    processes: int,
    records: dict[RunKey, RunRecord],
    failures: list[FailedRun],
    keep: Callable[[RunRecord], object],
    say: Say,
    quiet: bool,
) -> None:
    jobs: list[Job] = [
        (index, seed)
        for seed in comparison.seeds
        for index, method in enumerate(comparison.methods)
        if (*method.key, seed) not in records
    ]
    total = len(comparison.methods) * len(comparison.seeds)
    if len(jobs) < total:
        say(f"{total - len(jobs)} of {total} runs are there already; {len(jobs)} to do.")
    progress = create_progress(total=total, done=total - len(jobs), quiet=quiet)

    def on_finished(outcome: RunRecord | FailedRun) -> None:
        if isinstance(outcome, FailedRun):
            failures.append(outcome)
            progress.advance(f"failed: {outcome.name}")
            return
        keep(outcome)
        records[outcome.key] = outcome
        progress.advance(f"{outcome.optimizer}, {outcome.lce}, seed {outcome.seed}")

    try:
        run_grid(comparison, jobs, processes=processes, benchmark=benchmark, on_finished=on_finished)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"{len(records)} of {total} runs are done.") from None
    finally:
        progress.close()
