"""Compression of curves, and forests as plain arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nascurve
from nascurve.benchmarks.nb301.lightgbm_model import read_lightgbm
from nascurve.benchmarks.surrogate.curve_data import CurveData
from nascurve.benchmarks.surrogate.mean.compression import Compression
from nascurve.benchmarks.surrogate.mean.extratrees import fit_extratrees
from nascurve.benchmarks.surrogate.mean.forest import Forest
from nascurve.benchmarks.surrogate.mean.gradient_boosting import fit_lightgbm
from nascurve.benchmarks.surrogate.mean.members import early_columns
from nascurve.benchmarks.surrogate.mean.targets import Targets
from nascurve.errors import ConfigError

Array = np.ndarray[Any, Any]


def low_rank(n: int = 30, epochs: int = 20, seed: int = 0) -> Array:
    rng = np.random.default_rng(seed)
    time = np.arange(1, epochs + 1)
    shapes = np.array([1 - np.exp(-time / 4), np.log(time) / 10])
    return 0.1 + rng.uniform(0.1, 0.7, (n, 1)) * shapes[0] + rng.uniform(0, 0.5, (n, 1)) * shapes[1]


def as_numbers(values: Array) -> Array:
    return values.astype(np.float32).astype(np.float64)


@pytest.mark.parametrize(("kind", "k"), [("svd", 2), ("spline", 8)])
def test_curves_of_low_rank_come_back(kind: str, k: int) -> None:
    curves = low_rank()
    compression = Compression(kind, k)
    codes = compression.fit(curves)
    assert codes.shape == (30, k)
    np.testing.assert_allclose(compression.decode(codes), curves, atol=2e-3)
    np.testing.assert_array_equal(compression.decode(codes[3:4])[0], compression.decode(codes)[3])


def test_codes_of_the_svd_say_how_much_they_carry() -> None:
    codes = Compression("svd", 2).fit(low_rank())
    assert codes[:, 0].std() > 2 * codes[:, 1].std() > 0


def test_decoded_accuracies_stay_in_range() -> None:
    curves = low_rank()
    for kind in ("svd", "pca_logit", "spline"):
        compression = Compression(kind, 4)
        far = compression.decode(40 * compression.fit(curves))
        assert far.min() >= 0
        assert far.max() <= 1


def test_a_short_curve_goes_on_as_such_curves_do() -> None:
    curves = low_rank()
    hidden = curves.copy()
    hidden[:6, 12:] = np.nan
    for kind in ("svd", "pca_logit"):
        compression = Compression(kind, 2)
        restored = compression.decode(compression.fit(hidden))
        assert np.abs(restored - curves)[:6].max() < 0.02
    empty = np.full((1, 20), np.nan)
    np.testing.assert_allclose(compression.encode(empty)[0], compression.fit(hidden).mean(axis=0), atol=0.05)


def test_what_cannot_be_compressed_is_an_error() -> None:
    with pytest.raises(ConfigError, match="5 components need 6 curves or more"):
        Compression("svd", 5).fit(low_rank(5))
    with pytest.raises(ConfigError, match="no curve has a value at epoch 3"):
        Compression("svd", 1).fit(np.where(np.arange(20) == 2, np.nan, low_rank()))
    with pytest.raises(ConfigError, match="Did you mean 'spline'"):
        Compression("splin")
    with pytest.raises(ConfigError, match="n_components"):
        Compression("spline", 3)


def test_arrays_of_a_compression_are_checked() -> None:
    compression = Compression("svd", 2)
    codes = compression.fit(low_rank())
    arrays = compression.to_arrays()
    again = Compression.from_arrays("svd", 2, arrays)
    np.testing.assert_array_equal(again.decode(codes), compression.decode(codes))
    with pytest.raises(ValueError, match="basis"):
        Compression.from_arrays("svd", 3, arrays)


def test_a_forest_predicts_what_scikit_learn_does(monkeypatch: pytest.MonkeyPatch) -> None:
    from sklearn.tree import ExtraTreeRegressor

    kept: list[Any] = []

    class Kept(ExtraTreeRegressor):  # type: ignore[misc]
        def fit(self, *arguments: Any, **named: Any) -> Any:
            kept.append(self)
            return super().fit(*arguments, **named)

    monkeypatch.setattr("sklearn.tree.ExtraTreeRegressor", Kept)
    rng = np.random.default_rng(0)
    rows, codes = as_numbers(rng.random((80, 6))), rng.random((80, 3))
    forest = fit_extratrees(rows, codes, np.ones(80), 5)
    new = as_numbers(rng.random((50, 6)))
    new[:20] = rows[:20]
    theirs = np.mean([tree.predict(new) for tree in kept], axis=0)
    np.testing.assert_allclose(forest.predict(new), theirs, atol=1e-12)
    again = Forest.from_arrays(forest.to_arrays("f."), "f.", 6)
    np.testing.assert_array_equal(again.predict(new), forest.predict(new))


def test_boosters_in_one_forest_predict_what_lightgbm_does() -> None:
    import lightgbm

    rng = np.random.default_rng(0)
    rows = as_numbers(rng.random((90, 5)))
    codes = np.column_stack([rows[:, 0], np.sin(6 * rows[:, 1])])
    stop = np.arange(90) % 5 == 0
    texts = fit_lightgbm(rows, codes, np.ones(90), stop, 1)
    scale, shift = np.array([2.0, 3.0]), np.array([0.5, -1.0])
    trees = [read_lightgbm(text, n_features=5) for text in texts]
    forest = Forest.of_boosters(trees, scale=scale, shift=shift)
    theirs = np.column_stack([lightgbm.Booster(model_str=text).predict(rows) for text in texts])
    np.testing.assert_allclose(forest.predict(rows), theirs * scale + shift, atol=1e-9)
    both = Forest.joined([forest, forest], [0.25, 0.5])
    np.testing.assert_allclose(both.predict(rows), 0.75 * forest.predict(rows), atol=1e-9)
    assert fit_lightgbm(rows, codes, np.ones(90), stop, 2) != texts


def test_early_accuracies_make_up_a_quarter_of_the_columns() -> None:
    early = np.array([[0.1, 0.3, 0.4]])
    columns = early_columns(early, 180)
    np.testing.assert_allclose(columns[0, :6], [0.1, 0.3, 0.4, 0.2, 0.3, 0.1])
    assert columns.shape == (1, 60)
    assert early_columns(np.zeros((2, 0)), 180).shape == (2, 0)
    assert early_columns(early, 1).shape == (1, 6)


def test_short_curves_weigh_less() -> None:
    bench = nascurve.load_benchmark("synthetic")
    archs = [bench.space.sample(np.random.default_rng(seed)) for seed in range(3)]
    curves = np.full((3, 10), 0.5)
    curves[1, 5:] = np.nan
    curves[2] = np.nan
    weights = Targets.of(CurveData.of(bench.space, archs, curves), 0).weights
    assert weights == pytest.approx([1, 0.5**4, 0.1**4])
