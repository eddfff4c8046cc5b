from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nascurve.errors import ConfigError
from nascurve.lce._features import (
    checked_encodings,
    checked_kind,
    feature_blocks,
    late_gain,
    matching_encodings,
)

CURVE = np.array([[0.1, 0.4, 0.6, 0.7]])


def test_features_of_the_paper() -> None:
    curve, first, second, statistics = feature_blocks(CURVE)
    assert np.array_equal(curve, CURVE)
    assert np.allclose(first, [[0.3, 0.2, 0.1]])
    assert np.allclose(second, [[-0.1, -0.1]])
    assert np.allclose(statistics, [[CURVE.mean(), CURVE.std()]])
    assert np.hstack(feature_blocks(np.zeros((3, 20)))).shape == (
        3,
        59,
    )  # as Baker et al. count for 20 epochs


def test_statistics_in_place_of_the_series() -> None:
    first, second = [0.3, 0.2, 0.1], [-0.1, -0.1]
    expected = [CURVE.mean(), CURVE.std(), np.mean(first), np.std(first), np.mean(second), np.std(second)]
    assert np.allclose(np.hstack(feature_blocks(CURVE, "statistics")), [expected])


@pytest.mark.parametrize("features", ["curve", "statistics"])
@given(n=st.integers(0, 3), epochs=st.integers(1, 5))
def test_any_length_gives_finite_features_of_each_row_alone(features: str, n: int, epochs: int) -> None:
    prefixes = np.random.default_rng(epochs).random((n, epochs))
    matrix = np.hstack(feature_blocks(prefixes, features))
    assert matrix.shape == (n, 6 if features == "statistics" else max(3 * epochs - 3, 1) + 2)
    assert np.isfinite(matrix).all()
    for row in range(n):
        alone = np.hstack(feature_blocks(prefixes[[row]], features))
        assert np.array_equal(alone[0], matrix[row])


def test_late_gain() -> None:
    assert late_gain(CURVE) == pytest.approx([0.3])
    assert late_gain(CURVE[:, :1]) == pytest.approx([0.0])


def test_encodings_are_checked_and_copied() -> None:
    given_ = np.ones((2, 3))
    array = checked_encodings(given_, 2, "X.fit")
    assert array is not None
    given_[:] = 5
    assert array.tolist() == [[1.0] * 3] * 2
    assert checked_encodings(None, 2, "X.fit") is None


@pytest.mark.parametrize("bad", [np.ones((3, 2)), np.ones(2), [["a"], ["b"]], [[1.0], [np.nan]]])
def test_bad_encodings(bad: object) -> None:
    with pytest.raises(ConfigError, match=r"X\.fit.*encodings"):
        checked_encodings(bad, 2, "X.fit")  # type: ignore[arg-type]


def test_encodings_to_predict_from_match_the_fitted_ones() -> None:
    known = np.ones((5, 3))
    assert matching_encodings(np.ones((2, 3)), 2, None, "X.predict") is None
    assert matching_encodings(None, 2, known, "X.predict") is None
    with pytest.raises(ConfigError, match=r"X\.predict: expected encodings with 3 columns.*got 4"):
        matching_encodings(np.ones((2, 4)), 2, known, "X.predict")


def test_kind_of_encoding() -> None:
    assert checked_kind(None, "X.encoding") is None
    assert checked_kind("adjacency", "X.encoding") == "adjacency"
    for bad in ("", 3, True, ["adjacency"]):
        with pytest.raises(ConfigError, match=r"X\.encoding"):
            checked_kind(bad, "X.encoding")
