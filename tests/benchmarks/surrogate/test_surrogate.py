"""Fitting and asking a surrogate: independence of rows, seeds, and what data or settings are refused."""

from __future__ import annotations

import numpy as np
import pytest

import nascurve
from nascurve.benchmarks.cell201 import Cell201Space
from nascurve.benchmarks.nbnlp.space import RecurrentSpace
from nascurve.benchmarks.surrogate.curve_data import CurveData
from nascurve.benchmarks.surrogate.surrogate import DEFAULTS, Surrogate
from nascurve.errors import ArchitectureError, ConfigError, UnknownIdError

SPACE = Cell201Space()
SMALL = {"models": ["extratrees"], "n_members": 2, "n_components": 2}


def runs(n=40, n_runs=2, epochs=10, seed=0, noise=0.01):
    """Runs of n cells: more convolutions are better, and dearer."""
    rng = np.random.default_rng(seed)
    archs = [SPACE.sample(rng) for _ in range(n)]
    convs = np.array([sum("conv" in op for op in arch.ops) for arch in archs])
    curves = (0.3 + 0.08 * convs)[:, None] * (1 - 0.6 * np.exp(-np.arange(epochs) / 3))
    many = np.concatenate([curves] * n_runs)
    many = many + rng.normal(0, noise, many.shape)
    return CurveData.of(SPACE, archs * n_runs, np.clip(many, 0, 1), epoch_s=np.tile(1.0 + convs, n_runs))


@pytest.fixture(scope="module")
def fitted():
    return Surrogate.fit(runs(n=150), SMALL)


@pytest.fixture(scope="module")
def archs():
    rng = np.random.default_rng(9)
    return [SPACE.sample(rng) for _ in range(60)]


def test_it_learns_accuracy_and_seconds_of_cells_that_it_has_not_seen(fitted, archs):
    convs = np.array([sum("conv" in op for op in arch.ops) for arch in archs])
    means = fitted.mean_curves(archs)
    assert means.shape == (60, 10)
    assert np.corrcoef(convs, means[:, -1])[0, 1] > 0.7
    assert np.corrcoef(convs, fitted.epoch_s(archs))[0, 1] > 0.7


def test_a_row_does_not_depend_on_the_others(fitted, archs):
    together = fitted.curves(archs, range(60))
    means, seconds = fitted.mean_curves(archs), fitted.epoch_s(archs)
    for i in (0, 17, 59):
        assert np.array_equal(fitted.curves([archs[i]], [i])[0], together[i])
        assert np.array_equal(fitted.mean_curves([archs[i]])[0], means[i])
        assert fitted.epoch_s([archs[i]])[0] == seconds[i]
    assert np.array_equal(fitted.curves(archs[::-1], range(60)[::-1]), together[::-1])


def test_the_same_seed_gives_the_same_curve_and_another_one_another(fitted, archs):
    one, same, other = (fitted.curves(archs, [seed] * 60) for seed in (3, 3, 4))
    assert np.array_equal(one, same)
    assert (one != other).any(axis=1).all()
    assert ((one >= 0) & (one <= 1)).all()


def test_a_fit_repeats_and_follows_its_seed(archs):
    data = runs()
    means = [Surrogate.fit(data, SMALL, seed).mean_curves(archs) for seed in (0, 0, 1)]
    assert np.array_equal(means[0], means[1])
    assert not np.array_equal(means[0], means[2])


def _twins(space, n, seed=0):
    """Pairs of different strings of one network."""
    rng = np.random.default_rng(seed)
    first, pairs = {}, []
    while len(pairs) < n:
        arch = space.sample(rng)
        other = first.setdefault(space.key(arch), arch)
        if other != arch:
            pairs.append((other, arch))
    return [one for one, _ in pairs], [other for _, other in pairs]


@pytest.mark.parametrize("space", ["cell201", "nb101"])
def test_strings_of_one_network_are_answered_alike_whichever_is_asked_first(space):
    space = nascurve.create_search_space(space)
    rng = np.random.default_rng(0)
    archs = [space.sample(rng) for _ in range(20)]
    data = CurveData.of(space, archs, np.sort(rng.random((20, 6)), axis=1), epoch_s=rng.random(20))
    ones, others = _twins(space, 10)
    one, other = (Surrogate.fit(data, SMALL) for _ in range(2))
    assert np.array_equal(one.mean_curves(ones), other.mean_curves(others))
    assert np.array_equal(one.curves(ones, range(10)), other.curves(others, range(10)))
    assert np.array_equal(one.epoch_s(ones), other.epoch_s(others))


def test_no_noise_is_a_noise_model_too(archs):
    surrogate = Surrogate.fit(runs(), {**SMALL, "noise": "none"})
    assert np.array_equal(surrogate.curves(archs, range(60)), surrogate.mean_curves(archs))


def test_facts_tell_how_it_was_made(fitted):
    facts = fitted.facts
    assert facts["training"] == {
        "sha256": runs(n=150).sha256,
        "n_runs": 300,
        "n_architectures": len(set(runs(n=150).keys)),
        "n_epochs": 10,
        "n_diverged": 0,
        "diverged_after": [],
    }
    assert facts["settings"] == {**DEFAULTS, **SMALL}
    assert {"python", "numpy", "lightgbm"} <= set(facts["versions"])


