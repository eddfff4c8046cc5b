"""The space cell201 and its networks, against independent constructions."""

from __future__ import annotations

import copy
import itertools
import pickle
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nascurve.benchmarks.cell201 import OPS, Cell201, Cell201Space
from nascurve.benchmarks.network import CELL_EDGES, Network, cell_network
from nascurve.errors import ArchitectureError, ConfigError

SPACE = Cell201Space()
CELLS = st.integers(0, 15_624).map(lambda index: SPACE.all()[index])
INDEX_0_OF_NATS = (
    "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|"
)


# --- counts -----------------------------------------------------------------------------------------------


def test_counts_of_the_literature():
    cells = SPACE.all()
    assert len(cells) == len({str(c) for c in cells}) == SPACE.size == 15_625
    assert len({SPACE.official_key(c) for c in cells}) == 6_466
    keys = [SPACE.key(c) for c in cells]
    assert len(set(keys)) == 5_425  # the network without a live path among them
    assert keys.count("empty") == 341


def test_strict_key_and_official_key_disagree_both_ways():
    """The official string tells dead terms apart; without its zeros it takes one shared operation for two."""
    dead_end = SPACE.parse("|nor_conv_3x3~0|+|none~0|none~1|+|nor_conv_1x1~0|none~1|none~2|")
    without = SPACE.parse("|none~0|+|none~0|none~1|+|nor_conv_1x1~0|none~1|none~2|")
    assert SPACE.key(dead_end) == SPACE.key(without)
    skipped = SPACE.parse("|skip_connect~0|+|none~0|none~1|+|nor_conv_1x1~0|nor_conv_1x1~1|none~2|")
    doubled = SPACE.parse("|none~0|+|skip_connect~0|none~1|+|nor_conv_1x1~0|none~1|nor_conv_1x1~2|")
    assert SPACE.key(skipped) == SPACE.key(doubled) == "0-1:nor_conv_1x1,0-1:nor_conv_1x1"
    assert SPACE.official_key(skipped) != SPACE.official_key(doubled)
    shared = SPACE.parse("|nor_conv_3x3~0|+|none~0|avg_pool_3x3~1|+|none~0|avg_pool_3x3~1|skip_connect~2|")
    twice = SPACE.parse("|nor_conv_3x3~0|+|nor_conv_3x3~0|none~1|+|none~0|avg_pool_3x3~1|avg_pool_3x3~2|")
    without_zeros = [SPACE.official_key(c).replace("+#", "").replace("#+", "") for c in (shared, twice)]
    assert without_zeros[0] == without_zeros[1]
    assert SPACE.key(shared) != SPACE.key(twice)


def test_official_key_of_a_known_cell():
    """Worked out by hand for index 0 of the NATS-Bench files."""
    assert SPACE.official_key(SPACE.parse(INDEX_0_OF_NATS)) == (
        "(0)@avg_pool_3x3+(0)@avg_pool_3x3+(0)@nor_conv_1x1+(0)@nor_conv_1x1"
    )


# --- the network ------------------------------------------------------------------------------------------


def _live(edges, output):
    """Edges on a path from 0 to the output, by listing all paths."""
    live = set()

    def walk(node, path):
        if node == output:
            live.update(path)
        for i, (source, target, _) in enumerate(edges):
            if source == node:
                walk(target, (*path, i))

    walk(0, ())
    return live


def _values(edges, output, weight_of):
    """Evaluate a multigraph on a vector; `weight_of(i)` is edge i's weight. All operations but skip are
    nonlinear; parallel edges add up."""
    value = {0: np.linspace(-1.0, 2.0, 7)}
    functions = {
        "nor_conv_1x1": lambda x, w: np.tanh(w[0] * x + w[1]) + 0.3 * w[2] * np.roll(x, 1),
        "nor_conv_3x3": lambda x, w: np.sin(w[0] * x + w[1]) + 0.2 * w[2] * np.roll(x, 2),
        "avg_pool_3x3": lambda x, w: np.roll(x, 3) ** 3 / 5 + x,
        "skip_connect": lambda x, w: x,
    }
    for node in range(1, output + 1):
        total = np.zeros(7)
        for i, (source, target, op) in enumerate(edges):
            if target == node and op != "none" and source in value:
                total = total + functions[op](value[source], weight_of(i))
        value[node] = total
    return value[output]


