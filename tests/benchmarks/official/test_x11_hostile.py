"""Damaged, wrong and hostile x11 checkpoints (made up): one clear error each, nothing executed, memory
bounded."""

from __future__ import annotations

import io
import os
import pickle
import resource
import subprocess
import sys
import zlib
from pathlib import Path

import joblib
import numpy as np
import pytest
from joblib.numpy_pickle import NumpyArrayWrapper

from nascurve.benchmarks.nb301.lightgbm_model import read_lightgbm
from nascurve.benchmarks.x11.benchmark import NB211
from nascurve.benchmarks.x11.joblib_stream import Inert, read_joblib
from nascurve.errors import DataFileError, NascurveError
from tests.official_data import x11

_FILE = "surrogate_model.model"


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """(bytes of a dump, its objects): one small member."""
    folder = tmp_path_factory.mktemp("sound")
    members = x11.write(folder, n_members=1, k=2, n_trees=3)
    return (folder / "ensemble_member_0" / _FILE).read_bytes(), members[0]


def refused(tmp_path, data, match):
    path = tmp_path / _FILE
    path.write_bytes(data)
    with pytest.raises(DataFileError, match=match) as caught:
        NB211(data_dir=path)
    assert str(path) in str(caught.value)
    assert "figshare" in str(caught.value)


class Shell:
    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


class Evaluated:
    def __init__(self, code):
        self.code = code

    def __reduce__(self):
        return eval, (self.code,)


class OfNumpy:
    """A call that numpy itself would carry out: 2^40 bytes."""

    def __reduce__(self):
        return np.ones, ((2**37,),)


@pytest.mark.parametrize("place", range(6))
@pytest.mark.parametrize("protocol", [2, 4])
def test_nothing_is_executed(sound, tmp_path, place, protocol):
    witness = tmp_path / "executed"
    for thing, name in (
        (Shell(f"touch {witness}"), "system"),
        (Evaluated(f"open({str(witness)!r}, 'w')"), "eval"),
    ):
        dump = list(sound[1])
        dump[place] = thing
        data = io.BytesIO()
        joblib.dump(dump, data, protocol=protocol)
        refused(
            tmp_path, data.getvalue(), rf"\.{name}, which this format does not need; nothing of it was run"
        )
    assert not witness.exists()


def test_nothing_is_executed_deep_inside(sound, tmp_path):
    witness = tmp_path / "executed"
    copy = joblib.load(io.BytesIO(sound[0]))
    copy[0].estimators_[1].silent = {"a": [Shell(f"touch {witness}")]}
    data = io.BytesIO()
    joblib.dump(copy, data)
    refused(tmp_path, data.getvalue(), "nothing of it was run")
    assert not witness.exists()


def test_calls_of_known_packages_stay_inert(sound, tmp_path):
    copy = joblib.load(io.BytesIO(sound[0]))
    copy[2] = OfNumpy()
    data = io.BytesIO()
    joblib.dump(copy, data)
    refused(tmp_path, data.getvalue(), "s is no array")
    path = tmp_path / _FILE
    assert isinstance(read_joblib(path, remedy="…")[2], Inert)


def wrapper(shape, dtype="f8", **changes):
    """A dump whose only array is described by these values; no bytes of it follow."""
    described = NumpyArrayWrapper(np.ndarray, shape, "C", np.dtype(dtype), allow_mmap=False)
    described.__dict__.update(changes)
    return pickle.dumps([1, 2, described, 4, 5], protocol=4)


@pytest.mark.parametrize(
    ("shape", "match"),
    [
        ((2**40,), "in a file of"),
        ((2**70,), "in a file of"),
        ((100, 100, 100), "bytes where"),
        ((20,), "160 bytes where"),
        ((-1,), "in a file of"),
        ((1.5,), "a length of type float"),
        ((True,), "a length of type bool"),
        ("ab", "without a shape"),
        ((1,) * 9, "without a shape"),
        ((0, 2**62), "in a file of"),
    ],
)
def test_gigantic_and_nonsensical_arrays(tmp_path, shape, match):
    refused(tmp_path, wrapper(shape) + b"\0" * 64, match)


