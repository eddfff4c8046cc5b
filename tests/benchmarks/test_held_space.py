"""HeldSpace: a space cut down to what a table holds."""

from __future__ import annotations

import subprocess
import sys
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nascurve.benchmarks.cell201 import Cell201Space
from nascurve.benchmarks.held_space import HeldSpace
from nascurve.errors import ArchitectureError, ConfigError
from nascurve.testing.search_space import check_search_space

SPACE = Cell201Space()


def held(n, seed=0, **options):
    rows = np.sort(np.random.default_rng(seed).choice(SPACE.size, n, replace=False))
    return HeldSpace(SPACE, [SPACE.all()[row] for row in rows], **options)


class Coded(Cell201Space):
    """Cells with encodings of the test's choice."""

    encodings = ("mine",)

    def __init__(self, codes):
        super().__init__()
        self.codes = codes

    def encode(self, archs, kind=None):
        return np.array([self.codes[arch] for arch in archs], dtype=np.float64)


# --- contract ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, 3, 9, 10, 300, 15_625])
def test_is_a_search_space(n):
    check_search_space(held(n), n=20)


def test_holds_exactly_the_given_ones():
    space = held(100)
    assert space.size == len(space.all()) == 100
    assert space.base is SPACE
    rng = np.random.default_rng(0)
    assert {space.sample(rng) for _ in range(3_000)} == set(space.all())
    outside = next(cell for cell in SPACE.all() if cell not in set(space.all()))
    assert not space.contains(outside)
    for use in (space.neighbors, lambda a: space.parse(str(a)), lambda a: space.mutate(a, rng)):
        with pytest.raises(ArchitectureError, match="that is not held"):
            use(outside)


def test_delegates_to_the_base():
    space = held(50)
    archs = space.all()
    for kind in SPACE.encodings:
        np.testing.assert_array_equal(space.encode(archs, kind), SPACE.encode(archs, kind))
    assert [space.key(a) for a in archs] == [SPACE.key(a) for a in archs]
    assert space.parse(str(archs[7])) is archs[7]
    assert not hasattr(space, "crossover")


# --- neighbourhoods ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [2, 5, 30, 400])
def test_mutual_and_connected(n):
    space = held(n, seed=n)
    near = {arch: set(space.neighbors(arch)) for arch in space.all()}
    assert all(arch in near[other] for arch in near for other in near[arch])
    seen, frontier = {space.all()[0]}, [space.all()[0]]
    while frontier:
        new = near[frontier.pop()] - seen
        seen |= new
        frontier += new
    assert len(seen) == n


def test_held_base_neighbours_come_first_and_none_is_lost():
    space = held(8_000)
    for arch in space.all()[::500]:
        base = [cell for cell in SPACE.neighbors(arch) if space.contains(cell)]
        assert list(space.neighbors(arch)[: len(base)]) == base


