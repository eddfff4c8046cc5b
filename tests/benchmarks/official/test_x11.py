"""The x11 checkpoints, on made-up ones that the real joblib, scikit-learn, LightGBM and SciPy write.

Every prediction is compared with what the real objects give. No released file was at hand.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from nascurve.benchmarks.nb201.benchmark import NB201Cifar10
from nascurve.benchmarks.nb301.config_vector import config_vectors
from nascurve.benchmarks.nb301.lightgbm_model import read_lightgbm
from nascurve.benchmarks.nbnlp.features import compact_row
from nascurve.benchmarks.nbnlp.recipe import compact_of_recipe
from nascurve.benchmarks.nbnlp.space import RecurrentSpace
from nascurve.benchmarks.x11.benchmark import NB111, NB211, NB311, NBNLP11
from nascurve.errors import CapabilityError, ConfigError, DataFileError
from nascurve.testing import check_benchmark
from tests.official_data import nb101, nbnlp, real_sample, x11

_NAMES = {NB211: "nb211", NB311: "nb311", NBNLP11: "nbnlp"}


def official_mean(members, X):
    """`BaggingEnsemble.query_mean` of the official code, batched."""
    return np.mean([official_curve(member, X) for member in members], axis=0)


def official_curve(member, X):
    chain, scaler, s, vh, k = member[:5]
    return scaler.inverse_transform(chain.predict(X)) @ np.diag(s[:k]) @ vh[:k]


def recurrent_cells(n, seed=0):
    """Cells with made-up losses of their first three epochs."""
    rng, space = np.random.default_rng(seed), RecurrentSpace()
    return {space.sample(rng): tuple(rng.uniform(4.6, 7, 3)) for _ in range(n)}


def extra(cls):
    return {"first_epochs": recurrent_cells(60)} if cls is NBNLP11 else {}


@pytest.fixture(scope="module", params=[NB211, NB311, NBNLP11], ids=lambda cls: cls.card.id)
def made(request, tmp_path_factory):
    """(folder, real objects, class, benchmark)."""
    cls = request.param
    folder = tmp_path_factory.mktemp("checkpoints")
    members = x11.write(folder / f"{_NAMES[cls]}-v0.5", model=_NAMES[cls])
    return folder, members, cls, cls(data_dir=folder, **extra(cls))


@pytest.fixture(scope="module")
def nb211(tmp_path_factory):
    folder = tmp_path_factory.mktemp("nb211")
    return folder, x11.write(folder)


def sampled(bench, n, seed=0):
    rng = np.random.default_rng(seed)
    return [bench.space.sample(rng) for _ in range(n)]


def test_keeps_the_contract(made):
    check_benchmark(made[3], n=10)


def test_mean_curves_equal_those_of_the_real_objects(made):
    _, members, cls, bench = made
    archs = sampled(bench, 50)
    if cls is NB311:
        X = config_vectors(archs)
    elif cls is NB211:  # the official encoding, from the string
        ops = ("avg_pool_3x3", "nor_conv_1x1", "nor_conv_3x3", "none", "skip_connect")
        X = [[ops.index(op.split("~")[0]) for op in str(arch).split("|") if "~" in op] for arch in archs]
    else:
        losses = recurrent_cells(60)
        X = [[*bench.space.encode([a], "compact")[0], *(100 - loss for loss in losses[a])] for a in archs]
    expected = official_mean(members, np.array(X, dtype=float))
    assert expected.std(axis=0).min() > 1e-6, "a test of constants shows nothing"
    np.testing.assert_allclose(bench.raw_curves(archs), expected, rtol=0, atol=1e-9)


def test_units(made):
    _, _, cls, bench = made
    arch = sampled(bench, 1)[0]
    raw = bench.raw_curves([arch])[0]
    quiet = cls(data_dir=made[0], noise=False, **extra(cls))
    curve = quiet.query(arch, seed=0)
    if cls is NBNLP11:
        np.testing.assert_allclose(curve.val_loss, 100 - raw)
        np.testing.assert_allclose(curve.val_acc, np.clip(1 - (100 - raw) / np.log(10_000), 0, 1))
        np.testing.assert_allclose(curve.epoch_s, 9747 / 50)
    else:
        np.testing.assert_allclose(curve.val_acc, np.clip(raw / 100, 0, 1))
    assert quiet.info.n_seeds == 1
    assert quiet.true_test_acc(arch) == curve.val_acc[-1] == bench.true_test_acc(arch)
    assert curve.test_acc is None


def test_noisy_curves_of_the_released_code(made):
    """faithful: first member alone, plus a clipped and halved draw; the distribution is that of the real
    object."""
    folder, members, cls, _ = made
    bench = cls(data_dir=folder, faithful=True, n_seeds=2_000, **extra(cls))
    arch = sampled(bench, 1)[0]
    noise = bench.raw_curves([arch] * 2_000, range(2_000)) - official_curve(
        members[0], bench._features([arch])
    )
    real = np.clip(members[0][5].resample(2_000, seed=0), -3, 3).T / 2
    same_distribution(noise, real)


def test_noisy_curves_by_default(made):
    """Mean of all members minus an unclipped draw, as the estimate is of prediction minus truth."""
    folder, members, cls, _ = made
    bench = cls(data_dir=folder, n_seeds=2_000, **extra(cls))
    arch = sampled(bench, 1)[0]
    noise = bench.raw_curves([arch] * 2_000, range(2_000)) - bench.raw_curves([arch])
    same_distribution(noise, -members[0][5].resample(2_000, seed=0).T)
    with pytest.raises(AssertionError):  # the made-up noise is skewed, so that its sign can be told
        same_distribution(-noise, -members[0][5].resample(2_000, seed=0).T)


def same_distribution(one, other):
    """Kolmogorov-Smirnov along 20 directions, which include single epochs; 1 in 10,000 by chance."""
    epochs = one.shape[1]
    rng = np.random.default_rng(0)
    directions = np.concatenate([np.eye(epochs)[:: epochs // 9], rng.normal(size=(10, epochs))])[:20]
    p = [stats.ks_2samp(one @ d, other @ d).pvalue for d in directions]
    assert min(p) * len(directions) > 1e-4


def test_noise_is_joint_over_epochs(nb211):
    folder, members = nb211
    bench = NB211(data_dir=folder, n_seeds=3_000)
    arch = sampled(bench, 1)[0]
    noise = bench.raw_curves([arch] * 3_000, range(3_000)) - bench.raw_curves([arch])
    real = members[0][5].resample(3_000, seed=0).T
    np.testing.assert_allclose(np.cov(noise.T), np.cov(real.T), atol=0.12 * np.cov(real.T).max())
    np.testing.assert_allclose(noise.mean(axis=0), -real.mean(axis=0), atol=0.15 * real.std())


def test_noise_depends_on_architecture_and_seed_alone(nb211, tmp_path):
    folder, _ = nb211
    bench = NB211(data_dir=folder)
    archs = sampled(bench, 3)
    curves = bench.raw_curves([*archs, archs[0]], [0, 0, 0, 1])
    noise = curves - bench.raw_curves([*archs, archs[0]])
    assert len({row.tobytes() for row in noise}) == 4
    code = (
        "import sys; from nascurve.benchmarks.x11.benchmark import NB211; b = NB211(data_dir=sys.argv[1]);"
        "print(b.raw_curves([b.space.parse(sys.argv[2])], [1])[0].tobytes().hex())"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "7", "OMP_NUM_THREADS": "1"}
    other = subprocess.run(
        [sys.executable, "-c", code, str(folder), str(archs[0])],
        capture_output=True,
        text=True,
        env=environment,
        check=True,
    )
    assert other.stdout.strip() == curves[3].tobytes().hex()


def test_a_curve_does_not_depend_on_what_it_is_asked_with(made):
    folder, _, cls, bench = made
    archs = sampled(bench, 30)
    together = bench.query_many(archs, [5] * 30)
    alone = cls(data_dir=folder, **extra(cls))
    for arch, curve in zip(archs, together, strict=True):
        np.testing.assert_array_equal(alone.query(arch, seed=5).val_acc, curve.val_acc)


def test_the_mean_is_computed_once_for_each_architecture(nb211, monkeypatch):
    bench = NB211(data_dir=nb211[0])
    archs = sampled(bench, 3)
    asked = []
    real = bench._surrogate.mean
    monkeypatch.setattr(bench._surrogate, "mean", lambda rows: asked.append(len(rows)) or real(rows))
    bench.query_many(archs * 2, [0, 0, 0, 1, 1, 1])
    for arch in archs:
        bench.query(arch, seed=2)
        bench.true_test_acc(arch)
    assert asked == [3]


def test_equal_members_are_kept_once(tmp_path):
    """The released code fits all members on the same data with the same seed."""
    members = x11.write(tmp_path, n_members=3, equal=True)
    bench = NB211(data_dir=tmp_path)
    assert bench.info.details["distinct_members"] == 1
    assert bench.info.details["members"] == [f"ensemble_member_{i}" for i in range(3)]
    archs = sampled(bench, 5)
    np.testing.assert_allclose(
        bench.raw_curves(archs), official_mean(members, bench._features(archs)), atol=1e-9, rtol=0
    )


def test_members_stand_in_natural_order(tmp_path):
    members = x11.write(tmp_path, n_members=11, n_trees=2, k=2)
    bench = NB211(data_dir=tmp_path, faithful=True)
    assert bench.info.details["members"][-1] == "ensemble_member_10"
    archs = sampled(bench, 2)
    np.testing.assert_allclose(
        bench.raw_curves(archs), official_mean(members, bench._features(archs)), atol=1e-9, rtol=0
    )


def test_every_place_that_data_dir_may_be(tmp_path):
    whole = tmp_path / "checkpoints" / "nb211-v0.5"
    x11.write(whole)
    x11.write(tmp_path / "checkpoints" / "nb311-v0.5", model="nb311", n_members=1)
    want = NB211(data_dir=whole, cache_dir=tmp_path / "a").info.details["members"]
    assert want == ["ensemble_member_0", "ensemble_member_1"]
    found = NB211(data_dir=str(tmp_path / "checkpoints"), cache_dir=tmp_path / "b").info.details["members"]
    assert found == want
    one = whole / "ensemble_member_1"
    for place in (one, one / "surrogate_model.model"):
        assert NB211(data_dir=place, cache_dir=tmp_path / "c").info.details["distinct_members"] == 1


def test_cache_is_used_and_renewed(tmp_path):
    folder, cache = tmp_path / "data", tmp_path / "cache"
    x11.write(folder)
    arch = sampled(NB211(data_dir=folder, cache_dir=cache), 1)[0]
    before = NB211(data_dir=folder, cache_dir=cache).raw_curves([arch], [3])
    for file in folder.rglob("*.model"):
        file.rename(file.with_suffix(".gone"))
    np.testing.assert_array_equal(NB211(data_dir=folder, cache_dir=cache).raw_curves([arch], [3]), before)
    x11.write(folder / "new", n_trees=5)
    assert (NB211(data_dir=folder / "new", cache_dir=cache).raw_curves([arch], [3]) != before).any()


@pytest.mark.parametrize("compress", [0, ("zlib", 1), ("gzip", 3), ("bz2", 3), ("lzma", 1), ("xz", 1)])
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_protocols_and_compressions(nb211, tmp_path, protocol, compress):
    import joblib

    folder, members = nb211
    path = tmp_path / "surrogate_model.model"
    joblib.dump(members[1], path, protocol=protocol, compress=compress)
    archs = sampled(NB211(data_dir=folder), 3)
    bench = NB211(data_dir=path, faithful=True)
    np.testing.assert_allclose(
        bench.raw_curves(archs), official_curve(members[1], bench._features(archs)), atol=1e-9, rtol=0
    )


def _bytes(text):
    """A string as protocol 3 writes it."""
    return b"X" + len(text).to_bytes(4, "little") + text.encode()


_OLD = [
    (b"csklearn.preprocessing._data\n", b"csklearn.preprocessing.data\n"),
    (b"cscipy.stats._kde\n", b"cscipy.stats.kde\n"),
    (b"cjoblib.numpy_pickle\n", b"csklearn.externals.joblib.numpy_pickle\n"),
    (b"cnumpy._core.multiarray\n", b"cnumpy.core.multiarray\n"),
    (_bytes("_handle"), _bytes("handle")),
]


def test_spellings_of_old_versions(tmp_path, monkeypatch):
    """scikit-learn 0.23, LightGBM 2.3, SciPy 1.2, joblib 0.14: other modules and attributes, no alignment."""
    import joblib.numpy_pickle

    made = joblib.numpy_pickle.NumpyArrayWrapper.__init__

    def without_alignment(self, *args, **options):
        made(self, *args, **options)
        del self.numpy_array_alignment_bytes

    monkeypatch.setattr(joblib.numpy_pickle.NumpyArrayWrapper, "__init__", without_alignment)

    def older(member):
        del member[5].covariance, member[5].cho_cov
        member[0].order_ = member[0].order_.tolist()

    members = x11.write(tmp_path, n_members=1, dump={"protocol": 3}, change=older)
    path = tmp_path / "ensemble_member_0" / "surrogate_model.model"
    data = path.read_bytes()
    for new, old in _OLD:
        assert new in data
        data = data.replace(new, old)
    # LightGBM 2 wrote neither is_linear nor weights, and called its format v2
    path.write_bytes(data)
    bench = NB211(data_dir=tmp_path, n_seeds=2_000)
    archs = sampled(bench, 5)
    np.testing.assert_allclose(
        bench.raw_curves(archs), official_mean(members, bench._features(archs)), atol=1e-9, rtol=0
    )
    noise = bench.raw_curves([archs[0]] * 2_000, range(2_000)) - bench.raw_curves(archs[:1])
    del members[0][5].__dict__["_data_covariance"], members[0][5].__dict__["_data_cho_cov"]
    members[0][5].set_bandwidth()
    same_distribution(noise, -members[0][5].resample(2_000, seed=0).T)


def test_bound_methods_in_a_dump_are_no_obstacle(tmp_path):
    """SciPy until 1.10 kept a bound method on the estimate, which pickles as a call of getattr on the object
    itself."""

    def older(member):
        member[5].covariance_factor = member[5].scotts_factor

    x11.write(tmp_path, n_members=1, change=older)
    NB211(data_dir=tmp_path)


def test_boosters_as_bytes_stopped_early_and_of_version_2(tmp_path):
    def older(member):
        for estimator in member[0].estimators_:
            estimator.booster_.best_iteration = 4
            text = estimator.booster_.model_to_string(num_iteration=-1)
            lines = [line for line in text.split("\n") if not line.startswith(("is_linear=", "leaf_weight="))]
            text = "\n".join(lines).replace("version=v4", "version=v2")
            text = text.replace("end of trees\n\n", "")  # so was it before 2.2.3
            assert "feature_importances:" in text
            estimator._Booster = _Renamed(text.encode(), estimator.booster_)

    members = x11.write(tmp_path, n_members=1, change=older)
    bench = NB211(data_dir=tmp_path)
    archs = sampled(bench, 5)
    for estimator in members[0][0].estimators_:
        estimator._Booster = estimator._Booster.real
    np.testing.assert_allclose(
        bench.raw_curves(archs), official_mean(members, bench._features(archs)), atol=1e-9, rtol=0
    )


class _Renamed:
    """Pickles as a Booster of LightGBM 2 whose text is bytes."""

    def __init__(self, text, real):
        self.text, self.real = text, real

    def __reduce__(self):
        import lightgbm

        return lightgbm.Booster, (), {"handle": self.text, "best_iteration": 4}


def test_order_of_the_chain(tmp_path):
    members = x11.write(tmp_path, k=4, order=[2, 0, 3, 1])
    bench = NB211(data_dir=tmp_path)
    archs = sampled(bench, 5)
    np.testing.assert_allclose(
        bench.raw_curves(archs), official_mean(members, bench._features(archs)), atol=1e-9, rtol=0
    )


def test_trees_are_exactly_those_of_lightgbm(nb211):
    """At every threshold, and at the numbers next to it."""
    for step, estimator in enumerate(nb211[1][0][0].estimators_):
        trees = read_lightgbm(estimator.booster_.model_to_string(), n_features=6 + step)
        limits = np.nextafter(trees.threshold[trees.left >= 0], -np.inf)
        rng = np.random.default_rng(0)
        X = rng.choice(np.r_[limits, np.nextafter(limits, 9), np.nextafter(limits, -9)], (500, 6 + step))
        X[:100] = rng.normal(2, 2, (100, 6 + step))
        X[100] = 0
        np.testing.assert_array_equal(trees.predict(X), estimator.booster_.predict(X))
        alone = [trees.predict(row[None])[0] for row in X]
        np.testing.assert_array_equal(alone, trees.predict(X))


def test_a_tree_of_one_leaf():
    import lightgbm

    X = np.random.default_rng(0).normal(size=(30, 4))
    constant = lightgbm.LGBMRegressor(n_estimators=3, verbose=-1, n_jobs=1).fit(X, np.full(30, 0.25))
    trees = read_lightgbm(constant.booster_.model_to_string(), n_features=4)
    np.testing.assert_array_equal(trees.predict(X), constant.predict(X))


def test_weights_of_the_noise(tmp_path):
    def weighted(member):
        weights = np.r_[np.full(10, 1.0), np.zeros(member[5].n - 10)]
        member[5] = stats.gaussian_kde(member[5].dataset, weights=weights + 1e-6)

    members = x11.write(tmp_path, n_members=1, change=weighted)
    bench = NB211(data_dir=tmp_path, n_seeds=2_000)
    arch = sampled(bench, 1)[0]
    noise = bench.raw_curves([arch] * 2_000, range(2_000)) - bench.raw_curves([arch])
    same_distribution(noise, -members[0][5].resample(2_000, seed=0).T)


def test_singular_covariance(tmp_path):
    """What the official jitter of 1e-8 leaves: no variance along the components that were kept."""

    def singular(member):
        vh, k, kde = member[3:6]
        kept = vh[:k].T @ vh[:k]
        away = np.eye(len(kept)) - kept
        kde.dataset = away @ kde.dataset
        kde.covariance = away @ kde.covariance @ away

    members = x11.write(tmp_path, n_members=1, change=singular)
    bench = NB211(data_dir=tmp_path)
    arch = sampled(bench, 1)[0]
    noise = bench.raw_curves([arch] * 20, range(20)) - bench.raw_curves([arch])
    assert np.isfinite(noise).all()
    assert np.abs(noise @ members[0][3][:3].T).max() < 1e-5 < np.abs(noise).max()


def test_without_a_noise_model(tmp_path):
    x11.write(tmp_path, noise=False)
    bench = NB211(data_dir=tmp_path)
    assert bench.info.n_seeds == 1
    check_benchmark(bench, n=5)
    with pytest.raises(CapabilityError, match="noise=false"):
        NB211(data_dir=tmp_path, noise=True)
    with pytest.raises(CapabilityError, match="without noise"):
        bench.raw_curves(sampled(bench, 1), [0])


def test_seeds(nb211):
    bench = NB211(data_dir=nb211[0], n_seeds=7)
    arch = sampled(bench, 1)[0]
    bench.query(arch, seed=6)
    with pytest.raises(ConfigError, match="must be 0 to 6"):
        bench.query(arch, seed=7)
    with pytest.raises(ConfigError, match="n_seeds"):
        NB211(data_dir=nb211[0], n_seeds=0)
    with pytest.raises(ConfigError, match="one seed for each"):
        bench.raw_curves([arch], [0, 1])


def test_best_of_nb211_is_the_best_of_all(nb211):
    bench = NB211(data_dir=nb211[0])
    arch, value = bench.best()
    assert bench.true_test_acc(arch) == value
    assert value == max(map(bench.true_test_acc, (*bench.space.all()[::40], arch)))


@pytest.mark.parametrize("cls", [NB111, NB211, NB311, NBNLP11])
def test_what_is_missing_is_said(cls, tmp_path):
    with pytest.raises(DataFileError, match=r"no data_dir was given.*figshare"):
        cls()
    with pytest.raises(DataFileError, match="an empty folder"):
        cls(data_dir=tmp_path)


def test_inputs_that_must_be_given(tmp_path):
    x11.write(tmp_path / "nbnlp-v0.5", model="nbnlp", n_members=1)
    x11.write(tmp_path / "nb111-v0.5", model="nb111", n_members=1)
    with pytest.raises(CapabilityError, match="nb101_dir="):
        NB111(data_dir=tmp_path)
    with pytest.raises(CapabilityError, match=r"nlp_logs=.*first_epochs="):
        NBNLP11(data_dir=tmp_path)
    cell = next(iter(recurrent_cells(1)))
    for wrong in ((5.0, 5.0), (5.0, 5.0, float("nan")), ("a", "b", "c"), 5.0):
        with pytest.raises(ConfigError, match="three finite"):
            NBNLP11(data_dir=tmp_path, first_epochs={cell: wrong})
    with pytest.raises(CapabilityError, match="none of the 0 cells"):
        NBNLP11(data_dir=tmp_path, first_epochs={})
    by_text = NBNLP11(data_dir=tmp_path, first_epochs={str(cell): [5, 5, 5]})
    assert by_text.space.contains(cell)


def test_a_checkpoint_of_another_benchmark_or_technique(tmp_path):
    x11.write(tmp_path / "a", model="nb311", n_members=1)
    with pytest.raises(DataFileError, match=r"surrogate of nb211: 200 epochs.*98"):
        NB211(data_dir=tmp_path / "a")
    x11.write(tmp_path / "b", n_members=1)
    config = tmp_path / "b" / "ensemble_member_0" / "model_config.json"
    config.write_text('{"model": "vae_lgb"}')
    with pytest.raises(CapabilityError, match="vae_lgb"):
        NB211(data_dir=tmp_path / "b")
    config.write_text("{")
    with pytest.raises(DataFileError, match=r"model_config\.json"):
        NB211(data_dir=tmp_path / "b")


@pytest.fixture(scope="module")
def nb111(tmp_path_factory):
    folder = tmp_path_factory.mktemp("nb111")
    members = x11.write(folder / "nb111-v0.5", model="nb111")
    (folder / "table").mkdir()
    return folder, members, nb101.write(folder / "table", n_cells=30)


def test_nb111_keeps_the_contract(nb111):
    check_benchmark(NB111(data_dir=nb111[0], nb101_dir=nb111[0] / "table"), n=5)


def test_nb111_takes_the_accuracies_of_the_table(nb111):
    """The vector is made here as by the official `encode_nb101`, from the made-up trainings."""
    folder, members, trainings = nb111
    bench = NB111(data_dir=folder, nb101_dir=folder / "table", noise=False)
    ops = {"conv1x1-bn-relu": 0.0, "conv3x3-bn-relu": 0.5, "maxpool3x3": 1.0}
    for arch in sampled(bench, 8):
        cell = [arch.matrix[i][j] for i in range(6) for j in range(i + 1, 7)]
        cell += [ops[op] for op in arch.ops[1:-1]]
        runs = [run for run in trainings if run.key == arch.official_hash()]
        assert len(runs) == 12
        for budget in (4, 12, 36, 108):
            final = [run.evaluations[2].validation_accuracy for run in runs if run.epochs == budget]
            cell.append(np.mean(final))
        expected = official_mean(members, np.array([cell]))[0]
        np.testing.assert_allclose(bench.raw_curves([arch])[0], expected, atol=1e-9, rtol=0)
        curve = bench.query(arch, seed=0)
        np.testing.assert_allclose(curve.val_acc, np.clip(expected, 0, 1), atol=1e-9)
        seconds = np.mean([run.evaluations[2].training_time for run in runs if run.epochs == 108])
        assert curve.epoch_s.sum() == pytest.approx(seconds, rel=1e-6)


def test_nb111_needs_all_budgets(nb111, tmp_path):
    nb101.write(tmp_path, n_cells=10, file="nasbench_only108.tfrecord")
    with pytest.raises(CapabilityError, match="none at 4, 12, 36"):
        NB111(data_dir=nb111[0], nb101_dir=tmp_path)


def test_nbnlp11_takes_the_first_epochs_of_the_logs(tmp_path):
    members = x11.write(tmp_path / "nbnlp-v0.5", model="nbnlp")
    recipes = [nbnlp.RNN, nbnlp.GRU, *(cell.recipe() for cell in recurrent_cells(10))]
    logs = [nbnlp.log(recipe, run=run) for run, recipe in enumerate(recipes)]
    diverged = nbnlp.log(nbnlp.LSTM, run=50, recorded=2, status="loss is nan!")
    bench = NBNLP11(data_dir=tmp_path, nlp_logs=nbnlp.write(tmp_path / "logs", [*logs, diverged]))
    space = RecurrentSpace()
    held = {space.from_recipe(recipe): log["val_losses"] for recipe, log in zip(recipes, logs, strict=True)}
    assert set(bench.space.all()) == set(held)
    check_benchmark(bench, n=5)
    for arch, losses in held.items():
        X = [*space.encode([arch], "compact")[0], *(100 - loss for loss in losses[:3])]
        expected = official_mean(members, np.array([X]))[0]
        np.testing.assert_allclose(bench.raw_curves([arch])[0], expected, atol=1e-9, rtol=0)


def test_nbnlp11_refuses_logs_of_another_task(tmp_path):
    x11.write(tmp_path, model="nbnlp", n_members=1)
    logs = real_sample("nas-bench-nlp-wikitext2")
    with pytest.raises(CapabilityError, match="wikitext-2"):
        NBNLP11(data_dir=tmp_path, nlp_logs=logs, cache_dir=tmp_path / "cache")


def test_predict_takes_rows_of_official_order(tmp_path):
    """A recipe whose own order of nodes is not the canonical one."""
    members = x11.write(tmp_path, model="nbnlp")
    bench = NBNLP11(data_dir=tmp_path, first_epochs=recurrent_cells(3))
    recipe = dict(reversed(nbnlp.GRU.items()))
    row = [*compact_row(compact_of_recipe(recipe)), 93.0, 94.0, 94.5]
    assert (row[:-3] != bench.space.encode([RecurrentSpace().from_recipe(recipe)], "compact")[0]).any()
    np.testing.assert_allclose(
        bench.predict(np.array([row])), official_mean(members, np.array([row])), atol=1e-9, rtol=0
    )
    for wrong in (np.zeros((2, 185)), np.zeros(188), np.full((1, 188), np.nan)):
        with pytest.raises(ConfigError, match=r"finite features of shape \(n, 188\)"):
            bench.predict(wrong)


def test_runtime_model_gives_the_seconds(tmp_path):
    """NAS-Bench-301's runtime model: plain pickles of Boosters, early-stopped."""
    import pickle

    import lightgbm

    rng = np.random.default_rng(0)
    boosters = []
    for i in range(2):
        X = rng.integers(-1, 7, (200, 56)).astype(float)
        y = 5_000 + X @ rng.normal(size=56) * 100
        booster = lightgbm.train(
            {"verbose": -1, "num_threads": 1}, lightgbm.Dataset(X, y), num_boost_round=20
        )
        booster.best_iteration = 15
        place = tmp_path / "nb_models" / "lgb_runtime_v1.0" / f"member_{i}"
        place.mkdir(parents=True)
        with (place / "surrogate_model.model").open("wb") as file:
            pickle.dump(booster, file)
        (place / "model_config.json").write_text('{"model": "lgb_time"}')
        boosters.append(booster)
    x11.write(tmp_path / "nb311-v0.5", model="nb311", n_members=1)
    bench = NB311(data_dir=tmp_path, runtime_dir=tmp_path / "nb_models")
    archs = sampled(bench, 5)
    expected = np.mean([booster.predict(config_vectors(archs)) for booster in boosters], axis=0)
    for arch, total in zip(archs, expected, strict=True):
        assert bench.query(arch, seed=0).epoch_s.sum() == pytest.approx(total, rel=1e-12)
    with pytest.raises(DataFileError, match=r"lgb_runtime_v1\.0.*runtime_dir="):
        NB311(data_dir=tmp_path, runtime_dir=tmp_path / "nowhere")


