"""One run of `nascurve run`: from a composed configuration to its folder of results."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nascurve.errors import ConfigError
from nascurve.experiments.config import (
    BUDGET_HINT,
    RunSettings,
    reference_values,
    resolve_budget_s,
    try_begin,
    versions,
)
from nascurve.experiments.folder import ExperimentFolder
from nascurve.experiments.methods import LCESpec, Method, OptimizerSpec
from nascurve.experiments.options import mapping
from nascurve.experiments.record import RunRecord, write_frame
from nascurve.experiments.run_tables import run_tables
from nascurve.experiments.source import BenchmarkSource, benchmark_title, describe_benchmark
from nascurve.experiments.store_schema import to_table
from nascurve.options import flag, integer, real

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from nascurve.simulator.types import Benchmark


@dataclass(frozen=True, slots=True)
class SweepPlace:
    """Where a run of a sweep goes, and what distinguishes it from the others: option -> value."""

    folder: Path
    swept: Mapping[str, str]


def run_job(cfg: DictConfig, place: SweepPlace | None = None) -> None:
    """Hydra's task: simulate, write the results, print a summary.

    place: in a sweep; None: what Hydra knows of it. Raises NascurveError.
    """
    from omegaconf import OmegaConf

    place = place or _hydras_place()
    config: Any = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
    seed = integer("seed", config["seed"], at_least=0)
    method = _method(config)
    source = _source(config)
    benchmark = source.load()
    settings = _settings(config, benchmark)
    try_begin(method, benchmark, seed)  # before anything is written
    content: dict[str, Any] = {
        "experiment": {
            "benchmark": describe_benchmark(source, benchmark),
            "seeds": [seed],
            "run": settings.describe(),
            "methods": [method.describe()],
        },
        **({} if place is None else {"swept": dict(place.swept)}),
        "reference": reference_values(benchmark),
        "versions": versions(),
    }
    folder = ExperimentFolder(_folder(config, method, benchmark, seed) if place is None else place.folder)
    with folder.opened(content, overwrite=flag("overwrite", config["overwrite"])):
        if folder.runs.exists() and folder.evaluations.exists():
            print(f"{folder.path}: this run is there already.")
            return
        title = benchmark_title(content["experiment"]["benchmark"])
        _simulate(method, benchmark, settings, seed, folder, title=title)


def _simulate(
    method: Method,
    benchmark: Benchmark,
    settings: RunSettings,
    seed: int,
    folder: ExperimentFolder,
    *,
    title: str,
) -> None:
    from nascurve.simulator.simulate import simulate

    result = simulate(method.build(benchmark.space, seed), benchmark, seed=seed, **settings.describe())
    write_frame(result.to_frame(), folder.evaluations)
    table = to_table([RunRecord.of(method.key, result, 0.0)])
    write_frame(run_tables(table, [method.key]).runs, folder.runs)
    print(
        f"{method.name}, seed {seed}, on {title}: {result.n_evaluations} evaluations, "
        f"{result.total_epochs} epochs, {result.total_time_s:.1f} simulated s "
        f"(optimizer: {result.decision_s:.2f} real s)."
    )
    trajectory = result.trajectory
    if len(trajectory):
        regret = float(trajectory.regret[-1])
        known = "" if math.isnan(regret) else f", regret {100 * regret:.2f} points"
        print(
            f"Incumbent since {trajectory.time_s[-1]:.1f} s: {trajectory.archs[-1]!s}\n"
            f"validation accuracy {100 * trajectory.val_acc[-1]:.2f} %, true test accuracy "
            f"{100 * trajectory.test_acc[-1]:.2f} %{known}."
        )
    else:
        print("No full training finished within the budget, so there is no incumbent. Give a larger budget.")
    print(f"Written to {folder.path}: {folder.runs.name}, {folder.evaluations.name}, {folder.config.name}.")


def _method(config: dict[str, Any]) -> Method:
    optimizer, lce = _group(config, "optimizer"), _group(config, "lce")
    return Method(optimizer=OptimizerSpec.read(optimizer, {}), lce=LCESpec.read(_or_id(lce), {}, {}))


def _or_id(entry: dict[str, Any]) -> Any:
    return entry["id"] if entry["id"] == "none" else entry


def _source(config: dict[str, Any]) -> BenchmarkSource:
    options = dict(_group(config, "benchmark"))
    return BenchmarkSource.read(options.pop("id"), options)


def _group(config: dict[str, Any], name: str) -> dict[str, Any]:
    entry = mapping(name, config[name])
    if not isinstance(entry.get("id"), str):
        raise ConfigError(f"{name}: expected an id, got {config[name]!r}. `nascurve list` shows the ids.")
    return entry


def _settings(config: dict[str, Any], benchmark: Benchmark) -> RunSettings:
    budget_s, budget_epochs = config["budget_s"], config["budget_epochs"]
    if budget_s is not None:
        budget_s = real("budget_s", budget_s, hint=BUDGET_HINT, above=0)
    if budget_epochs is not None:
        budget_epochs = integer("budget_epochs", budget_epochs, at_least=1)
    if budget_s is None and budget_epochs is None:
        budget_s = resolve_budget_s(benchmark, None, config["budget_trainings"])
    return RunSettings(
        budget_s=budget_s,
        budget_epochs=budget_epochs,
        workers=integer("workers", config["workers"], at_least=1),
        resume=flag("resume", config["resume"]),
        charge_decisions=flag("charge_decisions", config["charge_decisions"]),
        common_noise=flag("common_noise", config["common_noise"]),
    )


def _folder(config: dict[str, Any], method: Method, benchmark: Benchmark, seed: int) -> Path:
    if config["out"] is not None:
        return Path(str(config["out"]))
    optimizer, lce = method.key
    return Path("results") / "run" / benchmark.info.name / f"{optimizer}-{lce}-seed{seed}"


def _hydras_place() -> SweepPlace | None:
    """Of a run that Hydra started as one of a sweep; None for a single run."""
    from hydra.core.hydra_config import HydraConfig
    from hydra.types import RunMode

    if not HydraConfig.initialized() or HydraConfig.get().mode != RunMode.MULTIRUN:
        return None
    hydra = HydraConfig.get()
    fixed = set(hydra.job.config.override_dirname.exclude_keys)
    pairs = (override.lstrip("+").partition("=")[::2] for override in hydra.overrides.task)
    return SweepPlace(
        Path(hydra.runtime.output_dir), {key: value for key, value in pairs if key not in fixed}
    )
