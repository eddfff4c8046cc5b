"""The schedule that needs no setting: it learns where to stop runs from what became of the others."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

import numpy as np

from nascurve import options
from nascurve.lce._epochs import checked_settings, look_grid
from nascurve.lce._state import decode_floats, encode_floats
from nascurve.lce.adaptive_thresholds import best_thresholds
from nascurve.lce.forecaster import Forecaster
from nascurve.lce.predictive_stops import refuse_other_looks
from nascurve.simulator.types import Evaluation, FloatArray, Problem, State, Status

_FEWEST_ELITE = 3
_KEPT = 64
"""Of the runs trained to the end, this many of the best are remembered."""
_EVERY = 10
"""New candidates after which thresholds are computed anew, where no run has finished meanwhile."""


@dataclass(slots=True)
class _Run:
    """A candidate: predicted means and scores at the looks that it came to, and the accuracy it reached."""

    id: int
    initial: bool
    means: list[float] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    final: float = math.nan


class Adaptive:
    """Each candidate by itself is trained from look to look, and stopped where its score is below the
    threshold of that look. A `Schedule`.

    The score is the predicted mean plus one predicted standard deviation: what the run may reach. The
    thresholds are those that find good runs at the least cost (`best_thresholds`), where good means: like
    the elite, the √m best of the m runs trained to the end so far, at least 3. They are learnt from this
    search alone: from the scores that the elite had at each look, against those of the latest candidates. So
    they follow how much an early look tells on this benchmark and with this extrapolator, and how good the
    base's candidates are by now: where the elite is not told from the others, or all are as good (evolution,
    later on), most are trained to the end, and the base gets its feedback. As only scores of the same
    look are compared, predictions that are all too low do no harm.

    looks: epochs or fractions of E_max, or None for a geometric grid (see docs/lce.md).
    n_initial: how many candidates are trained to the end first.
    window: how many of the latest candidates stand for those to come.

    Cost is counted in epochs, at the mean price: weighing each run's own seconds favours cheap networks,
    which are seldom the best. No decision waits for another run, so no worker is ever idle, and the base is
    told of a stopped run at once. Raises ConfigError.
    """

    def __init__(
        self, *, looks: Sequence[int | float] | None = None, n_initial: int = 5, window: int = 50
    ) -> None:
        self._settings = None if looks is None else checked_settings(looks, "looks")
        self._n_initial = options.integer("Adaptive.n_initial", n_initial, at_least=_FEWEST_ELITE)
        self._window = options.integer("Adaptive.window", window, at_least=10)

    def begin(self, problem: Problem) -> int:
        self._last = problem.max_epochs
        self._looks = look_grid(self._settings, problem)
        epochs = [0, *self._looks, self._last]
        steps = np.diff(epochs) if problem.resumable else epochs[1:]
        self._costs = [float(step) for step in steps]
        self._recent: deque[_Run] = deque(maxlen=self._window)
        self._live: dict[int, _Run] = {}
        self._done: list[_Run] = []
        self._n_seen = self._n_done = 0
        self._thresholds: FloatArray | None = None
        self._n_used = 0
        return self._last

    def admit(self, n_asked: int, wanted: int) -> tuple[int, int]:
        return 1, self._looks[0]

    def decide(
        self, looks: Sequence[Evaluation], forecaster: Forecaster, rng: np.random.Generator
    ) -> Sequence[tuple[int, int]]:
        look = looks[0]
        prediction = forecaster.predict(looks)
        mean, std = float(prediction.mean[0]), float(prediction.std[0])
        if mean == -math.inf:
            return []
        run = self._live.get(look.trial.id)
        if run is None:
            run = _Run(look.trial.id, initial=self._n_seen < self._n_initial)
            self._live[run.id] = run
            self._recent.append(run)
            self._n_seen += 1
        k = len(run.scores)
        run.means.append(mean)
        run.scores.append(mean + std)
        if not run.initial and self._n_done >= _FEWEST_ELITE and mean + std < self._threshold(k):
            return []
        return [(0, self._looks[k + 1] if k + 1 < len(self._looks) else self._last)]

    def _threshold(self, look: int) -> float:
        if self._thresholds is None or self._n_seen >= self._n_used + _EVERY:
            n_elite = max(_FEWEST_ELITE, round(math.sqrt(self._n_done)))
            elite = [run.scores for run in self._done[:n_elite]]
            recent = [run.scores for run in self._recent]
            # the elite once more, so that there is somebody at each look
            self._thresholds = best_thresholds(elite, [*recent, *elite], self._costs)
            self._n_used = self._n_seen
        return float(self._thresholds[look])

    def outcome(self, look: Evaluation, forecaster: Forecaster) -> tuple[float, float]:
        k = self._looks.index(len(look.curve))
        errors = np.array([run.final - run.means[k] for run in self._done])
        return self._live[look.trial.id].means[k] + float(errors.mean()), float(errors.std())

    def finished(self, evaluation: Evaluation) -> None:
        run = self._live.pop(evaluation.trial.id, None)
        final = evaluation.val_acc
        if run is None or evaluation.status is not Status.COMPLETE or not math.isfinite(final):
            return
        run.final = final
        self._done.append(run)
        self._done.sort(key=lambda done: -done.final)
        del self._done[_KEPT:]
        self._n_done += 1
        self._thresholds = None

    def state_dict(self) -> State:
        runs = {run.id: run for run in (*self._recent, *self._live.values(), *self._done)}
        return {
            "looks": list(self._looks),
            "runs": [
                {**asdict(run), "final": encode_floats(np.array([run.final]))[0]} for run in runs.values()
            ],
            "recent": [run.id for run in self._recent],
            "live": list(self._live),
            "done": [run.id for run in self._done],
            "n_seen": self._n_seen,
            "n_done": self._n_done,
            "n_used": self._n_used,
            "thresholds": None if self._thresholds is None else encode_floats(self._thresholds),
        }

    def load_state_dict(self, state: State) -> None:
        """Raises ConfigError for a state of other looks."""
        refuse_other_looks(state["looks"], self._looks)
        runs = {saved["id"]: _Run(**{**saved, "final": float(saved["final"])}) for saved in state["runs"]}
        self._recent = deque((runs[id_] for id_ in state["recent"]), maxlen=self._window)
        self._live = {id_: runs[id_] for id_ in state["live"]}
        self._done = [runs[id_] for id_ in state["done"]]
        self._n_seen, self._n_done = state["n_seen"], state["n_done"]
        self._n_used = state["n_used"]
        saved = state["thresholds"]
        self._thresholds = None if saved is None else decode_floats(saved)
