"""How far what is good on one benchmark is good on another, over the networks that both have trained."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from nascurve.benchmarks.noise.estimate import Bootstrap, Estimate, Indices, rho, tau
from nascurve.benchmarks.noise.runs import Runs
from nascurve.benchmarks.noise.seeds import GROUPS
from nascurve.simulator.types import FloatArray, SearchSpace

SECTION = "transfer from the other benchmark"
LEAST = 20
"""Networks in both, below which nothing is said."""
_Measure = Callable[[FloatArray, FloatArray], float]
_LOOKED_UP = (1, 10, 100)
"""So many of the other benchmark's best networks are looked up here."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Transfer:
    """What the results of another benchmark of the same search space tell of this one's.

    true_acc, other_acc: (n,), the mean over runs on this and on the other benchmark, of the n networks that
        both have.
    regret_of_best: (n,), the least regret (points) that any of the other's k best networks has here,
        k = 1 … n, to the best network that both have.
    estimates: Kendall's tau and Spearman's rho, over all and over the other's best (groups by the accuracy
        there); regrets here of the other's best; agreement of the costs.

    The noise of both is in all of it: two tasks cannot agree better than two runs of one of them do.
    """

    true_acc: FloatArray
    other_acc: FloatArray
    regret_of_best: FloatArray
    estimates: tuple[Estimate, ...]

    @classmethod
    def of(
        cls,
        runs: Runs,
        other: Runs,
        space: SearchSpace,
        other_space: SearchSpace,
        *,
        bootstrap: Bootstrap | None = None,
    ) -> Transfer | None:
        """None where the search spaces are different, or fewer than 20 networks are in both."""
        if space.name != other_space.name:
            return None
        place = {other_space.key(arch): row for row, arch in enumerate(other.archs)}
        keys = [space.key(arch) for arch in runs.archs]
        here = np.array([row for row, key in enumerate(keys) if key in place], dtype=np.intp)
        if len(here) < LEAST:
            return None
        there = np.array([place[keys[row]] for row in here], dtype=np.intp)
        true_acc, other_acc = runs.true_acc[here], other.true_acc[there]
        best_there = np.argsort(-other_acc, kind="stable")
        regret = 100 * (true_acc.max() - np.maximum.accumulate(true_acc[best_there]))
        return cls(
            true_acc=true_acc,
            other_acc=other_acc,
            regret_of_best=regret,
            estimates=(
                Estimate(section=SECTION, label="networks in both", value=len(here), n=len(here)),
                *_agreement(true_acc, other_acc, best_there, bootstrap or Bootstrap()),
                *_found(true_acc, best_there, regret),
                *_costs(runs.training_s[here], other.training_s[there], bootstrap or Bootstrap()),
            ),
        )


def _agreement(
    true_acc: FloatArray, other_acc: FloatArray, best_there: Indices, bootstrap: Bootstrap
) -> list[Estimate]:
    rows = []
    for name, measure in (("tau", tau), ("rho", rho)):
        for group, share in GROUPS.items():
            if (n := round(share * len(best_there))) < LEAST:
                continue
            members = best_there[:n]

            def between(indices: Indices, of: _Measure = measure, members: Indices = members) -> float:
                return of(true_acc[members[indices]], other_acc[members[indices]])

            label = f"{name} of accuracy here and there, {group}"
            note = "" if share == 1 else "group by the accuracy there"
            rows.append(bootstrap.estimate(SECTION, label, between, n, note=note))
    return rows


def _found(true_acc: FloatArray, best_there: Indices, regret: FloatArray) -> list[Estimate]:
    rows = []
    best_here = np.argsort(-true_acc, kind="stable")
    n = len(true_acc)
    for k in (k for k in _LOOKED_UP if k <= n // 2):
        which = "the best there" if k == 1 else f"the best of the {k} best there"
        value = float(regret[k - 1])
        rows.append(
            Estimate(section=SECTION, label=f"regret here of {which}", value=value, unit="points", n=n)
        )
        if k > 1:
            shared = 100 * len(np.intersect1d(best_there[:k], best_here[:k])) / k
            label = f"of the {k} best there, among the {k} best here"
            rows.append(Estimate(section=SECTION, label=label, value=shared, unit="%", n=n))
    return rows


def _costs(here: FloatArray, there: FloatArray, bootstrap: Bootstrap) -> list[Estimate]:
    label = "tau of cost here and there"
    row = bootstrap.estimate(SECTION, label, lambda i: tau(here[i], there[i]), len(here))
    return [] if math.isnan(row.value) else [row]  # NaN: one of them knows no costs
