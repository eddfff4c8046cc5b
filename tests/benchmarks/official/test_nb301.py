"""NAS-Bench-301 as a benchmark.

No official file is at hand: all runs and models here are made up, in the official formats (see
`tests/official_data/nb301.py`).
"""

from __future__ import annotations

import contextlib
import json
import pickle
import time
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nascurve.benchmarks.nb301.benchmark import NB301
from nascurve.benchmarks.nb301.config_vector import config_vectors
from nascurve.benchmarks.nb301.genotype import to_compact
from nascurve.benchmarks.nb301.run_json import read_run
from nascurve.benchmarks.nb301.space import DartsSpace
from nascurve.errors import ArchitectureError, CapabilityError, ConfigError, DataFileError
from nascurve.testing import check_benchmark, check_search_space
from tests.official_data import nb301 as made

LISTS = {"val_acc": ("Train/val_accuracy", 100), "test_acc": ("Train/test_result", 100)}
LISTS |= {"val_loss": ("Train/val_cross_entropy", 1), "train_loss": ("Train/loss", 1)}


def fresh(seed=10**6):
    return DartsSpace().sample(np.random.default_rng(seed))


@pytest.mark.parametrize("as_zip", [False, True])
def test_runs_are_given_back_as_logged(tmp_path, as_zip):
    runs = made.write(tmp_path / "data", n=30, repeats=7, as_zip=as_zip)
    bench = NB301(data_dir=tmp_path / "data")
    assert bench.info.kind == "real"
    assert (bench.info.max_epochs, bench.info.n_seeds, bench.info.fidelities) == (98, 1, None)
    assert bench.info.details["runs_by_method"] == {"de": 12, "re": 12, "rs": 13}
    by_arch = {}
    for method, arch, document in runs:
        by_arch.setdefault(arch, []).append((method, document))
    assert bench.space.size == len(by_arch) == 30
    assert bench.space.all() == tuple(by_arch)
    for arch, own in by_arch.items():
        assert bench.training_runs(arch) == len(own)
        assert bench.method_of(arch) == tuple(method for method, _ in own)
        for seed, (_, document) in enumerate(own):
            curve = bench.query(arch, seed=seed)
            for name, (theirs, scale) in LISTS.items():
                expected = np.array(document["learning_curves"][theirs]) / scale
                np.testing.assert_allclose(getattr(curve, name), expected, rtol=1e-14)
            np.testing.assert_allclose(curve.epoch_s, document["runtime"] / 98)
        truth = np.mean([document["test_accuracy"] / 100 for _, document in own])
        assert bench.true_test_acc(arch) == pytest.approx(truth, abs=1e-12)
        with pytest.raises(ConfigError, match=f"must be 0 to {len(own) - 1}: "):
            bench.query(arch, seed=len(own))
    assert bench.best()[1] == pytest.approx(max(bench.true_test_acc(arch) for arch in by_arch))
    check_benchmark(bench)
    check_search_space(bench.space, n=10)


def test_the_cache_is_used_and_opened_without_the_data(tmp_path, monkeypatch):
    made.write(tmp_path / "data")
    first = NB301(data_dir=tmp_path / "data", cache_dir=tmp_path / "cache")
    assert [path.name for path in (tmp_path / "data").iterdir()] != []
    assert not list((tmp_path / "data").glob("*.nascurve"))
    monkeypatch.setattr("nascurve.benchmarks.nb301.benchmark.convert_runs", None)
    again = NB301(data_dir=tmp_path / "data", cache_dir=tmp_path / "cache")
    alone = NB301(cache_dir=tmp_path / "cache")
    arch = first.space.all()[3]
    for bench in (again, alone):
        assert bench.space.name == first.space.name
        np.testing.assert_array_equal(bench.query(arch, seed=0).val_acc, first.query(arch, seed=0).val_acc)


def test_architectures_without_runs(tmp_path):
    made.write(tmp_path)
    bench = NB301(data_dir=tmp_path)
    assert bench.space.name.startswith("darts-held-")
    for call in (bench.true_test_acc, bench.training_runs, bench.method_of, lambda a: bench.query(a, seed=0)):
        with pytest.raises(ArchitectureError):
            call(fresh())
    whole = NB301(data_dir=tmp_path, restrict=False)
    assert whole.info.space == whole.space.name == "darts"
    with pytest.raises(ArchitectureError, match="holds no run"):
        whole.query(fresh(), seed=0)


