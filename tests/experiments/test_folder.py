"""A folder belongs to one configuration, one data set and one process; what is not ours is left alone."""

import dataclasses
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nascurve.errors import ConfigError, DataFileError
from nascurve.experiments import comparison_result
from nascurve.experiments.compare import compare
from nascurve.experiments.comparison_result import ComparisonResult
from nascurve.experiments.folder import ExperimentFolder
from nascurve.locks import exclusive

from .fakes import Wrapped, content

quick: Callable[..., ComparisonResult] = functools.partial(
    compare, ["rs"], lce="none", budget_trainings=5, quiet=True
)


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("text", ["mine: x\n", "", "# mine\n# Written by nascurve\nexperiment: {}\n"])
def test_a_config_of_somebody_else_is_left_alone(tmp_path: Path, text: str, overwrite: bool) -> None:
    (tmp_path / "config.yaml").write_text(text)
    (tmp_path / "summary.csv").write_text("mine too")
    before = content(tmp_path)
    with pytest.raises(DataFileError, match=r"config\.yaml was not written by nascurve.* Give another out="):
        quick(Wrapped(), seeds=1, out=tmp_path, overwrite=overwrite)
    assert content(tmp_path) == before


def test_a_config_yaml_that_is_no_file_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").mkdir()
    with pytest.raises(DataFileError, match=r"Cannot read .*config\.yaml.* Give another out="):
        quick(Wrapped(), seeds=1, out=tmp_path, overwrite=True)


def test_a_damaged_config_of_ours_is_replaced_on_request_only(tmp_path: Path) -> None:
    quick(Wrapped(), seeds=1, out=tmp_path)
    config = tmp_path / "config.yaml"
    whole = config.read_bytes()
    config.write_bytes(whole[: len(whole) // 3] + b"\n: [")
    with pytest.raises(DataFileError, match="Cannot read"):
        quick(Wrapped(), seeds=1, out=tmp_path)
    quick(Wrapped(), seeds=1, out=tmp_path, overwrite=True)
    assert config.read_bytes() == whole


@pytest.mark.parametrize("name", ["runs.jsonl", "runs.parquet", "evaluations.parquet", "summary.csv"])
def test_results_without_a_configuration_are_not_taken_for_others(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("whose?")
    with pytest.raises(DataFileError, match=r"results without a config\.yaml"):
        quick(Wrapped(), seeds=1, out=tmp_path)
    assert (tmp_path / name).read_text() == "whose?"
    assert not (tmp_path / "config.yaml").exists()


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_running_comparison_keeps_its_folder(
    tmp_path: Path, overwrite: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also while it draws its figure: the second one comes at the very end of the first."""
    real, during = comparison_result.save_figures, []

    def save(figure: Any, folder: Path) -> Any:
        before = content(tmp_path)
        with pytest.raises(DataFileError, match=r"Another nascurve writes to .*Wait until .*out="):
            quick(Wrapped(), seeds=2, out=tmp_path, overwrite=overwrite)
        during.append(content(tmp_path) == before)
        return real(figure, folder)

    monkeypatch.setattr(comparison_result, "save_figures", save)
    quick(Wrapped(), seeds=1, out=tmp_path, overwrite=True)
    assert during == [True]
    monkeypatch.undo()
    quick(Wrapped(), seeds=2, out=tmp_path, overwrite=True)  # welcome afterwards


def test_the_lock_outlives_clearing(tmp_path: Path) -> None:
    folder = ExperimentFolder(tmp_path)
    config = {"experiment": {}, "reference": {}}
    with folder.opened(config, overwrite=True):
        inode = (tmp_path / ".lock").stat().st_ino
        folder.clear()
        assert (tmp_path / ".lock").stat().st_ino == inode
        with pytest.raises(DataFileError), folder.opened(config, overwrite=True):
            pass


def test_a_lock_that_cannot_be_made_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / ".lock").mkdir()
    with pytest.raises(DataFileError, match="Cannot lock"), exclusive(tmp_path / ".lock", "x"):
        pass


class Other(Wrapped):
    """The same name and version with other data."""

    def __init__(self, **details: Any) -> None:
        super().__init__()
        self.info = dataclasses.replace(self.info, details=details)
        self.worse = 0.0

    def best(self) -> Any:
        best = super().best()
        assert best is not None
        return best[0], best[1] - self.worse


def test_going_on_with_other_data_is_refused_with_the_difference(tmp_path: Path) -> None:
    first = Other(data_sha256="aaa")
    result = quick(first, seeds=1, out=tmp_path)
    assert result.config["reference"]["data_sha256"] == "aaa"
    quick(first, seeds=1, out=tmp_path)
    before = content(tmp_path)
    with pytest.raises(ConfigError, match=r"(?s)other data.*data_sha256: aaa there, bbb now.*overwrite=true"):
        quick(Other(data_sha256="bbb"), seeds=1, out=tmp_path)
    first.worse = 0.25
    with pytest.raises(
        ConfigError, match=r"(?s)other data.*reference\.best_test_acc: 0\.\d+ there, 0\.\d+ now"
    ):
        quick(first, seeds=1, out=tmp_path)
    assert content(tmp_path) == before
    first.worse = 1e-15  # another order of a sum
    quick(first, seeds=1, out=tmp_path)
    quick(Other(), seeds=1, out=tmp_path)  # a benchmark that gives no checksum cannot contradict
