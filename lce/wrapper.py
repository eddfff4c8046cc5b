"""Learning-curve extrapolation round any optimizer: Algorithm 2 of NAS-Bench-x11 (Yan et al. 2021)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from nascurve import options
from nascurve.errors import CapabilityError, ConfigError, ProtocolError
from nascurve.lce._ledger import Ledger, Round, Run
from nascurve.lce._schedules import build_schedule
from nascurve.lce.forecaster import Forecaster
from nascurve.lce.promotion import PromotionRule
from nascurve.lce.ranking import Ranking
from nascurve.lce.reports import REPORTS, pseudo_observation
from nascurve.lce.schedule import Schedule, checked_admission, checked_decision
from nascurve.simulator.types import (
    Evaluation,
    Extrapolator,
    FloatArray,
    Optimizer,
    Problem,
    State,
    Status,
    Trial,
)


class LCE:
    """Learning-curve extrapolation round `optimizer`, itself an `Optimizer`: Algorithm 2, and its relatives.

    A round of Algorithm 2: ask the base for k candidates; train each to `e_few`; when all are back, rank them
    together by the extrapolated accuracy; resume the `top_n` best (same trial id) to the end. The base is
    told of promoted candidates when they finish, as `complete` with the curve from epoch 1. The extrapolator
    is fitted on the runs of this search that were trained to the end, and on nothing else. With one worker
    the next round begins when the promoted ones have finished, as in the source; with more, no worker waits:
    promoted candidates go first, then those of open rounds, and then a new round is opened while others
    still run. Diverged candidates (NaN before e_few) rank last.

    optimizer: the base; its trials must go to the last epoch.
    extrapolator: see `nascurve.simulator.types.Extrapolator`; None: `Auto`.
    e_few: epochs, or a fraction of E_max in (0, 1), which is rounded to the nearest epoch that the benchmark
        can stop at.
    k, top_n: round size and how many of it are promoted (a number, or a fraction of k), for
        promotion="top_n"; k for "adaptive" too.
    promotion: who goes on, one of
        "top_n": Algorithm 2;
        "history": the single-candidate rule of its authors' code: a candidate is promoted when its prediction
        beats the smallest of the best `top_fraction` so far, and the first `n_initial` candidates are trained
        to the end;
        "termination": each candidate by itself is looked at again and again, and stopped when it is unlikely
        to beat the best so far (`PredictiveStops`), after `n_initial` that are trained to the end;
        "adaptive": k candidates are looked at together again and again, and those drop out that the leader is
        likely to beat (`Adaptive`); of the settings here it uses `k` and `looks`;
        or any `PromotionRule`, for rounds that are looked at once, at `e_few`; or any `Schedule`.
    extrapolate_to: the epoch to predict, as epochs or fraction, for rounds; the last one by default. (The
        authors' code predicts an intermediate one in half of its settings.)
    ranking: by what "top_n" and "history" compare candidates: "mean", "upper" (the quantile at
        `ranking_level`), "thompson" (a draw), or "p_best" (the probability of beating the best run so far,
        with which "history" promotes where it exceeds 1 - `ranking_level`). See `Ranking`.
    looks: for "termination" and "adaptive", the epochs (or fractions of E_max) at which runs are looked at;
        None: a geometric grid, see docs/lce.md.
    report_dropped: what the base is told of dropped candidates, and when: "stopped", at once, with their
        prefix; "predicted", at once, as `complete` with the predicted accuracy at the last epoch (a
        `PredictedEvaluation`, with its std; the base then takes it for a full training; diverged ones are
        reported as stopped); "nothing", until the base has fewer candidates than it is asked for, because it
        waits for results: then as `stopped`.
    seed: of the wrapper's own draws ("thompson"); None: 0, and in experiments the seed of the run.

    Deviations from the source: a promoted run resumes; nothing is charged twice (unless the benchmark's
    fidelities are trainings of their own, `info.resumable` False). A base that has fewer than k
    candidates at hand gets a smaller round. The differences of "history" are in docs/lce.md.
    Raises ConfigError here and in `begin`, CapabilityError in `begin` where the benchmark has no curves.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        extrapolator: Extrapolator | None = None,
        *,
        e_few: int | float = 0.25,
        k: int = 8,
        top_n: int | float = 3,
        promotion: Literal["top_n", "history", "termination", "adaptive"]
        | PromotionRule
        | Schedule = "top_n",
        top_fraction: float = 0.5,
        n_initial: int = 20,
        extrapolate_to: int | float | None = None,
        ranking: Literal["mean", "upper", "thompson", "p_best"] = "mean",
        ranking_level: float = 0.9,
        looks: Sequence[int | float] | None = None,
        report_dropped: Literal["stopped", "predicted", "nothing"] = "stopped",
        seed: int | None = None,
    ) -> None:
        _require_methods(optimizer, "optimizer", ("begin", "ask", "tell"))
        if extrapolator is None:
            from nascurve.lce.auto import Auto

            extrapolator = Auto()
        _require_methods(extrapolator, "extrapolator", ("fit", "predict"))
        self._schedule = build_schedule(
            promotion,
            Ranking(ranking, level=ranking_level),
            looks,
            rounds={"e_few": e_few, "extrapolate_to": extrapolate_to},
            top_n={"k": k, "top_n": top_n},
            history={"top_fraction": top_fraction, "n_initial": n_initial},
        )
        self._base = optimizer
        self._base_name = type(optimizer).__name__
        self._extrapolator = extrapolator
        self._report_dropped = options.choice("LCE.report_dropped", report_dropped, REPORTS)
        self._seed = 0 if seed is None else options.integer("LCE.seed", seed, at_least=0)
        self._problem: Problem | None = None

    def begin(self, problem: Problem) -> None:
        """Begin a run without anything of an earlier one. Raises CapabilityError, ConfigError."""
        last = problem.max_epochs
        if last == 1 or problem.fidelities == (last,):
            raise CapabilityError(
                f"LCE needs a benchmark with learning curves, but this one answers for its last epoch "
                f"({last}) only. Run the optimizer without LCE, or choose another benchmark."
            )
        at_epoch = self._schedule.begin(problem)
        self._base.begin(problem)
        self._problem = problem
        self._forecaster = Forecaster(
            self._extrapolator, max_epochs=last, at_epoch=at_epoch, space=problem.space
        )
        self._ledger = Ledger(last)
        self._rng = np.random.default_rng(self._seed)
        self._n_asked = 0

    def ask(self, n: int) -> list[Trial]:
        """At most n trials; fewer while the base waits for evaluations.

        Raises ProtocolError when the base breaks its protocol.
        """
        if self._problem is None:
            self._begun("ask")
        trials: list[Trial] = []
        while len(trials) < n:
            trial = self._ledger.send()
            if trial is not None:
                trials.append(trial)
            elif not self._ask_base(n - len(trials)):
                break
        return trials

    def _ask_base(self, wanted: int) -> bool:
        """Take in new candidates; False when the base has none, because it waits for evaluations.

        When it has fewer than it was asked for, it is told at last of what it was not told of.
        """
        admission = self._schedule.admit(self._n_asked, wanted)
        size, until = checked_admission(admission, self._schedule, self._begun("ask"))
        trials = self._base.ask(size)
        self._check_base_trials(trials, size)
        self._n_asked += len(trials)
        if trials:
            self._ledger.admit(trials, until)
        reports = self._ledger.speak() if len(trials) < size else []
        if reports:
            self._base.tell(reports)
        return bool(trials or reports)

    def _check_base_trials(self, trials: object, size: int) -> None:
        call = f"{self._base_name}.ask({size})"
        if not isinstance(trials, list) or len(trials) > size:
            raise ProtocolError(f"{call}: expected a list of at most {size} trials, got {trials!r:.200}.")
        if not trials and not self._ledger and not self._ledger.n_silent:
            raise ProtocolError(
                f"{call}: expected at least one trial, as it waits for no evaluation; got none."
            )
        ids: set[int] = set()
        for trial in trials:
            if not isinstance(trial, Trial):
                raise ProtocolError(f"{call}: expected Trial objects, got {trial!r:.200}.")
            if trial.epochs is not None and trial.epochs != self._begun("ask").max_epochs:
                raise ProtocolError(
                    f"{call}: LCE decides how long to train, so its base must leave Trial.epochs None; got "
                    f"{trial}. Multi-fidelity optimizers cannot be wrapped."
                )
            if trial.id in self._ledger or trial.id in ids:
                raise ProtocolError(
                    f"{call}: expected new trial ids, got {trial.id}, which is still pending."
                )
            ids.add(trial.id)

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        """Evaluations of trials that `ask` gave out, in any order; `stopped` ones are passed on to the base.

        Raises ProtocolError for any other, and when the extrapolator breaks its protocol.
        """
        self._begun("tell")
        for_base: list[Evaluation] = []
        for evaluation in evaluations:
            run = self._ledger.take_back(evaluation)
            round_ = run.round
            stopped = evaluation.status is Status.STOPPED
            if round_ is None or stopped:
                if not stopped:
                    self._forecaster.add(self._whole_curve(run, evaluation.curve.val_acc), run.trial.arch)
                for_base.append(self._report(run, evaluation, evaluation.status))
            if round_ is not None and (round_.withdraw(run) if stopped else round_.back(run, evaluation)):
                for_base.extend(self._decide(round_))
        if for_base:
            self._base.tell(for_base)

    def _whole_curve(self, run: Run, val_acc: FloatArray) -> FloatArray:
        """What the extrapolator may learn from a run trained to the end. Where that was a training of its
        own, its first epochs are those of the training to the last look, as they are in what is to be
        predicted."""
        if self._begun("tell").resumable or run.early_acc is None:
            return val_acc
        return np.concatenate([run.early_acc, val_acc[len(run.early_acc) :]])

    def _decide(self, round_: Round) -> list[Evaluation]:
        """Let runs of a round that is all back go on as the schedule says; what the base is told of the
        others."""
        looks = [run.prefix for run in round_.runs if run.prefix is not None]
        decision = self._schedule.decide(looks, self._forecaster, self._rng)
        dropped = dict(enumerate(round_.runs))
        together: dict[int, list[Run]] = {}
        for row, until in checked_decision(decision, self._schedule, looks, self._begun("tell")):
            together.setdefault(until, []).append(dropped.pop(row))
        for until, going_on in together.items():
            self._ledger.go_on(round_, going_on, until)
        reports = [self._drop(run, looks[row]) for row, run in dropped.items()]
        return [report for report in reports if report is not None]

    def _drop(self, run: Run, look: Evaluation) -> Evaluation | None:
        """Give up a run; what the base is told, None for nothing."""
        predicted = None
        if self._report_dropped == "predicted" and np.isfinite(look.curve.val_acc[-1]):
            predicted = self._schedule.outcome(look, self._forecaster)
        report = self._report(run, look, Status.STOPPED)
        if predicted is not None:
            mean, std = predicted
            return pseudo_observation(report, mean=mean, std=std, max_epochs=self._begun("tell").max_epochs)
        if self._report_dropped == "nothing":
            self._ledger.silence(report)
            return None
        return report

    def _report(self, run: Run, evaluation: Evaluation, status: Status) -> Evaluation:
        """What the base is told, as of its own trial and from when its first epoch started."""
        self._ledger.close(run)
        report = Evaluation(
            trial=run.trial,
            curve=evaluation.curve,
            started_s=evaluation.started_s if run.started_s is None else run.started_s,
            finished_s=evaluation.finished_s,
            status=status,
        )
        self._schedule.finished(report)
        return report

    def _begun(self, call: str) -> Problem:
        if self._problem is None:
            raise ProtocolError(f"LCE.{call} was called before begin(problem), which simulate() calls.")
        return self._problem

    def state_dict(self) -> State:
        """All but the extrapolator's fit, which follows from the curves kept here."""
        self._begun("state_dict")
        return {
            "n_asked": self._n_asked,
            "rng": self._rng.bit_generator.state,
            "base": self._base.state_dict(),
            "schedule": self._schedule.state_dict(),
            "forecaster": self._forecaster.state_dict(),
            "ledger": self._ledger.state_dict(),
        }

    def load_state_dict(self, state: State) -> None:
        """Go on from `state_dict`, after `begin`. Raises ConfigError for a state of other looks."""
        problem = self._begun("load_state_dict")
        self._schedule.load_state_dict(state["schedule"])
        self._n_asked = state["n_asked"]
        self._rng.bit_generator.state = state["rng"]
        self._base.load_state_dict(state["base"])
        self._forecaster.load_state_dict(state["forecaster"])
        self._ledger.load_state_dict(state["ledger"], problem.space)


def _require_methods(component: object, role: str, methods: tuple[str, ...]) -> None:
    if isinstance(component, type) or not all(callable(getattr(component, name, None)) for name in methods):
        raise ConfigError(
            f"LCE: expected {role} to be an object with the methods {', '.join(methods)}, got "
            f"{component!r:.100}. nascurve.create_{role} builds one from an id."
        )
