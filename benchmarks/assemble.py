"""Makes a benchmark's table of collected training runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nascurve.benchmarks.collect import read_settings
from nascurve.benchmarks.cost_model import CostModel
from nascurve.benchmarks.network import Network
from nascurve.benchmarks.shards import Shard, read_shards
from nascurve.benchmarks.table import CurveTable, TableMeta
from nascurve.benchmarks.tasks import create_task
from nascurve.errors import DataFileError

_COST_NOTE = (
    "seconds per epoch come from a linear model of the operations' counts, fitted on the CPU seconds of the "
    "single runs (one thread); the network without a live path is charged the constant part"
)


def assemble(folder: Path, *, benchmark: str, version: int, space: str) -> CurveTable:
    """The table of all runs in a collection's folder, networks sorted by their string, seeds ascending.

    Raises DataFileError when the folder holds no runs, or not what the table needs.
    """
    settings = read_settings(folder)
    task_options = settings.get("task_options", {})  # collections of before there were any lack it
    task = create_task(str(settings["task"]), **task_options)
    shards = list(read_shards(folder / "shards"))
    if not shards:
        raise DataFileError(f"{folder}: expected finished shards, found none. Run `nascurve collect` first.")
    names = sorted({str(network) for shard in shards for network in shard.networks})
    seeds = sorted({shard.seed for shard in shards})
    row = {name: i for i, name in enumerate(names)}
    arrays = _filled(shards, row, seeds, int(settings["recipe"]["epochs"]))
    networks = [Network.parse(name) for name in names]
    costs = {
        kind: CostModel.fit(
            [network for shard in shards for network in shard.networks],
            np.concatenate([np.median(getattr(shard.runs, f"{kind}_s"), axis=1) for shard in shards]),
        )
        for kind in ("train", "eval")
    }
    sizes = task.metadata()["split_sizes"]
    return CurveTable(
        network=np.array(names),
        **arrays,
        train_epoch_s=costs["train"].predict(networks),
        eval_epoch_s=costs["eval"].predict(networks),
        meta=TableMeta(
            benchmark=benchmark,
            version=version,
            space=space,
            n_train=sizes["train"],
            n_val=sizes["val"],
            n_test=sizes["test"],
            training_seeds=tuple(seeds),
            kind="real",
            licence=task.metadata()["licence"],
            citation=task.metadata()["citation"],
            description=(type(task).__doc__ or "").strip().splitlines()[0],
            recipe={
                **{
                    key: settings[key]
                    for key in ("task", "task_version", "data_sha256", "recipe", "skeleton")
                },
                "task_options": task_options,
                "data": task.metadata(),
                "cost_model": {
                    "note": _COST_NOTE,
                    **{
                        kind: {
                            "coefficients_s": list(model.coefficients_s),
                            "r2": model.r2,
                            "n_runs": model.n_runs,
                        }
                        for kind, model in costs.items()
                    },
                },
            },
            software=settings["software"],
        ),
    )


def _filled(shards: Sequence[Shard], row: dict[str, int], seeds: list[int], epochs: int) -> dict[str, Any]:
    shape = (len(seeds), len(row))
    arrays: dict[str, Any] = {
        "trained": np.zeros(shape, dtype=np.bool_),
        "val_correct": np.zeros((*shape, epochs), dtype=np.uint16),
        "val_loss": np.full((*shape, epochs), np.nan, dtype=np.float32),
        "train_loss": np.full((*shape, epochs), np.nan, dtype=np.float32),
        "test_correct": np.zeros(shape, dtype=np.uint16),
        "diverged_epoch": np.zeros(shape, dtype=np.int16),
    }
    for shard in shards:
        if shard.runs.val_correct.shape[1] != epochs:
            raise DataFileError(
                f"A shard with seed {shard.seed} holds runs of {shard.runs.val_correct.shape[1]} epochs; "
                f"expected {epochs}. Delete it and collect again."
            )
        seed, rows = seeds.index(shard.seed), [row[str(network)] for network in shard.networks]
        arrays["trained"][seed, rows] = True
        for name in ("val_correct", "val_loss", "train_loss", "test_correct", "diverged_epoch"):
            arrays[name][seed, rows] = getattr(shard.runs, name)
    return arrays
