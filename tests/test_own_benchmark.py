"""The task of docs/own-benchmark.md, installed and used as its reader would, on made-up images: a stand-in
takes the place of torchvision, and a CPU that of a GPU."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

PAGE = Path(__file__).parent.parent / "docs" / "own-benchmark.md"
TORCHVISION = """
from pathlib import Path

import numpy as np
from PIL import Image


class CIFAR10:
    def __init__(self, root, train=True, download=False):
        if not Path(root).is_dir():
            raise RuntimeError("Dataset not found or corrupted.")
        n, rng = (100, np.random.default_rng(0)) if train else (40, np.random.default_rng(1))
        self.targets = [i % 10 for i in range(n)]
        noise = rng.integers(0, 150, (n, 32, 32, 3))
        self._pixels = (noise + 10 * np.array(self.targets)[:, None, None, None]).astype(np.uint8)

    def __len__(self):
        return len(self.targets)

    def __getitem__(self, i):
        if i >= len(self):
            raise IndexError
        return Image.fromarray(self._pixels[i]), self.targets[i]
"""
SMALL = ["task_options.image_px=8", "task_options.epochs=2", "task_options.steps_per_epoch=2"]


def _block(kind: str, containing: str) -> str:
    blocks = re.findall(rf"```{kind}\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    return next(block for block in blocks if containing in block)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page's files as an installer would lay them out, and the data on the disk."""
    site = tmp_path_factory.mktemp("site")
    (site / "my_tasks.py").write_text(_block("python", "class SmallCifar10"))
    group, entry = re.findall(
        r'\[project\.entry-points\."(.+?)"\]\n(.+)', _block("toml", 'name = "my-tasks"')
    )[0]
    info = site / "my_tasks-0.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-tasks\nVersion: 0.1\n")
    (info / "entry_points.txt").write_text(f"[{group}]\n{entry.replace(chr(34), '')}\n")
    (site / "torchvision").mkdir()
    (site / "torchvision" / "__init__.py").touch()
    (site / "torchvision" / "datasets.py").write_text(TORCHVISION)
    (site / "cifar10").mkdir()
    return site


def _run(site: Path, *command: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(site), *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.run(
        [sys.executable, *command],
        env={**os.environ, "PYTHONPATH": path},
        cwd=site,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def _nascurve(site: Path, *command: str) -> str:
    done = _run(site, "-m", "nascurve", *command)
    assert done.returncode == 0, f"{command}: {done.stderr}"
    return done.stdout


def _collect(site: Path, out: str, *options: str) -> None:
    task = ["task=small-cifar10", "task_options.root=cifar10", *SMALL, "architectures=24"]
    _nascurve(site, "collect", *task, "processes=1", f"out={out}", *options)


def test_collected_searched_exported_and_verified(site: Path) -> None:
    _collect(site, "collection")
    _nascurve(site, "assemble", "collection", "out=mine.npz", "benchmark=mine-v1")
    compared = _nascurve(
        site, "compare", "benchmark=table", "benchmark_options.data_file=mine.npz", "optimizers=[rs,re]",
        "lce=[none,last_value]", "seeds=2", "budget_trainings=8", "out=results",
    )  # fmt: skip
    assert re.search(r"^re +last_value +2 ", compared, flags=re.MULTILINE), compared
    assert "name: mine" in (site / "results" / "config.yaml").read_text()
    described = _nascurve(site, "describe", "table", "data_file=mine.npz")
    assert described.startswith("mine-v1: real curves")
    _nascurve(site, "export", "benchmark=table", "benchmark_options.data_file=mine.npz", "out=runs")
    runs = pd.read_parquet(site / "runs" / "runs.parquet")
    assert len(runs) == runs["key"].nunique() == 24
    assert "2 of 2 runs agree" in _nascurve(
        site, "collect", "benchmark=mine.npz", "--verify", "2", "processes=1"
    )
    (site / "my_photos.py").write_text(_block("python", "def load():"))
    (site / "photos-v1.npz").write_bytes((site / "mine.npz").read_bytes())
    loaded = _run(site, "-c", "import my_photos; print(my_photos.load().info.name)")
    assert loaded.stdout == "mine\n", loaded.stderr


@pytest.mark.slow
def test_the_check_of_a_gpu_against_the_cpu(site: Path) -> None:
    """The trainer for GPUs, on torch's CPU device."""
    _collect(site, "check/cpu", "seeds=[0,1]")
    _collect(site, "check/gpu", "seeds=[0,1]", "device=cpu:0", "shard_size=12")
    _collect(site, "check/gpu", "seeds=[3]")
    for device in ("cpu", "gpu"):
        file = f"{device}.npz"
        _nascurve(site, "assemble", f"check/{device}", f"out={file}", f"benchmark={device}-v1")
        options = [f"benchmark_options.data_file={file}", f"out=check/{device}-runs"]
        _nascurve(site, "export", "benchmark=table", *options)
    (site / "agree.py").write_text(_block("python", "difference.std()"))
    done = _run(site, "agree.py")
    assert done.returncode == 0, done.stderr
    assert re.search(r"mean [+-]0\.\d+ \(standard error 0\.\d+\)", done.stdout), done.stdout
    assert "between seeds: std 0." in done.stdout
    mean = float(re.findall(r"mean ([+-][\d.]+)", done.stdout)[0])
    assert abs(mean) < 0.05  # two epochs of two steps: no time for rounding to grow


def test_a_missing_data_set_is_one_clear_error(site: Path) -> None:
    done = _run(
        site, "-m", "nascurve", "collect", "task=small-cifar10", "task_options.root=nowhere", "out=none"
    )
    assert done.returncode == 1
    assert "nowhere" in done.stderr
    assert "Traceback" not in done.stderr
