"""The data types and protocols that all of nascurve shares.

Everyone may import this module; it imports nothing but numpy. Accuracies lie in [0, 1] and more is better;
seconds are per epoch, never cumulative; epochs count from 1 (a curve of n values has seen n epochs, and
`curve.val_acc[n - 1]` is the accuracy after epoch n).
"""

from __future__ import annotations

import enum
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
DataKind = Literal["real", "surrogate", "synthetic"]
State = dict[str, Any]
"""What `state_dict` returns: None, bool, int, float, str, and lists and str-keyed dicts of these; so that
JSON can hold it."""


@runtime_checkable
class Architecture(Hashable, Protocol):
    """A value of one search space: immutable, hashable, equal exactly when its canonical string is.

    `str(arch)` is the canonical string, which `space.parse` reads back.
    """

    def __str__(self) -> str: ...


class SearchSpace(Protocol):
    """What optimizers know of the architectures. All randomness comes from the given generator."""

    @property
    def name(self) -> str: ...

    @property
    def size(self) -> int | float:
        """Number of architectures (canonical strings); a float, possibly inexact, where it is
        astronomical."""

    @property
    def encodings(self) -> tuple[str, ...]:
        """The kinds that `encode` knows, the default first."""

    def sample(self, rng: np.random.Generator) -> Architecture: ...

    def mutate(self, arch: Architecture, rng: np.random.Generator) -> Architecture:
        """A different architecture, one elementary change away."""

    def neighbors(self, arch: Architecture) -> Sequence[Architecture]:
        """All architectures one elementary change away, without `arch`, each once, in a fixed order."""

    def encode(self, archs: Sequence[Architecture], kind: str | None = None) -> FloatArray:
        """Features of shape (n, d); `kind` is one of `encodings`."""

    def parse(self, text: str) -> Architecture:
        """The architecture of a canonical string. Raises ArchitectureError on any other text."""

    def key(self, arch: Architecture) -> str:
        """Equal exactly for architectures that build the same network."""

    def contains(self, arch: object) -> bool: ...


