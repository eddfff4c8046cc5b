"""Where the runs come from: benchmarks, the official training data as made-up files, a user's own curves."""

from __future__ import annotations

import json

import numpy as np
import pytest

import nascurve
from nascurve.benchmarks.nb301.space import DartsSpace
from nascurve.benchmarks.surrogate.sources import runs_of, runs_of_texts
from nascurve.errors import ArchitectureError, CapabilityError, ConfigError
from tests.official_data import nb101, nb301, nbnlp, real_sample


@pytest.fixture(scope="module")
def pocket():
    return nascurve.load_benchmark("pocket201-mnist")


def test_runs_of_a_table_are_those_that_it_answers_with(pocket):
    data = runs_of(pocket, n_architectures=40, seed=3)
    groups = data.by_arch()
    assert len(groups) == len(set(data.keys)) == 40
    assert data.source == "pocket201-mnist-v2"
    for rows in groups:
        arch = data.archs[rows[0]]
        assert data.seeds[rows].tolist() == list(pocket.official_seeds(arch))
        for run, row in enumerate(rows):
            curve = pocket.query(arch, seed=run)
            assert np.array_equal(data.val_acc[row], curve.val_acc)
            assert data.epoch_s[row] == pytest.approx(curve.epoch_s.mean())


def test_the_choice_of_architectures_follows_the_seed(pocket):
    keys = [set(runs_of(pocket, n_architectures=30, seed=seed, n_runs=1).keys) for seed in (0, 0, 1)]
    assert keys[0] == keys[1] != keys[2]


def test_chosen_architectures_and_fewer_runs(pocket):
    archs = pocket.space.all()[2000:2010]
    data = runs_of(pocket, archs=archs, n_runs=2)
    assert set(data.keys) == {pocket.space.key(arch) for arch in archs}
    assert {len(rows) for rows in data.by_arch()} == {2}


def test_more_networks_than_there_are(pocket):
    with pytest.raises(ConfigError, match=r"n_architectures.*from 1 to 5425"):
        runs_of(pocket, n_architectures=5426)


@pytest.mark.parametrize("archive", [True, False], ids=["zip", "folder"])
def test_logs_of_nas_bench_nlp(tmp_path, archive):
    diverged = nbnlp.log(nbnlp.GRU, run=7, recorded=4, status="loss is nan!")
    logs = [nbnlp.log(nbnlp.RNN, run=1), nbnlp.log(nbnlp.RNN, run=2), diverged]
    where = nbnlp.write(tmp_path / "logs", logs, archive=archive)
    data = runs_of("nbnlp", benchmark_options={"data_dir": where})
    assert data.space.name == "nlp"  # all recurrent cells, not those of the logs
    assert [len(rows) for rows in data.by_arch()] in ([2, 1], [1, 2])
    ended = data.diverged
    assert ended.sum() == 1
    assert np.isfinite(data.val_acc[ended]).sum() == 3  # the fourth epoch has the NaN loss
    assert data.epoch_s[ended] == pytest.approx(np.mean(diverged["wall_times"]))
    first = logs[0]["val_losses"]
    assert data.val_acc[~ended][0] in (
        pytest.approx(1 - np.array(losses) / np.log(10_000)) for losses in (first, logs[1]["val_losses"])
    )
    assert data.details["vocabulary"] == 10_000


def test_real_logs_of_nas_bench_nlp(tmp_path):
    data = runs_of(
        "nbnlp", benchmark_options={"data_dir": real_sample("nas-bench-nlp-wikitext2"), "cache_dir": tmp_path}
    )
    assert (len(data), len(data.by_arch()), int(data.diverged.sum())) == (245, 199, 4)
    assert data.details["data"] == "wikitext-2"


@pytest.mark.parametrize("as_zip", [True, False], ids=["zip", "folder"])
def test_training_data_of_nas_bench_301(tmp_path, as_zip):
    written = nb301.write(tmp_path, n=12, repeats=3, as_zip=as_zip)
    data = runs_of("nb301", benchmark_options={"data_dir": tmp_path})
    assert (len(data), len(data.by_arch()), data.n_epochs) == (15, 12, 98)
    assert data.space.name == "darts"
    curves = {(str(arch), tuple(made["learning_curves"]["Train/val_accuracy"])) for _, arch, made in written}
    assert curves == {
        (str(arch), tuple(np.round(100 * curve, 2)))
        for arch, curve in zip(data.archs, data.val_acc, strict=True)
    }
    assert np.allclose(sorted(data.epoch_s * 98), sorted(made["runtime"] for _, _, made in written))


def test_training_data_of_nas_bench_301_without_curves(tmp_path):
    nb301.write(tmp_path, n=3, curves=False)
    with pytest.raises(CapabilityError, match="after epochs 98 only"):
        runs_of("nb301", benchmark_options={"data_dir": tmp_path})


def test_nas_bench_101_has_no_curves(tmp_path):
    nb101.write(tmp_path, n_cells=5)
    with pytest.raises(CapabilityError, match="source=logs"):
        runs_of("nb101", benchmark_options={"data_dir": tmp_path})


def test_a_space_that_cannot_be_listed_needs_architectures():
    bench = nascurve.load_benchmark("synthetic", space="darts", max_epochs=4)
    with pytest.raises(ConfigError, match="cannot be listed"):
        runs_of(bench)
    archs = [bench.space.sample(np.random.default_rng(i)) for i in range(3)]
    assert len(runs_of(bench, archs=archs)) == 3 * bench.info.n_seeds


def test_chosen_architectures_that_are_not_held(tmp_path):
    where = nb301.write(tmp_path, n=3)
    bench = nascurve.load_benchmark("nb301", data_dir=tmp_path, restrict=False)
    stranger = DartsSpace().sample(np.random.default_rng(99))
    assert len(runs_of(bench, archs=[where[0][1]])) == 1
    with pytest.raises(ConfigError, match="2 networks of which it holds 1"):
        runs_of(bench, archs=[where[0][1], stranger])


def test_benchmark_options_belong_to_an_id(pocket):
    with pytest.raises(ConfigError, match="benchmark_options"):
        runs_of(pocket, benchmark_options={"data_dir": "x"})


def test_own_curves_of_three_spaces():
    cell = nascurve.create_search_space("nb101").sample(np.random.default_rng(0))
    dart = DartsSpace().sample(np.random.default_rng(0))
    for space, text in (("nb101", str(cell)), (DartsSpace(), str(dart))):
        data = runs_of_texts(space, [text, text], [[0.1, 0.5], [0.2, np.nan]])
        assert str(data.archs[0]) == text
        assert data.seeds.tolist() == [0, 1]
    recipe = json.dumps(nbnlp.LSTM)  # as the authors write it, not in our canonical order
    assert len(runs_of_texts("nlp", [recipe], [[0.1, 0.2]])) == 1


@pytest.mark.parametrize(
    ("space", "text"),
    [
        ("cell201", "|nor_conv_9x9~0|+|none~0|none~1|+|none~0|none~1|none~2|"),
        ("nlp", '{"f": {"op": "attention", "input": ["x", "h_prev_0"]}}'),
    ],
)
def test_an_unknown_operation_is_one_error_that_names_the_run(space, text):
    sound = str(nascurve.create_search_space(space).sample(np.random.default_rng(0)))
    with pytest.raises(ArchitectureError, match=r"run 2.*(nor_conv_9x9|attention)"):
        runs_of_texts(space, [sound, text], [[0.1, 0.2]] * 2)