def test_final_accuracies_alone_give_one_fidelity(tmp_path):
    runs = made.write(tmp_path, curves=False)
    bench = NB301(data_dir=tmp_path)
    assert bench.info.fidelities == (98,)
    assert bench.info.metrics == ("val_acc", "test_acc")
    for _, arch, document in runs:
        curve = bench.query(arch, seed=0, epochs=98)
        assert np.isnan(curve.val_acc[:-1]).all()
        assert np.isnan(curve.test_acc[:-1]).all()
        assert curve.val_acc[-1] == pytest.approx(document["info"][0]["val_accuracy"] / 100)
        assert curve.test_acc[-1] == pytest.approx(document["test_accuracy"] / 100)
        with pytest.raises(CapabilityError, match="98"):
            bench.query(arch, seed=0, epochs=50)
    check_benchmark(bench)
    with pytest.raises(CapabilityError, match="surrogate"):
        bench._predicted(list(bench.space.all()))


def put(folder, name, document):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))


def test_short_runs_are_dropped_or_held(tmp_path):
    runs = made.write(tmp_path, n=5)
    short, long = fresh(1), fresh(2)
    document = made.document(short, seed=50, epochs=40)
    put(tmp_path, "rs/results_90.json", document)
    put(tmp_path, "rs/results_91.json", made.document(long, seed=51, epochs=120))
    dropped = NB301(data_dir=tmp_path)
    assert not dropped.space.contains(short)
    assert dropped.info.details["shorter_runs"] == "1, left out"
    assert dropped.info.details["n_longer_runs_left_out"] == 1
    held = NB301(data_dir=tmp_path, short_runs="hold")
    assert held.space.contains(short)
    assert not held.space.contains(long)
    curve = held.query(short, seed=0)
    logged = np.array(document["learning_curves"]["Train/val_accuracy"]) / 100
    np.testing.assert_allclose(curve.val_acc, [*logged, *[logged[-1]] * 58])
    np.testing.assert_allclose(curve.epoch_s, document["runtime"] / 40)
    assert curve.test_acc[-1] == pytest.approx(document["test_accuracy"] / 100)
    whole = runs[0][1]
    np.testing.assert_array_equal(held.query(whole, seed=0).val_acc, dropped.query(whole, seed=0).val_acc)
    check_benchmark(held)


def test_of_equally_common_lengths_the_longest_counts(tmp_path):
    for i, epochs in enumerate((40, 98, 60)):
        put(tmp_path, f"rs/results_{i}.json", made.document(fresh(i), seed=i, epochs=epochs))
    bench = NB301(data_dir=tmp_path)
    assert (bench.info.max_epochs, bench.space.all()) == (98, (fresh(1),))


def test_a_diverged_run_is_nan_from_there(tmp_path):
    made.write(tmp_path, n=5)
    arch = fresh(3)
    document = made.document(arch, seed=60)
    document["learning_curves"]["Train/val_accuracy"][30] = float("nan")
    put(tmp_path, "re/results_99.json", document)
    bench = NB301(data_dir=tmp_path)
    curve = bench.query(arch, seed=0)
    assert np.isfinite(curve.val_acc[:30]).all()
    assert np.isnan(curve.val_acc[30:]).all()
    assert bench.info.details["n_diverged"] == 1
    check_benchmark(bench)


def test_other_settings_copies_and_untested_runs_are_left_out(tmp_path):
    runs = made.write(tmp_path, n=6)
    put(tmp_path, "de/results_80.json", runs[0][2])
    put(tmp_path, "rs/results_81_ti.json", made.document(fresh(4), seed=70))
    put(
        tmp_path,
        "x/results_82.json",
        made.document(fresh(5), **{"NetworkSelectorDatasetInfo:darts:layers": 20}),
    )
    put(tmp_path, "x/results_83.json", {**made.document(fresh(6), seed=71), "test_accuracy": None})
    bench = NB301(data_dir=tmp_path)
    assert bench.space.size == 7
    assert bench.method_of(fresh(4)) == ("rs",)
    details = bench.info.details
    assert details["n_copies_left_out"] == 1
    assert details["n_runs_with_other_settings_left_out"] == 1
    assert details["n_runs_without_test_accuracy_left_out"] == 1


def test_a_test_curve_that_ends_elsewhere_is_not_believed(tmp_path):
    arch = fresh(7)
    document = made.document(arch)
    document["learning_curves"]["Train/test_result"] = [3.0] * 98
    put(tmp_path, "rs/results_1.json", document)
    curve = NB301(data_dir=tmp_path).query(arch, seed=0)
    assert np.isnan(curve.test_acc[:-1]).all()
    assert curve.test_acc[-1] == pytest.approx(document["test_accuracy"] / 100)


