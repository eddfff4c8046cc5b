"""A benchmark's training runs as a Parquet file."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nascurve import options
from nascurve.benchmarks.croissant import croissant
from nascurve.benchmarks.enumeration import all_architectures
from nascurve.benchmarks.runs_file import CURVES, RunsFile
from nascurve.errors import ArchitectureError, ConfigError
from nascurve.simulator.types import Architecture, Benchmark, LearningCurve

DATA, METADATA = "runs.parquet", "croissant.json"
_RUNS_AT_ONCE = 4096
"""Runs of a row group, about: what is in memory at a time."""
_TRIES = 50
"""Draws for each random architecture that is wanted, before giving up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """What was written: the files; numbers of architectures, runs and diverged runs in them."""

    data: Path
    metadata: Path
    n_architectures: int
    n_runs: int
    n_diverged: int


def export_runs(
    benchmark: Benchmark,
    out: Path,
    *,
    seeds: Sequence[int] | None = None,
    n: int | None = None,
    rng: np.random.Generator | None = None,
    on_start: Callable[[int], object] = lambda total: None,
    on_architectures: Callable[[int], object] = lambda number: None,
) -> Export:
    """Write `runs.parquet`, a row for each training run, and `croissant.json`, its MLCommons Croissant 1.0
    metadata, into the folder `out`.

    Columns: `architecture`, the canonical string; `key`, equal for strings that build the same network;
    `seed`, the index of the run as in `query`; `training_seed`, the official one, null where it is not known;
    `epochs`, the length of the run; `diverged`; `true_test_acc`, the mean over the architecture's trainings
    that regrets are counted in; then lists of `epochs` floats: `epoch_s` and those of `val_acc`, `test_acc`,
    `val_loss`, `train_loss` that the benchmark has. null in a list is NaN in the curve: not measured, or
    after divergence. What the benchmark says of itself is in the schema's metadata, keys `nascurve.*`.

    Of several architectures with the same key and equal curves the first stands for all. Where each fidelity
    is a training of its own (`info.resumable` False), each is a row of its own. Rows are streamed: at most
    some thousand runs are in memory.

    seeds: indices of the runs to write, of those that each architecture has; None for all. n: write only that
    many random architectures, drawn with `rng`; None for all of the space. on_start(total): number of
    architectures to go through, an upper bound; on_architectures(number): as they are done.

    Each file appears whole or not at all. Same benchmark and versions, same bytes. Raises ConfigError for bad
    arguments, for a space that cannot be listed when n is None, and when nothing is left to write; OSError
    when the disk refuses.
    """
    if seeds is not None:
        seeds = sorted({options.integer("seeds", seed, at_least=0) for seed in seeds})
    archs = _all(benchmark) if n is None else _random(benchmark, n, rng)
    on_start(len(archs))
    counts = {"n_architectures": 0, "n_runs": 0, "n_diverged": 0}
    with _whole(out / DATA) as part, _whole(out / METADATA) as metadata:
        with RunsFile(part, benchmark.info) as file:
            for number, blocks in _blocks(benchmark, archs, seeds, file.curves):
                rows = [row for block in blocks for row in block]
                file.write(rows)
                counts["n_architectures"] += sum(map(bool, blocks))
                counts["n_runs"] += len(rows)
                counts["n_diverged"] += sum(row["diverged"] for row in rows)
                on_architectures(number)
        if not counts["n_runs"]:
            raise ConfigError(
                f"export: {benchmark.info.name} has no training runs with {_asked(seeds)}. Its architectures "
                f"have {benchmark.info.n_seeds} or more; leave seeds= out to export all."
            )
        document = croissant(
            benchmark.info,
            file=DATA,
            sha256=_sha256(part),
            size=part.stat().st_size,
            n_runs=counts["n_runs"],
            fields=file.columns,
        )
        text = json.dumps(document, indent=1, ensure_ascii=False)
        metadata.write_text(f"{text}\n", encoding="utf-8")
    return Export(data=out / DATA, metadata=out / METADATA, **counts)


def _all(benchmark: Benchmark) -> Sequence[Architecture]:
    listing = getattr(benchmark.space, "all", None)
    archs = all_architectures(benchmark.space) if listing is None else listing()
    if archs is None:
        raise ConfigError(
            f"export: the {benchmark.space.size:.6g} architectures of the space {benchmark.space.name!r} "
            "cannot be listed. Give n=, to export that many random ones; or restrict=true to a benchmark "
            "that has the option: its space is then what its data hold."
        )
    checked: Sequence[Architecture] = archs
    return checked


def _random(benchmark: Benchmark, n: int, rng: np.random.Generator | None) -> Sequence[Architecture]:
    """Random architectures that the benchmark answers for, each network once."""
    n = options.integer("n", n, at_least=1)
    if rng is None:
        raise ConfigError("export: random architectures need a random generator, rng=.")
    found: dict[str, Architecture] = {}
    for _ in range(_TRIES * n):
        arch = benchmark.space.sample(rng)
        key = benchmark.space.key(arch)
        if key not in found and _held(benchmark, arch) is not None:
            found[key] = arch
            if len(found) == n:
                return list(found.values())
    raise ConfigError(
        f"export: expected n= at most the number of networks, got {n}; {_TRIES * n} random architectures of "
        f"{benchmark.space.name!r} are {len(found)} networks. Give less, or leave n= out for all."
    )


_Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """An architecture, the seeds to write of it, how many runs it has, and its true_test_acc."""

    arch: Architecture
    seeds: Sequence[int]
    n_runs: int
    truth: float


def _blocks(
    benchmark: Benchmark,
    archs: Sequence[Architecture],
    seeds: Sequence[int] | None,
    curve_names: Sequence[str],
) -> Iterator[tuple[int, list[list[_Row]]]]:
    """Some architectures at a time: their number, and the rows of each."""
    forget = getattr(benchmark, "forget", lambda: None)  # else a CurveBenchmark remembers what it was asked
    seen: set[bytes] = set()
    pending: list[_Wanted] = []
    passed = n_pending = 0
    for arch in archs:
        passed += 1
        held = _held(benchmark, arch)
        if held is None:
            continue
        n_runs, truth = held
        chosen = [seed for seed in (range(n_runs) if seeds is None else seeds) if seed < n_runs]
        pending.append(_Wanted(arch=arch, seeds=chosen, n_runs=n_runs, truth=truth))
        n_pending += len(chosen)
        if n_pending >= _RUNS_AT_ONCE:
            yield passed, _rows(benchmark, pending, seen, curve_names)
            forget()
            pending, passed, n_pending = [], 0, 0
    yield passed, _rows(benchmark, pending, seen, curve_names)


def _held(benchmark: Benchmark, arch: Architecture) -> tuple[int, float] | None:
    """Number of training runs and true_test_acc; None where the benchmark does not hold the architecture."""
    try:
        truth = benchmark.true_test_acc(arch)
    except ArchitectureError:
        return None
    training_runs = getattr(benchmark, "training_runs", None)
    return (benchmark.info.n_seeds if training_runs is None else int(training_runs(arch))), truth


def _rows(
    benchmark: Benchmark, wanted: Sequence[_Wanted], seen: set[bytes], curve_names: Sequence[str]
) -> list[list[_Row]]:
    """Rows of each architecture; none where an earlier one stands for it (see `seen`) or it has no run."""
    info = benchmark.info
    pairs = [(each.arch, seed) for each in wanted for seed in each.seeds]
    full = iter(benchmark.query_many([arch for arch, _ in pairs], [seed for _, seed in pairs]))
    shorter = () if info.resumable or info.fidelities is None else info.fidelities[:-1]
    blocks: list[list[_Row]] = []
    for each in wanted:
        arch, key = each.arch, benchmark.space.key(each.arch)
        runs = [(seed, benchmark.query(arch, seed=seed, epochs=e)) for e in shorter for seed in each.seeds]
        runs += [(seed, next(full)) for seed in each.seeds]
        fingerprint = _fingerprint(key, [curve for _, curve in runs])
        if not runs or fingerprint in seen:
            blocks.append([])
            continue
        seen.add(fingerprint)
        official = _official_seeds(benchmark, each)
        blocks.append(
            [
                {
                    "architecture": str(arch),
                    "key": key,
                    "seed": seed,
                    "training_seed": official[seed] if official else None,
                    "epochs": len(curve),
                    "diverged": _has_diverged(curve),
                    "true_test_acc": each.truth,
                    **{name: getattr(curve, name) for name in curve_names},
                }
                for seed, curve in runs
            ]
        )
    return blocks


def _official_seeds(benchmark: Benchmark, wanted: _Wanted) -> tuple[int, ...]:
    """The official seed of each of the architecture's runs; empty where it is not known."""
    named = getattr(benchmark, "official_seeds", None)
    if named is not None:
        return tuple(map(int, named(wanted.arch)))
    seeds = benchmark.info.training_seeds  # of an architecture that lacks some it is not known which
    return seeds if len(seeds) == wanted.n_runs else ()


def _has_diverged(curve: LearningCurve) -> bool:
    """Final validation accuracy NaN, or a loss that is not finite at the end."""
    losses = [loss[-1] for loss in (curve.val_loss, curve.train_loss) if loss is not None]
    return bool(np.isnan(curve.val_acc[-1]) or not all(map(math.isfinite, losses)))


def _fingerprint(key: str, curves: Sequence[LearningCurve]) -> bytes:
    digest = hashlib.sha256(key.encode())
    for curve in curves:
        for name in CURVES:
            values = getattr(curve, name)
            digest.update(b"-" if values is None else np.ascontiguousarray(values).tobytes())
    return digest.digest()


def _asked(seeds: Sequence[int] | None) -> str:
    return "any seed" if seeds is None else f"the seeds {', '.join(map(str, itertools.islice(seeds, 10)))}"


@contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """A file beside `path` to write to, which takes its place at the end, if nothing went wrong."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.stem}.", suffix=f".part{path.suffix}", dir=path.parent)
    os.close(handle)
    part = Path(name)
    try:
        yield part
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        part.chmod(0o644)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
