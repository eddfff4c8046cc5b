"""BANANAS: Bayesian optimization with an ensemble of neural predictors."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from nascurve import options
from nascurve.optimizers.acquisitions import ACQUISITIONS, acquire
from nascurve.optimizers.base import AskTellOptimizer
from nascurve.optimizers.ensemble import Ensemble
from nascurve.simulator.types import Architecture, FloatArray, SearchSpace, State

TARGETS = ("standardized", "percent_error")


class Bananas(AskTellOptimizer):
    """Trains `n_initial` random architectures; then, batch by batch, fits an ensemble of networks to the
    results so far, mutates the best architectures, and trains the `batch_size` mutants that the acquisition
    scores best.

    No network (by `space.key`) is proposed twice while others can be found. A batch is chosen when the last
    one has been handed out, whatever is pending, so any `ask(n)` is served. Only complete results are learnt
    from; a trial that was given up (STOPPED) is not proposed again. `n_initial` counts trials asked for, not
    completed; as long as fewer than two results are complete, trials stay random.

    Source: White, Neiswanger, Savani, "BANANAS: Bayesian optimization with neural architectures for neural
    architecture search" (AAAI 2021), and its code naszilla. Deviations (docs/optimizers.md has the
    measurements): the fit is limited to `max_steps` gradient steps under a cosine schedule, which costs a
    fraction and finds architectures as good; mutants are 1 to `max_edits` elementary changes away, where
    naszilla changes each operation with a probability; the path encoding is not truncated. naszilla's own
    settings are `max_features=30` (NAS-Bench-201), `max_steps=None`, `schedule="constant"`,
    `refit_every=10`.

    n_initial: random architectures at the start.
    batch_size: architectures chosen at once.
    refit_every: complete results since the last fit that a new fit waits for.
    acquisition: "its", "ucb", "ei", "pi", "ts" or "exploit"; see `acquisitions.acquire`.
    encoding: one of `space.encodings`; None means "path" where the space has it, else the space's default.
    max_features: use only the first columns of the encoding; None means all.
    n_candidates, n_parents, max_edits: each of the best `n_parents` architectures in turn is mutated
        `n_candidates` times, with 1, 2, … `max_edits` changes by turns, until `n_candidates` new ones are
        found.
    n_random_candidates: random architectures among the candidates.
    members, depth, width, epochs, max_steps, minibatch_size, learning_rate, schedule: see
        `ensemble.Ensemble`.
    target: what the networks learn: "percent_error" (of validation), or that "standardized" to mean 0 and
        standard deviation 1.
    """

    def __init__(
        self,
        space: SearchSpace,
        *,
        rng: np.random.Generator,
        n_initial: int = 10,
        batch_size: int = 10,
        refit_every: int = 5,
        acquisition: str = "its",
        encoding: str | None = None,
        max_features: int | None = None,
        n_candidates: int = 100,
        n_parents: int = 5,
        max_edits: int = 2,
        n_random_candidates: int = 0,
        members: int = 5,
        depth: int = 10,
        width: int = 20,
        epochs: int = 150,
        max_steps: int | None = 300,
        minibatch_size: int = 32,
        learning_rate: float = 0.01,
        schedule: str = "cosine",
        target: str = "percent_error",
    ) -> None:
        super().__init__(space, rng=rng)
        self._n_initial = options.integer("n_initial", n_initial, at_least=1)
        self._batch_size = options.integer("batch_size", batch_size, at_least=1)
        self._refit_every = options.integer("refit_every", refit_every, at_least=1)
        self._acquisition = options.choice("acquisition", acquisition, ACQUISITIONS)
        if encoding is None:
            encoding = "path" if "path" in space.encodings else space.encodings[0]
        self._encoding = options.choice("encoding", encoding, space.encodings)
        self._max_features = (
            None if max_features is None else options.integer("max_features", max_features, at_least=1)
        )
        self._n_candidates = options.integer("n_candidates", n_candidates, at_least=1)
        self._n_parents = options.integer("n_parents", n_parents, at_least=1)
        self._max_edits = options.integer("max_edits", max_edits, at_least=1)
        self._n_random_candidates = options.integer("n_random_candidates", n_random_candidates, at_least=0)
        self._standardize = options.choice("target", target, TARGETS) == "standardized"
        self._ensemble = Ensemble(
            members=members,
            depth=depth,
            width=width,
            epochs=epochs,
            max_steps=max_steps,
            minibatch_size=minibatch_size,
            learning_rate=learning_rate,
            schedule=schedule,
        )
        self._known: set[str] = set()
        self._queue: list[Architecture] = []  # chosen and not yet handed out
        self._archs: list[Architecture] = []  # complete, in the order in which they were told
        self._val_accs: list[float] = []
        # of the first of self._archs, as many as it has rows; single precision, as the networks take them
        self._features: NDArray[np.float32] = np.empty((0, 0), np.float32)
        # The ensemble is a function of the first `fit_size` results and the seed: the state holds these
        # instead of tens of thousands of weights, and after a restore the fit is repeated once it is needed.
        self._fit_size = 0
        self._fit_seed = 0
        self._fitted = False

    def _propose(self, n: int) -> list[Architecture]:
        archs: list[Architecture] = []
        while len(archs) < n:
            if self._queue:
                archs.append(self._queue.pop(0))
            elif self._next_id + len(archs) < self._n_initial or len(self._archs) < 2:
                archs.append(self._draw_new(self._known))
            else:
                self._queue = self._choose(max(self._batch_size, n - len(archs)))
        return archs

    def _observe(self, trial_id: int, arch: Architecture, val_acc: float, complete: bool) -> None:
        if complete:
            self._archs.append(arch)
            self._val_accs.append(val_acc)

    def _choose(self, n: int) -> list[Architecture]:
        """The n candidates with the best scores, best first; filled up at random if there are fewer."""
        if self._fit_size == 0 or len(self._archs) - self._fit_size >= self._refit_every:
            self._fit_size = len(self._archs)
            self._fit_seed = int(self._rng.integers(2**63))
            self._fitted = False
        found = self._candidates(n)
        batch: list[Architecture] = []
        if found:
            keys, archs = list(found), list(found.values())
            best = self._fit_if_needed()
            predictions = -self._ensemble.predict(self._encode(archs))
            scores = acquire(self._acquisition, predictions, best, self._rng)
            chosen = np.argsort(-scores, kind="stable")[:n].tolist()
            self._known.update(keys[i] for i in chosen)
            batch = [archs[i] for i in chosen]
        while len(batch) < n:
            batch.append(self._draw_new(self._known))
        return batch

    def _candidates(self, n: int) -> dict[str, Architecture]:
        """New architectures by key: mutants of the best and random ones; if these are fewer than n, also the
        neighbours of all complete architectures."""
        space, rng = self._space, self._rng
        found: dict[str, Architecture] = {}

        def add(arch: Architecture) -> None:
            key = space.key(arch)
            if key not in self._known:
                found.setdefault(key, arch)

        by_accuracy = sorted(range(len(self._archs)), key=lambda i: -self._val_accs[i])
        for i in by_accuracy[: self._n_parents]:
            edits = itertools.cycle(range(1, self._max_edits + 1))
            for n_edits in itertools.islice(edits, self._n_candidates):
                mutant = self._archs[i]
                for _ in range(n_edits):
                    mutant = space.mutate(mutant, rng)
                add(mutant)
            if len(found) >= self._n_candidates:
                break
        for _ in range(self._n_random_candidates):
            add(space.sample(rng))
        for i in by_accuracy:
            if len(found) >= n:
                break
            for neighbor in space.neighbors(self._archs[i]):
                add(neighbor)
        return found

    def _fit_if_needed(self) -> float:
        """Fits the ensemble unless it is up to date; returns the best target so far, more being better."""
        error = 100 * (1 - np.array(self._val_accs[: self._fit_size]))
        if self._standardize:
            deviation = float(error.std())
            error = (error - error.mean()) / (deviation if deviation > 0 else 1.0)
        if not self._fitted:
            done = len(self._features)
            if done < self._fit_size:
                new = self._encode(self._archs[done : self._fit_size]).astype(np.float32)
                self._features = np.concatenate([self._features, new]) if done else new
            self._ensemble.fit(self._features[: self._fit_size], error, np.random.default_rng(self._fit_seed))
            self._fitted = True
        return -float(error.min())

    def _encode(self, archs: list[Architecture]) -> FloatArray:
        return self._space.encode(archs, self._encoding)[:, : self._max_features]

    def _search_state(self) -> State:
        return {
            "known": sorted(self._known),
            "queue": [str(arch) for arch in self._queue],
            "archs": [str(arch) for arch in self._archs],
            "val_accs": list(self._val_accs),
            "fit_size": self._fit_size,
            "fit_seed": self._fit_seed,
        }

    def _restore(self, state: State) -> None:
        parse = self._space.parse
        self._known = set(state["known"])
        self._queue = [parse(text) for text in state["queue"]]
        self._archs = [parse(text) for text in state["archs"]]
        self._val_accs = list(state["val_accs"])
        self._features = np.empty((0, 0), np.float32)
        self._fit_size = state["fit_size"]
        self._fit_seed = state["fit_seed"]
        self._fitted = False
