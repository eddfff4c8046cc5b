"""`nascurve collect` and `surrogate fit` through a launcher."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nascurve.benchmarks.network import Network
from nascurve.benchmarks.shards import read_shards
from nascurve.experiments import cli
from nascurve.experiments.collect_launched import grouped

COLLECT = ["collect", "task=digits-affine", "architectures=4", "shard_size=1"]


def _results(folder: Path) -> dict[str, list[list[float]]]:
    return {
        str(shard.networks[0]): [shard.runs.val_correct.tolist(), shard.runs.test_correct.tolist()]
        for shard in read_shards(folder / "shards")
    }


def test_collected_by_jobs_and_by_processes_is_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([*COLLECT, f"out={tmp_path / 'here'}", "processes=1"]) == 0
    launched = [*COLLECT, f"out={tmp_path / 'jobs'}", "hydra/launcher=joblib", "job_s=2"]
    assert cli.main(launched) == 0
    here = _results(tmp_path / "here")
    assert len(here) == 4
    assert _results(tmp_path / "jobs") == here
    next((tmp_path / "jobs" / "shards").glob("seed0-*.npz")).unlink()
    assert cli.main(launched) == 0
    assert _results(tmp_path / "jobs") == here
    assert "trained 1 runs" in capsys.readouterr().out


def test_shards_are_spread_evenly_over_jobs() -> None:
    networks = tuple(Network.parse(text) for text in _networks())
    shards = [(networks, seed) for seed in range(7)]
    groups = grouped(shards, runs_per_job=4)
    assert sorted(len(group) for group in groups) == [1, 2, 2, 2]
    assert sorted(seed for group in groups for _, seed in group) == list(range(7))


def _networks() -> list[str]:
    from nascurve.benchmarks.cell201 import Cell201Space

    space = Cell201Space()
    rng = np.random.default_rng(0)
    return list({str(space.network(space.sample(rng))) for _ in range(6)})[:2]


def test_a_surrogate_fitted_as_a_job_is_the_same(tmp_path: Path) -> None:
    fit = ["surrogate", "fit", "source=pocket201-digits", "max_train=60", "splits=0", "n_members=2"]
    assert cli.main([*fit, f"out={tmp_path / 'here'}"]) == 0
    assert cli.main([*fit, f"out={tmp_path / 'job'}", "hydra/launcher=joblib"]) == 0
    names = sorted(path.name for path in (tmp_path / "here").iterdir())
    assert sorted(path.name for path in (tmp_path / "job").iterdir()) == names
    for name in names:
        assert (tmp_path / "job" / name).read_bytes() == (tmp_path / "here" / name).read_bytes(), name
