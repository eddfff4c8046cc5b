"""The DARTS space; conversions against vectors that the authors' own code made (`made_by` in the file)."""

from __future__ import annotations

import itertools
import json
import pickle
from collections import Counter, namedtuple
from pathlib import Path

import networkx
import numpy as np
import pytest

from nascurve.benchmarks.nb301.config_vector import config_names, config_vector, config_vectors
from nascurve.benchmarks.nb301.genotype import (
    NODES,
    OPS,
    DartsGenotype,
    edge_index,
    from_compact,
    from_config,
    from_genotype,
    to_compact,
    to_config,
    to_genotype,
)
from nascurve.benchmarks.nb301.isomorphism import canonical_cell
from nascurve.benchmarks.nb301.space import DartsSpace
from nascurve.errors import ArchitectureError, ConfigError
from nascurve.testing import check_search_space

SPACE = DartsSpace()
OFFICIAL = json.loads((Path(__file__).parents[2] / "official_data" / "nb301_vectors.json").read_text())
Genotype = namedtuple("Genotype", "normal normal_concat reduce reduce_concat")
# the example of the authors' README
EXAMPLE = Genotype(
    normal=[
        ("sep_conv_3x3", 0),
        ("sep_conv_3x3", 1),
        ("sep_conv_3x3", 0),
        ("sep_conv_3x3", 1),
        ("sep_conv_3x3", 1),
        ("skip_connect", 0),
        ("skip_connect", 0),
        ("dil_conv_3x3", 2),
    ],
    normal_concat=[2, 3, 4, 5],
    reduce=[
        ("max_pool_3x3", 0),
        ("max_pool_3x3", 1),
        ("skip_connect", 2),
        ("max_pool_3x3", 1),
        ("max_pool_3x3", 0),
        ("skip_connect", 2),
        ("skip_connect", 2),
        ("max_pool_3x3", 1),
    ],
    reduce_concat=[2, 3, 4, 5],
)


def samples(n, seed=0):
    rng = np.random.default_rng(seed)
    return [SPACE.sample(rng) for _ in range(n)]


def test_samples_share_their_pairs():
    """A search holds all cells that it has seen: pairs of their own would make each four times as large."""
    pairs = [pair for arch in samples(50) for cell in arch.cells for pair in cell]
    assert len({id(pair) for pair in pairs}) == len(set(pairs))


def test_contract():
    check_search_space(SPACE)


def test_size_is_that_of_the_paper():
    assert SPACE.size == (1 * 3 * 6 * 10 * 7**8) ** 2 == 1_076_746_950_455_072_400
    assert f"{SPACE.size:.2e}" == "1.08e+18"


def test_strings_are_genotypes_with_sources_in_order():
    arch = from_genotype(EXAMPLE)
    text = str(arch)
    assert text.startswith("Genotype(normal=[('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ")
    assert "('skip_connect', 0), ('sep_conv_3x3', 1), ('skip_connect', 0), ('dil_conv_3x3', 2)]" in text
    assert text.endswith("('max_pool_3x3', 1), ('skip_connect', 2)], reduce_concat=[2, 3, 4, 5])")
    assert eval(text, {"Genotype": Genotype}) == to_genotype(arch)
    assert SPACE.parse(text) == arch
    assert pickle.loads(pickle.dumps(arch)) == arch
    with pytest.raises(ArchitectureError, match="from_genotype"):
        SPACE.parse(str(EXAMPLE))


@pytest.mark.parametrize(
    "spelling",
    [
        str(EXAMPLE),
        str(EXAMPLE._replace(normal_concat=range(2, 6), reduce_concat=range(2, 6))),
        str(EXAMPLE._replace(normal_concat=(2, 3, 4, 5))),
        str(EXAMPLE).replace("'", '"').replace(", ", ","),
        EXAMPLE._replace(reduce_concat=range(2, 6)),
        tuple(EXAMPLE),
    ],
)
def test_other_spellings_of_a_genotype_are_read(spelling):
    assert from_genotype(spelling) == from_genotype(EXAMPLE)


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "Genotype()",
        None,
        5,
        str(EXAMPLE).replace("[2, 3, 4, 5]", "[3, 4, 5, 6]"),
        str(EXAMPLE).replace("[2, 3, 4, 5]", "range(2, 7)"),
        str(EXAMPLE).replace("dil_conv_3x3", "none"),
        str(EXAMPLE).replace("('skip_connect', 0), ('dil_conv_3x3', 2)", "('skip_connect', 0)"),
        str(EXAMPLE).replace("('dil_conv_3x3', 2)", "('dil_conv_3x3', 5)"),
        str(EXAMPLE).replace("('dil_conv_3x3', 2)", "__import__('os').system('false')"),
        EXAMPLE._replace(normal=[("sep_conv_3x3", 0)] * 8),
        EXAMPLE._replace(normal=7),
        EXAMPLE._replace(normal_concat=None),
        "[" * 2900,
    ],
)
def test_what_is_no_genotype_is_refused(bad):
    with pytest.raises(ArchitectureError):
        from_genotype(bad)


