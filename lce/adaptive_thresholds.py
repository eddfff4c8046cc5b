"""Where to stop runs between looks, so that good ones are found at the least cost."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nascurve.simulator.types import FloatArray

_SWEEPS = 3
_SHARES = np.linspace(0.05, 0.95, 19)
"""Shares of the runs at a look that may be stopped there, besides none."""
_NARROWED = 0.7
"""Of the spread of the good runs' scores: chosen on development seeds, see docs/lce.md."""
_MIN_SPREAD = 1e-4


def best_thresholds(
    elite: Sequence[Sequence[float]], recent: Sequence[Sequence[float]], costs: Sequence[float]
) -> FloatArray:
    """The scores (L,) below which runs are stopped at each of the L looks; -inf where none is.

    elite: of the runs that proved good, their scores at all L looks. recent: of the latest candidates, the
    scores at the looks they came to, at least one of them at each look. costs: (L + 1,), of the way to each
    look from the one before, and to the end.

    With thresholds t, the share that passes look k is q_k among candidates and r_k among good runs; then a
    candidate turns out good with a probability proportional to Π r_k, and costs Σ_k costs_k Π_{j<k} q_j.
    The thresholds maximise the ratio, good runs found per cost, one look after the other, three times round.
    q_k is the empirical share of those that came to the look; r_k that of the normal distribution with the
    mean and .7 times the standard deviation of the good runs' scores there: of these there are few, and none
    below the thresholds of the past, while the normal has tails.
    """
    from scipy.special import ndtr

    passed, kept, levels = [], [], []
    for k in range(len(costs) - 1):
        scores = np.array([run[k] for run in recent if len(run) > k])
        good = np.array([run[k] for run in elite])
        steps = np.quantile(scores, _SHARES)
        levels.append(np.concatenate([[-np.inf], steps]))
        passed.append((scores >= levels[k][:, np.newaxis]).mean(axis=1))
        spread = max(_NARROWED * float(good.std(ddof=1)) if len(good) > 1 else 0.0, _MIN_SPREAD)
        kept.append(np.concatenate([[1.0], ndtr((good.mean() - steps) / spread)]))
    chosen = [0] * len(levels)
    for _ in range(_SWEEPS):
        for k in range(len(levels)):
            to_here = [float(passed[j][chosen[j]]) for j in range(k)]
            reach = np.cumprod([1.0, *to_here])
            spent = float(reach @ np.array(costs[: k + 1]))
            after = [float(passed[j][chosen[j]]) for j in range(k + 1, len(levels))]
            ahead = float(reach[-1]) * float(np.cumprod([1.0, *after]) @ np.array(costs[k + 1 :]))
            chosen[k] = int(np.argmax(kept[k] / (spent + ahead * passed[k])))
    return np.array([level[index] for level, index in zip(levels, chosen, strict=True)])
