"""The plug-in of docs/plugins.md, installed and used as a third party would."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parent.parent / "docs" / "plugins.md"


def _block(kind: str, containing: str) -> str:
    blocks = re.findall(rf"```{kind}\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    return next(block for block in blocks if containing in block)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page's files as an installer would lay them out: the module, metadata, entry points."""
    site = tmp_path_factory.mktemp("site")
    (site / "my_nas.py").write_text(_block("python", "class RestartingClimber"))
    (site / "test_my_nas.py").write_text(_block("python", "check_optimizer"))
    toml = _block("toml", "[project]")
    group, entry = re.findall(r'\[project\.entry-points\."(.+?)"\]\n(.+)', toml)[0]
    info = site / "my_nas-0.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-nas\nVersion: 0.1\n")
    (info / "entry_points.txt").write_text(f"[{group}]\n{entry.replace(chr(34), '')}\n")
    return site


def _run(installed: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    return subprocess.run(
        [sys.executable, *command],
        env=environment,
        cwd=installed,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_listed(installed: Path) -> None:
    done = _run(installed, "-m", "nascurve", "list", "optimizers")
    assert done.returncode == 0, done.stderr
    assert "climber" in done.stdout


def test_its_own_contract_test_passes(installed: Path) -> None:
    done = _run(installed, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_my_nas.py")
    assert done.returncode == 0, done.stdout


def test_runs_with_options_and_with_lce(installed: Path) -> None:
    done = _run(
        installed, "-m", "nascurve", "run", "optimizer=climber", "optimizer.restart_probability=0.1",
        "lce=last_value", "benchmark=synthetic", "budget_s=400", "seed=3", "out=out",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    wrong = _run(installed, "-m", "nascurve", "run", "optimizer=climbr", "benchmark=synthetic", "budget_s=4")
    assert wrong.returncode == 1
    assert "climber" in wrong.stderr
