"""The contract of a benchmark, as a test for authors of plug-ins."""

from __future__ import annotations

import typing
from collections.abc import Sequence

import numpy as np

from nascurve.errors import ArchitectureError, CapabilityError, ConfigError
from nascurve.simulator.types import Architecture, Benchmark, BenchmarkInfo, DataKind, LearningCurve
from nascurve.testing.search_space import require, require_error

_METRICS = ("val_acc", "test_acc", "val_loss", "train_loss")


class _Stranger:
    """An architecture of no space."""

    def __str__(self) -> str:
        return "an architecture of no space"


def check_benchmark(bench: Benchmark, n: int = 20) -> None:
    """Check everything that `Benchmark` promises, on n sampled architectures and all their training seeds.

    Raises AssertionError with the first broken rule. The validation accuracy of a diverged run may be NaN,
    from the epoch of divergence to the end, and at epochs that are no fidelity. A benchmark that does not
    hold every architecture of its space
    (ArchitectureError) is checked on those it holds; at least one in 50 n must be.
    """
    info = bench.info
    require(
        info.kind in typing.get_args(DataKind),
        f"info.kind is real, surrogate or synthetic, got {info.kind!r}",
    )
    require(info.name and info.version >= 1, "info has a name and a version >= 1")
    require(info.max_epochs >= 1 and info.n_seeds >= 1, "info.max_epochs and info.n_seeds are >= 1")
    require(info.space == bench.space.name, "info.space is the name of the benchmark's space")
    require("val_acc" in info.metrics and set(info.metrics) <= set(_METRICS), f"info.metrics: of {_METRICS}")
    if info.fidelities is not None:
        ascending = list(info.fidelities) == sorted(set(info.fidelities)) and info.fidelities[0] >= 1
        require(ascending and info.fidelities[-1] == info.max_epochs, "info.fidelities ascend to max_epochs")
    archs = _held(bench, n)
    training_runs = getattr(bench, "training_runs", lambda arch: info.n_seeds)
    runs = {arch: training_runs(arch) for arch in archs}
    require(min(runs.values()) >= info.n_seeds, "training_runs(arch) is at least info.n_seeds")
    pairs = [(arch, seed) for arch in archs for seed in range(runs[arch])]
    many = bench.query_many([arch for arch, _ in pairs], [seed for _, seed in pairs])
    require(len(many) == len(pairs), "query_many gives one curve for each pair")
    require(bench.query_many([], []) == [], "query_many of nothing is nothing")
    for (arch, seed), curve in zip(pairs, many, strict=True):
        where = f"{arch}, seed {seed}"
        _check_curve(curve, info.max_epochs, info, where)
        _check_same(
            curve, bench.query(arch, seed=seed), f"query is deterministic and equals query_many: {where}"
        )
        for epochs in sorted({info.fidelities[0] if info.fidelities else 1, info.max_epochs}):
            cut = bench.query(arch, seed=seed, epochs=epochs)
            if info.resumable or epochs == info.max_epochs:
                _check_same(
                    cut, curve.prefix(epochs), f"query(epochs={epochs}) is a prefix of the curve: {where}"
                )
            else:
                _check_curve(cut, epochs, info, f"{where}, epochs={epochs}")
    twin = bench.query(bench.space.parse(str(archs[0])), seed=0)
    _check_same(twin, many[0], f"equal architectures have equal curves: {archs[0]}")
    _check_truth(bench, archs)
    _check_errors(bench, archs[0])


def _held(bench: Benchmark, n: int) -> list[Architecture]:
    rng = np.random.default_rng(0)
    archs: dict[Architecture, None] = {}
    for _ in range(50 * n):
        arch = bench.space.sample(rng)
        try:
            bench.true_test_acc(arch)
        except ArchitectureError:
            continue
        archs[arch] = None
        if len(archs) == n:
            break
    require(archs, f"the benchmark holds at least one of {50 * n} sampled architectures")
    return list(archs)


