"""The pickle reader against Python's own: equal values where it reads, and nothing run where it refuses."""

from __future__ import annotations

import bz2
import collections
import contextlib
import io
import os
import pickle
import pickletools
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nascurve.benchmarks.files.pickle_names import NUMPY_NAMES
from nascurve.benchmarks.files.pickles import read_pickle
from nascurve.errors import DataFileError
from tests.official_data import real_sample

SAMPLE = "nats-bench-tss-sample/NATS-tss-v1_0-3ffb9-simple"
REMEDY = "Get it again."
PROTOCOLS = (2, 3, 4, 5)


def read(data: bytes | memoryview, **options: object):
    return read_pickle(data, path="some/file.pickle", remedy=REMEDY, **options)


def same(a: object, b: object) -> bool:
    """Equal in type, value and layout, NaN equal to itself."""
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.flags.f_contiguous == b.flags.f_contiguous and np.array_equal(a, b)
    if isinstance(a, dict):
        return len(a) == len(b) and all(
            same(*keys) and same(*values)
            for keys, values in zip(
                zip(a, b, strict=True), zip(a.values(), b.values(), strict=True), strict=True
            )
        )
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b or a != a


scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(2**2000), 2**2000)
    | st.floats()
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.binary()
)
keys = (
    st.text(st.characters(exclude_categories=["Cs"]))
    | st.integers()
    | st.tuples(st.text("ab"), st.integers())
)
values = st.recursive(
    scalars | st.sets(st.integers()) | st.frozensets(st.text("abc")),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(keys, inner)
        | st.lists(inner).map(tuple)
        | st.lists(st.tuples(keys, inner)).map(collections.OrderedDict)
    ),
    max_leaves=40,
)


@given(values, st.sampled_from(PROTOCOLS), st.booleans())
@settings(max_examples=300, deadline=None)
def test_reads_what_python_writes(value, protocol: int, slow_pickler: bool) -> None:
    buffer = io.BytesIO()
    (pickle._Pickler if slow_pickler else pickle.Pickler)(buffer, protocol).dump(value)
    data = buffer.getvalue()
    assert same(read(data), pickle.loads(data))
    assert same(read(memoryview(data)), pickle.loads(data))


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    "value",
    [
        *(np.dtype(code).type(3) for code in ("f4", "f8", "i1", "i2", "i4", "i8", "u1", "b1")),
        np.arange(6.0).reshape(2, 3),
        np.asfortranarray(np.arange(6, dtype="i4").reshape(2, 3)),
        np.zeros((0, 3), "f4"),
        np.array([True, False]),
        np.array(2.5),
        np.dtype("f8"),
        {"a": [np.float64(1.5)] * 3, "b": (np.ones(2), np.ones(2))},
        bytearray(b"ab\xff"),
        b"",
        {(("conv", 1), ("pool", 2)): 0.5, frozenset({1, 2}): 1},
    ],
    ids=repr,
)
def test_reads_numpy_and_rare_types(value, protocol: int) -> None:
    assert same(read(pickle.dumps(value, protocol=protocol)), value)


def test_reads_a_bytearray_of_an_older_python() -> None:
    data = b"\x80\x02" + call("builtins", "bytearray", short("ab\u00ff"), short("latin-1")) + b"."
    assert read(data) == pickle.loads(data) == bytearray(b"ab\xff")


def test_reads_as_deep_as_promised() -> None:
    value: object = 1
    for _ in range(100):
        value = [value]
    assert read(pickle.dumps(value)) == value
    with pytest.raises(DataFileError, match="nested more than 100 deep"):
        read(pickle.dumps([value]))


def test_reads_names_of_numpy_before_2() -> None:
    data = pickle.dumps([np.float64(1.5), np.ones(3)], protocol=3)
    assert same(read(data.replace(b"numpy._core.", b"numpy.core.")), [np.float64(1.5), np.ones(3)])


def test_memo_numbers_may_have_gaps() -> None:
    shared = [1]
    for protocol in PROTOCOLS:
        data = pickletools.optimize(pickle.dumps([[0], shared, ["a", "b"], shared, "a"], protocol=protocol))
        value = read(data)
        assert value == [[0], [1], ["a", "b"], [1], "a"]
        assert value[1] is value[3]


