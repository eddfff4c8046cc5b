"""The benchmark of an experiment: an id with options, or an object; and the budget counted in trainings."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from nascurve import registry
from nascurve.errors import ConfigError
from nascurve.experiments.options import OptionSchema, mapping, to_plain

if TYPE_CHECKING:
    from nascurve.simulator.types import Benchmark

_N_COST_SAMPLES = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkSource:
    """Where a benchmark comes from; `instance`, from Python, takes the place of id and options."""

    id: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    instance: Benchmark | None = None

    @classmethod
    def read(cls, entry: Any, options: Any = None) -> BenchmarkSource:
        """From an id and options, or a Benchmark object. Raises UnknownIdError, ConfigError."""
        given = mapping("benchmark_options", options)
        if not isinstance(entry, str):
            if given:
                raise ConfigError("benchmark_options: only with a benchmark's id, not with an object.")
            if not hasattr(entry, "query") or not hasattr(entry, "info"):
                raise ConfigError(f"benchmark: expected an id or a Benchmark, got {entry!r:.200}.")
            return cls(instance=entry)
        return cls(id=entry, options=OptionSchema.of("benchmarks", entry).resolve(given))

    def load(self) -> Benchmark:
        """The benchmark. Raises DataFileError."""
        if self.instance is not None:
            return self.instance
        return registry.load_benchmark(self.id, **self.options)


def describe_benchmark(source: BenchmarkSource, benchmark: Benchmark) -> dict[str, Any]:
    """What of a benchmark decides about results, plain enough for YAML."""
    info = benchmark.info
    return {
        "id": source.id or info.name,
        "options": to_plain(source.options),
        "name": info.name,
        "version": int(info.version),
        "kind": str(info.kind),
        "space": info.space,
        "max_epochs": int(info.max_epochs),
        "n_seeds": int(info.n_seeds),
    }


def benchmark_title(description: Mapping[str, Any]) -> str:
    """Name with version, for titles and messages, and what its curves are when they are not real ones."""
    name, version = description["name"], f"-v{description['version']}"
    title = name if name.endswith(version) else f"{name}{version}"
    return title if description["kind"] == "real" else f"{title} ({description['kind']})"


def mean_training_s(benchmark: Benchmark) -> float:
    """Mean seconds of a full training: over 1000 architectures that the space's own distribution gives, drawn
    with a fixed generator, so that the same benchmark always gives the same number. It is what one step of
    random search without LCE costs. Four significant digits. Raises ConfigError if it is not above 0.
    """
    rng = np.random.default_rng(0)
    archs = [benchmark.space.sample(rng) for _ in range(_N_COST_SAMPLES)]
    training_seeds = rng.integers(benchmark.info.n_seeds, size=len(archs)).tolist()
    curves = benchmark.query_many(archs, training_seeds)
    mean = float(np.mean([float(np.sum(curve.epoch_s)) for curve in curves]))
    if not 0 < mean < math.inf:
        raise ConfigError(
            f"The benchmark {benchmark.info.name} gives {mean} s for a mean full training, so that a budget "
            "cannot be counted in trainings. Give budget_s."
        )
    return float(f"{mean:.4g}")
