"""A sweep ends with every run done or failed, whatever happens to the processes that do them."""

from __future__ import annotations

import contextlib
import functools
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import nascurve
from nascurve.errors import ConfigError, NascurveError
from nascurve.experiments import sweep as sweep_module
from nascurve.experiments.compare import compare
from nascurve.experiments.comparison_result import ComparisonResult
from nascurve.experiments.hydra_jobs import LaunchFailedError, WorkersLostError
from nascurve.experiments.journal import Journal
from nascurve.experiments.launchers import HereLauncher, Packing, Poll
from nascurve.experiments.packs import Pack, packs_in
from nascurve.experiments.results import read_results

from .fakes import Wrapped

quick: Callable[..., ComparisonResult] = functools.partial(
    compare, lce="none", budget_trainings=5, quiet=True, seeds=4
)


class Deadly:
    """Random search whose process dies in the runs of one seed, `times` times.

    Each try stands in a file of `folder`. Others take `seconds`, so that they are at work when it dies.
    """

    def __init__(self, folder: Path, seed: int, *, times: int, seconds: float = 0.2) -> None:
        self._folder, self._times, self._seconds = folder, times, seconds
        self._state = np.random.default_rng(seed).bit_generator.state["state"]
        self._parent = os.getpid()

    def __call__(self, space: Any, *, rng: np.random.Generator) -> Any:
        if os.getpid() != self._parent:
            if deadly := rng.bit_generator.state["state"] == self._state:
                tries = self.tries()
                (self._folder / f"try-{tries}").touch()  # at once: another's death may end this process
            time.sleep(self._seconds)
            if deadly and tries < self._times:
                os._exit(9)
            time.sleep(self._seconds)
        return nascurve.registry.component("optimizers", "rs")(space, rng=rng)

    def tries(self) -> int:
        return len(list(self._folder.glob("try-*")))


@pytest.fixture(scope="module")
def undisturbed() -> pd.DataFrame:
    return quick([("rs", _rs)], Wrapped()).runs


def _rs(space: Any, *, rng: Any) -> Any:
    return nascurve.registry.component("optimizers", "rs")(space, rng=rng)


def test_a_run_that_kills_its_process_again_and_again_fails_and_the_others_are_done(
    tmp_path: Path, undisturbed: pd.DataFrame
) -> None:
    """Also those that were at work next to it each time: a pool that loses one process ends all."""
    deadly = Deadly(tmp_path, 3, times=99)
    out = tmp_path / "out"
    with pytest.warns(
        UserWarning, match=r"1 runs failed.\n  rs seed 3: The process died in this run 3 times"
    ):
        result = quick([("rs", deadly)], Wrapped(), processes=2, out=out)
    assert deadly.tries() == 3
    assert result.totals["status"].tolist() == ["done", "done", "done", "failed"]
    pd.testing.assert_frame_equal(result.runs, undisturbed[undisturbed["seed"] != 3])
    assert packs_in(out) == []
    with pytest.warns(UserWarning, match="The process died"):
        quick([("rs", deadly)], Wrapped(), processes=2, out=out)
    assert deadly.tries() == 3  # not again, unless asked to
    healed = Deadly(tmp_path, 3, times=0)
    result = quick([("rs", healed)], Wrapped(), processes=2, out=out, retry_failed=True, overwrite=False)
    assert deadly.tries() == 4
    pd.testing.assert_frame_equal(result.runs, undisturbed)


def test_a_process_that_dies_once_changes_nothing(tmp_path: Path, undisturbed: pd.DataFrame) -> None:
    deadly = Deadly(tmp_path, 1, times=1, seconds=0.05)
    result = quick([("rs", deadly)], Wrapped(), processes=2, out=tmp_path / "out")
    assert deadly.tries() == 2
    assert result.failures == ()
    pd.testing.assert_frame_equal(result.runs, undisturbed)


