"""Readers of the NAS-Bench-101 files, on made-up files in the exact official format; no real one is at hand.

The writer (`tests/official_data/nb101.py`) is independent of the reader: messages by the protobuf package,
checksums bit by bit, hashes straight from their definition.
"""

from __future__ import annotations

import base64
import functools
import io
import json
import os
import pickle
import random
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nascurve.benchmarks.nb101.metrics import decode_metrics
from nascurve.benchmarks.nb101.official_file import read_official_file
from nascurve.benchmarks.nb101.run_table import ACCURACIES
from nascurve.benchmarks.nb101.tfrecord import MAX_RECORD, read_tfrecords
from nascurve.errors import DataFileError
from tests.official_data import nb101 as made_up

REMEDY = "Get another one."
OPEN_FUZZ = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def payloads_of(data: bytes) -> list[bytes]:
    batches = read_tfrecords(io.BytesIO(data), path="x.tfrecord", remedy=REMEDY)
    return [payload for batch in batches for payload in batch]


@functools.cache
def trainings() -> list[made_up.Record]:
    return made_up.records(6, seed=5)


@functools.cache
def sound_file() -> bytes:
    return b"".join(made_up.tfrecord(made_up.payload(training)) for training in trainings())


def read(path: Path, data: bytes) -> Any:
    path.write_bytes(data)
    return read_official_file(path, remedy=REMEDY)


def read_payloads(path: Path, payloads: list[Any]) -> Any:
    texts = [text if isinstance(text, bytes) else json.dumps(text).encode() for text in payloads]
    return read(path, b"".join(map(made_up.tfrecord, texts)))


# --- TFRecord


def test_record_of_the_reference() -> None:
    data = bytes.fromhex("0700000000000000bbd79f115b2261222c345d2d4701f7")
    assert payloads_of(data) == [b'["a",4]']
    assert made_up.tfrecord(b'["a",4]') == data


def test_checksum_of_the_standard() -> None:
    """crc32c(b"123456789") = 0xE3069283 (RFC 3720); masked as TensorFlow does."""
    masked = ((0xE3069283 >> 15 | 0xE3069283 << 17) + 0xA282EAD8) % 2**32
    assert made_up.masked_crc32c(b"123456789") == masked
    data = made_up.tfrecord(b"123456789")
    assert data[-4:] == struct.pack("<I", masked)
    assert payloads_of(data) == [b"123456789"]


def test_records_of_all_lengths_across_chunks() -> None:
    rng = random.Random(0)
    lengths = [0, 1, 7, 8, 9, MAX_RECORD, *(rng.randint(0, 2000) for _ in range(3000))]
    payloads = [rng.randbytes(length) for length in lengths]
    data = b"".join(map(made_up.tfrecord, payloads))
    assert len(data) > 2**21  # more than one chunk
    assert payloads_of(data) == payloads
    assert payloads_of(b"") == []


@pytest.mark.parametrize("place", [0, 7, 8, 11, 12, 200, -5, -4, -1])
def test_a_flipped_bit_names_its_record(place: int) -> None:
    record = made_up.tfrecord(bytes(300))
    damaged = bytearray(record)
    damaged[place] ^= 4
    with pytest.raises(DataFileError, match=r"x\.tfrecord: .*(record 3 |record 3$)") as caught:
        payloads_of(record * 2 + bytes(damaged) + record)
    assert REMEDY in str(caught.value)


@pytest.mark.parametrize("cut", [1, 4, 11, 12, 13, 200, 315])
def test_a_cut_record_is_named(cut: int) -> None:
    record = made_up.tfrecord(bytes(300))
    with pytest.raises(DataFileError, match="cut short within record 3"):
        payloads_of(record * 2 + record[:cut])


def test_a_giant_length_takes_no_memory() -> None:
    for length in (MAX_RECORD + 1, 2**40, 2**64 - 1):
        start = struct.pack("<Q", length)
        sound = start + struct.pack("<I", made_up.masked_crc32c(start))
        tracemalloc.start()
        with pytest.raises(DataFileError, match=f"record 1 begins with {length} bytes, longer"):
            payloads_of(sound + bytes(100))
        with pytest.raises(DataFileError, match="record 1 begins with a damaged length"):
            payloads_of(start + bytes(104))
        assert tracemalloc.get_traced_memory()[1] < 30_000_000
        tracemalloc.stop()


