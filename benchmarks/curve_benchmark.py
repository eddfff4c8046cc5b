"""What the benchmarks that hold whole curves share: checks of the arguments and a memory of the answers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from nascurve.errors import ArchitectureError, CapabilityError, ConfigError
from nascurve.simulator.types import Architecture, BenchmarkInfo, FloatArray, LearningCurve, SearchSpace

_MEMORY = 100_000
"""Curves that are kept; beyond it the memory starts afresh (only spaces larger than any table get there)."""


class CurveBenchmark(ABC):
    """Base of benchmarks that make curves for many (architecture, seed) pairs at once.

    A subclass gives `_make`; `query` and `query_many` check their arguments and remember each curve, so that
    a simulator's repeated query costs one dictionary look-up. Curves are immutable, so sharing is safe.
    Where `info.resumable` is False, it gives `_make_budget` instead.
    """

    def __init__(self, *, info: BenchmarkInfo, space: SearchSpace) -> None:
        self._info = info
        self._space = space
        self._memory: dict[tuple[Architecture, int], LearningCurve] = {}
        self._fidelities = None if info.fidelities is None else frozenset(info.fidelities)
        # of runs that ended before max_epochs, in a benchmark where each fidelity is a training of its own
        self._short: dict[tuple[Architecture, int, int], LearningCurve] = {}

    @property
    def info(self) -> BenchmarkInfo:
        return self._info

    @property
    def space(self) -> SearchSpace:
        return self._space

    def query(self, arch: Architecture, *, seed: int, epochs: int | None = None) -> LearningCurve:
        """The curve of one training run, cut to the first `epochs` when given; of the run with that budget
        where each is a training of its own.

        Raises ArchitectureError for an architecture of another space or one without curves, ConfigError for a
        seed or a number of epochs that does not exist, CapabilityError for epochs that are no fidelity.
        """
        if epochs is not None:
            self._check_epochs(epochs)
            if not self._info.resumable and epochs != self._info.max_epochs:
                return self._query_short(arch, seed, epochs)
        try:
            curve = self._memory[arch, seed]
        except (KeyError, TypeError):  # TypeError: not hashable, so no architecture; told apart below
            curve = self.query_many([arch], [seed])[0]
        return curve if epochs is None else curve.prefix(epochs)

    def _check_epochs(self, epochs: int) -> None:
        if not _is_int(epochs) or not 1 <= epochs <= self._info.max_epochs:
            raise ConfigError(
                f"{self._info.name}: epochs must be a whole number from 1 to {self._info.max_epochs}; "
                f"got {epochs!r}."
            )
        if self._fidelities is not None and epochs not in self._fidelities:
            raise CapabilityError(
                f"{self._info.name} has no accuracy after epoch {epochs}, only after "
                f"{', '.join(map(str, self._info.fidelities or ()))}. Ask for one of these."
            )

    def _query_short(self, arch: Architecture, seed: int, epochs: int) -> LearningCurve:
        try:
            return self._short[arch, seed, epochs]
        except (KeyError, TypeError):
            self._check_pair(arch, seed)
        curve = self._make_budget([arch], [seed], epochs)[0]
        if len(self._short) >= _MEMORY:
            self._short.clear()
        self._short[arch, seed, epochs] = curve
        return curve

    def query_many(self, archs: Sequence[Architecture], seeds: Sequence[int]) -> list[LearningCurve]:
        """`query` for each pair (archs[i], seeds[i]), computed together. Raises as `query` does, and
        ConfigError when the two differ in length."""
        if len(archs) != len(seeds):
            raise ConfigError(
                f"{self._info.name}: query_many needs one seed for each architecture; got {len(archs)} "
                f"architectures and {len(seeds)} seeds."
            )
        memory = self._memory
        wanted = list(zip(archs, seeds, strict=True))
        try:
            new = [pair for pair in dict.fromkeys(wanted) if pair not in memory]
        except TypeError as error:
            stranger = next(arch for arch in archs if not self._space.contains(arch))
            raise self._foreign(stranger) from error
        made: dict[tuple[Architecture, int], LearningCurve] = {}
        if new:
            for arch, seed in new:
                self._check_pair(arch, seed)
            curves = self._make([arch for arch, _ in new], [seed for _, seed in new])
            made = dict(zip(new, curves, strict=True))
            if len(memory) + len(made) > _MEMORY:
                answer = [made.get(pair) or memory[pair] for pair in wanted]
                memory.clear()
                return answer
            memory.update(made)
        return [memory[pair] for pair in wanted]

    def _check_pair(self, arch: object, seed: object) -> None:
        if not self._space.contains(arch):
            raise self._foreign(arch)
        if not _is_int(seed) or seed < 0:  # type: ignore[operator]
            raise ConfigError(
                f"{self._info.name}: seed must be a whole number, 0 or more (the index of a training run); "
                f"got {seed!r}."
            )
        count = self.training_runs(arch)
        if seed >= count:  # type: ignore[operator]
            raise ConfigError(
                f"{self._info.name}: seed must be 0 to {count - 1}: there {'is' if count == 1 else 'are'} "
                f"{count} training run{'' if count == 1 else 's'} of {arch}; got {seed}."
            )

    def _foreign(self, arch: object) -> ArchitectureError:
        return ArchitectureError(
            f"{self._info.name} answers for architectures of the space {self._space.name!r}; got {arch!r} "
            f"({type(arch).__name__}). Make one with bench.space.sample(rng) or bench.space.parse(text)."
        )

    def _make(self, archs: Sequence[Architecture], seeds: Sequence[int]) -> list[LearningCurve]:
        """Curves of distinct pairs; the architectures are in the space and have so many training runs."""
        return self._make_budget(archs, seeds, self._info.max_epochs)

    def _make_budget(
        self, archs: Sequence[Architecture], seeds: Sequence[int], epochs: int
    ) -> list[LearningCurve]:
        """Curves as of `_make`, but of the trainings that end at the fidelity `epochs`."""
        raise NotImplementedError(f"{type(self).__name__} must implement _make or _make_budget.")

    def forget(self) -> None:
        """Drop the remembered curves: for callers that go once through a large benchmark."""
        self._memory.clear()
        self._short.clear()

    def training_runs(self, arch: Architecture) -> int:
        """How many training runs there are of an architecture. Raises ArchitectureError as `query` does."""
        return self._info.n_seeds

    @abstractmethod
    def true_test_acc(self, arch: Architecture) -> float:
        """Final test accuracy, mean over training seeds. For reporting only, never shown to optimizers."""

    @abstractmethod
    def best(self) -> tuple[Architecture, float] | None:
        """The architecture with the best `true_test_acc` and that value; None where it is not known."""


def curve_rows(val_acc: FloatArray, epoch_s: FloatArray, **metrics: FloatArray | None) -> list[LearningCurve]:
    """Learning curves from the rows of freshly computed (n, epochs) arrays, which become read-only.

    Rows are handed over as they are: copying and checking each as the constructor does would take most of the
    time of a large query.
    """
    columns: dict[str, FloatArray | None] = dict.fromkeys(("test_acc", "val_loss", "train_loss"))
    columns |= {"val_acc": val_acc, "epoch_s": epoch_s, **metrics}
    for array in columns.values():
        if array is not None:
            array.setflags(write=False)
    put = object.__setattr__
    curves = []
    for i in range(len(val_acc)):
        curve = object.__new__(LearningCurve)
        for name, array in columns.items():
            put(curve, name, None if array is None else array[i])
        curves.append(curve)
    return curves


def _is_int(value: Any) -> bool:
    return not isinstance(value, bool) and hasattr(value, "__index__")
