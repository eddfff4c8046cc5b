"""What each setting of Algorithm 2 gains over the optimizer without it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from nascurve.errors import ConfigError
from nascurve.experiments.curves import (
    AnytimeCurves,
    bootstrap_mean_interval,
    choose_metric,
    curves_by_method,
    paired,
)
from nascurve.experiments.methods import NO_LCE
from nascurve.experiments.summary import gain_over_time
from nascurve.simulator.types import FloatArray

if TYPE_CHECKING:
    import pandas as pd


def sensitivity(
    runs: pd.DataFrame, grid: Mapping[str, Mapping[str, int | float]], *, budget_s: float
) -> pd.DataFrame:
    """One row for each optimizer and setting: the gain, regret without LCE minus regret with it (paired by
    seed; positive: LCE helps), averaged over time and at the end, each with its 95 % bootstrap interval.

    runs: rows of runs.parquet. grid: LCE label -> e_few, k, top_n.
    The mean over time is from a tenth of the budget, or from when all methods' seeds have an incumbent, to
    the end. Where the benchmark's best is not known, the gain is of test error, which is the same. Raises
    ConfigError where a method has no incumbent before the budget ends, or none with a seed of the base's.
    """
    import pandas as pd

    curves = curves_by_method(runs, choose_metric(runs))
    optimizers = list(dict.fromkeys(optimizer for optimizer, _ in curves))
    rows: list[dict[str, Any]] = []
    for optimizer in optimizers:
        own = {label: _known(curves, optimizer, label, budget_s) for label in (NO_LCE, *grid)}
        start_s = max(float(curve.times_s[0]) for curve in own.values())
        base = own[NO_LCE]
        for label, setting in grid.items():
            without, with_lce = paired(base, own[label])
            if not len(without.seeds):
                raise _no_incumbent(optimizer, label)
            rows.append(
                {"optimizer": optimizer, **setting, "n_seeds": len(without.seeds)}
                | _described("gain", gain_over_time(without, with_lce, budget_s=budget_s, start_s=start_s))
                | _described("final_gain", without.final - with_lce.final)
            )
    return pd.DataFrame(rows)


def _known(
    curves: Mapping[tuple[str, str], AnytimeCurves], optimizer: str, label: str, budget_s: float
) -> AnytimeCurves:
    curve = curves.get((optimizer, label))
    if curve is None or not len(curve.times_s) or curve.times_s[0] >= budget_s:
        raise _no_incumbent(optimizer, label)
    return curve


def _no_incumbent(optimizer: str, label: str) -> ConfigError:
    return ConfigError(
        f"{optimizer} with LCE {label!r} has no incumbent within the budget. Give a larger budget."
    )


def _described(name: str, values: FloatArray) -> dict[str, float]:
    low, high = bootstrap_mean_interval(values)
    return {f"{name}_mean": float(values.mean()), f"{name}_ci_low": low, f"{name}_ci_high": high}


def format_sensitivity(table: pd.DataFrame) -> str:
    """For the terminal: gains in percentage points, averaged over the search and at its end."""
    lines = ["optimizer  e_few      k  top_n  gain over time (pp)      gain at the end (pp)"]
    for row in table.to_dict("records"):
        gains = [
            f"{100 * row[f'{name}_mean']:+.2f} [{100 * row[f'{name}_ci_low']:+.2f}, "
            f"{100 * row[f'{name}_ci_high']:+.2f}]"
            for name in ("gain", "final_gain")
        ]
        lines.append(
            f"{row['optimizer']:<9}  {row['e_few']:>5g}  {row['k']:>5g}  {row['top_n']:>5g}  "
            f"{gains[0]:<23}  {gains[1]}"
        )
    return "\n".join(lines)
