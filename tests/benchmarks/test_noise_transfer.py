"""What two benchmarks of the same networks tell of each other."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from scipy.stats import kendalltau

from nascurve.benchmarks.noise.estimate import Bootstrap
from nascurve.benchmarks.noise.runs import Runs
from nascurve.benchmarks.noise.transfer import Transfer
from nascurve.benchmarks.synthetic import SyntheticBenchmark

BENCHMARK = SyntheticBenchmark(max_epochs=4, n_seeds=1)
SPACE = BENCHMARK.space
NO_INTERVALS = Bootstrap(resamples=0)


@pytest.fixture(scope="module")
def runs() -> Runs:
    return Runs.of(BENCHMARK)


def part(runs: Runs, rows: Any, acc: Any) -> Runs:
    """Of these rows only, in this order, with other accuracies."""
    return dataclasses.replace(
        runs, archs=tuple(runs.archs[row] for row in rows), true_acc=acc, training_s=runs.training_s[rows]
    )


def transfer(a: Runs, b: Runs) -> Transfer | None:
    return Transfer.of(a, b, SPACE, SPACE, bootstrap=NO_INTERVALS)


def values(found: Transfer | None) -> dict[str, float]:
    assert found is not None
    return {row.label: row.value for row in found.estimates}


def test_networks_are_matched_whatever_their_order(runs: Runs) -> None:
    rng = np.random.default_rng(0)
    mine, theirs = rng.permutation(100), rng.permutation(np.arange(40, 140))
    acc = rng.random(140)
    rows = values(transfer(part(runs, mine, acc[mine]), part(runs, theirs, acc[theirs])))
    assert rows["networks in both"] == 60
    assert rows["tau of accuracy here and there, all"] == rows["rho of accuracy here and there, all"] == 1
    assert rows["regret here of the best there"] == 0
    assert rows["of the 10 best there, among the 10 best here"] == 100
    assert rows["tau of cost here and there"] == 1


def test_numbers_by_hand(runs: Runs) -> None:
    here, there = np.linspace(0.5, 0.7, 100), np.linspace(0.9, 0.8, 100)
    there[50] = 0.99  # the best there is in the middle here, all others are in reverse
    found = transfer(part(runs, range(100), here), part(runs, range(100), there))
    rows = values(found)
    assert rows["tau of accuracy here and there, all"] == pytest.approx(kendalltau(here, there).statistic)
    half = np.argsort(-there, kind="stable")[:50]
    assert rows["tau of accuracy here and there, better half"] == pytest.approx(
        kendalltau(here[half], there[half]).statistic
    )
    assert rows["regret here of the best there"] == pytest.approx(100 * (0.7 - here[50]))
    assert rows["of the 10 best there, among the 10 best here"] == 0
    assert found is not None
    assert found.regret_of_best[-1] == 0  # all were taken
    assert (np.diff(found.regret_of_best) <= 0).all()


def test_nothing_in_common(runs: Runs) -> None:
    assert transfer(part(runs, range(50), np.ones(50)), part(runs, range(31, 80), np.ones(49))) is None  # 19
    other_space = SyntheticBenchmark(max_epochs=4).space

    class Renamed:
        name = "another"

        def __getattr__(self, name: str) -> Any:
            return getattr(other_space, name)

    assert Transfer.of(runs, runs, SPACE, Renamed(), bootstrap=NO_INTERVALS) is None  # type: ignore[arg-type]


def test_no_costs_no_row(runs: Runs) -> None:
    free = dataclasses.replace(runs, training_s=np.zeros(len(runs)))
    assert "tau of cost here and there" not in values(transfer(free, runs))
