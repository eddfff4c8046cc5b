"""Learning-curve extrapolation round any optimizer: Algorithm 2 of NAS-Bench-x11 (Yan et al. 2021)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from nascurve import options
from nascurve.errors import CapabilityError, ConfigError, ProtocolError
from nascurve.lce._epochs import checked_setting, resolve
from nascurve.lce._ledger import Ledger, Run
from nascurve.lce.forecaster import Forecaster
from nascurve.lce.promotion import HistoryThreshold, PromotionRule, TopN
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
    """Algorithm 2 round `optimizer`, itself an `Optimizer`.

    A round: ask the base for k candidates; train each to `e_few`; when all are back, rank them together by
    the extrapolated accuracy; resume the `top_n` best (same trial id) to the end. The base is told of dropped
    candidates at once, as `stopped` with their prefix, and of promoted ones when they finish, as `complete`
    with the curve from epoch 1. The extrapolator is fitted on the runs of this search that were trained to
    the end, and on nothing else. With one worker the next round begins when the promoted ones have finished,
    as in the source; with more, no worker waits: promoted candidates go first, then those of open rounds, and
    then a new round is opened while others still run. Diverged candidates (NaN before e_few) rank last.

    optimizer: the base; its trials must go to the last epoch.
    extrapolator: see `nascurve.simulator.types.Extrapolator`.
    e_few: epochs, or a fraction of E_max in (0, 1), which is rounded to the nearest epoch that the benchmark
        can stop at.
    k, top_n: round size and how many of it are promoted, for promotion="top_n".
    promotion: "top_n"; or "history", the single-candidate rule of the authors' code: a candidate is promoted
        when its prediction beats the smallest of the best `top_fraction` so far, and the first `n_initial`
        candidates are trained to the end; or any `PromotionRule`, which then replaces these four settings.
    extrapolate_to: the epoch to predict, as epochs or fraction; the last one by default. (The authors' code
        predicts an intermediate one in half of its settings.)

    Deviations from the source: a promoted run resumes; nothing is charged twice (unless the benchmark's
    fidelities are trainings of their own, `info.resumable` False). A base that has fewer than k
    candidates at hand gets a smaller round. The differences of "history" are in docs/lce.md.
    Raises ConfigError here and in `begin`, CapabilityError in `begin` where the benchmark has no curves.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        extrapolator: Extrapolator,
        *,
        e_few: int | float,
        k: int = 8,
        top_n: int = 3,
        promotion: Literal["top_n", "history"] | PromotionRule = "top_n",
        top_fraction: float = 0.5,
        n_initial: int = 20,
        extrapolate_to: int | float | None = None,
    ) -> None:
        _require_methods(optimizer, "optimizer", ("begin", "ask", "tell"))
        _require_methods(extrapolator, "extrapolator", ("fit", "predict"))
        self._rule: PromotionRule
        if promotion == "top_n":
            self._rule = TopN(k=k, top_n=top_n)
        elif promotion == "history":
            self._rule = HistoryThreshold(top_fraction=top_fraction, n_initial=n_initial)
        elif isinstance(promotion, PromotionRule):
            name = type(promotion).__name__
            options.integer(f"{name}.round_size", promotion.round_size, at_least=1)
            options.integer(f"{name}.n_initial", promotion.n_initial, at_least=0)
            self._rule = promotion
        else:
            raise ConfigError(
                f"LCE: expected promotion to be 'top_n', 'history' or a PromotionRule, got {promotion!r}."
            )
        self._base = optimizer
        self._base_name = type(optimizer).__name__
        self._extrapolator = extrapolator
        self._e_few_setting = checked_setting(e_few, "e_few")
        self._at_setting = (
            None if extrapolate_to is None else checked_setting(extrapolate_to, "extrapolate_to")
        )
        self._problem: Problem | None = None

    def begin(self, problem: Problem) -> None:
        """Begin a run without anything of an earlier one. Raises CapabilityError, ConfigError."""
        last = problem.max_epochs
        if last == 1 or problem.fidelities == (last,):
            raise CapabilityError(
                f"LCE needs a benchmark with learning curves, but this one answers for its last epoch "
                f"({last}) only. Run the optimizer without LCE, or choose another benchmark."
            )
        e_few = resolve(self._e_few_setting, last, problem.fidelities)
        if e_few >= last:
            raise ConfigError(
                f"LCE: expected e_few below {last}, the benchmark's last epoch, got {e_few}. "
                f"About a fifth of it ({max(1, last // 5)}) is usual."
            )
        if problem.fidelities is not None and e_few not in problem.fidelities:
            raise ConfigError(
                f"LCE: the benchmark cannot stop at e_few={e_few}. "
                f"Valid: {', '.join(str(epoch) for epoch in problem.fidelities if epoch < last)}."
            )
        at_epoch = last if self._at_setting is None else resolve(self._at_setting, last)
        if not e_few < at_epoch <= last:
            raise ConfigError(
                f"LCE: expected extrapolate_to after e_few ({e_few}) and up to the last epoch ({last}), "
                f"got {at_epoch}."
            )
        self._base.begin(problem)
        self._problem = problem
        self._e_few = e_few
        self._forecaster = Forecaster(self._extrapolator, max_epochs=last, at_epoch=at_epoch)
        self._ledger = Ledger(e_few=e_few, max_epochs=last)
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
        """Take in new candidates; False when the base has none, because it waits for evaluations."""
        n_initial = min(self._rule.n_initial - self._n_asked, wanted)
        size = n_initial if n_initial > 0 else self._rule.round_size
        trials = self._base.ask(size)
        self._check_base_trials(trials, size)
        self._n_asked += len(trials)
        if n_initial > 0:
            self._ledger.admit_initial(trials)
        elif trials:
            self._ledger.open_round(trials)
        return bool(trials)

    def _check_base_trials(self, trials: object, size: int) -> None:
        call = f"{self._base_name}.ask({size})"
        if not isinstance(trials, list) or len(trials) > size:
            raise ProtocolError(f"{call}: expected a list of at most {size} trials, got {trials!r:.200}.")
        if not trials and not self._ledger:
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
                    self._forecaster.add(self._whole_curve(run, evaluation.curve.val_acc))
                for_base.append(self._report(run, evaluation, evaluation.status))
            if round_ is not None and (round_.withdraw(run) if stopped else round_.back(run, evaluation)):
                for_base.extend(self._decide(round_.runs))
        if for_base:
            self._base.tell(for_base)

    def _whole_curve(self, run: Run, val_acc: FloatArray) -> FloatArray:
        """What the extrapolator may learn from a run trained to the end. Where that was a training of its
        own, its first epochs are those of the training to e_few, as they are in what is to be predicted."""
        if self._begun("tell").resumable or run.early_acc is None:
            return val_acc
        return np.concatenate([run.early_acc, val_acc[len(run.early_acc) :]])

    def _decide(self, runs: list[Run]) -> list[Evaluation]:
        """Promote runs of a round that is all back; report the others."""
        prefixes = [run.prefix for run in runs if run.prefix is not None]
        curves = np.array([prefix.curve.val_acc for prefix in prefixes])
        prediction = self._forecaster.predict(curves)
        promoted = self._rule.select(prediction, self._forecaster.history)
        dropped = dict(enumerate(runs))
        for row in promoted:
            run = dropped.pop(row, None)
            if run is None:
                raise ProtocolError(
                    f"{type(self._rule).__name__}.select: expected distinct rows, 0 to {len(runs) - 1}, "
                    f"got {list(promoted)}."
                )
            self._ledger.promote(run)
        return [self._report(run, prefixes[row], Status.STOPPED) for row, run in dropped.items()]

    def _report(self, run: Run, evaluation: Evaluation, status: Status) -> Evaluation:
        """What the base is told, as of its own trial and from when its first epoch started."""
        self._ledger.close(run)
        return Evaluation(
            trial=run.trial,
            curve=evaluation.curve,
            started_s=evaluation.started_s if run.started_s is None else run.started_s,
            finished_s=evaluation.finished_s,
            status=status,
        )

    def _begun(self, call: str) -> Problem:
        if self._problem is None:
            raise ProtocolError(f"LCE.{call} was called before begin(problem), which simulate() calls.")
        return self._problem

    def state_dict(self) -> State:
        """All but the extrapolator's fit, which follows from the curves kept here."""
        self._begun("state_dict")
        return {
            "e_few": self._e_few,
            "n_asked": self._n_asked,
            "base": self._base.state_dict(),
            "forecaster": self._forecaster.state_dict(),
            "ledger": self._ledger.state_dict(),
        }

    def load_state_dict(self, state: State) -> None:
        """Go on from `state_dict`, after `begin`. Raises ConfigError for a state of another e_few."""
        problem = self._begun("load_state_dict")
        if state["e_few"] != self._e_few:
            raise ConfigError(
                f"LCE: the state was saved with e_few={state['e_few']}, expected {self._e_few}. "
                "Build the optimizer with the settings it was saved with."
            )
        self._n_asked = state["n_asked"]
        self._base.load_state_dict(state["base"])
        self._forecaster.load_state_dict(state["forecaster"])
        self._ledger.load_state_dict(state["ledger"], problem.space)


def _require_methods(component: object, role: str, methods: tuple[str, ...]) -> None:
    if isinstance(component, type) or not all(callable(getattr(component, name, None)) for name in methods):
        raise ConfigError(
            f"LCE: expected {role} to be an object with the methods {', '.join(methods)}, got "
            f"{component!r:.100}. nascurve.create_{role} builds one from an id."
        )