# --- protobuf


def assert_decoded(message: bytes, training: made_up.Record) -> None:
    metrics = decode_metrics([message])
    assert metrics.evaluations[0].tolist() == [list(e[1:]) for e in training.evaluations[1:]]
    assert metrics.parameters.tolist() == [training.parameters]
    assert metrics.total_s.tolist() == [training.total_time]


def test_official_messages_many_at_once() -> None:
    small = [training._replace(parameters=227_274) for training in trainings()[:5]]
    several = [*trainings(), *small]
    messages = [made_up.message(training) for training in several]
    metrics = decode_metrics(messages)
    for i, training in enumerate(several):
        assert metrics.evaluations[i].tolist() == [list(e[1:]) for e in training.evaluations[1:]]
        assert metrics.parameters[i] == training.parameters
        assert metrics.total_s[i] == training.total_time
    assert {len(message) for message in messages} == {154, 155}


def test_checkpoint_paths_unknown_fields_and_other_orders_are_read() -> None:
    training = trainings()[0]
    plain = made_up.message(training)
    assert_decoded(made_up.message(training, checkpoint_path="/tmp/model.ckpt-1"), training)
    unknown = b"\x38\x96\x01" + b"\x42\x03abc" + b"\x4d" + bytes(4) + b"\x51" + bytes(8)
    assert_decoded(unknown + plain + unknown, training)
    evaluations, rest = plain[:141], plain[141:]
    assert_decoded(rest + evaluations, training)
    assert_decoded(plain + rest, training)  # given twice: the last one counts
    # wrong wire types are unknown fields: parameters as 8 bytes, total time as a number
    assert_decoded(b"\x11" + bytes(8) + b"\x18\x05" + plain, training)


def test_any_parameter_count() -> None:
    for count in (0, 1, 127, 128, 2**14, 2**21 - 1, 2**28, 2**31 - 1):
        training = trainings()[0]._replace(parameters=count)
        assert_decoded(made_up.message(training), training)


def test_broken_messages_name_their_place() -> None:
    sound = made_up.message(trainings()[0])
    lacking = made_up.MODEL_METRICS.FromString(sound)
    lacking.evaluation_data[2].ClearField("test_accuracy")
    two = made_up.MODEL_METRICS.FromString(sound)
    del two.evaluation_data[0]
    no_count = made_up.MODEL_METRICS.FromString(sound)
    no_count.ClearField("trainable_parameters")
    negative = made_up.MODEL_METRICS.FromString(sound)
    negative.trainable_parameters = -1
    for message in (
        *(item.SerializeToString() for item in (lacking, two, no_count, negative)),
        b"",
        sound[:-1],
        sound[:100],
        sound + b"\x0b",
        sound + b"\xff" * 11,
        sound + b"\x0a\xff\x7f",
        sound + b"\x00\x00",
    ):
        with pytest.raises(ValueError) as caught:  # noqa: PT011
            decode_metrics([sound, sound, message])
        assert caught.value.args[1] == 2


def test_a_missing_total_time_is_nan() -> None:
    message = made_up.MODEL_METRICS.FromString(made_up.message(trainings()[0]))
    message.ClearField("total_time")
    assert np.isnan(decode_metrics([message.SerializeToString()]).total_s[0])


def test_fields_of_other_numbers_in_the_usual_places() -> None:
    """As long and as laid out as the official messages, so that the fast way sees them first."""
    sound = made_up.message(trainings()[0])
    total = bytearray(sound)
    assert total[-9] == 3 << 3 | 1
    total[-9] = 4 << 3 | 1
    assert np.isnan(decode_metrics([bytes(total)]).total_s[0])
    count = bytearray(sound)
    assert count[3 * 47] == 2 << 3
    count[3 * 47] = 4 << 3
    with pytest.raises(ValueError, match="parameters is missing"):
        decode_metrics([bytes(count)])


# --- whole files


def changed(place: int, value: Any) -> list[Any]:
    """A record as a list, with another value at a place."""
    fields = json.loads(made_up.payload(trainings()[0]))
    fields[place] = value
    return fields