def test_nb211_takes_its_seconds_from_nas_bench_201(nb211, tmp_path):
    """Real file: NATS-Bench's sample of three cells."""
    sample = real_sample("nats-bench-tss-sample")
    folder = sample / "NATS-tss-v1_0-3ffb9-simple"
    x11.write(tmp_path, n_members=1)
    bench = NB211(data_dir=tmp_path, nb201_dir=folder, cache_dir=tmp_path / "cache")
    table = NB201Cifar10(data_dir=folder, cache_dir=tmp_path / "cache")
    assert len(bench.space.all()) == 3
    check_benchmark(bench)
    for arch in bench.space.all():
        expected = table.query(arch, seed=0).epoch_s
        np.testing.assert_allclose(bench.query(arch, seed=1).epoch_s, expected, rtol=1e-9)
    assert min(bench.query(arch, seed=0).epoch_s[0] for arch in bench.space.all()) > 1.0


def test_python_writes_nothing_beside_read_only_data(nb211, tmp_path):
    """cache_dir keeps the data's folder as it was."""
    folder = tmp_path / "data"
    x11.write(folder, n_members=1)
    before = sorted(Path(folder).rglob("*"))
    NB211(data_dir=folder, cache_dir=tmp_path / "cache")
    assert sorted(Path(folder).rglob("*")) == before


