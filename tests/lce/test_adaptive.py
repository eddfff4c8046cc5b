"""The schedules that look at a run more than once: predictive termination and the adaptive one."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from scipy import stats

import nascurve
from nascurve.errors import ConfigError, ProtocolError
from nascurve.lce._epochs import look_grid
from nascurve.lce.adaptive import Adaptive
from nascurve.lce.last_value import LastValue
from nascurve.lce.predictive_stops import PredictiveStops
from nascurve.lce.reports import PredictedEvaluation
from nascurve.lce.schedule import Schedule
from nascurve.lce.termination import PredictiveTermination
from nascurve.simulator.types import Evaluation, Prediction, Problem, Status

from .fakes import E_MAX, Driver, RecordingBase, begun, curve_of, picker, problem

# --- Where runs are looked at ---


def test_the_grid_is_geometric_and_made_of_what_the_benchmark_can_stop_at() -> None:
    assert look_grid(None, problem(max_epochs=32)) == [1, 2, 3, 5, 8, 12, 18, 27]
    assert look_grid(None, problem((4, 5, 6, 9, 11, 12))) == [4, 6, 9]
    assert look_grid(None, problem(max_epochs=2)) == [1]
    assert look_grid([0.5, 3, 6], problem()) == [3, 6]


def test_where_each_fidelity_is_a_training_of_its_own_there_is_one_look() -> None:
    own = Problem(space=problem().space, max_epochs=108, fidelities=(4, 12, 36, 108), resumable=False)
    assert look_grid(None, own) == [12]


@pytest.mark.parametrize("looks", [[], [12], [0], "3", 3, [2, 1.5]])
@pytest.mark.parametrize("promotion", ["termination", "adaptive"])
def test_looks_that_are_none(looks: Any, promotion: str) -> None:
    with pytest.raises(ConfigError, match="looks"):
        begun(promotion=promotion, looks=looks)


def test_a_state_of_other_looks_is_refused() -> None:
    for promotion in ("termination", "adaptive"):
        state = begun(promotion=promotion, looks=[2, 4]).state_dict()
        with pytest.raises(ConfigError, match=r"looks=\[2, 4\], expected \[3\]"):
            begun(promotion=promotion, looks=[3]).load_state_dict(state)


# --- Predictive termination ---


def test_termination_stops_what_cannot_win_at_the_first_look_that_says_so() -> None:
    base = RecordingBase()
    lce = begun(base, LastValue(default_std=0.02), promotion="termination", n_initial=3, looks=[2, 4, 8])
    driver = Driver(lce).run(150)
    assert [trial.epochs for trial in driver.sent[:3]] == [None] * 3

    rule = PredictiveTermination()
    extrapolator = LastValue(default_std=0.02)
    full: list[Any] = []
    stopped: set[int] = set()
    for i, evaluation in enumerate(driver.finished):
        if evaluation.curve.epochs == E_MAX:
            full.append(evaluation.curve.val_acc)
            continue
        extrapolator.fit(np.array(full))
        prediction = extrapolator.predict(evaluation.curve.val_acc[np.newaxis], E_MAX)
        best = max(curve[-1] for curve in full)
        follower = driver.sent[i + 1] if i + 1 < len(driver.sent) else lce.ask(1)[0]
        if rule.should_stop(prediction, best, [evaluation.curve.val_acc.max()])[0]:
            stopped.add(evaluation.trial.id)
            assert follower.id != evaluation.trial.id
        else:
            assert follower.id == evaluation.trial.id
            assert (follower.epochs or E_MAX) == {2: 4, 4: 8, 8: E_MAX}[evaluation.curve.epochs]
    reports = {e.trial.id: e for e in base.told}
    assert {id_ for id_, e in reports.items() if e.status is Status.STOPPED} == stopped
    assert {reports[id_].curve.epochs for id_ in stopped} == {2, 4, 8}


def test_the_rule_of_termination_can_be_another() -> None:
    def trained(**options: Any) -> int:
        stops = PredictiveStops(looks=[2, 6], n_initial=3, termination=PredictiveTermination(**options))
        return sum(e.curve.epochs == E_MAX for e in Driver(begun(promotion=stops)).run(100).finished)

    assert trained(delta=0.3) < trained(delta=0.05)
    assert trained(mode="optimistic", max_std=0.5) < trained()


# --- The adaptive schedule ---


class LastSeen:
    """The last value, plus a bias, with a std of one's own choice; learns nothing."""

    def __init__(self, std: float, *, bias: float = 0.0) -> None:
        self._std, self._bias = std, bias

    def fit(self, curves: Any) -> None: ...

    def predict(self, prefixes: Any, at_epoch: int) -> Prediction:
        return Prediction(mean=prefixes[:, -1] + self._bias, std=np.full(len(prefixes), self._std))


