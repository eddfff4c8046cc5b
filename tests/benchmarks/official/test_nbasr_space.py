"""The space asr: counts and hashes of the literature, and an independent hash from the reference text."""

from __future__ import annotations

import collections
import copy
import hashlib
import pickle

import numpy as np
import pytest

import nascurve
from nascurve.benchmarks.nbasr.space import CHOICES, OPS, ASRCell, ASRSpace
from nascurve.errors import ArchitectureError, ConfigError
from nascurve.testing import check_search_space

SPACE = ASRSpace()
CONV5 = SPACE.parse("[[1,0],[1,0,0],[1,0,0,0]]")
EMPTY = "d751713988987e9331980363e24189ce"


def has_zero(cell: ASRCell) -> bool:
    return "zero" in cell.ops


def matrix_hash(cell: ASRCell) -> str:
    """The official hash, written anew on a matrix of floats from its description."""
    edges = np.zeros((5, 5))
    for node, (_, *flags) in enumerate(cell.nodes, start=1):
        edges[node - 1, node] = edges[node, node + 1] = 1.0
        for source, flag in enumerate(flags):
            if flag:
                edges[source, node + 1] = 1.0
    labels = [-1, *(node[0] for node in cell.nodes), -2]
    for v in (1, 2, 3):
        if labels[v] == OPS.index("zero"):
            edges[v, :] = edges[:, v] = 0.0
    reach = np.linalg.matrix_power(np.eye(5) + edges, 5) > 0
    keep = [v for v in range(5) if reach[0, v] and reach[v, 4]]
    edges, labels = edges[np.ix_(keep, keep)], [labels[v] for v in keep]

    def digest(text: str) -> str:
        return hashlib.md5(text.encode()).hexdigest()

    n = range(len(keep))
    degrees = edges.sum(axis=1).tolist(), edges.sum(axis=0).tolist()
    h = [digest(str((degrees[0][v], degrees[1][v], labels[v]))) for v in n]
    for _ in n:
        h = [
            digest(
                "".join(sorted(h[w] for w in n if edges[w, v]))
                + "|"
                + "".join(sorted(h[w] for w in n if edges[v, w]))
                + "|"
                + h[v]
            )
            for v in n
        ]
    return digest(str(sorted(h)))


def computation(cell: ASRCell) -> tuple:
    """What the cell computes, as the model code does: a sum of nested operations on the input x. Terms that
    do not depend on x are dropped."""
    values: list[tuple] = [("x",)]
    for op, *flags in cell.nodes:
        terms = [] if OPS[op] == "zero" or not values[-1] else [(op, values[-1])]
        for value, flag in zip(values, flags, strict=False):
            terms += value if flag else ()
        values.append(tuple(sorted(terms, key=repr)))
    return values[-1]


# --- counts and hashes ------------------------------------------------------------------------------------


def test_counts_of_the_literature():
    cells = SPACE.all()
    assert len(set(map(str, cells))) == len(cells) == SPACE.size == 13_824
    assert len({SPACE.key(cell) for cell in cells}) == 8_242
    without_zero = [cell for cell in cells if not has_zero(cell)]
    assert len(without_zero) == len({SPACE.key(cell) for cell in without_zero}) == 8_000


def test_published_hashes():
    assert SPACE.key(CONV5) == "36855332a5778e0df5114305bc3ce238"  # printed in the official README
    assert SPACE.key(SPACE.parse("[[5,0],[1,0,0],[1,0,0,0]]")) == EMPTY == hashlib.md5(b"[]").hexdigest()
    assert sum(SPACE.key(cell) == EMPTY for cell in SPACE.all()) == 812


def test_hash_equals_an_independent_one():
    cells = SPACE.all()
    for index in np.random.default_rng(0).permutation(len(cells))[:1500]:
        assert SPACE.key(cells[index]) == matrix_hash(cells[index]), cells[index]


def test_hash_is_of_the_official_graph_not_of_the_computation():
    """What docs/nbasr.md says: among cells with `zero` some hashes stand for several computations."""
    by_hash, by_computation = collections.defaultdict(set), collections.defaultdict(set)
    for cell in SPACE.all():
        by_hash[SPACE.key(cell)].add(computation(cell))
        by_computation[computation(cell)].add(SPACE.key(cell))
    assert len(by_computation) == 8_845
    assert sum(len(each) > 1 for each in by_hash.values()) == 242
    assert sum(len(each) > 1 for each in by_computation.values()) == 478
    merged = [cell for cell in SPACE.all() if len(by_hash[SPACE.key(cell)]) > 1]
    assert all(map(has_zero, merged))
    twice = SPACE.parse("[[5,1],[0,0,0],[0,0,0,0]]"), SPACE.parse("[[5,1],[0,0,1],[0,0,0,0]]")
    assert SPACE.key(twice[0]) == SPACE.key(twice[1])
    assert computation(twice[0]) != computation(twice[1])


# --- the space --------------------------------------------------------------------------------------------


def test_contract():
    check_search_space(SPACE)
    check_search_space(nascurve.create_search_space("asr"), np.random.default_rng(1))


def test_order_is_the_official_enumeration():
    """`get_all_architectures`: a counter whose first number runs fastest."""
    counter = [0] * 9
    for cell in SPACE.all():
        assert list(cell.numbers) == counter
        for place, choices in enumerate(CHOICES):
            counter[place] = (counter[place] + 1) % choices
            if counter[place]:
                break
    assert [cell.index for cell in SPACE.all()] == list(range(SPACE.size))


