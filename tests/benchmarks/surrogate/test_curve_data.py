"""The runs that a surrogate is fitted to: what is kept of them, and what is refused."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from nascurve.benchmarks.cell201 import Cell201Space
from nascurve.benchmarks.nbnlp.space import RecurrentSpace
from nascurve.benchmarks.surrogate.curve_data import CurveData
from nascurve.errors import ArchitectureError, ConfigError

SPACE = Cell201Space()
ALL = SPACE.all()


def _data(n=4, epochs=5, **changes):
    archs = [ALL[3124 - 7 * i] for i in range(n)]
    return CurveData.of(SPACE, archs, np.linspace(0.1, 0.9, n * epochs).reshape(n, epochs), **changes)


def test_keys_seconds_and_seeds_are_filled_in():
    arch, other = ALL[3124], ALL[3000]
    data = CurveData.of(SPACE, [arch, other, arch], [[0.1, 0.2]] * 3)
    assert data.keys == (SPACE.key(arch), SPACE.key(other), SPACE.key(arch))
    assert data.seeds.tolist() == [0, 0, 1]
    assert np.isnan(data.epoch_s).all()
    assert (len(data), data.n_epochs) == (3, 2)


def test_rows_of_one_network_are_together_whatever_its_string():
    twins = [arch for arch in ALL if SPACE.key(arch) == SPACE.key(ALL[0])][:2]
    assert twins[0] != twins[1]
    data = CurveData.of(SPACE, [ALL[3124], twins[0], ALL[3124], twins[1]], np.full((4, 2), 0.5))
    assert [rows.tolist() for rows in data.by_arch()] == [[0, 2], [1, 3]]


def test_arrays_are_copies_and_read_only():
    curves = np.full((1, 3), 0.5)
    data = CurveData.of(SPACE, [ALL[0]], curves)
    curves[:] = 0.9
    assert (data.val_acc == 0.5).all()
    for array in (data.val_acc, data.epoch_s, data.seeds):
        assert not array.flags.writeable


def test_subset_by_number_and_by_mask_keeps_rows_together():
    data = _data(epoch_s=[1.0, 2.0, 3.0, 4.0], seeds=[5, 6, 7, 8])
    some = data.subset([2, 0])
    assert some.archs == (data.archs[2], data.archs[0])
    assert some.seeds.tolist() == [7, 5]
    assert some.epoch_s.tolist() == [3.0, 1.0]
    assert np.array_equal(some.val_acc, data.val_acc[[2, 0]])
    assert data.subset(np.array([True, False, True, False])).archs == data.archs[::2]
    with pytest.raises(ConfigError, match="got none"):
        data.subset([])


def test_runs_that_end_early_are_told():
    curves = np.full((3, 4), 0.5)
    curves[1, 2:] = np.nan
    curves[2] = np.nan  # diverged in the first epoch
    assert _data(n=3, epochs=4).diverged.tolist() == [False] * 3
    assert CurveData.of(SPACE, ALL[:3], curves).diverged.tolist() == [False, True, True]


def test_sha256_tells_any_change():
    data = _data()
    changed = [
        _data(seeds=[0, 0, 0, 1]),
        _data(epoch_s=[1.0, 2.0, 3.0, 4.0]),
        CurveData.of(SPACE, data.archs, data.val_acc + 0.01),
        data.subset([1, 0, 2, 3]),
    ]
    assert len({data.sha256, *(other.sha256 for other in changed)}) == 5
    assert _data().sha256 == data.sha256


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: CurveData.of(SPACE, [], np.zeros((0, 3))), "one training run or more"),
        (lambda: CurveData.of(SPACE, ALL[:2], [[0.1, 0.2], [0.1]]), "one length, got 1 to 2 epochs"),
        (lambda: CurveData.of(SPACE, ALL[:2], [[0.5, 0.6]]), r"shape \(2, epochs\), got shape \(1, 2\)"),
        (lambda: CurveData.of(SPACE, ALL[:1], [[0.5, "good"]]), "expected numbers"),
        (lambda: CurveData.of(SPACE, ALL[:2], np.full((2, 3), 70.0)), "run 1 .*In percent"),
        (lambda: CurveData.of(SPACE, ALL[:1], [[0.5, np.inf]]), "epoch 2: expected an accuracy"),
        (lambda: CurveData.of(SPACE, ALL[:1], [[0.5, -0.1]]), "got -0.1"),
        (lambda: CurveData.of(SPACE, ALL[:2], np.full((2, 3), np.nan)), "NaN alone, in all 2 runs"),
        (lambda: CurveData.of(SPACE, ALL[:1], [[0.5]], epoch_s=[-1.0]), "run 1: expected seconds"),
        (lambda: CurveData.of(SPACE, ALL[:1], [[0.5]], epoch_s=[1.0, 2.0]), "epoch_s: .*1 runs"),
        (lambda: CurveData.of(SPACE, ALL[:1], [[0.5]], seeds=[0.5]), "seeds: expected a whole number"),
        (lambda: CurveData.of(SPACE, ALL[:1], [[0.5]], epoch_s=["fast"]), "epoch_s: expected a number"),
        (lambda: CurveData.of(SPACE, ALL[:2], [[0.5]] * 2, seeds=[[1], [1, 2]]), "seeds: expected a whole"),
        (lambda: CurveData.of(SPACE, ALL[:1], [[0.5]], source=""), "source"),
        (lambda: _data().subset([99]), "rows: expected numbers from 0 to"),
        (lambda: _data().subset([-1]), "rows: expected numbers from 0 to"),
        (lambda: _data().subset([0.5]), "rows: expected numbers from 0 to"),
        (lambda: _data().subset(np.ones(99, dtype=bool)), "or a mask of"),
        (lambda: _data().subset([]), "one training run or more"),
    ],
)
def test_bad_runs_are_one_clear_error(make, text):
    with pytest.raises(ConfigError, match=text):
        make()


def test_rounding_beyond_one_is_cut_off():
    assert CurveData.of(SPACE, ALL[:1], [[0.5, 1 + 1e-9]]).val_acc[0, 1] == 1.0


def test_architectures_of_another_space_are_refused():
    stranger = RecurrentSpace().sample(np.random.default_rng(0))
    with pytest.raises(ArchitectureError, match="space 'cell201'"):
        CurveData.of(SPACE, [stranger], [[0.5]])
    with pytest.raises(ArchitectureError, match="space 'cell201'"):
        dataclasses.replace(_data(n=1), archs=("not a cell",))
    with pytest.raises(ConfigError, match="one key for each of 4"):
        dataclasses.replace(_data(), keys=("a",))