def _cell_edges(cell):
    return [(s, t, op) for (s, t), op in zip(CELL_EDGES, cell.ops, strict=True)]


def _best_match(cell, network, weights):
    """Whether the outputs are equal when the cell's live weights go to the network's, in some order."""
    edges = _cell_edges(cell)
    live = _live([(s, t, op) if op != "none" else (-1, -1, op) for s, t, op in edges], 3)
    convs = [i for i in live if edges[i][2].startswith("nor_conv")]
    net_convs = [i for i, e in enumerate(network.edges) if e[2].startswith("nor_conv")]
    if len(convs) != len(net_convs):
        return False
    kept = [(s, t, op) if i in live else (s, t, "none") for i, (s, t, op) in enumerate(edges)]
    target = _values(kept, 3, lambda i: weights[i])
    for order in itertools.permutations(convs):
        where = dict(zip(net_convs, order, strict=True))
        out = _values(network.edges, network.output, lambda i, w=where: weights[w.get(i, 0)])
        if np.allclose(out, target, rtol=1e-10, atol=1e-12):
            return True
    return False


def test_network_computes_what_the_cell_computes():
    """With the same weights on corresponding convolutions, the canonical network's output is the cell's."""
    weights = np.random.default_rng(0).normal(size=(6, 3))
    cells = random.Random(1).sample(SPACE.all(), 1_200)
    for cell in cells:
        network = SPACE.network(cell)
        if network.is_empty:
            assert not _live([(s, t, op) for s, t, op in _cell_edges(cell) if op != "none"], 3)
        else:
            assert _best_match(cell, network, weights), str(cell)


def _fingerprint(cell):
    """A complete invariant by another road: the contracted multigraph's smallest form over *all* permutations
    of node names, where contraction works on sets of merged nodes (union-find), not on edge lists."""
    edges = [e for e in _cell_edges(cell) if e[2] != "none"]
    live = _live(edges, 3)
    edges = [e for i, e in enumerate(edges) if i in live]
    group = list(range(4))

    def find(node):
        while group[node] != node:
            node = group[node]
        return node

    changed = True
    alive = set(range(len(edges)))
    while changed:
        changed = False
        for i in sorted(alive, reverse=True):  # from the output's side: the other order of contraction
            source, target, op = find(edges[i][0]), find(edges[i][1]), edges[i][2]
            if op != "skip_connect":
                continue
            into = [j for j in alive if find(edges[j][1]) == target]
            out_of = [j for j in alive if find(edges[j][0]) == source]
            if target != find(3) and into == [i]:
                group[target] = source
            elif source != find(0) and out_of == [i]:
                group[source] = target
            else:
                continue
            alive.remove(i)
            changed = True
            break
    final = [(find(edges[i][0]), find(edges[i][1]), edges[i][2]) for i in alive]
    start, end = find(0), find(3)
    inner = sorted({n for s, t, _ in final for n in (s, t)} - {start, end})
    names = ["p", "q"][: len(inner)]
    return min(
        (
            tuple(sorted((new[s], new[t], op) for s, t, op in final))
            for order in itertools.permutations(names)
            for new in [{start: "a", end: "z", **dict(zip(inner, order, strict=True))}]
        ),
        default=(),
    )


def test_keys_are_equal_exactly_for_isomorphic_networks():
    by_fingerprint, by_key = {}, {}
    for cell in SPACE.all():
        mine, key = _fingerprint(cell), SPACE.key(cell)
        assert by_fingerprint.setdefault(mine, key) == key, f"same network, two keys: {cell}"
        assert by_key.setdefault(key, mine) == mine, f"one key, two networks: {cell}"


