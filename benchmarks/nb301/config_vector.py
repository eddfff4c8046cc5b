"""The ConfigSpace vector of an architecture: the input of NAS-Bench-301's and x11's tree models."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import numpy as np

from nascurve.benchmarks.nb301.genotype import CELLS, CONFIG_PREFIX, NODES, Cell, DartsGenotype, edge_index
from nascurve.simulator.types import FloatArray

INACTIVE = -1.0
"""What stands for hyper-parameters without a value, as the official code replaces NaN before a query."""


def config_vector(arch: DartsGenotype) -> FloatArray:
    """The 56 values of `config_names()`, shape (56,), as nasbench301 0.3 gives them to its models.

    It is `Configuration(...).get_array()` of ConfigSpace 0.4.12 (the version that the authors pin) on the
    package's `configspace.json`, with the package's fixed hyper-parameters and -1 for inactive ones.
    Operations and pairs of inputs are positions among the choices; the rest are the training settings, the
    same for all architectures, on ConfigSpace's scales. Checked value by value against that code.
    """
    vector: FloatArray = config_vectors([arch])[0]
    return vector


def config_vectors(archs: Sequence[DartsGenotype]) -> FloatArray:
    """`config_vector` of each, shape (n, 56), a fresh array."""
    vectors = np.repeat(_settings()[None], len(archs), axis=0)
    for vector, arch in zip(vectors, archs, strict=True):
        for places, cell in zip(_places(), arch.cells, strict=True):
            _fill(vector, places, cell)
    return vectors


@functools.cache
def config_names() -> tuple[str, ...]:
    """The hyper-parameters in ConfigSpace's order: those without a condition, then those with one, each
    sorted by name as text (edge 10 before edge 2)."""
    free = [*_SETTINGS]
    for cell in CELLS:
        free += [f"{CONFIG_PREFIX}edge_{cell}_{edge}" for edge in (0, 1)]
        free += [f"{CONFIG_PREFIX}inputs_node_{cell}_{node}" for node in NODES[1:]]
    conditional = [f"{CONFIG_PREFIX}edge_{cell}_{edge}" for cell in CELLS for edge in range(2, 14)]
    return (*sorted(free), *sorted(conditional))


def _uniform_int(value: int, low: int, high: int) -> float:
    """ConfigSpace's scale of an integer: bins of width 1, but for its odd last digit, mapped to [0, 1]."""
    return (value - (low - 0.49999)) / ((high + 0.49999) - (low - 0.49999))


def _log_share(value: float, low: float, high: float) -> float:
    return (math.log(value) - math.log(low)) / (math.log(high) - math.log(low))


_SETTINGS = {
    "CreateImageDataLoader:batch_size": _log_share(96, 64 - 0.49999, 128 + 0.49999),
    "ImageAugmentation:augment": 0.0,
    "ImageAugmentation:autoaugment": 0.0,
    "ImageAugmentation:cutout": 0.0,
    "ImageAugmentation:cutout_holes": _uniform_int(1, 1, 3),
    "ImageAugmentation:cutout_length": _uniform_int(16, 1, 50),
    "ImageAugmentation:fastautoaugment": 0.0,
    "LossModuleSelectorIndices:loss_module": 0.0,
    f"{CONFIG_PREFIX}auxiliary": 0.0,
    f"{CONFIG_PREFIX}drop_path_prob": 0.0,  # a constant: its only value has the position 0
    f"{CONFIG_PREFIX}init_channels": _uniform_int(32, 1, 10_000),
    f"{CONFIG_PREFIX}layers": _uniform_int(8, 1, 10_000),
    "NetworkSelectorDatasetInfo:network": 0.0,
    "OptimizerSelector:optimizer": 0.0,
    "OptimizerSelector:sgd:learning_rate": math.log(0.025),
    "OptimizerSelector:sgd:momentum": (0.9 - 0.1) / (0.99 - 0.1),
    "OptimizerSelector:sgd:weight_decay": math.log(0.0003),
    "SimpleLearningrateSchedulerSelector:cosine_annealing:T_max": _uniform_int(100, 1, 10_000),
    "SimpleLearningrateSchedulerSelector:cosine_annealing:eta_min": 1e-8 / 10_000,
    "SimpleLearningrateSchedulerSelector:lr_scheduler": 0.0,
    "SimpleTrainNode:batch_loss_computation_technique": 0.0,
    "SimpleTrainNode:mixup:alpha": _log_share(0.2, 0.01, 0.7),
}
"""The training settings of every query, on ConfigSpace's scales."""


@functools.cache
def _settings() -> FloatArray:
    vector = np.array([_SETTINGS.get(name, INACTIVE) for name in config_names()])
    vector.setflags(write=False)
    return vector


@functools.cache
def _places() -> tuple[tuple[dict[int, int], dict[int, int]], ...]:
    """For each cell: position in the vector of each edge, and of each node's inputs."""
    position = {name: place for place, name in enumerate(config_names())}
    return tuple(
        (
            {edge: position[f"{CONFIG_PREFIX}edge_{cell}_{edge}"] for edge in range(14)},
            {node: position[f"{CONFIG_PREFIX}inputs_node_{cell}_{node}"] for node in NODES[1:]},
        )
        for cell in CELLS
    )


def _fill(vector: FloatArray, places: tuple[dict[int, int], dict[int, int]], cell: Cell) -> None:
    edges, inputs = places
    for node, (a, op_a), (b, op_b) in zip(NODES, cell[::2], cell[1::2], strict=True):
        vector[edges[edge_index(a, node)]] = op_a
        vector[edges[edge_index(b, node)]] = op_b
        if node > 2:
            vector[inputs[node]] = input_pair_index(a, b, node)


def input_pair_index(a: int, b: int, node: int) -> int:
    """Position of the sources a < b among all pairs "0_1", "0_2", … of a node's earlier nodes."""
    return a * node - a * (a + 1) // 2 + b - a - 1
