"""Average ranks: over time, and at the end with Friedman's test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nascurve.experiments.statistics.bootstrap import mean_intervals
from nascurve.experiments.statistics.scores import Scores
from nascurve.experiments.statistics.study import PairedStudy
from nascurve.simulator.types import FloatArray

if TYPE_CHECKING:
    import pandas as pd

_N_TIMES = 60
_FIRST_SHARE = 0.01
_DIGITS = 12  # equal accuracies are ties whatever their last bits


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RankCurves:
    """shares: (t,) of the budget.  ranks, lows, highs: (k, t) average rank and its 95 % interval."""

    methods: tuple[str, ...]
    shares: FloatArray
    ranks: FloatArray
    lows: FloatArray
    highs: FloatArray


def rank_curves(study: PairedStudy) -> RankCurves:
    """Average ranks from the first hundredth of the budget, or from the first incumbent of all, to its end.

    At each moment and for each seed of each task, methods are ranked (1 is best, ties share their average);
    those without an incumbent share the last places. Averaged over seeds and tasks, with a 95 % interval by
    bootstrap over seeds, stratified by task: methods keep their seed together.
    """
    first = min(float(steps.begins_s.min()) / task.budget_s for task in study.tasks for steps in task.steps)
    shares = np.geomspace(min(max(first, _FIRST_SHARE), 0.5), 1.0, _N_TIMES)
    by_task = []
    for task in study.tasks:
        values = np.stack([steps.at(shares * task.budget_s) for steps in task.steps])
        by_task.append(_ranks(np.where(np.isnan(values), np.inf, values)))
    ranks = np.stack(by_task, axis=2)  # (k, n, m, t)
    ends = np.stack([mean_intervals(own) for own in ranks])
    return RankCurves(
        methods=study.methods,
        shares=shares,
        ranks=ranks.mean(axis=(1, 2)),
        lows=ends[:, 0],
        highs=ends[:, 1],
    )


def rank_table(scores: Scores) -> pd.DataFrame:
    """One row a method: its average `rank` over all seeds of all tasks, with interval, and the shares `first`
    and `last` of them in which it is (or shares) the best or the worst place."""
    import pandas as pd

    values = np.round(scores.values, _DIGITS)
    rows = []
    for method, own, ranks in zip(scores.methods, values, _ranks(values), strict=True):
        low, high = mean_intervals(ranks)
        rows.append(
            {
                "method": method,
                "rank": float(ranks.mean()),
                "rank_ci_low": float(low),
                "rank_ci_high": float(high),
                "first": float((own == values.min(axis=0)).mean()),
                "last": float((own == values.max(axis=0)).mean()),
            }
        )
    return pd.DataFrame(rows)


def friedman_p_value(scores: Scores) -> float:
    """Friedman's test that all methods rank alike; a block is one seed of one task. With two methods, for
    which it is not made, NaN; 1 where no block tells methods apart.

    Source: Demšar (2006), "Statistical Comparisons of Classifiers over Multiple Data Sets", section 3.2.2,
    whose blocks are data sets; see docs/statistics.md why seeds are here.
    """
    from scipy import stats

    if len(scores.methods) < 3:
        return float("nan")
    values = np.round(scores.values, _DIGITS).reshape(len(scores.methods), -1)
    if (values == values[0]).all():
        return 1.0
    return float(stats.friedmanchisquare(*values).pvalue)


def _ranks(values: FloatArray) -> FloatArray:
    """Ranks along the first axis, the methods."""
    from scipy import stats

    return np.asarray(stats.rankdata(np.round(values, _DIGITS), axis=0))
