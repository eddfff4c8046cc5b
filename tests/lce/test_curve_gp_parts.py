from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import approx_fprime

from nascurve.lce._memory import BoundedMemory, content_key, size_on_grid
from nascurve.lce.curve_gp_calibration import calibration
from nascurve.lce.curve_gp_features import RobustScaling, describe
from nascurve.lce.curve_gp_regression import (
    GaussianProcess,
    Hyperparameters,
    _NegativeLogPosterior,
    likely_hyperparameters,
)
from nascurve.lce.predictive_distribution import with_quantiles
from nascurve.simulator.types import FloatArray, Prediction

SOME = Hyperparameters(smooth=math.log(1.3), linear=math.log(0.4), noise=math.log(0.2), length=math.log(1.7))


def sample(m: int = 12, d: int = 3) -> tuple[FloatArray, FloatArray]:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(m, d))
    return features, np.sin(features[:, 0]) + 0.3 * features[:, 1] + rng.normal(0, 0.1, m)


def test_prediction_is_that_of_scikit_learn() -> None:
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel, DotProduct, WhiteKernel

    features, targets = sample()
    new = np.random.default_rng(1).normal(size=(5, 3))
    kernel = (
        ConstantKernel(1.3**2) * RBF(1.7)
        + ConstantKernel(0.4**2 / 3) * DotProduct(0.0, "fixed")
        + WhiteKernel(0.2**2 + 1e-8)
    )
    peer = GaussianProcessRegressor(kernel, alpha=0, optimizer=None).fit(features, targets)
    mean, std = GaussianProcess(SOME, features, targets).predict(new)
    expected_mean, expected_std = peer.predict(new, return_std=True)
    assert mean == pytest.approx(expected_mean, abs=1e-9)
    assert std == pytest.approx(expected_std, rel=1e-6)
    # The marginal likelihood too, up to the prior and a constant
    logs = np.array([SOME.smooth, SOME.linear, SOME.noise, SOME.length])
    objective = _NegativeLogPosterior(features, targets)
    off_prior = (logs - objective.prior_mean) / objective._prior_std
    value = objective(logs)[0] - 0.5 * off_prior @ off_prior + 0.5 * 12 * math.log(2 * math.pi)
    assert -value == pytest.approx(peer.log_marginal_likelihood_value_, abs=1e-6)


def test_leave_one_out_is_leaving_one_out() -> None:
    features, targets = sample()
    mean, std = GaussianProcess(SOME, features, targets).leave_one_out()
    for i in range(len(targets)):
        rest = np.arange(len(targets)) != i
        one_mean, one_std = GaussianProcess(SOME, features[rest], targets[rest]).predict(features[i : i + 1])
        assert mean[i] == pytest.approx(one_mean[0], abs=1e-6)
        assert std[i] == pytest.approx(one_std[0], rel=1e-5)


def test_gradient_and_optimum() -> None:
    features, targets = sample()
    objective = _NegativeLogPosterior(features, targets)
    logs = np.array([0.2, -0.5, -1.0, 0.4])
    numeric = approx_fprime(logs, lambda x: objective(x)[0], 1e-6)
    assert objective(logs)[1] == pytest.approx(numeric, abs=1e-3)
    best = likely_hyperparameters(features, targets)
    found = np.array([best.smooth, best.linear, best.noise, best.length])
    assert np.abs(objective(found)[1]).max() < 0.05
    assert objective(found)[0] < objective(objective.prior_mean)[0]


def test_identical_curves_are_no_singular_matrix() -> None:
    features = np.zeros((20, 3))
    hyperparameters = likely_hyperparameters(features, np.zeros(20))
    mean, std = GaussianProcess(hyperparameters, features, np.zeros(20)).predict(np.ones((2, 3)))
    assert np.isfinite([mean, std]).all()


def test_features_by_hand() -> None:
    prefix = np.array([[0.0, 0.1, 0.3, 0.3, 0.4, 0.4, 0.5, 0.7]])
    expected = np.array([0.9])
    second = np.diff(prefix[0], n=2)[-4:]
    assert describe(prefix, expected)[0] == pytest.approx(
        [0.9, 0.2, 0.6 - 0, 0.6 - 0.1, 0.6 - 0.3, math.log(math.sqrt(np.mean(second**2)) + 1e-3)]
    )
    assert describe(prefix[:, :1], expected)[0] == pytest.approx([0.9, 0.9])
    assert describe(prefix[:, :2], expected)[0] == pytest.approx([0.9, 0.8, 0.1])


def test_scaling_is_robust_and_keeps_the_order() -> None:
    values = np.r_[np.linspace(0, 1, 101), 1e6][:, None]
    scaled = RobustScaling.of(values)(values)[:, 0]
    assert (np.diff(scaled) > 0).all()
    assert abs(scaled[:101]).max() < 2
    assert scaled[-1] < 20
    assert np.isfinite(RobustScaling.of(np.ones((3, 1)))(np.ones((3, 1)))).all()


def test_calibration_finds_the_spread_and_the_slant() -> None:
    rng = np.random.default_rng(0)
    quantiles, std = calibration(rng.normal(1, 2, 20_000), n_fitted=0)
    assert quantiles == pytest.approx([1 - 3.29, 1 - 1.349, 1, 1 + 1.349, 1 + 3.29], abs=0.08)
    slanted, _ = calibration(rng.exponential(1, 2000), n_fitted=0)
    assert slanted[-1] - slanted[2] > 3 * (slanted[2] - slanted[0])
    assert std == pytest.approx(math.sqrt(5), rel=0.1)
    none, _ = calibration(np.empty(0), n_fitted=0)
    assert none == pytest.approx(-none[::-1])
    assert none[-1] > 1.9  # of 9 curves, nothing is known beyond the ninth
    wide, _ = calibration(np.zeros(20), n_fitted=60)
    narrow, _ = calibration(np.zeros(20), n_fitted=0)
    assert wide == pytest.approx(2 * narrow)


def test_with_quantiles_of_a_normal_distribution() -> None:
    got = with_quantiles(Prediction(mean=np.array([0.5, 1.2]), std=np.array([0.1, 0.1])))
    assert got.quantiles is not None
    expected = 0.5 + 0.1 * np.array([-1.645, -0.6745, 0, 0.6745, 1.645])
    assert got.quantiles[0] == pytest.approx(expected, abs=1e-4)
    assert got.mean[1] == 1
    assert got.quantiles[1, -1] == 1
    assert with_quantiles(got) is got


def test_grid() -> None:
    assert [size_on_grid(m, smallest=5, growth=1.5) for m in (5, 6, 7, 10, 11, 100)] == [5, 5, 7, 7, 11, 85]


def test_content_key_tells_shapes_and_values_apart() -> None:
    a = np.arange(6.0)
    keys = [content_key(x) for x in (a.reshape(2, 3), a.reshape(3, 2), a.reshape(2, 3) + 1e-16, np.eye(2))]
    assert keys[0] == content_key(a.reshape(2, 3).copy())
    assert len({*keys}) == 4


def test_memory_forgets_what_was_not_used_for_longest() -> None:
    memory: BoundedMemory[int] = BoundedMemory(2)
    computed = []

    def compute(key: str) -> int:
        computed.append(key)
        return ord(key)

    for key in "abacab":
        assert memory.get(key, lambda key=key: compute(key)) == ord(key)  # type: ignore[misc]
    assert computed == ["a", "b", "c", "b"]
