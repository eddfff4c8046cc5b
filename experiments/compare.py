"""`nascurve.compare`: optimizers with and without learning-curve extrapolation, over seeds."""

from __future__ import annotations

import contextlib
import os
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nascurve.errors import ConfigError
from nascurve.experiments.callbacks.composite import Callbacks, read_callbacks
from nascurve.experiments.comparison_result import (
    ComparisonResult,
    describe_failures,
    finish_comparison,
)
from nascurve.experiments.config import Comparison, reference_values, versions
from nascurve.experiments.figure import FigureSettings
from nascurve.experiments.folder import ExperimentFolder
from nascurve.experiments.launch_hydra import HydraLauncher
from nascurve.experiments.launchers import HereLauncher, Launcher, PoolLauncher, Runners
from nascurve.experiments.progress import create_progress
from nascurve.experiments.record import RunRecord
from nascurve.experiments.runner import ComparisonRunner
from nascurve.experiments.source import benchmark_title, describe_benchmark
from nascurve.experiments.sweep import Experiment, Say, Sweep
from nascurve.options import flag, integer, real
from nascurve.processes import available_cores, single_threaded

if TYPE_CHECKING:
    from nascurve.simulator.types import Benchmark


def compare(
    optimizers: Sequence[Any] | None = None,
    benchmark: str | Benchmark = "pocket201-mnist",
    *,
    lce: Sequence[Any] | None = None,
    methods: Sequence[Any] | None = None,
    seeds: int | Sequence[int] = 30,
    budget_s: float | None = None,
    budget_trainings: float = 200,
    workers: int = 1,
    resume: bool = True,
    charge_decisions: bool = False,
    common_noise: bool = True,
    optimizer_options: Mapping[str, Mapping[str, Any]] | None = None,
    lce_options: Mapping[str, Any] | None = None,
    extrapolator_options: Mapping[str, Mapping[str, Any]] | None = None,
    benchmark_options: Mapping[str, Any] | None = None,
    out: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    **execution: Any,
) -> ComparisonResult:
    """Run every optimizer with every `lce` entry on every seed, and compare.

    optimizers: ids; mappings {id, label, option: value}; or pairs (label, factory), called as
        `factory(space, rng=…)`. None: rs, re, ls, bananas.
    benchmark: an id, with `benchmark_options`; or a Benchmark. For several see `compare_tasks`.
    lce: "none"; extrapolator ids; mappings {id, label, e_few, k, top_n, …, extrapolator: {…}}; or pairs
        (label, factory) with `factory(base_optimizer)`. None: none, last_value.
    methods: instead of optimizers × lce a list of {optimizer: entry, lce: entry}.
    seeds: n for 0 … n-1, or a sequence. Every method gets the same ones, so that differences are paired. The
        seed goes to the optimizer's generator and to the simulator, as in `create_optimizer(…, seed=s)` and
        `simulate(…, seed=s)`.
    budget_s: simulated seconds of one run; None means `budget_trainings` × the mean cost of a full training.
    workers, resume, charge_decisions, common_noise: of the simulated run, see `simulate`.
    optimizer_options, extrapolator_options: options by id.  lce_options: of the LCE wrapper, for all entries.
    out: folder for config.yaml, the store of runs, runs.parquet, summary.csv and the figure; each finished
        run is on the disk at once, and a second call with the same configuration runs only what is missing.
        None: nothing is kept.
    overwrite: throw away what `out` holds.
    execution: how it is done, which changes no result; see `execute`.

    Failed runs are listed in the result (and warned of), the others are kept. Raises NascurveError: for bad
    settings before anything is run, for a folder that holds another configuration, results on other data or a
    config.yaml of somebody else, or that another process writes to, for a full disk, and when every run
    failed; KeyboardInterrupt says what was kept.
    """
    settings = {
        "optimizers": optimizers,
        "lce": lce,
        "methods": methods,
        "seeds": seeds,
        "budget_s": budget_s,
        "budget_trainings": budget_trainings,
        "workers": workers,
        "resume": resume,
        "charge_decisions": charge_decisions,
        "common_noise": common_noise,
        "optimizer_options": optimizer_options,
        "lce_options": lce_options,
        "extrapolator_options": extrapolator_options,
    }
    comparison, loaded = Comparison.read(benchmark=benchmark, benchmark_options=benchmark_options, **settings)
    (result,) = execute([(comparison, loaded, out)], overwrite=overwrite, **execution)
    return result