def test_naslib_pickle(tmp_path):
    data = made.write_naslib(tmp_path)
    for where in (tmp_path, tmp_path / "nb301_full_training.pickle"):
        bench = NB301(data_dir=where)
    assert bench.info.metrics == ("val_acc", "train_loss")
    for arch in bench.space.all():
        entry = data[to_compact(arch)]
        curve = bench.query(arch, seed=0)
        np.testing.assert_allclose(curve.val_acc, np.array(entry["val_accuracies"]) / 100)
        np.testing.assert_allclose(curve.train_loss, entry["train_losses"])
        np.testing.assert_allclose(curve.epoch_s, np.ravel(entry["runtime"])[0] / 98)
        assert bench.true_test_acc(arch) == pytest.approx(entry["val_accuracies"][-1] / 100)
        assert bench.method_of(arch) == ("naslib",)
    assert len(bench.space.all()) == len(data)
    check_benchmark(bench)


@pytest.mark.parametrize(("epoch_by_epoch", "seconds"), [(True, 98 * 50.0), (False, 4000.0)])
def test_naslib_runtimes_by_epoch(tmp_path, epoch_by_epoch, seconds):
    data = made.write_naslib(tmp_path, n=2)
    for entry in data.values():
        entry["runtime"] = [50.0] * 98 if epoch_by_epoch else np.linspace(40, 4000, 98).tolist()
    (tmp_path / "nb301_full_training.pickle").write_bytes(pickle.dumps(data))
    bench = NB301(data_dir=tmp_path)
    curve = bench.query(bench.space.all()[0], seed=0)
    np.testing.assert_allclose(curve.epoch_s.sum(), seconds)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("nb_models")
    return folder, made.write_surrogates(folder)


def test_surrogate_is_mean_and_noise_of_its_members(models):
    folder, ensemble = models
    exact = NB301(data_dir=folder, surrogate="xgb", noise=False)
    noisy = NB301(data_dir=folder.parent, surrogate="xgb", n_seeds=200)
    assert exact.info.kind == "surrogate"
    assert exact.info.fidelities == (98,)
    assert exact.info.n_seeds == 1
    assert exact.info.details["surrogate"] == "xgb_v1.0"
    assert exact.info.details["n_members"] == 3
    assert exact.best() is None
    arch = fresh(8)
    row = config_vectors([arch])[0]
    member = np.array([made.walk(trees, row, base_first=i == 1) for i, trees in enumerate(ensemble)])
    curve = exact.query(arch, seed=0)
    assert curve.val_acc[-1] == float(member.mean()) / 100
    assert exact.true_test_acc(arch) == noisy.true_test_acc(arch) == curve.val_acc[-1]
    seconds = np.mean([made.lightgbm_model(seed=i).predict(row[None])[0] for i in range(3)])
    np.testing.assert_allclose(curve.epoch_s, seconds / 98, rtol=1e-12)
    draws = np.array([c.val_acc[-1] for c in noisy.query_many([arch] * 200, list(range(200)))])
    assert abs(draws.mean() * 100 - member.mean()) < 4 * member.std() / np.sqrt(200)
    assert draws.std() * 100 == pytest.approx(member.std(), rel=0.2)
    again = NB301(data_dir=folder, surrogate="xgb")
    assert again.query(arch, seed=3).val_acc[-1] == draws[3]
    assert again.training_runs(arch) == 5
    with pytest.raises(ConfigError, match="0 to 4"):
        again.query(arch, seed=5)
    with pytest.raises(CapabilityError, match="98"):
        again.query(arch, seed=0, epochs=10)
    with pytest.raises(CapabilityError, match="no runs"):
        again.method_of(arch)


def test_surrogates_answer_alike_one_by_one_and_from_the_cache(models, tmp_path):
    folder, _ = models
    archs = [fresh(seed) for seed in range(300)]
    for name in ("xgb", "gnn_gin"):
        bench = NB301(data_dir=folder, surrogate=name, cache_dir=tmp_path)
        many = [curve.val_acc[-1] for curve in bench.query_many(archs, [0] * 300)]
        cached = NB301(cache_dir=tmp_path, surrogate=name)
        one = [cached.query(arch, seed=0).val_acc[-1] for arch in archs[:40]]
        assert one == many[:40], "a training's answer depends on what it is asked with"
        for arch, curve in zip(archs, bench.query_many(archs[::-1], [0] * 300)[::-1], strict=True):
            assert curve == bench.query(arch, seed=0)
        assert len(set(many)) > 200
        with pytest.raises(ArchitectureError):
            bench.query("Genotype", seed=0)
        check_benchmark(cached)
    assert sorted(path.name for path in tmp_path.glob("*.nascurve")) == [
        "nb301-gnn_gin_v1.0.nascurve",
        "nb301-lgb_runtime_v1.0.nascurve",
        "nb301-xgb_v1.0.nascurve",
    ]


