"""`nascurve surrogate fit`: a folder that is a benchmark afterwards."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from nascurve.benchmarks.surrogate.builders import load_surrogate
from nascurve.errors import ConfigError, DataFileError
from nascurve.experiments.cli import main
from nascurve.experiments.surrogate_fit import main as fit
from nascurve.experiments.surrogate_settings import SurrogateSettings
from tests.benchmarks.surrogate.fakes import data, true_curve
from tests.experiments.test_surrogate_evaluate import write_logs

SMALL = ["models=[extratrees]", "n_members=2", "n_components=3"]


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    return write_logs(tmp_path / "mine.csv", data([2] * 60))


def args(logs: Path, out: Path, *more: str) -> list[str]:
    return ["source=logs", f"data={logs}", "space=cell201", f"out={out}", "splits=1", *SMALL, *more]


def test_the_folder_is_a_benchmark_and_knows_how_good_it_is(
    logs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main(["surrogate", "fit", *args(logs, out)]) == 0
    captured = capsys.readouterr()
    assert "fitting to 120 runs of 60 architectures" in captured.err
    assert f"Saved to {out}" in captured.out
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    assert 0 < manifest["evaluation"]["final_r2"]["mean"] < 1
    assert manifest["evaluation"]["final_r2"]["stderr"] is None
    assert "avg_kl" not in manifest["evaluation"]
    benchmark = load_surrogate(data_dir=out)
    assert benchmark.info.kind == "surrogate"
    archs = [benchmark.space.sample(np.random.default_rng(seed)) for seed in range(5)]
    predicted = [benchmark.true_test_acc(arch) for arch in archs]
    np.testing.assert_allclose(predicted, [true_curve(arch)[-1] for arch in archs], atol=0.1)


def test_a_surrogate_is_replaced_only_when_asked(logs: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert fit(args(logs, out, "splits=0")) == 0
    before = (out / "manifest.json").read_text(encoding="utf-8")
    with pytest.raises(ConfigError, match="overwrite=true"):
        fit(args(logs, out, "splits=0", "seed=1"))
    assert (out / "manifest.json").read_text(encoding="utf-8") == before
    assert fit(args(logs, out, "splits=0", "seed=1", "overwrite=true")) == 0
    assert (out / "manifest.json").read_text(encoding="utf-8") != before


def test_fewer_architectures_when_asked(logs: Path, tmp_path: Path) -> None:
    assert fit(args(logs, tmp_path / "out", "splits=0", "max_train=20")) == 0
    training = load_surrogate(data_dir=tmp_path / "out").info.details["training"]
    assert (training["n_architectures"], training["n_runs"]) == (20, 40)


@pytest.mark.parametrize(
    ("more", "error", "message"),
    [
        (["nois=kde"], ConfigError, "Did you mean 'noise'"),
        (["splits=-1"], ConfigError, "splits"),
        (["n_components=100"], ConfigError, "n_components"),
        (["data=nowhere.csv"], DataFileError, "no such file"),
        (["overwrite=maybe"], ConfigError, "overwrite"),
    ],
)
def test_errors_say_what_is_wrong(
    logs: Path, tmp_path: Path, more: list[str], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        fit(args(logs, tmp_path / "out", *more))
    assert not (tmp_path / "out").exists()


def test_a_folder_with_something_else_is_left_alone(
    logs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SurrogateSettings, "fit", lambda *_: pytest.fail("fitted before looking at out"))
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.tex").write_text("mine", encoding="utf-8")
    with pytest.raises(DataFileError, match="other files"):
        fit(args(logs, out, "splits=0", "overwrite=true"))
    assert (out / "thesis.tex").read_text(encoding="utf-8") == "mine"