def compare_tasks(
    benchmarks: Sequence[Any],
    optimizers: Sequence[Any] | None = None,
    *,
    out: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    seeds: int | Sequence[int] = 30,
    launcher: Any = None,
    **options: Any,
) -> dict[str, ComparisonResult]:
    """The same comparison on several benchmarks, by their titles.

    benchmarks: ids; mappings {id, option: value}; or Benchmark objects.  out: the folder, with a folder of
    its own for each benchmark.  options: all others of `compare`. All runs go into one sweep. Raises what
    `compare` raises, and ConfigError for a benchmark that is given twice.
    """
    execution = {name: options.pop(name) for name in tuple(options) if name in _EXECUTION}
    tasks: list[tuple[Comparison, Benchmark, Path | None]] = []
    titles: list[str] = []
    folders: list[str] = []
    for entry in benchmarks:
        id_, own = _read_task(entry)
        comparison, loaded = Comparison.read(
            benchmark=id_, benchmark_options=own, optimizers=optimizers, seeds=seeds, **options
        )
        title = benchmark_title(describe_benchmark(comparison.source, loaded))
        if title in titles:
            raise ConfigError(f"benchmark: {title} stands there more than once. Name each benchmark once.")
        titles.append(title)
        name = comparison.source.id or loaded.info.name
        if name in folders:  # the same id on other files
            name = title
        folders.append(name)
        tasks.append((comparison, loaded, None if out is None else Path(out) / name))
    results = execute(tasks, overwrite=overwrite, launcher=launcher, **execution)
    return dict(zip(titles, results, strict=True))


def _read_task(entry: Any) -> tuple[Any, dict[str, Any] | None]:
    if not isinstance(entry, Mapping):
        return entry, None
    if not isinstance(entry.get("id"), str):
        raise ConfigError(f"benchmark: expected an id or a mapping {{id: …, option: value}}, got {entry!r}.")
    return entry["id"], {key: value for key, value in entry.items() if key != "id"}


_EXECUTION = (
    *("processes", "launcher", "launcher_options", "job_s", "max_jobs", "retry_failed", "callbacks"),
    *("figure", "say", "quiet"),
)


def execute(
    tasks: Sequence[tuple[Comparison, Benchmark, str | os.PathLike[str] | None]],
    *,
    overwrite: bool = False,
    processes: int | None = None,
    launcher: str | None = None,
    launcher_options: Sequence[str] = (),
    job_s: float | None = None,
    max_jobs: int = 1000,
    retry_failed: bool = False,
    callbacks: Any = None,
    figure: FigureSettings | None = None,
    say: Say | None = None,
    quiet: bool = False,
) -> list[ComparisonResult]:
    """Do what is missing of some comparisons, each with its benchmark and its folder.

    processes: real processes; None means one a core, or this process alone when objects or factories are
        given, which can only be forked. Results do not depend on it.
    launcher: None for processes of this machine; "basic" for this process; or a launcher of Hydra's that is
        installed: joblib, submitit_local, submitit_slurm, ray.
    launcher_options: its settings, as on the command line: "hydra.launcher.partition=short".
    job_s: real seconds a job of such a launcher should take: short runs are packed, by what runs are measured
        to cost.  max_jobs: at most so many at a time.
    retry_failed: do runs again that failed in an earlier call.
    callbacks: ids, mappings or objects that are told of the sweep (`nascurve list callbacks`).
    figure: settings of the figure.  say: gets lines about what is going on.  quiet: no progress line.

    Raises NascurveError, KeyboardInterrupt: see `compare`.
    """
    overwrite, retry_failed = flag("overwrite", overwrite), flag("retry_failed", retry_failed)
    say = say or (lambda line: None)
    figure = figure or FigureSettings()
    configs = [_config(comparison, loaded) for comparison, loaded, _ in tasks]
    told = [read_callbacks(callbacks) for _ in tasks]
    _refuse_shared(told)
    with contextlib.ExitStack() as held:
        experiments = []
        for (comparison, loaded, out), config in zip(tasks, configs, strict=True):
            folder = ExperimentFolder(held.enter_context(_temporary_folder()) if out is None else Path(out))
            experiments.append(
                Experiment(
                    comparison=comparison,
                    benchmark=loaded,
                    config=config,
                    folder=folder,
                    kept=out is not None,
                )
            )
        # Before a folder is opened, which may clear it.
        launch = _launcher(experiments, processes, launcher, launcher_options, job_s, max_jobs)
        for experiment, config in zip(experiments, configs, strict=True):
            held.enter_context(experiment.folder.opened(config, overwrite=overwrite))
            say(_headline(experiment.comparison, config, launch.name))
        for callback in told:
            held.enter_context(callback)
        _sweep(experiments, launch, told, retry_failed=retry_failed, say=say, quiet=quiet)
        results = []
        for experiment, callback in zip(experiments, told, strict=True):
            result = finish_comparison(experiment.folder, experiment.config, figure, kept=experiment.kept)
            png = experiment.folder.path / "anytime.png"
            callback.end(result.runs, result.summary, [png] if png.exists() else [])
            results.append(result)
    failures = [failure for result in results for failure in result.failures]
    if failures:
        warnings.warn(f"{len(failures)} runs failed.\n{describe_failures(failures)}", stacklevel=3)
    return results


