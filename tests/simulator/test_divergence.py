"""Runs whose validation accuracy turns NaN: counted and charged, never the incumbent, worst to optimizers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nascurve
from nascurve.errors import ProtocolError
from nascurve.simulator.simulate import simulate
from nascurve.simulator.simulation import Simulation
from nascurve.simulator.types import Architecture, LearningCurve
from nascurve.testing import check_benchmark

from .fakes import Scripted, full, make_benchmark, with_curve

EPOCHS = 8


class DivergingBenchmark:
    """The synthetic benchmark, but every third architecture diverges, at an epoch of its own."""

    def __init__(self) -> None:
        self._sound = nascurve.load_benchmark("synthetic", max_epochs=EPOCHS, n_seeds=1)
        self._place = {arch: i for i, arch in enumerate(self._sound.space.all())}  # type: ignore[attr-defined]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sound, name)

    def diverged(self, arch: Architecture) -> int | None:
        """The first epoch, from 1, without an accuracy."""
        place = self._place.get(arch)
        return None if place is None or place % 3 else 1 + place // 3 % EPOCHS

    def query(self, arch: Architecture, *, seed: int, epochs: int | None = None) -> LearningCurve:
        curve = self._sound.query(arch, seed=seed)
        if (epoch := self.diverged(arch)) is not None:
            val_acc = curve.val_acc.copy()
            val_acc[epoch - 1 :] = np.nan
            curve = LearningCurve(val_acc=val_acc, epoch_s=curve.epoch_s, test_acc=curve.test_acc)
        self._sound.query(arch, seed=seed, epochs=epochs)  # refuses bad epochs
        return curve if epochs is None else curve.prefix(epochs)

    def query_many(self, archs: list[Architecture], seeds: list[int]) -> list[LearningCurve]:
        self._sound.query_many(archs, seeds)
        return [self.query(arch, seed=seed) for arch, seed in zip(archs, seeds, strict=True)]


@pytest.fixture(scope="module")
def benchmark() -> DivergingBenchmark:
    return DivergingBenchmark()


def test_such_a_benchmark_keeps_the_contract(benchmark: DivergingBenchmark) -> None:
    check_benchmark(benchmark, n=10)


def make_optimizer(name: str, lce: str | None, space: Any) -> Any:
    options = {
        "re": {"population_size": 6, "sample_size": 3},
        "ls": {"n_initial": 3},
        "bananas": {"n_initial": 6, "members": 2, "max_steps": 10, "n_candidates": 10},
    }
    base = nascurve.create_optimizer(name, space, seed=1, **options.get(name, {}))
    if lce is None:
        return base
    return nascurve.LCE(base, nascurve.create_extrapolator(lce), e_few=3, k=4, top_n=3)


@pytest.mark.parametrize("lce", [None, "last_value", "power_law"])
@pytest.mark.parametrize("name", ["rs", "re", "ls", "bananas"])
def test_search_ends_normally(
    benchmark: DivergingBenchmark, name: str, lce: str | None, tmp_path: Path
) -> None:
    space, path = benchmark.space, tmp_path / "state.json"
    simulation = Simulation(make_optimizer(name, lce, space), benchmark, max_evaluations=60, workers=2)
    for _ in range(30):
        simulation.step()
    simulation.save(path)
    result = simulation.run()
    loaded = Simulation.load(path, make_optimizer(name, lce, space), benchmark).run()

    lost = [record for record in result.evaluations if np.isnan(record.val_acc)]
    assert lost
    assert {record.epochs for record in lost} >= {EPOCHS}
    for record in result.evaluations:
        diverged = benchmark.diverged(record.arch)
        assert np.isnan(record.val_acc) == (diverged is not None and diverged <= record.epochs)
        assert not (record.is_incumbent and np.isnan(record.val_acc))
    assert result.n_evaluations == 60
    assert result.total_epochs == sum(record.charged_epochs for record in result.evaluations)
    assert np.isfinite(result.trajectory.val_acc).all()
    frame = result.to_frame()
    np.testing.assert_array_equal(frame["val_acc"], [record.val_acc for record in result.evaluations])
    pairs = zip(loaded.evaluations, result.evaluations, strict=True)
    assert all(repr(a) == repr(b) for a, b in pairs)


def test_state_is_strict_json(benchmark: DivergingBenchmark) -> None:
    optimizer = make_optimizer("rs", "last_value", benchmark.space)
    simulation = Simulation(optimizer, benchmark, max_evaluations=60)
    while not any(np.isnan(record.val_acc) for record in simulation.result().evaluations):
        simulation.step()
    json.dumps(simulation.state_dict(), allow_nan=False)


def test_a_diverged_run_is_charged_and_no_incumbent() -> None:
    lost = with_curve(make_benchmark(0, n_seeds=1), 1, val_acc=np.array([0.5] * 5 + [np.nan]))
    result = simulate(Scripted(full(lost, [1])), lost, max_evaluations=1)
    assert (result.n_evaluations, result.total_epochs, len(result.trajectory)) == (1, 6, 0)
    assert result.total_time_s == pytest.approx(lost.curves[1][0].epoch_s.sum())


@pytest.mark.parametrize("value", [np.inf, -np.inf, 1.5])
def test_no_other_value_outside_the_range_passes(value: float) -> None:
    bad = with_curve(make_benchmark(0), 1, val_acc=np.array([0.5] * 5 + [value]))
    with pytest.raises(ProtocolError, match="or NaN once diverged, after epoch 6"):
        simulate(Scripted(full(bad, [1])), bad, max_evaluations=1)
