"""The benchmark nbnlp, on the real WikiText-2 sample and on made-up files in the authors' format."""

from __future__ import annotations

import json
import logging
import math
import os
import pickle
import time
import zipfile

import numpy as np
import pytest

import nascurve
from nascurve.benchmarks.held_space import HeldSpace
from nascurve.benchmarks.nbnlp.benchmark import NBNLP
from nascurve.benchmarks.nbnlp.logs import read_log
from nascurve.benchmarks.nbnlp.recipe import compact_of_recipe
from nascurve.benchmarks.nbnlp.space import RecurrentSpace
from nascurve.errors import ArchitectureError, ConfigError, DataFileError, NascurveError
from nascurve.testing.benchmark import check_benchmark
from nascurve.testing.search_space import check_search_space
from tests.official_data import nbnlp as files
from tests.official_data import real_sample

SPACE = RecurrentSpace()
LN_WIKITEXT, LN_PTB = math.log(33_278), math.log(10_000)


@pytest.fixture(scope="session")
def cache_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("nbnlp")


@pytest.fixture
def real(cache_dir):
    return NBNLP(data_dir=real_sample("nas-bench-nlp-wikitext2"), cache_dir=cache_dir)


def real_logs():
    with zipfile.ZipFile(real_sample("nas-bench-nlp-wikitext2") / "logs.zip") as archive:
        return {name: archive.read(name) for name in archive.namelist()}


# --- the real sample --------------------------------------------------------------------------------------


def test_real_sample_keeps_the_contracts(real):
    check_benchmark(real, n=30)
    check_search_space(real.space, n=30)
    assert isinstance(real.space, HeldSpace)


def test_real_sample_in_numbers(real):
    details = real.info.details
    assert (details["n_runs"], details["n_cells"], details["n_diverged"]) == (245, 199, 4)
    assert (details["data"], details["vocabulary"], details["left_out"]) == ("wikitext-2", 33_278, {})
    assert (real.info.max_epochs, real.info.n_seeds, real.info.kind) == (50, 1, "real")
    curves = [real.query(cell, seed=s) for cell in real.space.all() for s in range(real.training_runs(cell))]
    assert len(curves) == 245
    final = np.array([curve.val_loss[-1] for curve in curves])
    assert (round(np.nanmin(final), 2), round(np.nanmax(final), 2)) == (4.57, 7.55)
    assert round(float(np.nanmedian(final)), 2) == 5.57
    assert round(float(np.nanmax([curve.val_loss for curve in curves])), 2) == 24.36
    val_acc = np.array([curve.val_acc for curve in curves])
    assert round(float(np.mean(val_acc[~np.isnan(val_acc)] == 0)), 4) == 0.0026  # cut off
    assert np.nanmin(val_acc[:, -1]) > 0
    ends = sorted(int(np.isnan(curve.val_acc).argmax()) for curve in curves if np.isnan(curve.val_acc[-1]))
    assert ends == [0, 0, 18, 22]  # lists of 1, 1, 19 and 23 epochs, the last one NaN


def test_real_sample_value_by_value(real):
    """Every log against the curves of its cell, read here with nothing but json."""
    found = set()
    for text in real_logs().values():
        log = json.loads(text)
        cell = SPACE.from_recipe(log["recepie"])
        n = len(log["val_losses"])
        twins = [real.query(cell, seed=s) for s in range(real.training_runs(cell))]
        match = [i for i, c in enumerate(twins) if list(c.epoch_s[:n]) == log["wall_times"]]
        assert len(match) == 1
        found.add((cell, match[0]))
        curve = twins[match[0]]
        for name, values in (("val_loss", log["val_losses"]), ("train_loss", log["train_losses"])):
            np.testing.assert_array_equal(getattr(curve, name)[:n], values)
            assert np.isnan(getattr(curve, name)[n:]).all()
        alive = n if log["status"] == "OK" else n - 1
        assert not curve.epoch_s[n:].any()
        for name, values in (("val_acc", log["val_losses"]), ("test_acc", log["test_losses"])):
            expected = np.maximum(1 - np.array(values[:alive]) / LN_WIKITEXT, 0)
            np.testing.assert_allclose(getattr(curve, name)[:alive], expected, rtol=1e-14)
            assert np.isnan(getattr(curve, name)[alive:]).all()
    assert len(found) == 245