@pytest.mark.parametrize(
    "bad", [(), "ab", ((), ()), (None, None), (((0, 0),) * 8,) * 2, (((0, 0), (1, 7)) * 4,) * 2]
)
def test_what_is_no_compact_form_is_refused(bad):
    with pytest.raises(ArchitectureError):
        from_compact(bad)


def test_values_cannot_change():
    arch = samples(1)[0]
    with pytest.raises(AttributeError):
        arch.normal = arch.reduce
    with pytest.raises(AttributeError):
        del arch.normal


def test_conversions_agree_with_the_official_code():
    assert config_names() == tuple(OFFICIAL["names"])
    for row in OFFICIAL["rows"]:
        normal, reduce = row["genotype"]
        arch = from_genotype((normal, range(2, 6), reduce, range(2, 6)))
        assert to_config(arch) == row["config"]
        assert from_config(row["config"]) == arch
        np.testing.assert_array_equal(config_vector(arch), row["vector"])


def test_conversions_come_back():
    for arch in samples(200):
        assert from_compact(to_compact(arch)) == arch
        assert from_genotype(to_genotype(arch)) == arch
        assert from_config(to_config(arch)) == arch
        shuffled = [list(reversed(cell[k : k + 2])) for cell in arch.cells for k in range(0, 8, 2)]
        flat = list(itertools.chain.from_iterable(shuffled))
        assert DartsGenotype(flat[:8], flat[8:]) == arch


def test_configurations_that_contradict_themselves_are_refused():
    config = to_config(from_genotype(EXAMPLE))
    name = "NetworkSelectorDatasetInfo:darts:inputs_node_normal_3"
    edge = "NetworkSelectorDatasetInfo:darts:edge_normal_0"
    for bad in (
        {**config, name: "0_2"},
        {k: v for k, v in config.items() if k != name},
        {k: v for k, v in config.items() if k != edge},
        {**config, edge: "none"},
        {**config, edge: 3},
        {**config, "NetworkSelectorDatasetInfo:darts:edge_normal_4": "skip_connect"},
        {},
    ):
        with pytest.raises(ArchitectureError):
            from_config(bad)


def test_neighbors_are_120_by_operation_and_source():
    for arch in samples(20):
        kinds = Counter()
        for near in SPACE.neighbors(arch):
            changed = [
                (node, before, after)
                for one, other in zip(arch.cells, near.cells, strict=True)
                for node in range(4)
                if (before := set(one[2 * node : 2 * node + 2]))
                != (after := set(other[2 * node : 2 * node + 2]))
            ]
            assert len(changed) == 1
            _, before, after = changed[0]
            assert len(before & after) == 1
            ((source_a, op_a),), ((source_b, op_b),) = before - after, after - before
            kinds["op" if source_a == source_b else "source"] += 1
            assert (source_a == source_b) != (op_a == op_b)
        assert kinds == {"op": 96, "source": 24}


def test_sample_is_uniform_and_mutation_reaches_every_neighbor():
    rng = np.random.default_rng(0)
    archs = samples(4000)
    wires = Counter(tuple(source for source, _ in arch.normal) for arch in archs)
    assert len(wires) == 180
    assert max(wires.values()) < 3 * min(wires.values()) + 20
    ops = np.bincount([op for arch in archs for _, op in arch.reduce], minlength=7)
    assert (abs(ops / ops.sum() - 1 / 7) < 0.01).all()
    children = Counter(SPACE.mutate(archs[0], rng) for _ in range(3000))
    assert set(children) == set(SPACE.neighbors(archs[0]))