def raced(std: float, *, bias: float = 0.0, steps: int = 300, **options: Any) -> Driver:
    schedule = Adaptive(**{"k": 6, "looks": [2, 4, 8], **options})
    return Driver(begun(extrapolator=LastSeen(std, bias=bias), promotion=schedule)).run(steps)


def reached(driver: Driver) -> list[int]:
    """How far the candidates came, in the order in which they were first sent out."""
    epochs = {trial.id: 0 for trial in driver.sent}
    for evaluation in driver.finished:
        epochs[evaluation.trial.id] = evaluation.curve.epochs
    return list(epochs.values())


def test_where_the_leader_is_certain_it_alone_goes_on() -> None:
    driver = raced(1e-9, steps=9)  # too few finished runs to correct that certainty
    assert sorted(reached(driver)) == [2, 2, 2, 2, 2, E_MAX]
    first = [e for e in driver.finished if e.curve.epochs == 2]
    leader = max(first, key=lambda e: e.val_acc)
    assert driver.finished[-1].trial.id == leader.trial.id


def test_where_candidates_are_not_told_apart_all_go_on() -> None:
    assert reached(raced(50.0, steps=24)) == [E_MAX] * 6


def test_who_goes_on_has_the_chance_to_beat_the_leader() -> None:
    std, chance = 0.25, 0.25
    driver = raced(std, steps=12, chance=chance)
    accs = np.array([e.val_acc for e in driver.finished[:6]])
    going_on = stats.norm.cdf((accs - accs.max()) / (std * np.sqrt(2))) >= chance
    assert 1 < going_on.sum() < 6
    second = [trial.id for trial in driver.sent[6:] if trial.epochs == 4]
    assert second == [e.trial.id for e, goes in zip(driver.finished, going_on, strict=False) if goes]


def test_how_many_arrive_grows_with_the_uncertainty() -> None:
    shares = [np.mean(np.array(reached(raced(std, steps=400))) == E_MAX) for std in (0.01, 0.3, 3.0)]
    assert shares[0] < shares[1] < shares[2]


def test_an_overconfident_extrapolator_is_corrected_by_the_runs_that_finished() -> None:
    epochs = reached(raced(1e-9, steps=2000, k=30))
    rounds = [np.sum(np.array(epochs[start : start + 30]) > 2) for start in range(0, 1500, 30)]
    assert rounds[0] == 1
    assert np.mean(rounds[5:]) > 1.2


def test_what_is_wrong_with_all_predictions_alike_changes_nothing() -> None:
    assert reached(raced(0.05, bias=-0.3)) == reached(raced(0.05))


def test_the_first_look_is_at_a_twelfth_of_the_last_epoch() -> None:
    schedule = Adaptive()
    schedule.begin(problem(max_epochs=32))
    assert schedule.admit(0, 1) == (8, 3)
    schedule.begin(problem((1, 9, 11), max_epochs=200))
    assert schedule.admit(0, 1) == (8, 11)  # the benchmark cannot stop where it would like to


def test_several_workers_are_never_idle() -> None:
    driver = Driver(begun(promotion="adaptive"), workers=6, pick=picker(1), diverging=5)
    for _ in range(60):
        driver.fill()
        assert len(driver.running) == 6
        driver.run(1)


