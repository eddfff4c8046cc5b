"""What may come between two commands: processes and jobs that outlive the first, damaged files."""

from __future__ import annotations

import dataclasses
import functools
import json
import os
import time
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nascurve
from nascurve.errors import DataFileError
from nascurve.experiments import cli
from nascurve.experiments.compare import compare
from nascurve.experiments.comparison_result import ComparisonResult
from nascurve.experiments.folder import ExperimentFolder
from nascurve.experiments.hydra_jobs import HydraJobs
from nascurve.experiments.journal import Journal, read_journal
from nascurve.experiments.launchers import HereLauncher, Packing, Poll
from nascurve.experiments.packs import Job, Pack, collect_leftovers, packs_in
from nascurve.experiments.record import RunRecord
from nascurve.experiments.store import RunStore
from nascurve.experiments.sweep_status import read_status
from nascurve.locks import is_held, locked

from .fakes import Wrapped, content

quick: Callable[..., ComparisonResult] = functools.partial(
    compare, ["rs"], "synthetic", lce="none", budget_trainings=5, seeds=2, quiet=True
)
NAMES = [("rs", "none")]


def record(job: Job) -> RunRecord:
    return RunRecord(optimizer="rs", lce="none", seed=job[1], finished_at_s=time.time())


@pytest.mark.parametrize("launcher", ["basic", "joblib"])
def test_processes_that_are_kept_do_not_keep_an_earlier_configuration_of_the_folder(
    tmp_path: Path, launcher: str
) -> None:
    few = quick(out=tmp_path, launcher=launcher)
    more = quick(out=tmp_path, launcher=launcher, budget_trainings=20, overwrite=True)
    assert min(more.totals["total_evaluations"]) > max(few.totals["total_evaluations"])


def test_a_folder_whose_jobs_are_at_work_is_not_overwritten(tmp_path: Path) -> None:
    quick(out=tmp_path, launcher="basic")
    pack = Pack.write(tmp_path, "elsewhere", [(0, 1)])
    with Journal(pack.journal):
        before = content(tmp_path)
        with pytest.raises(DataFileError, match=r"cannot be overwritten: 1 of its packed jobs.*elsewhere"):
            quick(out=tmp_path, budget_trainings=20, overwrite=True)
        assert content(tmp_path) == before
    quick(out=tmp_path, budget_trainings=20, overwrite=True, launcher="basic")


@pytest.mark.parametrize("place", [0, 1])
def test_a_job_whose_list_is_taken_away_stops_and_leaves_nothing(tmp_path: Path, place: int) -> None:
    """On file systems without locks nobody sees that it is at work."""
    pack = Pack.write(tmp_path, "p", [(0, 0), (0, 1)])
    done: list[Job] = []

    def run(job: Job) -> RunRecord:
        if len(done) == place:
            ExperimentFolder(tmp_path).clear()
        done.append(job)
        return record(job)

    with pytest.raises(DataFileError, match=r"packed job .*p\.json was taken back"):
        pack.run(run, NAMES)
    assert len(done) == place + 1
    assert not RunStore(tmp_path / "store")
    assert packs_in(tmp_path) == []


def test_a_job_that_comes_too_late_leaves_no_journal(tmp_path: Path) -> None:
    pack = Pack.write(tmp_path, "p", [(0, 0)])
    collect_leftovers(tmp_path)
    with pytest.raises(DataFileError, match="Cannot read the packed job"):
        pack.run(record, NAMES)
    assert packs_in(tmp_path) == []


def test_a_job_that_begins_while_leftovers_are_collected_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack = Pack.write(tmp_path, "p", [(0, 0)])
    monkeypatch.setattr("nascurve.experiments.packs.is_held", lambda path: False)  # it looked just before
    monkeypatch.setattr("nascurve.experiments.journal._LOCK_WITHIN_S", 0.0)
    with Journal(pack.journal) as journal:
        journal.append(record((0, 0)))
        assert collect_leftovers(tmp_path) == [pack]
        assert packs_in(tmp_path) == [pack]
    assert collect_leftovers(tmp_path) == []
    assert [one.seed for one in RunStore(tmp_path / "store").records_of("p")] == [0]


def test_those_who_look_do_not_see_each_other_and_need_no_right_to_write(tmp_path: Path) -> None:
    path = tmp_path / "j"
    path.touch(mode=0o444)
    with path.open("rb") as file, locked(file, shared=True):
        assert not is_held(path)
        with pytest.raises(BlockingIOError), path.open("rb") as other, locked(other):
            pass


class Threads:
    """Random search that notes the threads of the numerical libraries in a forked process."""

    def __init__(self, path: Path) -> None:
        self._path, self._parent = path, os.getpid()

    def __call__(self, space: Any, *, rng: np.random.Generator) -> Any:
        if os.getpid() != self._parent:
            from threadpoolctl import threadpool_info

            self._path.write_text(str(max(each["num_threads"] for each in threadpool_info())))
        return nascurve.registry.component("optimizers", "rs")(space, rng=rng)


def test_forks_have_one_thread_too(tmp_path: Path) -> None:
    from threadpoolctl import threadpool_limits

    with threadpool_limits(2):
        compare(
            [("mine", Threads(tmp_path / "threads"))],
            Wrapped(),
            lce="none",
            budget_trainings=5,
            seeds=2,
            processes=2,
            quiet=True,
        )
    assert (tmp_path / "threads").read_text() == "1"


