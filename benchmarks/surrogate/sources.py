"""Training runs to fit a surrogate to: of a benchmark, of the official training data, or a user's own."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from nascurve import options
from nascurve.benchmarks.enumeration import all_architectures, training_runs
from nascurve.benchmarks.held_space import HeldSpace
from nascurve.benchmarks.surrogate.curve_data import CurveData
from nascurve.errors import ArchitectureError, CapabilityError, ConfigError
from nascurve.registry import create_search_space, load_benchmark
from nascurve.simulator.types import Architecture, Benchmark, FloatArray, LearningCurve, SearchSpace

_TOLD = ("data", "vocabulary", "accuracy", "n_diverged", "left_out", "data_sha256", "runs_by_method")
"""What of a benchmark's details goes into those of the data."""


def runs_of(
    source: str | Benchmark, *, benchmark_options: Mapping[str, Any] | None = None, **which: Any
) -> CurveData:
    """Runs of a benchmark, given itself or by its id and options: `runs_of_benchmark` of it.

    `runs_of("nbnlp", benchmark_options={"data_dir": folder})` reads the official logs of NAS-Bench-NLP,
    "nb301" the training data of NAS-Bench-301.
    """
    given = dict(benchmark_options or {})
    if isinstance(source, str):
        return runs_of_benchmark(load_benchmark(source, **given), **which)
    if given:
        raise ConfigError("benchmark_options: only with a benchmark's id, not with an object.")
    return runs_of_benchmark(source, **which)


def runs_of_benchmark(
    benchmark: Benchmark,
    *,
    archs: Sequence[Architecture] | None = None,
    n_architectures: int | None = None,
    n_runs: int | None = None,
    seed: int = 0,
) -> CurveData:
    """All runs of distinct networks that a benchmark holds, by architecture, then seed.

    archs: of these alone; None: of all that its space lists (`all()`, or up to 100,000 architectures).
    n_architectures: of that many random networks among them, drawn with `seed`; None: of all.
    n_runs: at most so many runs of each, the first ones; None: all.
    Where the benchmark's space is cut down to what it holds, the data's is the whole space.

    Raises CapabilityError where there are no whole curves (only some epochs, or each budget a training of its
    own), ConfigError for a space that cannot be listed, bad options, more networks than there
    are, and `archs` that it does not hold.
    """
    info, space = benchmark.info, benchmark.space
    _check_curves(benchmark)
    base = space.base if isinstance(space, HeldSpace) else space
    held = _networks(benchmark, archs)
    if n_architectures is not None:
        n = options.integer(
            "n_architectures",
            n_architectures,
            at_least=1,
            at_most=len(held),
            hint=f"{info.name} has no more.",
        )
        rng = np.random.default_rng(options.integer("seed", seed, at_least=0))
        held = [held[place] for place in np.sort(rng.permutation(len(held))[:n])]
    most = sys.maxsize if n_runs is None else options.integer("n_runs", n_runs, at_least=1)
    pairs = [(arch, run) for arch in held for run in range(min(most, training_runs(benchmark, arch)))]
    curves = benchmark.query_many([arch for arch, _ in pairs], [run for _, run in pairs])
    official = getattr(benchmark, "official_seeds", None)
    name = info.name if info.name.endswith(f"-v{info.version}") else f"{info.name}-v{info.version}"
    return CurveData.of(
        base,
        [arch for arch, _ in pairs],
        np.stack([curve.val_acc for curve in curves]),
        epoch_s=np.array([_epoch_s(curve) for curve in curves]),
        seeds=np.array([run if official is None else official(arch)[run] for arch, run in pairs]),
        source=name,
        details={key: info.details[key] for key in _TOLD if key in info.details},
    )


def runs_of_texts(
    space: str | SearchSpace,
    texts: Sequence[str],
    val_acc: ArrayLike,
    *,
    epoch_s: ArrayLike | None = None,
    seeds: ArrayLike | None = None,
    source: str = "logs",
) -> CurveData:
    """A user's own runs, as `nascurve lce evaluate source=logs` reads them: architectures as text, curves
    (R, E) with NaN where nothing was measured.

    space: the search space, or its id. texts: its strings; of the space "nlp" any of the authors' recipes.
    Raises ArchitectureError for a text that is none (an unknown operation among them), naming the run, and
    otherwise as `CurveData` does.
    """
    where = create_search_space(space) if isinstance(space, str) else space
    read = getattr(where, "from_recipe", where.parse)
    archs = []
    for number, text in enumerate(texts, start=1):
        try:
            archs.append(read(text))
        except ArchitectureError as error:
            raise ArchitectureError(f"{source}, run {number}: {error}") from error
    return CurveData.of(where, archs, val_acc, epoch_s=epoch_s, seeds=seeds, source=source)


def _check_curves(benchmark: Benchmark) -> None:
    info = benchmark.info
    every = info.fidelities is None or len(info.fidelities) == info.max_epochs
    if not info.resumable:
        raise CapabilityError(
            f"{info.name}: each number of epochs is a training of its own there, so it holds no learning "
            "curves to fit a surrogate to. Give whole curves of your own trainings, source=logs with space=."
        )
    if not every:
        raise CapabilityError(
            f"{info.name}: accuracies are known after epochs {', '.join(map(str, info.fidelities or ()))} "
            "only; a surrogate is fitted to whole curves. Give the files with learning curves."
        )


def _networks(benchmark: Benchmark, archs: Sequence[Architecture] | None) -> list[Architecture]:
    """The first architecture of each network that is held, sorted by key."""
    space = benchmark.space
    listed = archs
    if listed is None:
        listing = getattr(space, "all", None)
        listed = all_architectures(space) if listing is None else listing()
    if listed is None:
        raise ConfigError(
            f"{benchmark.info.name}: the {space.size:.3g} architectures of its space {space.name!r} cannot "
            "be listed. Give archs=, or restrict=true where it has that option."
        )
    first: dict[str, Architecture] = {}
    for arch in listed:
        first.setdefault(space.key(arch), arch)
    held = [first[key] for key in sorted(first) if training_runs(benchmark, first[key])]
    if not held or (archs is not None and len(held) < len(first)):
        raise ConfigError(
            f"{benchmark.info.name}: expected architectures with training runs, got {len(first)} networks of "
            f"which it holds {len(held)}."
        )
    return held


def _epoch_s(curve: LearningCurve) -> float:
    """Mean seconds of the epochs that were trained; NaN where none cost anything."""
    spent: FloatArray = curve.epoch_s[curve.epoch_s > 0]
    return float(spent.mean()) if len(spent) else float("nan")
