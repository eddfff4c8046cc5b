"""The space nb101: official hashes, counts found by brute force, encodings and changes of published codes."""

from __future__ import annotations

import copy
import itertools
import pickle

import numpy as np
import pytest

import nascurve
from nascurve.benchmarks.nb101.cell import PAIRS, Cell101
from nascurve.benchmarks.nb101.graph_hash import OPS, cell_hash, hash_labelled, iterated_md5
from nascurve.benchmarks.nb101.space import MUTATIONS, N_CLASSES, SIZE, NB101Space
from nascurve.errors import ArchitectureError, ConfigError
from nascurve.testing import check_search_space
from tests.official_data import nb101 as made_up

SPACE = NB101Space()
CONV3, CONV1, POOL = OPS
ROWS = [
    [int(digit) for digit in row]
    for row in ["0100110", "0010000", "0001001", "0000010", "0000010", "0000001", "0000000"]
]
ROWS_OPS = ["input", CONV3, POOL, CONV3, CONV3, CONV1, "output"]


def samples(n: int, seed: int = 0) -> list[Cell101]:
    rng = np.random.default_rng(seed)
    return [SPACE.sample(rng) for _ in range(n)]


def test_contract() -> None:
    check_search_space(SPACE)
    assert isinstance(nascurve.create_search_space("nb101"), NB101Space)


def test_official_hashes() -> None:
    """The first is of the official files, the second of the reference text's own code."""
    assert cell_hash(ROWS, ROWS_OPS) == "00005c142e6f48ac74fdcf73e3439874"
    chain = [[0, 1, 0], [0, 0, 1], [0, 0, 0]]
    assert cell_hash(chain, ["input", CONV3, "output"]) == "b49ac8c578b4561d79ac7087988f1c61"
    assert SPACE.key(Cell101(ROWS, ROWS_OPS)) == "00005c142e6f48ac74fdcf73e3439874"
    assert iterated_md5([], [], []) == "d751713988987e9331980363e24189ce"  # NAS-Bench-ASR's empty graph


def test_hash_takes_numpy_and_the_independent_one_agrees() -> None:
    for matrix, ops in made_up.cells(60, seed=3):
        expected = made_up.module_hash(matrix, ops)
        assert cell_hash(matrix.astype(np.int8), ops) == expected
        assert cell_hash(matrix.astype(float), ops) == expected
        assert Cell101(matrix, ops).official_hash() == expected


def test_pruned_cell_has_the_same_hash() -> None:
    for cell in samples(200):
        matrix, ops = cell.pruned()
        assert cell_hash(matrix, ops) == cell_hash(cell.matrix, cell.ops) == SPACE.key(cell)
        assert np.sum(matrix) <= 9
        assert len(ops) == len(cell.graph.vertices)
        table = np.array(matrix)
        assert table[:-1].any(axis=1).all()
        assert table[:, 1:].any(axis=0).all()
        assert made_up.module_hash(table, ops) == SPACE.key(cell)


def canonical(matrix: np.ndarray, labels: tuple[int, ...]) -> tuple[int, ...]:
    """The least of all vertex renumberings that leave input and output in place."""
    n = len(matrix)
    forms = []
    for inner in itertools.permutations(range(1, n - 1)):
        order = [0, *inner, n - 1]
        renumbered = matrix[np.ix_(order, order)]
        forms.append((n, *renumbered.ravel().tolist(), *(labels[v - 1] for v in inner)))
    return min(forms)


def test_numbers_of_networks_up_to_five_vertices() -> None:
    """Isomorphism classes found by trying all renumberings, and official hashes: each class has a hash of its
    own, so that the authors' rule to enumerate networks by hash gives the numbers of classes."""
    found = []
    for n in (2, 3, 4, 5):
        pairs = list(itertools.combinations(range(n), 2))
        classes: dict[tuple[int, ...], set[str]] = {}
        for bits in itertools.product((0, 1), repeat=len(pairs)):
            matrix = np.zeros((n, n), dtype=int)
            matrix[tuple(zip(*pairs, strict=True))] = bits
            full = matrix[:-1].any(axis=1).all() and matrix[:, 1:].any(axis=0).all()
            if not full or matrix.sum() > 9:
                continue
            for labels in itertools.product(range(3), repeat=n - 2):
                key = cell_hash(matrix, ["input", *(OPS[label] for label in labels), "output"])
                classes.setdefault(canonical(matrix, labels), set()).add(key)
        assert all(len(keys) == 1 for keys in classes.values())
        assert len(set().union(*classes.values())) == len(classes)
        found.append(len(classes))
    assert found == [1, 6, 84, 2_441]


