"""How probable it is that a test finds a difference, and how many seeds that needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from nascurve.errors import ConfigError
from nascurve.experiments.statistics.paired_tests import MIN_TEST_SEEDS
from nascurve.experiments.statistics.variation import Variation
from nascurve.options import real

Design = Literal["paired", "unpaired"]
MOST_SIMULATED = 5_000
"""Seeds; more are left to the formula."""
MOST_SEEDS = 10_000_000
_SIMULATIONS = 2_000  # standard error of a power of .8: .009
_FEW_SEEDS = 100
_CORRECTIONS = 3
_MANY_CELLS = 2_000_000  # of one simulation held at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """difference_pp: to be found, percentage points.  power: its probability.  alpha: of the two-sided test.

    Raises ConfigError.
    """

    difference_pp: float
    power: float = 0.8
    alpha: float = 0.05

    def __post_init__(self) -> None:
        real("difference", self.difference_pp, above=0, hint="No test shows that there is no difference.")
        real("alpha", self.alpha, above=0, at_most=0.5)
        if not self.alpha < real("power", self.power) < 1:
            raise ConfigError(
                f"power: expected a number between alpha ({self.alpha:g}) and 1, got {self.power:g}."
            )


def formula_power(sd: float, design: Design, seeds: int, goal: Goal) -> float:
    """Of the two-sided t-test: paired, or of two independent groups of as many seeds each (for equal groups
    Welch's test has the same power to first order). Source: statsmodels' `TTestPower`, `TTestIndPower`, the
    tail on the side of the difference; the other one adds nothing at a power of use, and SciPy cannot always
    tell it.

    sd: of differences where these are paired, else of single scores; see `spread`.
    """
    from statsmodels.stats.power import TTestIndPower, TTestPower

    tests: dict[Design, Any] = {"paired": TTestPower, "unpaired": TTestIndPower}
    return float(tests[design]().power(goal.difference_pp / sd, seeds, goal.alpha / 2, alternative="larger"))


def spread(variation: Variation, design: Design) -> tuple[float, float, float]:
    """The sd that the design's t-test hangs on, and the ends of its interval; percentage points."""
    if design == "paired":
        return (variation.sd_difference, *variation.sd_difference_ci)
    return (variation.sd, *variation.sd_ci)


def simulated_power(variation: Variation, design: Design, seeds: int, goal: Goal) -> float:
    """Share of 2,000 simulated experiments in which the two-sided test finds the difference: Wilcoxon's
    signed-rank test of paired seeds, or the Mann-Whitney test of seeds that are not paired, by their normal
    approximations. The generator is fixed. 0 with fewer paired seeds than can ever give p < .05."""
    from scipy import stats

    if design == "paired" and seeds < MIN_TEST_SEEDS:
        return 0.0
    rng = np.random.default_rng(0)
    rows = max(1, min(_SIMULATIONS, _MANY_CELLS // seeds))
    found = done = 0
    while done < _SIMULATIONS:
        shape = min(rows, _SIMULATIONS - done), seeds
        if design == "paired":
            differences = variation.draw_differences(rng, shape, goal.difference_pp)
            differences[~differences.any(axis=1), 0] = (
                1e-300  # no difference at all: not found, not undefined
            )
            p = stats.wilcoxon(differences, axis=1, method="approx").pvalue
        else:
            a = variation.draw_scores(rng, shape, goal.difference_pp)
            b = variation.draw_scores(rng, shape, 0.0)
            p = stats.mannwhitneyu(a, b, axis=1, method="asymptotic").pvalue
        found += int((np.asarray(p) < goal.alpha).sum())
        done += shape[0]
    return found / _SIMULATIONS


def seeds_by_formula(sd: float, design: Design, goal: Goal) -> int | None:
    """The fewest seeds at which the formula reaches the power; None beyond ten million."""

    def reaches(seeds: int) -> bool:
        return formula_power(sd, design, seeds, goal) >= goal.power

    return _fewest(reaches, guess=16, most=MOST_SEEDS)


def seeds_by_simulation(variation: Variation, design: Design, goal: Goal) -> int | None:
    """The fewest seeds at which the simulated test reaches the power, to about three in a hundred; None
    beyond five thousand."""

    def reaches(seeds: int) -> bool:
        return simulated_power(variation, design, seeds, goal) >= goal.power

    guess = seeds_by_formula(spread(variation, design)[0], design, goal) or MOST_SEEDS
    if guess <= _FEW_SEEDS:
        return _fewest(reaches, guess=guess, most=MOST_SIMULATED)
    for _ in range(_CORRECTIONS):
        if guess > 2 * MOST_SIMULATED:
            return None
        guess = _corrected(guess, simulated_power(variation, design, guess, goal), goal)
    return guess if guess <= MOST_SIMULATED else None


def _corrected(seeds: int, power: float, goal: Goal) -> int:
    """The seeds that give the goal's power, where these give this one: the normal quantile of the power, plus
    that of the level, grows with the root of the seeds. One simulation says what a search takes ten for."""
    from scipy import stats

    level = float(stats.norm.isf(goal.alpha / 2))
    least = 1 / _SIMULATIONS
    reached, wanted = (float(stats.norm.ppf(p)) for p in (np.clip(power, least, 1 - least), goal.power))
    return max(MIN_TEST_SEEDS, round(seeds * ((wanted + level) / max(reached + level, 0.1)) ** 2))


def detectable_difference(sd: float, design: Design, seeds: int, goal: Goal) -> float:
    """The smallest difference, in percentage points, that the formula finds with the goal's power."""
    from scipy import optimize

    def missing(difference_pp: float) -> float:
        sought = Goal(difference_pp=difference_pp, power=goal.power, alpha=goal.alpha)
        return formula_power(sd, design, seeds, sought) - goal.power

    highest = sd
    while missing(highest) < 0:
        highest *= 2
    return float(optimize.brentq(missing, 1e-9 * sd, highest))


def _fewest(reaches: Callable[[int], bool], *, guess: int, most: int) -> int | None:
    """The smallest number, from 2, at which it is reached; None beyond `most`. From the guess the bracket
    grows by a quarter at a time, then is halved."""
    high = min(guess, most)
    low = high
    while not reaches(high):
        if high == most:
            return None
        low, high = high, min(high + high // 4 + 1, most)
    if low == high:
        while low > 2 and reaches(low := max(2, low - low // 5 - 1)):
            high = low
    while high - low > 1:
        middle = (low + high) // 2
        if reaches(middle):
            high = middle
        else:
            low = middle
    return high
