"""Sections 1 to 5 of the semantics, each against the slow reference or an invariant."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nascurve.simulator import simulation as simulation_module
from nascurve.simulator.simulate import simulate
from nascurve.simulator.types import Trial

from .fakes import Number, Scripted, full, make_benchmark, wanderer, with_curve
from .reference import as_rows, run_reference

seeds = st.integers(0, 10_000)
limits = st.fixed_dictionaries(
    {},
    optional={
        "budget_s": st.integers(1, 400).map(lambda ticks: ticks / 4),
        "budget_epochs": st.integers(1, 150),
        "max_evaluations": st.integers(1, 60),
    },
).filter(bool)
quick = settings(max_examples=60, deadline=None)


kinds_of_fidelities = st.sampled_from(
    [{}, {"fidelities": (1, 3, 6)}, {"fidelities": (1, 3, 6), "resumable": False}]
)


@given(
    seed=seeds,
    limit=limits,
    workers=st.integers(1, 6),
    resume=st.booleans(),
    common_noise=st.booleans(),
    kind=kinds_of_fidelities,
)
@settings(max_examples=200, deadline=None)
def test_every_evaluation_is_that_of_the_reference(
    seed: int, limit: dict[str, Any], workers: int, resume: bool, common_noise: bool, kind: dict[str, Any]
) -> None:
    benchmark = make_benchmark(seed, **kind)
    ours, theirs = wanderer(benchmark, seed), wanderer(benchmark, seed)
    options = {"seed": seed, "workers": workers, "resume": resume, "common_noise": common_noise, **limit}
    result = simulate(ours, benchmark, **options)
    expected = run_reference(theirs, benchmark, **options)

    assert [tuple(record[:-1]) for record in result.evaluations] == as_rows(expected, benchmark)
    assert [(told.trial, told.started_s, told.finished_s) for told in ours.told] == [
        (job.trial, job.started_s, job.finished_s) for job in expected
    ]
    assert result.n_evaluations == len(expected) == len(result.evaluations)
    assert result.total_epochs == sum(len(job.charged) for job in expected)
    assert result.total_time_s == (expected[-1].finished_s if expected else 0.0)


def test_the_worked_example_of_the_documentation() -> None:
    """docs/simulator.md: change both together."""
    rates = {0: 1.0, 1: 2.0, 2: 1.5}
    benchmark = make_benchmark(0, n_seeds=1, max_epochs=4)
    for value, final in ((0, 0.7), (1, 0.6), (2, 0.6)):
        with_curve(
            benchmark, value, epoch_s=np.full(4, rates[value]), val_acc=np.array([0.1, 0.3, 0.5, final])
        )
    a, b, c = Number(0), Number(1), Number(2)
    optimizer = Scripted(
        [
            Trial(id=0, arch=a, epochs=2),
            Trial(id=1, arch=b),
            Trial(id=2, arch=c),
            Trial(id=0, arch=a),
            Trial(id=3, arch=a),
            Trial(id=4, arch=b),
        ]
    )
    result = simulate(optimizer, benchmark, budget_s=10.0, workers=2)
    rows = [
        (r.trial_id, r.worker, r.started_s, r.finished_s, r.charged_epochs, r.is_incumbent)
        for r in result.evaluations
    ]
    assert rows == [
        (0, 0, 0.0, 2.0, 2, False),
        (1, 1, 0.0, 8.0, 4, True),
        (2, 0, 2.0, 8.0, 4, False),
        (0, 1, 8.0, 10.0, 2, True),
    ]
    assert optimizer.asked == [2, 1, 1, 1, 1]
    assert (result.total_epochs, result.total_time_s, result.n_cut_off) == (12, 10.0, 2)
    np.testing.assert_array_equal(
        result.trajectory.at([7.9, 8.0, 9.9, 10.0]).val_acc, [np.nan, 0.6, 0.6, 0.7]
    )


# 1. The clock is the sum of the charged epoch seconds.


@given(seed=seeds, resume=st.booleans())
@quick
def test_clock_of_one_worker_is_the_sum_of_charged_epoch_seconds(seed: int, resume: bool) -> None:
    benchmark = make_benchmark(seed, tick_s=None)
    result = simulate(wanderer(benchmark, seed), benchmark, max_evaluations=40, resume=resume)
    charged: list[float] = []
    for record in result.evaluations:
        curve = benchmark.query(record.arch, seed=record.training_seed)
        charged.extend(curve.epoch_s[record.epochs - record.charged_epochs : record.epochs])
        assert record.finished_s == pytest.approx(math.fsum(charged), rel=1e-9)
        assert record.finished_s == record.started_s + record.charged_s
    assert result.total_time_s == pytest.approx(math.fsum(charged), rel=1e-9)


@given(seed=seeds, workers=st.integers(2, 5))
@quick
def test_each_worker_is_busy_all_the_time_when_the_optimizer_always_gives(seed: int, workers: int) -> None:
    benchmark = make_benchmark(seed)
    values = np.random.default_rng(seed).integers(7, size=200).tolist()
    result = simulate(Scripted(full(benchmark, values)), benchmark, max_evaluations=100, workers=workers)
    for worker in range(workers):
        own = [record for record in result.evaluations if record.worker == worker]
        assert own[0].started_s == 0.0
        assert [record.started_s for record in own[1:]] == [record.finished_s for record in own[:-1]]
        assert own[-1].finished_s == sum(record.charged_s for record in own)


class FakeClock:
    """Real time that only the optimizer's calls advance, by `ask_s` and `tell_s`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, optimizer: Any, ask_s: float, tell_s: float) -> None:
        self.now = 0.0
        monkeypatch.setattr(simulation_module, "perf_counter", lambda: self.now)
        for name, seconds in (("ask", ask_s), ("tell", tell_s)):
            monkeypatch.setattr(optimizer, name, self._taking(getattr(optimizer, name), seconds))

    def _taking(self, method: Any, seconds: float) -> Any:
        def call(argument: Any) -> Any:
            self.now += seconds
            return method(argument)

        return call


