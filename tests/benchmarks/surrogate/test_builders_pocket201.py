"""`pocket201-mnist-surrogate`: fitted to a part of the table, at the first question, kept in a cache."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scipy.stats import kendalltau

import nascurve
from nascurve.benchmarks.pocket201 import load_pocket201_mnist
from nascurve.benchmarks.surrogate import builders_pocket201
from nascurve.benchmarks.surrogate.builders import load_surrogate
from nascurve.benchmarks.surrogate.builders_pocket201 import load_pocket201_mnist_surrogate, training_networks
from nascurve.benchmarks.surrogate.folder import save_surrogate
from nascurve.benchmarks.surrogate.surrogate import Surrogate, checked_settings
from nascurve.errors import ConfigError
from nascurve.testing import check_benchmark

N = 120


@pytest.fixture(autouse=True, scope="module")
def small_surrogates():
    """Settings that are fitted quickly; the default ones are measured in `test_speed`."""
    small = checked_settings({"models": ["extratrees"], "n_members": 2})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(builders_pocket201, "checked_settings", lambda _: small)
        yield


@pytest.fixture(scope="module")
def table():
    return load_pocket201_mnist()


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def bench(cache):
    bench = load_pocket201_mnist_surrogate(n_architectures=N, n_seeds=3, cache_dir=cache)
    bench.best()  # fits it
    return bench


def test_it_keeps_the_contract_and_ranks_networks_it_has_not_seen(bench, table):
    check_benchmark(bench, n=5)
    judges = [arch for arch in table.space.all()[::5] if table.training_runs(arch) == 8]
    trained = {table.space.key(arch) for arch in training_networks(table)}
    assert len(judges) > 50
    assert not trained & {table.space.key(arch) for arch in judges}
    truth = [np.mean([table.query(arch, seed=s).val_acc[-1] for s in range(8)]) for arch in judges]
    tau = kendalltau(truth, [bench.true_test_acc(arch) for arch in judges]).statistic
    assert tau > 0.5


def test_its_cache_is_read_again(bench, cache, monkeypatch):
    def refuse(*_):
        raise AssertionError("fitted again")

    monkeypatch.setattr("nascurve.benchmarks.surrogate.surrogate.Surrogate.fit", refuse)
    again = load_pocket201_mnist_surrogate(n_architectures=N, n_seeds=3, cache_dir=cache)
    arch = bench.space.all()[777]
    assert np.array_equal(again.query(arch, seed=2).val_acc, bench.query(arch, seed=2).val_acc)


def test_a_damaged_or_other_cache_is_made_anew(bench, cache, caplog):
    arch = bench.space.all()[777]
    folder = next(path for path in cache.iterdir() if not path.name.startswith("."))
    arrays = folder / "arrays.npz"
    arrays.write_bytes(arrays.read_bytes()[:-1])
    again = load_pocket201_mnist_surrogate(n_architectures=N, n_seeds=3, cache_dir=cache)
    assert np.array_equal(again.query(arch, seed=2).val_acc, bench.query(arch, seed=2).val_acc)
    assert "fitted anew" in caplog.text
    assert json.loads((folder / "manifest.json").read_text())["facts"]["seed"] == 0


def test_a_cache_of_other_versions_is_made_anew(bench, cache, caplog, monkeypatch):
    """They may fit another surrogate to the same runs."""
    monkeypatch.setattr(builders_pocket201, "library_versions", lambda: {"nascurve": "99"})
    load_pocket201_mnist_surrogate(n_architectures=N, n_seeds=3, cache_dir=cache).true_test_acc(
        bench.space.all()[777]
    )
    assert "other runs, settings or versions" in caplog.text


def test_of_several_processes_one_fits_and_the_others_wait(monkeypatch, tmp_path):
    fits = []

    def fit(data, settings, seed):
        fits.append(seed)
        time.sleep(0.5)  # long enough for the other one to come
        return real(data, settings, seed)

    real = Surrogate.fit
    monkeypatch.setattr(Surrogate, "fit", fit)
    loaded = [load_pocket201_mnist_surrogate(n_architectures=N, cache_dir=tmp_path) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:  # locks of two open files exclude each other within a process too
        first, second = pool.map(lambda bench: bench.surrogate.fitted, loaded)
    assert fits == [0]
    arch = loaded[0].space.all()[5]
    np.testing.assert_array_equal(first.curves([arch], [1]), second.curves([arch], [1]))


def test_a_cache_that_cannot_be_written_to_is_said(tmp_path, caplog):
    (tmp_path / "file").write_text("x")
    bench = load_pocket201_mnist_surrogate(n_architectures=N, cache_dir=tmp_path / "file")
    assert 0 < bench.true_test_acc(bench.space.all()[5]) < 1
    assert "not kept" in caplog.text


def test_without_a_cache_it_says_so(caplog):
    load_pocket201_mnist_surrogate(n_architectures=N).true_test_acc(load_pocket201_mnist().space.all()[5])
    assert "cache_dir= keeps it" in caplog.text


def test_nothing_is_fitted_before_the_first_question():
    info = load_pocket201_mnist_surrogate().info
    assert (info.name, info.kind, info.max_epochs, info.n_seeds) == (
        "pocket201-mnist-surrogate",
        "surrogate",
        32,
        100,
    )
    assert info.details["n_architectures"] == 1500


def test_other_sizes_and_seeds_have_other_names():
    names = {
        load_pocket201_mnist_surrogate(n_architectures=n, seed=seed).info.name
        for n, seed in ((1500, 0), (500, 0), (1500, 1))
    }
    assert len(names) == 3


@pytest.mark.parametrize("optimizer", ["rs", "re", "ls"])
def test_optimizers_with_lce_search_in_it(bench, optimizer):
    base = nascurve.create_optimizer(optimizer, bench.space, seed=0)
    lce = nascurve.LCE(base, nascurve.create_extrapolator("last_value"), e_few=8, k=8, top_n=3)
    result = nascurve.simulate(lce, bench, max_evaluations=60, seed=0)
    assert len(result.to_frame()) >= 60


@pytest.mark.parametrize("options", [{"n_architectures": 49}, {"n_architectures": 5026}, {"seed": -1}])
def test_options_out_of_range_are_refused(options):
    with pytest.raises(ConfigError, match=next(iter(options))):
        load_pocket201_mnist_surrogate(**options)


@pytest.mark.perf
def test_speed(tmp_path):
    """Prints what docs/surrogate-benchmarks.md says of speed: the default settings, 1,500 networks."""

    def timed(what, ask, n=1):
        wall, cpu = time.perf_counter(), time.process_time()
        answer = ask()
        spent = (time.perf_counter() - wall) / n * 1e3, (time.process_time() - cpu) / n * 1e3
        print("{}: {:.3f} ms, {:.3f} ms of CPU".format(what, *spent))
        return answer

    data = load_pocket201_mnist_surrogate().surrogate._runs()
    Surrogate.fit(data.subset(range(300)))  # compiles and imports what is not yet
    surrogate = timed("fit", lambda: Surrogate.fit(data))
    folder = timed("save", lambda: save_surrogate(surrogate, tmp_path / "fitted"))
    size = sum(path.stat().st_size for path in folder.iterdir())
    print(f"folder: {size / 1e6:.1f} MB in {len(list(folder.iterdir()))} files")

    def forgetful():
        """Features are shared by all surrogates of a space and remembered."""
        cold = load_surrogate(data_dir=folder)
        cold.surrogate.features._rows.clear()
        return cold

    forgetful()
    bench = timed("load", lambda: load_surrogate(data_dir=folder))
    archs = bench.space.all()[7::15][:1000]
    timed("best of all networks", bench.best)
    cold = forgetful()
    for seed, what in enumerate(("new", "known")):
        pairs = archs, [seed] * len(archs)
        timed(
            f"of 1,000 queries in a batch, {what} networks", lambda p=pairs: cold.query_many(*p), len(archs)
        )
    timed("single query, known network", lambda: [cold.query(arch, seed=2) for arch in archs], len(archs))
    cold = forgetful()
    timed("single query, new network", lambda: [cold.query(arch, seed=2) for arch in archs], len(archs))