def test_arrays_of_objects_and_strange_orders(tmp_path):
    refused(tmp_path, wrapper((1,), dtype=object), "numpy type other than")
    refused(tmp_path, wrapper((1,), dtype="c16"), "numpy type other than")
    refused(tmp_path, wrapper((1,), order="K"), "without a shape and an order")
    refused(tmp_path, wrapper((1,), dtype="f8").replace(b"dtype", b"dtypo"), "something else than numbers")


@pytest.mark.parametrize("compress", ["zlib", "gzip", "bz2", "xz", "lzma"])
def test_decompression_bombs(tmp_path, compress):
    from joblib.compressor import _COMPRESSORS

    path = tmp_path / _FILE
    with _COMPRESSORS[compress].compressor_file(str(path), compresslevel=6) as file:
        for _ in range(64):
            file.write(bytes(2**20))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refused(tmp_path, path.read_bytes(), "unpacked, got more")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # kB


@pytest.mark.parametrize("compress", [0, 3, ("bz2", 3), ("xz", 1)])
def test_truncated(sound, tmp_path, compress):
    data = io.BytesIO()
    joblib.dump(sound[1], data, compress=compress)
    whole = data.getvalue()
    for share in (0.001, 0.1, 0.5, 0.9, 0.999):
        refused(tmp_path, whole[: max(1, int(len(whole) * share))], "expected")
    refused(tmp_path, b"", "an empty file")


def test_other_files(tmp_path):
    refused(tmp_path, b"<!DOCTYPE html><html>Access denied</html>", "a web page")
    refused(tmp_path, b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "Git LFS pointer")
    refused(tmp_path, b"PK\x03\x04" + bytes(100), "expected")
    refused(tmp_path, pickle.dumps({"a": 1}), r"not \[chain, scaler, s, Vh, k\]")
    refused(tmp_path, zlib.compress(b"not a pickle"), "expected")
    big = io.BytesIO()
    joblib.dump([np.zeros(3)] * 2, big)
    refused(tmp_path, big.getvalue(), r"not \[chain, scaler")


@pytest.mark.parametrize("a", range(6))
@pytest.mark.parametrize("b", range(6))
def test_wrong_order_of_parts(sound, tmp_path, a, b):
    if a == b:
        return
    dump = list(sound[1])
    dump[a], dump[b] = dump[b], dump[a]
    data = io.BytesIO()
    joblib.dump(dump, data)
    refused(tmp_path, data.getvalue(), "expected a surrogate of nb211")


def spoilt(sound, change):
    copy = joblib.load(io.BytesIO(sound[0]))
    change(copy)
    data = io.BytesIO()
    joblib.dump(copy, data)
    return data.getvalue()


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda d: d.__setitem__(4, 0), "number of components"),
        (lambda d: d.__setitem__(4, 10**6), "number of components"),
        (lambda d: d.__setitem__(4, True), "number of components"),
        (lambda d: d.__setitem__(4, 3), "no permutation|estimators"),
        (lambda d: d.__setitem__(2, d[2][:1]), "2 components of 1"),
        (lambda d: d.__setitem__(2, d[2] * np.nan), "not finite"),
        (lambda d: d.__setitem__(2, d[2] * 0 + 1e308), "beyond 1e"),
        (lambda d: d.__setitem__(3, d[3][:, :-1]), "Vh of shape"),
        (lambda d: d.__setitem__(3, d[3].astype(np.int64)), "Vh is no array"),
        (lambda d: setattr(d[1], "mean_", d[1].mean_[:1]), "mean_ of shape"),
        (lambda d: setattr(d[0], "order_", np.array([0, 0])), "no permutation"),
        (lambda d: setattr(d[0], "estimators_", d[0].estimators_ * 2), "has not 2 estimators"),
        (lambda d: setattr(d[0], "estimators_", [d[1], d[1]]), "LGBMRegressor belongs"),
        (lambda d: setattr(d[0].estimators_[0], "_Booster", None), "Booster belongs"),
        (lambda d: d[0].estimators_.reverse(), "whose last feature is"),
        (lambda d: setattr(d[5], "dataset", d[5].dataset[:-1]), "dataset of shape"),
        (lambda d: setattr(d[5], "covariance", -d[5].covariance), "covariance of the noise that is none"),
        (
            lambda d: setattr(d[5], "covariance", np.triu(d[5].covariance)),
            "covariance of the noise that is none",
        ),
        (lambda d: setattr(d[5], "_weights", -d[5]._weights), "negative weights"),
    ],
)
def test_parts_that_do_not_fit(sound, tmp_path, change, match):
    refused(tmp_path, spoilt(sound, change), match)


