"""A sweep that is killed again and again ends with the very files of one that nothing disturbed."""

from __future__ import annotations

import random
import sys
from collections import Counter
from pathlib import Path

import pytest

from .kills import Sweep

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="finds worker processes in /proc")
OPTIONS = (
    *("optimizers=[rs,re,ls]", "lce=[none,last_value]", "benchmark=pocket201-digits"),
    *("budget_trainings=60", "seeds=40"),
)
FILES = ("runs.parquet", "summary.csv", "config.yaml")


def kill_sweeps(folder: Path, n_kills: int, *options: str, seed: int) -> Counter[str]:
    """Kill sweeps of one configuration until n kills have hit; each is then finished and compared."""
    rng = random.Random(seed)
    undisturbed = Sweep(OPTIONS, folder / "undisturbed")
    undisturbed.finish()
    expected = {name: (undisturbed.out / name).read_bytes() for name in FILES}
    kills: Counter[str] = Counter()
    number = 0
    while kills.total() < n_kills:
        sweep = Sweep([*OPTIONS, *options], folder / f"killed-{number}")
        number += 1
        while sweep.kills.total() + kills.total() < n_kills and sweep.run_and_kill(rng):
            pass
        sweep.finish()
        for name in FILES:
            assert (sweep.out / name).read_bytes() == expected[name], (name, dict(sweep.kills))
        assert not list((sweep.out / "jobs").glob("*.json*"))
        kills += sweep.kills
    return kills


def test_a_few_kills_change_no_byte(tmp_path: Path) -> None:
    kills = kill_sweeps(tmp_path, 3, seed=0)
    assert kills.total() == 3


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "n_kills", "seed"),
    [((), 60, 1), (("hydra/launcher=joblib",), 20, 2), (("hydra/launcher=submitit_local",), 10, 3)],
)
def test_many_kills_change_no_byte(
    tmp_path: Path, options: tuple[str, ...], n_kills: int, seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    kills = kill_sweeps(tmp_path, n_kills, *options, seed=seed)
    with capsys.disabled():
        print(f"\n{kills.total()} kills with {' '.join(options) or 'processes'}: {dict(kills)}")
