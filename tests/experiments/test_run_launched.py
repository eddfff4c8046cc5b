"""`nascurve run -m` through launchers whose workers are processes of their own: the same files."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from nascurve.experiments import cli

from .fakes import content

SWEEP = ["run", "-m", "optimizer=rs,re", "seed=0,1", "benchmark=synthetic", "budget_trainings=30"]


@pytest.fixture(scope="module")
def basic(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    out = tmp_path_factory.mktemp("basic")
    assert cli.main([*SWEEP, f"out={out}"]) == 0
    return runs_of(out)


def runs_of(out: Path) -> dict[str, bytes]:
    """config.yaml, runs.parquet and evaluations.parquet of each; not what a launcher wrote for itself."""
    return {name: found for name, found in content(out).items() if name.startswith("optimizer=")}


@pytest.fixture
def no_ray_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    yield
    if "ray" in sys.modules:
        sys.modules["ray"].shutdown()


@pytest.mark.parametrize(
    ("launcher", "plugin", "options"),
    [
        ("submitit_local", "hydra_plugins.hydra_submitit_launcher", []),
        ("ray", "hydra_plugins.hydra_ray_launcher", ["+hydra.launcher.ray.init.num_cpus=2"]),
    ],
)
@pytest.mark.usefixtures("no_ray_left")
def test_a_launched_sweep_writes_the_files_of_a_plain_one(
    launcher: str, plugin: str, options: list[str], basic: dict[str, bytes], tmp_path: Path
) -> None:
    pytest.importorskip(plugin)
    assert cli.main([*SWEEP, f"out={tmp_path}", f"hydra/launcher={launcher}", *options]) == 0
    assert runs_of(tmp_path) == basic
    assert len(basic) == 12