def _refuse_shared(told: Sequence[Callbacks]) -> None:
    """A callback object serves one comparison."""
    objects = [callback for callbacks in told for callback in callbacks.members]
    if len({id(callback) for callback in objects}) < len(objects):
        raise ConfigError(
            "callbacks: with several benchmarks give ids or mappings {id: …, option: value}, of which each "
            "benchmark gets an object of its own; an object serves one."
        )


def _sweep(
    experiments: Sequence[Experiment],
    launcher: Launcher,
    told: Sequence[Callbacks],
    *,
    retry_failed: bool,
    say: Say,
    quiet: bool,
) -> None:
    def ended(place: int, record: RunRecord) -> None:
        told[place].run_finished(record.to_dict())

    sweep = Sweep(
        experiments=experiments,
        launcher=launcher,
        prober=PoolLauncher(available_cores()),
        say=say,
        on_ended=ended,
        retry_failed=retry_failed,
    )
    sweep.begin()
    done, failed = sweep.count("done"), sweep.count("failed")
    if done or failed:
        again = f", {failed} of them failed" if failed else ""
        to_do = sweep.total - done - failed
        say(f"{done + failed} of {sweep.total} runs are there already{again}; {to_do} to do.")
    for place, (experiment, callback) in enumerate(zip(experiments, told, strict=True)):
        path = experiment.folder.path if experiment.kept else None
        callback.begin(experiment.config, path, experiment.total, sweep.count("done", place))
    progress = create_progress(total=sweep.total, done=done, failed=failed, quiet=quiet)
    try:
        with single_threaded() if isinstance(launcher, HereLauncher) else contextlib.nullcontext():
            sweep.run(progress)
    except KeyboardInterrupt:
        folders = ", ".join(str(experiment.folder.path) for experiment in experiments if experiment.kept)
        kept = f" They are kept in {folders}: the same command goes on from there." if folders else ""
        raise KeyboardInterrupt(f"{sweep.count('done')} of {sweep.total} runs are done.{kept}") from None
    finally:
        progress.close()


def _config(comparison: Comparison, loaded: Benchmark) -> dict[str, Any]:
    return {
        "experiment": comparison.describe(loaded),
        "reference": reference_values(loaded),
        "versions": versions(),
    }


@contextlib.contextmanager
def _temporary_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="nascurve-") as path:
        yield Path(path)


def _launcher(
    experiments: Sequence[Experiment],
    processes: int | None,
    name: str | None,
    options: Sequence[str],
    job_s: float | None,
    max_jobs: int,
) -> Launcher:
    if processes is not None:
        processes = integer("processes", processes, at_least=1)
    if job_s is not None:
        job_s = real("job_s", job_s, hint="Give the real seconds of a packed job.", above=0)
    max_jobs = integer("max_jobs", max_jobs, at_least=1)
    from_ids = all(experiment.comparison.from_ids for experiment in experiments)
    if processes is not None and name is not None:
        raise ConfigError(
            f"processes={processes} is about processes of this machine, not about hydra/launcher={name}, "
            "which has options of its own: hydra.launcher.…"
        )
    if options and name is None:
        raise ConfigError("launcher_options: expected a launcher beside them, such as launcher='joblib'.")
    if from_ids and name not in (None, "basic"):
        return HydraLauncher(str(name), options, job_s=job_s, max_jobs=max_jobs)
    if name not in (None, "basic"):
        raise ConfigError(
            f"hydra/launcher={name}: optimizers, LCE and benchmarks from Python objects exist in this "
            "process only. Give ids (see docs/plugins.md), or leave the launcher out."
        )
    runners: Runners | None = None
    if not from_ids:
        runners = {
            experiment.folder.path: ComparisonRunner.of(experiment.comparison, experiment.benchmark)
            for experiment in experiments
        }
    if name == "basic" or (not from_ids and processes in (None, 1)):
        return HereLauncher(runners)
    return PoolLauncher(processes or available_cores(), runners)


def _headline(comparison: Comparison, config: Mapping[str, Any], launcher: str) -> str:
    n_methods, n_seeds = len(comparison.methods), len(comparison.seeds)
    budget_s, training_s = comparison.run.budget_s or 0.0, config["reference"]["mean_training_s"]
    return (
        f"{n_methods} methods × {n_seeds} seeds = {n_methods * n_seeds} runs on "
        f"{benchmark_title(config['experiment']['benchmark'])}; budget {budget_s:g} simulated s each "
        f"({budget_s / training_s:.3g} full trainings of {training_s:.3g} s); {launcher}."
    )
