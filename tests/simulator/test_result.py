"""What a run returns, its progress, and its speed."""

from __future__ import annotations

import pickle
import subprocess
import sys
import time
from collections.abc import Sequence

import numpy as np
import pytest

import nascurve
from nascurve.simulator.result import EvaluationRecord
from nascurve.simulator.simulate import simulate
from nascurve.simulator.simulation import Simulation
from nascurve.simulator.types import Evaluation, Problem, State, Trial

from .fakes import Scripted, full, make_benchmark, wanderer


def test_frame_has_one_row_per_evaluation() -> None:
    benchmark = make_benchmark(3)
    result = simulate(wanderer(benchmark), benchmark, budget_s=100.0, workers=3, seed=5)
    frame = result.to_frame()
    assert list(frame.columns) == [*EvaluationRecord._fields, "status"]
    assert len(frame) == result.n_evaluations > 20
    for row, record in zip(frame.itertuples(index=False), result.evaluations, strict=True):
        assert tuple(row) == (record[0], str(record.arch), *record[2:], "complete")
    assert (frame.finished_s - frame.started_s).to_numpy() == pytest.approx(frame.charged_s.to_numpy())
    assert frame.charged_epochs.sum() == result.total_epochs
    incumbents = frame[frame.is_incumbent]
    np.testing.assert_array_equal(incumbents.finished_s, result.trajectory.time_s)
    np.testing.assert_array_equal(incumbents.val_acc, result.trajectory.val_acc)


def test_frame_of_a_run_in_which_nothing_finished_keeps_columns_and_types() -> None:
    benchmark = make_benchmark(3)
    empty = simulate(wanderer(benchmark), benchmark, budget_s=0.01)
    some = simulate(wanderer(benchmark), benchmark, max_evaluations=3)
    assert (empty.n_evaluations, empty.total_time_s, empty.total_epochs) == (0, 0.0, 0)
    assert np.isnan(empty.trajectory.at([1.0]).regret).all()
    assert len(empty.to_frame()) == 0
    types, expected = empty.to_frame().dtypes, some.to_frame().dtypes
    assert list(types.index) == list(expected.index)
    assert types.drop("status").equals(expected.drop("status"))


def test_result_says_how_it_was_made() -> None:
    benchmark = make_benchmark(3)
    result = simulate(wanderer(benchmark), benchmark, budget_s=20, workers=2, seed=9)
    assert result.seed == 9
    assert result.config["budget_s"] == 20.0
    assert result.config["workers"] == 2
    assert result.config["optimizer"].endswith("Wanderer")
    assert (result.config["benchmark"], result.config["benchmark_version"]) == ("numbers", 1)
    assert result.versions["nascurve"] == nascurve.__version__
    assert result.versions["numpy"] == np.__version__
    assert result.decision_s > 0.0
    assert pickle.loads(pickle.dumps(result)).evaluations == result.evaluations


def test_a_result_taken_midway_does_not_change_any_more() -> None:
    benchmark = make_benchmark(3)
    simulation = Simulation(wanderer(benchmark), benchmark, max_evaluations=60)
    for _ in range(10):
        simulation.step()
    midway = simulation.result()
    rows = len(midway.trajectory)
    whole = simulation.run()
    assert (midway.n_evaluations, len(midway.evaluations), len(midway.trajectory)) == (10, 10, rows)
    assert midway.n_cut_off == 0
    assert whole.evaluations[:10] == midway.evaluations
    assert whole.n_evaluations == 60


def test_progress_is_called_after_every_evaluation_and_reaches_the_end() -> None:
    benchmark = make_benchmark(3)
    seen: list[tuple[int, float]] = []
    result = simulate(
        wanderer(benchmark),
        benchmark,
        max_evaluations=25,
        budget_s=1e6,
        progress=lambda simulation: seen.append((simulation.n_evaluations, simulation.fraction_done)),
    )
    assert [n for n, _ in seen] == list(range(1, 26)) == list(range(1, result.n_evaluations + 1))
    fractions = [fraction for _, fraction in seen]
    assert fractions == sorted(fractions)
    assert fractions[4] == 5 / 25
    assert fractions[-1] == 1.0


def test_pandas_is_imported_only_by_to_frame() -> None:
    code = "import sys, nascurve.simulator.simulate; sys.exit('pandas' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


class Counting:
    """The cheapest optimizer there is."""

    def __init__(self, trials: list[Trial]) -> None:
        self.trials = iter(trials)

    def begin(self, problem: Problem) -> None:
        pass

    def ask(self, n: int) -> list[Trial]:
        return [next(self.trials)]

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        pass

    def state_dict(self) -> State:
        return {}

    def load_state_dict(self, state: State) -> None:
        pass


@pytest.mark.perf
def test_overhead_of_an_evaluation_is_below_12_microseconds() -> None:
    n = 20_000
    benchmark = make_benchmark(0, size=200, max_epochs=32)
    trials = full(benchmark, [i % 200 for i in range(n)])
    costs = []
    for _ in range(5):
        simulation = Simulation(Counting(trials), benchmark, max_evaluations=n)
        before = time.process_time()
        simulation.run()
        costs.append((time.process_time() - before) / n)
    assert min(costs) < 12e-6, f"{min(costs) * 1e6:.1f} µs an evaluation"


def test_a_scripted_run_keeps_its_order() -> None:
    benchmark = make_benchmark(3)
    result = simulate(Scripted(full(benchmark, [3, 1, 2])), benchmark, max_evaluations=3)
    assert [str(record.arch) for record in result.evaluations] == ["number-3", "number-1", "number-2"]
