"""`nascurve.compare` from Python: results do not depend on processes or on a resume."""

import dataclasses
import functools
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import nascurve
from nascurve.errors import ConfigError, DataFileError, NascurveError
from nascurve.experiments import journal
from nascurve.experiments.compare import compare
from nascurve.experiments.comparison_result import ComparisonResult
from nascurve.experiments.config import RunSettings
from nascurve.experiments.journal import Journal
from nascurve.experiments.results import read_results
from nascurve.experiments.store import RunStore
from nascurve.experiments.store_schema import to_records
from nascurve.optimizers.regularized_evolution import RegularizedEvolution

from .fakes import Wrapped, content

COLUMNS = ["optimizer", "lce", "seed", "time_s", "epochs", "evaluations", "val_acc", "test_acc", "regret"]
quick: Callable[..., ComparisonResult] = functools.partial(compare, budget_trainings=20, quiet=True)


def test_rows_are_those_of_single_runs() -> None:
    bench = Wrapped()
    result = quick(["re"], bench, seeds=[3], budget_s=900, lce_options={"e_few": 4, "k": 4, "top_n": 2})
    assert list(result.runs.columns) == COLUMNS
    base = nascurve.create_optimizer("re", bench.space, seed=3)
    wrapped = nascurve.LCE(base, nascurve.create_extrapolator("last_value"), e_few=4, k=4, top_n=2)
    alone = nascurve.simulate(wrapped, bench, budget_s=900, seed=3)
    rows = result.runs[result.runs["lce"] == "last_value"]
    assert rows["time_s"].tolist() == alone.trajectory.time_s.tolist()
    assert rows["regret"].tolist() == alone.trajectory.regret.tolist()
    assert result.summary["evaluations_mean"].tolist()[1] == alone.n_evaluations


def test_processes_and_resume_change_no_byte(tmp_path: Path) -> None:
    call = functools.partial(quick, ["rs", "re"], "synthetic", seeds=3)
    call(out=tmp_path / "one", processes=1)
    call(out=tmp_path / "two", processes=2)
    three = tmp_path / "three"
    records = list(to_records(RunStore(tmp_path / "two" / "store").read()))
    (three / "jobs").mkdir(parents=True)
    (three / "config.yaml").write_bytes((tmp_path / "two" / "config.yaml").read_bytes())
    RunStore(three / "store").append("first", records[:2])
    with Journal(three / "jobs" / "killed.jsonl") as killed:
        for record in records[2:6]:
            killed.append(record)
    torn = three / "jobs" / "killed.jsonl"
    torn.write_bytes(torn.read_bytes()[:-40])
    said: list[str] = []
    call(out=three, say=said.append)
    assert "5 of 12 runs are there already; 7 to do." in said
    for name in ("runs.parquet", "summary.csv"):
        first = (tmp_path / "one" / name).read_bytes()
        assert (tmp_path / "two" / name).read_bytes() == first
        assert (tmp_path / "three" / name).read_bytes() == first
    names = {path.name for path in (tmp_path / "one").iterdir()}
    assert names == {
        *("config.yaml", "store", "jobs", "runs.parquet", "summary.csv", "anytime.png", "anytime.pdf"),
        ".lock",
    }
    assert not any((tmp_path / "three" / "jobs").iterdir())


def test_objects_in_this_process_and_in_forks_agree() -> None:
    bench = Wrapped()
    one, two = (quick(["rs"], bench, seeds=3, processes=n).runs for n in (1, 2))
    pd.testing.assert_frame_equal(one, two)


def test_factories_take_the_place_of_ids() -> None:
    bench = Wrapped()
    own = ("re-5", functools.partial(RegularizedEvolution, population_size=5, sample_size=3))
    wrap = ("mine", lambda base: nascurve.LCE(base, nascurve.create_extrapolator("last_value"), e_few=3))
    result = quick([own, "re"], bench, seeds=2, lce=["none", wrap])
    by_id = quick(
        [{"id": "re", "label": "re-5", "population_size": 5, "sample_size": 3}], bench, seeds=2, lce="none"
    )
    assert list(result.summary["optimizer"]) == ["re-5", "re-5", "re", "re"]
    assert list(result.summary["lce"]) == ["none", "mine"] * 2
    mine = result.runs[(result.runs["optimizer"] == "re-5") & (result.runs["lce"] == "none")]
    pd.testing.assert_frame_equal(mine.reset_index(drop=True), by_id.runs)
    assert "population_size=5" in str(result.config["experiment"]["methods"][0])


def test_an_unknown_best_gives_test_errors() -> None:
    result = quick(["rs"], Wrapped(best_known=False), seeds=2)
    assert result.summary["metric"].eq("test_error").all()
    assert result.draw().axes[0].get_ylabel() == "mean true test error (%)"


