"""Surrogate models of NAS-Bench-301.

The released files are not at hand. The boosters here are pickles that the real XGBoost 0.90, 1.0.2, 1.2.0 and
1.3.3 and LightGBM 2.3.1 made, with their predictions, from made-up accuracies; LightGBM of today, trained in
the test; or made-up trees in the same formats. The graph network has made-up weights; its expected values
come from the authors' own code.
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
import os
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nascurve.benchmarks.nb301.boosters import read_booster
from nascurve.benchmarks.nb301.config_vector import config_vectors
from nascurve.benchmarks.nb301.genotype import from_config
from nascurve.benchmarks.nb301.gin import read_gin
from nascurve.benchmarks.nb301.space import DartsSpace
from nascurve.benchmarks.nb301.trees import Trees
from nascurve.benchmarks.nb301.xgboost_model import read_xgboost
from nascurve.errors import DataFileError
from tests.official_data import nb301 as made

FOLDER = Path(__file__).parents[2] / "official_data"
OFFICIAL = json.loads((FOLDER / "nb301_vectors.json").read_text())
BOOSTERS = json.loads((FOLDER / "nb301_boosters.json").read_text())
ARCHS = [from_config(row["config"]) for row in OFFICIAL["rows"]]


def read(data, **what):
    return read_booster(
        data, path="member/surrogate_model.model", remedy="Get it.", **{"n_features": 56, **what}
    )


def refuses(data, match):
    with pytest.raises(DataFileError, match=match) as caught:
        read(data)
    assert str(caught.value).startswith("member/surrogate_model.model: expected a pickle")
    assert str(caught.value).endswith("Get it.")


def rows(n=50, seed=0):
    rng = np.random.default_rng(seed)
    return config_vectors([DartsSpace().sample(rng) for _ in range(n)])


@pytest.mark.parametrize("booster", BOOSTERS, ids=lambda booster: booster["made_by"])
def test_pickles_of_the_real_libraries_predict_the_same_to_the_last_bit(booster):
    trees = read(base64.b64decode(booster["pickle"]))
    assert trees.predict(config_vectors(ARCHS)).tolist() == booster["predictions"]
    assert len(set(booster["predictions"])) > 5


@pytest.mark.parametrize(
    ("write", "base_first"),
    [
        (made.xgboost_json, True),
        (made.xgboost_binary, False),
        (lambda trees: made.xgboost_binary(trees, new=False), False),
    ],
)
def test_xgboost_trees_are_walked_as_in_plain_python(write, base_first):
    trees = made.random_trees(60, depth=7)
    x = rows()
    model = read(made.pickled_booster(write(trees), library="xgboost"))
    assert model.predict(x).tolist() == [float(made.walk(trees, row, base_first=base_first)) for row in x]


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_every_protocol_of_pickles_is_read(protocol):
    trees = made.random_trees(3)
    data = made.pickled_booster(made.xgboost_json(trees), library="xgboost", protocol=protocol)
    assert len(read(data).roots) == 3


def test_lightgbm_of_today_predicts_the_same():
    booster = made.lightgbm_model(n_rounds=50)
    x = np.random.default_rng(1).integers(-1, 7, (200, 56)).astype(float)
    np.testing.assert_array_equal(read(pickle.dumps(booster)).predict(x), booster.predict(x))


def test_lightgbm_that_stopped_early_predicts_with_its_best_iteration():
    booster = made.lightgbm_model(n_rounds=30)
    text = booster.model_to_string(num_iteration=-1)
    x = rows()
    for best, used in ((7, 7), (-1, 30), (0, 30)):
        model = read(made.pickled_booster(text, library="lightgbm", best_iteration=best))
        np.testing.assert_array_equal(model.predict(x), booster.predict(x, num_iteration=used))


def test_nothing_of_a_hostile_pickle_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    class Attack:
        def __init__(self, call):
            self.call = call

        def __reduce__(self):
            return self.call

    for call in ((os.system, ("touch owned",)), (eval, ("open('owned', 'w')",)), (bytearray, (10**12,))):
        refuses(pickle.dumps(Attack(call)), "posix|nt|eval|bytearray")
        state = made.pickled_booster(
            made.xgboost_json(made.random_trees(1)), library="xgboost", x=Attack(call)
        )
        refuses(state, "posix|nt|eval|bytearray")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda m: m["Model"]["learner"]["gradient_booster"].update(name="dart"), "dart"),
        (lambda m: m["Model"]["learner"]["objective"].update(name="binary:logistic"), "binary:logistic"),
        (lambda m: m["Model"]["learner"]["learner_model_param"].update(num_feature="57"), "57 features"),
        (lambda m: m["Model"]["learner"]["learner_model_param"].update(num_class="3"), "objective"),
        (lambda m: m["Model"]["learner"]["learner_model_param"].update(base_score="NaN"), "not finite"),
        (lambda m: m["Model"].pop("learner"), "without XGBoost trees"),
        (lambda m: trees_of(m)[0]["left_children"].__setitem__(0, 10**6), "child is not in its tree"),
        (lambda m: trees_of(m)[0]["left_children"].__setitem__(0, -7), "child is not in its tree"),
        (lambda m: trees_of(m)[0]["left_children"].__setitem__(0, 0), "two parents"),
        (lambda m: trees_of(m)[0]["left_children"].__setitem__(0, 2), "two parents"),
        (lambda m: trees_of(m)[0]["split_indices"].__setitem__(0, 56), "beyond 56"),
        (lambda m: trees_of(m)[0]["split_indices"].__setitem__(0, 10**30), "not XGBoost's"),
        (lambda m: trees_of(m)[0]["split_conditions"].__setitem__(0, float("inf")), "not finite"),
        (lambda m: trees_of(m)[0]["split_conditions"].__setitem__(0, 1e300), "not finite"),
        (lambda m: trees_of(m)[0]["split_conditions"].pop(), "do not agree"),
        (lambda m: trees_of(m)[0].pop("split_conditions"), "not XGBoost's"),
        (lambda m: trees_of(m)[0].update(categories=[1]), "category"),
        (lambda m: trees_of(m).clear(), "without trees"),
    ],
)
def test_other_xgboost_models_and_broken_trees_are_refused(change, match):
    model = json.loads(made.xgboost_json(made.random_trees(2)))
    change(model)
    data = json.dumps(model, separators=(",", ":")).encode()
    refuses(made.pickled_booster(data, library="xgboost"), match)


def trees_of(model):
    return model["Model"]["learner"]["gradient_booster"]["model"]["trees"]


def test_a_tree_too_deep_is_refused():
    chain = []
    for i in range(1500):
        right = i + 1 if i < 1499 else 3000
        chain.append({"feature": 0, "threshold": 0.5, "left": 1500 + i, "right": right})
    chain += [{"leaf": 0.0}] * 1501
    refuses(made.pickled_booster(made.xgboost_json([chain]), library="xgboost"), "1000 levels")


def test_ubjson_is_named():
    refuses(made.pickled_booster(b"{L\0\0\0\0\0\0\0\x06Config", library="xgboost"), "UBJSON, of version 2")


def test_other_lightgbm_models_are_refused():
    text = made.lightgbm_model(n_rounds=3).model_to_string()
    for change, match in (
        (("objective=regression", "objective=binary"), "binary"),
        (("num_class=1", "num_class=2"), "more than one output"),
        (("left_child=", "left_child=9999 "), "left_child"),
        (("decision_type=", "decision_type=1 #"), "numbers|threshold"),
        (("Tree=1", "Tree=x"), "tree"),
    ):
        assert change[0] in text
        refuses(made.pickled_booster(text.replace(*change), library="lightgbm"), match)
    zeros = text.replace("decision_type=2", "decision_type=6")
    assert zeros != text
    refuses(made.pickled_booster(zeros, library="lightgbm"), "zeros for missing")


def test_a_booster_without_a_model_is_refused():
    refuses(made.pickled_booster("", library="xgboost"), "without a model")
    refuses(made.pickled_booster("", library="lightgbm", handle=None), "without the text")
    refuses(pickle.dumps({"handle": b""}), "a pickle of dict")


def test_arrays_of_a_forged_cache_cannot_lead_astray():
    trees = read_xgboost(made.xgboost_json(made.random_trees(3)), n_features=56)
    arrays = trees.to_arrays("m0.")
    back = Trees.from_arrays(arrays, "m0.", trees.meta())
    np.testing.assert_array_equal(back.predict(rows()), trees.predict(rows()))
    for name, value in (("left", 0), ("right", 2**30), ("feature", 99), ("roots", -1), ("threshold", np.nan)):
        bad = arrays[f"m0.{name}"].copy()
        bad[0] = value
        with pytest.raises(ValueError, match=r"node|feature|finite"):
            Trees.from_arrays({**arrays, f"m0.{name}": bad}, "m0.", trees.meta())
    wider = Trees.from_arrays(arrays, "m0.", {**trees.meta(), "n_features": 10**6})
    for wrong in (rows(), rows()[0]):
        with pytest.raises(ValueError, match="for trees over 1000000 features"):
            wider.predict(wrong)


_IN_CHILD = """
import sys
import numpy as np
from nascurve.benchmarks.nb301.trees import Trees
from nascurve.benchmarks.nb301.xgboost_model import read_xgboost
trees = read_xgboost(open(sys.argv[1], "rb").read(), n_features=56)
rng = np.random.default_rng(0)
rows = rng.integers(-1, 7, (20, 56)).astype(float)
accepted = 0
for _ in range(3_000):
    arrays = {name: array.copy() for name, array in trees.to_arrays("").items()}
    for _ in range(rng.integers(1, 4)):
        name = ["roots", "feature", "left", "right"][rng.integers(4)]
        array = arrays[name]
        values = [-2, -1, 0, 1, 55, 56, len(array), len(trees.left) - 1, 2**31 - 1, *array[:9]]
        array[rng.integers(len(array))] = values[rng.integers(len(values))]
    try:
        changed = Trees.from_arrays(arrays, "", trees.meta())
    except ValueError:
        continue
    accepted += 1
    changed.predict(rows)