@pytest.mark.slow
def test_number_of_all_networks() -> None:
    """The 423,624 of the paper, hashed one by one as the authors' `generate_graphs.py` does."""
    known = set()
    for n in range(2, 8):
        pairs = list(itertools.combinations(range(n), 2))
        for bits in range(2 ** len(pairs)):
            if bits.bit_count() > 9:
                continue
            chosen = [pair for k, pair in enumerate(pairs) if bits >> k & 1]
            after = [[w for v, w in chosen if v == u] for u in range(n)]
            before = [[v for v, w in chosen if w == u] for u in range(n)]
            if all(after[:-1]) and all(before[1:]):
                for labels in itertools.product(range(3), repeat=n - 2):
                    known.add(bytes.fromhex(hash_labelled((-1, *labels, -2), before, after)))
    assert len(known) == N_CLASSES


def test_size_counts_every_valid_string() -> None:
    edge_sets = np.arange(2 ** len(PAIRS))
    edge = {pair: edge_sets >> k & 1 > 0 for k, pair in enumerate(PAIRS)}
    ahead, back = {0: np.ones(len(edge_sets), bool)}, {6: np.ones(len(edge_sets), bool)}
    for w in range(1, 7):
        ahead[w] = np.any([ahead[v] & edge[v, w] for v in range(w)], axis=0)
    for v in range(5, -1, -1):
        back[v] = np.any([back[w] & edge[v, w] for w in range(v + 1, 7)], axis=0)
    kept = sum((edge[v, w] & ahead[v] & back[w]).astype(int) for v, w in PAIRS)
    assert SPACE.size == SIZE == 3**5 * int(((kept > 0) & (kept <= 9)).sum())


def test_strings_are_the_official_fields() -> None:
    cell = Cell101(ROWS, ROWS_OPS)
    digits = "".join(str(digit) for row in ROWS for digit in row)
    assert str(cell) == f"{digits}:{','.join(ROWS_OPS)}"
    assert SPACE.parse(str(cell)) == cell
    assert cell.matrix == tuple(map(tuple, ROWS))
    assert cell.ops == tuple(ROWS_OPS)


def test_smaller_cells_are_filled_up_before_the_output() -> None:
    cell = Cell101([[0, 1, 1], [0, 0, 1], [0, 0, 0]], ["input", POOL, "output"])
    assert cell.ops == ("input", POOL, CONV3, CONV3, CONV3, CONV3, "output")
    assert np.argwhere(cell.matrix).tolist() == [[0, 1], [0, 6], [1, 6]]
    assert cell.pruned() == (((0, 1, 1), (0, 0, 1), (0, 0, 0)), ("input", POOL, "output"))


@pytest.mark.parametrize(
    ("matrix", "ops"),
    [
        ([[0, 1], [0, 0]], ["input", CONV3, "output"]),
        ([[0, 1], [1, 0]], ["input", "output"]),
        ([[0, 2], [0, 0]], ["input", "output"]),
        ([[0, 0], [0, 0]], ["input", "output"]),
        ([[0]], ["input"]),
        ([[0, 1, 0], [0, 0], [0, 0, 0]], ["input", CONV3, "output"]),
        ([[0, 1, 0], [0, 0, 1], [0, 0, 0]], ["input", "conv5x5", "output"]),
        ([[0, 1, 0], [0, 0, 1], [0, 0, 0]], ["output", CONV3, "input"]),
        (np.triu(np.ones((7, 7), int), 1), ["input", *[CONV3] * 5, "output"]),
        (np.triu(np.ones((8, 8), int), 1), ["input", *[CONV3] * 6, "output"]),
        (None, None),
        ("01", "io"),
    ],
)
def test_no_cells(matrix: object, ops: object) -> None:
    with pytest.raises(ArchitectureError):
        Cell101(matrix, ops)  # type: ignore[arg-type]


def test_parse_refuses_invalid_cells_and_unknown_operations() -> None:
    text = str(Cell101(ROWS, ROWS_OPS))
    for bad in (text.replace(POOL, "maxpool5x5"), "0" * 49 + text[49:], text[1:], text.replace("0", "2"), 7):
        with pytest.raises(ArchitectureError):
            SPACE.parse(bad)  # type: ignore[arg-type]


def test_cells_are_values() -> None:
    cell = samples(1)[0]
    for twin in (copy.deepcopy(cell), pickle.loads(pickle.dumps(cell)), SPACE.parse(str(cell))):
        assert twin == cell
        assert hash(twin) == hash(cell)
    with pytest.raises(AttributeError):
        cell.edges = 1
    with pytest.raises(AttributeError):
        del cell.edges


def test_key_survives_renumbering() -> None:
    rng = np.random.default_rng(1)
    renumbered = 0
    for cell in samples(300):
        order = [0, *(1 + rng.permutation(5)).tolist(), 6]
        matrix = np.array(cell.matrix)[np.ix_(order, order)]
        if np.tril(matrix).any():
            continue
        renumbered += 1
        assert SPACE.key(Cell101(matrix, [cell.ops[v] for v in order])) == SPACE.key(cell)
    assert renumbered > 20


