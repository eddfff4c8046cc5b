"""A random division of architectures into those that a surrogate is fitted to and those it is judged on."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from nascurve.benchmarks.surrogate.curve_data import CurveData, IntArray
from nascurve.errors import ConfigError

MIN_TEST = 10
MIN_TRAIN = 10
MANY_RUNS = 5
"""Runs of an architecture that make it one of the repeated ones."""
MIN_REPEATED = 100


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KeySplit:
    """Rows of a CurveData, by architecture (`space.key`), never by run.

    train: (n,), all runs of the training architectures, ascending. test: for each tested architecture its
    runs. Both are distinct networks.
    """

    number: int
    train: IntArray
    test: tuple[IntArray, ...]

    @classmethod
    def draw(
        cls,
        data: CurveData,
        *,
        seed: int,
        number: int,
        test_share: float = 0.2,
        max_test: int = 200,
        max_train: int | None = None,
        testable: Collection[str] | None = None,
    ) -> KeySplit:
        """Split `number` of a seed: the same however many splits there are.

        test_share: of the architectures that may be tested; at most max_test, at least 10. max_train:
        training architectures, at most; None: all that are not tested.
        testable: keys of the architectures that may be tested; None: all.
        Where 100 architectures or more have 5 or more runs, and others have fewer, the tested ones are drawn
        from those, and none of those is trained on: they are there to judge by. Raises ConfigError for too
        few architectures.
        """
        groups = data.by_arch()
        pool = _repeated(groups)
        rng = np.random.default_rng([seed, number])
        candidates = rng.permutation(pool)
        if testable is not None:
            keys = [data.keys[groups[place][0]] for place in candidates]
            candidates = candidates[[key in testable for key in keys]]
        n_test = min(max(round(test_share * len(groups)), MIN_TEST), max_test, len(candidates))
        test = candidates[:n_test]
        never_trained = pool if len(pool) < len(groups) else test
        others = np.setdiff1d(np.arange(len(groups)), never_trained)
        train = rng.permutation(others)[:max_train]
        if n_test < MIN_TEST or len(train) < MIN_TRAIN:
            raise ConfigError(
                f"{data.source}: expected at least {MIN_TEST} architectures to test and {MIN_TRAIN} others "
                f"to fit to, got {n_test} and {len(train)} of {len(groups)} in all. "
                "Give curves of more architectures."
            )
        rows = np.sort(np.concatenate([groups[place] for place in train]))
        return cls(number=number, train=rows, test=tuple(groups[place] for place in test))


def _repeated(groups: tuple[IntArray, ...]) -> IntArray:
    counts = np.array([len(rows) for rows in groups])
    pool = np.flatnonzero(counts >= MANY_RUNS)
    return pool if len(pool) >= MIN_REPEATED else np.arange(len(groups))
