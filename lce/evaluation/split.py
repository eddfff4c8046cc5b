"""A random division of architectures: some whose runs are learnt from, others whose runs are predicted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nascurve.errors import ConfigError
from nascurve.lce.evaluation.curve_set import CurveSet
from nascurve.lce.evaluation.settings import MIN_TEST, EvaluationSettings


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Split:
    """Places of runs in a CurveSet.

    fit: (max of fit_curves,), one run of each architecture; a smaller number takes the first of them.
    test: (n,), of other architectures, in random order; the same for every extrapolator and every number of
        fitted curves, so that their differences are paired.
    n_test: architectures that are tested, of the n_testable that may be.
    """

    number: int
    fit: NDArray[np.intp]
    test: NDArray[np.intp]
    n_test: int
    n_testable: int

    @classmethod
    def draw(cls, curves: CurveSet, settings: EvaluationSettings, number: int) -> Split:
        """Split `number` of the settings' seed: the same however many splits there are.

        At most half of the architectures that `test_on` allows are tested (so that test sets of several
        splits differ also when no curve is fitted), at most `max_test`, and none that is among the fitted
        ones, which come from all others. Raises ConfigError when there are too few.
        """
        n, n_fit = len(curves.keys), settings.fit_curves[-1]
        testable = _testable(curves, settings.test_on)
        n_testable = int(testable.sum())
        n_test = min(n - n_fit, n_testable - n_testable // 2, settings.max_test)
        if n_test < MIN_TEST:
            of_half = "" if settings.test_on == "all" else f" ({n_testable} in the {settings.test_on} half)"
            raise ConfigError(
                f"fit_curves: expected to leave at least {MIN_TEST} of the {n} architectures that have a run "
                f"trained to epoch {settings.at_epoch}{of_half}, and half of them, for testing; got {n_fit} "
                "to be fitted. Give a smaller number, or more curves."
            )
        rng = np.random.default_rng([settings.seed, number])
        order = rng.permutation(n)
        drawn = _one_run_each(curves, rng)
        test = order[testable[order]][n_testable - n_test :]
        fit = order[~np.isin(order, test)][:n_fit]
        tested = drawn[test]
        if settings.runs == "all":
            tested = np.flatnonzero(np.isin(curves.architecture, test))
        return cls(number=number, fit=drawn[fit], test=tested, n_test=n_test, n_testable=n_testable)


def _testable(curves: CurveSet, test_on: str) -> NDArray[np.bool_]:
    """(N,): which architectures may be tested."""
    if test_on == "all":
        return np.ones(len(curves.keys), dtype=bool)
    return curves.reporting if test_on == "reporting" else ~curves.reporting


def _one_run_each(curves: CurveSet, rng: np.random.Generator) -> NDArray[np.intp]:
    """(N,): a random run of each architecture."""
    first = np.searchsorted(curves.architecture, np.arange(len(curves.keys) + 1))
    return np.asarray(first[:-1] + rng.integers(np.diff(first)), dtype=np.intp)
