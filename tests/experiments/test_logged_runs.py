"""Runs from files, with what a surrogate is fitted to beside the curves: architectures, seconds, seeds."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import nascurve
from nascurve.benchmarks.export import export_runs
from nascurve.benchmarks.surrogate.sources import runs_of_benchmark
from nascurve.errors import ConfigError, DataFileError
from nascurve.experiments.cli import main
from nascurve.experiments.lce_evaluate_logs import read_logs, read_runs
from nascurve.experiments.surrogate_source import SurrogateSource

CURVES = [[0.1, 0.2], [0.1, float("nan")], [float("nan")] * 2]


def source(path: Path, space: str = "cell201") -> SurrogateSource:
    return SurrogateSource.read("logs", {}, data=str(path), space=space, cache=path / "unused")


def test_an_exported_benchmark_is_a_source(tmp_path: Path) -> None:
    benchmark = nascurve.load_benchmark("pocket201-mnist")
    export_runs(benchmark, tmp_path, n=40, rng=np.random.default_rng(0))
    read = source(tmp_path).data
    archs = [read.archs[rows[0]] for rows in read.by_arch()]
    direct = runs_of_benchmark(benchmark, archs=archs)
    order = np.lexsort((read.seeds, np.array(read.keys)))
    np.testing.assert_array_equal(read.subset(order).val_acc, direct.val_acc)
    np.testing.assert_array_equal(read.subset(order).seeds, direct.seeds)
    np.testing.assert_allclose(read.subset(order).epoch_s, direct.epoch_s, rtol=1e-12)
    assert {str(arch) for arch in read.archs} == {str(arch) for arch in direct.archs}


def test_an_exported_file_is_fitted_to_by_the_command(tmp_path: Path) -> None:
    export_runs(
        nascurve.load_benchmark("pocket201-mnist"), tmp_path / "in", n=40, rng=np.random.default_rng(0)
    )
    small = ["models=[extratrees]", "n_members=2", "n_components=3", "splits=0"]
    given = ["source=logs", f"data={tmp_path / 'in'}", "space=cell201", f"out={tmp_path / 'out'}"]
    assert main(["surrogate", "fit", *given, *small]) == 0
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["facts"]["training"]["n_architectures"] == 40
    assert "seconds" in manifest["parts"]


def test_official_seeds_where_they_are_known_and_seconds_of_what_was_trained(tmp_path: Path) -> None:
    frame = pd.DataFrame({"architecture": ["a", "a", "b"], "val_acc": CURVES, "seed": [0, 1, 0]})
    frame["training_seed"] = pd.array([777, None, 888], dtype="Int64")
    frame["epoch_s"] = [[2.0, 4.0], [2.0, 0.0], [None, None]]
    frame.to_parquet(tmp_path / "a.parquet")
    runs = read_runs(tmp_path / "a.parquet")
    assert runs.seeds == [777, 1, 888]
    np.testing.assert_array_equal(runs.epoch_s, [3.0, 2.0, np.nan])
    assert runs.keys == runs.architectures == ["a", "a", "b"]


def test_arrays_with_seconds_and_seeds(tmp_path: Path) -> None:
    given = {"architecture": np.array(["a", "a", "b"]), "val_acc": np.array(CURVES)}
    np.savez(tmp_path / "a.npz", **given, epoch_s=np.array([1.0, np.nan, 2.0]), seed=np.array([5, 6, 5]))
    runs = read_runs(tmp_path / "a.npz")
    assert runs.seeds == [5, 6, 5]
    np.testing.assert_array_equal(runs.epoch_s, [1.0, np.nan, 2.0])
    np.savez(tmp_path / "b.npz", **given)
    assert read_runs(tmp_path).seeds is None  # not known of all


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({"seed": np.array([0.5, 1.0, 2.0])}, "whole numbers as seeds, got 0.5"),
        ({"seed": np.array([1, 2])}, r"seed: expected a row for each of 3 runs"),
        ({"epoch_s": np.array(["x", "y", "z"])}, "epoch_s: expected seconds"),
        ({"epoch_s": np.float64(1)}, "epoch_s: expected a row for each of 3 runs"),
    ],
)
def test_arrays_of_a_wrong_kind(tmp_path: Path, more: dict[str, np.ndarray], text: str) -> None:
    np.savez(tmp_path / "a.npz", architecture=np.array(["a", "a", "b"]), val_acc=np.array(CURVES), **more)
    with pytest.raises(DataFileError, match=text):
        read_runs(tmp_path / "a.npz")


def test_a_run_that_diverged_at_once_is_for_surrogates_alone(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", architecture=np.array(["a", "a", "b"]), val_acc=np.array(CURVES))
    assert np.isnan(read_runs(tmp_path / "a.npz").val_acc[2]).all()
    with pytest.raises(DataFileError, match="run 3: expected at least one accuracy"):
        read_logs(tmp_path / "a.npz")


def test_trainings_of_budgets_of_their_own_are_no_curves(tmp_path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    table = pyarrow.table({"architecture": ["a"], "val_acc": [[0.1, 0.2]]})
    table = table.replace_schema_metadata({"nascurve.resumable": "false"})
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(DataFileError, match="a training of its own"):
        read_runs(tmp_path / "a.parquet")


def test_the_place_of_data_is_given_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="one of the two"):
        SurrogateSource.read("nbnlp", {"data_dir": "a"}, data="b", space=None, cache=tmp_path)