def test_two_runs_that_are_always_deadly_do_not_hide_behind_each_other(tmp_path: Path) -> None:
    first, second = (
        Deadly(_made(tmp_path / name), seed, times=99, seconds=0.02) for name, seed in (("a", 0), ("b", 1))
    )
    with pytest.warns(UserWarning, match="2 runs failed"):
        result = quick([("a", first), ("b", second)], Wrapped(), processes=2, seeds=2)
    totals = result.totals
    assert totals["status"].tolist() == ["failed", "done", "done", "failed"]
    assert (first.tries(), second.tries()) == (3, 3)


def _made(path: Path) -> Path:
    path.mkdir()
    return path


class Losing:
    """A launcher that raises before anything is done, the first `times` times."""

    name = "losing"
    packing = Packing()

    def __init__(self, times: int, error: NascurveError, inner: HereLauncher) -> None:
        self.left, self._error, self._inner = times, error, inner
        self.launches = 0

    def launch(self, packs: Sequence[Pack], poll: Poll) -> None:
        self.launches += 1
        if self.left > 0:
            self.left -= 1
            raise self._error
        self._inner.launch(packs, poll)


class Idle:
    """A launcher that says that all is well, and does nothing."""

    name = "idle"
    packing = Packing()

    def launch(self, packs: Sequence[Pack], poll: Poll) -> None:
        poll()


@pytest.mark.parametrize(
    ("error", "launches"),
    [(LaunchFailedError("No such partition."), 1), (WorkersLostError("All nodes are down."), 3)],
)
def test_a_launcher_that_cannot_begin_is_an_error_soon(
    error: NascurveError, launches: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    losing = Losing(99, error, HereLauncher())
    monkeypatch.setattr("nascurve.experiments.compare._launcher", lambda *_: losing)
    with pytest.raises(type(error), match=str(error)):
        quick(["rs"], "synthetic", out=tmp_path)
    assert losing.launches == launches
    losing.left = 0
    assert quick(["rs"], "synthetic", out=tmp_path).summary["n_seeds"].tolist() == [4]
    assert packs_in(tmp_path) == []


def test_a_launcher_that_does_nothing_is_an_error_and_not_an_endless_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("nascurve.experiments.compare._launcher", lambda *_: Idle())
    with pytest.raises(NascurveError, match="4 runs are missing, and idle does none of them"):
        quick(["rs"], "synthetic")


def test_packs_at_work_elsewhere_are_waited_for_not_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A SLURM job goes on when the command that sent it is killed."""
    whole = quick(["rs"], Wrapped(), out=tmp_path)
    results = read_results(tmp_path)
    (path,) = (tmp_path / "store").iterdir()
    elsewhere = Pack.write(tmp_path, path.stem, [(0, seed) for seed in range(4)])
    records = elsewhere.stored_records()
    path.unlink()
    waits = []

    def other_process_ends(_: float) -> None:
        waits.append(1)
        for one in records[2:]:
            journal.append(one)
        held.close()

    monkeypatch.setattr(sweep_module.time, "sleep", other_process_ends)
    said: list[str] = []
    with contextlib.ExitStack() as held:
        journal = held.enter_context(Journal(elsewhere.journal))
        for one in records[:2]:
            journal.append(one)
        again = quick(["rs"], Wrapped(), out=tmp_path, say=said.append)
    assert waits == [1]
    assert "1 packed jobs are still at work elsewhere; waiting for them." in said
    assert "4 of 4 runs are there already; 0 to do." in said
    pd.testing.assert_frame_equal(again.runs, whole.runs)
    pd.testing.assert_frame_equal(again.totals, results.totals)


def test_python_objects_go_to_no_launcher_of_hydras(tmp_path: Path) -> None:
    for optimizers, benchmark in ((["rs"], Wrapped()), ([("mine", _rs)], "synthetic")):
        with pytest.raises(ConfigError, match=r"hydra/launcher=joblib: .*Python objects.*Give ids"):
            quick(optimizers, benchmark, launcher="joblib", out=tmp_path / "x")
    assert list(tmp_path.iterdir()) == []
    assert quick([("mine", _rs)], "synthetic", launcher="basic").summary["n_seeds"].tolist() == [4]
