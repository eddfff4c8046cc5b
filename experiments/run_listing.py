"""The runs of an experiment one by one: those that are done, that failed and that are missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from nascurve.experiments.results import Results

STATUSES = ("done", "failed", "missing")
_KEY = ["optimizer", "lce", "seed"]
_FINAL = {"regret": "final_regret", "test_acc": "final_test_acc", "val_acc": "final_val_acc"}
_TOTALS = ("total_evaluations", "total_epochs", "total_time_s", "decision_s", "wall_s")
_TEXTS = ("error", "traceback")


def run_listing(results: Results) -> pd.DataFrame:
    """A row for every run that the configuration asks for, by method and seed: optimizer, lce, seed, status
    (one of STATUSES), final_regret, final_test_acc, final_val_acc, the totals of the store, error, traceback.

    Numbers that a run does not have are NaN, its texts empty. Where there is no store, a run without an
    incumbent cannot be told from a missing one, and counts as missing.
    """
    import numpy as np
    import pandas as pd

    seeds = np.asarray(results.config["experiment"]["seeds"], dtype=np.int64)
    methods = results.methods
    listing = pd.DataFrame(
        {
            "optimizer": np.repeat([optimizer for optimizer, _ in methods], len(seeds)),
            "lce": np.repeat([lce for _, lce in methods], len(seeds)),
            "seed": np.tile(seeds, len(methods)),
        }
    )
    ends = results.runs.drop_duplicates(_KEY, keep="last")[[*_KEY, *_FINAL]].rename(columns=_FINAL)
    totals = results.totals
    if totals.empty:
        totals = ends[_KEY].assign(
            status="done", **dict.fromkeys(_TOTALS, np.nan), **dict.fromkeys(_TEXTS, "")
        )
    listing = listing.merge(totals[[*_KEY, "status"]], on=_KEY, how="left").fillna({"status": "missing"})
    listing = listing.merge(ends, on=_KEY, how="left")
    listing = listing.merge(totals[[*_KEY, *_TOTALS, *_TEXTS]], on=_KEY, how="left")
    return listing.fillna(dict.fromkeys(_TEXTS, ""))
