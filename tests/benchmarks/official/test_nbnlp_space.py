"""The space nlp: canonical form, changes, encodings, notations; against independent constructions."""

from __future__ import annotations

import copy
import hashlib
import itertools
import json
import pickle
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nascurve.benchmarks.nbnlp.cell import OPS, RecurrentCell
from nascurve.benchmarks.nbnlp.features import compact_row
from nascurve.benchmarks.nbnlp.recipe import cell_of_recipe, compact_of_recipe
from nascurve.benchmarks.nbnlp.space import RecurrentSpace
from nascurve.errors import ArchitectureError, ConfigError, NascurveError
from nascurve.testing.search_space import check_search_space
from tests.official_data import real_sample
from tests.official_data.nbnlp import CELLS, GRU, LSTM, RNN

SPACE = RecurrentSpace()
SEEDS = st.integers(0, 2**32 - 1)


def sampled(seed, n_hidden=2, n_inner=7):
    return RecurrentSpace(n_hidden=n_hidden, n_inner=n_inner).sample(np.random.default_rng(seed))


def disguised(recipe, rng):
    """The same recipe with other names, another order of nodes and of unordered inputs."""
    names = list(recipe)
    hidden = {f"h_new_{i}" for i in range(3)}
    new = {name: name if name in hidden else f"n{rng.integers(10**9)}_{i}" for i, name in enumerate(names)}
    other = {}
    for name in rng.permutation(names):
        inputs = [new.get(source, source) for source in recipe[name]["input"]]
        if recipe[name]["op"] != "blend":
            inputs = [str(source) for source in rng.permutation(inputs)]
        other[new[str(name)]] = {"op": recipe[name]["op"], "input": inputs}
    return other


def real_recipes():
    folder = real_sample("nas-bench-nlp-wikitext2")
    with zipfile.ZipFile(folder / "logs.zip") as archive:
        return [json.loads(archive.read(name))["recepie"] for name in archive.namelist()]


# --- contract and counts ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("n_hidden", "n_inner"), [(2, 7), (1, 1), (3, 21)])
def test_is_a_search_space(n_hidden, n_inner):
    check_search_space(RecurrentSpace(n_hidden=n_hidden, n_inner=n_inner), n=8)


def test_real_recipes():
    """Of the 245 WikiText-2 logs: 217 texts, 199 cells."""
    recipes = real_recipes()
    cells = [SPACE.from_recipe(recipe) for recipe in recipes]
    assert (len(recipes), len(set(recipes)), len(set(cells))) == (245, 217, 199)
    assert len({SPACE.key(cell) for cell in cells}) == 199
    rng = np.random.default_rng(0)
    for recipe, cell in zip(recipes, cells, strict=True):
        assert SPACE.from_recipe(disguised(json.loads(recipe), rng)) == cell
        assert SPACE.parse(str(cell)) == cell
        assert len(cell.ops) == len(json.loads(recipe))


def test_real_recipes_against_networkx():
    """Equal cells exactly where VF2 finds an isomorphism."""
    networkx = pytest.importorskip("networkx")

    def graph(recipe):
        made = networkx.DiGraph()
        for name, node in json.loads(recipe).items():
            made.add_node(name, label=(node["op"], name if name in ("h_new_0", "h_new_1", "h_new_2") else ""))
            for position, source in enumerate(node["input"]):
                if source == "x" or source.startswith("h_prev"):
                    made.add_node(source, label=source)
                made.add_edge(source, name, label=position if node["op"] == "blend" else 0)
        return made

    recipes = sorted(set(real_recipes()))
    graphs, cells = [graph(r) for r in recipes], [SPACE.from_recipe(r) for r in recipes]

    def same(a, b):
        return a["label"] == b["label"]

    n_equal = 0
    for i, j in itertools.combinations(range(len(recipes)), 2):
        if len(graphs[i]) == len(graphs[j]) and graphs[i].size() == graphs[j].size():
            isomorphic = networkx.is_isomorphic(graphs[i], graphs[j], node_match=same, edge_match=same)
            assert isomorphic == (cells[i] == cells[j])
            n_equal += isomorphic
    assert n_equal >= 18


