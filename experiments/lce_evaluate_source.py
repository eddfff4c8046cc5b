"""Where the curves of an evaluation come from: a benchmark, or a user's own files."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nascurve.errors import CapabilityError, ConfigError
from nascurve.experiments.options import OptionSchema, to_plain
from nascurve.experiments.source import BenchmarkSource
from nascurve.lce.evaluation.curve_set import CurveSet
from nascurve.simulator.types import FloatArray

if TYPE_CHECKING:
    from nascurve.simulator.types import Architecture, Benchmark

LOGS = "logs"
"""In place of a benchmark's id: files of one's own, see `read_logs`."""
PLACES = ("data_dir", "cache_dir")
"""Options that say where data are, and nothing of what they are."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MeasuredRuns:
    """R runs as they were read.

    title: for figures. description: what was read, plain values. keys: (R,), the architecture of each run.
    curves: (R, E), NaN where nothing was measured or after divergence. fidelities: the epochs that are
    measured; None: all. encode: (keys, kind) -> (n, d), where the architectures are known. names: all strings
    of each key, where a network has several.
    """

    title: str
    description: Mapping[str, Any]
    keys: Sequence[str]
    curves: FloatArray
    fidelities: tuple[int, ...] | None = None
    encode: Callable[[Sequence[str], str], FloatArray] | None = field(default=None, repr=False)
    names: Mapping[str, Sequence[str]] | None = field(default=None, repr=False)

    @property
    def sha256(self) -> str:
        """Of keys and curves."""
        digest = hashlib.sha256("\n".join(self.keys).encode())
        digest.update(np.ascontiguousarray(self.curves).tobytes())
        return digest.hexdigest()

    def complete(
        self, *, at_epoch: int, min_final_acc: float | None = None, kinds: Sequence[str] = ()
    ) -> CurveSet:
        """The runs trained to `at_epoch`, with these kinds of encodings where architectures are known. Raises
        DataFileError when there are none."""
        curves = CurveSet.of(
            self.keys, self.curves, at_epoch=at_epoch, min_final_acc=min_final_acc, names=self.names
        )
        if self.encode is None or not kinds:
            return curves
        encodings = {kind: np.asarray(self.encode(curves.keys, kind)) for kind in kinds}
        return dataclasses.replace(curves, encodings=encodings)


def read_runs(
    source: Any, given: Mapping[str, Any], *, data: Any, cache: Path, max_architectures: int
) -> MeasuredRuns:
    """All runs of a benchmark's architectures, or of the user's files where `source` is LOGS.

    given: options of the benchmark. data: short for its option data_dir, or the user's files. cache: folder
    for a converted copy of official files that lie where nothing can be written. max_architectures: of a
    benchmark with more, or of a space that cannot be listed, that many random ones, always the same.

    Raises UnknownIdError, ConfigError, CapabilityError, DataFileError.
    """
    if source == LOGS:
        return _logs(given, data)
    read = benchmark_source(str(source), given, data=data, cache=cache)
    return _of_benchmark(read, max_architectures)


def benchmark_source(source: str, given: Mapping[str, Any], *, data: Any, cache: Path) -> BenchmarkSource:
    """A benchmark by its id, with options; `data` and `cache` as in `read_runs`. Raises UnknownIdError,
    ConfigError."""
    options = dict(given)
    if data is not None:
        if "data_dir" not in OptionSchema.of("benchmarks", source).defaults:
            raise ConfigError(
                f"data: {source} has no option data_dir. Give its own options as source.OPTION=VALUE, or "
                f"source={LOGS} for files of your own."
            )
        if "data_dir" in options:
            raise ConfigError("data: it is short for source.data_dir; give one of the two.")
        options["data_dir"] = data
    return BenchmarkSource.read(source, _with_cache(source, options, cache))