def test_shared_values_stay_shared() -> None:
    shared = [1]
    value = read(pickle.dumps([shared, shared, np.ones(2)]))
    assert value[0] is value[1]
    array = np.ones(2)
    value = read(pickle.dumps([array, array], protocol=4))
    assert value[0] is value[1]


@pytest.mark.parametrize("name", ["000000", "000011", "000284", "meta"])
def test_reads_the_real_sample_as_python_does(name: str) -> None:
    data = bz2.decompress((real_sample(SAMPLE) / f"{name}.pickle.pbz2").read_bytes())
    assert same(read(data), pickle.loads(data))
    assert {op.name for op, _, _ in pickletools.genops(data)} <= KNOWN


KNOWN = {
    *("PROTO", "FRAME", "STOP", "MARK", "POP", "POP_MARK", "NONE", "NEWTRUE", "NEWFALSE"),
    *("BININT", "BININT1", "BININT2", "LONG1", "LONG4", "BINFLOAT"),
    *(
        "BINUNICODE",
        "SHORT_BINUNICODE",
        "BINUNICODE8",
        "BINBYTES",
        "SHORT_BINBYTES",
        "BINBYTES8",
        "BYTEARRAY8",
    ),
    *("EMPTY_LIST", "LIST", "APPEND", "APPENDS", "EMPTY_DICT", "DICT", "SETITEM", "SETITEMS"),
    *("EMPTY_SET", "ADDITEMS", "FROZENSET", "EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"),
    *("BINPUT", "LONG_BINPUT", "MEMOIZE", "BINGET", "LONG_BINGET"),
    *("GLOBAL", "STACK_GLOBAL", "REDUCE", "NEWOBJ", "BUILD"),
}


def test_several_pickles_in_sequence() -> None:
    data = pickle.dumps({"a": 1}) + pickle.dumps([1, 2]) + pickle.dumps(None, protocol=2)
    assert read(data, several=True) == [{"a": 1}, [1, 2], None]
    with pytest.raises(DataFileError, match=r"bytes behind its end .*near byte"):
        read(data)
    with pytest.raises(DataFileError, match="no pickle of protocol 2 to 5"):
        read(data + b"rest", several=True)
    with pytest.raises(DataFileError, match="cut short"):
        read(b"", several=True)


def test_allowed_names_are_exact() -> None:
    data = pickle.dumps(collections.OrderedDict(a=1))
    assert read(data, allowed=frozenset({("collections", "OrderedDict")})) == {"a": 1}
    with pytest.raises(DataFileError, match=r"the name collections.OrderedDict.*nothing of it was run"):
        read(data, allowed=frozenset())


def test_size_is_limited() -> None:
    with pytest.raises(DataFileError, match="at most 10 bytes, got 216"):
        read(pickle.dumps(list(range(100))), max_bytes=10)


# What must not happen ---------------------------------------------------------------------------------------


class Call:
    """Pickled as a call of a function with arguments."""

    def __init__(self, function, *arguments: object, state: object = None) -> None:
        self.call = (function, arguments) if state is None else (function, arguments, state)

    def __reduce__(self):
        return self.call


def short(text: str) -> bytes:
    encoded = text.encode()
    return b"\x8c" + bytes([len(encoded)]) + encoded


def stack_global(module: str, name: str) -> bytes:
    return short(module) + short(name) + b"\x93"


def call(module: str, name: str, *arguments: bytes) -> bytes:
    return stack_global(module, name) + b"(" + b"".join(arguments) + b"tR"


def array(shape: bytes, data: bytes) -> bytes:
    """An array's pickle as numpy writes it, with this shape and content."""
    return b"\x80\x04" + ARRAY + b"(K\x01" + shape + F8 + b"\x89" + data + b"tb."


F8 = call("numpy", "dtype", short("f8"), b"\x89\x88")
NDARRAY = stack_global("numpy", "ndarray")
RECONSTRUCT = ("numpy.core.multiarray", "_reconstruct")
SCALAR = ("numpy.core.multiarray", "scalar")
ARRAY = call(*RECONSTRUCT, NDARRAY, b"K\x00\x85", b"C\x01b")
ORDERED = stack_global("collections", "OrderedDict")

