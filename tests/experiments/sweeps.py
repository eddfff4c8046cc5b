"""A small sweep, told to callbacks by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from nascurve.experiments.callbacks.composite import Callbacks

METHODS = (("re", "none"), ("re", "last/value"))
BUDGET_S = 50.0
_COLUMNS = ("time_s", "epochs", "evaluations", "val_acc", "test_acc", "regret")


def config() -> dict[str, Any]:
    """As config.yaml."""
    return {
        "experiment": {
            "benchmark": {"id": "synthetic", "name": "synthetic", "version": 1, "kind": "synthetic"},
            "run": {"budget_s": BUDGET_S, "workers": 2},
            "methods": [
                {
                    "optimizer": {"label": optimizer, "id": "re", "population_size": 20},
                    "lce": {"label": lce, "id": lce, "extrapolator": {"seed": None}},
                }
                for optimizer, lce in METHODS
            ],
        }
    }


def ended(*, n_seeds: int = 3, best_known: bool = True) -> list[dict[str, Any]]:
    """Runs that ended; the last seed of the first method failed. Final regrets: 0.01 × (seed + 1)."""
    runs = []
    for optimizer, lce in METHODS:
        for seed in range(n_seeds):
            regret = np.array([0.2, 0.01 * (seed + 1)])
            columns = [[1.5, 20.25], [10, 20], [1, 2], 0.8 - regret, 0.9 - regret]
            columns.append(regret if best_known else np.full(2, np.nan))
            failed = lce == "none" and seed == n_seeds - 1
            runs.append(
                {
                    "optimizer": optimizer,
                    "lce": lce,
                    "seed": seed,
                    "status": "failed" if failed else "done",
                    "error": "RuntimeError: the disk is gone" if failed else "",
                    "traceback": "",
                    "total_evaluations": 7,
                    "wall_s": 0.25,
                    "trajectory": {
                        name: [] if failed else list(values)
                        for name, values in zip(_COLUMNS, columns, strict=True)
                    },
                }
            )
    return runs


def frame(runs: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """As runs.parquet."""
    parts = [
        pd.DataFrame({**{name: run[name] for name in ("optimizer", "lce", "seed")}, **run["trajectory"]})
        for run in runs
        if run["trajectory"]["time_s"]
    ]
    return pd.concat(parts, ignore_index=True)


def summary() -> pd.DataFrame:
    """As summary.csv, as far as callbacks look at it."""
    rows = [(*method, 3, 0.02, float("nan"), "regret") for method in METHODS]
    return pd.DataFrame(
        rows, columns=["optimizer", "lce", "n_seeds", "final_regret_mean", "p_value", "metric"]
    )


def tell(
    callbacks: Callbacks,
    folder: Path | None,
    runs: Sequence[Mapping[str, Any]],
    *,
    now: slice = slice(None),
    figures: Sequence[Path] = (),
) -> None:
    """One session, in which `runs[now]` end; interrupted unless these are the last ones."""
    done = 0 if now.start is None else now.start
    with callbacks:
        callbacks.begin(config(), folder, len(runs), done)
        for run in runs[now]:
            callbacks.run_finished(run)
        if now.stop is None:
            callbacks.end(frame(runs), summary(), figures)