def test_crossover_takes_each_node_whole():
    rng = np.random.default_rng(0)
    a, b = samples(2)
    seen = set()
    for _ in range(200):
        child = SPACE.crossover(a, b, rng)
        for node in range(8):
            cell, k = divmod(node, 4)
            pairs = child.cells[cell][2 * k : 2 * k + 2]
            assert pairs in (a.cells[cell][2 * k : 2 * k + 2], b.cells[cell][2 * k : 2 * k + 2])
            seen.add((node, pairs))
    assert len(seen) >= 14


def graph(cell):
    made = networkx.DiGraph()
    made.add_nodes_from((node, {"kind": node if node < 2 else "inner"}) for node in range(6))
    for pair, (source, op) in enumerate(cell):
        made.add_edge(source, NODES[pair // 2], op=op)
    return made


def test_key_is_equal_exactly_for_isomorphic_cells():
    """Against networkx's isomorphism test, on cells of two operations, where many are."""
    rng = np.random.default_rng(1)
    cells = []
    for _ in range(150):
        pairs = []
        for node in NODES:
            a, b = sorted(rng.choice(node, 2, replace=False).tolist())
            pairs += [(a, int(rng.random() < 0.08)), (b, int(rng.random() < 0.08))]
        cells.append(tuple(pairs))
    graphs = [graph(cell) for cell in cells]
    same = equal = 0
    for (one, g1), (other, g2) in itertools.combinations(zip(cells, graphs, strict=True), 2):
        isomorphic = networkx.is_isomorphic(
            g1, g2, node_match=lambda a, b: a["kind"] == b["kind"], edge_match=lambda a, b: a["op"] == b["op"]
        )
        assert (canonical_cell(one) == canonical_cell(other)) == isomorphic
        same += isomorphic and one != other
        equal += one == other
    assert same >= 20
    fixed = cells[0]
    keys = {SPACE.key(DartsGenotype(cell, fixed)) for cell in cells}
    assert len(keys) == len({canonical_cell(cell) for cell in cells})
    assert SPACE.parse(min(keys))
    assert SPACE.key(SPACE.parse(min(keys))) == min(keys)


def test_adjacency_and_ordinal_encodings():
    arch = from_genotype(EXAMPLE)
    row = SPACE.encode([arch])[0].reshape(2, 14, 7)
    for cell, code in zip(arch.cells, row, strict=True):
        expected = np.zeros((14, 7))
        for pair, (source, op) in enumerate(cell):
            expected[edge_index(source, pair // 2 + 2), op] = 1
        np.testing.assert_array_equal(code, expected)
    ordinal = SPACE.encode([arch], "ordinal")[0].reshape(2, 11)
    assert ordinal[0].tolist() == [3, 3, 3, 3, 2, 3, 2, 5, 0, 0, 1]
    assert ordinal[1].tolist() == [0, 0, 0, 2, 0, 2, 0, 2, 2, 1, 4]
    np.testing.assert_array_equal(SPACE.encode([arch], "config"), config_vectors([arch]))
    with pytest.raises(ConfigError, match="adjacency"):
        SPACE.encode([arch], "adjacensy")


def test_path_encoding_marks_every_path_once():
    """Against an enumeration of all paths, numbered as naszilla does."""
    for arch in samples(20):
        expected = np.zeros(4 * 2801)
        for which, cell in enumerate(arch.cells):
            into = {node: cell[2 * node - 4 : 2 * node - 2] for node in NODES}

            def paths(node, into=into):
                if node < 2:
                    return [(node, ())]
                return [(start, (*ops, op)) for source, op in into[node] for start, ops in paths(source)]

            for node in NODES:
                for start, ops in paths(node):
                    place = sum(7**j * (op + 1) for j, op in enumerate(ops))
                    expected[which * 2 * 2801 + start * 2801 + place] = 1
        np.testing.assert_array_equal(SPACE.encode([arch], "path")[0], expected)


def test_strangers_are_refused():
    for method in (SPACE.key, SPACE.neighbors, lambda arch: SPACE.encode([arch])):
        with pytest.raises(ArchitectureError, match="parse"):
            method("Genotype")
    assert len(OPS) == 7