def forest_text(sound):
    return sound[1][0].estimators_[0].booster_.model_to_string()


def _swap(old, new):
    def change(text):
        assert old in text
        return text.replace(old, new, 1)

    return change


def _line(name, change):
    """Change the numbers of the first line with that name which has more than one."""

    def changed(text):
        lines = text.split("\n")
        place = next(i for i, line in enumerate(lines) if line.startswith(f"{name}=") and " " in line)
        numbers = lines[place].partition("=")[2].split()
        lines[place] = f"{name}={' '.join(change(numbers))}"
        return "\n".join(lines)

    return changed


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (_line("left_child", lambda n: ["0", *n[1:]]), "two parents"),  # a loop
        (_line("left_child", lambda n: ["1000000", *n[1:]]), "child is not in its tree"),
        (_line("right_child", lambda n: ["-1000000", *n[1:]]), "child is not in its tree"),
        # the first number beyond the leaves, and beyond the inner nodes
        (_line("right_child", lambda n: [*n[:-1], str(-len(n) - 2)]), "child is not in its tree"),
        (_line("right_child", lambda n: [*n[:-1], str(len(n))]), "child is not in its tree"),
        (_line("right_child", lambda n: [*n[:-1], "-1"]), "two parents"),
        (_line("left_child", lambda n: n[:-1]), "left_child is not"),
        (_line("split_feature", lambda n: ["6", *n[1:]]), "feature beyond 6"),
        (_line("split_feature", lambda n: ["-1", *n[1:]]), "feature beyond 6"),
        (_line("threshold", lambda n: ["nan", *n[1:]]), "not finite"),
        (_line("leaf_value", lambda n: ["1e999", *n[1:]]), "leaves beyond"),
        (_line("leaf_value", lambda n: ["-2e12", *n[1:]]), "leaves beyond"),
        (_line("leaf_value", lambda n: ["x", *n[1:]]), "could not convert"),
        (_line("decision_type", lambda n: ["1", *n[1:]]), "no threshold"),
        (_line("decision_type", lambda n: ["6", *n[1:]]), "zeros for missing values"),
        (_line("split_feature", lambda n: ["9" * 31, *n[1:]]), "Python int too large|OverflowError"),
        (_swap("num_leaves=", "num_leaves=9"), "is not"),
        (_swap("num_leaves=", "num_leaves=-"), "leaves"),
        (_swap("num_leaves=", "num_leaves=99999999999999999"), "leaves"),
        (_swap("num_cat=0", "num_cat=1"), "categories"),
        (_swap("is_linear=0", "is_linear=1"), "linear leaves"),
        (_swap("num_class=1", "num_class=3"), "more than one output"),
        (_swap("num_tree_per_iteration=1", "num_tree_per_iteration=3"), "more than one output"),
        (_swap("max_feature_idx=5", "max_feature_idx=500000000"), "last feature"),
        (_swap("objective=regression", "objective=binary sigmoid:1"), "objective"),
        (_swap("objective=regression", "objective=regression sqrt"), "objective"),
        (
            _swap("objective=regression", "average_output\nobjective=regression"),
            "no text of a LightGBM model",
        ),
        (_swap("Tree=1", "Tree=2"), "where tree 1 belongs"),
        (_swap("tree\n", "tee\n"), "no text of a LightGBM model"),
        (lambda text: text.partition("\nTree=")[0], "without trees"),
        (lambda text: text + "\nTree=0\n" * 200_000, "more than 100000 trees"),
        (lambda text: text.replace("\nTree=1", "\n" * 1_000 + "\nTree=1"), "lines"),
    ],
)
def test_broken_and_other_model_texts(sound, tmp_path, change, match):
    text = change(forest_text(sound))
    with pytest.raises((ValueError, OverflowError), match=match.replace("|OverflowError", "")):
        read_lightgbm(text, n_features=6)

    def put(dump):
        dump[0].estimators_[0].booster_.model_to_string = None  # a Booster pickles by this method
        dump[0].estimators_[0]._Booster = _Text(text)

    refused(tmp_path, spoilt(sound, put), match)


