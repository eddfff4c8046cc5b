"""Writes made-up NAS-Bench-101 files in the exact official format, independently of the reader.

Format: `nasbench/api.py` and `nasbench/lib/model_metrics.proto` of github.com/google-research/nasbench, and
TensorFlow's `record_writer.h`. Messages are made by the `protobuf` package from a descriptor built here, the
checksums bit by bit from their definition (a table made of it for speed), the hash by code of
its own. All accuracies and times are made up; the cells and their hashes are real ones of the space.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import pickle
import random
import struct
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

OPS = ("conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3")
BUDGETS = (4, 12, 36, 108)
N_IMAGES = 9984


class Evaluation(NamedTuple):
    """As in the proto file; accuracies as fractions."""

    current_epoch: float
    training_time: float
    train_accuracy: float
    validation_accuracy: float
    test_accuracy: float


class Record(NamedTuple):
    """One training."""

    key: str
    epochs: int
    matrix: np.ndarray
    ops: list[str]
    evaluations: list[Evaluation]
    parameters: int
    total_time: float

    def data_point(self) -> dict[str, float]:
        """What the official API makes of it."""
        return {
            f"{when}_{name}": getattr(evaluation, name)
            for when, evaluation in zip(("halfway", "final"), self.evaluations[1:], strict=True)
            for name in ("training_time", "train_accuracy", "validation_accuracy", "test_accuracy")
        }


def _messages() -> tuple[Any, Any]:
    file = descriptor_pb2.FileDescriptorProto(name="metrics.proto", package="nasbench", syntax="proto2")
    field = descriptor_pb2.FieldDescriptorProto
    outer = file.message_type.add(name="ModelMetrics")
    outer.field.add(
        name="evaluation_data",
        number=1,
        type=field.TYPE_MESSAGE,
        type_name=".nasbench.EvaluationData",
        label=field.LABEL_REPEATED,
    )
    for name, number, kind in (
        ("trainable_parameters", 2, field.TYPE_INT32),
        ("total_time", 3, field.TYPE_DOUBLE),
    ):
        outer.field.add(name=name, number=number, type=kind, label=field.LABEL_OPTIONAL)
    inner = file.message_type.add(name="EvaluationData")
    for number, name in enumerate(Evaluation._fields, start=1):
        inner.field.add(name=name, number=number, type=field.TYPE_DOUBLE, label=field.LABEL_OPTIONAL)
    inner.field.add(name="checkpoint_path", number=6, type=field.TYPE_STRING, label=field.LABEL_OPTIONAL)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    make = message_factory.GetMessageClass
    return tuple(
        make(pool.FindMessageTypeByName(f"nasbench.{name}")) for name in ("ModelMetrics", "EvaluationData")
    )


MODEL_METRICS, EVALUATION_DATA = _messages()


def _crc_table() -> list[int]:
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = (crc >> 1) ^ 0x82F63B78 if crc & 1 else crc >> 1
        table.append(crc)
    return table


_TABLE = _crc_table()


def masked_crc32c(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    crc ^= 0xFFFFFFFF
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def tfrecord(payload: bytes) -> bytes:
    length = struct.pack("<Q", len(payload))
    return b"".join(
        (length, struct.pack("<I", masked_crc32c(length)), payload, struct.pack("<I", masked_crc32c(payload)))
    )


def module_hash(matrix: np.ndarray, ops: Sequence[str]) -> str:
    """The official hash of a pruned cell, straight from its definition."""
    labels = [-1, *(OPS.index(op) for op in ops[1:-1]), -2]
    n = len(labels)

    def md5(text: str) -> str:
        return hashlib.md5(text.encode()).hexdigest()

    hashes = [
        md5(str((int(matrix[v].sum()), int(matrix[:, v].sum()), label))) for v, label in enumerate(labels)
    ]
    for _ in range(n):
        hashes = [
            md5(
                "".join(sorted(hashes[w] for w in range(n) if matrix[w, v]))
                + "|"
                + "".join(sorted(hashes[w] for w in range(n) if matrix[v, w]))
                + "|"
                + hashes[v]
            )
            for v in range(n)
        ]
    return md5(str(sorted(hashes)))


def cells(
    n: int, *, seed: int = 0, vertices: tuple[int, int] = (2, 7)
) -> Iterator[tuple[np.ndarray, list[str]]]:
    """n different pruned cells, none isomorphic to another."""
    rng = random.Random(seed)
    known: set[str] = set()
    while len(known) < n:
        size = rng.randint(*vertices)
        matrix = np.zeros((size, size), dtype=np.int64)
        for v, w in itertools.combinations(range(size), 2):
            matrix[v, w] = rng.random() < 0.45
        ops = ["input", *(rng.choice(OPS) for _ in range(size - 2)), "output"]
        full = matrix[:-1].any(axis=1).all() and matrix[:, 1:].any(axis=0).all()
        if not full or matrix.sum() > 9:
            continue
        key = module_hash(matrix, ops)
        if key not in known:
            known.add(key)
            yield matrix, ops


def records(
    n_cells: int, *, budgets: Sequence[int] = BUDGETS, repeats: int = 3, seed: int = 0, **more: Any
) -> list[Record]:
    """Made-up trainings of n cells, the repeats of a cell and budget one behind the other."""
    rng = random.Random(seed + 1)
    made = []
    for matrix, ops in cells(n_cells, seed=seed, **more):
        key, parameters = module_hash(matrix, ops), rng.randint(227_274, 49_979_274)
        level, epoch_s = rng.uniform(0.3, 0.95), rng.uniform(4.0, 40.0)
        for budget in budgets:
            for _ in range(repeats):
                made.append(_training(key, budget, matrix, ops, parameters, level, epoch_s, rng))
    return made


def _training(
    key: str,
    budget: int,
    matrix: np.ndarray,
    ops: list[str],
    parameters: int,
    level: float,
    epoch_s: float,
    rng: random.Random,
) -> Record:
    evaluations = []
    time = 0.0
    for epoch in (0, budget // 2, budget):
        time = float(np.float32(epoch * epoch_s * rng.uniform(0.99, 1.0)))
        top = 0.1 if epoch == 0 else level * (1 - 0.5 / epoch)
        accuracies = [
            float(np.float32(round(N_IMAGES * min(1.0, max(0.0, top + rng.gauss(0, 0.01)))) / N_IMAGES))
            for _ in range(3)
        ]
        evaluations.append(Evaluation(float(epoch), time, *accuracies))
    return Record(key, budget, matrix, ops, evaluations, parameters, float(np.float32(1.2 * time)))


def message(record: Record, **extra: str) -> bytes:
    """The serialized ModelMetrics. extra: further fields of each evaluation (checkpoint_path)."""
    metrics = MODEL_METRICS(trainable_parameters=record.parameters, total_time=record.total_time)
    for evaluation in record.evaluations:
        metrics.evaluation_data.add(**evaluation._asdict(), **extra)
    return metrics.SerializeToString()


def payload(record: Record, raw: bytes | None = None) -> bytes:
    return json.dumps(
        [
            record.key,
            record.epochs,
            "".join(str(int(entry)) for entry in record.matrix.ravel()),
            ",".join(record.ops),
            base64.b64encode(message(record) if raw is None else raw).decode(),
        ]
    ).encode()


def write_tfrecord(
    path: Path, trainings: Sequence[Record], encode: Callable[[Record], bytes] = payload
) -> None:
    path.write_bytes(b"".join(tfrecord(encode(training)) for training in trainings))


def write_naslib(path: Path, trainings: Sequence[Record]) -> None:
    """As NASLib's `nasbench_only108.pkl`: hash -> (facts of the cell, budget -> data points)."""
    table: dict[str, tuple[dict[str, Any], dict[int, list[dict[str, float]]]]] = {}
    for training in trainings:
        fixed = {
            "module_adjacency": training.matrix.astype(np.int8),
            "module_operations": list(training.ops),
            "trainable_parameters": training.parameters,
        }
        entry = table.setdefault(training.key, (fixed, {}))
        entry[1].setdefault(training.epochs, []).append(training.data_point())
    path.write_bytes(pickle.dumps(table, protocol=4))


def write(
    folder: Path, *, n_cells: int = 40, file: str = "nasbench_full.tfrecord", seed: int = 0
) -> list[Record]:
    """One of the three official files in the folder; gives the trainings that it holds."""
    budgets = BUDGETS if file == "nasbench_full.tfrecord" else (108,)
    trainings = records(n_cells, budgets=budgets, seed=seed)
    if file.endswith(".pkl"):
        write_naslib(folder / file, trainings)
    else:
        write_tfrecord(folder / file, trainings)
    return trainings