def test_near_ones_are_mutual_nearest_by_distance():
    """Against all pairwise distances, computed plainly, on codes without ties."""
    cells = SPACE.all()[:: 15_625 // 60]
    codes = dict(zip(cells, np.random.default_rng(0).normal(size=(len(cells), 5)), strict=True))
    space = HeldSpace(Coded(codes), cells, n_nearest=4)
    points = np.array([codes[cell] for cell in cells])
    distance = ((points[:, None] - points) ** 2).sum(-1)
    rank = np.argsort(np.argsort(distance, axis=1), axis=1)
    mutual = (rank <= 4) & (rank.T <= 4) & ~np.eye(len(cells), dtype=bool)
    ring = sorted(range(len(cells)), key=lambda row: tuple(points[row]))
    for row, cell in enumerate(cells):
        place = ring.index(row)
        expected = set(np.flatnonzero(mutual[row])) | {ring[place - 1], ring[(place + 1) % len(ring)]}
        expected |= {cells.index(near) for near in SPACE.neighbors(cell) if near in codes}
        assert {cells.index(near) for near in space.neighbors(cell)} == expected


def test_neighbours_do_not_depend_on_the_pieces_that_distances_are_computed_in(monkeypatch):
    def all_neighbours():
        space = held(200)
        return [space.neighbors(arch) for arch in space.all()]

    expected = all_neighbours()
    monkeypatch.setattr("nascurve.benchmarks.held_space._CHUNK", 7)
    assert all_neighbours() == expected


def test_all_codes_equal_is_still_connected_and_bounded():
    cells = SPACE.all()[::50]
    space = HeldSpace(Coded(dict.fromkeys(cells, (0.5,))), cells)
    sizes = [len(space.neighbors(cell)) for cell in cells]
    assert min(sizes) >= 2
    assert max(sizes) <= 24 + 8 + 2


@settings(max_examples=30, deadline=None)
@given(
    n=st.integers(2, 40),
    n_nearest=st.integers(1, 12),
    scale=st.sampled_from([1e-12, 1.0, 1e9]),
    seed=st.integers(0, 100),
)
def test_any_codes(n, n_nearest, scale, seed):
    rng = np.random.default_rng(seed)
    cells = [SPACE.all()[row] for row in rng.choice(SPACE.size, n, replace=False)]
    codes = dict(zip(cells, scale * rng.integers(0, 3, (n, 4)) + rng.normal(size=(n, 4)), strict=True))
    space = HeldSpace(Coded(codes), cells, n_nearest=n_nearest)
    for cell in cells:
        near = space.neighbors(cell)
        assert near
        assert cell not in near
        assert all(cell in space.neighbors(other) for other in near)


def test_same_neighbours_in_every_process_and_order_of_asking():
    code = (
        "from nascurve.benchmarks import cell201, held_space; S = cell201.Cell201Space;"
        "s = held_space.HeldSpace(S(), S().all()[::80]);"
        "print([[str(b) for b in s.neighbors(a)] for a in s.all()[{order}]][{order}])"
    )
    answers = {
        subprocess.run(
            [sys.executable, "-c", code.format(order=order)], capture_output=True, check=True
        ).stdout
        for order in ("::1", "::-1")
    }
    assert len(answers) == 1


def test_neighbours_lead_uphill():
    """On a smooth objective nearly every architecture below the top has a better neighbour."""
    space = held(2_000)
    height = {arch: float(SPACE.encode([arch], "ordinal").sum()) for arch in space.all()}
    low = [arch for arch in space.all()[:300] if height[arch] < 18]
    assert np.mean([max(height[b] for b in space.neighbors(a)) > height[a] for a in low]) > 0.95


# --- speed ------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_fast_for_15_000():
    start = time.perf_counter()
    space = held(15_000)
    for arch in space.all()[:500]:
        space.neighbors(arch)
    assert time.perf_counter() - start < 10


# --- names and errors -------------------------------------------------------------------------------------


def test_name_follows_the_content():
    assert held(50).name == held(50).name
    assert held(50).name.startswith("cell201-held-")
    assert held(50).name != held(51).name != held(51, seed=1).name
    assert held(50, digest="0123456789abcdef").name == "cell201-held-01234567"


def test_refusals():
    cells = SPACE.all()
    with pytest.raises(ConfigError, match="got none"):
        HeldSpace(SPACE, [])
    with pytest.raises(ConfigError, match="held twice"):
        HeldSpace(SPACE, [cells[0], cells[1], cells[0]])
    with pytest.raises(ArchitectureError, match="not in that space"):
        HeldSpace(SPACE, [str(cells[0])])
    with pytest.raises(ConfigError, match="n_nearest"):
        HeldSpace(SPACE, cells[:2], n_nearest=0)
    with pytest.raises(ConfigError, match="encoding"):
        HeldSpace(SPACE, cells[:2], encoding="paths")
    with pytest.raises(ConfigError, match="digest"):
        HeldSpace(SPACE, cells[:2], digest="short")
    with pytest.raises(ArchitectureError, match="single"):
        HeldSpace(SPACE, cells[:1]).mutate(cells[0], np.random.default_rng(0))
