"""Writes made-up trainings in each of the formats in which NAS-Bench-201 and NATS-Bench were published.

Nothing here is shared with the reader: keys and shapes are those of the official states, the writers are
pickle, bz2 and torch themselves.
"""

from __future__ import annotations

import bz2
import functools
import itertools
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np

OPS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
SETS = {
    "cifar10-valid": {"x-valid": 25_000, "ori-test": 10_000},
    "cifar10": {"ori-test": 10_000},
    "cifar100": {"x-valid": 5_000, "x-test": 5_000, "ori-test": 10_000},
    "ImageNet16-120": {"x-valid": 3_000, "x-test": 3_000, "ori-test": 6_000},
}
TSS_SCHEDULES = {"12": 12, "200": 200}
SSS_SCHEDULES = {"01": 1, "12": 12, "90": 90}
NAMES = {
    ("tss", "simple"): "NATS-tss-v1_0-3ffb9-simple",
    ("tss", "single"): "NATS-tss-v1_0-3ffb9.pickle.pbz2",
    ("tss", "torch"): "NAS-Bench-201-v1_1-096897.pth",
    ("tss", "torch-zip"): "NAS-Bench-201-v1_1-096897.pth",
    ("sss", "simple"): "NATS-sss-v1_0-50262-simple",
    ("sss", "single"): "NATS-sss-v1_0-50262.pickle.pbz2",
}


@functools.cache
def strings(family: str) -> list[str]:
    """All architectures; those of the topology space in an arbitrary order, as in the official list."""
    if family == "sss":
        return [":".join(map(str, widths)) for widths in itertools.product(range(8, 65, 8), repeat=5)]
    cells = ["|{}~0|+|{}~0|{}~1|+|{}~0|{}~1|{}~2|".format(*ops) for ops in itertools.product(OPS, repeat=6)]
    np.random.default_rng(201).shuffle(cells)
    return cells


def trial(
    dataset: str, epochs: int, seed: int, text: str, *, full: bool, rng: np.random.Generator
) -> dict[str, Any]:
    """A `ResultsCount` state. full: every set after every epoch, else as in the 200-epoch runs."""
    accs, losses, times = {}, {}, {}
    seconds = 1 + rng.random()
    for name, size in SETS[dataset].items():
        curve = {"cifar10-valid": "x-valid"}.get(dataset, "ori-test")
        for epoch in range(epochs):
            times[f"{name}@{epoch}"] = seconds * size / 10_000
            if full or name == curve or epoch == epochs - 1:
                # averages over batches in float32, so that whole numbers of images are nearly hit
                share = np.sqrt((epoch + 1) / epochs) * (0.5 + 0.4 * rng.random())
                noise = 1 + rng.uniform(-1, 1) * 1e-10
                accs[f"{name}@{epoch}"] = round(share * size) / size * 100 * noise
                losses[f"{name}@{epoch}"] = float(rng.gamma(2.0))
    shared = {"class_num": 10}
    return {
        "name": dataset,
        "train_acc1es": {epoch: float(100 * rng.random()) for epoch in range(epochs)},
        "train_acc5es": dict.fromkeys(range(epochs), 100.0),
        "train_losses": {epoch: float(rng.gamma(2.0)) for epoch in range(epochs)},
        "train_times": OrderedDict((epoch, seconds * 2.5) for epoch in range(epochs)),
        "arch_config": {"channel": 16, "num_cells": 5, "arch_str": text, **shared},
        "params": np.float64(0.129306),
        "flop": 15.64737,
        "seed": f"{seed:04d}",
        "epochs": epochs,
        "latency": [np.float64(0.013)],
        "eval_names": list(SETS[dataset]),
        "eval_acc1es": accs,
        "eval_losses": losses,
        "eval_times": times,
        "net_state_dict": None,
    }


def state(
    index: int, text: str, epochs: int, seeds: dict[str, list[int]], *, full: bool, rng: np.random.Generator
) -> dict[str, Any]:
    """An `ArchResults` state."""
    return {
        "arch_index": index,
        "arch_str": text,
        # the official files have the seeds in no order
        "all_results": {
            (dataset, seed): trial(dataset, epochs, seed, text, full=full, rng=rng)
            for dataset, each in seeds.items()
            for seed in reversed(each)
        },
        "dataset_seed": seeds,
        "clear_net_done": True,
    }