def test_decisions_are_recorded_apart_and_charged_only_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    benchmark = make_benchmark(1)
    plain = simulate(Scripted(full(benchmark, [0, 1, 2])), benchmark, max_evaluations=3)

    optimizer = Scripted(full(benchmark, [0, 1, 2]))
    FakeClock(monkeypatch, optimizer, ask_s=10.0, tell_s=1.0)
    apart = simulate(optimizer, benchmark, max_evaluations=3)
    assert apart.decision_s == 33.0
    assert apart.evaluations == plain.evaluations

    optimizer = Scripted(full(benchmark, [0, 1, 2]))
    FakeClock(monkeypatch, optimizer, ask_s=10.0, tell_s=1.0)
    charged = simulate(optimizer, benchmark, max_evaluations=3, charge_decisions=True)
    assert charged.decision_s == 33.0
    for i, (with_decisions, without) in enumerate(zip(charged.evaluations, plain.evaluations, strict=True)):
        assert with_decisions.started_s == without.started_s + 10.0 + 11.0 * i
        assert with_decisions.charged_s == without.charged_s
    assert charged.total_time_s == plain.total_time_s + 32.0  # the last tell comes after the last finish


def test_a_charged_decision_does_not_move_the_finish_of_what_trains_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    benchmark = with_curve(make_benchmark(1), 0, epoch_s=np.full(6, 1.0))
    with_curve(benchmark, 1, epoch_s=np.full(6, 2.0))
    optimizer = Scripted(full(benchmark, [0, 1, 0, 0]))
    FakeClock(monkeypatch, optimizer, ask_s=100.0, tell_s=0.0)
    result = simulate(optimizer, benchmark, max_evaluations=4, workers=2, charge_decisions=True)
    spans = [(record.trial_id, record.started_s, record.finished_s) for record in result.evaluations]
    # Trial 1 finishes at 112, while the decision for trial 2 goes on from 106 to 206.
    assert spans == [(0, 100.0, 106.0), (1, 100.0, 112.0), (2, 206.0, 212.0), (3, 306.0, 312.0)]
    assert np.all(np.diff(result.trajectory.time_s) >= 0)


# 2. A resumed training is charged its later epochs.


@given(seed=seeds, cuts=st.sets(st.integers(1, 5), min_size=1), tick_s=st.sampled_from([0.25, None]))
@quick
def test_a_training_in_pieces_costs_what_it_costs_whole(
    seed: int, cuts: set[int], tick_s: float | None
) -> None:
    benchmark = make_benchmark(seed, n_seeds=1, tick_s=tick_s)
    steps = [*sorted(cuts), None]
    pieces = [Trial(id=0, arch=Number(3), epochs=epochs) for epochs in steps]
    resumed = simulate(Scripted(pieces), benchmark, max_evaluations=len(pieces))
    again = simulate(Scripted(pieces), benchmark, max_evaluations=len(pieces), resume=False)
    whole = simulate(Scripted(pieces[-1:]), benchmark, max_evaluations=1)

    assert resumed.total_epochs == whole.total_epochs == 6
    assert resumed.total_time_s == pytest.approx(whole.total_time_s, rel=1e-9)
    assert again.total_epochs == sum(cuts) + 6
    curve = benchmark.query(Number(3), seed=0)
    from_scratch = [math.fsum(curve.epoch_s[:epochs]) for epochs in steps]
    assert again.total_time_s == pytest.approx(math.fsum(from_scratch), rel=1e-9)
    for result in (resumed, again):
        assert len({record.training_seed for record in result.evaluations}) == 1