def test_hand_made_cells():
    for recipe in CELLS.values():
        cell = SPACE.from_recipe(json.dumps(recipe))
        assert len(cell.ops) == len(recipe)
        assert SPACE.from_recipe(recipe) == cell
        assert SPACE.from_recipe(str(cell)) == cell
    assert str(SPACE.from_recipe(RNN)) == (
        '{"node_0": {"op": "linear", "input": ["x", "h_prev_0"]}, '
        '"h_new_0": {"op": "activation_tanh", "input": ["node_0"]}}'
    )


def test_canonical_strings_stay_as_they_are():
    """They are names in users' files, and caches hold cells in this order: raise their version with it."""
    gate = '"op": "linear", "input": ["x", "h_prev_0"]'
    assert str(SPACE.from_recipe(LSTM)) == (
        f'{{"node_0": {{{gate}}}, "node_1": {{"op": "activation_sigm", "input": ["node_0"]}}, '
        '"node_2": {"op": "elementwise_prod", "input": ["h_prev_1", "node_1"]}, '
        f'"node_3": {{{gate}}}, "node_4": {{"op": "activation_sigm", "input": ["node_3"]}}, '
        f'"node_5": {{{gate}}}, "node_6": {{"op": "activation_tanh", "input": ["node_5"]}}, '
        f'"node_7": {{{gate}}}, "node_8": {{"op": "activation_tanh", "input": ["node_7"]}}, '
        '"node_9": {"op": "elementwise_prod", "input": ["node_4", "node_8"]}, '
        '"h_new_1": {"op": "elementwise_sum", "input": ["node_2", "node_9"]}, '
        '"node_11": {"op": "activation_tanh", "input": ["h_new_1"]}, '
        '"h_new_0": {"op": "elementwise_prod", "input": ["node_6", "node_11"]}}'
    )
    cells = [sampled(seed, 1 + seed % 3, 3 + seed % 12) for seed in range(90)]
    digest = hashlib.sha256("\n".join(map(str, cells)).encode()).hexdigest()
    assert digest == "5adee848b8ad003e75f2788964cf793257cda0207fa123bb04ec601d8702bf11"


# --- canonical form ---------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(SEEDS, SEEDS, st.integers(1, 3), st.sampled_from([2, 7, 14, 21]))
def test_names_and_order_do_not_count(seed, other, n_hidden, n_inner):
    cell = sampled(seed, n_hidden, n_inner)
    again = SPACE.from_recipe(disguised(cell.recipe(), np.random.default_rng(other)))
    assert (again, str(again), hash(again)) == (cell, str(cell), hash(cell))


def smallest_form(cell):
    """The smallest graph over all numberings, by trying them all."""
    n = len(cell.ops)
    forms = []
    for order in itertools.permutations(range(n)):
        new = [0, 1, 2, 3, *(4 + order.index(node) for node in range(n))]
        rows = []
        for node in order:
            sources = [new[source] for source in cell.inputs[node]]
            rows.append(
                (cell.ops[node], tuple(sources if OPS[cell.ops[node]] == "blend" else sorted(sources)))
            )
        forms.append((tuple(rows), tuple(new[node] for node in cell.outputs)))
    return min(forms)


def test_equal_exactly_when_isomorphic():
    """Small cells and all their neighbours, against the smallest of all numberings."""
    cells = set()
    for seed in range(40):
        cell = sampled(seed, 1 + seed % 2, 2)
        cells.update(c for c in (cell, *SPACE.neighbors(cell)) if len(c.ops) <= 5)
    assert len(cells) > 300
    assert len({smallest_form(cell) for cell in cells}) == len(cells)


