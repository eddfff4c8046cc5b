"""The same comparison under each launcher: the same bytes; and what a launcher that cannot work says."""

from __future__ import annotations

import functools
import importlib.util
import os
import re
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nascurve.errors import ConfigError
from nascurve.experiments.compare import compare
from nascurve.experiments.comparison_result import ComparisonResult
from nascurve.experiments.launch_hydra import HydraLauncher
from nascurve.experiments.ray_cluster import RayCluster

from .fakes import content

quick: Callable[..., ComparisonResult] = functools.partial(
    compare, ["rs", "re"], "synthetic", lce=["none", "last_value"], budget_trainings=10, seeds=2, quiet=True
)
FINAL = ("runs.parquet", "summary.csv")


def final(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in FINAL}


@pytest.fixture(scope="module")
def one_process(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("one")
    quick(out=folder, processes=1)
    return final(folder)


def needs(module: str, extra: str) -> Any:
    missing = importlib.util.find_spec(module) is None
    return pytest.mark.skipif(missing, reason=f"pip install 'nascurve[{extra}]'")


LAUNCHERS = [
    pytest.param({"processes": 2}, id="two processes"),
    pytest.param({"launcher": "basic"}, id="basic"),
    pytest.param({"launcher": "joblib"}, id="joblib"),
    pytest.param(
        {"launcher": "submitit_local"},
        marks=needs("hydra_plugins.hydra_submitit_launcher", "slurm"),
        id="submitit_local",
    ),
    pytest.param(
        {"launcher": "ray", "launcher_options": ["+hydra.launcher.ray.init.num_cpus=3"]},
        marks=needs("hydra_plugins.hydra_ray_launcher", "ray"),
        id="ray",
    ),
]


@pytest.fixture
def no_ray_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    yield
    if "ray" in sys.modules:
        sys.modules["ray"].shutdown()


@pytest.mark.parametrize("execution", LAUNCHERS)
@pytest.mark.usefixtures("no_ray_left")
def test_every_launcher_gives_the_same_bytes(
    execution: dict[str, Any], one_process: dict[str, bytes], tmp_path: Path
) -> None:
    result = quick(out=tmp_path, **execution)
    assert final(tmp_path) == one_process
    assert (result.totals["status"] == "done").all()
    assert [path for path in (tmp_path / "jobs").iterdir() if path.suffix] == []


@pytest.mark.parametrize(
    ("name", "package"),
    [
        *(("joblib", "hydra-joblib-launcher"), ("submitit_local", "nascurve[slurm]")),
        *(("submitit_slurm", "nascurve[slurm]"), ("ray", "nascurve[ray]")),
    ],
)
def test_a_missing_extra_says_what_to_install(
    name: str, package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = importlib.util.find_spec

    def find(module: str, *args: Any) -> Any:
        return None if module.startswith("hydra_plugins.") else real(module, *args)

    monkeypatch.setattr(importlib.util, "find_spec", find)
    expected = re.escape(
        f"hydra/launcher={name} needs a package that is not installed: pip install '{package}'"
    )
    with pytest.raises(ConfigError, match=expected):
        quick(launcher=name, out=tmp_path / "x")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "hint"), [("jobllib", "joblib"), ("submitit-slurm", "submitit_slurm"), ("hydra", ""), ("", "")]
)
def test_an_unknown_launcher_is_refused_before_anything_is_thrown_away(
    name: str, hint: str, tmp_path: Path
) -> None:
    (tmp_path / "config.yaml").write_text("# Written by nascurve\nexperiment: {}\n")
    before = content(tmp_path)
    expected = rf"hydra/launcher: nothing is called '{name}'.*{f'Did you mean {hint!r}' if hint else 'Valid'}"
    with pytest.raises(ConfigError, match=expected):
        quick(launcher=name, out=tmp_path, overwrite=True)
    assert content(tmp_path) == before


@pytest.mark.parametrize("options", [{"job_s": 0}, {"max_jobs": 0}, {"processes": 0}])
def test_bad_settings_of_jobs_are_refused(options: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=next(iter(options))):
        quick(out=tmp_path / "x", **options)
    assert list(tmp_path.iterdir()) == []


def test_jobs_of_slurm_take_minutes_and_local_ones_fill_the_cores() -> None:
    slurm = HydraLauncher("submitit_slurm").packing
    assert slurm.job_s is not None
    assert 60 <= slurm.job_s <= 3600
    assert slurm.at_most <= 1000
    few = HydraLauncher("submitit_slurm", job_s=90, max_jobs=7).packing
    assert (few.job_s, few.at_most) == (90, 7)
    assert HydraLauncher("submitit_local").packing.at_most <= (os.cpu_count() or 1)


@pytest.fixture
def nobody_listens() -> str:
    with socket.socket() as once:
        once.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{once.getsockname()[1]}"


@pytest.mark.parametrize("scheme", ["", "ray://"])
def test_a_ray_cluster_that_does_not_answer_is_named_at_once(
    scheme: str, nobody_listens: str, tmp_path: Path
) -> None:
    pytest.importorskip("hydra_plugins.hydra_ray_launcher")
    address = f"{scheme}{nobody_listens}"
    start_s = time.monotonic()
    options = [f"hydra.launcher.ray.init.address='{address}'"]
    with pytest.raises(ConfigError, match=rf"No Ray cluster answers at {address}: .*refused.*ray start"):
        quick(launcher="ray", launcher_options=options, out=tmp_path / "x")
    assert time.monotonic() - start_s < 10
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("overrides", "address"),
    [
        ([], None),
        (["hydra.launcher.ray.init.address=null"], None),
        (["+hydra.launcher.ray.init.num_cpus=2"], None),
        (["hydra.launcher.ray.init.address=auto"], "auto"),
        (['++hydra.launcher.ray.init.address="head:6379"'], "head:6379"),
    ],
)
def test_which_cluster_is_meant(overrides: list[str], address: str | None) -> None:
    cluster = RayCluster.among(overrides)
    assert (cluster.address if cluster else None) == address
