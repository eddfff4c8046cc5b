"""Tables of an evaluation: one row a split, means over splits, and paired differences."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nascurve.experiments.summary import holm
from nascurve.lce.evaluation.scores import METRICS
from nascurve.simulator.types import FloatArray

if TYPE_CHECKING:
    import pandas as pd

CELL = ["extrapolator", "prefix", "fit_curves"]
MEASURES = [*METRICS, "curves_per_s"]
COMPARED = {"tau": 1, "rho": 1, "rmse": -1, "recall_top10": 1, "log_lik": 1, "crps": -1}
"""Metrics that have a better and a worse: 1 where more is better."""
BASELINE = "last_value"


def splits_frame(
    results: Mapping[tuple[str, int], Sequence[Mapping[str, Any]]], *, n_left_out: int
) -> pd.DataFrame:
    """results: by label and split, the cells as plain values. Columns: extrapolator, prefix, fit_curves,
    split, n_test (predicted runs), left_out_runs, the metrics, cpu_s, curves_per_s."""
    import pandas as pd

    rows = []
    for (label, split), cells in results.items():
        for cell in cells:
            rows.append(
                {
                    "extrapolator": label,
                    "prefix": cell["prefix"],
                    "fit_curves": cell["fit_curves"],
                    "split": split,
                    "n_test": cell["n_test"],
                    "left_out_runs": n_left_out,
                    **{metric: cell["scores"][metric] for metric in METRICS},
                    "cpu_s": cell["cpu_s"],
                    "curves_per_s": cell["n_test"] / max(cell["cpu_s"], 1e-9),
                }
            )
    labels = list(dict.fromkeys(label for label, _ in results))
    frame = pd.DataFrame(rows)
    frame["order"] = frame["extrapolator"].map(labels.index)
    frame = frame.sort_values(["order", "prefix", "fit_curves", "split"], kind="stable", ignore_index=True)
    return frame.drop(columns="order")


def metrics_frame(splits: pd.DataFrame) -> pd.DataFrame:
    """A row for each extrapolator, prefix and number of fitted curves: means over splits, then the standard
    errors of these means, s / √(number of splits); NaN of a single split."""
    groups = splits.groupby(CELL, sort=False)[MEASURES]
    means, errors = groups.mean(), groups.sem()
    return means.join(errors.add_suffix("_se")).reset_index()


def paired_frame(splits: pd.DataFrame, *, n_testable: int, n_test: int) -> pd.DataFrame:
    """Differences on the same splits: of each extrapolator to the best one, and to the last value where that
    was evaluated, for each metric, prefix and number of fitted curves.

    difference: mean over splits, extrapolator minus `reference`. se, p: corrected resampled t-test (Nadeau
    and Bengio 2003), two-sided: as test sets of different splits share architectures, the variance of the
    mean is s² (1/S + n_test / (n_testable - n_test)), with n_test of n_testable architectures tested in each
    of S splits; S - 1 degrees of freedom. p_holm: corrected for the extrapolators compared with the same
    reference.
    The best one is chosen by the same means, so that the others' distance to it is somewhat exaggerated.
    """
    import pandas as pd

    rows: list[dict[str, Any]] = []
    labels = list(dict.fromkeys(splits["extrapolator"]))
    share = n_test / max(n_testable - n_test, 1)
    for (prefix, n_fit), cell in splits.groupby(["prefix", "fit_curves"], sort=False):
        for metric, sign in COMPARED.items():
            values = cell.pivot(index="split", columns="extrapolator", values=metric)
            best = max(labels, key=lambda label, v=values, s=sign: s * float(v[label].mean()))  # type: ignore[misc]
            for against, reference in (("best", best), (BASELINE, BASELINE)):
                others = [label for label in labels if label != reference]
                if reference not in labels:
                    continue
                differences = [(values[label] - values[reference]).to_numpy(np.float64) for label in others]
                tests = [_corrected_t(difference, share) for difference in differences]
                corrected = holm([p for _, p in tests])
                for label, difference, (se, p), p_holm in zip(
                    others, differences, tests, corrected, strict=True
                ):
                    rows.append(
                        {
                            "metric": metric,
                            "prefix": prefix,
                            "fit_curves": n_fit,
                            "extrapolator": label,
                            "against": against,
                            "reference": reference,
                            "difference": float(difference.mean()),
                            "se": se,
                            "p": p,
                            "p_holm": p_holm,
                        }
                    )
    return pd.DataFrame(rows, columns=_PAIRED)


_PAIRED = [
    *("metric", "prefix", "fit_curves", "extrapolator", "against", "reference"),
    *("difference", "se", "p", "p_holm"),
]


def _corrected_t(difference: FloatArray, share: float) -> tuple[float, float]:
    """Standard error and p-value; NaN of a single split."""
    from scipy import stats

    n = len(difference)
    if n < 2:
        return math.nan, math.nan
    mean, spread = float(difference.mean()), float(difference.std(ddof=1))
    se = spread * math.sqrt(1 / n + share)
    if se == 0:
        return 0.0, 1.0 if mean == 0 else 0.0
    return se, float(2 * stats.t.sf(abs(mean) / se, n - 1))
