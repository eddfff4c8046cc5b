"""The registered ids: a surrogate's folder behind each, or the released checkpoint; and search in them."""

from __future__ import annotations

import csv
import inspect
import json
import time

import numpy as np
import pytest

import nascurve
from nascurve.benchmarks.nb101.graph_hash import OPS as NB101_OPS
from nascurve.benchmarks.nb301.genotype import OPS as DARTS_OPS
from nascurve.benchmarks.nb301.space import DartsSpace
from nascurve.benchmarks.nbnlp.cell import OPS as NLP_OPS
from nascurve.benchmarks.nbnlp.space import RecurrentSpace
from nascurve.benchmarks.surrogate.builders import (
    first_accuracies,
    load_nb111,
    load_nb311,
    load_nbnlp11,
    load_surrogate,
)
from nascurve.benchmarks.surrogate.curve_data import CurveData
from nascurve.benchmarks.surrogate.folder import save_surrogate
from nascurve.benchmarks.surrogate.sources import runs_of, runs_of_texts
from nascurve.benchmarks.surrogate.surrogate import Surrogate
from nascurve.benchmarks.x11.benchmark import NB111, NB311, NBNLP11
from nascurve.errors import CapabilityError, ConfigError, DataFileError
from nascurve.experiments.lce_evaluate_logs import read_logs
from nascurve.testing import check_benchmark
from tests.official_data import nb301, nbnlp, real_sample

SMALL = {"models": ["extratrees"], "n_members": 2, "n_components": 2}
N = 24


@pytest.fixture(scope="module")
def logs(tmp_path_factory):
    """Made-up logs of NAS-Bench-NLP: two runs of each of N sampled cells."""
    rng = np.random.default_rng(0)
    recipes = [json.loads(str(RecurrentSpace().sample(rng))) for _ in range(N)]
    made = [nbnlp.log(recipe, run=2 * i + run) for i, recipe in enumerate(recipes) for run in (0, 1)]
    return nbnlp.write(tmp_path_factory.mktemp("logs"), made)


def _nlp(logs):
    return runs_of("nbnlp", benchmark_options={"data_dir": logs})


@pytest.fixture(scope="module")
def folders(tmp_path_factory, logs):
    """Surrogates fitted to made-up training data in the official formats, by id."""
    where = tmp_path_factory.mktemp("surrogates")
    nb301.write(where / "runs", n=N, repeats=6)
    rng = np.random.default_rng(1)
    space = nascurve.create_search_space("nb101")
    with (where / "own.csv").open("w", newline="") as file:  # a user's own trainings to the end
        rows = csv.writer(file)
        rows.writerow(["architecture", *range(1, 109)])
        for _ in range(N):
            rows.writerow([space.sample(rng), *np.sort(rng.uniform(0.1, 0.95, 108)).round(4)])
    data = {
        "nbnlp11": _nlp(logs),
        "nb311": runs_of("nb301", benchmark_options={"data_dir": where / "runs"}),
        "nb111": runs_of_texts("nb101", *read_logs(where / "own.csv"), source="own.csv"),
    }
    return {
        name: save_surrogate(Surrogate.fit(own, SMALL), where / name, evaluation={"final_tau": 0.5})
        for name, own in data.items()
    }


LOADERS = {"nbnlp11": load_nbnlp11, "nb111": load_nb111, "nb311": load_nb311}
EPOCHS = {"nbnlp11": 50, "nb111": 108, "nb311": 98}


@pytest.mark.parametrize("name", LOADERS)
def test_a_fitted_folder_is_a_benchmark_like_any_other(folders, name):
    bench = LOADERS[name](data_dir=folders[name], n_seeds=3)
    assert (bench.info.name, bench.info.kind, bench.info.max_epochs) == (name, "surrogate", EPOCHS[name])
    assert bench.info.details["evaluation"] == {"final_tau": 0.5}
    assert "not a released checkpoint" in bench.info.details["model"]
    check_benchmark(bench, n=5)


@pytest.mark.parametrize("name", LOADERS)
def test_its_space_is_the_whole_space(folders, name):
    bench = LOADERS[name](data_dir=folders[name])
    rng = np.random.default_rng(5)
    arch = bench.space.sample(rng)
    near = bench.space.neighbors(arch)
    assert len(near) > 3
    curves = bench.query_many([*near, bench.space.mutate(arch, rng)], [0] * (len(near) + 1))
    assert len({curve.val_acc.tobytes() for curve in curves}) > 1


@pytest.mark.parametrize(("name", "ops"), [("nb311", DARTS_OPS), ("nb111", NB101_OPS), ("nbnlp11", NLP_OPS)])
def test_it_answers_for_all_operations(folders, name, ops):
    bench = LOADERS[name](data_dir=folders[name], noise=False)
    rng = np.random.default_rng(3)
    archs = [bench.space.sample(rng) for _ in range(30)]
    assert all(any(op in str(arch) for arch in archs) for op in ops)
    finals = [curve.val_acc[-1] for curve in bench.query_many(archs, [0] * 30)]
    assert len(set(finals)) > 20


@pytest.mark.parametrize("optimizer", ["rs", "re", "ls"])
@pytest.mark.parametrize("name", LOADERS)
def test_optimizers_with_lce_search_in_it(folders, name, optimizer):
    bench = LOADERS[name](data_dir=folders[name])
    base = nascurve.create_optimizer(optimizer, bench.space, seed=0)
    lce = nascurve.LCE(base, nascurve.create_extrapolator("last_value"), e_few=10, k=6, top_n=2)
    result = nascurve.simulate(lce, bench, max_evaluations=40, seed=0)
    assert len(result.to_frame()) >= 40
    val = result.to_frame()["val_acc"]
    assert val.between(0, 1).all()