class _Text:
    def __init__(self, text):
        self.text = text

    def __reduce__(self):
        import lightgbm

        return lightgbm.Booster, (), {"_handle": self.text}


def mutated(data, rng):
    """Up to 8 bytes changed, a piece cut out, doubled or moved, or the end lost."""
    data = bytearray(data)
    kind = int(rng.integers(5))
    a, b = sorted(rng.integers(0, len(data), 2).tolist())
    b = min(b, a + 200)
    if kind <= 1:
        for _ in range(int(rng.integers(1, 9))):
            data[int(rng.integers(len(data)))] = int(rng.integers(256))
    elif kind == 2:
        del data[a:b]
    elif kind == 3:
        data[a:a] = data[a:b]
    else:
        del data[int(rng.integers(len(data))) :]
    return bytes(data)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A dump in which pickle opcodes and model texts are not lost among array bytes: without the noise
    model."""
    data = {}
    for protocol in (3, 4):
        folder = tmp_path_factory.mktemp(f"small{protocol}")
        dump = {"protocol": protocol}
        x11.write(folder, n_members=1, k=2, n_trees=2, noise=False, dump=dump, model="nbnlp")
        file = folder / "ensemble_member_0" / _FILE
        data[protocol] = file.read_bytes()
    return data


def fuzz(small, tmp_path, n):
    """Mutations of whole dumps, read as a benchmark does up to the arrays."""
    from nascurve.benchmarks.x11.benchmark import NBNLP11
    from nascurve.benchmarks.x11.checkpoint import Checkpoint

    rng = np.random.default_rng(0)
    counts, unnamed = {"refused": 0, "read": 0}, 0
    for i in range(n):
        data = mutated(small[3 + i % 2], rng)
        path = tmp_path / f"{i % 50}" / _FILE
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
        cache = tmp_path / "cache" / str(i % 50)
        try:
            Checkpoint.open(card=NBNLP11.card, data_dir=path, cache_dir=cache, folders=(), n_features=188)
            counts["read"] += 1
        except NascurveError as error:
            counts["refused"] += 1
            unnamed += str(path) not in str(error)
    assert not unnamed
    assert min(counts.values()) > n // 50, counts
    return counts


def test_fuzz(small, tmp_path):
    fuzz(small, tmp_path, 300)


@pytest.mark.slow
def test_fuzz_thoroughly(small, tmp_path):
    fuzz(small, tmp_path, 4_000)


_IN_CHILD = """
import sys
import numpy as np
from nascurve.benchmarks.nb301.lightgbm_model import read_lightgbm
sys.path.insert(0, sys.argv[3])
from tests.benchmarks.official.test_x11_hostile import mutated_text
text = open(sys.argv[1]).read()
rng = np.random.default_rng(0)
X = np.concatenate([rng.normal(2, 2, (50, 6)), np.full((1, 6), -np.inf), np.full((1, 6), np.inf)])
accepted = 0
for i in range(int(sys.argv[2])):
    try:
        trees = read_lightgbm(mutated_text(text, rng), n_features=6)
    except (ValueError, OverflowError):
        continue
    accepted += 1
    assert np.isfinite(trees.predict(X)).all()
