"""Which training seed each training run gets."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from hashlib import blake2b
from typing import Protocol

import numpy as np

from nascurve.simulator.types import Architecture, Benchmark, Trial

# An optimizer is often built from default_rng(seed) of the same number: these keys keep the streams apart.
_STREAM = (0x7472_6169_6E,)
_PERSON = b"nascurve train"
_BLOCK = 256  # a draw by blocks costs a tenth of as many single draws
_HASH_BITS = 64


class TrainingSeeds:
    """Draws for each new training run one of the training seeds that the benchmark has of its architecture,
    uniformly, so that the noise of training is part of the simulation: an architecture that is trained again
    may get another seed. The draws depend on neither the optimizer's generator nor time.

    common_noise: whether a draw is a function of `seed`, of the architecture's canonical string and of how
        often it has been trained before in this run: common random numbers. The k-th training of an
        architecture then has the same noise under every method that runs with `seed`, whenever it comes: in
        paired differences it cancels as far as methods train the same (Law, Simulation Modeling and Analysis,
        5th ed. 2015, section 11.2, which calls this synchronisation; Glasserman and Yao, Management Science
        38(6), 1992). Otherwise it is a function of `seed` and of the number of the draw.
    """

    def __init__(self, *, seed: int, benchmark: Benchmark, common_noise: bool = True) -> None:
        self._n_seeds = benchmark.info.n_seeds
        self._training_runs: Callable[[Architecture], int] | None = getattr(benchmark, "training_runs", None)
        self._draws: _Draws = _ByArchitecture(seed) if common_noise else _ByNumber(seed)

    def draw(self, trial: Trial) -> int:
        """The training seed, 0 … number of training runs - 1, of a trial whose id is new."""
        n_seeds = self._n_seeds if self._training_runs is None else self._training_runs(trial.arch)
        return self._draws.draw(trial.arch, n_seeds)

    def restore(self, archs: Iterable[Architecture]) -> None:
        """Make fresh draws go on as after the training runs of these architectures, each as often as it was
        trained; their order does not matter."""
        self._draws.restore(archs)


class _Draws(Protocol):
    def draw(self, arch: Architecture, n_seeds: int) -> int: ...

    def restore(self, archs: Iterable[Architecture]) -> None: ...


class _ByArchitecture:
    """A hash of seed, canonical string and earlier trainings: the same in every process, on every machine.

    The string, not `space.key`: it is what equality of architectures means to an optimizer and to the
    simulator; a training's noise then depends on no other architecture, where under the key it would depend
    on which strings of the same network came before; and some keys cost a graph hash.
    """

    def __init__(self, seed: int) -> None:
        self._hash_of_seed = blake2b(f"{seed}\n".encode(), digest_size=_HASH_BITS // 8, person=_PERSON)
        self._of_first = self._continued("0 ")  # most trainings are the first of their architecture
        self._trained: dict[Architecture, int] = {}

    def _continued(self, text: str) -> blake2b:
        hashed = self._hash_of_seed.copy()
        hashed.update(text.encode())
        return hashed

    def draw(self, arch: Architecture, n_seeds: int) -> int:
        if n_seeds == 1:  # nothing to choose: neither hashed nor counted
            return 0
        earlier = self._trained.get(arch, 0)
        self._trained[arch] = earlier + 1
        hashed = self._continued(f"{earlier} ") if earlier else self._of_first.copy()
        hashed.update(str(arch).encode())
        return int.from_bytes(hashed.digest(), "big") * n_seeds >> _HASH_BITS

    def restore(self, archs: Iterable[Architecture]) -> None:
        for arch in archs:
            self._trained[arch] = self._trained.get(arch, 0) + 1


class _ByNumber:
    """A stream of uniform numbers."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=_STREAM))
        self._drawn = 0
        self._block: list[float] = []

    def draw(self, arch: Architecture, n_seeds: int) -> int:
        position = self._drawn % _BLOCK
        if position == 0:
            self._next_block()
        self._drawn += 1
        return int(self._block[position] * n_seeds)

    def _next_block(self) -> None:
        self._block = self._rng.random(_BLOCK).tolist()

    def restore(self, archs: Iterable[Architecture]) -> None:
        self._drawn = sum(1 for _ in archs)
        for _ in range(-(-self._drawn // _BLOCK)):
            self._next_block()
