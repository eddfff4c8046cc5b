"""Folders of results as large as one likes, made up in seconds: for measuring what reads them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from nascurve.experiments.folder import write_yaml
from nascurve.experiments.store_schema import schema
from nascurve.simulator.types import FloatArray

BUDGET_S, TRAINING_S = 1000.0, 5.0
_MEAN_CHANGES = 12.0
_FIRST_S = 5.0


def write_fake_results(
    folder: Path, *, optimizers: int, lces: int, seeds: int, runs_per_file: int = 200, seed: int = 0
) -> int:
    """A folder as of `nascurve compare` with optimizers × lces methods (the first LCE is none), and its rows
    of runs.parquet: the number is given back.

    Runs have 1 + Poisson(11) changes at log-uniform times, the first of them within a tenth of the budget;
    their regret falls as 1 / sqrt(time) with exponential noise, faster with LCE.
    """
    rng = np.random.default_rng(seed)
    labels = [
        (f"optimizer{a}", "none" if b == 0 else f"lce{b}") for a in range(optimizers) for b in range(lces)
    ]
    write_yaml(
        folder / "config.yaml", _config(labels, seeds), comment="Written by nascurve, with made-up runs"
    )
    (folder / "store").mkdir()
    n_runs = len(labels) * seeds
    n_rows = 0
    for file, first in enumerate(range(0, n_runs, runs_per_file)):
        runs = range(first, min(first + runs_per_file, n_runs))
        table = _table(rng, [labels[run % len(labels)] for run in runs], [run // len(labels) for run in runs])
        pq.write_table(table, folder / "store" / f"fake-{file:06d}.parquet", compression="zstd")
        n_rows += len(table["time_s"].combine_chunks().flatten())
    return n_rows


def _config(labels: Sequence[tuple[str, str]], seeds: int) -> dict[str, Any]:
    benchmark = {"id": "fake", "options": {}, "name": "fake", "version": 1, "kind": "synthetic"}
    return {
        "experiment": {
            "benchmark": {**benchmark, "space": "none", "max_epochs": 32, "n_seeds": 1},
            "seeds": list(range(seeds)),
            "run": {"budget_s": BUDGET_S, "budget_epochs": None, "workers": 1},
            "methods": [
                {"optimizer": {"label": optimizer, "id": optimizer}, "lce": {"label": lce, "id": lce}}
                for optimizer, lce in labels
            ],
        },
        "reference": {"mean_training_s": TRAINING_S, "best_test_acc": 0.72},
        "versions": {},
    }


def _table(rng: np.random.Generator, labels: Sequence[tuple[str, str]], seeds: Sequence[int]) -> pa.Table:
    n = len(seeds)
    lengths = 1 + rng.poisson(_MEAN_CHANGES - 1, n)
    first = np.concatenate([[0], np.cumsum(lengths)])
    run = np.repeat(np.arange(n), lengths)
    helped = np.array([lce != "none" for _, lce in labels])
    time_s = _times_s(rng, run, first[:-1])
    noise = rng.exponential(size=len(run)) * np.where(helped, 0.07, 0.1)[run]
    regret = _best_so_far(noise * np.sqrt(4 * _FIRST_S / time_s), run)
    lists = {
        "time_s": time_s,
        "epochs": np.round(32 * time_s / TRAINING_S).astype(np.int64),
        "evaluations": np.arange(len(run)) - first[run] + 1,
        "val_acc": 0.70 - regret,
        "test_acc": 0.72 - regret,
        "regret": regret,
        "arch": np.full(len(run), "|avg_pool_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|none~2|"),
    }
    texts = {"status": "done", "error": "", "traceback": ""}
    counts = {"total_evaluations": 200, "total_epochs": 6400}
    values = {"total_time_s": BUDGET_S, "decision_s": 0.01, "wall_s": 0.02, "finished_at_s": 1.7e9}
    columns: dict[str, Any] = {
        "optimizer": [optimizer for optimizer, _ in labels],
        "lce": [lce for _, lce in labels],
        "seed": list(seeds),
        **{name: [value] * n for name, value in (texts | counts | values).items()},
    }
    columns |= {
        name: pa.ListArray.from_arrays(pa.array(first, pa.int32()), pa.array(values))
        for name, values in lists.items()
    }
    return pa.table({name: columns[name] for name in schema().names}, schema=schema())


def _times_s(rng: np.random.Generator, run: np.ndarray[Any, Any], first: np.ndarray[Any, Any]) -> FloatArray:
    time_s = np.exp(rng.uniform(np.log(_FIRST_S), np.log(BUDGET_S), len(run)))
    time_s[first] = np.exp(rng.uniform(np.log(_FIRST_S), np.log(0.1 * BUDGET_S), len(first)))
    return np.asarray(time_s[np.lexsort((time_s, run))])


def _best_so_far(values: FloatArray, run: np.ndarray[Any, Any]) -> FloatArray:
    """The running minimum within each run: runs are shifted so far apart that none sees the one before."""
    shift = -10.0 * run
    return np.round(np.minimum.accumulate(values + shift) - shift, 6)