def test_real_seeds_stand_in_the_order_of_time(real):
    starts = {}
    for text in real_logs().values():
        log = json.loads(text)
        cell = SPACE.from_recipe(log["recepie"])
        starts.setdefault(cell, []).append((log["init_time"], log["experiment_id"], log["wall_times"][0]))
    assert max(map(len, starts.values())) == 7
    for cell, runs in starts.items():
        times = [real.query(cell, seed=s).epoch_s[0] for s in range(len(runs))]
        assert times == [first for *_, first in sorted(runs)]


def test_the_best_cell_of_the_sample_is_the_lstm(real, cache_dir):
    assert real.best()[0] == SPACE.from_recipe(files.LSTM)
    reported = NBNLP(
        data_dir=real_sample("nas-bench-nlp-wikitext2"), cache_dir=cache_dir, test_epoch="best_val"
    )
    assert reported.best()[0] == real.best()[0]
    assert reported.best()[1] > real.best()[1]


@pytest.mark.parametrize("name", ["rs", "ls"])
def test_optimizers_run_on_the_real_sample(real, name):
    optimizer = nascurve.create_optimizer(name, real.space, seed=0)
    result = nascurve.simulate(optimizer, real, max_evaluations=60, seed=0)
    assert result.n_evaluations == 60
    assert all(real.space.contains(record.arch) for record in result.evaluations)


def test_lce_runs_on_the_real_sample(real):
    base = nascurve.create_optimizer("ls", real.space, seed=0)
    wrapped = nascurve.LCE(base, nascurve.create_extrapolator("last_value"), e_few=5, k=8, top_n=3)
    result = nascurve.simulate(wrapped, real, max_evaluations=60, seed=0)
    assert result.n_evaluations == 60
    assert result.total_epochs < 60 * 50


@pytest.mark.slow
@pytest.mark.parametrize("name", ["rs", "re", "ls", "bananas"])
def test_every_optimizer_runs_100_evaluations(real, name):
    optimizer = nascurve.create_optimizer(name, real.space, seed=1)
    assert nascurve.simulate(optimizer, real, max_evaluations=100, seed=1).n_evaluations == 100


# --- made-up files ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("archive", [True, False])
def test_made_up_logs_keep_the_contracts(tmp_path, archive):
    """Made-up logs: the three hand-made cells, two runs each, as an archive and as a folder."""
    where = files.write(tmp_path / "data", archive=archive)
    for data_dir in {where, where.parent if archive else where}:
        bench = nascurve.load_benchmark("nbnlp", data_dir=data_dir, cache_dir=tmp_path / "cache")
        check_benchmark(bench)
        check_search_space(bench.space)
        assert bench.info.n_seeds == 2
        assert bench.info.details["vocabulary"] == 10_000
        assert {bench.training_runs(cell) for cell in bench.space.all()} == {2}


def test_other_files_of_an_archive_are_no_logs(tmp_path):
    """Made-up logs beside what a Mac or a user may have put in, the log's folder named in its path or not."""
    document = files.log(files.RNN)
    name = files.name_of(document)
    zip_of(
        tmp_path / "logs.zip",
        {
            f"logs/{name}": json.dumps(document),
            f"__MACOSX/logs/{name}": "junk",
            f"__MACOSX/logs/._{name}": "junk",
            f"logs/{name}.bak": "junk",
            "logs/notes.json": "junk",
        },
    )
    assert NBNLP(data_dir=tmp_path).info.details["n_runs"] == 1


def test_cache_beside_the_data_and_alone(tmp_path):
    """Made-up logs; the cache stands beside them, is used again, and stays usable when they are gone."""
    path = files.write(tmp_path / "data")
    first = NBNLP(data_dir=path)
    assert (tmp_path / "data" / "nbnlp.nascurve").exists()
    path.unlink()
    again = NBNLP(cache_dir=tmp_path / "data")
    assert again.space.name == first.space.name
    cell = first.space.all()[0]
    np.testing.assert_array_equal(again.query(cell, seed=1).val_acc, first.query(cell, seed=1).val_acc)
    assert NBNLP(data_dir=path.parent).space.name == first.space.name
    with pytest.raises(DataFileError, match="no such file"):  # mistyped: not what is beside it
        NBNLP(data_dir=tmp_path / "data" / "log.zip")
    with pytest.raises(DataFileError, match=r"logs\.zip"):
        NBNLP(cache_dir=tmp_path / "nothing")
    (tmp_path / "elsewhere").mkdir()
    with pytest.raises(DataFileError, match="got an empty folder"):
        NBNLP(data_dir=tmp_path / "elsewhere")
    assert NBNLP(data_dir=tmp_path / "elsewhere", cache_dir=path.parent).space.name == first.space.name


