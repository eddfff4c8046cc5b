"""What callbacks are told, and that one that fails loses no run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest

import nascurve
from nascurve import registry
from nascurve.errors import ConfigError, ProtocolError, UnknownIdError
from nascurve.experiments.callbacks.callback import NoCallback
from nascurve.experiments.callbacks.composite import Callbacks, read_callbacks
from nascurve.optimizers.random_search import RandomSearch
from nascurve.testing import check_callback

from . import sweeps

PAGE = Path(__file__).parent.parent.parent / "docs" / "callbacks.md"


class Heard(NoCallback):
    """Notes what it is told; fails at one of it, if asked to."""

    def __init__(self, fails_at: str = "") -> None:
        self.told: list[str] = []
        self._fails_at = fails_at

    def _hear(self, what: str) -> None:
        self.told.append(what)
        if what.split()[0] == self._fails_at:
            raise OSError("no route to host")

    def begin(self, config: Any, folder: Any, total: int, done: int) -> None:
        self._hear(f"begin {done} of {total}")

    def run_finished(self, run: Any) -> None:
        self._hear(f"run {run['lce']} {run['seed']} {run['status']}")

    def end(self, runs: Any, summary: Any, figures: Any) -> None:
        self._hear(f"end {len(runs)} rows")

    def close(self) -> None:
        self._hear("close")


def test_a_sweep_is_told_in_order() -> None:
    heard = Heard()
    sweeps.tell(read_callbacks([heard]), None, sweeps.ended(n_seeds=2))
    assert heard.told == [
        "begin 0 of 4",
        "run none 0 done",
        "run none 1 failed",
        "run last/value 0 done",
        "run last/value 1 done",
        "end 6 rows",
        "close",
    ]


@pytest.mark.parametrize("fails_at", ["begin", "run", "end", "close"])
def test_one_that_fails_is_switched_off_with_one_warning(fails_at: str) -> None:
    failing, sound = Heard(fails_at), Heard()
    with pytest.warns(UserWarning, match="callback Heard failed and is switched off.*no route") as caught:
        sweeps.tell(Callbacks([("Heard", failing), ("sound", sound)]), None, sweeps.ended(n_seeds=2))
    assert len(caught) == 1
    assert len(sound.told) == 7
    last, then = failing.told[-2:]
    assert then == "close"  # told nothing more, but that it may let go of what it holds
    assert fails_at == "close" or last.startswith(fails_at)


def test_a_mistake_in_the_settings_stops_before_anything_is_run() -> None:
    class Refuses(NoCallback):
        def begin(self, config: Any, folder: Any, total: int, done: int) -> None:
            raise ConfigError("needs out=…")

    with pytest.raises(ConfigError, match="needs out="):
        sweeps.tell(read_callbacks(Refuses()), None, sweeps.ended())


def test_an_interrupt_is_passed_on_and_callbacks_are_closed() -> None:
    class Interrupted(Heard):
        def run_finished(self, run: Any) -> None:
            raise KeyboardInterrupt

    callback = Interrupted()
    with pytest.raises(KeyboardInterrupt):
        sweeps.tell(read_callbacks(callback), None, sweeps.ended())
    assert callback.told == ["begin 0 of 6", "close"]


@pytest.mark.parametrize("nothing", [None, [], ()])
def test_no_callbacks(nothing: Any) -> None:
    sweeps.tell(read_callbacks(nothing), None, sweeps.ended())


@pytest.mark.parametrize(
    ("entries", "error", "message"),
    [
        ("tensorbord", UnknownIdError, "No callback is called 'tensorbord'. Did you mean 'tensorboard'"),
        (
            [{"id": "mlflow", "experimnt": "x"}],
            ConfigError,
            "no option 'experimnt'. Did you mean 'experiment'",
        ),
        ({"id": "wandb", "mode": "offlin"}, ConfigError, "mode: got 'offlin'. Did you mean 'offline'"),
        ([{"project": "x"}], ConfigError, "expected an id, .*got {'project': 'x'}"),
        ([3], ConfigError, "begin, run_finished, end, close; got 3"),
        ([NoCallback], ConfigError, "expected an id.*or an object"),
    ],
)
def test_entries_that_are_none(entries: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        read_callbacks(entries)


@pytest.mark.parametrize("name", ["tensorboard", "mlflow", "wandb"])
def test_a_missing_package_names_its_extra(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ConfigError, match=rf"pip install 'nascurve\[{name}\]'"):
        read_callbacks([name])


def test_ids_are_listed_without_their_packages() -> None:
    code = (
        "import sys; from nascurve.experiments.cli import main; main(['list', 'callbacks']);"
        "sys.exit(','.join({'mlflow', 'wandb', 'tensorboard'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    for name in registry.ids("callbacks"):
        assert name in done.stdout


class Changes(NoCallback):
    def run_finished(self, run: Any) -> None:
        run["seed"] = 7


class NeedsAnIncumbent(NoCallback):
    def run_finished(self, run: Any) -> None:
        run["trajectory"]["regret"][-1]


class NeedsAFolder(NoCallback):
    def begin(self, config: Any, folder: Any, total: int, done: int) -> None:
        folder.mkdir(exist_ok=True)


@pytest.mark.parametrize(
    ("callback", "rule"),
    [
        (Changes, "stay as it is"),
        (NeedsAnIncumbent, "run_finished, a whole sweep: expected no error"),
        (NeedsAFolder, "without a folder"),
    ],
)
def test_contract_finds_the_broken_rule(callback: type[NoCallback], rule: str) -> None:
    with pytest.raises(ProtocolError, match=rule):
        check_callback(callback)


def test_nothing_breaks_no_rule() -> None:
    check_callback(NoCallback)


def _block(kind: str, containing: str) -> str:
    blocks = re.findall(rf"```{kind}\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    return next(block for block in blocks if containing in block)


def test_plug_in_of_the_documentation(tmp_path: Path) -> None:
    """Installed as a third party would, listed, checked, and used by a sweep."""
    (tmp_path / "my_state.py").write_text(_block("python", "class State"))
    (tmp_path / "test_my_state.py").write_text(_block("python", "check_callback"))
    group, entry = re.findall(r'\[project\.entry-points\."(.+?)"\]\n(.+)', _block("toml", "state"))[0]
    info = tmp_path / "my_state-0.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-state\nVersion: 0.1\n")
    (info / "entry_points.txt").write_text(f"[{group}]\n{entry.replace(chr(34), '')}\n")
    compare = "compare benchmark=synthetic optimizers=[rs] seeds=2 budget_trainings=5 processes=1 out=here"
    for command in (
        ["-c", "import test_my_state; test_my_state.test_contract()"],
        ["-m", "nascurve", *compare.split(), "callbacks=[{id: state, name: now.json}]"],
    ):
        done = subprocess.run(
            [sys.executable, *command],
            env={**os.environ, "PYTHONPATH": str(tmp_path)},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    state = (tmp_path / "here" / "now.json").read_text()
    assert '"total": 4, "ended": 4, "best": {"rs, none": 0.' in state


def test_compare_tells_of_every_run_once(tmp_path: Path) -> None:
    first, second = Heard(), Heard()
    settings: dict[str, Any] = {"lce": ["none"], "budget_trainings": 3, "out": tmp_path, "processes": 1}
    in_this_process = [("rs", RandomSearch)]
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        nascurve.compare(in_this_process, "synthetic", seeds=2, callbacks=[first], **settings)
        nascurve.compare(in_this_process, "synthetic", seeds=2, callbacks=[second], **settings)
    assert sorted(first.told[1:3]) == ["run none 0 done", "run none 1 done"]
    assert first.told[0] == "begin 0 of 2"
    assert [second.told[0], second.told[-1]] == ["begin 2 of 2", "close"]
    assert second.told[1] == first.told[3]  # end: of all runs


def test_an_object_serves_one_benchmark() -> None:
    with pytest.raises(ConfigError, match="an object serves one"):
        nascurve.compare_tasks(
            ["synthetic", "pocket201-digits"],
            ["rs"],
            lce="none",
            seeds=1,
            budget_trainings=3,
            quiet=True,
            callbacks=[Heard()],
        )


def test_nothing_that_goes_away_is_named() -> None:
    folders: list[Any] = []

    class Folder(NoCallback):
        def begin(self, config: Any, folder: Any, total: int, done: int) -> None:
            folders.append(folder)

    nascurve.compare(
        ["rs"], "synthetic", lce="none", seeds=1, budget_trainings=3, quiet=True, callbacks=Folder()
    )
    assert folders == [None]
