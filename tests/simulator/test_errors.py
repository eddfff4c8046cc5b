"""Settings, optimizers and benchmarks that are wrong: one error that says what, which and what to do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nascurve.errors import ConfigError, ProtocolError
from nascurve.simulator.simulate import simulate
from nascurve.simulator.types import LearningCurve, Trial

from .fakes import Number, NumberBenchmark, Scripted, full, make_benchmark, with_curve


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "No budget.*budget_s.*budget_epochs"),
        ({"budget_s": 0}, "budget_s: expected a finite number above 0, got 0.*budget_epochs or max_ev"),
        ({"budget_s": -1.5}, "budget_s.*got -1.5"),
        ({"budget_s": float("nan")}, "budget_s.*got nan"),
        ({"budget_s": float("inf")}, "budget_s.*got inf"),
        ({"budget_s": "10"}, "budget_s.*got '10'"),
        ({"budget_s": True}, "budget_s.*got True"),
        ({"budget_epochs": 0}, "budget_epochs: expected an integer of at least 1, got 0"),
        ({"budget_epochs": 2.5}, "budget_epochs.*got 2.5"),
        ({"budget_epochs": float("nan")}, "budget_epochs.*got nan"),
        ({"budget_s": 1, "budget_epochs": -3}, "budget_epochs.*got -3"),
        ({"max_evaluations": 0}, "max_evaluations.*got 0"),
        ({"budget_s": 1, "workers": 0}, "workers: expected an integer of at least 1, got 0"),
        ({"budget_s": 1, "workers": None}, "workers.*got None"),
        ({"budget_s": 1, "seed": -1}, "seed: expected an integer of at least 0, got -1"),
        ({"budget_s": 1, "seed": 0.5}, "seed.*got 0.5"),
        ({"budget_s": 1, "resume": "no"}, "resume: expected true or false, got 'no'"),
        ({"budget_s": 1, "charge_decisions": 1}, "charge_decisions.*got 1"),
        ({"budget_s": 1, "common_noise": "yes"}, "common_noise: expected true or false, got 'yes'"),
    ],
)
def test_settings_out_of_range(options: dict[str, Any], message: str) -> None:
    benchmark = make_benchmark(0)
    optimizer = Scripted(full(benchmark, [1]))
    with pytest.raises(ConfigError, match=message):
        simulate(optimizer, benchmark, **options)
    assert optimizer.asked == []


def test_numpy_numbers_are_numbers() -> None:
    benchmark = make_benchmark(0)
    options: dict[str, Any] = {"budget_epochs": np.int64(12), "seed": np.uint8(3), "workers": np.int32(2)}
    result = simulate(Scripted(full(benchmark, [1, 2, 3, 4])), benchmark, budget_s=np.float32(1e6), **options)
    assert result.n_evaluations == 2
    assert {type(value) for value in result.config.values()} <= {float, int, bool, str, type(None)}


class Returning(Scripted):
    def __init__(self, *answers: Any) -> None:
        super().__init__([])
        self.answers = list(answers)

    def ask(self, n: int) -> Any:
        return self.answers.pop(0)


def trial(number: Any, value: int = 1, epochs: Any = None) -> Trial:
    return Trial(id=number, arch=Number(value), epochs=epochs)


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ([None], r"expected a list of at most 2 Trials, got None.*return a list"),
        ([(trial(0),)], r"expected a list"),
        ([iter([trial(0)])], r"expected a list"),
        ([[]], r"at least one Trial, since no evaluation is pending.*got an empty list"),
        ([[trial(0)], [], []], r"ask\(2\).*at least one Trial, since no evaluation is pending"),
        ([[trial(i) for i in range(3)]], r"at most 2 Trials, got 3.*keep the others"),
        ([[Number(1)]], r"expected Trials, got Number\(value=1\).*wrap it"),
        ([[None]], r"expected Trials, got None"),
        ([[trial(-1)]], r"non-negative int.*id=-1"),
        ([[trial("a")]], r"non-negative int.*id='a'"),
        ([[trial([])]], r"non-negative int"),
        ([[trial(True)]], r"non-negative int"),
        ([[trial(0), trial(0)]], r"not in training; trial 0 still is"),
        ([[trial(0, epochs=2), trial(0)]], r"not in training; trial 0 still is"),
        ([[trial(0), trial(1)], [trial(1)]], r"ask\(1\).*not in training; trial 1 still is"),
        ([[trial(0)], [trial(0)]], r"trial 0 to be resumed beyond the 6 epochs.*got epochs=6.*new id"),
        ([[trial(0, epochs=3)], [trial(0, epochs=3)]], r"beyond the 3 epochs.*got epochs=3"),
        ([[trial(0, epochs=3)], [trial(0, epochs=2)]], r"beyond the 3 epochs.*got epochs=2"),
        (
            [[trial(0, 1, epochs=3)], [trial(0, 2)]],
            r"trial 0 to keep its architecture 'number-1'.*'number-2'",
        ),
        ([[trial(0, epochs=0)]], r"epochs from 1 to 6.*epochs=0"),
        ([[trial(0, epochs=7)]], r"epochs from 1 to 6.*epochs=7"),
        ([[trial(0, epochs=2.0)]], r"epochs from 1 to 6.*epochs=2\.0"),
        ([[trial(0, 99)]], r"architecture of the space 'numbers7', got Number\(value=99\) in trial 0"),
        ([[Trial(id=0, arch="number-1")]], r"architecture of the space 'numbers7', got 'number-1'"),
    ],
)
@pytest.mark.parametrize("resume", [True, False])
def test_an_optimizer_that_breaks_the_protocol(answers: list[Any], message: str, resume: bool) -> None:
    optimizer = Returning(*answers)
    with pytest.raises(ProtocolError, match=rf"Optimizer Returning broke the protocol.*{message}") as caught:
        simulate(optimizer, make_benchmark(0, n_seeds=1), max_evaluations=9, workers=2, resume=resume)
    assert " To fix it, " in str(caught.value)


def test_epochs_that_are_no_fidelity() -> None:
    benchmark = make_benchmark(0, fidelities=(1, 3, 6))
    with pytest.raises(ProtocolError, match=r"epochs among \[1, 3, 6\].*epochs=2"):
        simulate(Returning([trial(0, epochs=2)]), benchmark, max_evaluations=1)
    assert simulate(Returning([trial(0, epochs=3)]), benchmark, max_evaluations=1).total_epochs == 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epoch_s": [1, 1, 1, np.nan, 1, 1]}, "finite epoch_s, none of them negative.*nan"),
        ({"epoch_s": [1, 1, 1, np.inf, 1, 1]}, "finite epoch_s, none of them negative.*inf"),
        ({"epoch_s": [1, 1, 1, -0.5, 1, 1]}, "finite epoch_s, none of them negative.*-0.5"),
        ({"epoch_s": [0.0] * 6}, "charges no time for 'number-1'.*budget_epochs"),
        ({"val_acc": [50.0] * 6}, r"validation accuracy in \[0, 1\].* after epoch 6, got 50.0"),
        ({"val_acc": [-0.1] * 6}, r"validation accuracy in \[0, 1\]"),
    ],
)
def test_a_benchmark_with_a_bad_curve(changes: dict[str, list[float]], message: str) -> None:
    arrays = {name: np.array(values) for name, values in changes.items()}
    benchmark = with_curve(make_benchmark(0), 1, **arrays)
    with pytest.raises(ProtocolError, match=message):
        simulate(Returning([trial(0)]), benchmark, budget_s=100.0)


def test_a_benchmark_that_answers_with_something_else() -> None:
    benchmark = make_benchmark(0)
    benchmark.curves[1] = [curve.prefix(4) for curve in benchmark.curves[1]]
    with pytest.raises(ProtocolError, match=r"query\('number-1', seed=\d\).*expected 6 epochs, got 4"):
        simulate(Returning([trial(0, epochs=2)]), benchmark, max_evaluations=1)
    benchmark.curves[1] = [None] * 3  # type: ignore[list-item]
    with pytest.raises(ProtocolError, match="expected a LearningCurve, got None"):
        simulate(Returning([trial(0)]), benchmark, max_evaluations=1)


def test_a_benchmark_that_answers_fewer_than_it_was_asked() -> None:
    class Lazy(NumberBenchmark):
        def query_many(self, archs: Any, seeds: Any) -> list[LearningCurve]:
            return super().query_many(archs, seeds)[:-1]

    rng = np.random.default_rng(0)
    benchmark = Lazy(*(rng.uniform(0.1, 0.9, (7, 1, 6)) for _ in range(3)))
    with pytest.raises(ProtocolError, match="query_many: expected 2 curves, got 1"):
        simulate(Returning([trial(0), trial(1)]), benchmark, max_evaluations=1, workers=2)


def test_epochs_without_cost_are_fine_where_the_run_ends_otherwise() -> None:
    benchmark = with_curve(make_benchmark(0), 1, epoch_s=np.zeros(6))
    result = simulate(Scripted(full(benchmark, [1, 1, 1])), benchmark, budget_s=9.0, budget_epochs=18)
    assert (result.n_evaluations, result.total_time_s) == (3, 0.0)