def test_the_cache_follows_the_folder_of_logs(tmp_path):
    """Made-up logs: one added, one gone, one changed in place; then other data for the same cache."""

    def facts(data_dir):
        details = NBNLP(data_dir=data_dir, cache_dir=tmp_path / "cache").info.details
        return details["n_runs"], details["data"], details["left_out"], details["data_sha256"]

    folder = files.write(tmp_path / "logs", archive=False)
    first = facts(folder)
    assert first[:3] == (6, "ptb", {})
    more = files.log(files.RNN, run=17)
    (folder / files.name_of(more)).write_text(json.dumps(more))
    assert facts(folder)[0] == 7
    (folder / files.name_of(more)).unlink()
    assert facts(folder) == first
    changed = min(folder.glob("*.json"))
    changed.write_text(changed.read_text().replace('"OK"', '"KO"'))
    assert facts(folder)[:3] == (5, "ptb", {"status 'KO'": 1})
    other = files.write(tmp_path / "other", [files.log(files.RNN, data="data/wikitext-2")])
    assert facts(other)[:2] == (1, "wikitext-2")
    assert facts(folder)[0] == 5


def test_checksum_tells_data_of_the_same_cells_apart(tmp_path):
    """Made-up logs: results of one are not continued with the other, see `experiments.config`."""
    logs = [files.log(files.RNN), files.log(files.GRU, run=1)]
    first = NBNLP(data_dir=files.write(tmp_path / "a", logs))
    again = NBNLP(data_dir=files.write(tmp_path / "b", logs, archive=False))
    logs[1]["val_losses"][7] += 0.25
    other = NBNLP(data_dir=files.write(tmp_path / "c", logs))
    assert first.space.name == other.space.name
    checksums = [bench.info.details["data_sha256"] for bench in (first, again, other)]
    assert checksums[0] == checksums[1] != checksums[2]
    assert len(checksums[0]) == 64


def test_isomorphic_recipes_are_trainings_of_one_cell(tmp_path):
    """Made-up logs: the RNN under two names of its node."""
    other = {"a": files.RNN["f"], "h_new_0": {"op": "activation_tanh", "input": ["a"]}}
    logs = [files.log(files.RNN, run=3), files.log(other, run=1), files.log(files.GRU, run=2)]
    bench = NBNLP(data_dir=files.write(tmp_path, logs))
    rnn = SPACE.from_recipe(files.RNN)
    assert (bench.training_runs(rnn), bench.info.n_seeds) == (2, 1)
    # run 3 began on the 25th, run 1 on the 27th
    assert bench.query(rnn, seed=0).epoch_s[0] == logs[0]["wall_times"][0]
    assert bench.query(rnn, seed=1).epoch_s[0] == logs[1]["wall_times"][0]
    with pytest.raises(ConfigError, match="there is 1 training run"):
        bench.query(SPACE.from_recipe(files.GRU), seed=1)


