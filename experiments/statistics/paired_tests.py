"""Wilcoxon signed-rank tests between methods, paired by seed, with Holm's correction."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from nascurve.errors import ConfigError
from nascurve.experiments.statistics.bootstrap import mean_intervals
from nascurve.experiments.statistics.scores import Scores
from nascurve.experiments.summary import holm, wilcoxon_p_value
from nascurve.simulator.types import FloatArray

if TYPE_CHECKING:
    import pandas as pd

MIN_TEST_SEEDS = 6
"""With five pairs the smallest two-sided p-value of the test is 2 / 2⁵ = .0625: it cannot come below .05."""


def reference_tests(scores: Scores) -> pd.DataFrame:
    """Each method against the reference, task by task: one row a task and method; Holm over all rows.

    Columns: `task`, `method`, `reference`, `pairs`, `difference` (method minus reference, mean over seeds,
    percentage points, or share of the budget for scores of time; negative: the method is better) with
    `_ci_low`, `_ci_high`, `better`, `equal` (shares of the pairs), `p_value`, `p_value_holm`.
    Raises ConfigError with fewer than `MIN_TEST_SEEDS` seeds, or fewer than two methods.
    """
    _require(scores)
    place = scores.study.place(scores.reference)
    unit = 1 if scores.kind == "time" else 100
    rows = []
    for column, task in enumerate(scores.task_names):
        for method, values in zip(scores.methods, scores.values[:, :, column], strict=True):
            if method != scores.reference:
                differences = unit * (values - scores.values[place, :, column])[:, np.newaxis]
                rows.append({"task": task, **_row(method, scores.reference, differences)})
    return _corrected(rows)


def pair_tests(scores: Scores) -> pd.DataFrame:
    """All pairs of methods, over all tasks together: the differences of all seeds of all tasks, in the unit
    of the scores, so that each task weighs as its scale says. One row a pair; Holm over all of them.

    What it tests is a difference on these tasks, not on a population of tasks that they are drawn from.
    Columns as of `reference_tests`, without `task`. Raises ConfigError likewise.
    """
    _require(scores)
    values = scores.comparable
    rows = [
        _row(scores.methods[a], scores.methods[b], values[a] - values[b])
        for a, b in itertools.combinations(range(len(scores.methods)), 2)
    ]
    return _corrected(rows)


def p_value_matrix(scores: Scores) -> pd.DataFrame:
    """(k, k): the Holm-corrected p-values of `pair_tests`, 1 on the diagonal. Raises ConfigError likewise."""
    import pandas as pd

    matrix = pd.DataFrame(1.0, index=list(scores.methods), columns=list(scores.methods))
    for row in pair_tests(scores).to_dict("records"):
        matrix.loc[row["method"], row["reference"]] = row["p_value_holm"]
        matrix.loc[row["reference"], row["method"]] = row["p_value_holm"]
    return matrix


def _require(scores: Scores) -> None:
    if len(scores.methods) < 2:
        raise ConfigError(f"A test compares methods: expected at least two, got {scores.methods[0]!r} alone.")
    if scores.study.n_seeds < MIN_TEST_SEEDS:
        raise ConfigError(
            f"Paired tests: expected at least {MIN_TEST_SEEDS} seeds that all methods have, got "
            f"{scores.study.n_seeds}; with fewer p cannot come below .05. Run more seeds."
        )


def _row(method: str, reference: str, differences: FloatArray) -> dict[str, object]:
    """differences: (n, m)."""
    low, high = mean_intervals(differences)
    rounded = np.round(differences, 12)
    return {
        "method": method,
        "reference": reference,
        "pairs": differences.size,
        "difference": float(differences.mean()),
        "difference_ci_low": float(low),
        "difference_ci_high": float(high),
        "better": float((rounded < 0).mean()),
        "equal": float((rounded == 0).mean()),
        "p_value": wilcoxon_p_value(differences.ravel()),
    }


def _corrected(rows: list[dict[str, object]]) -> pd.DataFrame:
    import pandas as pd

    table = pd.DataFrame(rows)
    table["p_value_holm"] = holm(table["p_value"].tolist())
    return table
