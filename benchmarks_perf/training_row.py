"""Row `training`: the collector's compiled trainer against the same networks trained with torch."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import torch

from benchmarks_perf.line import Line, spread
from benchmarks_perf.settings import Settings, say
from nascurve.benchmarks.cell201 import Cell201Space
from nascurve.benchmarks.mnist_affine import MnistAffine
from nascurve.benchmarks.packed_training import PackedTrainer
from nascurve.benchmarks.training import PreparedTask, train_network

_NETWORKS = 16
_PACK = 8


def measure(settings: Settings) -> list[Line]:
    """CPU seconds a network of one epoch, training and validation, and the final test, on one thread."""
    torch.set_num_threads(1)
    space = Cell201Space()
    rng = np.random.default_rng(0)
    live = (network for network in iter(lambda: space.network(space.sample(rng)), None) if network.edges)
    networks = [next(live) for _ in range(_PACK if settings.quick else _NETWORKS)]
    prepared = PreparedTask(MnistAffine())
    packed = PackedTrainer(prepared, device="cpu")

    def compiled() -> None:
        for network in networks:
            train_network(prepared, network, 0, epochs=1)

    def packs(size: int) -> Callable[[], None]:
        def train() -> None:
            for start in range(0, len(networks), size):
                packed.train(networks[start : start + size], 0, epochs=1)

        return train

    contenders = {"compiled": compiled, "one by one": packs(1), f"in packs of {_PACK}": packs(_PACK)}
    times_s: dict[str, list[float]] = {name: [] for name in contenders}
    train_network(prepared, networks[0], 0, epochs=1)  # compiles
    for repeat in range(settings.repeats):
        say(f"training: {repeat + 1}/{settings.repeats}")
        for name, train in contenders.items():
            start_s = time.process_time()
            train()
            times_s[name].append((time.process_time() - start_s) / len(networks))
    ours_s = times_s.pop("compiled")
    return [
        Line(
            row="training",
            what=f"one epoch of the collector and the final test, CPU time a network, {len(networks)} random "
            f"networks: compiled kernels, against torch {name}",
            ours=spread(ours_s, unit=" s"),
            peer=spread(peer_s, unit=" s"),
            ratio=spread([peer / ours for peer, ours in zip(peer_s, ours_s, strict=True)], unit="×"),
        )
        for name, peer_s in times_s.items()
    ]