def test_diverged_runs(tmp_path):
    """Made-up logs: a NaN in epoch 7, an overflow after 3 epochs, and a sound one beside a NaN."""
    logs = [
        files.log(files.RNN, run=0, recorded=7, status="loss is nan!"),
        files.log(files.GRU, run=1, recorded=3, status="Exception: math range error"),
        files.log(files.LSTM, run=2),
        files.log(files.LSTM, run=3, recorded=9, status="loss is nan!"),
    ]
    bench = NBNLP(data_dir=files.write(tmp_path, logs))
    reported = NBNLP(data_dir=tmp_path, test_epoch="best_val")
    check_benchmark(bench)
    rnn, gru, lstm = (SPACE.from_recipe(recipe) for recipe in files.CELLS.values())
    curve = bench.query(rnn, seed=0)
    assert np.isnan(curve.val_acc).tolist() == np.isnan(curve.test_acc).tolist() == [False] * 6 + [True] * 44
    assert curve.epoch_s[:7].tolist() == logs[0]["wall_times"]
    assert not curve.epoch_s[7:].any()
    overflowed = bench.query(gru, seed=0)
    assert np.isnan(overflowed.val_acc).tolist() == [False] * 3 + [True] * 47
    assert overflowed.epoch_s.tolist() == logs[1]["wall_times"] + [0.0] * 47
    assert bench.info.details["n_diverged"] == 3
    assert (bench.true_test_acc(rnn), bench.true_test_acc(gru)) == (0.0, 0.0)
    end = 1 - logs[2]["test_losses"][-1] / LN_PTB
    assert bench.true_test_acc(lstm) == pytest.approx(end / 2)
    best = int(np.argmin(logs[0]["val_losses"][:6]))
    assert reported.true_test_acc(rnn) == pytest.approx(1 - logs[0]["test_losses"][best] / LN_PTB)
    best = int(np.argmin(logs[1]["val_losses"]))
    assert reported.true_test_acc(gru) == pytest.approx(1 - logs[1]["test_losses"][best] / LN_PTB)


@pytest.mark.parametrize("name", ["val_losses", "train_losses", "test_losses"])
def test_a_nan_in_any_list_is_divergence(tmp_path, name):
    """Made-up logs; numbers that follow a NaN are not read again, whatever the status says. A cell that
    diverged from its first epoch on counts 0."""
    late, at_once = files.log(files.RNN, run=0), files.log(files.GRU, run=1)
    late[name][20] = at_once[name][0] = math.nan
    path = files.write(tmp_path, [late, at_once, files.log(files.LSTM, run=2)])
    for test_epoch in ("last", "best_val"):
        bench = NBNLP(data_dir=path, test_epoch=test_epoch)
        check_benchmark(bench)
        curve = bench.query(SPACE.from_recipe(files.RNN), seed=0)
        for values in (curve.val_acc, curve.test_acc):
            assert np.isnan(values).tolist() == [False] * 20 + [True] * 30
        assert curve.epoch_s.tolist() == late["wall_times"]
        assert bench.true_test_acc(SPACE.from_recipe(files.GRU)) == 0.0
        assert (bench.true_test_acc(SPACE.from_recipe(files.RNN)) > 0) == (test_epoch == "best_val")


@pytest.mark.parametrize("e_few", [2, 12])
def test_lce_goes_on_where_many_diverge(tmp_path, e_few):
    """Made-up logs, 9 of 10 diverged in epoch 2: to promote one of these costs nothing more."""
    rng = np.random.default_rng(0)
    cells = list(dict.fromkeys(SPACE.sample(rng) for _ in range(60)))
    ends = [{} if i % 10 == 0 else {"recorded": 2, "status": "loss is nan!"} for i in range(len(cells))]
    logs = [files.log(c.recipe(), run=i, **end) for i, (c, end) in enumerate(zip(cells, ends, strict=True))]
    bench = NBNLP(data_dir=files.write(tmp_path, logs))
    base = nascurve.create_optimizer("rs", bench.space, seed=0)
    wrapped = nascurve.LCE(base, nascurve.create_extrapolator("last_value"), e_few=e_few, k=8, top_n=3)
    result = nascurve.simulate(wrapped, bench, budget_s=100_000, seed=0)
    assert result.n_evaluations > 50


def test_what_is_left_out_is_counted(tmp_path, caplog):
    """Made-up logs with every status that the authors' script can write."""
    logs = [
        files.log(files.RNN, run=0),
        files.log(files.RNN, run=1, recorded=20, status="KeyboardInterrupt"),
        files.log(files.RNN, run=2, recorded=3, status="Exception: CUDA out of memory"),
        files.log(files.RNN, run=4, recorded=3, status="Exception: device lost"),
        files.log(files.GRU, run=5, epochs=20),
        files.log(files.GRU, run=6, recorded=49),
        files.log(files.GRU, run=7, recorded=0, status="Exception: math range error"),
    ]
    with caplog.at_level(logging.WARNING):
        bench = NBNLP(data_dir=files.write(tmp_path, logs))
    assert bench.info.details["left_out"] == {
        "no training time recorded": 1,
        "planned for less than 50 epochs": 1,
        "status 'Exception'": 2,
        "status 'KeyboardInterrupt'": 1,
        "stopped before the last epoch": 1,
    }
    assert "1 trainings read, 6 left out" in caplog.text
    assert [str(cell) for cell in bench.space.all()] == [str(SPACE.from_recipe(files.RNN))]
    again = NBNLP(data_dir=tmp_path)
    assert again.info.details["left_out"] == bench.info.details["left_out"]