@pytest.mark.perf
def test_speed(tmp_path, capsys):
    """Prints the figures of docs/x11.md: five equal members of the official size, made up."""
    import lightgbm

    rng = np.random.default_rng(0)

    def of_official_size(member):
        """On made-up labels that never run out, so that each of the trees has its 40 leaves."""
        settings = {"num_leaves": 40, "max_depth": 18, "learning_rate": 0.02, "num_threads": 1, "verbose": -1}
        for step, estimator in enumerate(member[0].estimators_):
            rows = rng.integers(-1, 7, (3_000, 56 + step)).astype(float)
            labels = rng.normal(size=len(rows))
            estimator._Booster = lightgbm.train(settings, lightgbm.Dataset(rows, labels), 3_000)
        residuals = rng.multivariate_normal(np.zeros(98), np.cov(member[5].dataset), 36_000)
        member[5] = stats.gaussian_kde(residuals.T)

    x11.write(tmp_path, model="nb311", n_members=1, k=5, n_trees=1, change=of_official_size)
    for i in range(1, 5):
        shutil.copytree(tmp_path / "ensemble_member_0", tmp_path / f"ensemble_member_{i}")
    size = (tmp_path / "ensemble_member_0" / "surrogate_model.model").stat().st_size
    seconds = {}
    for what in ("convert", "open"):
        started = time.perf_counter()
        bench = NB311(data_dir=tmp_path)
        seconds[what] = time.perf_counter() - started
    archs = sampled(bench, 1_300)
    bench.query(archs[0], seed=0)
    for what, n in (("a single query", 100), ("1,000 mean curves", 1), ("noise on them", 1)):
        started = time.perf_counter()
        if n > 1:
            for arch in archs[1 : n + 1]:
                bench.query(arch, seed=0)
        elif what.endswith("curves"):
            bench.raw_curves(archs[300:])
        else:
            bench.query_many(archs[300:], [0] * 1_000)
        seconds[what] = (time.perf_counter() - started) / n
    with capsys.disabled():
        print(f"\nmembers of {size / 1e6:.0f} MB;", {what: f"{s:.4f} s" for what, s in seconds.items()})
    assert seconds["a single query"] < 0.05
