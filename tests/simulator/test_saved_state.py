"""Semantics 6: same seed, same trajectory, also after save and resume; and states that are refused."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nascurve.errors import ConfigError, DataFileError, ProtocolError
from nascurve.simulator.result import RunResult
from nascurve.simulator.simulate import simulate
from nascurve.simulator.simulation import Simulation
from nascurve.simulator.types import State

from .fakes import Scripted, full, make_benchmark, wanderer


def assert_same(one: RunResult, other: RunResult) -> None:
    assert one.evaluations == other.evaluations
    assert (one.total_time_s, one.total_epochs, one.n_cut_off) == (
        other.total_time_s,
        other.total_epochs,
        other.n_cut_off,
    )
    assert one.trajectory.archs == other.trajectory.archs
    for column in ("time_s", "epochs_used", "evaluations", "val_acc", "test_acc", "regret"):
        np.testing.assert_array_equal(getattr(one.trajectory, column), getattr(other.trajectory, column))


options = st.fixed_dictionaries(
    {
        "seed": st.integers(0, 99),
        "workers": st.integers(1, 5),
        "resume": st.booleans(),
        "common_noise": st.booleans(),
    },
    optional={"budget_s": st.integers(4, 400).map(lambda ticks: ticks / 4)},
).flatmap(
    lambda given: st.sampled_from(
        [{"max_evaluations": 30}, {"budget_epochs": 80}] + ([{}] if "budget_s" in given else [])
    ).map(lambda limit: given | limit)
)


@given(
    benchmark_seed=st.integers(0, 10_000),
    options=options,
    stops=st.lists(st.integers(0, 15), min_size=1, max_size=4),
    tick_s=st.sampled_from([0.25, None]),
    kind=st.sampled_from([{}, {"fidelities": (1, 3, 6), "resumable": False}]),
)
@settings(max_examples=100, deadline=None)
def test_saved_at_any_moments_and_resumed_it_goes_on_identically(
    benchmark_seed: int,
    options: dict[str, Any],
    stops: list[int],
    tick_s: float | None,
    kind: dict[str, Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    path = tmp_path_factory.getbasetemp() / "run.json"
    benchmark = make_benchmark(benchmark_seed, tick_s=tick_s, **kind)
    uninterrupted = simulate(wanderer(benchmark, benchmark_seed), benchmark, **options)

    simulation = Simulation(wanderer(benchmark, benchmark_seed), benchmark, **options)
    for steps in stops:
        for _ in range(steps):
            simulation.step()
        simulation.save(path)
        simulation.step()  # what happens after saving is forgotten
        again = make_benchmark(benchmark_seed, tick_s=tick_s, **kind)
        simulation = Simulation.load(path, wanderer(again, seed=12345), again)
    assert_same(simulation.run(), uninterrupted)


@given(seed=st.integers(0, 999), workers=st.integers(1, 4))
@settings(max_examples=25, deadline=None)
def test_same_seed_same_trajectory(seed: int, workers: int) -> None:
    runs = []
    for _ in range(2):
        benchmark = make_benchmark(3)
        runs.append(simulate(wanderer(benchmark, seed), benchmark, budget_s=50, seed=seed, workers=workers))
    assert_same(*runs)


def test_state_dict_is_independent_of_what_happens_later_and_plain_json() -> None:
    benchmark = make_benchmark(0)
    simulation = Simulation(wanderer(benchmark), benchmark, max_evaluations=20, workers=3)
    for _ in range(7):
        simulation.step()
    state = simulation.state_dict()
    before = json.dumps(state)
    expected = simulation.run()
    assert json.dumps(state) == before
    resumed = Simulation(wanderer(benchmark), benchmark, max_evaluations=20, workers=3)
    resumed.load_state_dict(state)
    assert resumed.n_evaluations == 7
    assert_same(resumed.run(), expected)


def test_a_finished_run_is_still_finished_when_loaded(tmp_path: Path) -> None:
    benchmark = make_benchmark(0)
    simulation = Simulation(wanderer(benchmark), benchmark, budget_s=40.0, workers=3)
    expected = simulation.run()
    simulation.save(tmp_path / "run.json")
    loaded = Simulation.load(tmp_path / "run.json", wanderer(benchmark), benchmark)
    assert loaded.ended
    assert loaded.step() is None
    assert_same(loaded.result(), expected)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    benchmark = make_benchmark(0)
    simulation = Simulation(wanderer(benchmark), benchmark, budget_s=40.0, workers=2, seed=4)
    for _ in range(5):
        simulation.step()
    simulation.save(tmp_path / "run.json")
    return tmp_path / "run.json"


def test_other_settings_are_refused_with_the_difference(saved: Path) -> None:
    benchmark = make_benchmark(0)
    state = json.loads(saved.read_text())["state"]
    other = Simulation(wanderer(benchmark), benchmark, budget_s=50.0, workers=2, seed=5)
    with pytest.raises(
        ConfigError, match=r"budget_s: saved 40\.0, now 50\.0; seed: saved 4, now 5\."
    ) as caught:
        other.load_state_dict(state)
    assert "workers" not in str(caught.value)
    assert other.n_evaluations == 0


def test_another_benchmark_or_optimizer_is_refused(saved: Path) -> None:
    with pytest.raises(ConfigError, match=r"max_epochs: saved 6, now 8.*space: saved 'numbers7'"):
        Simulation.load(saved, wanderer(make_benchmark(0)), make_benchmark(0, size=5, max_epochs=8))
    benchmark = make_benchmark(0)
    with pytest.raises(ConfigError, match=r"optimizer: saved '.*Wanderer', now '.*Scripted'"):
        Simulation.load(saved, Scripted(full(benchmark, [1])), benchmark)


def test_other_data_under_the_same_name_are_refused(saved: Path) -> None:
    benchmark = make_benchmark(0)
    benchmark.info = replace(benchmark.info, details={"data_sha256": "abc"})
    with pytest.raises(ConfigError, match="data_sha256: saved None, now 'abc'"):
        Simulation.load(saved, wanderer(benchmark), benchmark)


def _corrupt(text: str) -> str:
    return text.replace('"time_s":', '"time_s":1', 1)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda text: "", "truncated"),
        (lambda text: text[: len(text) // 2], "truncated"),
        (lambda text: text[:-2], "truncated"),
        (lambda text: "PK\x03\x04 not json", "truncated, corrupt or of another kind"),
        (lambda text: "[1, 2]", "another kind of JSON"),
        (lambda text: '{"a": 1}', "another kind of JSON"),
        (lambda text: "[" * 100_000, "truncated, corrupt or of another kind"),
        (lambda text: text.replace('"version": 1', '"version": 2', 1), "version 1 of the format, got 2"),
        (_corrupt, "checksum"),
        (lambda text: text.replace('"sha256": "', '"sha256": "0', 1), "checksum"),
    ],
)
def test_a_damaged_file_is_one_clear_error(saved: Path, damage: Any, message: str) -> None:
    text = saved.read_text()
    damaged = damage(text)
    assert damaged != text
    saved.write_text(damaged)
    benchmark = make_benchmark(0)
    with pytest.raises(DataFileError, match=message):
        Simulation.load(saved, wanderer(benchmark), benchmark)


def test_bytes_that_are_no_text_and_a_missing_file(saved: Path, tmp_path: Path) -> None:
    benchmark = make_benchmark(0)
    saved.write_bytes(b"\x80\x04\x95\xff\xfe")
    with pytest.raises(DataFileError, match="another kind"):
        Simulation.load(saved, wanderer(benchmark), benchmark)
    with pytest.raises(DataFileError, match="No simulation state at"):
        Simulation.load(tmp_path / "nothing.json", wanderer(benchmark), benchmark)
    with pytest.raises(DataFileError, match="Cannot read"):
        Simulation.load(tmp_path, wanderer(benchmark), benchmark)


@pytest.mark.parametrize("key", ["config", "optimizer", "evaluations", "pending", "time_s", "started"])
@pytest.mark.parametrize("value", ["absent", "nonsense", [[1]], {"budget_s": 40.0}, None])
def test_a_state_with_a_bad_part_is_one_clear_error_and_changes_nothing(key: str, value: Any) -> None:
    benchmark = make_benchmark(0)
    source = Simulation(wanderer(benchmark), benchmark, budget_s=40.0, workers=2)
    for _ in range(5):
        source.step()
    state = source.state_dict()
    if value == "absent":
        del state[key]
    else:
        state[key] = value
    target = Simulation(wanderer(benchmark), benchmark, budget_s=40.0, workers=2)
    with pytest.raises(DataFileError, match="cannot be loaded"):
        target.load_state_dict(state)
    assert (target.n_evaluations, target.time_s) == (0, 0.0)


def test_an_optimizer_state_that_json_cannot_hold_is_its_fault(tmp_path: Path) -> None:
    class Careless(Scripted):
        def state_dict(self) -> State:
            return {"weights": np.zeros(3)}

    benchmark = make_benchmark(0)
    simulation = Simulation(Careless(full(benchmark, [1])), benchmark, max_evaluations=1)
    with pytest.raises(ProtocolError, match=r"Careless.*JSON.*ndarray.*lists"):
        simulation.save(tmp_path / "run.json")
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_leaves_the_old_state(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    benchmark = make_benchmark(0)
    simulation = Simulation.load(saved, wanderer(benchmark), benchmark)
    old = saved.read_bytes()
    simulation.step()

    def full_disk(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(DataFileError, match="No space left on device"):
        simulation.save(saved)
    assert saved.read_bytes() == old
    assert list(saved.parent.iterdir()) == [saved]  # nor is a temporary file left
    monkeypatch.undo()
    simulation.save(saved)
    assert Simulation.load(saved, wanderer(benchmark), benchmark).n_evaluations == 6


def test_the_old_file_is_replaced_never_written_over(saved: Path) -> None:
    benchmark = make_benchmark(0)
    simulation = Simulation.load(saved, wanderer(benchmark), benchmark)
    simulation.step()
    with saved.open() as reader:  # as a crash in the middle of the write would find it
        old = saved.read_text()
        simulation.save(saved)
        assert reader.read() == old != saved.read_text()


def test_saving_into_a_folder_that_is_not_there(tmp_path: Path) -> None:
    benchmark = make_benchmark(0)
    simulation = Simulation(wanderer(benchmark), benchmark, max_evaluations=1)
    with pytest.raises(DataFileError, match="Cannot write the state"):
        simulation.save(tmp_path / "nowhere" / "run.json")
