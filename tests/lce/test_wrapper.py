"""Algorithm 2, played with a base that records what it is told and a driver with several workers."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nascurve.errors import CapabilityError, ConfigError, ProtocolError
from nascurve.lce.auto import Auto
from nascurve.lce.last_value import LastValue
from nascurve.lce.power_law import PowerLaw
from nascurve.lce.wrapper import LCE
from nascurve.simulator.types import (
    Evaluation,
    FloatArray,
    LearningCurve,
    Prediction,
    Problem,
    Status,
    Trial,
)

from .fakes import (
    E_FEW,
    E_MAX,
    Driver,
    NumberSpace,
    RecordingBase,
    as_value,
    begun,
    curve_of,
    picker,
    problem,
)

# --- Algorithm 2 ---


def test_one_worker_is_algorithm_2_step_by_step() -> None:
    base = RecordingBase()
    driver = Driver(begun(base, k=4, top_n=2)).run(18)

    for round_ in range(3):
        part = driver.finished[6 * round_ : 6 * round_ + 6]
        first, second = part[:4], part[4:]
        assert [e.trial.epochs for e in first] == [E_FEW] * 4
        by_value = sorted(first, key=lambda e: -e.val_acc)
        assert [e.trial.id for e in second] == [e.trial.id for e in by_value[:2]]
        assert [e.curve.epochs for e in second] == [E_MAX] * 2
        ids = [e.trial.id for e in first]
        dropped = [e.trial.id for e in first if e in by_value[2:]]
        assert base.log[5 * round_ : 5 * round_ + 5] == [
            ("ask", ids),
            *(("stopped", [id_]) for id_ in dropped),
            *(("complete", [e.trial.id]) for e in second),
        ]
    assert not base.pending


def test_base_is_told_of_its_own_trials_with_whole_curves_and_times() -> None:
    base = RecordingBase()
    driver = Driver(begun(base, k=3, top_n=1)).run(4)
    full = base.told[-1]
    assert full.status is Status.COMPLETE
    assert full.trial.epochs is None
    assert np.array_equal(full.curve.val_acc, curve_of(full.trial.arch, E_MAX).val_acc)
    first_part = next(e for e in driver.finished if e.trial.id == full.trial.id)
    assert (full.started_s, full.finished_s) == (first_part.started_s, driver.finished[-1].finished_s)
    for evaluation in base.told[:-1]:
        assert evaluation.status is Status.STOPPED
        assert np.array_equal(evaluation.curve.val_acc, curve_of(evaluation.trial.arch, E_FEW).val_acc)


class Spy:
    """Predicts by `rank` of the first value, and notes what it was given."""

    def __init__(self, sign: float = -1.0) -> None:
        self._sign = sign
        self.fitted: list[FloatArray] = []
        self.asked: list[tuple[FloatArray, int]] = []

    def fit(self, curves: FloatArray) -> None:
        assert not curves.flags.writeable
        self.fitted.append(curves.copy())

    def predict(self, prefixes: FloatArray, at_epoch: int) -> Prediction:
        self.asked.append((prefixes.copy(), at_epoch))
        return Prediction(mean=self._sign * prefixes[:, 0], std=np.zeros(len(prefixes)))


def test_ranks_by_the_prediction_and_not_by_the_last_value() -> None:
    spy = Spy()
    driver = Driver(begun(extrapolator=spy, k=5, top_n=2)).run(7)
    worst_first = sorted(driver.finished[:5], key=lambda e: float(e.curve.val_acc[0]))
    assert [e.trial.id for e in driver.finished[5:]] == [e.trial.id for e in worst_first[:2]]
    assert [at_epoch for _, at_epoch in spy.asked] == [E_MAX]
    assert np.array_equal(spy.asked[0][0], [e.curve.val_acc for e in driver.finished[:5]])


def test_fits_on_the_full_curves_of_this_run_when_new_ones_came() -> None:
    spy = Spy()
    lce = begun(extrapolator=spy, k=3, top_n=1)
    driver = Driver(lce).run(12)
    full = [e.curve.val_acc for e in driver.finished if e.curve.epochs == E_MAX]
    assert len(full) == 3
    assert [len(curves) for curves in spy.fitted] == [0, 1, 2]
    assert np.array_equal(spy.fitted[-1], full[:2])

    lce.begin(problem())  # another run knows nothing of the first
    Driver(lce).run(3)
    assert spy.fitted[-1].shape == (0, E_MAX)


def test_gaps_between_measured_epochs_are_bridged_and_divergence_is_not() -> None:
    spy = Spy()
    lce = begun(extrapolator=spy, k=3, top_n=1)
    nan = np.nan
    trials = lce.ask(3)
    for trial, acc in zip(
        trials, ([nan, 0.2, nan, 0.4], [0.1, nan, nan, 0.4], [0.1, 0.2, 0.3, nan]), strict=True
    ):
        curve = LearningCurve(val_acc=np.array(acc), epoch_s=np.ones(E_FEW))
        lce.tell([Evaluation(trial=trial, curve=curve, started_s=0.0, finished_s=1.0)])
    assert np.allclose(spy.asked[0][0], [[0.2, 0.2, 0.3, 0.4], [0.1, 0.2, 0.3, 0.4]])


def test_where_fidelities_are_trainings_of_their_own_the_fit_sees_what_prediction_sees() -> None:
    spy = Spy()
    lce = LCE(RecordingBase(), spy, e_few=E_FEW, k=2, top_n=1)
    space: Any = NumberSpace()
    own = Problem(space=space, max_epochs=E_MAX, fidelities=(E_FEW, E_MAX), resumable=False)
    lce.begin(own)

    def tell(trial: Trial, acc: Sequence[float]) -> None:
        curve = LearningCurve(val_acc=np.array(acc), epoch_s=np.ones(len(acc)))
        lce.tell([Evaluation(trial=trial, curve=curve, started_s=0.0, finished_s=1.0)])

    for acc, trial in zip(([0.1, 0.2, 0.3, 0.4], [0.5, 0.5, 0.5, 0.5]), lce.ask(2), strict=True):
        tell(trial, acc)
    promoted = lce.ask(1)[0]
    state = json.loads(json.dumps(lce.state_dict()))
    lce = LCE(RecordingBase(), spy, e_few=E_FEW, k=2, top_n=1)
    lce.begin(own)
    lce.load_state_dict(state)
    tell(promoted, [0.7] * (E_MAX - 1) + [0.8])
    for trial in lce.ask(2):
        tell(trial, [0.2, 0.2, 0.2, 0.2])
    assert spy.fitted[-1].tolist() == [[0.1, 0.2, 0.3, 0.4] + [0.7] * (E_MAX - E_FEW - 1) + [0.8]]


def test_does_not_fit_again_without_new_curves() -> None:
    spy = Spy()
    Driver(begun(extrapolator=spy, k=2, top_n=1), workers=4).run(4)
    assert len(spy.asked) == 2
    assert len(spy.fitted) == 1


def test_diverged_candidates_rank_last_and_are_never_predicted_or_fitted() -> None:
    spy = Spy(sign=1.0)
    base = RecordingBase()
    driver = Driver(begun(base, spy, k=6, top_n=2), diverging=3).run(80)
    assert any(np.isnan(e.curve.val_acc).any() for e in driver.finished)
    assert all(np.isfinite(prefixes).all() for prefixes, _ in spy.asked)
    assert all(np.isfinite(curves).all() for curves in spy.fitted)
    assert len(spy.fitted[-1]) == sum(
        np.isfinite(e.curve.val_acc).all() for e in driver.finished[: 8 * 9] if e.curve.epochs == E_MAX
    )
    diverged = {e.trial.id for e in driver.finished if not np.isfinite(e.curve.val_acc[:E_FEW]).all()}
    assert diverged
    assert not diverged & {e.trial.id for e in driver.finished if e.curve.epochs == E_MAX}


def test_round_of_diverged_candidates_alone_is_still_ranked() -> None:
    base = RecordingBase()
    driver = Driver(begun(base, k=3, top_n=1), diverging=1).run(200)
    assert len(driver.sent) == 200
    assert len([e for e in base.told if e.status is Status.STOPPED]) == 100


def test_base_with_fewer_candidates_gets_a_smaller_round() -> None:
    base = RecordingBase(max_pending=2)
    Driver(begun(base, k=8, top_n=3)).run(8)
    assert [len(ids) for what, ids in base.log if what == "ask"] == [2, 2]
    assert [e.status for e in base.told] == [Status.COMPLETE] * 4


def test_more_workers_open_the_next_round_while_others_run() -> None:
    base = RecordingBase()
    lce = begun(base, k=4, top_n=1)
    assert len(lce.ask(6)) == 6
    assert [len(ids) for _, ids in base.log] == [4, 4]


def test_promoted_go_before_fresh_candidates() -> None:
    lce = begun(k=2, top_n=1)
    trials = lce.ask(3)
    lce.tell(
        [
            Evaluation(trial=trial, curve=curve_of(trial.arch, E_FEW), started_s=0, finished_s=1)
            for trial in trials[:2]
        ]
    )
    promoted, fresh = lce.ask(2)
    assert promoted.epochs is None
    assert promoted.id in {trial.id for trial in trials[:2]}
    assert fresh.epochs == E_FEW


def test_what_was_stopped_from_outside_leaves_its_round() -> None:
    base = RecordingBase()
    lce = begun(base, k=3, top_n=1)
    first, second, third = lce.ask(3)

    def evaluation(trial: Trial, epochs: int, status: Status = Status.COMPLETE) -> Evaluation:
        return Evaluation(
            trial=trial, curve=curve_of(trial.arch, epochs), started_s=0, finished_s=1, status=status
        )

    lce.tell([evaluation(first, E_FEW), evaluation(second, 2, Status.STOPPED)])
    assert [(e.trial.id, e.curve.epochs) for e in base.told] == [(second.id, 2)]
    lce.tell([evaluation(third, 1, Status.STOPPED)])
    (promoted,) = lce.ask(1)
    assert (promoted.id, promoted.epochs) == (first.id, None)
    lce.tell([evaluation(promoted, 7, Status.STOPPED)])
    assert [(e.curve.epochs, e.status) for e in base.told[1:]] == [(1, Status.STOPPED), (7, Status.STOPPED)]
    assert not base.pending


# --- Properties with any number of workers and any order ---

PLAYS = {
    "k": st.integers(1, 5),
    "top": st.integers(1, 5),
    "workers": st.integers(1, 7),
    "order": st.integers(0, 10**6),
    "diverging": st.sampled_from([0, 0, 4]),
    "max_pending": st.sampled_from([None, None, 6]),
    "steps": st.integers(1, 60),
}


@given(**PLAYS)
@settings(max_examples=60, deadline=None)
def test_every_candidate_is_told_once_and_the_best_predicted_are_promoted(
    k: int, top: int, workers: int, order: int, diverging: int, max_pending: int | None, steps: int
) -> None:
    top_n = min(k, top)
    base = RecordingBase(seed=order, max_pending=max_pending)
    lce = begun(base, LastValue(), k=k, top_n=top_n)
    driver = Driver(lce, workers=workers, pick=picker(order), diverging=diverging).run(steps)

    rounds = [ids for what, ids in base.log if what == "ask" and ids]
    asked = list(itertools.chain(*rounds))
    told = [e.trial.id for e in base.told]
    assert len(told) == len(set(told))
    assert set(told) | set(base.pending) == set(asked)
    assert {trial.id for trial in driver.sent} <= set(asked)
    parts: dict[int, list[int | None]] = {}
    for trial in driver.sent:
        parts.setdefault(trial.id, []).append(trial.epochs)
    assert all(epochs in ([E_FEW], [E_FEW, None]) for epochs in parts.values())

    status = {e.trial.id: e.status for e in base.told}
    value = {e.trial.id: e.val_acc for e in driver.finished if e.curve.epochs == E_FEW}
    for ids in rounds:
        dropped = {id_ for id_ in ids if status.get(id_) is Status.STOPPED}
        if not set(ids) <= set(value):
            assert not dropped, "decided before all were back"
            continue
        n_promoted = min(top_n, len(ids))
        assert len(dropped) == len(ids) - n_promoted
        ranked = sorted(ids, key=lambda id_: -np.nan_to_num(value[id_], nan=-np.inf))
        assert dropped == set(ranked[n_promoted:])


SCHEDULES = [
    {},
    {"ranking": "upper"},
    {"ranking": "thompson", "report_dropped": "nothing"},
    {"ranking": "p_best", "report_dropped": "predicted"},
    {"promotion": "history"},
    {"promotion": "history", "ranking": "thompson"},
    {"promotion": "termination", "report_dropped": "predicted"},
    {"promotion": "adaptive"},
    {"promotion": "adaptive", "looks": [2, 0.5], "report_dropped": "predicted"},
    {"promotion": "adaptive", "report_dropped": "nothing"},
]


@given(**PLAYS, cut=st.integers(0, 60), schedule=st.sampled_from(SCHEDULES))
@settings(max_examples=100, deadline=None)
def test_state_through_json_goes_on_identically(
    k: int,
    top: int,
    workers: int,
    order: int,
    diverging: int,
    max_pending: int | None,
    steps: int,
    cut: int,
    schedule: dict[str, Any],
) -> None:
    options = {"k": k, "top_n": min(k, top), "n_initial": 3, **schedule}

    def fresh() -> tuple[LCE, RecordingBase]:
        base = RecordingBase(seed=order, max_pending=max_pending)
        return begun(base, PowerLaw(), **options), base

    lce, base = fresh()
    driver = Driver(lce, workers=workers, pick=picker(order), diverging=diverging).run(cut)
    driver.fill()
    state = json.loads(json.dumps(lce.state_dict(), allow_nan=False))
    n_sent, n_told = len(driver.sent), len(base.told)
    driver._pick = picker(order + 1)
    driver._clock = itertools.count(1000)
    running = list(driver.running)
    driver.run(steps)

    other_lce, other_base = fresh()
    other_lce.load_state_dict(state)
    assert json.loads(json.dumps(other_lce.state_dict())) == state
    other = Driver(other_lce, workers=workers, pick=picker(order + 1), diverging=diverging)
    other._clock = itertools.count(1000)
    other.running = running
    other.run(steps)
    assert other.sent == driver.sent[n_sent:]
    assert [as_value(e) for e in other_base.told] == [as_value(e) for e in base.told[n_told:]]


# --- The single-candidate rule of the authors' code ---


def test_history_rule_promotes_what_beats_the_top_fraction_so_far() -> None:
    base = RecordingBase()
    options = {"promotion": "history", "n_initial": 5, "top_fraction": 0.4, "extrapolate_to": 10}
    driver = Driver(begun(base, LastValue(), **options)).run(120)
    assert [trial.epochs for trial in driver.sent[:5]] == [None] * 5
    history: list[float] = []
    n_dropped = n_promoted = 0
    for position, evaluation in enumerate(driver.finished[:-1]):
        if evaluation.curve.epochs == E_MAX:
            history.append(float(evaluation.curve.val_acc[9]))
            continue
        threshold = sorted(history, reverse=True)[int(len(history) * 0.4) - 1]
        follower = driver.sent[position + 1]
        if evaluation.val_acc > threshold:
            n_promoted += 1
            assert (follower.id, follower.epochs) == (evaluation.trial.id, None)
        else:
            n_dropped += 1
            assert follower.epochs == E_FEW
            assert base.told[position - n_promoted].status is Status.STOPPED
    assert n_dropped > 5
    assert n_promoted > 2


def test_history_rule_never_promotes_a_diverged_candidate() -> None:
    driver = Driver(begun(promotion="history", n_initial=0), diverging=1).run(60)
    diverged = {e.trial.id for e in driver.finished if np.isnan(e.curve.val_acc[:E_FEW]).any()}
    assert diverged
    assert not diverged & {e.trial.id for e in driver.finished if e.curve.epochs == E_MAX}


def test_a_promotion_rule_of_ones_own() -> None:
    class WorstOfThree:
        round_size = 3
        n_initial = 2

        def select(self, prediction: Prediction, history: FloatArray) -> list[int]:
            assert history.shape == (n_full(),)
            return [int(prediction.mean.argmin())]

    driver = Driver(begun(promotion=WorstOfThree()))

    def n_full() -> int:
        return sum(e.curve.epochs == E_MAX for e in driver.finished)

    driver.run(10)
    assert [trial.epochs for trial in driver.sent] == [None, None, 4, 4, 4, None, 4, 4, 4, None]
    worst = min(driver.finished[2:5], key=lambda e: e.val_acc)
    assert driver.sent[5].id == worst.trial.id


@pytest.mark.parametrize("rows", [[0, 0], [3], [-1]])
def test_a_promotion_rule_that_selects_nonsense(rows: list[int]) -> None:
    class Nonsense:
        round_size = 3
        n_initial = 0

        def select(self, prediction: Prediction, history: FloatArray) -> list[int]:
            return rows

    with pytest.raises(ProtocolError, match=r"Nonsense\.select: expected distinct rows, 0 to 2"):
        Driver(begun(promotion=Nonsense())).run(3)


# --- Settings ---


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"e_few": E_MAX}, "e_few below 12"),
        ({"e_few": E_MAX + 1}, "e_few below 12"),
        ({"e_few": 0}, "e_few"),
        ({"e_few": -1}, "e_few"),
        ({"e_few": 1.0}, "e_few"),
        ({"e_few": 0.0}, "e_few"),
        ({"e_few": float("nan")}, "e_few"),
        ({"e_few": True}, "e_few"),
        ({"e_few": "4"}, "e_few"),
        ({"k": 2, "top_n": 3}, r"LCE\.top_n: expected an integer from 1 to 2, got 3\. k=2 candidates"),
        ({"top_n": 0}, r"LCE\.top_n: .*from 1 to 8, got 0"),
        ({"k": 0, "top_n": 0}, r"LCE\.k: .*at least 1, got 0"),
        ({"promotion": "best"}, "promotion"),
        ({"promotion": "history", "top_fraction": 0}, "top_fraction"),
        ({"promotion": "history", "top_fraction": 1.5}, "top_fraction"),
        ({"promotion": "history", "n_initial": -1}, "n_initial"),
        ({"extrapolate_to": E_FEW}, "extrapolate_to"),
        ({"extrapolate_to": E_MAX + 1}, "extrapolate_to"),
        ({"extrapolator": "last_value"}, "create_extrapolator"),
        ({"extrapolator": LastValue}, "create_extrapolator"),
        ({"base": "re"}, "create_optimizer"),
    ],
)
def test_bad_settings_are_refused_with_what_was_expected(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        begun(**options)


def test_e_few_that_the_benchmark_cannot_stop_at() -> None:
    lce = LCE(RecordingBase(), LastValue(), e_few=5)
    with pytest.raises(ConfigError, match=r"cannot stop at e_few=5\. Valid: 2, 4, 8"):
        lce.begin(problem((2, 4, 8, 12)))


@pytest.mark.parametrize("bad", [problem((E_MAX,)), problem(max_epochs=1)])
def test_benchmark_without_curves(bad: Problem) -> None:
    base = RecordingBase()
    with pytest.raises(CapabilityError, match="learning curves"):
        LCE(base, LastValue(), e_few=4).begin(bad)
    assert not hasattr(base, "problem"), "the base was begun although the wrapper cannot work"


@pytest.mark.parametrize(
    ("e_few", "fidelities", "epoch"),
    [(0.25, None, 3), (0.01, None, 1), (0.999, None, 11), (0.3, (2, 4, 8, 12), 4), (0.25, (2, 4, 8, 12), 2)],
)
def test_e_few_as_a_fraction(e_few: float, fidelities: tuple[int, ...] | None, epoch: int) -> None:
    lce = LCE(RecordingBase(), LastValue(), e_few=e_few)
    lce.begin(problem(fidelities))
    assert lce.ask(1)[0].epochs == epoch


# --- Misbehaviour ---


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda n: np.zeros(n), "a nascurve.Prediction, got ndarray"),
        (lambda n: None, "a nascurve.Prediction, got NoneType"),
        (lambda n: Prediction(mean=np.zeros(n + 1), std=np.zeros(n)), r"mean of shape \(2,\), got an array"),
        (
            lambda n: Prediction(mean=np.zeros((n, 1)), std=np.zeros(n)),
            r"float64 of shape \(2, 1\)",
        ),
        (lambda n: Prediction(mean=np.zeros(n), std=np.zeros(n + 1)), r"std of shape \(2,\)"),
        (lambda n: Prediction(mean=np.zeros(n).tolist(), std=np.zeros(n)), "got list"),  # type: ignore[arg-type]
        (
            lambda n: Prediction(mean=np.array([0.5, np.nan]), std=np.zeros(n)),
            r"got \[0.5, nan\]",
        ),
        (lambda n: Prediction(mean=np.zeros(n), std=np.full(n, np.nan)), "finite std >= 0"),
        (lambda n: Prediction(mean=np.zeros(n), std=np.full(n, -1.0)), "finite std >= 0"),
        (
            lambda n: Prediction(
                mean=np.zeros(n), std=np.zeros(n), quantiles=np.zeros((n, 2)), levels=(0.5,)
            ),
            r"quantiles of shape \(2, 1\)",
        ),
        (
            lambda n: Prediction(
                mean=np.zeros(n), std=np.zeros(n), quantiles=np.full((n, 1), np.nan), levels=(0.5,)
            ),
            "finite quantiles",
        ),
    ],
)
def test_extrapolator_that_misbehaves(answer: Callable[[int], Any], message: str) -> None:
    class Rogue(LastValue):
        def predict(self, prefixes: FloatArray, at_epoch: int) -> Prediction:
            prediction: Prediction = answer(len(prefixes))
            return prediction

    with pytest.raises(ProtocolError, match=f"Extrapolator Rogue.*{message}"):
        Driver(begun(extrapolator=Rogue(), k=2, top_n=1)).run(2)


@pytest.mark.parametrize(
    ("trials", "message"),
    [
        (None, "expected a list"),
        ([], "at least one trial"),
        (["0"], "expected Trial objects"),
        ([Trial(id=0, arch="1"), Trial(id=0, arch="2")], "still pending"),
        ([Trial(id=0, arch="1", epochs=6)], "Multi-fidelity"),
        ([Trial(id=i, arch="1") for i in range(9)], "at most 8"),
    ],
)
def test_base_that_misbehaves(trials: Any, message: str) -> None:
    class Rogue(RecordingBase):
        def ask(self, n: int) -> list[Trial]:
            given: list[Trial] = trials
            return given

    with pytest.raises(ProtocolError, match=rf"Rogue\.ask\(8\).*{message}"):
        begun(Rogue()).ask(1)


def test_tell_refuses_what_is_not_out() -> None:
    lce = begun(k=2, top_n=1)
    (trial,) = lce.ask(1)

    def evaluation(trial: Trial, epochs: int) -> Evaluation:
        return Evaluation(trial=trial, curve=curve_of(1, epochs), started_s=0, finished_s=1)

    for wrong in (
        evaluation(Trial(id=99, arch="1", epochs=E_FEW), E_FEW),
        evaluation(Trial(id=trial.id, arch="other", epochs=E_FEW), E_FEW),
        evaluation(trial, E_MAX),
    ):
        with pytest.raises(ProtocolError, match=r"LCE\.tell"):
            lce.tell([wrong])
    lce.tell([evaluation(trial, E_FEW)])
    with pytest.raises(ProtocolError, match="is not out"):
        lce.tell([evaluation(trial, E_FEW)])


def test_calls_before_begin() -> None:
    lce = LCE(RecordingBase(), LastValue(), e_few=4)
    for call in (lambda: lce.ask(1), lambda: lce.tell([]), lce.state_dict, lambda: lce.load_state_dict({})):
        with pytest.raises(ProtocolError, match="before begin"):
            call()


def test_state_of_another_e_few_is_refused() -> None:
    state = begun(e_few=3).state_dict()
    with pytest.raises(ConfigError, match="e_few=3, expected 4"):
        begun(e_few=4).load_state_dict(state)


def test_without_an_extrapolator_it_is_auto() -> None:
    def sent(*extrapolator: Any) -> list[Trial]:
        lce = LCE(RecordingBase(), *extrapolator, e_few=E_FEW, k=4, top_n=2)
        lce.begin(problem())
        return Driver(lce).run(60).sent

    assert sent() == sent(Auto())
    assert sent() != sent(LastValue())
