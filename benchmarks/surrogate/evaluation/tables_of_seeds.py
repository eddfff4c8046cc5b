"""A surrogate's mean curves against looking up the mean of a few training runs."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from nascurve.benchmarks.surrogate.evaluation.accuracy_scores import accuracy_scores
from nascurve.errors import ConfigError
from nascurve.simulator.types import FloatArray

SEEDS = (1, 2, 3, 4)
_MOST_CHOICES = 8


def against_tables(
    runs: FloatArray, predicted: FloatArray, *, rng: np.random.Generator, seeds: Sequence[int] = SEEDS
) -> list[dict[str, Any]]:
    """For each k in `seeds`, the `accuracy_scores` of a table of k runs and of the predicted mean curves,
    both judged against the mean of the other S - k runs of each of n architectures.

    runs: (n, S, E), complete. predicted: (n, E). The table's runs are chosen at random, the same numbers for
    all architectures: all choices where there are 8 or fewer, else 8 of them; scores are means over these.
    Compare within a k only: with more runs in the table, fewer are left to judge by, and the truth is
    noisier.
    Rows: estimator (table, surrogate), seeds (k), judged_by (S - k), and the scores.
    Raises ConfigError where no run would be left.
    """
    n_runs = runs.shape[1]
    if max(seeds) >= n_runs:
        raise ConfigError(
            f"A table of {max(seeds)} seeds is judged by further ones: expected more than {max(seeds)} "
            f"complete runs of each tested architecture, got {n_runs}. Give a source with more runs."
        )
    rows = []
    for k in seeds:
        scores: dict[str, list[dict[str, float]]] = {"table": [], "surrogate": []}
        for chosen in _choices(n_runs, k, rng):
            truth = np.delete(runs, chosen, axis=1).mean(axis=1)
            scores["table"].append(accuracy_scores(truth, runs[:, chosen].mean(axis=1)))
            scores["surrogate"].append(accuracy_scores(truth, predicted))
        for estimator, own in scores.items():
            means = {name: float(np.mean([one[name] for one in own])) for name in own[0]}
            rows.append({"estimator": estimator, "seeds": k, "judged_by": n_runs - k, **means})
    return rows


def _choices(n_runs: int, k: int, rng: np.random.Generator) -> list[list[int]]:
    if math.comb(n_runs, k) <= _MOST_CHOICES:
        return [list(chosen) for chosen in itertools.combinations(range(n_runs), k)]
    return [sorted(rng.permutation(n_runs)[:k].tolist()) for _ in range(_MOST_CHOICES)]
