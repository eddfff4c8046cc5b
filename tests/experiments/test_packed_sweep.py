"""`nascurve run -m` with a launcher: few jobs, and the files that Hydra's own way gives."""

from __future__ import annotations

from pathlib import Path

import pytest

from nascurve.experiments import cli, packed_sweep
from nascurve.experiments.overrides import parse_overrides
from nascurve.experiments.packed_sweep import can_be_packed, swept_runs

SWEEP = [
    *("run", "-m", "optimizer=rs,re", "seed=range(0,3)", "lce=none,last_value", "lce.e_few=4"),
    *("benchmark=pocket201-digits", "budget_trainings=5"),
]


def _files(folder: Path) -> dict[str, bytes]:
    names = ("config.yaml", "runs.parquet", "evaluations.parquet")
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for name in names
        for path in folder.glob(f"*/{name}")
    }


def test_packed_and_not_packed_give_the_same_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([*SWEEP, f"out={tmp_path / 'plain'}"]) == 0
    table = capsys.readouterr().out.split("optimizer  lce")[1].split("Written")[0]
    packed = [*SWEEP, f"out={tmp_path / 'packed'}", "hydra/launcher=joblib"]
    assert cli.main(packed) == 0
    assert capsys.readouterr().out.split("optimizer  lce")[1].split("Written")[0] == table
    plain = _files(tmp_path / "plain")
    assert len(plain) == 36
    assert _files(tmp_path / "packed") == plain
    (tmp_path / "packed" / "lce=none,optimizer=rs,seed=1" / "runs.parquet").unlink()
    assert cli.main(packed) == 0
    assert "11 of 12 runs are there already" in capsys.readouterr().err
    assert _files(tmp_path / "packed") == plain


def test_a_failing_run_is_named_and_the_others_are_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sweep = [
        "run",
        "-m",
        "seed=0,1,-1,2",
        "benchmark=synthetic",
        "budget_trainings=3",
        "hydra/launcher=joblib",
    ]
    assert cli.main([*sweep, f"out={tmp_path}"]) == 1
    said = capsys.readouterr().err
    assert "1 of 4 runs failed" in said
    assert "seed=-1" in said
    assert len(list(tmp_path.glob("*/runs.parquet"))) == 3


def test_every_combination_once_in_hydras_order(tmp_path: Path) -> None:
    overrides = parse_overrides(["a=1,2", "b=x", "c=range(0,2)", "out=somewhere"], command="run")
    runs = swept_runs(overrides, tmp_path)
    assert [run.swept for run in runs] == [
        {"a": "1", "c": "0"},
        {"a": "1", "c": "1"},
        {"a": "2", "c": "0"},
        {"a": "2", "c": "1"},
    ]
    assert runs[1].overrides == ("a=1", "b=x", "c=1")
    assert Path(runs[1].folder) == tmp_path / "a=1,c=1"
    assert runs[0].kind == runs[0].kind != runs[2].kind


@pytest.mark.parametrize(
    ("flags", "given", "packed"),
    [
        (["-m"], ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "seed=1,2"], True),
        (["-m"], ["hydra/launcher=joblib", "hydra.sweep.subdir=x", "seed=1,2"], False),
        (["-m", "--config-dir", "mine"], ["hydra/launcher=joblib", "seed=1,2"], False),
    ],
)
def test_who_tells_hydra_how_to_sweep_has_hydra_do_it(
    flags: list[str], given: list[str], packed: bool
) -> None:
    assert can_be_packed(flags, parse_overrides(given, command="run")) is packed


def test_of_many_kinds_some_are_timed_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed_sweep, "_MOST_TIMED", 2)
    sweep = ["run", "-m", "optimizer=rs", "benchmark=synthetic", "budget_trainings=1,2,3,4,5", "seed=0"]
    assert cli.main([*sweep, f"out={tmp_path}", "hydra/launcher=joblib"]) == 0
    assert len(list(tmp_path.glob("*/runs.parquet"))) == 5
