"""How final accuracies and costs are distributed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from nascurve.benchmarks.noise.estimate import (
    Bootstrap,
    Estimate,
    Indices,
    Statistic,
    excess_kurtosis,
    missing,
    rho,
    skewness,
    tau,
)
from nascurve.benchmarks.noise.runs import Runs
from nascurve.simulator.types import FloatArray

SECTION = "final accuracy"
COST = "cost"
_QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AccuracyDistribution:
    """Final accuracy (mean over runs) of the distinct networks, and the seconds of their trainings.

    gap: (n,), what a network lacks to the best one, as a share of the range from the lowest to the best; this
        is what benchmarks of different difficulty can be compared by.
    """

    true_acc: FloatArray
    gap: FloatArray
    training_s: FloatArray
    estimates: tuple[Estimate, ...]

    @classmethod
    def of(cls, runs: Runs, bootstrap: Bootstrap) -> AccuracyDistribution:
        true_acc, n = runs.true_acc, len(runs)
        best, lowest = true_acc.max(), true_acc.min()
        gap = (best - true_acc) / max(best - lowest, 1e-12)

        def points(label: str, statistic: Statistic, factor: float = 100.0, unit: str = "points") -> Estimate:
            return bootstrap.estimate(SECTION, label, statistic, n, unit=unit, factor=factor)

        rows = [
            Estimate(section=SECTION, label="networks", value=n, n=n),
            Estimate(section=SECTION, label="training runs", value=int(runs.n_runs.sum()), n=n),
            Estimate(section=SECTION, label="runs that at least a quarter of the networks have",
                     value=runs.n_judged, n=n),
            Estimate(section=SECTION, label="networks with a diverged run", value=runs.n_diverged,
                     n=n, note="a loss or validation accuracy that is not finite"),
            Estimate(section=SECTION, label="lowest", value=100 * lowest, n=n, unit="%"),
            *(
                points(f"{share:.0%} quantile", _quantile(true_acc, share), unit="%")
                for share in _QUANTILES
            ),
            Estimate(section=SECTION, label="best", value=100 * best, n=n, unit="%"),
            points("mean", lambda indices: float(true_acc[indices].mean()), unit="%"),
            points("sd", lambda indices: float(true_acc[indices].std())),
            points("skewness", lambda indices: skewness(true_acc[indices]), 1.0, ""),
            points("excess kurtosis", lambda indices: excess_kurtosis(true_acc[indices]), 1.0, ""),
            points(
                "networks that hardly learn: less than twice the lowest accuracy",
                lambda indices: float((true_acc[indices] < 2 * lowest).mean()),
                100.0,
                "%",
            ),
            points(
                "networks below the middle of the range",
                lambda indices: float((gap[indices] > 0.5).mean()),
                100.0,
                "%",
            ),
            *_top(runs, gap),
        ]  # fmt: skip
        return cls(
            true_acc=true_acc,
            gap=gap,
            training_s=runs.training_s,
            estimates=(*rows, *_cost(runs, bootstrap)),
        )


def _quantile(values: FloatArray, share: float) -> Statistic:
    return lambda indices: float(np.quantile(values[indices], share))


def _top(runs: Runs, gap: FloatArray) -> list[Estimate]:
    """Counts in the whole table: no interval."""
    n = len(runs)
    within = runs.true_acc.max() - runs.true_acc
    rows = [
        Estimate(
            section=SECTION,
            label="networks within a point of the best",
            value=int((within <= 0.01).sum()),
            n=n,
        )
    ]
    rows += [
        Estimate(
            section=SECTION,
            label=f"networks within {share:.0%} of the range of the best",
            value=100 * float((gap <= share).mean()),
            n=n,
            unit="%",
        )
        for share in (0.01, 0.02, 0.05)
    ]
    rows += [
        Estimate(
            section=SECTION,
            label=f"sd in the {name}",
            value=100 * float(runs.true_acc[runs.best(share)].std()),
            n=len(runs.best(share)),
            unit="points",
        )
        for name, share in (("better half", 0.5), ("best quarter", 0.25), ("best hundredth", 0.01))
    ]
    return rows


def _cost(runs: Runs, bootstrap: Bootstrap) -> list[Estimate]:
    seconds, accuracy, n = runs.training_s, runs.true_acc, len(runs)
    if not np.isfinite(seconds).all() or seconds.max() == 0:
        return [missing(COST, "seconds of a full training, mean", "this benchmark knows no costs", unit="s")]

    def row(label: str, statistic: Statistic, unit: str = "s") -> Estimate:
        return bootstrap.estimate(COST, label, statistic, n, unit=unit)

    rows = [
        row("seconds of a full training, mean", lambda indices: float(seconds[indices].mean())),
        *(row(f"seconds, {share:.0%} quantile", _quantile(seconds, share)) for share in (0.1, 0.5, 0.9)),
    ]
    if np.ptp(seconds) == 0:
        why = "all trainings cost the same"
        return [*rows, *(missing(COST, f"{name} of cost with accuracy", why) for name in ("tau", "rho"))]

    def by(measure: Callable[[FloatArray, FloatArray], float]) -> Statistic:
        def correlation(indices: Indices) -> float:
            return measure(seconds[indices], accuracy[indices])

        return correlation

    half = runs.best(0.5)
    return [
        *rows,
        Estimate(
            section=COST, label="dearest over cheapest", value=float(seconds.max() / seconds.min()), n=n
        ),
        row("tau of cost with accuracy", by(tau), ""),
        row("rho of cost with accuracy", by(rho), ""),
        bootstrap.estimate(
            COST,
            "rho of cost with accuracy, better half",
            lambda indices: rho(seconds[half][indices], accuracy[half][indices]),
            len(half),
        ),
    ]
