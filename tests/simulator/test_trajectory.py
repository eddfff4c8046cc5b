"""The trajectory as a step function."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nascurve.errors import ConfigError
from nascurve.simulator.trajectory import Trajectory

from .fakes import Number


def make(times: list[float]) -> Trajectory:
    trajectory = Trajectory()
    for i, time_s in enumerate(times):
        trajectory.append(
            time_s=time_s,
            epochs_used=6 * (i + 1),
            evaluations=2 * (i + 1),
            arch=Number(i),
            val_acc=i / 10,
            test_acc=i / 20,
            regret=1 - i / 20,
        )
    return trajectory


times = st.lists(st.integers(0, 20).map(float), max_size=8).map(sorted)


@given(times=times, points=st.lists(st.integers(-2, 46).map(lambda half: half / 2), max_size=10))
def test_at_is_the_last_row_not_later(times: list[float], points: list[float]) -> None:
    trajectory = make(times)
    values = trajectory.at(points)
    assert values.val_acc.shape == values.test_acc.shape == values.regret.shape == (len(points),)
    for i, point in enumerate(points):
        rows = [row for row, time_s in enumerate(times) if time_s <= point]
        assert values.row[i] == (rows[-1] if rows else -1)
        expected = rows[-1] if rows else np.nan
        np.testing.assert_equal(values.val_acc[i], expected / 10)
        np.testing.assert_equal(values.test_acc[i], expected / 20)
        np.testing.assert_equal(values.regret[i], 1 - expected / 20)


def test_at_is_right_continuous_nan_before_and_constant_after() -> None:
    values = make([2.0, 5.0]).at([0.0, 1.999, 2.0, 4.999, 5.0, 1e9, np.inf])
    np.testing.assert_array_equal(values.val_acc, [np.nan, np.nan, 0.0, 0.0, 0.1, 0.1, 0.1])


def test_at_epochs() -> None:
    values = make([2.0, 5.0]).at_epochs([5, 6, 11, 12, 13])
    np.testing.assert_array_equal(values.test_acc, [np.nan, 0.0, 0.0, 0.05, 0.05])


def test_shapes_follow_the_question() -> None:
    trajectory = make([2.0, 5.0])
    assert trajectory.at(3.0).val_acc.shape == ()
    assert float(trajectory.at(3.0).val_acc) == 0.0
    assert trajectory.at(np.zeros((2, 3))).regret.shape == (2, 3)
    assert np.isnan(Trajectory().at([1.0]).val_acc).all()
    assert trajectory.at([]).val_acc.shape == (0,)


@pytest.mark.parametrize("points", [[1.0, np.nan], ["soon"], None])
def test_at_no_time(points: object) -> None:
    with pytest.raises(ConfigError, match="times_s: expected numbers"):
        make([2.0]).at(points)  # type: ignore[arg-type]


def test_rows_are_appended_in_order_of_time_only() -> None:
    trajectory = make([2.0, 5.0])
    with pytest.raises(ConfigError, match=r"expected a row after \(time_s=5.0"):
        trajectory.append(
            time_s=4.0, epochs_used=99, evaluations=99, arch=Number(0), val_acc=1, test_acc=1, regret=0
        )
    assert len(trajectory) == 2


def test_columns_are_copies() -> None:
    trajectory = make([2.0, 5.0])
    trajectory.val_acc[0] = 0.99
    trajectory.archs.clear()
    np.testing.assert_array_equal(trajectory.val_acc, [0.0, 0.1])
    assert trajectory.archs == [Number(0), Number(1)]
    assert trajectory.epochs_used.tolist() == [6, 12]
    assert trajectory.evaluations.tolist() == [2, 4]