def test_neighbors_are_all_single_changes() -> None:
    for cell in samples(30):
        expected = []
        for v, w in PAIRS:
            rows = [list(row) for row in cell.matrix]
            rows[v][w] = 1 - rows[v][w]
            expected.append((rows, list(cell.ops)))
        for v in range(1, 6):
            expected += [
                ([*cell.matrix], [*cell.ops[:v], op, *cell.ops[v + 1 :]]) for op in OPS if op != cell.ops[v]
            ]
        valid = []
        for rows, ops in expected:
            try:
                valid.append(Cell101(rows, ops))
            except ArchitectureError:
                continue
        assert list(SPACE.neighbors(cell)) == valid
        assert len(valid) >= 10


def test_mutate_is_uniform_over_the_neighbors() -> None:
    cell, rng = samples(1)[0], np.random.default_rng(0)
    near = SPACE.neighbors(cell)
    counts = dict.fromkeys(near, 0)
    for _ in range(200 * len(near)):
        counts[SPACE.mutate(cell, rng)] += 1
    assert min(counts.values()) > 130
    assert max(counts.values()) < 280


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_published_mutations_have_their_rates(mutation: str) -> None:
    """On a cell whose changes are nearly all valid: a direct edge and unconnected vertices."""
    space = NB101Space(mutation=mutation)
    cell = Cell101([[0, 1], [0, 0]], ["input", "output"])
    rng = np.random.default_rng(0)
    children = [space.mutate(cell, rng) for _ in range(4000)]
    assert all(space.contains(child) and child != cell for child in children)
    edge_rate, op_rate = MUTATIONS[mutation]
    changed = 1 - (1 - edge_rate) ** 20 * (1 - op_rate) ** 5  # the direct edge seldom goes
    for pair in ((1, 3), (2, 5)):
        rate = np.mean([child.matrix[pair[0]][pair[1]] for child in children])
        assert rate == pytest.approx(edge_rate / changed, abs=0.025)
    assert np.mean([child.ops[2] != CONV3 for child in children]) == pytest.approx(
        op_rate / changed, abs=0.03
    )
    assert len({child.ops[2] for child in children}) == 3


def test_sample_is_uniform_over_valid_matrices() -> None:
    drawn = samples(4000)
    used = np.bincount([len(cell.graph.vertices) for cell in drawn], minlength=8) / len(drawn)
    # exact shares, from counting all 1,538,083 valid edge sets
    assert used[2:] == pytest.approx(
        np.array([149607, 310754, 422740, 466334, 183855, 4793]) / 1538083, abs=0.03
    )


def test_crossover_mixes_both_parents() -> None:
    rng = np.random.default_rng(0)
    from_a = from_b = 0
    cells = samples(200)
    for a, b in itertools.pairwise(cells):
        child = SPACE.crossover(a, b, rng)
        one, two, three = (np.array(cell.matrix) for cell in (a, b, child))
        assert ((three == one) | (three == two)).all()
        assert all(op in pair for op, pair in zip(child.ops, zip(a.ops, b.ops, strict=True), strict=True))
        from_a += int((three != two).sum())
        from_b += int((three != one).sum())
    assert 0.7 < from_a / from_b < 1.4


def walk(matrix: np.ndarray, ops: tuple[str, ...], v: int) -> list[list[str]]:
    """All paths from vertex v to the output, as lists of operations."""
    if v == 6:
        return [[]]
    step = [] if v == 0 else [ops[v]]
    return [step + path for w in np.flatnonzero(matrix[v]) for path in walk(matrix, ops, int(w))]


def test_path_encoding_follows_naszilla() -> None:
    cells = samples(100)
    codes = SPACE.encode(cells, "path")
    assert codes.shape == (100, 364)
    for cell, code in zip(cells, codes, strict=True):
        places = set()
        for path in walk(np.array(cell.matrix), cell.ops, 0):
            places.add(sum(3**i * (OPS.index(op) + 1) for i, op in enumerate(path)))
        assert set(np.flatnonzero(code).tolist()) == places


def test_adjacency_and_ordinal_encodings() -> None:
    cell = Cell101(ROWS, ROWS_OPS)
    bits = [float(ROWS[v][w]) for v in range(7) for w in range(v + 1, 7)]
    ordinal = SPACE.encode([cell], "ordinal")[0]
    assert ordinal.tolist() == [*bits, 0.5, 1.0, 0.5, 0.5, 0.0]
    adjacency = SPACE.encode([cell])[0]
    assert adjacency[:21].tolist() == bits
    assert adjacency[21:].reshape(5, 3).argmax(axis=1).tolist() == [0, 2, 0, 0, 1]
    assert adjacency[21:].sum() == 5


def test_options_are_checked() -> None:
    with pytest.raises(ConfigError, match="mutation"):
        NB101Space(mutation="other")
    with pytest.raises(ArchitectureError):
        SPACE.key("0")  # type: ignore[arg-type]