def test_a_changed_configuration_is_refused_with_the_difference(tmp_path: Path) -> None:
    quick(["rs"], Wrapped(), seeds=2, out=tmp_path)
    before = content(tmp_path)
    with pytest.raises(ConfigError, match=r"(?s)lce\.k: 8 there, 5 now.*overwrite=true"):
        quick(["rs"], Wrapped(), seeds=2, out=tmp_path, lce_options={"k": 5})
    with pytest.raises(ConfigError, match=r"seeds: \[0, 1\] there, \[0, 1, 2\] now"):
        quick(["rs"], Wrapped(), seeds=3, out=tmp_path)
    assert content(tmp_path) == before
    (tmp_path / "notes.txt").write_text("mine")
    result = quick(["rs"], Wrapped(), seeds=3, out=tmp_path, overwrite=True)
    assert result.summary["n_seeds"].tolist() == [3, 3]
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_failed_runs_are_named_with_their_cause_and_retried_on_request_only(tmp_path: Path) -> None:
    bench = Wrapped()
    unlucky, built = {1}, []

    def sometimes(space: Any, *, rng: Any) -> Any:
        state = rng.bit_generator.state["state"]
        built.append(next(seed for seed in range(3) if _state(seed) == state))
        if built[-1] in unlucky:
            raise ValueError("no luck with this seed")
        return nascurve.registry.component("optimizers", "rs")(space, rng=rng)

    call = functools.partial(quick, [("flaky", sometimes)], bench, seeds=3, lce="none", out=tmp_path)
    with pytest.warns(UserWarning, match="flaky seed 1: ValueError: no luck with this seed"):
        result = call()
    (failure,) = result.failures
    assert failure.name == "flaky seed 1"
    assert "in sometimes" in failure.details  # the traceback
    assert result.totals["status"].tolist() == ["done", "failed", "done"]
    assert sorted(result.runs["seed"].unique()) == [0, 2]
    assert result.summary["n_seeds"].tolist() == [2]
    del built[:]
    unlucky.clear()
    said: list[str] = []
    with pytest.warns(UserWarning, match="no luck"):
        assert len(call(say=said.append).failures) == 1
    assert "3 of 3 runs are there already, 1 of them failed; 0 to do." in said
    assert set(built) == {0}  # the check before all runs, and none of them
    again = call(retry_failed=True, say=said.append)
    assert "2 of 3 runs are there already; 1 to do." in said
    assert built[-1] == 1
    assert again.failures == ()
    assert again.summary["n_seeds"].tolist() == [3]
    whole = quick([("flaky", sometimes)], bench, seeds=3, lce="none").runs
    pd.testing.assert_frame_equal(again.runs, whole)


def _state(seed: int) -> Any:
    import numpy as np

    return np.random.default_rng(seed).bit_generator.state["state"]


def test_when_every_run_fails_it_is_an_error() -> None:
    bench = Wrapped()
    bench.broken_seed = 0
    bench.info = _one_seed(bench.info)
    with pytest.raises(NascurveError, match=r"(?s)Every run failed.*the disk with the curves is gone"):
        quick(["rs"], bench, seeds=2, budget_s=100)


def _one_seed(info: Any) -> Any:
    import dataclasses

    return dataclasses.replace(info, n_seeds=1)


def test_a_budget_in_trainings_is_resolved_and_written(tmp_path: Path) -> None:
    result = quick(["rs"], Wrapped(), seeds=1, lce="none", out=tmp_path)
    config = result.config
    assert config["experiment"]["run"]["budget_s"] == pytest.approx(
        20 * config["reference"]["mean_training_s"], rel=1e-4
    )
    assert "budget_s: " in (tmp_path / "config.yaml").read_text()


def test_too_small_a_budget_gives_no_incumbent_and_no_crash(tmp_path: Path) -> None:
    result = quick(["rs"], Wrapped(), seeds=2, budget_s=1e-3, out=tmp_path)
    assert len(result.runs) == 0
    assert result.summary["n_without_incumbent"].tolist() == [2, 2]


def test_a_full_disk_in_the_middle_keeps_what_was_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import errno
    import os

    call = functools.partial(quick, ["rs"], Wrapped(), seeds=4, lce="none", out=tmp_path)
    fsync, calls = os.fsync, []

    def full(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) > 4:  # the configuration, the packed job and two runs
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    monkeypatch.setattr(journal, "_SYNC_EVERY_S", 0.0)
    with pytest.raises(DataFileError, match=r"disk is full .*give the same command again"):
        call()
    monkeypatch.undo()
    assert len(read_results(tmp_path).totals) == 2
    said: list[str] = []
    assert call(say=said.append).summary["n_seeds"].tolist() == [4]
    assert "2 of 4 runs are there already; 2 to do." in said


def test_run_settings_are_simulates_own() -> None:
    import inspect

    assert set(RunSettings(budget_s=1).describe()) <= set(inspect.signature(nascurve.simulate).parameters)


def test_a_script_without_a_main_guard_does_not_run_again_in_the_workers(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import nascurve\nprint('begin')\n"
        "r = nascurve.compare(['rs'], 'synthetic', seeds=2, lce='none', budget_trainings=3, processes=2)\n"
        "print(r.summary['n_seeds'].tolist())\n"
    )
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.stdout.split() == ["begin", "[2]"], done.stderr


def test_real_processes_and_launchers_are_not_mixed_up() -> None:
    with pytest.raises(ConfigError, match="processes=2 is about processes of this machine"):
        quick(["rs"], "synthetic", lce="none", seeds=1, processes=2, launcher="joblib")
    with pytest.raises(ConfigError, match="launcher_options: expected a launcher"):
        quick(["rs"], "synthetic", lce="none", seeds=1, launcher_options=["hydra.launcher.n_jobs=2"])


def test_a_run_with_real_time_in_it_may_be_done_twice(tmp_path: Path) -> None:
    call = functools.partial(
        quick, ["rs"], "synthetic", lce="none", seeds=1, out=tmp_path, charge_decisions=True
    )
    expected = call().runs
    store = RunStore(tmp_path / "store")
    (record,) = to_records(store.read())
    later = dataclasses.replace(
        record,
        finished_at_s=record.finished_at_s - 1,
        trajectory={**record.trajectory, "time_s": [2 * time for time in record.trajectory["time_s"]]},
    )
    store.append("again", [later])
    pd.testing.assert_frame_equal(call().runs, expected)