def metrics_with(**values: float) -> str:
    message = made_up.MODEL_METRICS.FromString(made_up.message(trainings()[0]))
    for name, value in values.items():
        setattr(message.evaluation_data[2], name, value)
    return base64.b64encode(message.SerializeToString()).decode()


BAD_RECORDS: dict[str, tuple[Callable[[], Any], str]] = {
    "no JSON": (lambda: b"{", "no JSON list"),
    "no text": (lambda: b"\xff\xfe", "no JSON list"),
    "deep": (lambda: b"[" * 16_000, "no JSON list"),
    "a number": (lambda: 5, "no JSON list"),
    "too few": (lambda: changed(0, "x")[:4], "another number of entries"),
    "too many": (lambda: [*changed(0, "x"), 1], "another number of entries"),
    "hash of another": (lambda: changed(0, "0" * 32), "has the hash"),
    "no hash": (lambda: changed(0, [1]), "has the hash"),
    "other epochs": (lambda: changed(1, 50), "50 epochs"),
    "epochs as text": (lambda: changed(1, "4"), "'4' epochs"),
    "epochs as bool": (lambda: changed(1, True), "True epochs"),
    "no square": (lambda: changed(2, "010"), "none of NAS-Bench-101"),
    "no digits": (lambda: changed(2, "0²01"), "none of NAS-Bench-101"),
    "lower triangle": (lambda: changed(2, "0010"), "none of NAS-Bench-101"),
    "no matrix": (lambda: changed(2, None), "none of NAS-Bench-101"),
    "unknown operation": (lambda: changed(3, "input,conv,output"), "none of NAS-Bench-101"),
    "no metrics": (lambda: changed(4, None), "no text"),
    "no base64": (lambda: changed(4, "§"), "no base64"),
    "empty metrics": (lambda: changed(4, ""), "evaluations"),
    "accuracy": (lambda: changed(4, metrics_with(test_accuracy=1.5)), r"outside \[0, 1\]"),
    "accuracy NaN": (lambda: changed(4, metrics_with(validation_accuracy=np.nan)), r"outside \[0, 1\]"),
    "time": (lambda: changed(4, metrics_with(training_time=-1.0)), "negative or infinite"),
    "endless": (lambda: changed(4, metrics_with(training_time=np.inf)), "negative or infinite"),
}


@pytest.mark.parametrize("name", BAD_RECORDS)
def test_a_bad_record_is_named(tmp_path: Path, name: str) -> None:
    make, reason = BAD_RECORDS[name]
    path = tmp_path / "nasbench_full.tfrecord"
    sound = [made_up.payload(training) for training in trainings()[12:22]]
    with pytest.raises(DataFileError, match=reason) as caught:
        read_payloads(path, [*sound[:8], make(), *sound[8:]])
    assert str(path) in str(caught.value)
    assert "record 9 " in str(caught.value)


def test_a_fourth_training_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataFileError, match="3 trainings of"):
        read_payloads(tmp_path / "x", [made_up.payload(trainings()[0])] * 4)


def test_base64_in_lines_is_read(tmp_path: Path) -> None:
    raw = made_up.message(trainings()[0])
    wrapped = changed(4, base64.encodebytes(raw).decode())
    assert "\n" in wrapped[4]
    arrays, _ = read_payloads(tmp_path / "x", [wrapped])
    assert arrays["parameters"].tolist() == [trainings()[0].parameters]


def test_arrays_of_a_file(tmp_path: Path) -> None:
    shuffled = random.Random(1).sample(trainings(), len(trainings()))
    path = tmp_path / "nasbench_full.tfrecord"
    made_up.write_tfrecord(path, shuffled)
    arrays, meta = read_official_file(path, remedy=REMEDY)
    keys = sorted({training.key for training in shuffled})
    assert [f"{high:016x}{low:016x}" for high, low in zip(arrays["hash_high"], arrays["hash_low"])] == keys  # noqa: B905
    assert arrays["accuracy"].dtype == np.uint16
    assert arrays["training_s"].dtype == np.float32
    assert meta["budgets"] == [4, 12, 36, 108]
    assert meta["n_records"] == len(shuffled)
    seen: dict[tuple[str, int], int] = {}
    for training in shuffled:  # repeats in the order of the file
        repeat = seen[training.key, training.epochs] = seen.get((training.key, training.epochs), -1) + 1
        where = (keys.index(training.key), meta["budgets"].index(training.epochs), repeat)
        assert ACCURACIES[arrays["accuracy"][where]].tolist() == [
            list(e[2:]) for e in training.evaluations[1:]
        ]
        assert arrays["training_s"][where].tolist() == [e.training_time for e in training.evaluations[1:]]
        assert arrays["total_s"][where] == training.total_time


