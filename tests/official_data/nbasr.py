"""Writes made-up NAS-Bench-ASR files in the exact official format, with the standard `pickle`.

Format: the README of github.com/SamsungLabs/nb-asr ("Dataset format") and its `dataset.py`. The row of the
model `PUBLISHED_HASH` is the one that this README prints, value by value; all others are made up.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nascurve.benchmarks.nbasr.space import OPS, ASRCell, ASRSpace

SEEDS = (1234, 1235, 1236)
LATENCIES = {"gtx-1080ti-fp32": 0.04320073127746582, "jetson-nano-fp32": 0.5421140193939209}
PARAMS = 26338848
PUBLISHED_HASH = "36855332a5778e0df5114305bc3ce238"
PUBLISHED_ARCH = ((1, 0), (1, 0, 0), (1, 0, 0, 0))
PUBLISHED_TEST_PER = {1234: 0.23395703732967377, 1235: 0.242688849568367, 1236: 0.23728343844413757}
PUBLISHED_E5 = ([0.4846915, 0.3614266, 0.32323837, 0.31241283, 0.3053065], 0.3227997124195099)
PUBLISHED_VAL_PER = {
    1234: "0.48522282 0.32031614 0.28338978 0.25430033 0.24128312 0.23942353 0.22547652 0.22733612 "
    "0.22527727 0.22109318 0.21670984 0.21929999 0.21551438 0.21458457 0.21226008 0.21305706 "
    "0.2137876 0.21352194 0.2127914 0.21491665 0.21597928 0.21777247 0.21996413 0.2249452 0.2412167 "
    "0.23484094 0.23152022 0.22281995 0.21890152 0.21870227 0.21896791 0.21896791 0.21810454 "
    "0.21863586 0.21923357 0.21896791 0.21923357 0.2198313 0.21996413 0.22056186",
    1235: "0.47851497 0.32516438 0.27674836 0.25589427 0.24639702 0.23125456 0.22919573 0.228598 "
    "0.22308561 0.21856944 0.22109318 0.2183702 0.21451816 0.21498306 0.21458457 0.21239291 "
    "0.21431892 0.21418609 0.21584645 0.21584645 0.21578003 0.21704191 0.21664342 0.21843661 "
    "0.2188351 0.22003055 0.22109318 0.22149166 0.23816165 0.23643488 0.22886366 0.22082752 "
    "0.2207611 0.22142525 0.22169091 0.22056186 0.22149166 0.22182374 0.22142525 0.22202298",
    1236: "0.4840938 0.31912068 0.27867436 0.25908217 0.24433818 0.23291492 0.22713688 0.22979344 "
    "0.22288637 0.22036262 0.22056186 0.21637776 0.21823737 0.21637776 0.21272498 0.21245933 "
    "0.21318989 0.21458457 0.21591286 0.2169755 0.21797171 0.21863586 0.22036262 0.22129242 "
    "0.22129242 0.2216245 0.23152022 0.24480309 0.23450887 0.22554293 0.22268713 0.221226 0.22175732 "
    "0.2216245 0.22202298 0.22182374 0.22149166 0.22222222 0.22242147 0.22228864",
}


def models() -> dict[str, ASRCell]:
    """One cell for each of the 8,242 model hashes: the first by index."""
    space = ASRSpace()
    found: dict[str, ASRCell] = {}
    for cell in space.all():
        found.setdefault(space.key(cell), cell)
    return found


def write(
    folder: Path,
    *,
    n_models: int | None = None,
    epochs: int = 40,
    seeds: Sequence[int] = SEEDS,
    devices: Sequence[str] = tuple(LATENCIES),
    info_version: int | None = 2,
    number: Callable[[float], Any] = np.float32,
    protocol: int = pickle.DEFAULT_PROTOCOL,
    change: Callable[[str, dict[str, Any], list[list[Any]]], None] | None = None,
) -> None:
    """Write training, bench and info files of `n_models` models (None: all 8,242), the published one first.

    info_version: 1 has no flops; None: no info file. number: the type of each validation PER. change: called
    with each file's name, header and rows before they are written, to change them in place.
    """
    cells = models()
    chosen = [PUBLISHED_HASH, *(model for model in cells if model != PUBLISHED_HASH)][:n_models]
    rng = np.random.default_rng(7)
    quality = rng.uniform(0.2, 0.5, len(chosen))

    def put(name: str, header: dict[str, Any], rows: list[list[Any]]) -> None:
        header["search_space"] = {
            "shape": [[6, 2], [6, 2, 2], [6, 2, 2, 2]],
            "ops": list(OPS),
            "nodes": 3,
        }
        if change is not None:
            change(name, header, rows)
        with (folder / name).open("wb") as file:
            pickle.dump(header, file, protocol)
            pickle.dump(rows, file, protocol)

    decay = np.exp(-np.arange(1, epochs + 1) / 4)
    for seed in seeds:
        rows: list[list[Any]] = []
        for model, final in zip(chosen, quality, strict=True):
            noise = rng.normal(0, 0.003, epochs + 1)
            curve = final + (0.9 - final) * decay + noise[:-1]
            test = float(final + noise[-1])
            if model == PUBLISHED_HASH and epochs == 40 and seed in PUBLISHED_TEST_PER:
                curve = np.array(PUBLISHED_VAL_PER[seed].split(), dtype=float)
                test = PUBLISHED_TEST_PER[seed]
            elif model == PUBLISHED_HASH and epochs == 5:
                curve, test = np.array(PUBLISHED_E5[0]), PUBLISHED_E5[1]
            arch_vec = [tuple(node) for node in cells[model].nodes]
            rows.append([model, [number(value) for value in curve.tolist()], test, arch_vec])
        columns = ["model_hash", "val_per", "test_per", "arch_vec"]
        put(
            f"nb-asr-e{epochs}-{seed}.pickle",
            {"dataset_type": "training", "version": 1, "columns": columns, "epochs": epochs, "seed": seed},
            rows,
        )
    for device in devices:
        factors = np.concatenate([[1.0], rng.uniform(0.5, 2.0, len(chosen) - 1)])
        rows = [
            [model, float(LATENCIES.get(device, 1.0) * factor)]
            for model, factor in zip(chosen, factors.tolist(), strict=True)
        ]
        put(
            f"nb-asr-bench-{device}.pickle",
            {
                "dataset_type": "benchmarking",
                "version": 1,
                "columns": ["model_hash", "latency"],
                "device": device,
            },
            rows,
        )
    if info_version is not None:
        columns = ["model_hash", "params", "flops"][: 1 + info_version]
        extra = rng.integers(10**6, 10**8, len(chosen)).tolist()
        rows = [
            [model, PARAMS if model == PUBLISHED_HASH else count, 2.0 * count][: 1 + info_version]
            for model, count in zip(chosen, extra, strict=True)
        ]
        put(
            "nb-asr-info.pickle",
            {"dataset_type": "static", "version": info_version, "columns": columns},
            rows,
        )
