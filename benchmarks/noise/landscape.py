"""The landscape of final accuracy over the graph of elementary changes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.stats import rankdata

from nascurve.benchmarks.enumeration import all_architectures
from nascurve.benchmarks.noise.estimate import Estimate, missing
from nascurve.benchmarks.noise.runs import Runs
from nascurve.simulator.types import Architecture, FloatArray, SearchSpace

SECTION = "landscape"
LIMIT = 40_000
"""Architectures, beyond which the graph is not built."""
LAGS = tuple(range(1, 13))
_SHOWN_LAGS = (1, 2, 3, 5)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Landscape:
    """Nodes are distinct networks; two are neighbours when some architecture of one is an elementary change
    (`space.neighbors`) away from some architecture of the other. Fitness is the true accuracy.

    optimum: (n,) bool, strict local optima: every neighbour is worse.
    weights: (n,), share of the space's architectures that build each network.
    reached: (n,), position of the network that best-improvement local search ends with from each network: a
        strict local optimum, or one with neighbours as good and none better.
    autocorrelation: (len(LAGS),), of fitness along a random walk in its stationary distribution: a step is
        one of the elementary changes that alter the network, all with equal chance. Exact, by powers of the
        transition matrix, not from sampled walks.
    rank_autocorrelation: the same of its ranks, for which a few networks that learn nothing do not matter.
    lost_acc: (n,), best accuracy minus the accuracy that local search from each network ends with.
    """

    optimum: NDArray[np.bool_]
    weights: FloatArray
    reached: NDArray[np.intp]
    autocorrelation: FloatArray
    rank_autocorrelation: FloatArray
    lost_acc: FloatArray
    estimates: tuple[Estimate, ...]

    @classmethod
    def of(cls, runs: Runs, space: SearchSpace) -> Landscape | None:
        """None where the space is too large to enumerate, or the benchmark does not hold all of it."""
        archs = all_architectures(space)
        if archs is None or why_missing(runs, space):
            return None
        place = {space.key(arch): row for row, arch in enumerate(runs.archs)}
        network = np.array([place[space.key(arch)] for arch in archs], dtype=np.intp)
        n = len(runs)
        weights = np.bincount(network, minlength=n) / len(archs)
        walk, strings_worse = _graph(space, archs, network, runs.true_acc)
        optimum, reached, steps = climb(walk, runs.true_acc)
        correlation = walk_autocorrelation(walk, runs.true_acc, max(LAGS))
        ranks = walk_autocorrelation(walk, rankdata(runs.true_acc), max(LAGS))
        lost = runs.true_acc.max() - runs.true_acc[reached]
        single = [
            int(climb(walk, runs.final_acc[:, run])[0].sum())
            for run in range(runs.n_judged)
            if np.isfinite(runs.final_acc[:, run]).all()
        ]
        rows = [
            _row("architectures", len(archs), n),
            _row("networks", n, n),
            _row("neighbours of a network, mean", float(np.diff(walk.indptr).mean()), n),
            _row("strict local optima", int(optimum.sum()), n),
            _row("strict local optima, of the networks", 100 * float(optimum.mean()), n, unit="%"),
            *_single_run(single, runs.n_judged, n),
            _row(
                "architectures whose every neighbour that is another network is worse",
                100 * float(strings_worse.mean()),
                len(archs),
                unit="%",
            ),
            *_basin(runs.true_acc, reached, weights, lost, steps),
            *(
                _row(f"autocorrelation of a random walk, lag {lag}", float(correlation[lag - 1]), n)
                for lag in _SHOWN_LAGS
            ),
            _length_row("correlation length of a random walk", correlation[0], n),
            *(
                _row(f"autocorrelation of ranks on a random walk, lag {lag}", float(ranks[lag - 1]), n)
                for lag in _SHOWN_LAGS
            ),
            _length_row("correlation length of ranks", ranks[0], n),
        ]
        return cls(
            optimum=optimum,
            weights=weights,
            reached=reached,
            autocorrelation=correlation,
            rank_autocorrelation=ranks,
            lost_acc=lost,
            estimates=tuple(rows),
        )


def why_missing(runs: Runs, space: SearchSpace) -> str:
    """Why there is no landscape; empty where there is one."""
    archs = all_architectures(space)
    if archs is None or len(archs) > LIMIT:
        return f"needs a space of at most {LIMIT} architectures"
    keys = {space.key(arch) for arch in archs}
    if len(keys) > len(runs):
        return f"needs all of the space's {len(keys)} networks; there are {len(runs)}"
    return ""


def missing_landscape(runs: Runs, space: SearchSpace) -> list[Estimate]:
    return [missing(SECTION, "strict local optima", why_missing(runs, space))]


def _graph(
    space: SearchSpace, archs: Sequence[Architecture], network: NDArray[np.intp], fitness: FloatArray
) -> tuple[csr_array, NDArray[np.bool_]]:
    """Numbers of elementary changes between networks, (n, n), none on the diagonal; and of each architecture,
    whether all changes that alter the network make it worse."""
    number = {arch: row for row, arch in enumerate(archs)}
    sources, targets = [], []
    for row, arch in enumerate(archs):
        near = [number[other] for other in space.neighbors(arch)]
        sources += [row] * len(near)
        targets += near
    source, target = np.array(sources, dtype=np.intp), np.array(targets, dtype=np.intp)
    alters = network[source] != network[target]
    source, target = source[alters], target[alters]
    better_or_equal = np.bincount(
        source, weights=fitness[network[target]] >= fitness[network[source]], minlength=len(archs)
    )
    n = len(fitness)
    counts = csr_array((np.ones(len(source)), (network[source], network[target])), shape=(n, n))
    counts.sum_duplicates()
    return counts, better_or_equal == 0


def climb(
    walk: csr_array, fitness: FloatArray
) -> tuple[NDArray[np.bool_], NDArray[np.intp], NDArray[np.intp]]:
    """Strict local optima; where best improvement ends from each node; steps to there.

    Of equally good neighbours the one of the smallest position is taken.
    """
    n = len(fitness)
    best_near = np.arange(n)
    optimum = np.zeros(n, dtype=np.bool_)
    for node in range(n):
        near = walk.indices[walk.indptr[node] : walk.indptr[node + 1]]
        if len(near) == 0:
            continue
        top = near[np.lexsort((near, -fitness[near]))[0]]
        optimum[node] = fitness[top] < fitness[node]
        if fitness[top] > fitness[node]:
            best_near[node] = top
    reached, steps = best_near.copy(), (best_near != np.arange(n)).astype(np.intp)
    while (moves := best_near[reached] != reached).any():
        steps += moves
        reached = best_near[reached]
    return optimum, reached, steps


def walk_autocorrelation(walk: csr_array, fitness: FloatArray, lags: int) -> FloatArray:
    """corr(f(x_0), f(x_k)) for k = 1 ... lags, x_0 from the stationary distribution (symmetric `walk`)."""
    degree = np.asarray(walk.sum(axis=1)).ravel()
    share = degree / degree.sum()
    centred = fitness - share @ fitness
    variance = float(share @ centred**2)
    ahead, found = centred, []
    for _ in range(lags):
        ahead = np.asarray(walk @ ahead) / np.maximum(degree, 1)
        found.append(float(share @ (centred * ahead)) / variance if variance > 0 else math.nan)
    return np.array(found)


def _basin(
    fitness: FloatArray,
    reached: NDArray[np.intp],
    weights: FloatArray,
    lost: FloatArray,
    steps: NDArray[np.intp],
) -> list[Estimate]:
    n = len(fitness)
    to_best = reached == int(np.argmax(fitness))
    by_lost = np.argsort(lost, kind="stable")
    middle = by_lost[int(np.searchsorted(np.cumsum(weights[by_lost]), 0.5))]
    return [
        _row(
            "basin of the best under best improvement, of the networks",
            100 * float(to_best.mean()),
            n,
            unit="%",
        ),
        _row(
            "basin of the best, of the architectures",
            100 * float(weights[to_best].sum()),
            n,
            unit="%",
        ),
        _row(
            "ends of best improvement",
            len(np.unique(reached)),
            n,
            note="strict local optima, and networks with neighbours as good and none better",
        ),
        _row(
            "regret of best improvement from a random architecture, mean",
            100 * float(weights @ lost),
            n,
            unit="points",
        ),
        _row("the same, median", 100 * float(lost[middle]), n, unit="points"),
        _row(
            "the same, mean, of the range",
            100 * float(weights @ lost / max(np.ptp(fitness), 1e-12)),
            n,
            unit="%",
        ),
        _row("steps of best improvement from a random architecture, mean", float(weights @ steps), n),
    ]


def _length_row(label: str, first: float, n: int) -> Estimate:
    """Weinberger's: the lag at which an exponential decay from 1 through `first` has fallen to 1/e."""
    if 0 < first < 1:
        return _row(label, -1 / math.log(first), n, unit="steps")
    return missing(SECTION, label, "needs a positive autocorrelation at lag 1", unit="steps")


def _single_run(counts: list[int], n_judged: int, n: int) -> list[Estimate]:
    """Noise makes local optima: their number when one run is the fitness."""
    if n_judged < 2 or not counts:
        return []
    note = f"runs one by one: {', '.join(map(str, counts))}"
    return [_row("strict local optima of a single run", float(np.mean(counts)), n, note=note)]


def _row(label: str, value: float, n: int, *, unit: str = "", note: str = "") -> Estimate:
    return Estimate(section=SECTION, label=label, value=value, n=n, unit=unit, note=note)
