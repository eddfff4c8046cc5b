"""`common_noise` of commands and of `nascurve.compare` reaches the simulator and stands in config.yaml."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

import nascurve
from nascurve.errors import ConfigError
from nascurve.experiments.cli import main

RUN = ["run", "benchmark=synthetic", "budget_trainings=15"]


def evaluations(folder: Path) -> pd.DataFrame:
    return pd.read_parquet(folder / "evaluations.parquet")


def run_settings(folder: Path) -> dict[str, Any]:
    return dict(yaml.safe_load((folder / "config.yaml").read_text())["experiment"]["run"])


def first_noise(frame: pd.DataFrame) -> dict[str, int]:
    first = frame.drop_duplicates("arch")
    return dict(zip(first["arch"], first["training_seed"], strict=True))


def test_two_methods_share_the_noise_of_an_architecture_by_default(tmp_path: Path) -> None:
    for name in ("rs", "re"):
        assert main([*RUN, f"optimizer={name}", "workers=3", f"out={tmp_path / name}"]) == 0
        assert run_settings(tmp_path / name)["common_noise"] is True
    rs, re = (first_noise(evaluations(tmp_path / name)) for name in ("rs", "re"))
    shared = rs.keys() & re.keys()  # both begin with the same random ones
    assert len(shared) >= 10
    assert all(rs[arch] == re[arch] for arch in shared)


def test_without_it_the_command_gives_what_simulate_gives(tmp_path: Path) -> None:
    assert main([*RUN, "optimizer=re", "common_noise=false", f"out={tmp_path / 'own'}"]) == 0
    assert main([*RUN, "optimizer=re", f"out={tmp_path / 'common'}"]) == 0
    settings = run_settings(tmp_path / "own")
    assert settings["common_noise"] is False
    bench = nascurve.load_benchmark("synthetic")
    result = nascurve.simulate(
        nascurve.create_optimizer("re", bench.space, seed=0), bench, seed=0, **settings
    )
    own, common = evaluations(tmp_path / "own"), evaluations(tmp_path / "common")
    assert own["training_seed"].tolist() == [record.training_seed for record in result.evaluations]
    assert first_noise(own) != first_noise(common)


def test_a_folder_holds_runs_of_one_kind(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*RUN, f"out={tmp_path}", "common_noise=false"]) == 0
    assert main([*RUN, f"out={tmp_path}"]) == 1
    assert "run.common_noise: False there, True now" in capsys.readouterr().err


def test_compare_takes_it_too(tmp_path: Path) -> None:
    options: dict[str, Any] = {"seeds": 3, "budget_trainings": 15, "quiet": True}
    by_default, common, own = (
        nascurve.compare(["re"], "synthetic", **options, **given)
        for given in ({}, {"common_noise": True}, {"common_noise": False})
    )
    pd.testing.assert_frame_equal(by_default.runs, common.runs)
    assert not by_default.runs.equals(own.runs)
    assert own.config["experiment"]["run"]["common_noise"] is False
    with pytest.raises(ConfigError, match="common_noise: expected true or false, got 'no'"):
        nascurve.compare(["re"], "synthetic", **options, common_noise="no")  # type: ignore[arg-type]
