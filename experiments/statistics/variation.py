"""How the scores of two methods vary over seeds: of a pilot, or assumed to be normal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nascurve.errors import ConfigError
from nascurve.options import real
from nascurve.simulator.types import FloatArray

_DIGITS = 12
_FEWEST = 3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Variation:
    """What the number of needed seeds hangs on; all in percentage points.

    sd: of one method over seeds, the root of the mean of both variances.  sd_difference: of the differences
    of paired seeds.  correlation: of paired scores; 0 where there is nothing to correlate.
    mean_difference: of the pilot; NaN without one.
    values: what one run scores when both methods are alike, to draw from; None: normal.
    differences: likewise differences of paired runs that do differ; `draw_differences` gives either sign.
    differing: the share of pairs that differ.
    """

    sd: float
    sd_difference: float
    correlation: float
    mean_difference: float = float("nan")
    values: FloatArray | None = None
    differences: FloatArray | None = None
    differing: float = 1.0

    @classmethod
    def of_pilot(cls, a: FloatArray, b: FloatArray) -> Variation:
        """From scores (n,), (n,) of the same seeds, smaller is better. Raises ConfigError with fewer than three
        seeds in which the methods differ."""
        paired = np.round(a - b, _DIGITS)
        differing = paired[paired != 0]
        if len(differing) < _FEWEST:
            raise ConfigError(
                f"A pilot needs at least {_FEWEST} seeds in which the methods differ, got {len(differing)} (of "
                f"{len(paired)} seeds). Run more seeds, or give the runs more time."
            )
        sds = float(a.std(ddof=1)), float(b.std(ddof=1))
        return cls(
            sd=float(np.sqrt((sds[0] ** 2 + sds[1] ** 2) / 2)),
            sd_difference=float(paired.std(ddof=1)),
            correlation=float(np.corrcoef(a, b)[0, 1]) if min(sds) > 0 else 0.0,
            mean_difference=float(paired.mean()),
            values=_alike(a, b, min(a.min(), b.min())),
            differences=_centred(differing),
            differing=len(differing) / len(paired),
        )

    @classmethod
    def of_normal(cls, sd: float, correlation: float = 0.0) -> Variation:
        """Scores of both methods are normal with this sd. Raises ConfigError."""
        sd = real("sd", sd, above=0)
        correlation = real("correlation", correlation, at_least=-1, at_most=1)
        if correlation == 1:
            raise ConfigError("correlation: expected less than 1, at which they differ by a constant.")
        return cls(sd=sd, sd_difference=sd * np.sqrt(2 * (1 - correlation)), correlation=correlation)

    def draw_differences(self, rng: np.random.Generator, shape: tuple[int, int], mean: float) -> FloatArray:
        """Differences of paired runs whose expectation is `mean`.

        A pilot's differences have their own mean taken off and get a random sign: that is how they spread
        when the methods are alike, the null hypothesis of the signed-rank test. Pairs that do not differ stay
        so (both found the same), and the others carry the whole effect; were all shifted, those ties would
        make the test look far stronger than it is.
        """
        if self.differences is None:
            return mean + self.sd_difference * rng.standard_normal(shape)
        drawn = rng.choice(self.differences, shape) * rng.choice((-1.0, 1.0), shape)
        return np.where(rng.random(shape) < self.differing, drawn + mean / self.differing, 0.0)

    def draw_values(self, rng: np.random.Generator, shape: tuple[int, int], mean: float) -> FloatArray:
        """Scores of single runs whose expectation is `mean` above that of mean 0; runs at the pilot's best
        score stay there, as in `draw_differences`."""
        if self.values is None:
            return mean + self.sd * rng.standard_normal(shape)
        drawn = rng.choice(self.values, shape)
        floor = self.values.min()
        return np.where(drawn > floor, drawn + mean / float((self.values > floor).mean()), drawn)


def _alike(a: FloatArray, b: FloatArray, floor: float) -> FloatArray:
    """(2n,): both methods' scores as one distribution. Above the best score, where there may be many ties,
    each method's are shifted so that their means agree."""
    above = [scores[scores > floor] for scores in (a, b)]
    together = float(np.concatenate(above).mean())
    shifted = [np.maximum(together + _centred(own), floor) for own in above if len(own)]
    at_floor = np.full(len(a) + len(b) - sum(map(len, shifted)), floor)
    return np.concatenate([at_floor, *shifted])


def _centred(values: FloatArray) -> FloatArray:
    """Without their mean, spread by as much as that took away from them."""
    n = len(values)
    return (values - values.mean()) * np.sqrt(n / max(n - 1, 1))
