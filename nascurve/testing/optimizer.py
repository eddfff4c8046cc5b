"""The contract of optimizers, as a check that any of them can be put through."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable

import numpy as np

from nascurve.errors import ProtocolError
from nascurve.simulator.types import (
    Architecture,
    Evaluation,
    LearningCurve,
    Optimizer,
    Problem,
    SearchSpace,
    Status,
    Trial,
)

BuildOptimizer = Callable[[np.random.Generator], Optimizer]
Record = tuple[int, str, int | None]
"""Id, architecture and epochs of a trial."""
_DIVERGENCE = 32
"""Runs diverge after 0 to 31 epochs, most of them thus later than a curve is long."""


def check_optimizer(
    build: BuildOptimizer,
    space: SearchSpace,
    *,
    max_epochs: int = 8,
    n_trials: int = 40,
    large_ask: int = 100,
    stopped_share: float = 0.3,
) -> None:
    """Put an optimizer through its contract; raises ProtocolError with the first rule that it breaks.

    Trials are well formed (fresh ids or proper resumes, architectures of the space, valid epochs); `ask(n)`
    gives at most n, and some unless it waits for a result; results may come one by one, in any order, many
    at once, STOPPED, and of diverged runs (NaN); a foreign trial is refused and spoils nothing; the same
    generator gives the same trials whatever the global random state; a state taken at any moment survives
    JSON, and a fresh optimizer goes on from it identically. Curves carry no test accuracy, as in a
    simulation.

    build: builds the optimizer on `space` with the given generator: `lambda rng: Mine(space, rng=rng)`.
    max_epochs: length of a full curve.
    n_trials: trials of each run.
    large_ask: trials asked for at once.
    stopped_share: share of the results that are STOPPED, where they may be.
    """
    problem = Problem(space=space, max_epochs=max_epochs)

    sequential = _Run(build, problem, seed=0)
    sequential.go(n_trials, widths=(1,), stopped_share=0.0)
    for share in (0.0, stopped_share):
        _Run(build, problem, seed=1).go(n_trials, widths=(1, 4), stopped_share=share)
    _Run(build, problem, seed=2).go(n_trials, widths=(1, 2, 9), stopped_share=1.0)

    large = _Run(build, problem, seed=3)
    large.go(2 * large_ask, widths=(large_ask, 1), stopped_share=stopped_share)

    _check_foreign_trial(build, problem, n_trials)
    _check_determinism(build, problem, n_trials, stopped_share)
    for n_before in (0, 1, n_trials // 3, n_trials):
        _check_state(build, problem, n_before, n_trials, stopped_share)


def _check_foreign_trial(build: BuildOptimizer, problem: Problem, n_trials: int) -> None:
    run = _Run(build, problem, seed=4)
    run.go(n_trials // 2, widths=(1, 3), stopped_share=0.0)
    arch = problem.space.sample(np.random.default_rng(0))
    foreign = Trial(id=10**9, arch=arch)
    before = _saved(run.optimizer)
    try:
        run.optimizer.tell([_evaluation(foreign, problem.max_epochs, Status.COMPLETE)])
    except ProtocolError:
        pass
    else:
        raise ProtocolError("tell must raise ProtocolError for a trial that ask never gave out; it did not.")
    after = _saved(run.optimizer)
    _require(after == before, "a refused tell must leave the state as it was; it changed it.")
    run.go(n_trials // 2, widths=(1, 3), stopped_share=0.0)


def _check_determinism(build: BuildOptimizer, problem: Problem, n_trials: int, stopped_share: float) -> None:
    records = []
    global_state = np.random.get_state()  # noqa: NPY002 -- to show that nothing depends on it
    try:
        for global_seed in (0, 1):
            np.random.seed(global_seed)  # noqa: NPY002
            run = _Run(build, problem, seed=5)
            run.go(n_trials, widths=(1, 3), stopped_share=stopped_share)
            records.append(run.record)
    finally:
        np.random.set_state(global_state)  # noqa: NPY002
    _require_same(records[0], records[1], "the same generator must give the same trials")
    other = _Run(build, problem, seed=6)
    other.go(n_trials, widths=(1, 3), stopped_share=stopped_share)
    if problem.space.size > n_trials:
        pairs = zip(other.record, records[0], strict=False)
        _require(
            any(a[1] != b[1] for a, b in pairs),
            "another generator must give other architectures; two seeds gave the same.",
        )


def _check_state(
    build: BuildOptimizer, problem: Problem, n_before: int, n_after: int, stopped_share: float
) -> None:
    where = f"a state saved after {n_before} trials"
    original = _Run(build, problem, seed=7)
    if n_before:
        original.go(n_before, widths=(1, 3), stopped_share=stopped_share)
    restored = original.fork(build, json.loads(_saved(original.optimizer)))
    original.go(n_after, widths=(1, 3), stopped_share=stopped_share)
    restored.go(n_after, widths=(1, 3), stopped_share=stopped_share)
    _require_same(original.record, restored.record, f"{where} must go on identically in a fresh optimizer")
    _require(
        _saved(original.optimizer) == _saved(restored.optimizer),
        f"{where} must lead to the same state later on.",
    )
    untouched = _Run(build, problem, seed=7)
    if n_before:
        untouched.go(n_before, widths=(1, 3), stopped_share=stopped_share)
    untouched.go(n_after, widths=(1, 3), stopped_share=stopped_share)
    _require_same(original.record, untouched.record, "state_dict must not change what follows")


class _Run:
    """Asks and tells by a script that depends on the seed alone, and checks each trial."""

    def __init__(self, build: BuildOptimizer, problem: Problem, *, seed: int) -> None:
        self.optimizer = build(np.random.default_rng(seed))
        self.optimizer.begin(problem)
        self.record: list[Record] = []
        self._problem = problem
        self._seed = seed
        self._script = np.random.default_rng([seed, 1])
        self._pending: list[Trial] = []
        self._trained: dict[int, tuple[Architecture, int, bool]] = {}

    def fork(self, build: BuildOptimizer, state: object) -> _Run:
        """A run at the same point, whose fresh optimizer took over `state`."""
        fork = _Run(build, self._problem, seed=self._seed + 1000)
        fork.optimizer.load_state_dict(state)  # type: ignore[arg-type]
        fork.record = list(self.record)
        fork._script.bit_generator.state = self._script.bit_generator.state
        fork._pending = list(self._pending)
        fork._trained = dict(self._trained)
        return fork

    def go(self, n_trials: int, *, widths: tuple[int, ...], stopped_share: float) -> None:
        """Ask for `n_trials` more, of the widths drawn, telling pending ones in random order in between."""
        goal = len(self.record) + n_trials
        while len(self.record) < goal:
            self._ask(int(self._script.choice(widths)))
            # With one width of 1, all are told at once: a run on a single worker.
            keep = 0 if widths == (1,) else int(self._script.integers(0, max(widths)))
            self._tell(max(0, len(self._pending) - keep), stopped_share)

    def _ask(self, n: int) -> None:
        trials = self.optimizer.ask(n)
        _require(isinstance(trials, list), f"ask({n}) must return a list, got {trials!r:.80}.")
        _require(len(trials) <= n, f"ask({n}) must return at most {n} trials, got {len(trials)}.")
        _require(
            len(trials) > 0 or len(self._pending) > 0,
            f"ask({n}) returned no trial while no evaluation is pending: the run can never go on.",
        )
        for trial in trials:
            self._check_trial(trial)
            self._pending.append(trial)
            self.record.append((trial.id, str(trial.arch), trial.epochs))

    def _check_trial(self, trial: Trial) -> None:
        problem = self._problem
        _require(isinstance(trial, Trial), f"ask must return Trials, got {trial!r:.80}.")
        _require(
            isinstance(trial.id, int) and not isinstance(trial.id, bool) and trial.id >= 0,
            f"a trial's id must be an int >= 0, got {trial.id!r}.",
        )
        _require(
            problem.space.contains(trial.arch),
            f"trial {trial.id}: the architecture must be one of {problem.space.name!r}, "
            f"got {trial.arch!r:.80}.",
        )
        epochs = trial.epochs
        _require(
            epochs is None or (isinstance(epochs, int) and 1 <= epochs <= problem.max_epochs),
            f"trial {trial.id}: epochs must be None or an int from 1 to {problem.max_epochs}, "
            f"got {epochs!r}.",
        )
        _require(
            all(trial.id != pending.id for pending in self._pending),
            f"trial {trial.id} was asked for again while it is pending; ids name training runs.",
        )
        if trial.id in self._trained:
            arch, trained, stopped = self._trained[trial.id]
            goal = problem.max_epochs if epochs is None else epochs
            _require(
                trial.arch == arch and goal > trained and not stopped,
                f"trial {trial.id} was told already: it may come again only to resume the same "
                f"architecture, unless stopped, beyond epoch {trained}; got {trial.arch} until epoch {goal}.",
            )

    def _tell(self, n: int, stopped_share: float) -> None:
        evaluations = []
        for _ in range(n):
            trial = self._pending.pop(int(self._script.integers(len(self._pending))))
            goal = self._problem.max_epochs if trial.epochs is None else trial.epochs
            done = self._trained[trial.id][1] if trial.id in self._trained else 0
            stopped = goal - done >= 2 and bool(self._script.random() < stopped_share)
            if stopped:
                goal = done + 1
            self._trained[trial.id] = (trial.arch, goal, stopped)
            evaluations.append(_evaluation(trial, goal, Status.STOPPED if stopped else Status.COMPLETE))
        if self._script.random() < 0.5:
            self.optimizer.tell(evaluations)
        else:
            for evaluation in evaluations:
                self.optimizer.tell([evaluation])


def _saved(optimizer: Optimizer) -> str:
    try:
        return json.dumps(optimizer.state_dict(), sort_keys=True)
    except (TypeError, ValueError) as error:
        raise ProtocolError(f"state_dict must be JSON-able: {error}.") from error


def _evaluation(trial: Trial, epochs: int, status: Status) -> Evaluation:
    """A curve that rises to a final accuracy drawn by hashing the architecture; some turn NaN on the way."""
    drawn = zlib.crc32(str(trial.arch).encode())
    val_acc = drawn / 2**32 * (1 - 0.5 / np.arange(1.0, epochs + 1))
    val_acc[drawn % _DIVERGENCE :] = np.nan
    curve = LearningCurve(val_acc=val_acc, epoch_s=np.ones(epochs))
    return Evaluation(trial=trial, curve=curve, started_s=0.0, finished_s=float(epochs), status=status)


def _require(holds: bool, rule: str) -> None:
    if not holds:
        raise ProtocolError(rule)


def _require_same(expected: list[Record], got: list[Record], rule: str) -> None:
    for i, (a, b) in enumerate(zip(expected, got, strict=False)):
        _require(a == b, f"{rule}: trial number {i} was {a} in one run and {b} in the other.")
    _require(
        len(expected) == len(got), f"{rule}: {len(expected)} trials in one run, {len(got)} in the other."
    )
