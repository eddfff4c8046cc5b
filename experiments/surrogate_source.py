"""The training runs that a surrogate is fitted to and judged on: a benchmark's, or a user's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nascurve.errors import ConfigError
from nascurve.experiments.lce_evaluate_source import LOGS, PLACES, benchmark_source
from nascurve.experiments.options import to_plain
from nascurve.experiments.source import benchmark_title, describe_benchmark

if TYPE_CHECKING:
    from nascurve.benchmarks.surrogate.curve_data import CurveData
    from nascurve.simulator.types import Benchmark


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SurrogateSource:
    """title: for figures. description: what was read, plain values. data: the runs. benchmark: the benchmark
    that holds them; None for a user's own files."""

    title: str
    description: Mapping[str, Any]
    data: CurveData
    benchmark: Benchmark | None

    @classmethod
    def read(
        cls, source: str, given: Mapping[str, Any], *, data: Any, space: Any, cache: Path
    ) -> SurrogateSource:
        """All runs of a benchmark, or of the user's files where `source` is LOGS.

        given: options of the benchmark. data: short for its option data_dir, or the user's files. space: the
        search space of the user's files, by id. cache: folder for a converted copy of official files that lie
        where nothing can be written.

        Raises UnknownIdError, ConfigError, CapabilityError, DataFileError, ArchitectureError.
        """
        if source == LOGS:
            return _logs(given, data, space)
        if space is not None:
            raise ConfigError(f"space: only with source={LOGS}; {source} has its own.")
        from nascurve.benchmarks.surrogate.sources import runs_of_benchmark

        read = benchmark_source(source, given, data=data, cache=cache)
        benchmark = read.load()
        own = {name: value for name, value in read.options.items() if name not in PLACES}
        description = {**describe_benchmark(read, benchmark), "options": to_plain(own)}
        return cls(
            title=benchmark_title(description),
            description=description,
            data=runs_of_benchmark(benchmark),
            benchmark=benchmark,
        )

    def searchable(self, study: str) -> Benchmark:
        """The benchmark, for a study in which optimizers search. Raises ConfigError where there is none."""
        if self.benchmark is None:
            raise ConfigError(f"study={study} needs a benchmark to search in, not files of learning curves.")
        return self.benchmark

    def reporting_keys(self) -> frozenset[str]:
        """The architectures that no choice of this project was made on, see `halves`."""
        from nascurve.benchmarks.enumeration import all_architectures
        from nascurve.lce.evaluation.halves import is_reporting

        space = self.data.space
        names: dict[str, list[str]] = {key: [] for key in self.data.keys}
        listed = all_architectures(space)
        for arch in self.data.archs if listed is None else listed:
            key = space.key(arch)
            if key in names:
                names[key].append(str(arch))
        return frozenset(key for key, own in names.items() if is_reporting(own))


def _logs(given: Mapping[str, Any], data: Any, space: Any) -> SurrogateSource:
    from nascurve.benchmarks.surrogate.sources import runs_of_texts
    from nascurve.experiments.lce_evaluate_logs import read_runs
    from nascurve.options import path

    if given:
        raise ConfigError(f"source.{min(given)}: source={LOGS} has no options but data=PATH and space=ID.")
    if data is None or not isinstance(space, str):
        raise ConfigError(
            f"source={LOGS} needs data=PATH, your own learning curves, and space=ID, the search space of "
            "their architectures. See `nascurve list spaces`."
        )
    where = path("data", data)
    runs = read_runs(where)
    return SurrogateSource(
        title=where.stem,
        description={"id": LOGS, "space": space},
        data=runs_of_texts(
            space,
            runs.architectures,
            runs.val_acc,
            epoch_s=runs.epoch_s,
            seeds=runs.seeds,
            source=where.stem,
        ),
        benchmark=None,
    )