def test_values_that_are_no_counts_are_kept_as_they_are(tmp_path: Path) -> None:
    first = trainings()[0]
    odd = first.evaluations[2]._replace(test_accuracy=0.123456789, training_time=1000.123456789)
    training = first._replace(evaluations=[*first.evaluations[:2], odd])
    path = tmp_path / "x.tfrecord"
    made_up.write_tfrecord(path, [training])
    arrays, _ = read_official_file(path, remedy=REMEDY)
    assert arrays["accuracy"][0, 0, 0, 1].tolist() == list(odd[2:])
    assert arrays["training_s"][0, 0, 0].tolist() == [first.evaluations[1].training_time, 1000.123456789]


def test_architectures_without_some_budget_are_left_out(tmp_path: Path) -> None:
    last_two_missing = trainings()[:-6]  # of the last architecture, 36 and 108 epochs
    path = tmp_path / "x.tfrecord"
    made_up.write_tfrecord(path, last_two_missing)
    arrays, meta = read_official_file(path, remedy=REMEDY)
    assert len(arrays["edges"]) == 5
    assert meta["n_incomplete"] == 1
    made_up.write_tfrecord(path, [trainings()[0], trainings()[-1]])
    with pytest.raises(DataFileError, match="no architecture with trainings of every budget"):
        read_official_file(path, remedy=REMEDY)


def test_naslib_pickle_gives_the_same_arrays(tmp_path: Path) -> None:
    only108 = [training for training in trainings() if training.epochs == 108]
    made_up.write_tfrecord(tmp_path / "nasbench_only108.tfrecord", only108)
    made_up.write_naslib(tmp_path / "nasbench_only108.pkl", only108)
    ours, meta = read_official_file(tmp_path / "nasbench_only108.tfrecord", remedy=REMEDY)
    theirs, other_meta = read_official_file(tmp_path / "nasbench_only108.pkl", remedy=REMEDY)
    assert np.isnan(theirs.pop("total_s")).all()
    for name, array in theirs.items():
        assert np.array_equal(array, ours[name]), name
        assert array.dtype == ours[name].dtype
    assert other_meta["cells_sha256"] == meta["cells_sha256"]


class Shell:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, ("echo > executed",)


class Evaluator:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return eval, ("open('executed', 'w')",)


def hostile_files() -> dict[str, bytes]:
    only108 = pickle.dumps({"0" * 32: ({"module_adjacency": np.zeros((2, 2))}, {})}, protocol=4)
    giant = struct.pack("<Q", 2**62)
    return {
        "shell": pickle.dumps({"a": Shell()}, protocol=4),
        "eval": pickle.dumps([Evaluator()], protocol=2),
        "giant array": pickle.dumps(np.zeros(3), protocol=2).replace(b"K\x03\x85", b"J\xff\xff\xff\x7f\x85"),
        "giant record": giant + struct.pack("<I", made_up.masked_crc32c(giant)),
        "a list": pickle.dumps([1, 2], protocol=4),
        "no entry": pickle.dumps({"a": 1}, protocol=4),
        "lacking": only108,
        "cut pickle": only108[:-20],
        "web page": b"<!DOCTYPE html><html><body>404</body></html>",
        "empty": b"",
        "text": b"nasbench",
        "no record": b"\x00" * 64,
        "cut record": sound_file()[:-1],
        "flipped": sound_file()[:5000] + bytes([sound_file()[5000] ^ 1]) + sound_file()[5001:],
    }


