"""The settings of a comparison, checked."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nascurve.errors import DataFileError
from nascurve.experiments.methods import Method, read_methods
from nascurve.experiments.options import seeds as read_seeds
from nascurve.experiments.source import BenchmarkSource, describe_benchmark, mean_training_s
from nascurve.options import flag, integer, real

if TYPE_CHECKING:
    from nascurve.simulator.types import Benchmark

BUDGET_HINT = "Give budget_s in simulated seconds, or budget_trainings in full trainings."


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSettings:
    """What `simulate` is told of every run, but for the seed."""

    budget_s: float | None
    budget_epochs: int | None = None
    workers: int = 1
    resume: bool = True
    charge_decisions: bool = False
    common_noise: bool = True

    def describe(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What is compared: all that decides about the results, resolved and checked."""

    methods: tuple[Method, ...]
    seeds: tuple[int, ...]
    source: BenchmarkSource
    run: RunSettings

    @classmethod
    def read(
        cls,
        *,
        optimizers: Any = None,
        lce: Any = None,
        methods: Any = None,
        seeds: Any,
        benchmark: Any,
        budget_s: Any = None,
        budget_trainings: Any = 200,
        workers: Any = 1,
        resume: Any = True,
        charge_decisions: Any = False,
        common_noise: Any = True,
        optimizer_options: Any = None,
        lce_options: Any = None,
        extrapolator_options: Any = None,
        benchmark_options: Any = None,
    ) -> tuple[Comparison, Benchmark]:
        """Check everything, load the benchmark and let each method begin once, so that what cannot work fails
        here and not in every run. Raises UnknownIdError, ConfigError, CapabilityError, DataFileError."""
        numbers = read_seeds(seeds)
        workers = integer("workers", workers, at_least=1)
        if budget_s is not None:
            budget_s = real("budget_s", budget_s, hint=BUDGET_HINT, above=0)
        read = read_methods(
            optimizers,
            lce,
            methods=methods,
            optimizer_options=optimizer_options,
            lce_options=lce_options,
            extrapolator_options=extrapolator_options,
        )
        source = BenchmarkSource.read(benchmark, benchmark_options)
        loaded = source.load()
        settings = RunSettings(
            budget_s=resolve_budget_s(loaded, budget_s, budget_trainings),
            workers=workers,
            resume=flag("resume", resume),
            charge_decisions=flag("charge_decisions", charge_decisions),
            common_noise=flag("common_noise", common_noise),
        )
        for method in read:
            try_begin(method, loaded, numbers[0])
        return cls(methods=read, seeds=numbers, source=source, run=settings), loaded

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Comparison:
        """The comparison that a config.yaml describes, as other processes and later ones need it.

        Raises ConfigError where it came from Python objects, which a file cannot hold, UnknownIdError for a
        plug-in that is not installed, DataFileError when it is no such description.
        """
        try:
            experiment = config["experiment"]
            benchmark, run = experiment["benchmark"], dict(experiment["run"])
            id_, options = str(benchmark["id"]), dict(benchmark["options"])
            numbers = tuple(int(seed) for seed in experiment["seeds"])
            descriptions = list(experiment["methods"])
            settings = RunSettings(**{"common_noise": False, **run})
        except (KeyError, TypeError, ValueError) as error:
            raise DataFileError(
                "config.yaml: expected `experiment` with benchmark, seeds, run and methods, as nascurve "
                f"writes it; {type(error).__name__}: {error}."
            ) from error
        return cls(
            methods=tuple(Method.from_description(description) for description in descriptions),
            seeds=numbers,
            source=BenchmarkSource.read(id_, options),
            run=settings,
        )

    @property
    def from_ids(self) -> bool:
        """Whether ids and options say it all, so that other processes can do its runs."""
        return self.source.instance is None and all(method.from_ids for method in self.methods)

    def describe(self, benchmark: Benchmark) -> dict[str, Any]:
        """Plain values, as they go into config.yaml; equal exactly for comparisons with equal results."""
        return {
            "benchmark": describe_benchmark(self.source, benchmark),
            "seeds": list(self.seeds),
            "run": self.run.describe(),
            "methods": [method.describe() for method in self.methods],
        }


def resolve_budget_s(benchmark: Benchmark, budget_s: Any, budget_trainings: Any) -> float:
    """Seconds of a budget given in seconds or, when that is None, in mean full trainings."""
    if budget_s is not None:
        return real("budget_s", budget_s, hint=BUDGET_HINT, above=0)
    trainings = real("budget_trainings", budget_trainings, hint=BUDGET_HINT, above=0)
    return float(f"{trainings * mean_training_s(benchmark):.6g}")


def try_begin(method: Method, benchmark: Benchmark, seed: int) -> None:
    """Build a method and let it see the problem. Raises what it raises."""
    from nascurve.simulator.types import Problem

    info = benchmark.info
    problem = Problem(space=benchmark.space, max_epochs=info.max_epochs, fidelities=info.fidelities)
    method.build(benchmark.space, seed).begin(problem)


def reference_values(benchmark: Benchmark) -> dict[str, Any]:
    """What tables and figures need of a benchmark when it is not at hand, and what its data are known by: the
    cost of a mean full training, the best true test accuracy (null where it is not known; 12 digits, which
    do not depend on the order of a sum), and the checksum of the data where the benchmark gives one."""
    best = benchmark.best()
    data_sha256 = benchmark.info.details.get("data_sha256")
    return {
        "mean_training_s": mean_training_s(benchmark),
        "best_test_acc": None if best is None else float(f"{float(best[1]):.12g}"),
        **({} if data_sha256 is None else {"data_sha256": str(data_sha256)}),
    }


def versions() -> dict[str, str]:
    """Versions of what computes the results; recorded, not compared."""
    from importlib import metadata

    names = ("nascurve", "numpy", "scipy", "torch", "lightgbm")
    found: Mapping[str, str] = {name: _version(metadata, name) for name in names}
    return {**found, "python": platform.python_version()}


def _version(metadata: Any, name: str) -> str:
    try:
        return str(metadata.version(name))
    except metadata.PackageNotFoundError:
        return "not installed"
