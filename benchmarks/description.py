"""What a benchmark's curves look like, in numbers."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau

from nascurve.benchmarks.enumeration import all_architectures
from nascurve.errors import ArchitectureError
from nascurve.simulator.types import Architecture, Benchmark, BenchmarkInfo, FloatArray

SAMPLE = 5_000
"""Networks drawn from a space that is too large to enumerate."""
_PARTS = (8, 4, 2)
"""Early epochs: these parts of the last one."""
_DIVERGED = -1.0
"""Stands for the accuracy of a diverged run in ranks: worse than any."""


@dataclass(frozen=True, kw_only=True)
class Description:
    """Statistics over the distinct networks (by `space.key`) that a benchmark holds, of training run 0 each.

    "half" and "quarter" are the best half and quarter by final test accuracy. Accuracies in [0, 1]; quantiles
    are minimum, 10 %, 50 %, 90 % and maximum. A run whose final validation accuracy is NaN has diverged:
    n_diverged counts them; they rank below all others, and are left out of val_acc_quantiles.

    n_networks_with_seeds, tau_seeds: networks with two training runs or more; Kendall's tau of final
        validation accuracy between their runs, mean over the pairs of the runs that each of them has, over
        all of these networks and in their best half.
    tau_early_epochs: an eighth, a quarter and half of the epochs; where the benchmark has fidelities, those
        of them (all but the last, at most three) that are nearest to these. Where each fidelity is a training
        of its own, they rank the networks by the final accuracy of these shorter trainings.
    leader_epochs: a quarter of the epochs or the fidelity nearest to it.

    What cannot be said of a benchmark (drops, where not every epoch is measured; tau between seeds, with a
    single run; early epochs, where there is one fidelity) is NaN or empty, and `lines` leaves it out.
    """

    n_networks: int
    n_diverged: int
    val_acc_quantiles: tuple[float, ...]
    test_acc_quantiles: tuple[float, ...]
    best_test_acc: float
    n_within_point_of_best: int
    std_half: float
    std_quarter: float
    tau_val_test: float
    n_networks_with_seeds: int
    tau_seeds: tuple[float, float]
    tau_early_epochs: tuple[int, ...]
    tau_early: tuple[float, ...]
    tau_early_half: tuple[float, ...]
    drops_over_2_points: float
    share_drop_over_5_points: float
    share_drop_over_10_points: float
    leader_epochs: int
    best_at_quarter_ends_at_rank: float
    training_s_quantiles: tuple[float, ...]
    training_s_mean: float
    tau_cost_test: float

    @classmethod
    def of(cls, benchmark: Benchmark) -> Description:
        """Describe a benchmark. Reads one curve of every distinct network, or of SAMPLE random ones.

        Raises ArchitectureError when it holds none of them.
        """
        archs = _distinct(benchmark)
        curves = benchmark.query_many(archs, [0] * len(archs))
        val = np.array([curve.val_acc for curve in curves])
        final = val[:, -1]
        test = np.array([benchmark.true_test_acc(arch) for arch in archs])
        training_s = np.array([curve.epoch_s.sum() for curve in curves])
        order = np.argsort(-test, kind="stable")
        half, quarter = order[: len(order) // 2], order[: len(order) // 4]
        early = _early(benchmark.info)
        early_acc = [_accuracy_at(benchmark, archs, val, epoch) for epoch in early]
        drops = _drops(val, benchmark.info)
        leader_epochs, leader_rank = 0, math.nan
        if early:
            at = int(np.argmin([abs(epoch - val.shape[1] / 4) for epoch in early]))
            leader_epochs, leader = early[at], int(np.argmax(_ranked(early_acc[at])))
            leader_rank = float((_ranked(final) > _ranked(final)[leader]).sum()) + 1
        seeded, tau_seeds = _between_seeds(benchmark, archs, test)
        return cls(
            n_networks=len(archs),
            n_diverged=int(np.isnan(final).sum()),
            val_acc_quantiles=_quantiles(final[~np.isnan(final)]),
            test_acc_quantiles=_quantiles(test),
            best_test_acc=float(test.max()),
            n_within_point_of_best=int((test >= test.max() - 0.01).sum()),
            std_half=_std(test[half]),
            std_quarter=_std(test[quarter]),
            tau_val_test=_tau(final, test),
            n_networks_with_seeds=seeded,
            tau_seeds=tau_seeds,
            tau_early_epochs=early,
            tau_early=tuple(_tau(acc, final) for acc in early_acc),
            tau_early_half=tuple(_tau(acc[half], final[half]) for acc in early_acc),
            drops_over_2_points=drops[0],
            share_drop_over_5_points=drops[1],
            share_drop_over_10_points=drops[2],
            leader_epochs=leader_epochs,
            best_at_quarter_ends_at_rank=leader_rank,
            training_s_quantiles=_quantiles(training_s),
            training_s_mean=float(training_s.mean()),
            tau_cost_test=_tau(training_s, test),
        )

    def lines(self) -> list[tuple[str, str]]:
        """Label and value of each statistic that the benchmark has, for a table."""
        epochs = "/".join(map(str, self.tau_early_epochs))
        seeds = "" if self.n_networks_with_seeds == self.n_networks else f" ({self.n_networks_with_seeds})"
        n_diverged = (
            [("diverged (run 0; left out of the next line)", f"{self.n_diverged}")] if self.n_diverged else []
        )
        statistics: list[tuple[str, tuple[float, ...], str]] = [
            ("validation accuracy, min/10/50/90 %/max", self.val_acc_quantiles, ".3f"),
            ("test accuracy, min/10/50/90 %/max", self.test_acc_quantiles, ".3f"),
            ("best test accuracy", (self.best_test_acc,), ".4f"),
            ("networks within a point of the best", (self.n_within_point_of_best,), "d"),
            ("std of test accuracy, best half / quarter", (self.std_half, self.std_quarter), ".4f"),
            ("tau of validation (run 0) with test accuracy", (self.tau_val_test,), ".3f"),
            (f"tau between training runs, all{seeds} / best half", self.tau_seeds, ".3f"),
            (f"tau of epoch {epochs} with the last, all", self.tau_early, ".3f"),
            (f"tau of epoch {epochs} with the last, best half", self.tau_early_half, ".3f"),
            ("drops of more than 2 points a curve", (self.drops_over_2_points,), ".2f"),
            (
                "curves with a drop of more than 5 / 10 points",
                (self.share_drop_over_5_points, self.share_drop_over_10_points),
                ".3f",
            ),
            (
                f"final rank of the best at epoch {self.leader_epochs}",
                (self.best_at_quarter_ends_at_rank,),
                ".0f",
            ),
            ("seconds of a full training, min/10/50/90 %/max", self.training_s_quantiles, ".3f"),
            ("seconds of a full training, mean", (self.training_s_mean,), ".4f"),
            ("tau of cost with test accuracy", (self.tau_cost_test,), ".3f"),
        ]
        return [
            ("distinct networks", f"{self.n_networks}"),
            *n_diverged,
            *(
                (label, " / ".join(f"{value:{form}}" for value in values))
                for label, values, form in statistics
                if values and all(map(math.isfinite, values))
            ),
        ]


def _early(info: BenchmarkInfo) -> tuple[int, ...]:
    """Epochs before the last at which the networks are ranked."""
    wanted = [info.max_epochs / part for part in _PARTS]
    if info.fidelities is None:
        return tuple(sorted({max(1, int(epoch)) for epoch in wanted} - {info.max_epochs}))
    there = info.fidelities[:-1]
    if len(there) > len(_PARTS):
        there = tuple(min(there, key=lambda epoch, to=target: abs(epoch - to)) for target in wanted)  # type: ignore[misc]
    return tuple(sorted(set(there)))


def _accuracy_at(
    benchmark: Benchmark, archs: Sequence[Architecture], val: FloatArray, epoch: int
) -> FloatArray:
    """Validation accuracy after `epoch`; of the trainings that end there, where these are their own."""
    if benchmark.info.resumable:
        at: FloatArray = val[:, epoch - 1]
        return at
    return np.array([benchmark.query(arch, seed=0, epochs=epoch).val_acc[-1] for arch in archs])


def _drops(val: FloatArray, info: BenchmarkInfo) -> tuple[float, float, float]:
    """Mean number of drops over 2 points, shares of curves with one over 5 and over 10; NaN where not every
    epoch is measured. A divergence is no drop: there is nothing to compare with."""
    every = info.fidelities is None or len(info.fidelities) == info.max_epochs
    if not (every and info.resumable) or val.shape[1] < 2:
        return math.nan, math.nan, math.nan
    steps = np.diff(val, axis=1)
    return (
        float((steps < -0.02).sum(1).mean()),
        float((steps < -0.05).any(1).mean()),
        float((steps < -0.1).any(1).mean()),
    )


def _between_seeds(
    benchmark: Benchmark, archs: Sequence[Architecture], test: FloatArray
) -> tuple[int, tuple[float, float]]:
    """How many networks have two runs or more, and tau between these runs, over all and the best half."""
    runs = np.array([_n_runs(benchmark, arch) for arch in archs])
    several: list[int] = np.flatnonzero(runs >= 2).tolist()
    if not several:
        return 0, (math.nan, math.nan)
    members = [archs[i] for i in several]
    final = np.array(
        [
            [curve.val_acc[-1] for curve in benchmark.query_many(members, [seed] * len(members))]
            for seed in range(int(runs[several].min()))
        ]
    )
    half = np.argsort(-test[several], kind="stable")[: len(several) // 2]
    return len(several), (_tau_between(final), _tau_between(final[:, half]))


def _n_runs(benchmark: Benchmark, arch: Architecture) -> int:
    training_runs = getattr(benchmark, "training_runs", None)
    return benchmark.info.n_seeds if training_runs is None else int(training_runs(arch))


def _distinct(benchmark: Benchmark) -> list[Architecture]:
    space = benchmark.space
    archs = all_architectures(space)
    if archs is None:
        rng = np.random.default_rng(0)
        archs = [space.sample(rng) for _ in range(SAMPLE)]
    distinct = {space.key(arch): arch for arch in archs}.values()
    held = [arch for arch in distinct if _is_held(benchmark, arch)]
    if not held:
        raise ArchitectureError(
            f"{benchmark.info.name} holds none of {len(distinct)} networks of its space {space.name!r}. Give "
            "a benchmark whose space holds what it answers for."
        )
    return held


def _is_held(benchmark: Benchmark, arch: Architecture) -> bool:
    """An unfinished collection's table lacks networks."""
    try:
        benchmark.query(arch, seed=0)
    except ArchitectureError:
        return False
    return True


def _tau_between(accs: NDArray[np.float64]) -> float:
    """Mean tau over the pairs of rows."""
    pairs = [_tau(a, b) for a, b in itertools.combinations(accs, 2)]
    return float(np.mean(pairs)) if pairs else math.nan


def _ranked(accs: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(np.isnan(accs), _DIVERGED, accs)


def _quantiles(values: NDArray[np.float64]) -> tuple[float, ...]:
    if not len(values):
        return ()
    return tuple(cast("list[float]", np.quantile(values, [0, 0.1, 0.5, 0.9, 1]).tolist()))


def _std(values: NDArray[np.float64]) -> float:
    return float(values.std()) if len(values) else math.nan


def _tau(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """NaN where one of them is constant, or there are fewer than two."""
    return float(kendalltau(_ranked(a), _ranked(b)).statistic) if len(a) > 1 else math.nan