def test_accuracy_is_cut_off(tmp_path):
    """Made-up losses above ln of the vocabulary, infinite and zero."""
    log = files.log(files.RNN, epochs=3)
    log["val_losses"], log["test_losses"] = [50.0, math.inf, 4.0], [0, 4.0, 4.0]
    bench = NBNLP(data_dir=files.write(tmp_path, [log]), vocabulary=100)
    curve = bench.query(bench.space.all()[0], seed=0)
    assert curve.val_acc.tolist() == [0.0, 0.0, pytest.approx(1 - 4 / math.log(100))]
    assert curve.test_acc[0] == 1.0
    assert curve.val_loss.tolist() == [50.0, math.inf, 4.0]


def test_open_space(tmp_path):
    """Made-up logs; with restrict=False any cell is in the space, but not all have curves."""
    bench = NBNLP(data_dir=files.write(tmp_path), restrict=False)
    assert bench.info.space == bench.space.name == "nlp"
    assert bench.query(SPACE.from_recipe(files.GRU), seed=0)
    stranger = SPACE.sample(np.random.default_rng(0))
    for ask in (lambda: bench.query(stranger, seed=0), lambda: bench.training_runs(stranger)):
        with pytest.raises(ArchitectureError, match="3 trained cells"):
            ask()


def test_options():
    with pytest.raises(DataFileError, match="github"):
        NBNLP()
    for options in ({"test_epoch": "first"}, {"vocabulary": 1}, {"data_dir": 3}):
        with pytest.raises(ConfigError):
            NBNLP(**options)


def test_options_at_their_bounds(tmp_path):
    """Made-up logs; a vocabulary beyond all floats, and paths that the system refuses to look at."""
    path = files.write(tmp_path)
    huge = NBNLP(data_dir=path, vocabulary=10**400)
    assert huge.info.details["vocabulary"] == 10**400
    assert huge.query(huge.space.all()[0], seed=0).val_acc[-1] > 0.99
    with pytest.raises(ConfigError, match="restrict"):
        NBNLP(data_dir=path, restrict="no")
    for data_dir in (tmp_path / ("x" * 5_000), path / "below-a-file"):
        with pytest.raises(DataFileError, match=r"expected logs\.zip"):
            NBNLP(data_dir=data_dir)


def test_mixed_and_unknown_data_sets(tmp_path):
    """Made-up logs."""
    logs = [files.log(files.RNN), files.log(files.GRU, run=1, data="data/wikitext-2")]
    with pytest.raises(DataFileError, match="one data set, got ptb, wikitext-2"):
        NBNLP(data_dir=files.write(tmp_path / "a", logs))
    path = files.write(tmp_path / "b", [files.log(files.RNN, data="/home/me/kk-wiki")])
    with pytest.raises(DataFileError, match="vocabulary="):
        NBNLP(data_dir=path)
    assert NBNLP(data_dir=path, vocabulary=50_000).info.details["vocabulary"] == 50_000


@pytest.mark.perf
def test_performance_at_the_size_of_ptb(tmp_path):
    """Made-up logs of 14,000 sampled cells, as many as the authors' PTB set is said to have."""
    rng = np.random.default_rng(0)
    cells = [RecurrentSpace(n_hidden=1 + i % 3).sample(rng) for i in range(14_000)]
    path = files.write(tmp_path, [files.log(cell.recipe(), run=i) for i, cell in enumerate(cells)])
    del cells

    def timed(what, call):
        start = time.perf_counter()
        result = call()
        print(f"{what}: {time.perf_counter() - start:.3f} s")
        return result

    bench = timed(f"convert {path.stat().st_size / 1e6:.0f} MB", lambda: NBNLP(data_dir=path))
    timed("open", lambda: NBNLP(data_dir=path))
    archs = [bench.space.sample(rng) for _ in range(1_000)]
    timed("1,000 queries", lambda: bench.query_many(archs, [0] * 1_000))
    timed("neighbours of the first cell", lambda: bench.space.neighbors(archs[0]))
    timed("neighbours of 100 cells", lambda: [bench.space.neighbors(arch) for arch in archs[1:101]])