@pytest.mark.parametrize("kind", hostile_files())
def test_hostile_files_are_one_clear_error(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "nasbench_full.tfrecord"
    tracemalloc.start()
    with pytest.raises(DataFileError) as caught:
        read(path, hostile_files()[kind])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert str(path) in str(caught.value)
    assert REMEDY in str(caught.value)
    assert not (tmp_path / "executed").exists()
    assert peak < 50_000_000


def test_operations_that_hold_each_other_are_not_shown(tmp_path: Path) -> None:
    """A message about them would never end."""
    endless: list[object] = []
    for _ in range(20):
        endless = [endless, endless]
    path = tmp_path / "nasbench_only108.pkl"
    made_up.write(tmp_path, n_cells=1, file=path.name)
    table = pickle.loads(path.read_bytes())
    fixed, _ = next(iter(table.values()))
    fixed["module_operations"][1] = endless
    path.write_bytes(pickle.dumps(table))
    with pytest.raises(DataFileError, match="its operations are no texts"):
        read_official_file(path, remedy=REMEDY)


def test_a_folder_under_the_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataFileError, match="got a folder"):
        read_official_file(tmp_path, remedy=REMEDY)


# --- fuzz: nothing but DataFileError comes out, whatever the bytes


def mutated(data: bytes, rng: random.Random) -> bytes:
    """Some bytes changed, cut out, repeated or cut off."""
    raw = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        place = rng.randrange(len(raw)) if raw else 0
        kind = rng.randrange(5)
        if kind == 0 and raw:
            raw[place] = rng.randrange(256)
        elif kind == 1:
            raw[place:place] = rng.randbytes(rng.randint(1, 9))
        elif kind == 2:
            del raw[place : place + rng.randint(1, 20)]
        elif kind == 3:
            raw[place:place] = raw[place : place + rng.randint(1, 200)]
        else:
            del raw[rng.randrange(len(raw) + 1) :]
    return bytes(raw)


def survive(path: Path, data: bytes) -> bool:
    """Whether it was read; any other error than DataFileError fails the test."""
    try:
        read(path, data)
    except DataFileError as error:
        message = str(error)
    else:
        return True
    assert message.startswith(f"{path}: expected ")
    assert message.endswith(REMEDY)
    return False


def fuzzed(layer: str, rng: random.Random) -> bytes:
    """A file that is damaged in one layer and sound in those around it."""
    chosen = trainings()[rng.randrange(len(trainings()))]
    if layer == "record":
        return mutated(sound_file()[:8000], rng)
    if layer == "json":
        return made_up.tfrecord(mutated(made_up.payload(chosen), rng)[:MAX_RECORD])
    if layer == "protobuf":
        return made_up.tfrecord(made_up.payload(chosen, mutated(made_up.message(chosen), rng)))
    return mutated(naslib_file(), rng)


@functools.cache
def naslib_file() -> bytes:
    only108 = [training for training in trainings() if training.epochs == 108][:6]
    entry: dict[str, Any] = {}
    for training in only108:
        fixed = {
            "module_adjacency": training.matrix,
            "module_operations": training.ops,
            "trainable_parameters": training.parameters,
        }
        entry.setdefault(training.key, (fixed, {108: []}))[1][108].append(training.data_point())
    return pickle.dumps(entry, protocol=4)


LAYERS = ("record", "json", "protobuf", "naslib")


@pytest.mark.parametrize("layer", LAYERS)
def test_fuzz(tmp_path: Path, layer: str) -> None:
    rng = random.Random(layer)
    read_well = sum(survive(tmp_path / "x", fuzzed(layer, rng)) for _ in range(300))
    assert read_well < 200


@pytest.mark.slow
@pytest.mark.parametrize("layer", LAYERS)
def test_fuzz_long(tmp_path: Path, layer: str) -> None:
    rng = random.Random(f"long {layer}")
    for _ in range(2500):
        survive(tmp_path / "x", fuzzed(layer, rng))


@OPEN_FUZZ
@given(data=st.binary(max_size=400))
def test_arbitrary_messages(data: bytes) -> None:
    place = 0
    try:
        decode_metrics([data])
    except ValueError as error:
        place = error.args[1]
    assert place == 0


@OPEN_FUZZ
@given(
    fields=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=60),
        lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=12,
    )
)
def test_arbitrary_json(tmp_path: Path, fields: Any) -> None:
    assert not survive(tmp_path / "x", made_up.tfrecord(json.dumps(fields).encode()))
