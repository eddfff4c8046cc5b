"""What all noise models keep to: determinism, range, saving, errors."""

from __future__ import annotations

import json

import numpy as np
import pytest

from nascurve.benchmarks.surrogate.noise.models import NOISE_MODELS, create_noise_model, noise_from_arrays
from nascurve.errors import ConfigError, DataFileError, UnknownIdError

N, RUNS, EPOCHS = 60, 3, 20


def made_up(n=N, runs=RUNS, n_epochs=EPOCHS, seed=0):
    """Arguments of `fit`: curves with luck, jitter and an occasional dip."""
    rng = np.random.default_rng(seed)
    features = rng.random((n, 3))
    mean = 0.3 + 0.4 * features[:, :1] * (1 - np.exp(-np.arange(1, n_epochs + 1) / 5))
    group = np.repeat(np.arange(n), runs)
    noise = 0.01 * rng.standard_normal((n * runs, 1)) + 0.01 * rng.standard_normal((n * runs, n_epochs))
    noise -= 0.08 * (rng.random(noise.shape) < 0.02)
    return {
        "features": features[group],
        "curves": np.clip(mean[group] + noise, 0, 1),
        "mean": mean[group],
        "group": group,
    }


def asked(data, n=30):
    return {
        "features": data["features"][:n],
        "mean": data["mean"][:n],
        "seeds": np.arange(n) % 4,
        "keys": [f"key {i // 2}" for i in range(n)],
    }


@pytest.fixture(scope="module")
def data():
    return made_up()


@pytest.fixture(scope="module")
def fitted(data):
    models = {}
    for name in NOISE_MODELS:
        models[name] = create_noise_model(name)
        models[name].fit(**data)
    return models


@pytest.mark.parametrize("name", NOISE_MODELS)
def test_a_row_depends_on_its_own_arguments_alone(fitted, data, name):
    arguments = asked(data)
    whole = fitted[name].sample(**arguments)
    for i in (0, 7, 29):
        one = {key: value[i : i + 1] for key, value in arguments.items()}
        assert np.array_equal(fitted[name].sample(**one)[0], whole[i])


@pytest.mark.parametrize("name", [name for name in NOISE_MODELS if name != "none"])
def test_another_seed_or_key_gives_another_curve(fitted, data, name):
    arguments = asked(data)
    for changed in ({"seeds": arguments["seeds"] + 100}, {"keys": [f"{k}'" for k in arguments["keys"]]}):
        same = fitted[name].sample(**arguments) == fitted[name].sample(**(arguments | changed))
        assert same.mean() < 0.01


@pytest.mark.parametrize("name", NOISE_MODELS)
def test_fitted_twice_gives_the_same_curves(fitted, data, name):
    again = create_noise_model(name)
    again.fit(**data)
    assert np.array_equal(again.sample(**asked(data)), fitted[name].sample(**asked(data)))


def test_without_noise_a_curve_is_its_mean(fitted, data):
    assert np.array_equal(fitted["none"].sample(**asked(data)), asked(data)["mean"])


@pytest.mark.parametrize("name", NOISE_MODELS)
def test_curves_stay_in_range_and_missing_means_stay_missing(fitted, data, name):
    arguments = asked(data)
    arguments["mean"] = np.where(np.arange(EPOCHS) < 10, [[0.001]], [[0.999]]) * np.ones((30, 1))
    arguments["mean"][3, 5:] = np.nan
    curves = fitted[name].sample(**arguments)
    assert np.isnan(curves[3, 5:]).all()
    known = curves[np.isfinite(curves)]
    assert len(known) == curves.size - (EPOCHS - 5)
    assert known.min() >= 0
    assert known.max() <= 1


@pytest.mark.parametrize("name", NOISE_MODELS)
def test_saved_and_loaded(fitted, data, name):
    meta, arrays = fitted[name].to_arrays()
    assert all(array.dtype.kind in "fi" for array in arrays.values())
    loaded = noise_from_arrays(json.loads(json.dumps(meta)), arrays)
    assert np.array_equal(loaded.sample(**asked(data)), fitted[name].sample(**asked(data)))
    assert loaded.settings == fitted[name].settings


@pytest.mark.parametrize("name", [name for name in NOISE_MODELS if name != "none"])
def test_a_damaged_array_is_one_clear_error(fitted, name):
    meta, arrays = fitted[name].to_arrays()
    for key, array in arrays.items():
        if array.dtype != np.float64 or key.endswith("threshold") or not array.size:
            continue
        huge = np.full_like(array, 1e300)
        for damaged in (np.full_like(array, np.nan), huge, array[None], array.astype(np.float32)):
            with pytest.raises(DataFileError, match="damaged or was altered"):
                noise_from_arrays(meta, arrays | {key: damaged})
    for key in arrays:
        with pytest.raises(DataFileError, match="damaged or was altered"):
            noise_from_arrays(meta, {other: array for other, array in arrays.items() if other != key})


@pytest.mark.parametrize("name", [name for name in NOISE_MODELS if name != "none"])
@pytest.mark.filterwarnings("error")
def test_large_numbers_of_a_file_are_refused_or_give_finite_curves(fitted, data, name):
    meta, arrays = fitted[name].to_arrays()
    for key, array in arrays.items():
        if array.dtype != np.float64:
            continue
        for value in (1e4, -1e4, 1e12):
            try:
                model = noise_from_arrays(meta, arrays | {key: np.full_like(array, value)})
            except DataFileError:
                continue
            curves = model.sample(**asked(data))
            assert ((curves >= 0) & (curves <= 1)).all(), key