HOSTILE = {
    "os.system": pickle.dumps(Call(os.system, "touch executed")),
    "os.system by protocol 2": pickle.dumps(Call(os.system, "touch executed"), protocol=2),
    "builtins.eval": pickle.dumps(Call(eval, "open('executed', 'w')")),
    "subprocess": pickle.dumps(Call(subprocess.check_call, ["touch", "executed"])),
    "eval, then thrown away": b"\x80\x04" + call("builtins", "eval", short("open('executed','w')")) + b"0N.",
    "getattr": pickle.dumps(Call(getattr, "a", "__class__")),
    "instance made by NEWOBJ": b"\x80\x04" + ORDERED + b")\x81.",
    "NEWOBJ_EX": b"\x80\x04" + ORDERED + b")}\x92.",
    "INST": b"\x80\x02(ios\nsystem\n.",
    "OBJ": b"\x80\x02(cos\nsystem\n\x8c\x01ao.",
    "GLOBAL": b"\x80\x02cos\nsystem\n.",
    "GLOBAL of an attribute": b"\x80\x02cnumpy\nndarray.tofile\n.",
    "GLOBAL without an end": b"\x80\x02c" + b"a" * 5000,
    "STACK_GLOBAL by the memo": b"\x80\x04"
    + short("os")
    + b"\x94"
    + short("system")
    + b"\x9400h\x00h\x01\x93.",
    "STACK_GLOBAL with no text": b"\x80\x04K\x01K\x02\x93.",
    "STACK_GLOBAL of a dotted name": b"\x80\x04" + stack_global("numpy", "ndarray.tofile") + b".",
    "persistent id": b"\x80\x04" + short("x") + b"Q.",
    "persistent id as text": b"\x80\x04Px\n.",
    "extension registry": b"\x80\x02\x82\x01.",
    "buffer from outside": b"\x80\x05\x97.",
    "text integer": b"\x80\x02I1\n.",
    "text evaluated by protocol 0": b"\x80\x02S'a'\n.",
    "memo index of four billion, not there": b"\x80\x04Nr\xff\xff\xff\xffj\xfe\xff\xff\xff.",
    "memo index not there": b"\x80\x04h\x05.",
    "text of 2^60 bytes": b"\x80\x04\x8d" + struct.pack("<Q", 2**60) + b"a.",
    "text of 2^64 - 1 bytes": b"\x80\x04\x8d" + struct.pack("<Q", 2**64 - 1) + b"a.",
    "text of 4 GB": b"\x80\x04X\xff\xff\xff\xffa.",
    "bytes of 2^60": b"\x80\x04\x8e" + struct.pack("<Q", 2**60) + b"a.",
    "bytearray of 2^40": b"\x80\x05\x96" + struct.pack("<Q", 2**40) + b"a.",
    "frame of 2^63": b"\x80\x04\x95" + struct.pack("<Q", 2**63) + b"N.",
    "integer of 2 GB": b"\x80\x02\x8b" + struct.pack("<i", 2**31 - 1) + b"a.",
    "integer of -1 bytes": b"\x80\x02\x8b" + struct.pack("<i", -1) + b"a.",
    "integer of a million bytes": b"\x80\x02\x8b" + struct.pack("<i", 10**6) + b"a" * 10**6 + b".",
    "a million tuples deep": b"\x80\x04)" + b"\x85" * 10**6 + b".",
    "a million lists deep": b"\x80\x04" + b"]" * 10**6 + b"a" * (10**6 - 1) + b".",
    "a million marks": b"\x80\x04" + b"(" * 10**6 + b"t" * 10**6 + b".",
    "list that contains itself": b"\x80\x04]\x94h\x00a.",
    "dict that contains itself": b"\x80\x04}\x94K\x01h\x00s.",
    "dictionary as key": b"\x80\x04}}K\x01s.",
    "list in a set": b"\x80\x04\x8f(]\x90.",
    "stand-in as value": b"\x80\x04" + ORDERED + b".",
    "stand-in in a list": b"\x80\x04]" + NDARRAY + b"a.",
    "call of an array": b"\x80\x04" + ARRAY + b")R.",
    "state for a stand-in": b"\x80\x04" + ORDERED + b"N}" + short("__code__") + b"K\x01s\x86b.",
    "state for a dict": b"\x80\x04}}" + short("a") + b"K\x01sb.",
    "state for an OrderedDict": pickle.dumps(Call(collections.OrderedDict, state={"a": 1})),
    "items for a tuple": b"\x80\x04)K\x01K\x02s.",
    "items for nothing": b"\x80\x04K\x01K\x02s.",
    "key without a value": b"\x80\x04}(K\x01u.",
    "nothing": b"\x80\x04.",
    "values left over": b"\x80\x04K\x01K\x02.",
    "a mark left over": b"\x80\x04(K\x02.",
    "pop of nothing": b"\x80\x040.",
    "protocol 0": pickle.dumps([1, 2], protocol=0),
    "protocol 9": b"\x80\x09N.",
    "not UTF-8": b"\x80\x04\x8c\x01\xff.",
    "lone surrogate": pickle.dumps("\ud800"),
    "trailing data": pickle.dumps([1]) + b"\x00",
    "type of objects": pickle.dumps(np.array(["a", 1], dtype=object)),
    "type of objects alone": pickle.dumps(np.dtype("O")),
    "type of a gigabyte": pickle.dumps(np.dtype("V1000000000")),
    "type by fields": pickle.dumps(np.zeros(2, [("a", "f8"), ("b", "i4")])),
    "type of text": pickle.dumps(np.array(["ab"])),
    "big-endian type": pickle.dumps(np.dtype(">f8")),
    "type by a dict": b"\x80\x04" + stack_global("numpy", "dtype") + b"}\x89\x88\x87R.",
    "state of a type that claims another size": pickle.dumps(np.dtype("f8"), protocol=4).replace(
        b"J\xff\xff\xff\xff", b"J\xff\xff\xff\x7f"
    ),
    "number with too few bytes": b"\x80\x04" + call(*SCALAR, F8, b"C\x04abcd") + b".",
    "number with too many bytes": b"\x80\x04" + call(*SCALAR, F8, b"C\x09abcdefghi") + b".",
    "number with twice the bytes": b"\x80\x04" + call(*SCALAR, F8, b"C\x10abcdefghabcdefgh") + b".",
    "number without bytes": b"\x80\x04" + call(*SCALAR, F8) + b".",
    "array of 2^40 values": array(b"\x8a\x06\x00\x00\x00\x00\x00\x01\x85", b"C\x08abcdefgh"),
    "array with negative lengths": array(b"J\xff\xff\xff\xffJ\xff\xff\xff\xff\x86", b"C\x08abcdefgh"),
    "array of too few bytes": array(b"K\x02\x85", b"C\x08abcdefgh"),
    "array from a list": array(b"K\x01\x85", b"]"),
    "array of 100 dimensions": array(b"(" + 100 * b"K\x01" + b"t", b"C\x08abcdefgh"),
    "array of another class": b"\x80\x04" + call(*RECONSTRUCT, ORDERED, b"K\x00\x85", b"C\x01b") + b".",
    "array made large": b"\x80\x04" + call(*RECONSTRUCT, NDARRAY, b"J\xff\xff\xff\x7f\x85", b"C\x01b") + b".",
    "encoding": b"\x80\x02c_codecs\nencode\n" + b"X\x01\x00\x00\x00aX\x03\x00\x00\x00rot\x86R.",
}


