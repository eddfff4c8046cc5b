"""All training runs of a benchmark's distinct networks, as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nascurve.benchmarks.enumeration import all_architectures, training_runs
from nascurve.errors import ConfigError
from nascurve.simulator.types import Architecture, Benchmark, BenchmarkInfo, FloatArray

SAMPLE = 5_000
"""Architectures drawn from a space that is too large to enumerate."""
COMMON = 0.25
"""Run number s is judged when at least this share of the networks has it."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Runs:
    """n distinct networks (by `space.key`), S runs, and the E epochs at which the benchmark can be asked.

    archs: the first architecture of each network, in the space's order (of a space too large to enumerate,
        of SAMPLE random ones).
    epochs: (E,), ascending to the last one.
    val_acc: (n, S, E); NaN where a network has no such run.
    final_acc: (n, S), test accuracy of the run's end, or validation accuracy where test accuracy was not
        measured; `final_is_test` says which.
    true_acc: (n,), `benchmark.true_test_acc`: the mean over all runs, by which regret is defined.
    training_s: (n,), seconds of a full training, mean over runs.
    n_runs: (n,), runs of each network.
    n_judged: the runs 0 ... n_judged - 1 that at least COMMON of the networks have. Statistics judge these;
        further runs serve as independent judges.
    n_diverged: networks with a run that diverged (a NaN in validation accuracy or a loss); they are left out
        of all arrays where an accuracy is missing, and only counted where accuracies go on.
    """

    info: BenchmarkInfo
    archs: tuple[Architecture, ...]
    epochs: NDArray[np.intp]
    val_acc: FloatArray
    final_acc: FloatArray
    final_is_test: bool
    true_acc: FloatArray
    training_s: FloatArray
    n_runs: NDArray[np.intp]
    n_judged: int
    n_diverged: int
    enumerated: bool

    @classmethod
    def of(cls, benchmark: Benchmark) -> Runs:
        """Read every run of every distinct network that the benchmark holds. Raises ConfigError when fewer
        than ten networks are left."""
        info = benchmark.info
        listed, archs = _held(benchmark)
        counts = np.array([training_runs(benchmark, arch) for arch in archs], dtype=np.intp)
        epochs = np.array(info.fidelities or range(1, info.max_epochs + 1), dtype=np.intp)
        val_acc = np.full((len(archs), int(counts.max(initial=1)), len(epochs)), np.nan)
        test_acc = np.full(val_acc.shape[:2], np.nan)
        seconds = np.full(val_acc.shape[:2], np.nan)
        diverged = np.zeros(len(archs), dtype=np.bool_)
        for run in range(val_acc.shape[1]):
            rows = np.flatnonzero(counts > run)
            curves = benchmark.query_many([archs[row] for row in rows], [run] * len(rows))
            for row, curve in zip(rows, curves, strict=True):
                val_acc[row, run] = curve.val_acc[epochs - 1]
                seconds[row, run] = curve.epoch_s.sum()
                if curve.test_acc is not None:
                    test_acc[row, run] = curve.test_acc[-1]
                for loss in (curve.val_loss, curve.train_loss):
                    diverged[row] |= loss is not None and bool(np.isnan(loss[epochs - 1]).any())
        if not info.resumable:
            _read_budgets(benchmark, archs, counts, epochs, val_acc)
        there = np.arange(val_acc.shape[1]) < counts[:, None]
        broken = (np.isnan(val_acc).any(axis=2) & there).any(axis=1)
        kept = np.flatnonzero(~broken)
        if len(kept) < 10:
            raise ConfigError(
                f"{info.name}: expected at least 10 networks with complete runs, got {len(kept)}. Give "
                "a benchmark or a table with more of them."
            )
        final_is_test = bool(np.isfinite(test_acc[there & ~broken[:, None]]).all())
        final_acc = test_acc if final_is_test else val_acc[:, :, -1]
        archs = [archs[row] for row in kept]
        shares = (counts[kept, None] > np.arange(val_acc.shape[1])).mean(axis=0)
        return cls(
            info=info,
            archs=tuple(archs),
            epochs=epochs,
            val_acc=val_acc[kept],
            final_acc=final_acc[kept],
            final_is_test=final_is_test,
            true_acc=np.array([benchmark.true_test_acc(arch) for arch in archs]),
            training_s=np.nanmean(seconds[kept], axis=1),
            n_runs=counts[kept],
            n_judged=int((shares >= COMMON).sum()),
            n_diverged=int((broken | diverged).sum()),
            enumerated=listed,
        )

    def __len__(self) -> int:
        return len(self.archs)

    @property
    def final_name(self) -> str:
        return "test" if self.final_is_test else "validation"

    @property
    def judged(self) -> FloatArray:
        """Curves of the judged runs, (n, n_judged, E)."""
        return self.val_acc[:, : self.n_judged]

    @property
    def has_curves(self) -> bool:
        """Whether the epochs of a run are one training's: otherwise nothing can be said of its course."""
        return len(self.epochs) >= 4 and self.info.resumable

    def best(self, share: float) -> NDArray[np.intp]:
        """The networks of the best `share` by `true_acc`, the best first."""
        order = np.argsort(-self.true_acc, kind="stable")
        return order[: max(1, round(share * len(order)))]

    def others_acc(self, judged: Sequence[int], what: FloatArray) -> FloatArray:
        """Mean of `what` (n, S) over a network's runs other than those `judged`: (n,), NaN without any."""
        rest = np.delete(what, list(judged), axis=1)
        known = np.isfinite(rest)
        counts = known.sum(axis=1)
        return np.where(counts > 0, np.where(known, rest, 0.0).sum(axis=1) / np.maximum(counts, 1), np.nan)


def _held(benchmark: Benchmark) -> tuple[bool, list[Architecture]]:
    """Whether the space was enumerated, and the first architecture of each network that is held."""
    space = benchmark.space
    listed = all_architectures(space)
    if listed is None:
        rng = np.random.default_rng(0)
        archs: Sequence[Architecture] = [space.sample(rng) for _ in range(SAMPLE)]
    else:
        archs = listed
    first: dict[str, Architecture] = {}
    for arch in archs:
        first.setdefault(space.key(arch), arch)
    return listed is not None, [arch for arch in first.values() if training_runs(benchmark, arch)]


def _read_budgets(
    benchmark: Benchmark,
    archs: Sequence[Architecture],
    counts: NDArray[np.intp],
    epochs: NDArray[np.intp],
    val_acc: FloatArray,
) -> None:
    """Fill in the runs that end early, where each budget is a training of its own."""
    for row, arch in enumerate(archs):
        for run in range(counts[row]):
            for place, epoch in enumerate(epochs[:-1].tolist()):
                val_acc[row, run, place] = benchmark.query(arch, seed=run, epochs=epoch).val_acc[-1]