def test_diverged_runs_are_stopped_at_their_next_look() -> None:
    base = RecordingBase()
    driver = Driver(begun(base, promotion="adaptive"), diverging=2).run(150)
    diverged = [e for e in driver.finished if np.isnan(e.val_acc) and e.curve.epochs < E_MAX]
    assert diverged
    status = {e.trial.id: e.status for e in base.told}
    assert all(status[e.trial.id] is Status.STOPPED for e in diverged)


def test_a_search_whose_runs_all_diverge_goes_on() -> None:
    assert len(Driver(begun(promotion="adaptive"), diverging=1).run(100).finished) == 100


def test_predicted_reports_are_corrected_by_what_became_of_others() -> None:
    """`LastValue` is far too low on rising curves; what the base is told is not."""
    base = RecordingBase()
    Driver(begun(base, promotion="adaptive", report_dropped="predicted")).run(300)
    reports = [e for e in base.told[60:] if isinstance(e, PredictedEvaluation)]
    assert len(reports) > 20
    truth = np.array([curve_of(e.trial.arch, E_MAX).val_acc[-1] for e in reports])
    told = np.array([e.val_acc for e in reports])
    seen = np.array([e.curve.val_acc[e.trained_epochs - 1] for e in reports])
    assert abs((told - truth).mean()) < 0.5 * abs((seen - truth).mean())
    assert all(e.std > 0 for e in reports)


def test_both_are_schedules() -> None:
    assert isinstance(Adaptive(), Schedule)
    assert isinstance(PredictiveStops(), Schedule)


@pytest.mark.parametrize("options", [{"k": 0}, {"chance": 0.6}, {"chance": 0.0}, {"looks": [0.0]}])
def test_bad_settings_of_the_adaptive_schedule(options: Any) -> None:
    with pytest.raises(ConfigError):
        Adaptive(**options)


def test_a_schedule_of_ones_own() -> None:
    class Coin:
        """Every second candidate goes on."""

        def begin(self, problem: Problem) -> int:
            self.n = 0
            return problem.max_epochs

        def admit(self, n_asked: int, wanted: int) -> tuple[int, int]:
            return 1, 3

        def decide(self, looks: Any, forecaster: Any, rng: Any) -> list[tuple[int, int]]:
            self.n += 1
            return [(0, E_MAX)] if self.n % 2 else []

        def outcome(self, look: Any, forecaster: Any) -> tuple[float, float]:
            return 0.25, 0.5

        def finished(self, evaluation: Any) -> None: ...

        def state_dict(self) -> dict[str, Any]:
            return {"n": self.n}

        def load_state_dict(self, state: dict[str, Any]) -> None:
            self.n = state["n"]

    base = RecordingBase()
    lce = begun(base, promotion=Coin(), report_dropped="predicted")
    driver = Driver(lce).run(6)
    assert [trial.epochs for trial in driver.sent] == [3, None, 3, 3, None, 3]
    assert [(e.curve.epochs, getattr(e, "std", None)) for e in base.told] == [
        *((E_MAX, None), (E_MAX, 0.5)),
        *((E_MAX, None), (E_MAX, 0.5)),
    ]
    assert json.loads(json.dumps(lce.state_dict()))["schedule"] == {"n": 4}


class Answers:
    """A schedule that answers what it was given."""

    def __init__(self, *, admission: Any = (3, 2), decision: Any = ()) -> None:
        self._admission, self._decision = admission, decision

    def begin(self, problem: Problem) -> int:
        return problem.max_epochs

    def admit(self, n_asked: int, wanted: int) -> Any:
        return self._admission

    def decide(self, looks: Any, forecaster: Any, rng: Any) -> Any:
        return self._decision

    def outcome(self, look: Any, forecaster: Any) -> tuple[float, float]:
        return 0.5, 0.1

    def finished(self, evaluation: Any) -> None: ...

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None: ...


@pytest.mark.parametrize("admission", [(0, 3), (2, 0), (2, E_MAX + 1), (2.0, 3), None, 3])
def test_a_schedule_that_admits_nonsense(admission: Any) -> None:
    with pytest.raises(ProtocolError, match=r"Answers\.admit: .*at least 1 candidate, an epoch from 1"):
        begun(promotion=Answers(admission=admission)).ask(1)