# --- NASLib's pickle --------------------------------------------------------------------------------------


def test_naslib_pickle(tmp_path):
    """A made-up pickle: RNN, GRU with sorted edges, the LSTM (no cell there), one short and one diverged."""
    lists = ("train_losses", "val_losses", "test_losses", "wall_times")

    def entry(recipe, **options):
        return {name: files.log(recipe, **options)[name] for name in lists}

    other = {**files.RNN, "h_new_0": {"op": "activation_sigm", "input": ["f"]}}
    third = {**files.RNN, "h_new_0": {"op": "activation_leaky_relu", "input": ["f"]}}
    table = {
        compact_of_recipe(files.RNN): entry(files.RNN),
        compact_of_recipe(files.GRU): {k: np.array(v) for k, v in entry(files.GRU).items()},
        compact_of_recipe(files.LSTM): entry(files.LSTM),
        compact_of_recipe(other): entry(other, recorded=5, status="loss is nan!"),
        compact_of_recipe(third): entry(third, recorded=5),
    }
    path = files.write_naslib(tmp_path / "nb_nlp.pickle", table)
    bench = NBNLP(data_dir=path)
    check_benchmark(bench)
    assert bench.info.details["left_out"] == {
        "compact form that is no valid cell": 1,
        "stopped before the last epoch": 1,
    }
    assert (bench.info.details["n_cells"], bench.info.details["n_diverged"]) == (3, 1)
    gru = bench.query(SPACE.from_recipe(files.GRU), seed=0)
    np.testing.assert_array_equal(gru.val_loss, entry(files.GRU)["val_losses"])
    assert NBNLP(data_dir=tmp_path).space.name == bench.space.name


# --- damaged and hostile files ----------------------------------------------------------------------------


class Reduce:
    def __init__(self, *call):
        self.call = call

    def __reduce__(self):
        return self.call

    def __repr__(self):
        return f"{self.call[0].__name__}{self.call[1]}"


HOSTILE = [
    Reduce(os.system, ("touch nbnlp-was-here",)),
    Reduce(eval, ("open('nbnlp-was-here', 'w')",)),
    Reduce(bytearray, (2**40,)),
    {((0, 4),): {"val_losses": [1]}},
    {},
    [1, 2],
]


@pytest.mark.parametrize("value", HOSTILE, ids=repr)
def test_hostile_pickles(tmp_path, monkeypatch, value):
    monkeypatch.chdir(tmp_path)
    path = files.write_naslib(tmp_path / "nb_nlp.pickle", value)
    with pytest.raises(DataFileError, match=r"nb_nlp\.pickle"):
        NBNLP(data_dir=path)
    assert [entry.name for entry in tmp_path.iterdir() if entry.suffix != ".lock"] == ["nb_nlp.pickle"]


def zip_of(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name, text)