def _logs(given: Mapping[str, Any], data: Any) -> MeasuredRuns:
    from nascurve.experiments.lce_evaluate_logs import read_logs
    from nascurve.options import path

    if given:
        raise ConfigError(f"source.{min(given)}: source={LOGS} has no options but data=FOLDER.")
    if data is None:
        raise ConfigError(f"source={LOGS} needs data=FOLDER, your own learning curves.")
    where = path("data", data)
    keys, curves = read_logs(where)
    return MeasuredRuns(title=where.stem, description={"id": LOGS}, keys=keys, curves=curves)


def _with_cache(id_: str, options: dict[str, Any], cache: Path) -> dict[str, Any]:
    place = options.get("data_dir")
    schema = OptionSchema.of("benchmarks", id_).defaults
    if not isinstance(place, str) or "cache_dir" not in schema or options.get("cache_dir") is not None:
        return options
    folder = Path(place) if Path(place).is_dir() else Path(place).parent
    if not folder.is_dir() or any(folder.glob("*.nascurve")) or _is_writable(folder):
        return options
    return {**options, "cache_dir": str(cache)}


def _is_writable(folder: Path) -> bool:
    """By its permissions too: the superuser may write to what is meant to be left alone."""
    return os.access(folder, os.W_OK) and bool(folder.stat().st_mode & 0o222)


def _of_benchmark(source: BenchmarkSource, max_architectures: int) -> MeasuredRuns:
    from nascurve.experiments.source import benchmark_title, describe_benchmark

    benchmark = source.load()
    info = benchmark.info
    if not info.resumable:
        raise CapabilityError(
            f"{info.name}: each number of epochs is a training of its own there, so there are no learning "
            "curves to extrapolate. Take another benchmark: see `nascurve list benchmarks`."
        )
    held = _held(benchmark, max_architectures)
    keys: list[str] = []
    curves: list[FloatArray] = []
    for run in range(max(one.n_runs for one in held.values())):
        chosen = [(key, one.arch) for key, one in held.items() if one.n_runs > run]
        answers = benchmark.query_many([arch for _, arch in chosen], [run] * len(chosen))
        keys += [key for key, _ in chosen]
        curves += [curve.val_acc for curve in answers]
    description = describe_benchmark(source, benchmark)
    title = benchmark_title(description)
    own = {name: value for name, value in source.options.items() if name not in PLACES}
    return MeasuredRuns(
        title=title,
        description={**description, "options": to_plain(own), "max_architectures": max_architectures},
        keys=keys,
        curves=np.stack(curves),
        fidelities=info.fidelities,
        encode=lambda wanted, kind: benchmark.space.encode([held[key].arch for key in wanted], kind),
        names={key: one.names for key, one in held.items()},
    )


@dataclass(frozen=True, slots=True)
class _Held:
    """A network that a benchmark holds; names: its strings."""

    arch: Architecture
    n_runs: int
    names: list[str]


def _held(benchmark: Benchmark, limit: int) -> dict[str, _Held]:
    """The networks that a benchmark holds, by key, ascending."""
    from nascurve.benchmarks.enumeration import all_architectures, training_runs

    rng = np.random.default_rng(0)
    space = benchmark.space
    listed = all_architectures(space)
    if listed is None:
        listed = [space.sample(rng) for _ in range(limit)]
    found: dict[str, _Held] = {}
    for arch in listed:
        key = space.key(arch)
        if key not in found:
            found[key] = _Held(arch, training_runs(benchmark, arch), [])
        found[key].names.append(str(arch))
    kept = sorted(key for key, one in found.items() if one.n_runs)
    if not kept:
        raise ConfigError(
            f"{benchmark.info.name}: expected architectures that it holds, found none among {len(listed)} of "
            f"the space {space.name!r}. Where it has the option, give source.restrict=true."
        )
    if len(kept) > limit:
        kept = [kept[place] for place in np.sort(rng.permutation(len(kept))[:limit])]
    return {key: found[key] for key in kept}