print(accepted)
"""


def mutated_text(text, rng):
    """Numbers of the model text changed, doubled or lost; or any letters."""
    if rng.random() < 0.3:
        return mutated(text.encode(), rng).decode(errors="replace")
    lines = text.split("\n")
    for _ in range(int(rng.integers(1, 4))):
        place = int(rng.integers(len(lines)))
        name, equals, rest = lines[place].partition("=")
        numbers = rest.split()
        if not numbers:
            continue
        at = int(rng.integers(len(numbers)))
        pool = [
            "-1",
            "0",
            "1",
            "5",
            "7",
            "-2",
            "1e308",
            "-1e308",
            "nan",
            "2147483647",
            "99999999999",
            "",
            "x",
        ]
        numbers[at] = [*pool, *numbers][int(rng.integers(len(pool) + len(numbers)))]
        lines[place] = name + equals + " ".join(numbers)
    return "\n".join(lines)


def fuzz_texts(sound, tmp_path, n):
    """In a process of its own, so that a walk out of the arrays or round in circles is seen."""
    path = tmp_path / "model.txt"
    path.write_text(forest_text(sound))
    root = str(Path(__file__).parents[3])
    child = subprocess.run(
        [sys.executable, "-c", _IN_CHILD, str(path), str(n), root],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        timeout=600,
    )
    assert child.returncode == 0, f"exit status {child.returncode}: {child.stderr[-2000:]}"
    assert n // 50 < int(child.stdout.split()[-1]) < n, "some are accepted, most are not"


def test_no_model_text_leads_the_walk_astray(sound, tmp_path):
    fuzz_texts(sound, tmp_path, 300)


@pytest.mark.slow
def test_no_model_text_leads_the_walk_astray_thoroughly(sound, tmp_path):
    fuzz_texts(sound, tmp_path, 20_000)


@pytest.mark.parametrize(
    ("name", "change", "match"),
    [
        (
            "m0.0.left",
            lambda a: np.where(np.arange(len(a)) == 0, 10**6, a).astype(a.dtype),
            "child is not",
        ),
        ("m0.0.threshold", lambda a: a[:-1], "do not agree"),
        ("m0.0.roots", lambda a: a * 0, "two parents"),
        ("m0.1.feature", lambda a: a + 1, "feature beyond 7"),
        ("m0.order", lambda a: a + 1, "length than its basis"),
        ("m0.scale", lambda a: a[:1], "length than its scaler"),
        ("m0.basis", lambda a: a[:, :-1], "another length than 200 epochs"),
        ("noise.root", lambda a: a[:-1], "parts do not fit"),
        ("noise.dataset", lambda a: a[:0], "parts do not fit"),
    ],
)
def test_a_forged_cache_reaches_no_code(tmp_path, name, change, match):
    """The cache's checksums find damage, not forgery: its trees are checked again before they are walked."""
    from nascurve.benchmarks.files.array_cache import open_cache, write_cache

    x11.write(tmp_path, n_members=1, k=2, n_trees=3)
    NB211(data_dir=tmp_path)
    path = tmp_path / "ensemble_member_0" / "nb211.nascurve"
    arrays, meta = open_cache(path, kind="nb211", format_version=2, remedy="…")
    forged = {name: np.array(array) for name, array in arrays.items()}
    forged[name] = change(forged[name])
    write_cache(path, forged, meta)
    with pytest.raises(DataFileError, match=match):
        NB211(data_dir=tmp_path)