def _check_curve(curve: LearningCurve, epochs: int, info: BenchmarkInfo, where: str) -> None:
    require(len(curve) == epochs, f"a full curve has info.max_epochs epochs: {where}")
    for name in (*_METRICS, "epoch_s"):
        values = getattr(curve, name)
        require(
            (values is not None) == (name in info.metrics or name == "epoch_s"),
            f"info.metrics names {name}: {where}",
        )
        if values is not None:
            require(values.shape == (epochs,), f"{name} has shape (max_epochs,): {where}")
            require(values.dtype == np.float64, f"{name} is float64: {where}")
            require(not values.flags.writeable, f"{name} is read-only: {where}")
    missing = np.isnan(curve.val_acc)
    measured = curve.val_acc[~missing]
    # where not every epoch is measured, only NaN at the last one means divergence
    if info.fidelities is not None:
        served = [epoch - 1 for epoch in info.fidelities if epoch <= epochs]
        missing = missing[served if info.resumable else served[-1:]]
    require((missing[1:] >= missing[:-1]).all(), f"val_acc is NaN to the end once it is NaN: {where}")
    require(((measured >= 0) & (measured <= 1)).all(), f"val_acc lies in [0, 1] or is NaN: {where}")
    require((np.isfinite(curve.epoch_s) & (curve.epoch_s >= 0)).all(), f"epoch_s is finite and >= 0: {where}")
    if curve.test_acc is not None:
        known = curve.test_acc[~np.isnan(curve.test_acc)]
        require(((known >= 0) & (known <= 1)).all(), f"test_acc is NaN or lies in [0, 1]: {where}")


def _check_same(one: LearningCurve, other: LearningCurve, rule: str) -> None:
    for name in (*_METRICS, "epoch_s"):
        a, b = getattr(one, name), getattr(other, name)
        require((a is None) == (b is None), f"{rule} ({name} is missing in one)")
        require(a is None or np.array_equal(a, b, equal_nan=True), f"{rule} ({name} differs)")


def _check_truth(bench: Benchmark, archs: Sequence[Architecture]) -> None:
    truths = [bench.true_test_acc(arch) for arch in archs]
    require(all(isinstance(t, float) and 0 <= t <= 1 for t in truths), "true_test_acc is a float in [0, 1]")
    best = bench.best()
    if best is not None:
        arch, value = best
        require(bench.space.contains(arch), "best() gives an architecture of the space")
        require(abs(bench.true_test_acc(arch) - value) < 1e-12, "best()'s value is its true_test_acc")
        require(max(truths) <= value + 1e-12, "best() is at least as good as every sampled architecture")


def _check_errors(bench: Benchmark, arch: Architecture) -> None:
    info = bench.info
    stranger = _Stranger()
    for foreign in (stranger, str(arch)):
        what = f"for a foreign architecture ({type(foreign).__name__})"
        require_error(lambda a=foreign: bench.query(a, seed=0), ArchitectureError, f"query {what}")  # type: ignore[misc]
        require_error(lambda a=foreign: bench.query_many([a], [0]), ArchitectureError, f"query_many {what}")  # type: ignore[misc]
        require_error(lambda a=foreign: bench.true_test_acc(a), ArchitectureError, f"true_test_acc {what}")  # type: ignore[misc]
    for seed in (-1, 10**6):
        require_error(lambda s=seed: bench.query(arch, seed=s), ConfigError, f"query with seed={seed}")  # type: ignore[misc]
        require_error(lambda s=seed: bench.query_many([arch], [s]), ConfigError, f"query_many, seed {seed}")  # type: ignore[misc]
    for epochs in sorted({1, *range(2, min(info.max_epochs, 9))} - set(info.fidelities or range(1, 9))):
        require_error(
            lambda e=epochs: bench.query(arch, seed=0, epochs=e),  # type: ignore[misc]
            CapabilityError,
            f"query with epochs={epochs}, which is no fidelity",
        )
    for epochs in (0, -1, info.max_epochs + 1):
        require_error(
            lambda e=epochs: bench.query(arch, seed=0, epochs=e),  # type: ignore[misc]
            ConfigError,
            f"query with epochs={epochs}",
        )