@pytest.mark.parametrize(("load", "cls"), [(load_nbnlp11, NBNLP11), (load_nb111, NB111), (load_nb311, NB311)])
def test_without_a_manifest_the_released_checkpoint_is_meant(load, cls, tmp_path):
    assert load.card is cls.card
    assert set(inspect.signature(load).parameters) == set(inspect.signature(cls).parameters)
    for where in (tmp_path, None):
        with pytest.raises(DataFileError, match=cls.setting.folders[0]):
            load(data_dir=where)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("nbnlp11", {"faithful": True}),
        ("nb111", {"faithful": True}),
        ("nb111", {"nb101_dir": "x"}),
        ("nb311", {"runtime_dir": "x"}),
    ],
)
def test_options_of_the_checkpoint_are_not_silently_ignored(folders, name, options):
    with pytest.raises(ConfigError, match=f"{next(iter(options))} belongs to the released checkpoint"):
        LOADERS[name](data_dir=folders[name], **options)


def test_a_surrogate_over_another_space_is_refused(folders):
    with pytest.raises(DataFileError, match="'nlp' for nbnlp11, got one over 'darts'"):
        load_nbnlp11(data_dir=folders["nb311"])


def test_any_folder_loads_as_surrogate(folders):
    for name, folder in folders.items():
        bench = load_surrogate(data_dir=folder, noise=False)
        assert bench.info.name == "surrogate"
        arch = bench.space.sample(np.random.default_rng(0))
        named = LOADERS[name](data_dir=folder, noise=False)
        assert np.array_equal(bench.query(arch, seed=0).val_acc, named.query(arch, seed=0).val_acc)
    with pytest.raises(ConfigError, match="data_dir="):
        load_surrogate()


def test_first_epochs_from_the_logs(tmp_path, logs):
    data = _nlp(logs)
    folder = save_surrogate(Surrogate.fit(data, {**SMALL, "early_epochs": 3}), tmp_path / "with accs")
    with pytest.raises(CapabilityError, match="early_epochs=3"):
        load_nbnlp11(data_dir=folder)
    bench = load_nbnlp11(data_dir=folder, nlp_logs=logs, n_seeds=2)
    assert bench.space.size == N
    check_benchmark(bench, n=3)
    known = first_accuracies(data, 3)
    arch = data.archs[0]
    given = load_nbnlp11(data_dir=folder, first_epochs={str(arch): known[arch]}, n_seeds=2)
    assert np.array_equal(given.query(arch, seed=1).val_acc, bench.query(arch, seed=1).val_acc)
    with pytest.raises(ConfigError, match="got both"):
        load_nbnlp11(data_dir=folder, nlp_logs=logs, first_epochs=known)
    others = nbnlp.write(tmp_path / "others", [nbnlp.log(nbnlp.RNN, data="data/wikitext-2")])
    with pytest.raises(CapabilityError, match="fitted to trainings on ptb"):
        load_nbnlp11(data_dir=folder, nlp_logs=others)


def test_first_accuracies_are_means_of_the_runs_that_have_them():
    space = RecurrentSpace()
    one, two = (space.sample(np.random.default_rng(i)) for i in (0, 1))
    nan = np.nan
    data = CurveData.of(space, [one, one, one, two], [[0.1, 0.2], [0.3, 0.4], [0.9, nan], [nan, nan]])
    assert first_accuracies(data, 2) == {one: (0.2, pytest.approx(0.3))}


@pytest.mark.slow
def test_real_logs_of_nas_bench_nlp(tmp_path):
    """Fitted with the default settings, in the time that is promised, and searched in."""
    where = {"data_dir": real_sample("nas-bench-nlp-wikitext2"), "cache_dir": tmp_path / "cache"}
    data = runs_of("nbnlp", benchmark_options=where)
    bench = load_nbnlp11(data_dir=save_surrogate(Surrogate.fit(data), tmp_path / "nbnlp11"))
    check_benchmark(bench, n=5)
    for optimizer in ("rs", "re", "ls"):
        base = nascurve.create_optimizer(optimizer, bench.space, seed=0)
        lce = nascurve.LCE(base, nascurve.create_extrapolator("last_value"), e_few=10, k=8, top_n=3)
        result = nascurve.simulate(lce, bench, max_evaluations=60, seed=0)
        assert len(result.to_frame()) >= 60
    assert isinstance(bench.space, RecurrentSpace)
    arch = DartsSpace().sample(np.random.default_rng(0))
    with pytest.raises(nascurve.errors.ArchitectureError):
        bench.query(arch, seed=0)


@pytest.mark.perf
def test_speed_of_recurrent_cells(tmp_path):
    """Prints what docs/surrogate-benchmarks.md says of nbnlp11."""
    where = {"data_dir": real_sample("nas-bench-nlp-wikitext2"), "cache_dir": tmp_path / "cache"}
    folder = save_surrogate(Surrogate.fit(runs_of("nbnlp", benchmark_options=where)), tmp_path / "nbnlp11")
    for _ in range(2):  # at first something may be compiled
        start = time.process_time()
        bench = load_nbnlp11(data_dir=folder)
        print(f"load: {time.process_time() - start:.3f} s of CPU")
    rng = np.random.default_rng(0)
    cells = [bench.space.sample(rng) for _ in range(100)]
    for seed, what in enumerate(("new", "known")):
        start = time.process_time()
        for cell in cells:
            bench.query(cell, seed=seed)
        print(f"single query, {what} cell: {(time.process_time() - start) * 10:.2f} ms of CPU")
