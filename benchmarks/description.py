"""What a benchmark's curves look like, in numbers."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau

from nascurve.benchmarks.enumeration import all_architectures
from nascurve.errors import ArchitectureError
from nascurve.simulator.types import Architecture, Benchmark

SAMPLE = 5_000
"""Networks drawn from a space that is too large to enumerate."""


@dataclass(frozen=True, kw_only=True)
class Description:
    """Statistics over the distinct networks (by `space.key`) that a benchmark holds, of training run 0 each.

    "half" and "quarter" are the best half and quarter by final test accuracy. Accuracies in [0, 1]; quantiles
    are minimum, 10 %, 50 %, 90 % and maximum. tau_seeds: Kendall's tau of final validation accuracy between
    training runs, mean over pairs, over all networks and in the best half; NaN with a single run.
    """

    n_networks: int
    val_acc_quantiles: tuple[float, ...]
    test_acc_quantiles: tuple[float, ...]
    best_test_acc: float
    n_within_point_of_best: int
    std_half: float
    std_quarter: float
    tau_val_test: float
    tau_seeds: tuple[float, float]
    tau_early_epochs: tuple[int, ...]
    tau_early: tuple[float, ...]
    tau_early_half: tuple[float, ...]
    drops_over_2_points: float
    share_drop_over_5_points: float
    share_drop_over_10_points: float
    best_at_quarter_ends_at_rank: int
    training_s_quantiles: tuple[float, ...]
    training_s_mean: float
    tau_cost_test: float

    @classmethod
    def of(cls, benchmark: Benchmark) -> Description:
        """Describe a benchmark. Reads one curve of every distinct network, or of SAMPLE random ones."""
        archs = _distinct(benchmark)
        n_seeds = benchmark.info.n_seeds
        runs = [benchmark.query_many(archs, [seed] * len(archs)) for seed in range(n_seeds)]
        curves = runs[0]
        val = np.array([curve.val_acc for curve in curves])
        test = np.array([benchmark.true_test_acc(arch) for arch in archs])
        training_s = np.array([curve.epoch_s.sum() for curve in curves])
        epochs = val.shape[1]
        final = np.array([[curve.val_acc[-1] for curve in run] for run in runs])
        order = np.argsort(-test, kind="stable")
        half, quarter = order[: len(order) // 2], order[: len(order) // 4]
        early = tuple(sorted({max(1, epochs // part) for part in (8, 4, 2)}))
        steps = np.diff(val, axis=1)
        leader = int(np.argmax(val[:, max(1, epochs // 4) - 1]))
        return cls(
            n_networks=len(archs),
            val_acc_quantiles=_quantiles(val[:, -1]),
            test_acc_quantiles=_quantiles(test),
            best_test_acc=float(test.max()),
            n_within_point_of_best=int((test >= test.max() - 0.01).sum()),
            std_half=float(test[half].std()),
            std_quarter=float(test[quarter].std()),
            tau_val_test=_tau(val[:, -1], test),
            tau_seeds=(_tau_between(final), _tau_between(final[:, half])),
            tau_early_epochs=early,
            tau_early=tuple(_tau(val[:, epoch - 1], val[:, -1]) for epoch in early),
            tau_early_half=tuple(_tau(val[half, epoch - 1], val[half, -1]) for epoch in early),
            drops_over_2_points=float((steps < -0.02).sum(1).mean()),
            share_drop_over_5_points=float((steps < -0.05).any(1).mean()),
            share_drop_over_10_points=float((steps < -0.1).any(1).mean()),
            best_at_quarter_ends_at_rank=int((val[:, -1] > val[leader, -1]).sum()) + 1,
            training_s_quantiles=_quantiles(training_s),
            training_s_mean=float(training_s.mean()),
            tau_cost_test=_tau(training_s, test),
        )

    def lines(self) -> list[tuple[str, str]]:
        """Label and value of each statistic, for a table."""

        def many(values: tuple[float, ...], digits: int = 3) -> str:
            return " / ".join(f"{value:.{digits}f}" for value in values)

        epochs = "/".join(map(str, self.tau_early_epochs))
        return [
            ("distinct networks", f"{self.n_networks}"),
            ("validation accuracy, min/10/50/90 %/max", many(self.val_acc_quantiles)),
            ("test accuracy, min/10/50/90 %/max", many(self.test_acc_quantiles)),
            ("best test accuracy", f"{self.best_test_acc:.4f}"),
            ("networks within a point of the best", f"{self.n_within_point_of_best}"),
            ("std of test accuracy, best half / quarter", many((self.std_half, self.std_quarter), 4)),
            ("tau of validation (run 0) with test accuracy", f"{self.tau_val_test:.3f}"),
            *(
                [("tau between training runs, all / best half", many(self.tau_seeds))]
                if np.isfinite(self.tau_seeds[0])
                else []
            ),
            (f"tau of epoch {epochs} with the last, all", many(self.tau_early)),
            (f"tau of epoch {epochs} with the last, best half", many(self.tau_early_half)),
            ("drops of more than 2 points a curve", f"{self.drops_over_2_points:.2f}"),
            (
                "curves with a drop of more than 5 / 10 points",
                many((self.share_drop_over_5_points, self.share_drop_over_10_points)),
            ),
            ("final rank of the best at a quarter of the epochs", f"{self.best_at_quarter_ends_at_rank}"),
            ("seconds of a full training, min/10/50/90 %/max", many(self.training_s_quantiles)),
            ("seconds of a full training, mean", f"{self.training_s_mean:.4f}"),
            ("tau of cost with test accuracy", f"{self.tau_cost_test:.3f}"),
        ]  # fmt: skip


def _distinct(benchmark: Benchmark) -> list[Architecture]:
    space = benchmark.space
    archs = all_architectures(space)
    if archs is None:
        rng = np.random.default_rng(0)
        archs = [space.sample(rng) for _ in range(SAMPLE)]
    distinct = {space.key(arch): arch for arch in archs}.values()
    return [arch for arch in distinct if _is_held(benchmark, arch)]


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
    return float(np.mean(pairs)) if pairs else float("nan")


def _quantiles(values: NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(cast("list[float]", np.quantile(values, [0, 0.1, 0.5, 0.9, 1]).tolist()))


def _tau(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    return float(kendalltau(a, b).statistic)