def gates(n, groups):
    """n equal linear gates, summed in pairs along cycles of the given lengths, and all sums added up."""
    recipe = {f"g{i}": {"op": "linear", "input": ["x", "h_prev_0"]} for i in range(n)}
    first = 0
    for length in groups:
        for i in range(length):
            pair = [f"g{first + i}", f"g{first + (i + 1) % length}"]
            recipe[f"s{first + i}"] = {"op": "elementwise_sum", "input": pair}
        first += length
    rest = [f"s{i}" for i in range(n)]
    while len(rest) > 1:
        taken, rest = rest[:3], rest[3:]
        name = f"a{len(recipe)}"
        recipe[name] = {"op": "linear" if len(taken) == 3 else "elementwise_prod", "input": taken}
        rest.append(name)
    recipe["h_new_0"] = {"op": "activation_tanh", "input": rest}
    return recipe


def test_symmetric_cells():
    """A cycle of six gates and two of three look alike from every gate; they are told apart."""
    rng = np.random.default_rng(0)
    hexagon, triangles = (cell_of_recipe(gates(6, groups)) for groups in ([6], [3, 3]))
    assert hexagon != triangles
    for groups, cell in (([6], hexagon), ([3, 3], triangles)):
        for _ in range(5):
            assert cell_of_recipe(disguised(gates(6, groups), rng)) == cell
    alike = {f"g{i}": {"op": "linear", "input": ["x", "h_prev_0"]} for i in range(16)}
    rest = list(alike)
    while len(rest) > 1:
        alike[f"s{len(alike)}"] = {"op": "elementwise_sum", "input": [rest.pop(0), rest.pop(0)]}
        rest.append(f"s{len(alike) - 1}")
    with pytest.raises(ArchitectureError, match="31 nodes"):
        cell_of_recipe({("h_new_0" if name == rest[0] else name): node for name, node in alike.items()})


def test_order_of_blend_counts_and_hidden_numbers_count():
    swapped = copy.deepcopy(GRU)
    swapped["h_new_0"]["input"] = ["z_act", "h_tilde_act", "h_prev_0"]
    assert SPACE.from_recipe(swapped) != SPACE.from_recipe(GRU)
    exchanged = json.loads(
        json.dumps(LSTM)
        .replace('"h_new_0"', '"q"')
        .replace('"h_new_1"', '"h_new_0"')
        .replace('"q"', '"h_new_1"')
    )
    assert SPACE.from_recipe(exchanged) != SPACE.from_recipe(LSTM)


def test_useless_nodes_are_left_out():
    more = {**RNN, "idle": {"op": "activation_sigm", "input": ["h_new_0"]}}
    assert SPACE.from_recipe(more) == SPACE.from_recipe(RNN)


def test_values():
    cell = SPACE.from_recipe(LSTM)
    assert pickle.loads(pickle.dumps(cell)) == copy.deepcopy(cell) == cell
    assert cell != str(cell)
    with pytest.raises(AttributeError, match="immutable"):
        cell.ops = ()
    with pytest.raises(AttributeError, match="immutable"):
        del cell.ops
    assert cell.n_hiddens == 2
    assert RecurrentCell(*cell.graph) == cell


