"""Section 7 of the semantics: which training seed a training run gets, by architecture or by number."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nascurve
from nascurve.errors import ConfigError
from nascurve.simulator.result import RunResult
from nascurve.simulator.simulate import simulate
from nascurve.simulator.simulation import Simulation
from nascurve.simulator.training_seeds import TrainingSeeds
from nascurve.simulator.types import Trial

from .fakes import Number, NumberBenchmark, NumberSpace, Scripted, Wanderer, full, make_benchmark, wanderer
from .test_saved_state import assert_same

seeds = st.integers(0, 10_000)
quick = settings(max_examples=60, deadline=None)


def draw_all(source: TrainingSeeds, values: Any) -> list[int]:
    return [source.draw(Trial(id=i, arch=Number(int(value)))) for i, value in enumerate(values)]


class Noting(Wanderer):
    """Notes what it has started, in order."""

    def __init__(self, space: NumberSpace, **options: Any) -> None:
        super().__init__(space, **options)
        self.started: dict[int, str] = {}

    def _trial(self) -> Trial:
        trial = super()._trial()
        self.started.setdefault(trial.id, str(trial.arch))
        return trial


def noise_of(optimizer: Noting, result: RunResult) -> dict[tuple[str, int], int]:
    """(architecture, how often it had been started before) -> training seed, of the counted trainings."""
    seen = {record.trial_id: record.training_seed for record in result.evaluations}
    assert all(seen[record.trial_id] == record.training_seed for record in result.evaluations)
    earlier: Counter[str] = Counter()
    noise = {}
    for number, text in sorted(optimizer.started.items()):
        if number in seen:
            noise[text, earlier[text]] = seen[number]
        earlier[text] += 1
    return noise


# Common noise: of the run's seed, the architecture and its trainings before.


@given(seed=seeds, others=st.tuples(seeds, seeds), workers=st.tuples(st.integers(1, 5), st.integers(1, 5)))
@quick
def test_an_architecture_has_the_same_noise_under_every_optimizer_and_in_any_order(
    seed: int, others: tuple[int, int], workers: tuple[int, int]
) -> None:
    benchmark = make_benchmark(1, n_seeds=5)
    noise = []
    for optimizer_seed, n_workers in zip(others, workers, strict=True):
        optimizer = Noting(benchmark.space, rng=np.random.default_rng(optimizer_seed))
        result = simulate(optimizer, benchmark, max_evaluations=60, seed=seed, workers=n_workers)
        noise.append(noise_of(optimizer, result))
    shared = noise[0].keys() & noise[1].keys()
    assert len(shared) >= 7
    assert all(noise[0][key] == noise[1][key] for key in shared)


@given(
    seed=seeds, order=st.permutations([0, 1, 2, 3, 4, 5, 6] * 3), other=st.permutations([0, 2, 4, 6, 6, 6])
)
@quick
def test_a_draw_is_a_function_of_the_architecture_and_its_trainings_before(
    seed: int, order: list[int], other: list[int]
) -> None:
    benchmark = make_benchmark(1, n_seeds=4)
    drawn = [
        list(zip(values, draw_all(TrainingSeeds(seed=seed, benchmark=benchmark), values), strict=True))
        for values in (order, other)
    ]
    for value in set(other):
        of_value = [[training_seed for v, training_seed in pairs if v == value] for pairs in drawn]
        assert of_value[0] == of_value[1] + of_value[0][len(of_value[1]) :]


def test_lce_promotes_the_run_it_has_looked_at_with_the_noise_of_the_search_without_it() -> None:
    bench = nascurve.load_benchmark("pocket201-mnist")
    first: list[dict[Any, int]] = []
    for lce in (False, True):
        optimizer = nascurve.create_optimizer("rs", bench.space, seed=3)
        if lce:
            optimizer = nascurve.LCE(optimizer, nascurve.create_extrapolator("last_value"))
        result = simulate(optimizer, bench, max_evaluations=110, seed=3)
        by_trial: dict[int, set[int]] = {}
        noise: dict[Any, int] = {}
        for record in result.evaluations:
            by_trial.setdefault(record.trial_id, set()).add(record.training_seed)
            noise.setdefault(record.arch, record.training_seed)
        assert all(len(drawn) == 1 for drawn in by_trial.values())
        assert lce == (len(by_trial) < 110)  # promoted trials come back
        first.append(noise)
    shared = first[0].keys() & first[1].keys()
    assert len(shared) > 50
    assert all(first[0][arch] == first[1][arch] for arch in shared)


def test_draws_are_the_same_in_every_process_and_version() -> None:
    """Numbers written down: a change of them changes every published result."""
    benchmark = make_benchmark(0, n_seeds=3)
    values = [0, 1, 2, 3, 4, 5, 6, 0, 1, 2, 3, 4]
    by_architecture = TrainingSeeds(seed=7, benchmark=benchmark)
    assert "".join(map(str, draw_all(by_architecture, values))) == "210202101000"
    by_number = TrainingSeeds(seed=7, benchmark=benchmark, common_noise=False)
    assert "".join(map(str, draw_all(by_number, values))) == "220001212110"
    code = (
        "from tests.simulator.test_training_seeds import *\n"
        "source = TrainingSeeds(seed=7, benchmark=make_benchmark(0, n_seeds=3))\n"
        "print(draw_all(source, [5, 6, 0]))"
    )
    other = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[2],
        env={"PYTHONHASHSEED": "1"},  # another salt of Python's own hashes
        capture_output=True,
        text=True,
        check=True,
    )
    assert other.stdout == "[2, 1, 2]\n"


def test_draws_of_large_seeds_differ() -> None:
    benchmark = make_benchmark(0, n_seeds=3)
    lists = [
        draw_all(TrainingSeeds(seed=seed, benchmark=benchmark), range(50))
        for seed in (0, 1, 2**32, 2**64, 2**200, 2**200 + 1)
    ]
    assert len({tuple(drawn) for drawn in lists}) == len(lists)


# Both ways of drawing.

both = pytest.mark.parametrize("common_noise", [True, False])


@both
@pytest.mark.parametrize("n_seeds", [2, 3, 8, 100])
def test_draws_are_uniform_and_independent(common_noise: bool, n_seeds: int) -> None:
    n = 20_000
    benchmark = make_benchmark(0, n_seeds=n_seeds)

    def drawn(seed: int, values: Any) -> Any:
        source = TrainingSeeds(seed=seed, benchmark=benchmark, common_noise=common_noise)
        return np.array(draw_all(source, values))

    over_archs, over_repeats, of_next_seed = drawn(7, range(n)), drawn(7, [5] * n), drawn(8, range(n))
    over_runs = np.array([drawn(seed, [5])[0] for seed in range(2_000)])
    optimizers_own = np.random.default_rng(7).integers(n_seeds, size=n)
    for sample in (over_archs, over_repeats, over_runs):
        expected = len(sample) / n_seeds
        chi2 = float(((np.bincount(sample, minlength=n_seeds) - expected) ** 2 / expected).sum())
        assert chi2 < n_seeds - 1 + 5 * np.sqrt(2 * (n_seeds - 1)) + 5
    unrelated = [
        (over_archs, of_next_seed),
        (over_archs[:-1], over_archs[1:]),
        (over_repeats[:-1], over_repeats[1:]),
        (over_archs, optimizers_own),
    ]
    if common_noise:  # by number, the architecture makes no difference
        unrelated.append((over_archs, over_repeats))
    spread = np.sqrt((1 / n_seeds) * (1 - 1 / n_seeds) / n)
    for one, other in unrelated:
        assert abs(np.mean(one == other) - 1 / n_seeds) < 5 * spread


@both
def test_an_architecture_with_more_training_runs_is_simulated_with_all_of_them(common_noise: bool) -> None:
    benchmark = make_benchmark(0, n_seeds=1)
    benchmark.curves[4] = make_benchmark(0, n_seeds=3).curves[4]
    benchmark.training_runs = lambda arch: 3 if arch.value == 4 else 1  # type: ignore[attr-defined]
    optimizer = Scripted(full(benchmark, [2, 4] * 30))
    result = simulate(optimizer, benchmark, max_evaluations=60, common_noise=common_noise)
    seen = {
        value: {r.training_seed for r in result.evaluations if r.arch == Number(value)} for value in (2, 4)
    }
    assert seen == {2: {0}, 4: {0, 1, 2}}


@both
def test_the_same_architecture_asked_twice_may_get_another_training_seed(common_noise: bool) -> None:
    benchmark = make_benchmark(0, n_seeds=3)
    optimizer = Scripted(full(benchmark, [4] * 30))
    result = simulate(optimizer, benchmark, max_evaluations=30, common_noise=common_noise)
    assert {record.training_seed for record in result.evaluations} == {0, 1, 2}
    assert {record.val_acc for record in result.evaluations} == {
        benchmark.query(Number(4), seed=s).val_acc[-1] for s in range(3)
    }


@given(seed=seeds, n_seeds=st.integers(1, 5))
@quick
def test_by_number_the_draws_depend_on_the_seed_of_the_run_alone(seed: int, n_seeds: int) -> None:
    benchmark = make_benchmark(1, n_seeds=n_seeds)
    drawn = []
    for optimizer_seed in (1, 2):
        optimizer = wanderer(benchmark, optimizer_seed, full_only=True)
        result = simulate(optimizer, benchmark, max_evaluations=20, seed=seed, common_noise=False)
        drawn.append([record.training_seed for record in result.evaluations])
    assert drawn[0] == drawn[1]
    assert set(drawn[0]) <= set(range(n_seeds))


@given(seed=seeds, workers=st.integers(1, 4))
@quick
def test_with_one_training_run_of_each_architecture_both_ways_are_the_same(seed: int, workers: int) -> None:
    results = []
    for common_noise in (True, False):
        benchmark = make_benchmark(seed, n_seeds=1)
        results.append(
            simulate(
                wanderer(benchmark, seed),
                benchmark,
                budget_s=60,
                seed=seed,
                workers=workers,
                common_noise=common_noise,
            )
        )
    assert_same(*results)


def test_the_runs_on_a_benchmark_with_one_seed_are_those_of_earlier_versions() -> None:
    """Numbers of the version before `common_noise`."""
    bench = nascurve.load_benchmark("pocket201-digits")
    optimizer = nascurve.create_optimizer("re", bench.space, seed=5)
    result = simulate(optimizer, bench, max_evaluations=150, seed=5)
    assert result.total_time_s == pytest.approx(202.21626189351082, rel=1e-12)
    assert str(result.trajectory.archs[-1]) == (
        "|nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|+|nor_conv_1x1~0|nor_conv_3x3~1|nor_conv_3x3~2|"
    )


# What is saved.


@given(seed=seeds, before=st.lists(st.integers(0, 6), max_size=300), after=st.lists(st.integers(0, 6)))
@both
@settings(max_examples=30, deadline=None)
def test_restored_draws_go_on_as_if_nothing_had_happened(
    common_noise: bool, seed: int, before: list[int], after: list[int]
) -> None:
    benchmark = make_benchmark(0, n_seeds=3)
    one, other = (TrainingSeeds(seed=seed, benchmark=benchmark, common_noise=common_noise) for _ in range(2))
    draw_all(one, before)
    other.restore(Number(value) for value in reversed(before))
    assert draw_all(one, after) == draw_all(other, after)


def _state_of_an_earlier_version(benchmark: NumberBenchmark, **options: Any) -> dict[str, Any]:
    simulation = Simulation(wanderer(benchmark, 1), benchmark, common_noise=False, **options)
    for _ in range(9):
        simulation.step()
    state = simulation.state_dict()
    del state["config"]["common_noise"]
    started = {row[0] for row in [*state["evaluations"], *state["pending"]]}
    return state | {"training_seeds": {"drawn": len(started)}}


def test_a_state_of_an_earlier_version_goes_on_by_number(tmp_path: Path) -> None:
    from nascurve.simulator.state_file import write_state

    benchmark = make_benchmark(0)
    options: dict[str, Any] = {"max_evaluations": 40, "workers": 3, "seed": 2}
    uninterrupted = simulate(wanderer(benchmark, 1), benchmark, common_noise=False, **options)
    write_state(tmp_path / "run.json", _state_of_an_earlier_version(benchmark, **options))
    loaded = Simulation.load(tmp_path / "run.json", wanderer(benchmark, 1), benchmark)
    assert loaded.settings.common_noise is False
    assert_same(loaded.run(), uninterrupted)


def test_a_state_of_an_earlier_version_is_refused_by_a_run_with_common_noise() -> None:
    benchmark = make_benchmark(0)
    options: dict[str, Any] = {"max_evaluations": 40, "workers": 3, "seed": 2}
    state = _state_of_an_earlier_version(benchmark, **options)
    simulation = Simulation(wanderer(benchmark, 1), benchmark, **options)
    with pytest.raises(ConfigError, match="common_noise: saved False, now True"):
        simulation.load_state_dict(state)
    assert simulation.n_evaluations == 0


@dataclass(frozen=True, slots=True)
class Nameless:
    """An architecture that makes its string on every call, as those of large spaces do."""

    value: int

    def __str__(self) -> str:
        return f"{self.value} " * 30


def test_the_counts_of_a_long_run_are_small() -> None:
    n = 20_000
    source = TrainingSeeds(seed=0, benchmark=make_benchmark(0, n_seeds=3))
    trials = [Trial(id=i, arch=Nameless(i)) for i in range(n)]
    tracemalloc.start()
    for trial in trials:
        source.draw(trial)
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert used < 100 * n  # bytes; of a million evaluations, below 100 MB


def test_only_the_draw_of_a_new_trial_counts_as_a_training() -> None:
    """A run resumed in pieces is one training: the next one of the architecture is its second."""
    benchmark = make_benchmark(0, n_seeds=3)
    expected = draw_all(TrainingSeeds(seed=0, benchmark=benchmark), [4, 4])
    pieces = [Trial(id=0, arch=Number(4), epochs=epochs) for epochs in (1, 3, 6)]
    optimizer = Scripted([*pieces, Trial(id=1, arch=Number(4))])
    result = simulate(optimizer, benchmark, max_evaluations=4)
    assert [record.training_seed for record in result.evaluations] == [*[expected[0]] * 3, expected[1]]