@pytest.mark.parametrize(
    ("ops", "network"),
    [
        (("none",) * 6, "empty"),
        (("none", "none", "none", "skip_connect", "none", "none"), "0-1:skip_connect"),
        (
            ("skip_connect", "none", "none", "skip_connect", "skip_connect", "none"),
            "0-1:skip_connect,0-1:skip_connect",
        ),
        (("skip_connect", "none", "skip_connect", "none", "none", "nor_conv_3x3"), "0-1:nor_conv_3x3"),
        (("nor_conv_3x3", "none", "skip_connect", "none", "none", "skip_connect"), "0-1:nor_conv_3x3"),
        (
            ("nor_conv_1x1", "nor_conv_3x3", "none", "none", "avg_pool_3x3", "skip_connect"),
            "0-1:nor_conv_1x1,0-2:nor_conv_3x3,1-2:avg_pool_3x3",
        ),
    ],
)  # fmt: skip
def test_known_networks(ops, network):
    assert str(cell_network(ops)) == network


def test_inner_nodes_without_an_edge_between_them_may_be_swapped():
    a = cell_network(("nor_conv_1x1", "nor_conv_3x3", "none", "none", "avg_pool_3x3", "nor_conv_3x3"))
    b = cell_network(("nor_conv_3x3", "nor_conv_1x1", "none", "none", "nor_conv_3x3", "avg_pool_3x3"))
    assert a == b
    assert hash(a) == hash(b)


@given(CELLS)
def test_network_string_round_trip(cell):
    network = SPACE.network(cell)
    assert Network.parse(str(network)) == network
    assert Network.of(network.edges, network.output) == network


@pytest.mark.parametrize(
    "text",
    ["", "0-1", "0-1:none", "1-0:skip_connect", "0-2:skip_connect", "0-1:nor_conv_3x3,0-1:avg_pool_3x3",
     "0-1:skip_connect,1-2:nor_conv_3x3", "0-1:nor_conv_3x3 ", "٠-1:skip_connect", "empty,0-1:skip_connect"],
)  # fmt: skip
def test_network_parse_refuses_what_is_not_canonical(text):
    with pytest.raises(ArchitectureError):
        Network.parse(text)


@pytest.mark.parametrize(
    "edges",
    [((0, 1, "none"),), ((1, 0, "skip_connect"),), ((0, 2, "skip_connect"),), ((-1, 1, "skip_connect"),),
     ((0, 1, "nor_conv_3x3"), (0, 2, "nor_conv_3x3"))],
)  # fmt: skip
def test_network_refuses_edges_that_are_no_network(edges):
    with pytest.raises(ArchitectureError, match=r"Network\.of"):
        Network(edges)


def test_contraction_works_on_larger_graphs():
    chain = [(0, 1, "skip_connect"), (1, 2, "nor_conv_3x3"), (2, 4, "skip_connect"), (4, 5, "skip_connect")]
    chain += [(0, 3, "none"), (1, 3, "nor_conv_1x1")]
    assert str(Network.of(chain, output=5)) == "0-1:nor_conv_3x3"


# --- strings ----------------------------------------------------------------------------------------------


def test_string_of_nats_bench_index_0():
    cell = SPACE.parse(INDEX_0_OF_NATS)
    assert cell.ops == (
        "avg_pool_3x3",
        "nor_conv_1x1",
        "skip_connect",
        "nor_conv_1x1",
        "skip_connect",
        "skip_connect",
    )
    assert str(cell) == INDEX_0_OF_NATS


@given(CELLS)
def test_string_round_trip(cell):
    assert SPACE.parse(str(cell)) is cell
    assert Cell201(cell.ops) is cell
    assert SPACE.all()[cell.index] is cell


@given(CELLS)
def test_pickle_and_copy_keep_the_identity(cell):
    assert pickle.loads(pickle.dumps(cell)) is cell
    assert copy.deepcopy([cell])[0] is cell
    assert copy.copy(cell) is cell


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (INDEX_0_OF_NATS[:-1], "form"),
        (INDEX_0_OF_NATS + "\n", "form"),
        (INDEX_0_OF_NATS.replace("~1|+", "~0|+"), "form"),
        (INDEX_0_OF_NATS.replace("avg_pool_3x3", "avg_pool"), "Did you mean 'avg_pool_3x3'"),
        (INDEX_0_OF_NATS.replace("avg_pool_3x3", ""), "Unknown operation ''"),
        ("", "form"),
        (None, "form"),
        (17, "form"),
    ],
)
def test_parse_says_what_is_wrong(text, message):
    with pytest.raises(ArchitectureError, match=message):
        SPACE.parse(text)


