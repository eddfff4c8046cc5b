"""How the scores of two methods vary over seeds: of a pilot, or assumed to be normal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nascurve.errors import ConfigError
from nascurve.experiments.statistics.bootstrap import intervals
from nascurve.options import real
from nascurve.simulator.types import FloatArray

_DIGITS = 12
_FEWEST = 3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pool:
    """Numbers to draw from; a share of all draws are 0 instead.

    Drawn is from a smoothed bootstrap, with Silverman's bandwidth and the variance kept. Without it each
    number would come many times, and a test by ranks would see any shift, however small, in the broken ties.
    Source: Silverman (1986), "Density Estimation", sections 3.4.2 and 6.4.1.
    """

    numbers: FloatArray
    share: float

    def draw(self, rng: np.random.Generator, shape: tuple[int, int], mean: float) -> FloatArray:
        """As they are, but for `mean` more on average, all of it in those that are not 0."""
        centre, sd = self.numbers.mean(), self.numbers.std()
        bandwidth = 0.9 * sd * len(self.numbers) ** -0.2
        drawn = rng.choice(self.numbers, shape) - centre + bandwidth * rng.standard_normal(shape)
        drawn *= sd / np.hypot(sd, bandwidth) if sd > 0 else 0.0
        return np.where(rng.random(shape) < self.share, centre + drawn + mean / self.share, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Variation:
    """What the number of needed seeds hangs on; all in percentage points.

    sd: of one method over seeds, the root of the mean of both variances.  sd_difference: of the differences
    of paired seeds.  correlation: of paired scores; 0 where there is nothing to correlate.
    sd_ci, sd_difference_ci: 95 % bootstrap intervals of both, of the pilot; without one the value twice.
    mean_difference, n_seeds: of the pilot; NaN and 0 without one.
    scores: what single runs have when both methods are alike, above the pilot's best score; None: normal.
    differences: likewise of pairs, either sign as probable as the other.
    """

    sd: float
    sd_difference: float
    correlation: float
    sd_ci: tuple[float, float]
    sd_difference_ci: tuple[float, float]
    mean_difference: float = float("nan")
    n_seeds: int = 0
    scores: Pool | None = None
    differences: Pool | None = None

    @classmethod
    def of_pilot(cls, a: FloatArray, b: FloatArray) -> Variation:
        """From scores (n,), (n,) of the same seeds, smaller is better. Raises ConfigError with fewer than
        three seeds in which the methods differ.

        Both methods are made alike by moving their means together. The differences of pairs get either sign,
        which is the null hypothesis of the signed-rank test. Pairs that do not differ (both found the same)
        and runs with the pilot's best score stay as they are; were they moved by a difference that is looked
        for, the broken ties would make the tests look far stronger than they are.
        """
        paired = np.round(a - b, _DIGITS)
        differing = paired[paired != 0]
        if len(differing) < _FEWEST:
            raise ConfigError(
                f"A pilot needs at least {_FEWEST} seeds in which the methods differ, got {len(differing)} "
                f"(of {len(paired)} seeds). Run more seeds, or give the runs more time."
            )
        both, residuals = np.stack([a, b], axis=1), _centred(differing)
        return cls(
            sd=float(_sd(both)),
            sd_difference=float(_sd(paired[:, np.newaxis])),
            correlation=float(np.corrcoef(a, b)[0, 1]) if both.std(axis=0).min() > 0 else 0.0,
            sd_ci=_sd_interval(both),
            sd_difference_ci=_sd_interval(paired[:, np.newaxis]),
            mean_difference=float(paired.mean()),
            n_seeds=len(paired),
            scores=_alike(a, b),
            differences=Pool(
                numbers=np.concatenate([residuals, -residuals]), share=len(differing) / len(paired)
            ),
        )

    @classmethod
    def of_normal(cls, sd: float, correlation: float = 0.0) -> Variation:
        """Scores of both methods are normal with this sd. Raises ConfigError."""
        sd = real("sd", sd, above=0)
        correlation = real("correlation", correlation, at_least=-1, at_most=1)
        if correlation == 1:
            raise ConfigError("correlation: expected less than 1, at which methods differ by a constant.")
        sd_difference = sd * float(np.sqrt(2 * (1 - correlation)))
        return cls(
            sd=sd,
            sd_difference=sd_difference,
            correlation=correlation,
            sd_ci=(sd, sd),
            sd_difference_ci=(sd_difference, sd_difference),
        )

    def draw_differences(self, rng: np.random.Generator, shape: tuple[int, int], mean: float) -> FloatArray:
        """Differences of paired runs whose expectation is `mean`."""
        if self.differences is None:
            return mean + self.sd_difference * rng.standard_normal(shape)
        return self.differences.draw(rng, shape, mean)

    def draw_scores(self, rng: np.random.Generator, shape: tuple[int, int], mean: float) -> FloatArray:
        """Scores of single runs whose expectation is `mean` above that of `mean=0`."""
        if self.scores is None:
            return mean + self.sd * rng.standard_normal(shape)
        return self.scores.draw(rng, shape, mean)


def _alike(a: FloatArray, b: FloatArray) -> Pool:
    """Both methods' scores above the best of all, moved so that their means agree."""
    best = min(a.min(), b.min())
    above = [scores[scores > best] - best for scores in (a, b)]
    together = np.concatenate(above).mean()
    numbers = np.concatenate([together + _centred(own) for own in above if len(own)])
    return Pool(numbers=numbers, share=len(numbers) / (len(a) + len(b)))


def _sd(values: FloatArray) -> FloatArray:
    """(…): of (…, n, m), the root of the mean over m of the variances over n."""
    return np.asarray(np.sqrt(values.var(axis=-2, ddof=1).mean(axis=-1)))


def _sd_interval(values: FloatArray) -> tuple[float, float]:
    """95 %, of `_sd` of (n, m)."""
    seeds = np.arange(len(values))[:, np.newaxis]  # columns are of the same seeds: resampled together
    low, high = intervals(seeds, lambda rows: _sd(values[rows[:, :, 0]]))
    return float(low), float(high)


def _centred(values: FloatArray) -> FloatArray:
    """Without their mean, and spread by as much as taking it off has narrowed them."""
    n = len(values)
    return np.asarray((values - values.mean()) * np.sqrt(n / max(n - 1, 1)))
