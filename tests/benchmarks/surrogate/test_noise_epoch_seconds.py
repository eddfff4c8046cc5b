"""Seconds of an epoch from features."""

from __future__ import annotations

import json

import numpy as np
import pytest

from nascurve.benchmarks.surrogate.noise.epoch_seconds import EpochSeconds
from nascurve.errors import ConfigError, DataFileError


@pytest.fixture(scope="module")
def data():
    features = np.random.default_rng(0).random((300, 4))
    return features, 2.0 * np.exp(features[:, 0] - features[:, 1])


def test_seconds_are_learnt_and_stay_in_range(data):
    features, seconds = data
    model = EpochSeconds()
    known = np.where(np.arange(300) < 200, seconds, np.nan)
    model.fit(features, known)
    predicted = model.predict(features[200:])
    assert np.corrcoef(np.log(predicted), np.log(seconds[200:]))[0, 1] > 0.97
    assert predicted.min() >= seconds[:200].min()
    assert np.array_equal(model.predict(features[205:206]), predicted[5:6])


@pytest.mark.parametrize("seconds", [np.full(30, 2.5), np.array([2.5] + [np.nan] * 29)])
def test_one_number_where_there_is_nothing_to_learn(data, seconds):
    model = EpochSeconds()
    model.fit(data[0][:30], seconds)
    assert model.predict(data[0]) == pytest.approx(np.full(300, 2.5))
    loaded = EpochSeconds.from_arrays(*model.to_arrays())
    assert np.array_equal(loaded.predict(data[0]), model.predict(data[0]))


def test_saved_and_loaded(data):
    model = EpochSeconds()
    model.fit(*data)
    meta, arrays = model.to_arrays()
    loaded = EpochSeconds.from_arrays(json.loads(json.dumps(meta)), arrays)
    assert np.array_equal(loaded.predict(data[0]), model.predict(data[0]))
    for name, array in arrays.items():
        with pytest.raises(DataFileError, match="damaged or was altered"):
            EpochSeconds.from_arrays(meta, {**arrays, name: array[None]})
        with pytest.raises(DataFileError, match="damaged or was altered"):
            EpochSeconds.from_arrays(meta, {other: arrays[other] for other in arrays if other != name})
    for least in (0.0, -1.0, np.nan):
        with pytest.raises(DataFileError, match="a range of seconds"):
            EpochSeconds.from_arrays(meta, {**arrays, "seconds.range": np.array([1.0, least, 2.0])})
    with pytest.raises(DataFileError, match="another number of features"):
        EpochSeconds.from_arrays(meta | {"n_features": 5}, arrays)
    with pytest.raises(DataFileError, match="damaged or was altered"):
        EpochSeconds.from_arrays({}, arrays)


@pytest.mark.parametrize(
    "seconds", [np.zeros(300), np.full(300, np.nan), np.full(300, np.inf), np.ones(299), -np.ones(300)]
)
def test_bad_seconds(data, seconds):
    with pytest.raises(ConfigError, match="epoch seconds: expected"):
        EpochSeconds().fit(data[0], seconds)


def test_bad_queries(data):
    with pytest.raises(ConfigError, match="Call fit first"):
        EpochSeconds().predict(data[0])
    model = EpochSeconds()
    model.fit(*data)
    with pytest.raises(ConfigError, match="expected features"):
        model.predict(data[0][:, :2])