@pytest.mark.parametrize(
    "decision", [[(0, 4), (0, 5)], [(3, 4)], [(-1, 4)], [(0, 2)], [(0, E_MAX + 1)], [0], 0]
)
def test_a_schedule_that_decides_nonsense(decision: Any) -> None:
    with pytest.raises(ProtocolError, match=r"Answers\.decide: .* rows, 0 to 2, with an epoch from 3 to 12"):
        Driver(begun(promotion=Answers(decision=decision))).run(3)


def test_a_schedule_stops_where_the_benchmark_can() -> None:
    lce = begun(promotion=Answers(admission=(3, 5)))
    lce.begin(problem((2, 4, 12)))
    with pytest.raises(ProtocolError, match=r"an epoch among \[2, 4, 12\]"):
        lce.ask(1)


def test_numbers_of_numpy_are_numbers() -> None:
    rows = list(zip(np.arange(3), np.full(3, 5), strict=True))
    lce = begun(promotion=Answers(admission=tuple(np.array([3, 2])), decision=rows))
    Driver(lce).run(3)
    json.dumps(lce.state_dict())


def test_the_class_of_a_schedule_is_none() -> None:
    with pytest.raises(ConfigError, match="or a Schedule, got <class"):
        begun(promotion=Adaptive)


class LastFirst(Answers):
    """Sends all of three on to a second look, the last one first; notes what it sees there."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[int, int | None]] = []

    def decide(self, looks: Any, forecaster: Any, rng: Any) -> Any:
        self.seen += [(look.trial.id, look.trial.epochs) for look in looks]
        return [(row, 5) for row in (2, 1, 0)] if looks[0].curve.epochs == 2 else []


@pytest.mark.parametrize("resumed_after", [2, 3, 5])
def test_a_round_keeps_its_order_whoever_goes_first_and_when_it_is_resumed(resumed_after: int) -> None:
    schedule = LastFirst()
    lce = begun(promotion=schedule)
    driver = Driver(lce).run(resumed_after)
    resumed = begun(promotion=schedule)
    resumed.load_state_dict(json.loads(json.dumps(lce.state_dict())))
    driver.optimizer = resumed
    driver.run(6 - resumed_after)
    assert [trial.id for trial in driver.sent[3:]] == [6, 3, 0]
    assert schedule.seen == [(0, 2), (3, 2), (6, 2), (0, 5), (3, 5), (6, 5)]


def test_nothing_is_remembered_of_candidates_that_are_through() -> None:
    """And a member that was stopped from outside or has diverged does not hold up its round."""
    schedule = Adaptive(k=4)
    base = RecordingBase()
    lce = begun(base, promotion=schedule, report_dropped="predicted")
    driver = Driver(lce, workers=3, pick=picker(2), diverging=4)
    for _ in range(12):
        driver.run(12)
        trial, started_s = driver.running.pop()
        curve = curve_of(trial.arch, 1)
        lce.tell(
            [Evaluation(trial=trial, curve=curve, started_s=started_s, finished_s=0, status=Status.STOPPED)]
        )
    live = {id_ for id_, _ in schedule.state_dict()["live"]}
    assert live <= set(base.pending)
    assert len(base.pending) <= 4 * 4
    assert len(base.told) > 40


def test_the_adaptive_schedule_pays_without_any_setting() -> None:
    bench = nascurve.load_benchmark("synthetic")

    def regret(seed: int, **options: Any) -> float:
        optimizer: Any = nascurve.create_optimizer("rs", bench.space, seed=seed)
        if options:
            optimizer = nascurve.LCE(optimizer, nascurve.create_extrapolator("last_value"), **options)
        budget_epochs = 40 * bench.info.max_epochs
        result = nascurve.simulate(optimizer, bench, budget_epochs=budget_epochs, seed=seed)
        return float(result.trajectory.regret[-1])

    plain, adaptive = (
        np.mean([regret(seed, **options) for seed in range(16)])
        for options in ({}, {"promotion": "adaptive"})
    )
    assert adaptive < 0.8 * plain