def broken(path, how):
    data = path.read_bytes()
    if how == "absent":
        path.unlink()
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "web page":
        path.write_bytes(b"<!DOCTYPE html><html>Not found</html>")
    elif how == "cut short":
        path.write_bytes(data[: len(data) // 2])
    elif how == "flipped bit":
        place = len(data) // 3
        path.write_bytes(data[:place] + bytes([data[place] ^ 16]) + data[place + 1 :])
    elif how == "bomb":
        zip_of(path, {"log_stats_model_1_t_1.json": b" " * 2**26})
    elif how == "no logs":
        zip_of(path, {"README.md": "hello"})
    elif how == "no JSON":
        zip_of(path, {"log_stats_model_1_t_1.json": "hello"})
    elif how == "deep JSON":
        zip_of(path, {"log_stats_model_1_t_1.json": "[" * 100_000})
    elif how == "pickle":
        path.write_bytes(pickle.dumps({}))


@pytest.mark.parametrize(
    "how",
    [
        "absent",
        "empty",
        "web page",
        "cut short",
        "flipped bit",
        "bomb",
        "no logs",
        "no JSON",
        "deep JSON",
        "pickle",
    ],
)
def test_damaged_archives(tmp_path, how):
    path = files.write(tmp_path)
    broken(path, how)
    with pytest.raises(DataFileError, match=r"logs\.zip"):
        NBNLP(data_dir=path)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"epochs": 0}, "epochs is 0"),
        ({"epochs": "50"}, "no whole number"),
        ({"epochs": True}, "no whole number"),
        ({"epochs": 10**9}, "epochs is"),
        ({"recepie": "{}"}, "no valid cell"),
        ({"recepie": {"f": 1}}, "no text"),
        ({"status": None}, "no text"),
        ({"init_time": 5}, "no text"),
        ({"val_losses": [1.0] * 49}, "inhomogeneous|differ in length"),
        ({"wall_times": [1.0] * 49}, "differ in length"),
        ({"wall_times": [math.inf] * 50}, "not finite"),
        ({"wall_times": [-1.0] * 50}, "negative"),
        ({"val_losses": [1.0] * 51}, "at most 50"),
        ({"val_losses": None}, "no list"),
        ({"val_losses": ["5"] * 50}, "holds '5'"),
        ({"val_losses": [True] * 50}, "holds True"),
        ({"val_losses": [None] * 50}, "holds None"),
        ({"val_losses": [10**400] * 50}, "too large"),
        ({"train_losses": [-0.5] * 50}, "negative"),
    ],
)
def test_damaged_logs(change, reason):
    """Made-up logs with one field changed."""
    document = json.dumps(files.log(files.RNN) | change).encode()
    with pytest.raises(DataFileError, match=rf"somewhere.*({reason})"):
        read_log(document, where="somewhere", remedy="Get it again.")


def mutated(document, rng):
    data = bytearray(document)
    for _ in range(1 + int(rng.integers(3))):
        place = int(rng.integers(len(data)))
        kind = rng.integers(4)
        if kind == 0:
            data[place] ^= 1 << int(rng.integers(8))
        elif kind == 1:
            del data[place : place + int(rng.integers(1, 200))]
        elif kind == 2:
            data[place:place] = [b"NaN", b"-1", b"1e999", b"null", b'"', b"[", b"{}"][int(rng.integers(7))]
        else:
            start = int(rng.integers(len(data)))
            data[place : place + 40] = data[start : start + 40]
        data = data or bytearray(b"x")
    return bytes(data)


@pytest.mark.parametrize("n", [300, pytest.param(4_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("source", ["made up", "real"])
def test_fuzzed_logs(n, source):
    """Mutated logs are read, left out, or refused by our error; nothing else."""
    if source == "real":
        originals = [text for name, text in sorted(real_logs().items())][::20]
    else:
        originals = [json.dumps(files.log(recipe)).encode() for recipe in files.CELLS.values()]
    rng = np.random.default_rng(n)
    refused = 0
    for i in range(n):
        try:
            read_log(mutated(originals[i % len(originals)], rng), where="log", remedy="")
        except NascurveError:
            refused += 1
    assert n // 4 < refused < n


@pytest.mark.parametrize("n", [600, pytest.param(4_000, marks=pytest.mark.slow)])
def test_fuzzed_archives_and_pickles(tmp_path, n):
    """Mutated made-up archives and pickles, half each, through the whole benchmark."""
    table = {
        compact_of_recipe(recipe): {
            name: files.log(recipe, epochs=4)[name]
            for name in ("train_losses", "val_losses", "test_losses", "wall_times")
        }
        for recipe in (files.RNN, files.GRU)
    }
    logs = [files.log(recipe, run=i, epochs=4) for i, recipe in enumerate(files.CELLS.values())]
    paths = [files.write_naslib(tmp_path / "nb_nlp.pickle", table), files.write(tmp_path, logs)]
    originals = [path.read_bytes() for path in paths]
    rng = np.random.default_rng(n)
    refused = 0
    for i in range(n):
        path = paths[i % 2]
        path.write_bytes(mutated(originals[i % 2], rng))
        try:
            NBNLP(data_dir=path, cache_dir=tmp_path / "cache")
        except NascurveError:
            refused += 1
    assert refused > n // 3