@given(st.text())
def test_parse_of_any_text_gives_an_architecture_error(text):
    with pytest.raises(ArchitectureError):
        SPACE.parse(text)


@pytest.mark.parametrize("ops", [("none",) * 5, ("none",) * 5 + ("conv",), "nonone"])
def test_constructor_refuses_wrong_operations(ops):
    with pytest.raises(ArchitectureError, match="6 operations"):
        Cell201(ops)


def test_cells_are_immutable():
    cell = SPACE.all()[3]
    with pytest.raises(AttributeError, match="immutable"):
        cell.index = 4
    with pytest.raises(AttributeError):
        cell.other = 4
    with pytest.raises(AttributeError, match="immutable"):
        del cell.ops


# --- moves and encodings ----------------------------------------------------------------------------------


@given(CELLS)
def test_neighbors_are_the_24_cells_that_differ_on_one_edge(cell):
    near = SPACE.neighbors(cell)
    assert len(set(near)) == 24
    assert all(sum(a != b for a, b in zip(cell.ops, other.ops, strict=True)) == 1 for other in near)


def test_mutate_and_sample_are_uniform():
    rng = np.random.default_rng(0)
    cell = SPACE.all()[4_711]
    children = [SPACE.mutate(cell, rng) for _ in range(24_000)]
    counts = np.array([children.count(other) for other in SPACE.neighbors(cell)])
    assert counts.sum() == 24_000
    assert ((counts - 1_000) ** 2 / 1_000).sum() < 50  # chi-squared, 23 degrees: 99.9 % below 49.7
    ordinal = SPACE.encode([SPACE.sample(rng) for _ in range(20_000)], "ordinal").astype(int)
    for edge in ordinal.T:
        assert ((np.bincount(edge, minlength=5) - 4_000) ** 2 / 4_000).sum() < 25


def test_crossover_takes_each_edge_from_either_parent():
    rng = np.random.default_rng(0)
    a, b = Cell201(("none",) * 6), Cell201(("nor_conv_3x3",) * 6)
    children = {SPACE.crossover(a, b, rng) for _ in range(2_000)}
    assert len(children) == 64
    assert all(set(child.ops) <= {"none", "nor_conv_3x3"} for child in children)


@given(st.lists(CELLS, min_size=1, max_size=5))
def test_encodings_by_their_definition(cells):
    adjacency, path, ordinal = (SPACE.encode(cells, kind) for kind in ("adjacency", "path", "ordinal"))
    assert adjacency.shape == (len(cells), 30)
    assert path.shape == (len(cells), 155)
    for cell, one_hot, paths, numbers in zip(cells, adjacency, path, ordinal, strict=True):
        assert [OPS[int(i)] for i in numbers] == list(cell.ops)
        assert [OPS[i % 5] for i in np.flatnonzero(one_hot)] == list(cell.ops)
        assert (np.flatnonzero(one_hot) // 5 == np.arange(6)).all()
        expected = set()
        for edges in ((3,), (0, 4), (1, 5), (0, 2, 5)):
            place = {1: 0, 2: 5, 3: 30}[len(edges)]
            expected.add(place + sum(OPS.index(cell.ops[e]) * 5**j for j, e in enumerate(edges)))
        assert set(np.flatnonzero(paths)) == expected


def test_unknown_encoding_and_foreign_architecture():
    with pytest.raises(ConfigError, match="Did you mean 'path'"):
        SPACE.encode([SPACE.all()[0]], "paths")
    for call in (SPACE.key, SPACE.network, SPACE.neighbors, SPACE.official_key, lambda a: SPACE.encode([a])):
        with pytest.raises(ArchitectureError, match="cell201"):
            call(INDEX_0_OF_NATS)
