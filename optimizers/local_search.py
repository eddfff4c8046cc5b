"""Local search with restarts."""

from __future__ import annotations

import heapq

import numpy as np

from nascurve import options
from nascurve.optimizers.base import AskTellOptimizer
from nascurve.simulator.types import Architecture, SearchSpace, State

Result = tuple[float, int, Architecture]
"""Validation accuracy, trial id, architecture."""


class LocalSearch(AskTellOptimizer):
    """Hill climbing: trains random starts, then walks from the best one through the neighbourhoods.

    The neighbours of the centre are trained in random order. By default the centre moves to the first one
    that is better ("query until improvement"). When the neighbourhood is used up without an improvement, the
    centre is a local optimum, and the search restarts from new random architectures, or expands the best
    architecture not yet expanded.

    Source: White, Nolen, Savani, "Exploring the loss landscape in neural architecture search" (UAI 2021), and
    its code naszilla. Deviations, all for results that come late: the walk begins from the best start told so
    far once all starts are out; any complete result better than the centre is an improvement, from whichever
    trial; while the last neighbours are still being trained, further random starts are drawn, which count for
    the next restart. They change nothing when each trial is told before the next is asked for, as on one
    worker without LCE. They matter on several workers, and inside LCE on one worker too, since it asks for
    its k candidates at once: up to k neighbours of one centre are out before any of them can move it. A trial
    that was given up (STOPPED) is tried, but no improvement.

    n_initial: random architectures before the first walk.
    n_restart: random architectures before each further walk; None means `n_initial`.
    whole_neighborhood: train all neighbours and move to the best one, instead of moving to the first better
    one.
    at_optimum: "restart" from random architectures, or "expand" the best trained one not yet expanded (and
        restart when all are).
    skip_tried: never propose a network (by `space.key`) again; if false, known neighbours are trained again.
    """

    def __init__(
        self,
        space: SearchSpace,
        *,
        rng: np.random.Generator,
        n_initial: int = 10,
        n_restart: int | None = None,
        whole_neighborhood: bool = False,
        at_optimum: str = "restart",
        skip_tried: bool = True,
    ) -> None:
        super().__init__(space, rng=rng)
        self._n_starts = options.integer("n_initial", n_initial, at_least=1)
        self._n_restart = (
            self._n_starts if n_restart is None else options.integer("n_restart", n_restart, at_least=1)
        )
        self._whole = options.flag("whole_neighborhood", whole_neighborhood)
        self._expand = options.choice("at_optimum", at_optimum, ("restart", "expand")) == "expand"
        self._skip_tried = options.flag("skip_tried", skip_tried)
        self._tried: set[str] = set()
        self._starts_asked = 0  # since the last walk began
        self._best_start: Result | None = None
        self._center: Result | None = None
        self._queue: list[Architecture] = []  # neighbours of the centre that are still to be trained
        self._better: Result | None = None  # the best improvement on the centre, in whole neighbourhoods
        self._walkers: set[int] = set()  # pending trials that may improve on the centre
        self._expanded: set[int] = set()
        self._unexpanded: list[tuple[float, int, Architecture]] = []  # heap of (-val_acc, trial id, arch)

    def _propose(self, n: int) -> list[Architecture]:
        return [self._next(trial_id) for trial_id in range(self._next_id, self._next_id + n)]

    def _next(self, trial_id: int) -> Architecture:
        while True:
            if self._center is None:
                if self._starts_asked < self._n_starts or self._best_start is None:
                    return self._start()
                self._n_starts, self._starts_asked = self._n_restart, 0
                self._move(self._best_start)
                self._best_start = None
            neighbor = self._next_neighbor()
            if neighbor is not None:
                self._walkers.add(trial_id)
                return neighbor
            if self._better is not None:
                self._move(self._better)
            elif (best := self._best_unexpanded()) is not None:
                self._move(best)
            elif self._walkers:
                return self._start()
            else:
                self._center = None

    def _start(self) -> Architecture:
        self._starts_asked += 1
        return self._draw_new(self._tried) if self._skip_tried else self._space.sample(self._rng)

    def _next_neighbor(self) -> Architecture | None:
        queue = self._queue
        while queue:
            i = int(self._rng.random() * len(queue))
            neighbor, queue[i] = queue[i], queue[-1]
            queue.pop()
            if not self._skip_tried:
                return neighbor
            key = self._space.key(neighbor)
            if key not in self._tried:
                self._tried.add(key)
                return neighbor
        return None

    def _move(self, result: Result) -> None:
        self._center = result
        self._better = None
        self._queue = list(self._space.neighbors(result[2]))
        if self._expand:
            self._expanded.add(result[1])

    def _best_unexpanded(self) -> Result | None:
        while self._unexpanded:
            minus_val_acc, trial_id, arch = heapq.heappop(self._unexpanded)
            if trial_id not in self._expanded:
                return -minus_val_acc, trial_id, arch
        return None

    def _observe(self, trial_id: int, arch: Architecture, val_acc: float, complete: bool) -> None:
        walker = trial_id in self._walkers
        self._walkers.discard(trial_id)
        if not complete:
            return
        result = (val_acc, trial_id, arch)
        if self._expand:
            heapq.heappush(self._unexpanded, (-val_acc, trial_id, arch))
        if self._center is not None and val_acc > self._center[0]:
            if not self._whole:
                self._move(result)
            elif self._better is None or val_acc > self._better[0]:
                self._better = result
        elif not walker and (self._best_start is None or val_acc > self._best_start[0]):
            self._best_start = result

    def _search_state(self) -> State:
        return {
            "tried": sorted(self._tried),
            "n_starts": self._n_starts,
            "starts_asked": self._starts_asked,
            "best_start": _dump(self._best_start),
            "center": _dump(self._center),
            "queue": [str(arch) for arch in self._queue],
            "better": _dump(self._better),
            "walkers": sorted(self._walkers),
            "expanded": sorted(self._expanded),
            "unexpanded": [[minus, trial_id, str(arch)] for minus, trial_id, arch in self._unexpanded],
        }

    def _restore(self, state: State) -> None:
        parse = self._space.parse
        self._tried = set(state["tried"])
        self._n_starts = state["n_starts"]
        self._starts_asked = state["starts_asked"]
        self._best_start = self._load(state["best_start"])
        self._center = self._load(state["center"])
        self._queue = [parse(text) for text in state["queue"]]
        self._better = self._load(state["better"])
        self._walkers = set(state["walkers"])
        self._expanded = set(state["expanded"])
        self._unexpanded = [(minus, trial_id, parse(text)) for minus, trial_id, text in state["unexpanded"]]

    def _load(self, entry: list[object] | None) -> Result | None:
        if entry is None:
            return None
        val_acc, trial_id, text = entry
        return float(val_acc), int(trial_id), self._space.parse(str(text))  # type: ignore[arg-type, call-overload]


def _dump(result: Result | None) -> list[object] | None:
    return None if result is None else [result[0], result[1], str(result[2])]