@pytest.mark.parametrize("data", [pytest.param(data, id=name) for name, data in HOSTILE.items()])
def test_hostile_pickles_are_one_clear_error(
    data: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for form in (data, memoryview(data)):
        with pytest.raises(
            DataFileError, match=r"^some/file.pickle: expected .*, got .*Get it again\.$"
        ) as caught:
            read(form)
        assert len(str(caught.value)) < 400
    assert list(tmp_path.iterdir()) == []


def doubled(levels: int) -> bytes:
    """A tuple that holds a tuple twice, which holds a tuple twice, …, as a key: its hash would never end."""
    steps = b"".join(
        b"j" + struct.pack("<I", i) + b"j" + struct.pack("<I", i) + b"\x86\x940" for i in range(levels)
    )
    return b"\x80\x04)\x940" + steps + b"}j" + struct.pack("<I", levels) + b"Ns."


def laughing(levels: int) -> bytes:
    """The same with lists, as a value: it would never end being printed."""
    steps = b"".join(b"](" + (b"j" + struct.pack("<I", i)) * 10 + b"e\x940" for i in range(levels))
    return b"\x80\x04]\x940" + steps + b"j" + struct.pack("<I", levels) + b"."


def equal_sets(levels: int) -> bytes:
    """Two keys, equal but not the same, of frozensets that hold a pair of the frozenset before: each hash is
    known at once, the comparison would never end."""

    def get(number: int) -> bytes:
        return b"j" + struct.pack("<I", number)

    steps, keys = b"", b""
    for first in (0, levels + 1):
        steps += b"(" + short("a") + b"\x91\x940"
        for i in range(first, first + levels):
            steps += b"(" + get(i) + get(i) + b"\x86\x91\x940"
        keys += get(first + levels) + b"Ns"
    return b"\x80\x04" + steps + b"}" + keys + b"."


BOMBS = {
    "a hash that never ends": doubled(60),
    "a comparison that never ends": equal_sets(60),
    "a text that never ends": laughing(60),
    "a million dicts": b"\x80\x04(" + b"}" * 10**6 + b"t.",
    "a million sets": b"\x80\x04(" + b"\x8f" * 10**6 + b"t.",
    "a million tuples deep": b"\x80\x04)" + b"\x85" * 10**6 + b".",
    "a million lists deep": b"\x80\x04" + b"]" * 10**6 + b"a" * (10**6 - 1) + b".",
    "three hundred thousand calls": b"\x80\x04" + ORDERED + b"\x94(" + b"h\x00)R" * 3 * 10**5 + b"t.",
    "one long text a million times": pickle.dumps("a" * 10**6)[:-1] + b"(" + b"h\x00" * 10**6 + b"t.",
    "a million memo entries": b"\x80\x04N" + b"\x94" * 10**6 + b"K\x01.",
    "memo index of four billion": b"\x80\x04Nr\xff\xff\xff\xff0"
    + b"Nr\xff\xff\xff\x7f0" * 10**5
    + b"K\x01K\x02.",
    "memo index of four billion, in a C unpickler 64 GB": b"\x80\x04Nr\xff\xff\xff\xff)R.",
}

_BOUNDED = """
import pickle, resource, sys
from nascurve.benchmarks.files.pickle_names import NUMPY_NAMES
from nascurve.benchmarks.files.pickles import read_pickle
from nascurve.errors import DataFileError
data = open(sys.argv[1], "rb").read()
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
limit = used + 64 * len(data) + 2**26
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
try:
    read_pickle(data, path="bomb", remedy="Get it again.")
except DataFileError as error:
    print(type(error.__cause__).__name__, error)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits the memory of a process as Linux does")
@pytest.mark.parametrize("data", [pytest.param(data, id=name) for name, data in BOMBS.items()])
def test_bombs_stay_within_memory(data: bytes, tmp_path: Path) -> None:
    file = tmp_path / "bomb"
    file.write_bytes(data)
    done = subprocess.run(
        [sys.executable, "-c", _BOUNDED, str(file)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "bomb: expected a pickle" in done.stdout
    assert "MemoryError" not in done.stdout


def test_exactly_the_opcodes_of_python_that_are_listed() -> None:
    """Each opcode of Python either is known to the machine or refused as an opcode."""
    assert {op.name for op in pickletools.opcodes} > KNOWN
    for op in pickletools.opcodes:
        with pytest.raises(DataFileError) as caught:
            read(b"\x80\x04" + op.code.encode("latin1"))
        refused = "which no format needs" in str(caught.value)
        assert refused == (op.name not in KNOWN or op.name == "PROTO"), op.name


def mutations(rng: np.random.Generator, data: bytes, count: int):
    for _ in range(count):
        mutated = bytearray(data)
        for _ in range(int(rng.integers(1, 6))):
            at = int(rng.integers(len(mutated)))
            action = rng.integers(4)
            if action == 0:
                mutated[at] = rng.integers(256)
            elif action == 1:
                mutated[at] ^= 1 << int(rng.integers(8))
            elif action == 2:
                del mutated[at : at + int(rng.integers(1, 20))]
            else:
                mutated[at:at] = mutated[: int(rng.integers(1, 40))]
            if not mutated:
                mutated = bytearray(b"\x80")
        yield bytes(mutated)


class Restricted(pickle._Unpickler):
    """Python's unpickler, written in Python so that a memo index costs nothing, with the same few names."""

    def find_class(self, module: str, name: str):
        assert (module, name) in NUMPY_NAMES
        return super().find_class(module, name)


def fuzz(count: int) -> None:
    """What is read, is read as Python reads it; all else is a DataFileError."""
    rng = np.random.default_rng(0)
    seeds = [
        pickle.dumps(value, protocol=protocol)
        for protocol in PROTOCOLS
        for value in (
            {
                "a": [np.float64(1.5), np.arange(3)],
                (1, "b"): {1, 2},
                "c": collections.OrderedDict(x=b"y", z=2**70),
            },
        )
    ]
    for seed in seeds:
        for data in mutations(rng, seed, count // len(seeds)):
            try:
                value = read(data)
            except DataFileError:
                continue
            with contextlib.suppress(pickle.UnpicklingError):  # it wants frames to end between opcodes
                assert repr(value) == repr(Restricted(io.BytesIO(data)).load())


def test_mutated_pickles() -> None:
    fuzz(400)


@pytest.mark.slow
def test_many_mutated_pickles() -> None:
    fuzz(40_000)


@pytest.mark.slow
def test_mutated_real_sample() -> None:
    data = bz2.decompress((real_sample(SAMPLE) / "000000.pickle.pbz2").read_bytes())
    for mutated in mutations(np.random.default_rng(1), data, 2000):
        try:
            value = read(mutated)
        except DataFileError:
            continue
        assert type(value) is collections.OrderedDict


@given(st.binary(max_size=60))
@settings(max_examples=300, deadline=None)
def test_arbitrary_bytes(data: bytes) -> None:
    with contextlib.suppress(DataFileError):
        read(b"\x80\x04" + data, several=True)


# Stand-ins of the caller -----------------------------------------------------------------------------------


class Inert:
    """Remembers what it was made with."""

    def __init__(self, *arguments: object) -> None:
        self.arguments = arguments
        self.state: object = None

    def __setstate__(self, state: object) -> None:
        self.state = state


class Thing:
    def __init__(self) -> None:
        self.value = 3


def test_find_class_gets_every_other_name() -> None:
    asked = []

    def find_class(module: str, name: str):
        asked.append((module, name))
        return Inert if name == "Thing" else None

    data = pickle.dumps([Thing(), np.float64(2.0)])
    thing, number = read(data, find_class=find_class)
    assert asked == [(Thing.__module__, "Thing")]
    assert type(thing) is Inert
    assert thing.arguments == ()
    assert thing.state == {"value": 3}
    assert number == 2.0
    with pytest.raises(DataFileError, match=r"system, which this format does not need"):
        read(HOSTILE["os.system"], find_class=find_class)


@pytest.mark.parametrize(
    "tail", [b"N}" + short("state") + b"K\x01s\x86b.", b"}" + short("arguments") + b"K\x01sb."]
)
def test_stand_ins_themselves_cannot_be_changed(tail: bytes) -> None:
    before = dict(vars(Inert))
    with pytest.raises(DataFileError, match="a state for a value of type type"):
        read(b"\x80\x04" + stack_global("a", "b") + tail, find_class=lambda *_: Inert)
    assert dict(vars(Inert)) == before


def test_values_may_stand_between_the_opcodes() -> None:
    """As joblib writes the bytes of arrays."""
    head = b"\x80\x04]" + stack_global("joblib", "Wrapper") + b")R}b"
    data = head + b"raw" + b"aN0."
    seen = []

    def inline(instance: object, position: int):
        seen.append((type(instance), position))
        return data[position : position + 3], position + 3

    assert read(data, find_class=lambda *_: Inert, inline=inline) == [b"raw"]
    assert seen == [(Inert, len(head))]


@pytest.mark.perf
def test_speed_on_the_real_sample() -> None:
    data = bz2.decompress((real_sample(SAMPLE) / "000000.pickle.pbz2").read_bytes())
    times = []
    for _ in range(20):
        start = time.perf_counter()
        read(data)
        times.append(time.perf_counter() - start)
    print(f"{len(data)} bytes: {1e3 * min(times):.1f} ms at best, {1e3 * np.median(times):.1f} ms median")
    assert min(times) < 0.025
