"""The simulator's loop: the clock, the budget, and the order of ask and tell."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np

from nascurve.errors import ConfigError, DataFileError, NascurveError, ProtocolError
from nascurve.simulator.arguments import check_arguments
from nascurve.simulator.ledger import Ledger
from nascurve.simulator.result import RunResult
from nascurve.simulator.settings import Settings, refuse_other_config, run_config, saved_config
from nascurve.simulator.state_file import read_state, write_state
from nascurve.simulator.training_run import TrainingRun
from nascurve.simulator.training_seeds import TrainingSeeds
from nascurve.simulator.trajectory import Trajectory
from nascurve.simulator.trial_rules import TrialRules
from nascurve.simulator.types import Benchmark, Evaluation, Optimizer, Problem, State, Trial
from nascurve.simulator.workers import Workers

Progress = Callable[["Simulation"], object]


def _no_progress(simulation: Simulation) -> None:
    pass


class Simulation:
    """A run of a fresh optimizer on a benchmark, step by step; settings and errors as in `simulate`.

    Each `step` asks for as many trials as workers are free, starts them at the present moment of the clock,
    moves the clock to the next finish, and tells the optimizer of that one evaluation. Between steps the run
    can be saved; loaded into a fresh optimizer that was built the same way, it goes on identically.

    time_s: the clock, simulated seconds.  decision_s: real seconds that the optimizer's ask and tell took.
    ended: whether the budget is spent, so that further steps do nothing.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        benchmark: Benchmark,
        *,
        budget_s: float | None = None,
        budget_epochs: int | None = None,
        seed: int = 0,
        workers: int = 1,
        resume: bool = True,
        charge_decisions: bool = False,
        common_noise: bool = True,
        max_evaluations: int | None = None,
        progress: Progress | None = None,
    ) -> None:
        check_arguments(optimizer, benchmark)
        info = benchmark.info
        self.settings = Settings(
            budget_s=budget_s,
            budget_epochs=budget_epochs,
            max_evaluations=max_evaluations,
            seed=seed,
            workers=workers,
            resume=resume,
            charge_decisions=charge_decisions,
            common_noise=common_noise,
        )
        self._budget_s, self._budget_epochs, self._max_evaluations = self.settings.limits()
        self._resume = resume and info.resumable
        self._charge_decisions = charge_decisions
        self._only_seconds_end_it = budget_epochs is None and max_evaluations is None
        self._resumable = info.resumable
        self._problem = Problem(
            space=benchmark.space,
            max_epochs=info.max_epochs,
            fidelities=info.fidelities,
            resumable=info.resumable,
        )
        self._max_epochs = info.max_epochs
        self._optimizer = optimizer
        self._benchmark = benchmark
        self._progress: Progress = _no_progress if progress is None else progress
        self._rules = TrialRules(optimizer, self._problem)

        self._seeds = self._fresh_seeds()
        self._runs: dict[int, TrainingRun] = {}
        self._workers = Workers(self.settings.workers)
        self._ledger = Ledger(benchmark)
        self.time_s = 0.0
        self.decision_s = 0.0
        self.ended = False
        optimizer.begin(self._problem)

    @property
    def n_evaluations(self) -> int:
        return len(self._ledger.rows)

    @property
    def total_epochs(self) -> int:
        return self._ledger.total_epochs

    @property
    def trajectory(self) -> Trajectory:
        return self._ledger.trajectory

    @property
    def fraction_done(self) -> float:
        """The share of the budget that is spent, 0 to 1, of the limit that is nearest."""
        if self.ended:
            return 1.0
        shares = (
            self.time_s / self._budget_s,
            self.total_epochs / self._budget_epochs,
            self.n_evaluations / self._max_evaluations,
        )
        return min(max(shares), 1.0)

    def run(self) -> RunResult:
        """Step until the budget is spent."""
        step, progress = self.step, self._progress
        while step() is not None:
            progress(self)
        return self.result()

    def step(self) -> Evaluation | None:
        """Count the next evaluation and tell the optimizer; None when the budget is spent."""
        if self.ended:
            return None
        workers, ledger = self._workers, self._ledger
        if workers.n_free:
            self._start_trials()
        item = workers.next_to_finish()
        trial, run, epochs, finished_s = item.trial, item.run, item.epochs, item.finished_s
        if finished_s > self._budget_s or ledger.total_epochs + item.charged_epochs > self._budget_epochs:
            self.ended = True
            return None
        val_acc = run.val_acc(epochs)
        evaluation = Evaluation(
            trial=trial, curve=run.observed(epochs), started_s=item.started_s, finished_s=finished_s
        )
        workers.finish_next()
        run.epochs = epochs
        run.pending = False
        if epochs == self._max_epochs or not self._resumable:
            run.drop_curve()
        if finished_s > self.time_s:  # not so when a charged decision lasted beyond it
            self.time_s = finished_s
        ledger.count(
            trial.id,
            trial.arch,
            epochs,
            item.charged_epochs,
            item.started_s,
            finished_s,
            item.charged_s,
            item.worker,
            run.seed,
            val_acc,
        )
        if ledger.total_epochs >= self._budget_epochs or len(ledger.rows) >= self._max_evaluations:
            self.ended = True
        before_s = perf_counter()
        self._optimizer.tell([evaluation])
        self._count_decision(perf_counter() - before_s)
        return evaluation

    def _start_trials(self) -> None:
        asked = self._workers.n_free
        before_s = perf_counter()
        trials = self._optimizer.ask(asked)
        self._count_decision(perf_counter() - before_s)
        self._rules.check_answer(trials, asked, self._workers.n_pending)
        admitted: list[tuple[Trial, TrainingRun, int]] = []
        without_curve: list[tuple[TrainingRun, int]] = []
        for trial in trials:
            epochs = self._rules.epochs(trial, self._runs, asked)
            run = self._runs.get(trial.id)
            if run is None:
                run = self._runs[trial.id] = TrainingRun(trial.arch, self._seeds.draw(trial))
            run.pending = True
            admitted.append((trial, run, epochs))
            if not run.has_curve:
                without_curve.append((run, epochs))
        if without_curve:
            self._attach_curves(without_curve)
        for trial, run, epochs in admitted:
            trained = run.epochs if self._resume else 0
            charged_s = run.cost_s(trained, epochs)
            # going on with a run may be free (one that has diverged): max_epochs bounds how often
            if not trained and self.time_s + charged_s <= self.time_s and self._only_seconds_end_it:
                raise ProtocolError(
                    f"The benchmark {self._benchmark.info.name} charges no time for {str(trial.arch)!r}: a "
                    "run limited by seconds alone might never end. Give budget_epochs or max_evaluations too."
                )
            self._workers.start(
                trial,
                run,
                epochs,
                charged_epochs=epochs - trained,
                started_s=self.time_s,
                charged_s=charged_s,
            )

    def _attach_curves(self, wanted: list[tuple[TrainingRun, int]]) -> None:
        """Ask the benchmark for the curves of training runs that are trained to the given epochs now."""
        query = self._benchmark.query
        if not self._resumable:
            for run, epochs in wanted:
                run.attach(query(run.arch, seed=run.seed, epochs=epochs), epochs)
            return
        if len(wanted) == 1:
            run = wanted[0][0]
            run.attach(query(run.arch, seed=run.seed), self._max_epochs)
            return
        runs = [run for run, _ in wanted]
        curves = self._benchmark.query_many([run.arch for run in runs], [run.seed for run in runs])
        if len(curves) != len(runs):
            raise ProtocolError(
                f"The benchmark {self._benchmark.info.name} broke its protocol in query_many: expected "
                f"{len(runs)} curves, got {len(curves)}."
            )
        for run, curve in zip(runs, curves, strict=True):
            run.attach(curve, self._max_epochs)

    def _count_decision(self, seconds: float) -> None:
        self.decision_s += seconds
        if self._charge_decisions:
            self.time_s += seconds

    def result(self) -> RunResult:
        """What the run has given so far."""
        from nascurve import __version__

        info = self._benchmark.info
        return RunResult(
            trajectory=self.trajectory.copy(),
            evaluations=self._ledger.records(),
            config=self._config(),
            seed=self.settings.seed,
            versions={
                "nascurve": __version__,
                "numpy": np.__version__,
                "python": platform.python_version(),
                info.name: str(info.version),
            },
            total_time_s=self._ledger.last_finish_s,
            total_epochs=self.total_epochs,
            n_evaluations=self.n_evaluations,
            n_cut_off=self._workers.n_pending if self.ended else 0,
            decision_s=self.decision_s,
        )

    def state_dict(self) -> State:
        """All that `load_state_dict` needs, JSON-able. Raises ProtocolError if the optimizer's is not."""
        state = {
            "config": self._config(),
            "optimizer": self._optimizer.state_dict(),
            "time_s": self.time_s,
            "decision_s": self.decision_s,
            "ended": self.ended,
            "evaluations": self._ledger.to_rows(),
            "pending": self._workers.to_rows(),
            "started": self._workers.n_started,
        }
        try:  # through JSON and back: independent of the live objects, and just what a file would hold
            copy: State = json.loads(json.dumps(state))
        except (TypeError, ValueError) as error:
            raise ProtocolError(
                f"Optimizer {type(self._optimizer).__qualname__}: expected a state_dict that JSON can hold, "
                f"but {error}. Make lists of arrays, int and float of numpy numbers, str of architectures."
            ) from error
        return copy

    def load_state_dict(self, state: State) -> None:
        """Go on from a saved state; the optimizer has to be fresh and built as the saved one was.

        Raises ConfigError when the state was saved with other settings, another benchmark or optimizer class,
        DataFileError when it is not a state of a Simulation. Then this run is unchanged, except perhaps for
        its optimizer.
        """
        try:
            refuse_other_config(saved=saved_config(state), now=self._config())
            self._restore(state)
        except ConfigError:
            raise
        except (NascurveError, KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            raise DataFileError(
                "Expected a state that Simulation.state_dict made, for an optimizer built the same way, got "
                f"one that cannot be loaded: {type(error).__name__}: {error}. Start the run anew, or build "
                "the optimizer with the options it had."
            ) from error

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write `state_dict` to a JSON file, atomically. Raises DataFileError when that fails."""
        write_state(path, self.state_dict())

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        optimizer: Optimizer,
        benchmark: Benchmark,
        *,
        progress: Progress | None = None,
    ) -> Simulation:
        """The saved run, with its own settings. The optimizer has to be fresh and built as the saved one.

        Raises DataFileError for a file that is missing, truncated, corrupt or of another kind,
        ConfigError for another benchmark or optimizer class than it was saved with.
        """
        state = read_state(path)
        config = saved_config(state)
        settings = {name: config[name] for name in Settings.__dataclass_fields__}
        simulation = cls(optimizer, benchmark, **settings, progress=progress)
        simulation.load_state_dict(state)
        return simulation

    def _fresh_seeds(self) -> TrainingSeeds:
        settings = self.settings
        return TrainingSeeds(
            seed=settings.seed, benchmark=self._benchmark, common_noise=settings.common_noise
        )

    def _config(self) -> dict[str, Any]:
        return run_config(self.settings, self._optimizer, self._benchmark.info)

    def _restore(self, state: State) -> None:
        """Put all together before anything of this run is changed."""
        space = self._problem.space
        ledger = Ledger(self._benchmark)
        ledger.replay(state["evaluations"], space)
        runs: dict[int, TrainingRun] = {}
        for record in ledger.records():
            run = runs.setdefault(record.trial_id, TrainingRun(record.arch, record.training_seed))
            run.epochs = record.epochs
        workers = Workers.from_rows(
            self.settings.workers, state["pending"], int(state["started"]), runs, space.parse
        )
        seeds = self._fresh_seeds()
        seeds.restore(run.arch for run in runs.values())
        time_s, decision_s, ended = float(state["time_s"]), float(state["decision_s"]), bool(state["ended"])
        in_training = workers.in_training()
        if in_training:
            self._attach_curves(in_training)
        self._optimizer.load_state_dict(state["optimizer"])

        self._ledger, self._runs, self._workers, self._seeds = ledger, runs, workers, seeds
        self.time_s, self.decision_s, self.ended = time_s, decision_s, ended
