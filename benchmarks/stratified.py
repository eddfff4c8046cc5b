"""A random sample of a table's networks that covers the good ones well."""

from __future__ import annotations

import numpy as np

from nascurve import options
from nascurve.benchmarks.network import Network
from nascurve.benchmarks.table import CurveTable

SHARE_OF_BETTER_HALF = 0.75
STRATA = 6
"""Of the better half; each gives equally many."""


def stratified_networks(table: CurveTable, n: int) -> list[Network]:
    """n of the table's networks: a quarter at random from the worse half by test accuracy of the first
    training seed, and equally many from each sixth of the better half. Fixed for a table and n; in random
    order, so that the part of a collection that is there is a sample of the same kind.

    The empty network is left out. Raises ConfigError for an n that the strata cannot give.
    """
    first = table.trained.argmax(axis=0)
    test = table.test_correct[first, np.arange(table.n_networks)].astype(np.int64)
    trained = np.flatnonzero(table.trained.any(axis=0) & (table.network != "empty"))
    by_accuracy = trained[np.argsort(test[trained], kind="stable")]
    half = len(by_accuracy) // 2
    strata = [by_accuracy[:half], *np.array_split(by_accuracy[half:], STRATA)]
    n = options.integer("architectures=stratified-N: N", n, at_least=1, at_most=len(trained))
    n_better = round(SHARE_OF_BETTER_HALF * n)
    sizes = [n - n_better, *(len(part) for part in np.array_split(np.arange(n_better), STRATA))]
    most = int(min(len(part) * n / max(size, 1) for part, size in zip(strata, sizes, strict=True)))
    options.integer("architectures=stratified-N: N", n, at_least=1, at_most=most)
    rng = np.random.default_rng(0)
    rows = np.concatenate([rng.permutation(part)[:size] for part, size in zip(strata, sizes, strict=True)])
    return [Network.parse(str(table.network[row])) for row in rng.permutation(rows)]
