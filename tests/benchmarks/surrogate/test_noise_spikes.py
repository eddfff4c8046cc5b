"""The default noise finds what made-up runs were made with."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import skew, spearmanr

from nascurve.benchmarks.surrogate.noise.models import create_noise_model

N, RUNS, EPOCHS = 250, 3, 16


def architectures(rng):
    """Features, mean curves and sizes of the noise: it doubles over the first feature's range."""
    features = rng.random((N, 3))
    mean = 0.4 + 0.2 * features[:, 1:2] + 0.1 * (1 - np.exp(-np.arange(1, EPOCHS + 1) / 6))
    return features, mean, np.exp(np.log(2) * features[:, 0])


def runs_of(*, luck=0.02, jitter=0.01, dip=0.0, depth=0.06, runs=RUNS, spread=0.0, seed=0):
    """Arguments of `fit`: runs of N architectures."""
    rng = np.random.default_rng(seed)
    features, mean, size = architectures(rng)
    size = size * np.exp(spread * rng.standard_normal(N))
    group = np.repeat(np.arange(N), runs)
    noise = luck * rng.standard_normal((len(group), 1)) + jitter * rng.standard_normal((len(group), EPOCHS))
    noise -= depth * (rng.random(noise.shape) < dip)
    curves = np.clip(mean[group] + size[group, None] * noise, 0, 1)
    return {"features": features[group], "curves": curves, "mean": mean[group], "group": group}


def fitted(data, **settings):
    model = create_noise_model("spikes", **settings)
    model.fit(**data)
    return model


def noise_of(model, n_seeds=20):
    """Noise (N, n_seeds, EPOCHS) of architectures that were not fitted on, and their sizes (N,)."""
    features, mean, size = architectures(np.random.default_rng(1))
    rows = np.repeat(np.arange(N), n_seeds)
    curves = model.sample(
        features=features[rows],
        mean=mean[rows],
        seeds=np.tile(np.arange(n_seeds), N),
        keys=[f"architecture {row}" for row in rows],
    )
    return curves.reshape(N, n_seeds, EPOCHS) - mean[:, None], size


def correlations(noise):
    return np.corrcoef(noise.reshape(-1, EPOCHS).T)


@pytest.fixture(scope="module")
def plain():
    return fitted(runs_of())


def test_the_noise_is_as_large_as_the_architecture_s(plain):
    noise, size = noise_of(plain)
    assert noise.std() == pytest.approx(np.sqrt((size**2).mean() * 5e-4), rel=0.1)
    assert spearmanr(noise.std(axis=(1, 2)), size).statistic > 0.5


def test_runs_keep_their_luck_and_jitter_is_apart(plain):
    noise, size = noise_of(plain)
    assert np.diagonal(correlations(noise), 1).mean() == pytest.approx(0.8, abs=0.05)
    assert np.diagonal(correlations(noise), 12).mean() == pytest.approx(0.8, abs=0.06)
    jitter = np.diff(noise, axis=2).std() / np.sqrt(2)
    assert jitter == pytest.approx(0.01 * np.sqrt((size**2).mean()), rel=0.1)


def test_dips_are_found_where_there_are_some():
    with_dips = noise_of(fitted(runs_of(luck=0.0, dip=0.03)))[0]
    without = noise_of(fitted(runs_of(luck=0.0)))[0]
    assert skew(with_dips.reshape(-1)) < -1
    assert abs(skew(without.reshape(-1))) < 0.15
    assert np.abs(with_dips.mean(axis=(0, 1))).max() < 1e-3  # and the mean curve stays where it is


def test_single_runs_give_jitter_and_no_luck():
    noise, size = noise_of(fitted(runs_of(runs=1)))
    assert noise.std() == pytest.approx(0.01 * np.sqrt((size**2).mean()), rel=0.1)
    assert abs(np.diagonal(correlations(noise), 10).mean()) < 0.1


def test_a_few_repeated_runs_among_single_ones_give_luck():
    data = runs_of()
    group = data["group"]
    kept = (group < 40) | (np.arange(len(group)) % RUNS == 0)
    noise = noise_of(fitted({name: values[kept] for name, values in data.items()}))[0]
    assert 0.5 < np.diagonal(correlations(noise), 10).mean() < 0.95


def test_what_features_do_not_explain_of_the_size_is_kept_by_key(plain):
    varied = noise_of(fitted(runs_of(spread=0.6)))[0].std(axis=(1, 2))
    assert np.log(varied).std() > 0.45
    assert np.log(noise_of(plain)[0].std(axis=(1, 2))).std() < 0.35


def test_sampled_accuracies_are_multiples_as_the_measured_ones_are():
    data = runs_of()
    data["curves"] = np.rint(data["curves"] * 2000) / 2000
    arguments = {
        "features": data["features"],
        "mean": data["mean"],
        "seeds": np.zeros(len(data["mean"]), int),
        "keys": ["key"] * len(data["mean"]),
    }
    counts = 2000 * fitted(data).sample(**arguments)
    assert np.allclose(counts, np.rint(counts), atol=1e-6)
    counts = 2000 * fitted(data, resolution=0).sample(**arguments)
    assert not np.allclose(counts, np.rint(counts), atol=1e-2)