print(accepted)
"""


def test_no_arrays_lead_the_walk_out_of_them_or_round_in_circles(tmp_path):
    """In a process of its own whose compiled code checks every index."""
    (tmp_path / "model").write_bytes(made.xgboost_json(made.random_trees(3, depth=3)))
    child = subprocess.run(
        [sys.executable, "-c", _IN_CHILD, str(tmp_path / "model")],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": str(tmp_path / "compiled")},
    )
    assert child.returncode == 0, child.stderr[-2000:]
    assert 30 < int(child.stdout) < 2_900


# --- the graph network ---------------------------------------------------------------------------------


def saved(state, **how):
    import torch

    stream = io.BytesIO()
    torch.save(state, stream, **how)
    return stream.getvalue()


def gin(data, **config):
    return read_gin(data, {**made.GIN_CONFIG, **config}, path="gin.model", remedy="Get it.")


@pytest.mark.parametrize("undirected", [False, True])
@pytest.mark.parametrize("zipped", [False, True])
def test_graph_network_agrees_with_the_official_code(undirected, zipped):
    data = saved(made.gin_state(seed=3), _use_new_zipfile_serialization=zipped)
    network = gin(data, **{"graph_preprocessing:undirected_graph": undirected})
    expected = OFFICIAL["gin"][str(undirected)]
    np.testing.assert_allclose(network.predict(ARCHS), expected, atol=2e-4)
    assert np.std(expected) > 0.02
    assert network.predict([]).shape == (0,)


def test_graph_network_answers_alike_in_every_company():
    """To the last bit, for any number of architectures, across its batches of 256, with every pooling."""
    rng = np.random.default_rng(0)
    archs = [DartsSpace().sample(rng) for _ in range(300)]
    for width, n_layers, pool in ((8, 3, "mean"), (24, 2, "sum"), (33, 4, "max")):
        data = saved(
            {name: tensor * 0.6 for name, tensor in made.gin_state(width=width, n_layers=n_layers).items()}
        )
        network = gin(data, graph_pooling=pool)
        many = network.predict(archs)
        assert many.std() > 1e-3
        assert (
            np.concatenate([network.predict(archs[i : i + 7]) for i in range(0, 300, 7)]).tolist()
            == many.tolist()
        )
        assert [float(network.predict([arch])[0]) for arch in archs[200:]] == many[200:].tolist()


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_other_graph_networks_and_files_are_refused(tmp_path, monkeypatch):
    import torch

    monkeypatch.chdir(tmp_path)
    state = made.gin_state()
    good = saved(state)

    class Attack:
        def __reduce__(self):
            return os.system, ("touch owned",)

    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/data.pkl", bytes(2**28 + 1))
    cut = {name: tensor for name, tensor in state.items() if name != "gnn_node.convs.1.mlp.0.bias"}
    wrong = {**state, "graph_pred_linear.bias": state["graph_pred_linear.bias"] * float("nan")}
    negative = {**state, "gnn_node.batch_norms.0.running_var": -state["gnn_node.batch_norms.0.running_var"]}
    claims = {name: torch.zeros(1).expand(2**24) for name in map(str, range(5))}  # 64 MB each, of 4 bytes
    gigantic = {name: tensor.float() * 1e30 for name, tensor in state.items()}
    for data in (
        b"",
        b"<!DOCTYPE html><html>",
        saved(negative),
        saved(gigantic),
        saved(claims),
        good[:-100],
        good[: len(good) // 2],
        saved(cut),
        saved(wrong),
        saved({}),
        saved([1]),
        saved({"a": Attack()}),
        pickle.dumps(Attack()),
        saved({"a": Attack()}, _use_new_zipfile_serialization=False),
        bomb.getvalue(),
    ):
        with pytest.raises(DataFileError, match=r"gin\.model: expected the weights .* Get it\."):
            gin(data)
    for setting in (
        {"virtual_node": False},
        {"graph_preprocessing:self_loops": True},
        {"graph_preprocessing:add_node_degree_one_hot": None},
        {"graph_pooling": "attention"},
    ):
        with pytest.raises(DataFileError):
            gin(good, **setting)
    assert list(tmp_path.iterdir()) == []


# --- fuzz -----------------------------------------------------------------------------------------------

SEEDS = [
    *(base64.b64decode(booster["pickle"]) for booster in BOOSTERS),
    made.pickled_booster(made.xgboost_binary(made.random_trees(2, depth=2)), library="xgboost"),
    made.pickled_booster(made.xgboost_json(made.random_trees(2, depth=2)), library="xgboost"),
]


def fuzz(reader, seeds, n):
    """Flips, cuts and repeats of good files: either they are read, or refused with our error."""
    changes = st.lists(
        st.tuples(st.floats(0, 1), st.integers(0, 255), st.sampled_from(["set", "cut", "twice", "insert"])),
        min_size=1,
        max_size=4,
    )

    @settings(max_examples=n, deadline=None, database=None, derandomize=True)
    @given(st.sampled_from(range(len(seeds))), changes)
    def run(which, changes):
        data = bytearray(seeds[which])
        for where, value, kind in changes:
            place = int(where * (len(data) - 1)) if data else 0
            if kind == "set" and data:
                data[place] = value
            elif kind == "cut":
                del data[place : place + value]
            elif kind == "twice":
                data[place:place] = data[place : place + value]
            else:
                data.insert(place, value)
        with contextlib.suppress(DataFileError):
            reader(bytes(data))

    run()


def fuzz_boosters(n):
    x = rows(3)
    fuzz(lambda data: read(data).predict(x), SEEDS, n)


def fuzz_gin(n):
    state = made.gin_state(width=2, n_layers=2)
    seeds = [saved(state), saved(state, _use_new_zipfile_serialization=False)]
    fuzz(lambda data: gin(data).predict(ARCHS[:2]), seeds, n)


def test_fuzz_boosters():
    fuzz_boosters(300)


def test_fuzz_graph_network():
    fuzz_gin(300)


@pytest.mark.slow
def test_fuzz_boosters_long():
    fuzz_boosters(3000)


@pytest.mark.slow
def test_fuzz_graph_network_long():
    fuzz_gin(3000)