def test_a_resumed_trial_keeps_its_training_seed_and_its_curve() -> None:
    benchmark = make_benchmark(5, n_seeds=3)
    trials = [Trial(id=i, arch=Number(2), epochs=2) for i in range(12)]
    trials += [Trial(id=i, arch=Number(2)) for i in range(12)]
    optimizer = Scripted(trials)
    result = simulate(optimizer, benchmark, max_evaluations=24)
    seed_of = {record.trial_id: record.training_seed for record in result.evaluations[:12]}
    assert set(seed_of.values()) == {0, 1, 2}
    for told, record in zip(optimizer.told[12:], result.evaluations[12:], strict=True):
        assert record.training_seed == seed_of[record.trial_id]
        np.testing.assert_array_equal(
            told.curve.val_acc, benchmark.query(Number(2), seed=record.training_seed).val_acc
        )


# 3. An evaluation counts at the moment it finishes.


@given(
    seed=seeds, workers=st.integers(1, 5), share=st.floats(0.0, 1.0), unit=st.sampled_from(["s", "epochs"])
)
@example(seed=3534, workers=5, share=0.1875, unit="epochs")
@quick
def test_a_smaller_budget_gives_the_beginning_of_the_same_run(
    seed: int, workers: int, share: float, unit: str
) -> None:
    benchmark = make_benchmark(seed)
    long = simulate(wanderer(benchmark, seed), benchmark, budget_s=60.0, workers=workers)
    optimizer = wanderer(benchmark, seed)
    if unit == "s":
        budget_s = max(0.25, round(share * 240) / 4)  # on the grid, where finishes lie
        short = simulate(optimizer, benchmark, budget_s=budget_s, workers=workers)
        n = sum(record.finished_s <= budget_s for record in long.evaluations)
    else:
        budget = max(1, round(share * long.total_epochs))
        short = simulate(optimizer, benchmark, budget_epochs=budget, workers=workers)
        used = np.cumsum([record.charged_epochs for record in long.evaluations])
        n = int(np.sum(used <= budget))
        assert short.total_epochs <= budget
    assert short.evaluations == long.evaluations[:n]
    assert len(optimizer.told) == n  # what was cut off never reached the optimizer
    # by evaluations, not by time: a budget of epochs can end between two that finish at the same moment
    within = long.trajectory.evaluations <= n
    assert short.trajectory.time_s.tolist() == long.trajectory.time_s[within].tolist()


def test_a_finish_at_the_very_end_of_the_budget_counts() -> None:
    benchmark = with_curve(make_benchmark(0), 0, epoch_s=np.full(6, 0.5))
    for budget_s, n in ((2.75, 0), (3.0, 1), (5.75, 1), (6.0, 2)):
        result = simulate(Scripted(full(benchmark, [0] * 9)), benchmark, budget_s=budget_s)
        assert (result.n_evaluations, len(result.trajectory) > 0) == (n, n > 0)
        assert result.n_cut_off == 1
    for budget_epochs, n in ((5, 0), (6, 1), (11, 1), (12, 2)):
        result = simulate(Scripted(full(benchmark, [0] * 9)), benchmark, budget_epochs=budget_epochs)
        assert result.n_evaluations == n


def test_the_first_limit_that_is_reached_ends_the_run() -> None:
    benchmark = with_curve(make_benchmark(0), 0, epoch_s=np.full(6, 0.5))
    for limits, n in (
        ({"budget_s": 9.0, "budget_epochs": 600}, 3),
        ({"budget_s": 900.0, "budget_epochs": 12}, 2),
        ({"budget_s": 900.0, "budget_epochs": 600, "max_evaluations": 5}, 5),
    ):
        result = simulate(Scripted(full(benchmark, [0] * 9)), benchmark, **limits)  # type: ignore[arg-type]
        assert result.n_evaluations == n


# 4. The incumbent.


