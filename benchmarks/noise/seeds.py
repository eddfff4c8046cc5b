"""How far training runs of one network agree."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from nascurve.benchmarks.noise.estimate import Bootstrap, Estimate, Indices, missing, rho, tau
from nascurve.benchmarks.noise.runs import Runs
from nascurve.simulator.types import FloatArray

GROUPS = {"all": 1.0, "better half": 0.5, "best quarter": 0.25}
SECTION = "between training runs"
_LEAST = 20
"""Networks in a group, below which nothing is said of it."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pair:
    """Two numbers of each of some networks that are to agree, and what else is known of these networks.

    quality: by which groups are formed; never from the compared runs, unless `independent` is False.
    """

    first: FloatArray
    second: FloatArray
    quality: FloatArray
    independent: bool

    def members(self, share: float) -> FloatArray:
        """1 for the best `share` of the networks by quality, among those where all is known; else 0."""
        known = np.flatnonzero(np.isfinite(self.first) & np.isfinite(self.second) & np.isfinite(self.quality))
        inside = np.zeros(len(self.quality))
        order = known[np.argsort(-self.quality[known], kind="stable")]
        inside[order[: round(share * len(order))]] = 1
        return inside


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SeedAgreement:
    """Kendall's tau and Spearman's rho between runs, and variance components.

    between: tau of each group between two runs' final validation accuracies, mean over pairs of runs.
    estimates: all rows.
    """

    between: tuple[Estimate, ...]
    estimates: tuple[Estimate, ...]

    @classmethod
    def of(cls, runs: Runs, bootstrap: Bootstrap) -> SeedAgreement:
        """Groups are chosen by the final accuracy of the runs that are not compared. Where there are only
        two, by the mean over both, which the note says: what chance made good then stays in the group.
        Variance components: one-way analysis of variance with unequal numbers of runs, in groups by the mean
        over all runs."""
        between, rows = [], []
        val_acc = runs.judged[:, :, -1]
        if runs.n_judged < 2:
            why = "needs two runs of a network; there is one"
            rows = [missing(SECTION, f"tau between runs, {group}", why) for group in GROUPS]
        else:
            pairs = [
                _pair(runs, val_acc[:, i], val_acc[:, j], (i, j))
                for i, j in itertools.combinations(range(runs.n_judged), 2)
            ]
            for name, measure in (("tau", tau), ("rho", rho)):
                for group, share in GROUPS.items():
                    row = _agreement(f"{name} between runs, {group}", pairs, share, measure, bootstrap)
                    rows.append(row)
                    if name == "tau":
                        between.append(row)
            judges = [_judged_by_others(runs, run) for run in range(runs.n_judged)]
            label = "tau of one run's validation with the others' final accuracy"
            rows += [
                _agreement(f"{label}, {group}", judges, share, tau, bootstrap)
                for group, share in GROUPS.items()
            ]
        if runs.final_is_test:
            same = [
                _pair(runs, val_acc[:, run], runs.final_acc[:, run], (run,)) for run in range(runs.n_judged)
            ]
            rows += [
                _agreement(
                    f"tau of validation with test accuracy, same run, {group}", same, share, tau, bootstrap
                )
                for group, share in GROUPS.items()
            ]
        if runs.n_judged >= 2:
            for group, share in GROUPS.items():
                rows += _components(runs, val_acc, group, share, bootstrap)
        return cls(between=tuple(between), estimates=tuple(rows))


def _pair(runs: Runs, first: FloatArray, second: FloatArray, judged: tuple[int, ...]) -> Pair:
    quality = runs.others_acc(judged, runs.final_acc)
    both = np.isfinite(first) & np.isfinite(second)
    independent = int((both & np.isfinite(quality)).sum()) >= _LEAST
    if not independent:
        quality = np.where(both, runs.final_acc[:, list(judged)].sum(axis=1), np.nan)
    return Pair(first=first, second=second, quality=quality, independent=independent)


def _judged_by_others(runs: Runs, run: int) -> Pair:
    """A run against the mean of the others; groups by that mean, which the run has no part in."""
    others = runs.others_acc((run,), runs.final_acc)
    return Pair(first=runs.judged[:, run, -1], second=others, quality=others, independent=True)


def _agreement(
    label: str,
    pairs: list[Pair],
    share: float,
    measure: Callable[[FloatArray, FloatArray], float],
    bootstrap: Bootstrap,
) -> Estimate:
    """Mean over the pairs; a resample of networks is the same for all of them."""
    inside = [
        pair.members(share) > 0 if share < 1 else np.isfinite(pair.first) & np.isfinite(pair.second)
        for pair in pairs
    ]
    n = max(int(mask.sum()) for mask in inside)
    if n < _LEAST:
        return missing(SECTION, label, f"needs {_LEAST} networks in the group; there are {n}")

    def mean(indices: Indices) -> float:
        values = []
        for pair, mask in zip(pairs, inside, strict=True):
            chosen = indices[mask[indices]]
            values.append(measure(pair.first[chosen], pair.second[chosen]))
        return float(np.mean(values))

    row = bootstrap.estimate(SECTION, label, mean, len(inside[0]))
    note = ""
    if share < 1:
        note = (
            "group by runs that are not compared"
            if all(pair.independent for pair in pairs)
            else "group by the compared runs themselves: no others"
        )
        if label.startswith("tau of one run's"):
            note = "group by the other runs"
    return Estimate(section=SECTION, label=label, value=row.value, low=row.low, high=row.high, n=n, note=note)


def _components(
    runs: Runs, val_acc: FloatArray, group: str, share: float, bootstrap: Bootstrap
) -> list[Estimate]:
    chosen = runs.best(share)
    values = val_acc[chosen][np.isfinite(val_acc[chosen]).sum(axis=1) >= 2]
    n = len(values)
    labels = (
        f"sd between networks, {group}",
        f"sd between runs of a network, {group}",
        f"reliability of one run, {group}",
    )
    if n < _LEAST:
        why = f"needs {_LEAST} networks with two runs in the group; there are {n}"
        return [missing(SECTION, label, why) for label in labels]
    counts = np.isfinite(values).sum(axis=1)
    means = np.nanmean(values, axis=1)
    squares = np.nansum((values - means[:, None]) ** 2, axis=1)

    def components(indices: Indices) -> tuple[float, float]:
        k, total = len(indices), counts[indices].sum()
        within = squares[indices].sum() / (total - k)
        grand = (counts[indices] * means[indices]).sum() / total
        among = (counts[indices] * (means[indices] - grand) ** 2).sum() / (k - 1)
        typical = (total - (counts[indices] ** 2).sum() / total) / (k - 1)
        return max(0.0, float((among - within) / typical)), float(within)

    def sd_networks(indices: Indices) -> float:
        return math.sqrt(components(indices)[0])

    def sd_runs(indices: Indices) -> float:
        return math.sqrt(components(indices)[1])

    def reliability(indices: Indices) -> float:
        networks, within = components(indices)
        return networks / (networks + within) if networks + within > 0 else math.nan

    note = "" if share == 1 else "group by the mean over all runs"
    points = {"unit": "points", "factor": 100.0, "note": note}
    return [
        bootstrap.estimate(SECTION, labels[0], sd_networks, n, **points),  # type: ignore[arg-type]
        bootstrap.estimate(SECTION, labels[1], sd_runs, n, **points),  # type: ignore[arg-type]
        bootstrap.estimate(SECTION, labels[2], reliability, n, note=note),
    ]