def entries(family: str = "tss", indices: tuple[int, ...] = (0, 5, 7), seed: int = 0) -> dict[int, Any]:
    """Made-up entries: in the topology space, 1 to 3 trainings of 200 epochs in turn."""
    texts = strings(family)
    rng = np.random.default_rng(seed)
    made = {}
    for place, index in enumerate(indices):
        infos = OrderedDict()
        for key, epochs in (TSS_SCHEDULES if family == "tss" else SSS_SCHEDULES).items():
            if epochs == 200:
                seeds = {dataset: [777, 888, 999][: 1 + (place + 2) % 3] for dataset in SETS}
            elif family == "tss":
                seeds = {dataset: [111] for dataset in SETS} | {"cifar10-valid": [111, 777]}
            else:
                seeds = {dataset: [777, 888, 999] if epochs == 12 else [777] for dataset in SETS}
            infos[key] = state(index, texts[index], epochs, seeds, full=epochs != 200, rng=rng)
        made[index] = infos
    return made


def write(
    folder: Path,
    *,
    family: str = "tss",
    layout: str = "simple",
    made: dict[int, Any] | None = None,
    digits: int = 6,
) -> Path:
    """Write entries into the folder, under the official name; gives that file or folder.

    layout: simple, single, torch (the container of that time) or torch-zip (today's). digits: of the file
    names of the simple folder, which exist as `%06d` and as `%d`.
    """
    made = entries(family) if made is None else made
    texts = strings(family)
    path = folder / NAMES[family, layout]
    if layout == "simple":
        path.mkdir()
        (path / "meta.pickle.pbz2").write_bytes(_meta(family))
        for index, infos in made.items():
            _write_bz2(path / f"{index:0{digits}d}.pickle.pbz2", infos)
        return path
    whole = {
        "meta_archs": texts,
        "total_archs": len(texts),
        "arch2infos": made,
        "evaluated_indexes": set(made),
    }
    if layout == "single":
        _write_bz2(path, whole)
        return path
    import torch

    renamed = {"12": "less", "200": "full"}
    whole["arch2infos"] = {
        index: {renamed.get(key, key): infos[key] for key in infos} for index, infos in made.items()
    }
    torch.save(whole, path, _use_new_zipfile_serialization=layout == "torch-zip")
    return path


@functools.cache
def _meta(family: str) -> bytes:
    texts = strings(family)
    meta = {"meta_archs": texts, "total_archs": len(texts), "arch2infos": None, "evaluated_indexes": set()}
    return bz2.compress(pickle.dumps(meta, protocol=4))


def write_naslib(folder: Path, made: dict[int, Any], dataset: str) -> Path:
    """NASLib's file of one data set: of each architecture the training with the smallest seed."""
    evaluated = "x-valid" if dataset == "cifar10-valid" else "ori-test"
    table = {}
    for infos in made.values():
        results = infos["200"]["all_results"]
        run = results[min(key for key in results if key[0] == dataset)]
        table[infos["200"]["arch_str"]] = {
            dataset: {
                "train_losses": list(run["train_losses"].values()),
                "eval_losses": [run["eval_losses"][f"{evaluated}@{epoch}"] for epoch in range(200)],
                "train_acc1es": list(run["train_acc1es"].values()),
                "eval_acc1es": [run["eval_acc1es"][f"{evaluated}@{epoch}"] for epoch in range(200)],
                "cost_info": {
                    "flops": run["flop"],
                    "params": run["params"],
                    "latency": run["latency"][0],
                    "train_time": run["train_times"][0],
                },
            }
        }
    short = {"cifar10-valid": "cifar10", "cifar100": "cifar100", "ImageNet16-120": "ImageNet16"}[dataset]
    path = folder / f"nb201_{short}_full_training.pickle"
    path.write_bytes(pickle.dumps(table, protocol=4))
    return path


def _write_bz2(path: Path, value: Any) -> None:
    path.write_bytes(bz2.compress(pickle.dumps(value, protocol=4)))