@given(seed=seeds, workers=st.integers(1, 4), best_known=st.booleans())
@quick
def test_incumbent_is_the_first_best_complete_evaluation_so_far(
    seed: int, workers: int, best_known: bool
) -> None:
    benchmark = make_benchmark(seed, best_known=best_known)
    result = simulate(wanderer(benchmark, seed), benchmark, budget_epochs=200, workers=workers)
    expected: list[tuple[Any, ...]] = []
    leader = None
    for i, record in enumerate(result.evaluations):
        complete = [r for r in result.evaluations[: i + 1] if r.epochs == 6]
        highest = max((r.val_acc for r in complete), default=None)
        first = next((r for r in complete if r.val_acc == highest), None)
        assert record.is_incumbent == (first is not None and first is not leader)
        if first is not leader:
            leader = first
            used = sum(r.charged_epochs for r in result.evaluations[: i + 1])
            expected.append((record.finished_s, used, i + 1, record.arch, record.val_acc))
    trajectory = result.trajectory
    columns = (trajectory.time_s, trajectory.epochs_used, trajectory.evaluations, trajectory.archs)
    assert list(zip(*columns, trajectory.val_acc, strict=True)) == expected
    true = [benchmark.test_acc[row[3].value, :, -1].mean() for row in expected]
    np.testing.assert_array_equal(trajectory.test_acc, true)
    if best_known:
        np.testing.assert_array_equal(trajectory.regret, benchmark.test_acc[:, :, -1].mean(1).max() - true)
        assert (trajectory.regret >= 0).all()
    else:
        assert np.isnan(trajectory.regret).all()


def test_a_prefix_never_becomes_the_incumbent_however_good() -> None:
    benchmark = with_curve(make_benchmark(0, n_seeds=1), 0, val_acc=np.array([0.1, 0.2, 1.0, 0.3, 0.3, 0.3]))
    prefix = [Trial(id=0, arch=Number(0), epochs=3)]
    assert len(simulate(Scripted(prefix), benchmark, max_evaluations=1).trajectory) == 0
    resumed = simulate(Scripted([*prefix, Trial(id=0, arch=Number(0))]), benchmark, max_evaluations=2)
    np.testing.assert_array_equal(resumed.trajectory.val_acc, [0.3])


# 5. Workers are asynchronous; ties are first in, first out.


def test_ties_finish_in_the_order_of_their_start_and_are_told_one_by_one() -> None:
    benchmark = make_benchmark(0)
    for value in range(7):
        with_curve(benchmark, value, epoch_s=np.full(6, 1.0))
    optimizer = Scripted(full(benchmark, [6, 5, 4, 3, 2, 1, 0]))
    result = simulate(optimizer, benchmark, max_evaluations=7, workers=3)
    assert [record.trial_id for record in result.evaluations] == list(range(7))
    assert [record.worker for record in result.evaluations] == [0, 1, 2, 0, 1, 2, 0]
    assert [record.finished_s for record in result.evaluations] == [6.0] * 3 + [12.0] * 3 + [18.0]
    # Asked again after every single finish, for the one worker that is free.
    assert optimizer.asked[:4] == [3, 1, 1, 1]


def test_a_short_training_does_not_wait_for_a_long_one() -> None:
    benchmark = with_curve(make_benchmark(0), 0, epoch_s=np.full(6, 10.0))
    with_curve(benchmark, 1, epoch_s=np.full(6, 1.0))
    result = simulate(Scripted(full(benchmark, [0, 1, 1, 1])), benchmark, max_evaluations=4, workers=2)
    assert [(r.trial_id, r.worker, r.finished_s) for r in result.evaluations] == [
        (1, 1, 6.0),
        (2, 1, 12.0),
        (3, 1, 18.0),
        (0, 0, 60.0),
    ]


def test_idle_workers_start_at_the_moment_the_optimizer_gives_them_work() -> None:
    benchmark = make_benchmark(0)
    with_curve(benchmark, 0, epoch_s=np.full(6, 1.0))

    class OneThenAll(Scripted):
        def ask(self, n: int) -> list[Trial]:
            return super().ask(n) if self.told else super().ask(1) if not self.asked else []

    result = simulate(OneThenAll(full(benchmark, [0, 0, 0])), benchmark, max_evaluations=3, workers=2)
    assert [(r.trial_id, r.worker, r.started_s) for r in result.evaluations] == [
        (0, 0, 0.0),
        (1, 0, 6.0),
        (2, 1, 6.0),
    ]