def test_the_same_in_every_process():
    code = (
        "import numpy as np; from nascurve.benchmarks.nbnlp.space import RecurrentSpace as S; s = S();"
        "c = s.sample(np.random.default_rng(5)); n = s.neighbors(c); print(c, hash(c), n, set(n))"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, check=True, env={"PYTHONHASHSEED": seed}
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1
    cell = SPACE.sample(np.random.default_rng(5))
    assert str(cell).encode() in outputs.pop()


# --- changes ----------------------------------------------------------------------------------------------


def edits(a, b):
    """Whether two cells differ by few rows: a loose check that a change is an elementary one."""
    return abs(len(a.ops) - len(b.ops)) <= 1 and a.n_hiddens == b.n_hiddens


@settings(max_examples=4, deadline=None)
@given(SEEDS, st.integers(1, 2))
def test_neighbourhoods_are_mutual(seed, n_hidden):
    cell = sampled(seed, n_hidden, 3)
    near = SPACE.neighbors(cell)
    assert cell not in near
    for other in near:
        assert edits(cell, other)
        assert cell in SPACE.neighbors(other)


def test_neighbours_of_the_rnn():
    """By hand: 2 other activations; 3 activations put between linear and output, and 3 behind h_prev; output
    at the linear leaves the activation useless; h_prev read through no other node (cycle or already read)."""
    near = {str(cell) for cell in SPACE.neighbors(SPACE.from_recipe(RNN))}
    linear = '"node_0": {"op": "linear", "input": ["x", "h_prev_0"]}'
    expected = {
        f'{{{linear}, "h_new_0": {{"op": "{op}", "input": ["node_0"]}}}}'
        for op in ("activation_sigm", "activation_leaky_relu")
    }
    for op in ("activation_sigm", "activation_tanh", "activation_leaky_relu"):
        expected.add(
            f'{{{linear}, "node_1": {{"op": "{op}", "input": ["node_0"]}}, '
            '"h_new_0": {"op": "activation_tanh", "input": ["node_1"]}}'
        )
        expected.add(
            f'{{"node_0": {{"op": "{op}", "input": ["h_prev_0"]}}, '
            '"node_1": {"op": "linear", "input": ["x", "node_0"]}, '
            '"h_new_0": {"op": "activation_tanh", "input": ["node_1"]}}'
        )
    assert near == expected


def test_neighbours_by_kind():
    """By hand, each there and back: inputs of a blend exchanged (but not turned round), a third input of a
    linear, a hidden state exchanged with another or given by another node, an activation put into an edge."""

    def near(recipe):
        return set(SPACE.neighbors(SPACE.from_recipe(recipe)))

    def renamed(recipe, **names):
        return {
            names.get(name, name): {
                "op": node["op"],
                "input": [names.get(source, source) for source in node["input"]],
            }
            for name, node in recipe.items()
        }

    def blend(*order):
        sources = GRU["h_new_0"]["input"]
        return {**GRU, "h_new_0": {"op": "blend", "input": [sources[i] for i in order]}}

    there = {
        "GRU": [
            *(blend(*order) for order in ((1, 0, 2), (2, 1, 0), (0, 2, 1))),
            {**GRU, "r": {"op": "linear", "input": ["x", "h_prev_0", "z_act"]}},
            {**GRU, "h_new_0": {**GRU["h_new_0"], "op": "linear"}},
            {
                **GRU,
                "a": {"op": "activation_tanh", "input": ["rh"]},
                "h_tilde": {"op": "linear", "input": ["x", "a"]},
            },
        ],
        "LSTM": [
            renamed(LSTM, h_new_0="h_new_1", h_new_1="h_new_0"),
            renamed(LSTM, h_new_1="c", h_new_1_part1="h_new_1"),
        ],
    }
    for name, recipe in (("GRU", GRU), ("LSTM", LSTM)):
        found = near(recipe)
        for other in there[name]:
            assert SPACE.from_recipe(other) in found
            assert SPACE.from_recipe(recipe) in near(other)
    for order in ((1, 2, 0), (2, 0, 1)):
        assert SPACE.from_recipe(blend(*order)) not in near(GRU)


def test_neighbourhood_of_the_gru_is_mutual():
    cell = SPACE.from_recipe(GRU)
    near = SPACE.neighbors(cell)
    assert len(near) == 84
    assert all(cell in SPACE.neighbors(other) for other in near)


def test_mutate_reaches_every_neighbour():
    cell = SPACE.from_recipe(RNN)
    rng = np.random.default_rng(0)
    assert {SPACE.mutate(cell, rng) for _ in range(300)} == set(SPACE.neighbors(cell))


def test_sampling_follows_the_generator():
    """At most n_hidden + n_inner + 1 nodes; linear about half of the main operations; three inputs in a fifth
    of them; no h_new reads an h_prev; all hidden states there."""
    cells = [sampled(seed) for seed in range(400)]
    assert max(len(cell.ops) for cell in cells) <= 10
    main = [
        (OPS[op], len(i)) for cell in cells for op, i in zip(cell.ops, cell.inputs, strict=True) if op >= 4
    ]
    share = np.mean([op == "linear" for op, _ in main])
    assert 0.45 < share < 0.85
    assert 0.15 < np.mean([n == 3 for op, n in main if op == "linear"]) < 0.4
    gated = [
        i for cell in cells for op, i in zip(cell.ops, cell.inputs, strict=True) if OPS[op][:5] == "eleme"
    ]
    assert 0.2 < np.mean([any(1 <= source <= 3 for source in i) for i in gated]) < 0.8
    for cell in cells:
        assert cell.n_hiddens == 2
        assert not any(1 <= s <= 3 for node in cell.outputs for s in cell.inputs[node - 4])


# --- encodings --------------------------------------------------------------------------------------------


def test_adjacency_tells_cells_apart():
    cells = list({sampled(seed) for seed in range(200)})
    assert len(np.unique(SPACE.encode(cells, "adjacency"), axis=0)) == len(cells)
    assert len(np.unique(SPACE.encode(cells, "graph"), axis=0)) > 0.97 * len(cells)


def test_graph_features_of_the_lstm():
    row = SPACE.encode([SPACE.from_recipe(LSTM)])[0]
    assert row.shape == (213,)
    np.testing.assert_array_equal(row[:12], [13, 0, 1, 0, 2, 3, 0, 1, 3, 4, 0, 0])
    # gates, then the paths from h_prev_1 to h_new_1: the cell state is carried on without a linear
    gates = row[12 + 77 + 21 + 3 + 4 :][:3]
    np.testing.assert_array_equal(gates, [2, 0, 2])
    np.testing.assert_array_equal(row[12 + 77 + 21 :][:7], [0, 1, 0, 4, 4, 1, 0])  # readers
    gru = SPACE.encode([SPACE.from_recipe(GRU)])[0]
    np.testing.assert_array_equal(gru[12 + 77 + 21 :][:10], [0, 0, 0, 3, 4, 0, 0, 1, 1, 0])  # readers, gates
    paths = row[-72:].reshape(4, 3, 6)
    np.testing.assert_array_equal(paths[2, 1], [1, np.log(2), 2, 2, 0, 0])
    np.testing.assert_array_equal(paths[3], 0)
    np.testing.assert_array_equal(paths[0, 0], [1, np.log(5), 3, 6, 1, 1])


def test_compact_row_as_nas_bench_x11():
    """The RNN: nodes 4 and 5, the last one (h_new_0, number 5) in place 12 of matrix and operations."""
    row = SPACE.encode([SPACE.from_recipe(RNN)], "compact")[0]
    matrix = np.zeros((13, 13))
    matrix[0, 4] = matrix[1, 4] = matrix[4, 12] = 1
    np.testing.assert_array_equal(row[:169].reshape(13, 13), matrix)
    np.testing.assert_array_equal(row[169:182], [0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0, 2])
    np.testing.assert_array_equal(row[182:], [5, 0, 0])
    with pytest.raises(ConfigError, match="at most 9 nodes"):
        SPACE.encode([SPACE.from_recipe(LSTM)], "compact")


# --- the compact form -------------------------------------------------------------------------------------


def official_compact(recipe):
    """The official conversion, written from its description in the reference."""
    ops = ["in", "activation_sigm", "activation_tanh", "activation_leaky_relu"]
    ops += ["elementwise_sum", "elementwise_prod", "linear", "blend"]
    names = ["x", "h_prev_0", "h_prev_1", "h_prev_2"]
    edges, numbers, hiddens = [], [0, 0, 0, 0], []
    for name, node in recipe.items():
        names.append(name)
        if any(source not in names for source in node["input"]):
            return official_compact({**{n: v for n, v in recipe.items() if n != name}, name: node})
        numbers.append(ops.index(node["op"]))
        hiddens += [len(names) - 1] if "h_new" in name else []
        edges += [(names.index(source), len(names) - 1) for source in node["input"]]
    return tuple(edges), tuple(numbers), tuple(hiddens)


def test_compact_of_real_recipes():
    for recipe in set(real_recipes()):
        assert compact_of_recipe(recipe) == official_compact(json.loads(recipe))


def test_compact_and_back():
    assert len(compact_of_recipe(LSTM)[2]) == 5
    with pytest.raises(ArchitectureError, match="5 outputs"):
        SPACE.from_compact(compact_of_recipe(LSTM))
    for recipe in (RNN, GRU):
        assert SPACE.from_compact(compact_of_recipe(recipe)) == SPACE.from_recipe(recipe)
    compact_row(compact_of_recipe(GRU))
    for seed in range(30):
        cell = sampled(seed, 1)
        assert SPACE.from_compact(SPACE.to_compact(cell)) == cell


@settings(max_examples=200, deadline=None)
@given(st.recursive(st.integers(-2, 9), lambda inner: st.lists(inner, max_size=4).map(tuple), max_leaves=12))
def test_compact_refuses_with_our_error(junk):
    with pytest.raises(ArchitectureError):
        SPACE.from_compact(junk)


# --- refusals ---------------------------------------------------------------------------------------------


def changed(name, **node):
    return {**copy.deepcopy(LSTM), name: {**LSTM.get(name, {}), **node}}


@pytest.mark.parametrize(
    ("recipe", "reason"),
    [
        ("", "Expecting value"),
        ("[" * 15_000, "recursion|too"),
        ('{"h_new_0": 1, "h_new_0": 2}', "twice"),
        (" " * 30_000, "30000 characters"),
        (None, "not an object"),
        ({}, "not an object"),
        (changed("x", op="activation_tanh", input=["i"]), "has the name 'x'"),
        (changed("i", op="conv3x3"), "has the operation 'conv3x3'"),
        (changed("i", op="in"), "has the operation 'in'"),
        (changed("i", input="x"), "no list"),
        (changed("i", input=["x", 3]), "no list"),
        (changed("i", input=["x", "nowhere"]), "reads 'nowhere'"),
        (changed("i", input=["x", "h_prev_7"]), "reads 'h_prev_7'"),
        (changed("i", input=["x", "h_prev_2"]), "neither a node"),
        (changed("i", input=["x"]), "2 or 3 inputs, not 1"),
        (changed("i", input=["h_prev_0", "h_prev_0"]), "twice"),
        (changed("i_act", input=["x"]), "which only linear may"),
        (changed("i", input=["x", "h_new_0"]), "cycle"),
        (changed("h_new_1_part1", input=["f_act", "i_act"]), "h_prev_1 is not used"),
        (changed("h_new_3", op="activation_tanh", input=["i"]), "one is missing"),
        ({"f": RNN["f"]}, "0 outputs"),
    ],
)
def test_refused_recipes(recipe, reason):
    with pytest.raises(ArchitectureError, match=reason):
        SPACE.from_recipe(recipe)


def test_parse_reads_canonical_text_only():
    with pytest.raises(ArchitectureError, match="from_recipe"):
        SPACE.parse(json.dumps(LSTM))
    with pytest.raises(ArchitectureError):
        SPACE.parse(None)
    with pytest.raises(ArchitectureError, match="whole numbers"):
        RecurrentCell([6.5], [[0, 1]], [4])


def test_bad_options():
    for options in ({"n_hidden": 0}, {"n_hidden": 4}, {"n_inner": 0}, {"n_inner": 22}):
        with pytest.raises(ConfigError):
            RecurrentSpace(**options)


def mutated(text, rng):
    characters = list(text)
    for _ in range(1 + rng.integers(4)):
        place = int(rng.integers(len(characters)))
        if rng.random() < 0.5:
            characters[place] = chr(int(rng.integers(32, 127)))
        else:
            del characters[place : place + int(rng.integers(1, 20))]
    return "".join(characters)


@pytest.mark.parametrize("n", [300, pytest.param(5_000, marks=pytest.mark.slow)])
def test_fuzzed_recipes(n):
    """Damaged recipes are read or refused by our error, nothing else."""
    rng = np.random.default_rng(n)
    texts = [json.dumps(recipe) for recipe in CELLS.values()] + [str(sampled(seed)) for seed in range(20)]
    read = 0
    for i in range(n):
        text = mutated(texts[i % len(texts)], rng)
        try:
            cell = SPACE.from_recipe(text)
        except NascurveError:
            continue
        read += 1
        assert SPACE.parse(str(cell)) == cell
    assert read < n