@pytest.mark.parametrize(
    "change",
    [
        {"id": "spike"},
        {"id": ["spikes"]},
        {"settings": {"seed": -1}},
        {"settings": {"colour": 1}},
        {"fitted": {"n_features": 3, "n_epochs": 1, "found_resolution": 0}},
        {"fitted": {"n_features": 5, "n_epochs": EPOCHS, "found_resolution": 0}},
        {"fitted": {"n_features": 3, "n_epochs": EPOCHS, "found_resolution": 10**400}},
        {"fitted": {}},
        {"model": None},
    ],
)
def test_a_damaged_description_is_one_clear_error(fitted, change):
    meta, arrays = fitted["spikes"].to_arrays()
    with pytest.raises(DataFileError, match="damaged or was altered"):
        noise_from_arrays(meta | change, arrays)


@pytest.mark.parametrize("name", NOISE_MODELS)
@pytest.mark.parametrize(
    "change",
    [
        {"features": np.zeros((N * RUNS - 1, 3))},
        {"features": np.full((N * RUNS, 3), np.nan)},
        {"mean": np.full((N * RUNS, EPOCHS), np.nan)},
        {"mean": np.zeros((N * RUNS, EPOCHS + 1))},
        {"curves": np.full((N * RUNS, EPOCHS), 61.5)},
        {"curves": np.full((N * RUNS, EPOCHS), np.nan)},
        {"curves": np.full((N * RUNS, EPOCHS), np.inf)},
        {"curves": [[0.1], [0.1, 0.2]]},
        {"group": np.zeros(3, int)},
        {"group": np.zeros(N * RUNS)},
    ],
)
def test_bad_training_data(data, name, change):
    with pytest.raises(ConfigError, match=f"^{name}: expected"):
        create_noise_model(name).fit(**(data | change))


@pytest.mark.parametrize("name", NOISE_MODELS)
def test_bad_queries(fitted, data, name):
    arguments = asked(data)
    with pytest.raises(ConfigError, match="Call fit first"):
        create_noise_model(name).sample(**arguments)
    with pytest.raises(ConfigError, match="Call fit first"):
        create_noise_model(name).to_arrays()
    for change in (
        {"features": arguments["features"][:, :2]},
        {"mean": arguments["mean"][:, :9]},
        {"keys": arguments["keys"][:3]},
        {"seeds": np.zeros(30)},
    ):
        with pytest.raises(ConfigError, match=f"^{name}: expected"):
            fitted[name].sample(**(arguments | change))


def test_unknown_models_and_settings():
    with pytest.raises(UnknownIdError, match="Did you mean 'spikes'"):
        create_noise_model("spike")
    with pytest.raises(ConfigError, match="colour"):
        create_noise_model("spikes", colour=1)
    with pytest.raises(ConfigError, match="half_window"):
        create_noise_model("spikes", half_window=-1)
    with pytest.raises(ConfigError, match="n_components"):
        create_noise_model("gmm", n_components=0)


@pytest.mark.parametrize("name", ["spikes", "window_iid", "kde", "gmm"])
def test_short_single_runs_show_no_noise(name):
    with pytest.raises(ConfigError, match="two runs, or runs of 14 epochs"):
        create_noise_model(name).fit(**made_up(runs=1, n_epochs=8))


@pytest.mark.parametrize("name", ["spikes", "window_iid", "kde", "gmm"])
@pytest.mark.parametrize("shape", [(1, 3, 4), (3, 2, 2), (30, 1, 14)])
def test_few_runs_or_epochs(name, shape):
    data = made_up(*shape)
    model = create_noise_model(name)
    model.fit(**data)
    curves = model.sample(**asked(data, n=len(data["mean"])))
    assert np.isfinite(curves).all()


@pytest.mark.parametrize("name", NOISE_MODELS)
def test_runs_that_are_all_alike_have_no_noise(name):
    data = made_up()
    data["curves"] = data["mean"]
    model = create_noise_model(name)
    model.fit(**data)
    arguments = asked(data)
    assert np.allclose(model.sample(**arguments), arguments["mean"], atol=2e-3 if name == "gmm" else 1e-9)


@pytest.mark.parametrize("name", NOISE_MODELS)
@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("noisy", [slice(0, 0), slice(5, 6), slice(3, None)])
def test_epochs_without_noise_have_none(name, noisy):
    data = made_up(n=200, runs=2)
    off = np.zeros_like(data["mean"])
    off[:, noisy] = np.random.default_rng(1).normal(0, 0.01, off[:, noisy].shape)
    data["curves"] = np.clip(data["mean"] + off, 0, 1)
    model = create_noise_model(name)
    model.fit(**data)
    arguments = asked(data)
    sampled = np.abs(model.sample(**arguments) - arguments["mean"]).max(axis=0) > 2e-3
    expected = np.zeros(len(sampled), bool)
    expected[noisy] = name != "none"
    np.testing.assert_array_equal(sampled, expected)


@pytest.mark.parametrize("name", NOISE_MODELS)
def test_diverged_runs(name):
    data = made_up()
    data["curves"] = data["curves"].copy()
    data["curves"][::10, 12:] = np.nan
    data["curves"][5] = np.nan
    model = create_noise_model(name)
    model.fit(**data)
    assert np.isfinite(model.sample(**asked(data))).all()