def test_the_newest_version_is_taken(models, tmp_path):
    for version in ("1.9", "1.10", "0.11"):  # 1.10 is neither the first, the last, nor the greatest text
        made.write_surrogates(tmp_path, n_members=1, version=version)
    assert NB301(data_dir=tmp_path, surrogate="xgb").info.details["surrogate"] == "xgb_v1.10"


def test_another_model_than_the_folder_says_is_refused(tmp_path):
    made.write_surrogates(tmp_path, n_members=1)
    (tmp_path / "xgb_v1.0" / "ensemble_member_0" / "model_config.json").write_text('{"model": "ngb"}')
    with pytest.raises(DataFileError, match=r"model_config\.json: expected a model xgb .*got 'ngb'"):
        NB301(data_dir=tmp_path, surrogate="xgb")


def test_missing_data_says_where_to_get_it(tmp_path):
    for where in (None, tmp_path, tmp_path / "absent", tmp_path / "file.txt"):
        (tmp_path / "file.txt").write_text("x")
        for surrogate in (None, "xgb"):
            with pytest.raises(DataFileError, match="figshare"):
                NB301(data_dir=where, surrogate=surrogate)
    made.write_surrogates(tmp_path, n_members=1)
    for path in (tmp_path / "lgb_runtime_v1.0").rglob("*.*"):
        path.unlink()
    with pytest.raises(DataFileError, match=r"lgb_runtime_v1\.0: expected 1 to 100 files"):
        NB301(data_dir=tmp_path, surrogate="xgb")


@pytest.mark.parametrize(
    "wrong",
    [
        {"surrogate": "xbg"},
        {"short_runs": "pad"},
        {"n_seeds": 0},
        {"noise": 1},
        {"restrict": 1},
        {"data_dir": 3},
    ],
)
def test_bad_options(wrong):
    with pytest.raises(ConfigError):
        NB301(**wrong)
    with pytest.raises(ConfigError, match="whole space"):
        NB301(surrogate="xgb", restrict=True)


def corrupt(kind):
    document = made.document(fresh(9))
    if kind == "no curve":
        document["learning_curves"] = {"Train/loss": [1.0], "Train/lr": [1.0]}
    elif kind == "no config":
        del document["optimized_hyperparamater_config"]
    elif kind == "bad arch":
        document["optimized_hyperparamater_config"]["NetworkSelectorDatasetInfo:darts:edge_normal_0"] = "none"
    elif kind == "bad accuracy":
        document["test_accuracy"] = 140.0
    elif kind == "bad runtime":
        document["runtime"] = -1
    elif kind == "text":
        document["learning_curves"]["Train/val_accuracy"][3] = "94"
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (b"", "empty"),
        (b"<!DOCTYPE html><html>", "web page"),
        (corrupt("")[:-10], "cannot be read"),
        (b"\x80\x04\x95", "cannot be read"),
        (b"[" * 100_000, "cannot be read"),
        (b"[]", "a list"),
        (corrupt("no curve"), r"'Train/loss', 'Train/lr'"),
        (corrupt("no config"), "other training settings|optimized_hyperparamater_config"),
        (corrupt("bad arch"), "none"),
        (corrupt("bad accuracy"), "0 to 100"),
        (corrupt("bad runtime"), "runtime"),
        (corrupt("text"), "instead of a number"),
        (b" " * (2**24 + 1), "at most"),
    ],
)
def test_a_bad_run_file_is_named(tmp_path, data, match):
    made.write(tmp_path, n=2)
    (tmp_path / "rs" / "results_7.json").write_bytes(data)
    with pytest.raises(DataFileError, match=match) as caught:
        NB301(data_dir=tmp_path)
    assert "results_7.json" in str(caught.value)
    assert not list(tmp_path.glob("*.nascurve"))


