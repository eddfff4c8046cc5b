"""The benchmark `table`: a user's own table, whole or a part, and files that are none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nascurve.benchmarks.cell201 import Cell201Space
from nascurve.benchmarks.held_space import HeldSpace
from nascurve.benchmarks.table_file import load_table
from nascurve.errors import ConfigError, DataFileError
from nascurve.testing import check_benchmark, check_search_space
from tests.benchmarks.test_table import ALL_NETWORKS, make_table

SPACE = Cell201Space()


def _written(path: Path, networks: list[str], **meta: object) -> Path:
    table = make_table(tuple(networks))
    replace(table, meta=replace(table.meta, benchmark="mine", version=2, **meta)).write(path)
    return path


def test_a_part_of_a_collection_can_be_searched(tmp_path: Path) -> None:
    path = _written(tmp_path / "part.npz", ALL_NETWORKS[::60])
    benchmark = load_table(data_file=path)
    assert (benchmark.info.name, benchmark.info.version, benchmark.info.kind) == ("mine", 2, "real")
    assert benchmark.info.required_files == ("part.npz",)
    space = benchmark.space
    assert isinstance(space, HeldSpace)
    assert {space.key(arch) for arch in space.all()} == set(ALL_NETWORKS[::60])
    assert {str(arch) for arch in space.all()} == {
        str(cell) for cell in SPACE.all() if SPACE.key(cell) in ALL_NETWORKS[::60]
    }
    check_benchmark(benchmark)
    check_search_space(space)
    best = benchmark.best()
    assert best is not None
    assert best[1] == max(benchmark.true_test_acc(arch) for arch in space.all())


def test_restrict(tmp_path: Path) -> None:
    part = _written(tmp_path / "part.npz", ALL_NETWORKS[:40])
    assert load_table(data_file=part, restrict=False).space.name == "cell201"
    whole = _written(tmp_path / "whole.npz", ALL_NETWORKS)
    assert load_table(data_file=whole).space.name == "cell201"
    assert load_table(data_file=whole, restrict=True).space.size == SPACE.size
    with pytest.raises(ConfigError, match="restrict"):
        load_table(data_file=part, restrict="yes")  # type: ignore[arg-type]


def test_networks_that_were_not_trained_are_left_out(tmp_path: Path) -> None:
    table = make_table(tuple(ALL_NETWORKS[:40]), trained=np.arange(40) % 2 == np.zeros((3, 1)))
    table.write(tmp_path / "half.npz")
    space = load_table(data_file=tmp_path / "half.npz").space
    assert {space.key(arch) for arch in space.all()} == set(ALL_NETWORKS[:40:2])  # type: ignore[attr-defined]


def test_official_seeds_are_those_of_the_network(tmp_path: Path) -> None:
    trained = np.array([[1, 0], [1, 1], [0, 1]], bool)
    make_table(tuple(ALL_NETWORKS[:2]), trained=trained).write(tmp_path / "gaps.npz")
    benchmark = load_table(data_file=tmp_path / "gaps.npz")
    space = benchmark.space
    seeds = {space.key(arch): benchmark.official_seeds(arch) for arch in space.all()}  # type: ignore[attr-defined]
    assert seeds == {ALL_NETWORKS[0]: (10, 11), ALL_NETWORKS[1]: (11, 12)}


def test_files_that_are_no_such_table(tmp_path: Path) -> None:
    with pytest.raises(DataFileError, match=r"nothing\.npz: no such file"):
        load_table(data_file=tmp_path / "nothing.npz")
    (tmp_path / "page.npz").write_text("<html>")
    with pytest.raises(DataFileError, match="web page"):
        load_table(data_file=tmp_path / "page.npz")
    other = _written(tmp_path / "other.npz", ALL_NETWORKS[:3], space="birds")
    with pytest.raises(DataFileError, match=r"other\.npz: .*'birds'.*Install the package"):
        load_table(data_file=other)
    wrong = _written(tmp_path / "wrong.npz", ALL_NETWORKS[:3], space="nats-sss")
    with pytest.raises(DataFileError, match="none of its architectures"):
        load_table(data_file=wrong)
    large = _written(tmp_path / "large.npz", ALL_NETWORKS[:3], space="darts")
    assert load_table(data_file=large).space.name == "darts"
    with pytest.raises(ConfigError, match="too large"):
        load_table(data_file=large, restrict=True)
    with pytest.raises(ConfigError, match="nascurve assemble"):
        load_table()
    with pytest.raises(ConfigError, match="data_file"):
        load_table(data_file=7)  # type: ignore[arg-type]
