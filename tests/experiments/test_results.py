"""Tables of results that are read back say nothing of runs that nobody did."""

import dataclasses
import functools
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import nascurve
from nascurve.errors import ConfigError, DataFileError
from nascurve.experiments.compare import compare, compare_tasks
from nascurve.experiments.comparison_result import ComparisonResult
from nascurve.experiments.folder import ExperimentFolder
from nascurve.experiments.record import RunRecord, write_frame
from nascurve.experiments.results import read_results, read_study
from nascurve.experiments.run_tables import run_tables
from nascurve.experiments.store_schema import to_table
from nascurve.experiments.table import format_summary

from .fakes import Wrapped

quick: Callable[..., ComparisonResult] = functools.partial(compare, lce="none", quiet=True)
NO_TRAINING = "finished no full training"


def run_folder(path: Path, optimizer: str, seed: int, *, budget_s: float, **more: Any) -> None:
    """As `nascurve run` writes it, in a sweep."""
    bench = Wrapped()
    result = nascurve.simulate(
        nascurve.create_optimizer(optimizer, bench.space, seed=seed), bench, seed=seed, budget_s=budget_s
    )
    method = {"optimizer": {"id": optimizer, "label": optimizer}, "lce": {"label": "none"}}
    config = {
        "experiment": {
            "benchmark": {"name": "wrapped", "version": 1, "kind": "synthetic"},
            "seeds": [seed],
            "run": {"budget_s": 100.0},
            "methods": [method],
        },
        "swept": more.pop("swept", {}),
        "reference": {"mean_training_s": 4.0, **more},
    }
    folder = ExperimentFolder(path)
    with folder.opened(config, overwrite=False):
        table = to_table([RunRecord.of((optimizer, "none"), result, 0.0)])
        write_frame(run_tables(table, [(optimizer, "none")]).runs, folder.runs)


def test_a_sweep_counts_the_runs_of_each_method(tmp_path: Path) -> None:
    for seed in range(3):
        run_folder(tmp_path / f"rs-{seed}", "rs", seed, budget_s=1000)
    run_folder(tmp_path / "re-1", "re", 1, budget_s=1000)
    run_folder(tmp_path / "ls-0", "ls", 0, budget_s=1e-3)  # a run without an incumbent
    for k in (4, 8):  # the same run, whatever the options of LCE: counted once
        run_folder(tmp_path / f"ls-1-{k}", "ls", 1, budget_s=1e-3, swept={"lce.k": k})
    table = read_results(tmp_path).summarise().set_index("optimizer")
    assert table["n_seeds"].to_dict() == {"rs": 3, "re": 1, "ls": 2}
    assert table["n_without_incumbent"].to_dict() == {"rs": 0, "re": 0, "ls": 2}
    text = format_summary(table.reset_index())
    assert "ls, none: 2 of 2 runs" in text
    assert text.count(NO_TRAINING) == 1


def test_one_run_alone_is_known_to_have_finished(tmp_path: Path) -> None:
    run_folder(tmp_path / "rs", "rs", 0, budget_s=1e-3)
    assert "rs, none: 1 of 1 runs" in format_summary(read_results(tmp_path / "rs").summarise())


def test_without_the_store_nothing_is_claimed_of_runs_that_may_have_failed(tmp_path: Path) -> None:
    flaky = ("flaky", _failing_in_third_call())
    with pytest.warns(UserWarning, match="no luck"):
        whole = quick([flaky], Wrapped(), seeds=3, budget_s=1000, out=tmp_path)
    results = read_results(tmp_path)
    pd.testing.assert_frame_equal(results.runs, whole.runs)
    pd.testing.assert_frame_equal(results.totals, whole.totals)
    assert results.methods == [("flaky", "none")]
    assert results.summarise()["n_seeds"].tolist() == [2]
    for folder in ("store", "jobs"):
        shutil.rmtree(tmp_path / folder)
    results = read_results(tmp_path)
    assert len(results.totals) == 0
    table = results.summarise()
    assert table["n_seeds"].tolist() == [2]
    assert table["n_without_incumbent"].tolist() == [0]
    assert NO_TRAINING not in format_summary(table)


def _failing_in_third_call() -> Callable[..., Any]:
    calls: list[int] = []

    def factory(space: Any, *, rng: Any) -> Any:
        calls.append(1)
        if len(calls) == 3:  # the check before all runs, seed 0, seed 1
            raise ValueError("no luck")
        return nascurve.registry.component("optimizers", "rs")(space, rng=rng)

    return factory


def test_comparisons_are_not_drawn_as_if_they_were_runs_of_a_sweep(tmp_path: Path) -> None:
    quick(["rs", "re"], Wrapped(), seeds=2, budget_s=50, out=tmp_path / "one")
    with pytest.raises(ConfigError, match="one in it holds a comparison"):
        read_results(tmp_path)


def test_runs_on_different_data_are_not_drawn_together(tmp_path: Path) -> None:
    run_folder(tmp_path / "a", "rs", 0, budget_s=50, data_sha256="aaa")
    run_folder(tmp_path / "b", "rs", 1, budget_s=50, data_sha256="bbb")
    with pytest.raises(ConfigError, match=r"reference\.data_sha256: aaa there, bbb now"):
        read_results(tmp_path)


def test_several_benchmarks_are_a_study_each_in_its_folder(tmp_path: Path) -> None:
    benchmarks = ["synthetic", Named("other")]
    results = compare_tasks(
        benchmarks, ["rs"], lce="none", seeds=2, budget_trainings=5, quiet=True, out=tmp_path
    )
    assert list(results) == ["synthetic-v1 (synthetic)", "other-v1 (synthetic)"]
    assert {path.name for path in tmp_path.iterdir()} == {"synthetic", "other"}
    study = read_study(tmp_path)
    assert set(study) == set(results)
    for title, result in results.items():
        assert result.folder == study[title].path
        pd.testing.assert_frame_equal(study[title].runs, result.runs)
    assert list(read_study(tmp_path / "other")) == ["other-v1 (synthetic)"]
    alone = quick(["rs"], "synthetic", seeds=2, budget_trainings=5, processes=1)
    pd.testing.assert_frame_equal(results["synthetic-v1 (synthetic)"].runs, alone.runs)


class Named(Wrapped):
    def __init__(self, name: str) -> None:
        super().__init__()
        self.info = dataclasses.replace(self.info, name=name)


@pytest.mark.parametrize("again", ["synthetic", "synthetic-v1", {"id": "synthetic"}])
def test_the_same_benchmark_twice_is_refused(again: Any, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"synthetic-v1 \(synthetic\) stands there more than once"):
        compare_tasks(["synthetic", again], ["rs"], seeds=2, out=tmp_path / "x")
    assert list(tmp_path.iterdir()) == []


def test_a_study_in_which_nothing_has_run_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(DataFileError, match=r"is not a folder of results"):
        read_study(tmp_path)
    compare_tasks(
        ["synthetic", Named("other")],
        ["rs"],
        lce="none",
        seeds=1,
        budget_trainings=2,
        quiet=True,
        out=tmp_path,
    )
    shutil.rmtree(tmp_path / "other" / "store")
    assert len(read_study(tmp_path)) == 2  # runs.parquet is still there
    (tmp_path / "other" / "runs.parquet").unlink()
    assert list(read_study(tmp_path)) == ["synthetic-v1 (synthetic)"]
    shutil.copytree(tmp_path / "synthetic", tmp_path / "copy")
    with pytest.raises(ConfigError, match=r"(?s)copy and .*synthetic hold the same benchmark"):
        read_study(tmp_path)