def test_bad_archives_and_pickles_are_named(tmp_path):
    archive = tmp_path / "runs.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as made_zip:
        made_zip.writestr("rs/results_1.json", b" " * 2**25)
    good = made.write(tmp_path / "a", n=2, as_zip=True)
    assert good
    whole = (tmp_path / "a" / "nasbench301_full_data.zip").read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 1
    cases = {
        archive: archive.read_bytes(),
        tmp_path / "cut.zip": whole[:-50],
        tmp_path / "flipped.zip": bytes(flipped),
        tmp_path / "page.zip": b"<html>",
        tmp_path / "empty.zip": b"PK\x05\x06" + bytes(18),
        tmp_path / "page.pickle": b"<html>",
        tmp_path / "cut.pickle": pickle.dumps(dict(made.write_naslib(tmp_path / "n", n=1)))[:-40],
        tmp_path / "list.pickle": pickle.dumps([1]),
        tmp_path / "key.pickle": pickle.dumps({((1,), (2,)): {}}),
        tmp_path / "deep.pickle": b"\x80\x04" + b"]" * 10**6 + b".",
    }
    for path, data in cases.items():
        path.write_bytes(data)
        with pytest.raises(DataFileError) as caught:
            NB301(data_dir=path)
        assert path.name in str(caught.value)
        assert "figshare" in str(caught.value)


def test_a_folder_of_other_runs_alone_is_refused(tmp_path):
    put(
        tmp_path,
        "x/results_1.json",
        made.document(fresh(), **{"NetworkSelectorDatasetInfo:darts:layers": 20}),
    )
    with pytest.raises(DataFileError, match="all with other training settings"):
        NB301(data_dir=tmp_path)


def fuzz_runs(n):
    """Documents with values replaced at random: a run, None (other settings), or our error."""
    values = st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.just([]), st.just({})
    )
    paths = [
        (),
        ("optimized_hyperparamater_config",),
        ("optimized_hyperparamater_config", "NetworkSelectorDatasetInfo:darts:edge_normal_0"),
        ("optimized_hyperparamater_config", "NetworkSelectorDatasetInfo:darts:inputs_node_reduce_5"),
        ("info",),
        ("info", 0),
        ("info", 0, "val_accuracy"),
        ("info", 0, "epochs"),
        ("test_accuracy",),
        ("runtime",),
        ("learning_curves",),
        ("learning_curves", "Train/val_accuracy"),
        ("learning_curves", "Train/val_accuracy", 5),
        ("learning_curves", "Train/test_result"),
        ("learning_curves", "Train/test_result", -1),
        ("learning_curves", "Train/loss", 0),
    ]
    arch = fresh(11)

    @settings(max_examples=n, deadline=None, database=None, derandomize=True)
    @given(st.lists(st.tuples(st.sampled_from(paths), values), min_size=1, max_size=3), st.booleans())
    def run(changes, curves):
        document = made.document(arch, curves=curves, epochs=10)
        for path, value in changes:
            target = document
            with contextlib.suppress(KeyError, IndexError, TypeError):
                for key in path[:-1]:
                    target = target[key]
                if path:
                    target[path[-1]] = value
                else:
                    document = value
        with contextlib.suppress(DataFileError):
            found = read_run(document, method="rs", path="results_1.json", remedy="Get it.")
            assert found is None or found.arch is not None

    run()


def test_fuzz_runs():
    fuzz_runs(300)


@pytest.mark.slow
def test_fuzz_runs_long():
    fuzz_runs(3000)


@pytest.mark.perf
def test_speed(tmp_path, capsys):
    """Prints the figures of docs/nb301.md, of made-up runs and a made-up booster."""
    from nascurve.benchmarks.nb301.boosters import read_booster

    seconds = {}

    def timed(what, call):
        started = time.perf_counter()
        value = call()
        seconds[what] = time.perf_counter() - started
        return value

    made.write(tmp_path, n=5_000)
    timed("5,000 runs converted", lambda: NB301(data_dir=tmp_path))
    bench = timed("opened", lambda: NB301(data_dir=tmp_path))
    timed("1,000 curves", lambda: bench.query_many(bench.space.all()[:1_000], [0] * 1_000))
    data = made.pickled_booster(made.xgboost_json(made.random_trees(1_200, depth=11)), library="xgboost")
    trees = timed("booster read", lambda: read_booster(data, path="made up", remedy="Get it.", n_features=56))
    rows = config_vectors([fresh(seed) for seed in range(256)])
    trees.predict(rows[:1])
    timed("256 architectures", lambda: trees.predict(rows))
    with capsys.disabled():
        print(
            f"\n{len(data) / 1e6:.0f} MB, {len(trees.left)} nodes;",
            {k: f"{s:.4f} s" for k, s in seconds.items()},
        )
    assert seconds["1,000 curves"] < 1