SWEEP = ["run", "-m", "seed=0,1", "benchmark=synthetic", "hydra/launcher=joblib"]


def test_a_launched_sweep_refuses_runs_of_other_settings_and_overwrites_them_on_request(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few = [*SWEEP, "budget_trainings=3", f"out={tmp_path}"]
    more = [*SWEEP, "budget_trainings=6", f"out={tmp_path}"]
    assert cli.main(few) == 0
    before = content(tmp_path)
    assert cli.main(more) == 1
    assert "holds results of another configuration" in capsys.readouterr().err
    assert content(tmp_path) == before
    assert cli.main([*more, "overwrite=true"]) == 0
    config = ExperimentFolder(tmp_path / "seed=1").read_config()
    assert config["experiment"]["run"]["budget_s"] > 150


def test_a_damaged_config_is_one_clear_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    quick(out=tmp_path, launcher="basic")
    config = tmp_path / "config.yaml"
    text = config.read_text()
    for old, new in (
        ("seeds:\n", "sods:\n"),
        ("  - 0\n", "  - a\n"),
        ("methods:", "x:"),
        ("reference:", "x:"),
    ):
        config.write_text(text.replace(old, new))
        assert config.read_text() != text
        for command in ("status", "results", "plot"):
            assert cli.main([command, str(tmp_path)]) == 1
            assert "config.yaml: expected `experiment` with" in capsys.readouterr().err


def test_clocks_of_other_machines_may_be_ahead(tmp_path: Path) -> None:
    quick(out=tmp_path, seeds=3, launcher="basic")
    ahead = [dataclasses.replace(record((0, seed)), finished_at_s=time.time() + 60) for seed in (0, 1)]
    store = ExperimentFolder(tmp_path).store
    store.clear()
    store.append("ahead", ahead)
    (status,) = read_status(tmp_path)
    assert status.rate_per_s >= 0
    assert not status.left_s < 0


class Counting:
    """Does packs here, and notes how many there are at a time."""

    name = "counting"
    packing = Packing(runs=1, at_most=2)

    def __init__(self) -> None:
        self.launched: list[int] = []

    def launch(self, packs: Sequence[Pack], poll: Poll) -> None:
        self.launched.append(len(packs))
        HereLauncher().launch(packs, poll)


def test_no_more_jobs_at_a_time_than_are_allowed_with_more_tasks_than_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counting = Counting()
    monkeypatch.setattr("nascurve.experiments.compare._launcher", lambda *_: counting)
    nascurve.compare_tasks(
        ["synthetic", "pocket201-digits", "pocket201-mnist"],
        ["rs"],
        lce="none",
        budget_trainings=3,
        seeds=2,
        out=tmp_path,
        quiet=True,
    )
    assert counting.launched == [2, 1]


def test_jobs_begin_where_the_command_was_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kept processes of joblib began elsewhere, those of a cluster too."""
    HydraJobs("joblib").run(
        [{"kind": "runs", "runs": []}] * 2, tmp_path / "logs", lambda: None
    )  # begins them
    for name in ("there", "elsewhere"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "there")
    runs = [{"overrides": ["benchmark=synthetic", "budget_trainings=3"], "folder": "relative", "swept": {}}]
    HydraJobs("joblib").run([{"kind": "runs", "runs": runs}] * 2, Path("logs"), lambda: None)
    assert (tmp_path / "there" / "relative" / "runs.parquet").exists()


def test_a_program_of_hydras_may_launch(tmp_path: Path) -> None:
    from hydra import compose, initialize_config_module

    runs: list[dict[str, Any]] = [{"overrides": ["benchmark=synthetic", "budget_trainings=3"], "swept": {}}]
    runs[0]["folder"] = str(tmp_path / "run")
    with initialize_config_module("nascurve.experiments.conf", version_base="1.3"):
        HydraJobs("basic").run([{"kind": "runs", "runs": runs}], tmp_path / "logs", lambda: None)
        assert (tmp_path / "run" / "runs.parquet").exists()
        assert compose("run").seed == 0


def sound() -> dict[str, Any]:
    return json.loads(json.dumps(record((0, 0)).to_dict()))


@pytest.mark.parametrize(
    "damage",
    [
        *({"seed": "x"}, {"seed": 10**30}, {"optimizer": [1]}, {"archs": ["one too many"]}, {"wall_s": None}),
        *({"trajectory": {**sound()["trajectory"], "regret": value}} for value in ("abc", [1.0], ["a"])),
    ],
    ids=lambda damage: json.dumps(damage)[:30],
)
def test_a_line_that_the_store_cannot_take_counts_as_torn(tmp_path: Path, damage: dict[str, Any]) -> None:
    """With a checksum that is right: put there by hand."""
    for fields in (sound(), sound() | damage):
        body = json.dumps(fields).encode()
        with (tmp_path / "j.jsonl").open("ab") as file:
            file.write(b"%08x %s\n" % (zlib.crc32(body), body))
    assert [one.seed for one in read_journal(tmp_path / "j.jsonl")] == [0]


def test_an_interrupt_leaves_the_list_for_jobs_that_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(self: HydraJobs, args: list[str]) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(HydraJobs, "_run_hydra", interrupted)
    with pytest.raises(KeyboardInterrupt):
        HydraJobs("joblib").run([{"kind": "runs", "runs": []}], tmp_path, lambda: None)
    assert len(list(tmp_path.glob("*/jobs.json"))) == 1