def test_neighbors_are_15_operations_and_6_skips():
    for cell in (SPACE.all()[0], CONV5, SPACE.all()[-1]):
        near = SPACE.neighbors(cell)
        changed = [[i for i in range(9) if cell.numbers[i] != other.numbers[i]] for other in near]
        assert all(len(places) == 1 for places in changed)
        ops = sum(places[0] in (0, 2, 5) for places in changed)
        assert (ops, len(near) - ops) == (15, 6)
    rng = np.random.default_rng(0)
    counts = collections.Counter(SPACE.mutate(CONV5, rng) for _ in range(4200))
    assert set(counts) == set(SPACE.neighbors(CONV5))
    assert all(140 < count < 260 for count in counts.values())


def test_crossover_takes_each_number_from_a_parent():
    a, b = SPACE.parse("[[0,0],[0,0,0],[0,0,0,0]]"), SPACE.parse("[[4,1],[3,1,1],[2,1,1,1]]")
    rng = np.random.default_rng(0)
    children = [SPACE.crossover(a, b, rng) for _ in range(2000)]
    from_b = np.array([[n != 0 for n in child.numbers] for child in children])
    assert all(n in (a.numbers[i], b.numbers[i]) for child in children for i, n in enumerate(child.numbers))
    assert np.all(np.abs(from_b.mean(axis=0) - 0.5) < 0.05)


def test_sample_is_uniform():
    rng = np.random.default_rng(0)
    ordinal = SPACE.encode([SPACE.sample(rng) for _ in range(6000)], "ordinal")
    for place, choices in enumerate(CHOICES):
        counts = np.bincount(ordinal[:, place].astype(int), minlength=choices)
        assert np.all(np.abs(counts / 6000 - 1 / choices) < 0.03)


def test_encodings():
    cells = [CONV5, SPACE.parse("[[2,1],[3,1,0],[4,1,0,0]]"), SPACE.parse("[[1,0],[5,0,0],[2,0,0,0]]")]
    adjacency = SPACE.encode(cells)
    assert adjacency.shape == (3, 30)
    assert (adjacency.sum(axis=1) == 9).all()
    assert adjacency[1].nonzero()[0].tolist() == [2, 7, 11, 15, 16, 22, 25, 26, 28]
    assert SPACE.encode(cells, "ordinal")[1].tolist() == [2, 1, 3, 1, 0, 4, 1, 0, 0]
    path = SPACE.encode(cells, "path")
    assert path.shape == (3, 156)
    assert path[0].nonzero()[0].tolist() == [31 + 1 + 5 + 25]
    # Skips of nodes 1 to 3 from the input: paths straight to vertices 2, 3 and the output.
    expected = {0, 1 + 4, 6 + 3 + 5 * 4, 31 + 2 + 5 * 3 + 25 * 4}
    assert set(path[1].nonzero()[0].tolist()) == expected
    assert not path[2].any()
    with pytest.raises(ConfigError, match="no encoding 'paths'"):
        SPACE.encode(cells, "paths")


def test_path_encoding_counts_paths_of_the_hashed_graph():
    """Equal hashes come with equal paths, since both are of the same graph."""
    codes = SPACE.encode(SPACE.all(), "path")
    seen: dict[str, bytes] = {}
    for cell, code in zip(SPACE.all(), codes, strict=True):
        assert seen.setdefault(SPACE.key(cell), code.tobytes()) == code.tobytes(), cell


@pytest.mark.parametrize(
    "text",
    [
        "[[1, 0], [1, 0, 0], [1, 0, 0, 0]]",
        "[[6,0],[1,0,0],[1,0,0,0]]",
        "[[1,2],[1,0,0],[1,0,0,0]]",
        "[[1,0],[1,0,0]]",
        "[(1,0),(1,0,0),(1,0,0,0)]",
        "[[1,0],[1,0,0],[1,0,0,0]]\n",
        "[[١,0],[1,0,0],[1,0,0,0]]",
        7,
    ],
)
def test_parse_refuses_other_texts(text):
    with pytest.raises(ArchitectureError, match="without spaces"):
        SPACE.parse(text)


@pytest.mark.parametrize(
    "nodes",
    [
        [[1, 0], [1, 0, 0]],
        [[1, 0], [1, 0, 0], [1, 0, 0]],
        [[6, 0], [1, 0, 0], [1, 0, 0, 0]],
        [[1, 0], [1, 0, 2], [1, 0, 0, 0]],
        [[1.0, 0], [1, 0, 0], [1, 0, 0, 0]],
        [[True, 0], [1, 0, 0], [1, 0, 0, 0]],
        [[10**400, 0], [1, 0, 0], [1, 0, 0, 0]],
        "[[1,0],[1,0,0],[1,0,0,0]]",
        None,
    ],
)
def test_cell_refuses_what_is_no_cell(nodes):
    with pytest.raises(ArchitectureError, match="ASRCell: expected"):
        ASRCell(nodes)


def test_cells_are_values():
    assert ASRCell([(1, 0), [1, 0, 0], (np.int64(1), 0, 0, 0)]) is CONV5
    assert pickle.loads(pickle.dumps(CONV5)) is copy.deepcopy(CONV5) is copy.copy(CONV5) is CONV5
    assert CONV5.nodes == ((1, 0), (1, 0, 0), (1, 0, 0, 0))
    assert CONV5.ops == ("conv5", "conv5", "conv5")
    with pytest.raises(AttributeError, match="immutable"):
        CONV5.index = 3
    with pytest.raises(AttributeError, match="immutable"):
        del CONV5.index
    with pytest.raises(ArchitectureError, match="asr was expected"):
        SPACE.key("[[1,0],[1,0,0],[1,0,0,0]]")