def _read_only(values: Any, name: str, epochs: int | None) -> FloatArray:
    array = np.array(values, dtype=np.float64)
    if array.ndim != 1 or (epochs is not None and len(array) != epochs):
        expected = "(epochs,)" if epochs is None else f"({epochs},)"
        raise ValueError(f"LearningCurve.{name}: expected shape {expected}, got {array.shape}.")
    array.setflags(write=False)
    return array


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LearningCurve:
    """One training run, epoch by epoch. All arrays have shape (epochs,), are copied in and read-only.

    val_acc:    validation accuracy after each epoch, in [0, 1]; of a diverged run it may be NaN, from the
                epoch of divergence to the end. NaN is worse than any number.
    epoch_s:    seconds that each epoch cost (training and evaluation), per epoch.
    test_acc:   test accuracy after each epoch, NaN where it was not measured; None in what optimizers see.
    val_loss, train_loss: where the benchmark has them.
    """

    val_acc: FloatArray
    epoch_s: FloatArray
    test_acc: FloatArray | None = None
    val_loss: FloatArray | None = None
    train_loss: FloatArray | None = None

    def __post_init__(self) -> None:
        val_acc = _read_only(self.val_acc, "val_acc", None)
        object.__setattr__(self, "val_acc", val_acc)
        for name in ("epoch_s", "test_acc", "val_loss", "train_loss"):
            values = getattr(self, name)
            if values is not None:
                object.__setattr__(self, name, _read_only(values, name, len(val_acc)))

    def __len__(self) -> int:
        return len(self.val_acc)

    @property
    def epochs(self) -> int:
        return len(self.val_acc)

    def prefix(self, epochs: int) -> LearningCurve:
        """The first `epochs` epochs, all metrics kept; shares memory with this curve."""
        return self._cut(epochs, keep_test=True)

    def observed(self, epochs: int) -> LearningCurve:
        """The first `epochs` epochs as an optimizer may see them: without test accuracy."""
        return self._cut(epochs, keep_test=False)

    def _cut(self, epochs: int, keep_test: bool) -> LearningCurve:
        if not 1 <= epochs <= len(self.val_acc):
            raise ValueError(f"epochs: expected 1 to {len(self.val_acc)}, got {epochs}.")
        cut = object.__new__(LearningCurve)  # slices of read-only arrays are read-only: no copy, no checks
        put = object.__setattr__
        put(cut, "val_acc", self.val_acc[:epochs])
        put(cut, "epoch_s", self.epoch_s[:epochs])
        put(cut, "test_acc", self.test_acc[:epochs] if keep_test and self.test_acc is not None else None)
        put(cut, "val_loss", None if self.val_loss is None else self.val_loss[:epochs])
        put(cut, "train_loss", None if self.train_loss is None else self.train_loss[:epochs])
        return cut


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What an optimizer is told of a benchmark before its first `ask`.

    fidelities: the epochs at which a trial may be stopped, ascending, ending with `max_epochs`; None when
    every epoch from 1 to `max_epochs` will do.
    resumable: as in `BenchmarkInfo`.
    """

    space: SearchSpace
    max_epochs: int
    fidelities: tuple[int, ...] | None = None
    resumable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkInfo:
    """Metadata of a benchmark. `kind` says where its curves come from and is never left out.

    n_seeds: the smallest number of training runs that any architecture has; see `Benchmark.training_runs`.
    fidelities: the epochs that can be asked for, ascending to `max_epochs`; None when every epoch can be.
        Validation accuracy may be NaN, that is not measured, at epochs that are no fidelity.
    resumable: whether a training that goes on beyond an epoch is the one that was stopped there. False where
        each fidelity is a training of its own, with its own schedule (NAS-Bench-101): a run of more epochs
        then starts from nothing and is charged in full, and its curve is measured at its own last epoch.
    """

    name: str
    version: int
    kind: DataKind
    space: str
    max_epochs: int
    n_seeds: int
    metrics: tuple[str, ...]
    fidelities: tuple[int, ...] | None = None
    resumable: bool = True
    licence: str = ""
    citation: str = ""
    description: str = ""
    required_files: tuple[str, ...] = ()
    training_seeds: tuple[int, ...] = ()
    details: dict[str, Any] = field(default_factory=dict, hash=False)


class Benchmark(Protocol):
    """Answers for architectures with learning curves. `seed` is the index of a training run: 0 … n_seeds-1.

    Where some architectures were trained more often than others, a benchmark may have a method
    `training_runs(arch) -> int`, at least `info.n_seeds`: the number of seeds that this one can be asked for.
    """

    @property
    def info(self) -> BenchmarkInfo: ...

    @property
    def space(self) -> SearchSpace: ...

    def query(self, arch: Architecture, *, seed: int, epochs: int | None = None) -> LearningCurve:
        """The curve of one training run, cut to `epochs` when given; where `info.resumable` is False, of the
        run whose last epoch that is. Deterministic in (arch, seed, epochs).

        Raises ArchitectureError for an architecture it cannot answer for, ConfigError for a bad seed or
        epoch, CapabilityError for an epoch that is not among `info.fidelities`.
        """

    def query_many(self, archs: Sequence[Architecture], seeds: Sequence[int]) -> list[LearningCurve]:
        """`query` to the last epoch for each pair (archs[i], seeds[i]), vectorised."""

    def true_test_acc(self, arch: Architecture) -> float:
        """Final test accuracy, mean over training seeds. For reporting only, never shown to optimizers."""

    def best(self) -> tuple[Architecture, float] | None:
        """The architecture with the best `true_test_acc` and that value; None where it is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A request to train one architecture. The id names the training run: a later trial with the same id,
    the same architecture and more epochs resumes that run from its checkpoint.

    id: unique within a run of an optimizer, chosen by the optimizer.
    epochs: train until this epoch; None means the benchmark's last one.
    """

    id: int
    arch: Architecture
    epochs: int | None = None


class Status(enum.StrEnum):
    """How an evaluation ended."""

    COMPLETE = "complete"
    """Trained to the epoch that the trial asked for."""
    STOPPED = "stopped"
    """Given up early by a wrapper (LCE): the curve is a prefix, and no more of it will follow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What came of a trial. `curve` is the run so far from epoch 1, without test accuracy.

    started_s, finished_s: simulated seconds; of a resumed run, the times of this trial alone.
    """

    trial: Trial
    curve: LearningCurve
    started_s: float
    finished_s: float
    status: Status = Status.COMPLETE

    @property
    def val_acc(self) -> float:
        """Validation accuracy after the last epoch trained."""
        return float(self.curve.val_acc[-1])


class Optimizer(Protocol):
    """Ask/tell. Order of calls: `begin` once (or `begin`, then `load_state_dict`), then `ask` and `tell` in
    any interleaving."""

    def begin(self, problem: Problem) -> None:
        """Called once before the first `ask`. Raises CapabilityError or ConfigError when it cannot work
        so."""

    def ask(self, n: int) -> list[Trial]:
        """At most `n` trials, at least one unless it waits for an evaluation that has not been told yet."""

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        """Evaluations of trials that `ask` gave out, in any order. Raises ProtocolError for an unknown
        trial."""

    def state_dict(self) -> State:
        """All that `load_state_dict` needs to go on identically, the generator's state included."""

    def load_state_dict(self, state: State) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prediction:
    """Predicted accuracy at one epoch for n curves. mean, std: (n,). quantiles: (n, q) at `levels` (q,)."""

    mean: FloatArray
    std: FloatArray
    quantiles: FloatArray | None = None
    levels: tuple[float, ...] = ()


class Extrapolator(Protocol):
    """Predicts the accuracy at a later epoch from the first epochs. Always batched over curves."""

    def fit(self, curves: FloatArray) -> None:
        """Learn from fully trained curves of validation accuracy, shape (m, epochs); may do nothing. Each
        call replaces what was learnt before, so an extrapolator carries no state across calls but its
        settings."""

    def predict(self, prefixes: FloatArray, at_epoch: int) -> Prediction:
        """Predict for validation accuracies of shape (n, e_few) the accuracy after epoch `at_epoch`."""
