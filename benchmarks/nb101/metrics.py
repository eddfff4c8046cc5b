"""Decoding of the protobuf messages with the metrics of NAS-Bench-101, without the protobuf package."""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_TIMES = ("half", "final")
_EVALUATION_FIELDS = {2: 0, 3: 1, 4: 2, 5: 3}
"""Protobuf field -> place: training_time, train_accuracy, validation_accuracy, test_accuracy."""
_double = Struct("<d").unpack_from

# What the official writer makes: three evaluations of five doubles each, then parameters and total time.
_EVALUATION = b"\x0a\x2d" + b"".join(bytes([field << 3 | 1]) + bytes(8) for field in range(1, 6))
_FIXED = len(_EVALUATION) * 3
_TOTAL = 9
_IS_TAG = np.array([True, True, *([True] + [False] * 8) * 5] * 3)
_TAGS = np.frombuffer(_EVALUATION * 3, np.uint8)[_IS_TAG]


class Metrics(NamedTuple):
    """Of n trainings: evaluations (n, 2, 4) float64, halfway and final, each training_time in seconds,
    train, validation and test accuracy; parameters (n,) int64; total_s (n,) float64."""

    evaluations: NDArray[np.float64]
    parameters: NDArray[np.int64]
    total_s: NDArray[np.float64]


def decode_metrics(messages: Sequence[bytes]) -> Metrics:
    """Decode serialized `nasbench.ModelMetrics` messages (proto2, `model_metrics.proto`).

    Messages laid out as the official ones are decoded many at a time; any others field by field, unknown
    fields skipped. As in the official API, the first evaluation (before training) is left aside, the second
    is halfway, the third final.

    Raises ValueError, with the place of the message in its second argument, for what is no such message, and
    where an evaluation, one of its four values, or the number of parameters is missing. A missing total time
    is NaN.
    """
    n = len(messages)
    metrics = Metrics(np.empty((n, 2, 4)), np.empty(n, dtype=np.int64), np.empty(n))
    lengths = np.fromiter(map(len, messages), dtype=np.intp, count=n)
    for length in np.unique(lengths).tolist():
        places = np.flatnonzero(lengths == length)
        usual = _decode_usual([messages[i] for i in places.tolist()], length, places, metrics)
        for place in places[~usual].tolist():
            try:
                evaluations, parameters, total_s = _decode_any(messages[place])
            except (ValueError, IndexError) as error:
                reason = str(error) if isinstance(error, ValueError) else "it is cut short"
                raise ValueError(reason, place) from error
            metrics.evaluations[place] = evaluations
            metrics.parameters[place] = parameters
            metrics.total_s[place] = total_s
    return metrics


def _decode_usual(
    messages: list[bytes], length: int, places: NDArray[np.intp], metrics: Metrics
) -> NDArray[np.bool_]:
    """Decode those of equally long messages that are laid out as usual; tells which."""
    n_varint = length - _FIXED - 2 - _TOTAL + 1
    if not 1 <= n_varint <= 4:
        return np.zeros(len(messages), dtype=np.bool_)
    raw = np.frombuffer(b"".join(messages), np.uint8).reshape(len(messages), length)
    varint = raw[:, _FIXED + 1 : _FIXED + 1 + n_varint]
    usual: NDArray[np.bool_] = (
        (raw[:, :_FIXED][:, _IS_TAG] == _TAGS).all(axis=1)
        & (raw[:, _FIXED] == 2 << 3)
        & (varint[:, :-1] >= 128).all(axis=1)
        & (varint[:, -1] < 128)
        & (raw[:, -_TOTAL] == (3 << 3 | 1))
    )
    raw, varint, places = raw[usual], varint[usual], places[usual]
    doubles = np.ascontiguousarray(raw[:, :_FIXED][:, ~_IS_TAG]).view("<f8").reshape(-1, 3, 5)
    metrics.evaluations[places] = doubles[:, 1:, 1:]
    shifts = 7 * np.arange(n_varint)
    metrics.parameters[places] = ((varint & 127).astype(np.int64) << shifts).sum(axis=1)
    metrics.total_s[places] = np.ascontiguousarray(raw[:, 1 - _TOTAL :]).view("<f8")[:, 0]
    return usual


def _decode_any(message: bytes) -> tuple[list[list[float]], int, float]:
    evaluations: list[list[float]] = []
    parameters: int | None = None
    total_s = float("nan")
    for field, value in _fields(message):
        if field == 1 and isinstance(value, bytes):
            evaluations.append(_decode_evaluation(value))
        elif field == 2 and isinstance(value, int):
            parameters = value
        elif field == 3 and isinstance(value, float):
            total_s = value
    if len(evaluations) < 3:
        raise ValueError(f"it holds {len(evaluations)} evaluations instead of 3")
    if parameters is None or not 0 <= parameters < 2**31:
        raise ValueError("its number of trainable parameters is missing or negative")
    for time, evaluation in zip(_TIMES, evaluations[1:3], strict=True):
        if len(evaluation) < len(_EVALUATION_FIELDS):
            raise ValueError(f"its {time} evaluation lacks a time or an accuracy")
    return evaluations[1:3], parameters, total_s


def _decode_evaluation(message: bytes) -> list[float]:
    """The four values; fewer where some are missing."""
    found: dict[int, float] = {}
    for field, value in _fields(message):
        if field in _EVALUATION_FIELDS and isinstance(value, float):
            found[field] = value  # the last one counts
    return [found[field] for field in _EVALUATION_FIELDS if field in found]


def _fields(message: bytes) -> list[tuple[int, int | float | bytes | None]]:
    """Number and value of each field: int of a varint, float of 8 bytes, bytes; None for 4 bytes."""
    found: list[tuple[int, int | float | bytes | None]] = []
    position = 0
    while position < len(message):
        key, position = _varint(message, position)
        field, wire = key >> 3, key & 7
        value: int | float | bytes | None = None
        if wire == 0:
            value, position = _varint(message, position)
        elif wire == 1:
            if position + 8 > len(message):
                raise IndexError
            value = _double(message, position)[0]
            position += 8
        elif wire == 2:
            length, position = _varint(message, position)
            if length > len(message) - position:
                raise IndexError
            value = message[position : position + length]
            position += length
        elif wire == 5:
            position += 4
            if position > len(message):
                raise IndexError
        else:
            raise ValueError(f"it has a field of wire type {wire}")
        if field == 0:
            raise ValueError("it has a field number 0")
        found.append((field, value))
    return found


def _varint(message: bytes, position: int) -> tuple[int, int]:
    number = 0
    for shift in range(0, 70, 7):
        byte = message[position]
        position += 1
        number |= (byte & 127) << shift
        if byte < 128:
            return number, position
    raise ValueError("it has a number of more than 10 bytes")