def test_without_seconds_an_epoch_costs_one(archs):
    data = runs()
    untimed = CurveData.of(SPACE, data.archs, data.val_acc)
    assert (Surrogate.fit(untimed, SMALL).epoch_s(archs) == 1).all()


def test_first_epochs_are_an_input(archs):
    surrogate = Surrogate.fit(runs(n=150), {**SMALL, "early_epochs": 2})
    low, high = (surrogate.mean_curves(archs, np.full((60, 2), value)) for value in (0.12, 0.4))
    assert high[:, -1].mean() > low[:, -1].mean() + 0.05
    assert np.array_equal(
        surrogate.curves(archs, range(60), np.full((60, 2), 0.4)),
        surrogate.add_noise(archs, range(60), high),
    )
    with pytest.raises(ConfigError, match=r"early_epochs=2.*got none"):
        surrogate.mean_curves(archs)
    for wrong in (
        np.full((60, 3), 0.5),
        np.full((59, 2), 0.5),
        np.full((60, 2), 70),
        np.full((60, 2), np.nan),
    ):
        with pytest.raises(ConfigError, match=r"shape \(60, 2\) in \[0, 1\]"):
            surrogate.mean_curves(archs, wrong)


def test_first_epochs_that_were_not_fitted_are_refused(fitted, archs):
    with pytest.raises(ConfigError, match="early_epochs=0"):
        fitted.mean_curves(archs, np.full((60, 2), 0.5))


def test_strangers_and_lengths_are_refused(fitted, archs):
    stranger = RecurrentSpace().sample(np.random.default_rng(0))
    for ask in (fitted.mean_curves, fitted.epoch_s, lambda a: fitted.curves(a, [0])):
        with pytest.raises(ArchitectureError, match="space 'cell201'"):
            ask([stranger])
    with pytest.raises(ConfigError, match="one seed for each of 60"):
        fitted.curves(archs, [0])


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"n_component": 3}, "Did you mean 'n_components'"),
        ({"models": "lightgmb"}, "lightgbm"),
        ({"noise": "spike"}, "Did you mean 'spikes'"),
        ({"n_members": 0}, "n_members"),
        ({"n_members": 1}, "n_members: expected 2 or more, got 1"),
        ({"models": 3}, "models: got 3. Valid"),
        ({"models": None}, "models: got None"),
        ({"compression": "vae"}, "svd"),
        ({"features": "pathz"}, "paths"),
        ({"early_epochs": 11}, "early_epochs"),
        ({"n_components": 11}, "n_components"),
    ],
)
def test_settings_out_of_range_are_one_clear_error(settings, text):
    with pytest.raises((ConfigError, UnknownIdError), match=text):
        Surrogate.fit(runs(), {**SMALL, **settings})


@pytest.mark.parametrize("n", [1, 2, 5])
def test_too_few_architectures_for_the_components(n):
    with pytest.raises(ConfigError, match="architectures"):
        Surrogate.fit(runs(n=n, n_runs=4), {"n_components": 5})


def test_constant_curves_are_learnt_as_such(archs):
    data = runs()
    same = CurveData.of(SPACE, data.archs, np.full(data.val_acc.shape, 0.4), epoch_s=data.epoch_s)
    surrogate = Surrogate.fit(same, SMALL)
    assert np.allclose(surrogate.mean_curves(archs), 0.4)
    assert np.allclose(surrogate.curves(archs, range(60)), 0.4, atol=0.02)


def test_diverged_and_partly_measured_runs_are_not_dropped(archs):
    data = runs(n=80)
    curves = data.val_acc.copy()
    curves[:10, 4:] = np.nan
    curves[10:14] = np.nan  # one of the two runs of these diverged at once
    curves[20, 3] = np.nan
    holed = CurveData.of(SPACE, data.archs, curves, epoch_s=data.epoch_s)
    surrogate = Surrogate.fit(holed, SMALL)
    assert surrogate.facts["training"]["n_diverged"] == 14
    assert surrogate.facts["training"]["diverged_after"] == [0] * 4 + [4] * 10
    risk = surrogate.divergence(archs)
    assert ((risk >= 0) & (risk <= 1)).all()
    assert surrogate.divergence(holed.archs[:10]).mean() > risk.mean()
    lengths = surrogate.lengths(archs * 20, range(1200), np.full(1200, 0.25))
    assert set(lengths) == {0, 4, 10}
    assert (lengths < 10).mean() == pytest.approx(0.25, abs=0.06)
    assert np.array_equal(surrogate.lengths(archs[:3], [0, 1, 2], np.full(3, 0.25)), lengths[:3])
    noisy = surrogate.curves(archs, range(60))
    known = noisy[~np.isnan(noisy)]
    assert ((known >= 0) & (known <= 1)).all()
    assert np.isfinite(surrogate.mean_curves(archs)).all()
