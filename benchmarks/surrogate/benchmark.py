"""A benchmark that answers with the curves of a fitted surrogate."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from nascurve import options
from nascurve.benchmarks.curve_benchmark import CurveBenchmark, curve_rows
from nascurve.benchmarks.enumeration import all_architectures
from nascurve.benchmarks.held_space import HeldSpace
from nascurve.benchmarks.surrogate.curve_data import IntArray
from nascurve.errors import CapabilityError, ConfigError
from nascurve.simulator.types import Architecture, BenchmarkInfo, FloatArray, LearningCurve, SearchSpace

_N_NOISY = 100
_REMEMBERED = 100_000


class _Answer(NamedTuple):
    """Of one architecture: mean curve (E,), seconds of an epoch, share of runs that diverge."""

    mean: FloatArray
    epoch_s: float
    divergence: float


class CurvePredictor(Protocol):
    """What the benchmark asks of a surrogate; see `Surrogate`."""

    @property
    def space(self) -> SearchSpace: ...

    @property
    def n_epochs(self) -> int: ...

    @property
    def early_epochs(self) -> int: ...

    @property
    def facts(self) -> Mapping[str, Any]: ...

    def mean_curves(self, archs: Sequence[Architecture], early: Any = None) -> FloatArray: ...

    def add_noise(
        self, archs: Sequence[Architecture], seeds: Sequence[int], mean_curves: FloatArray
    ) -> FloatArray: ...

    def epoch_s(self, archs: Sequence[Architecture]) -> FloatArray: ...

    def divergence(self, archs: Sequence[Architecture]) -> FloatArray: ...

    def lengths(
        self, archs: Sequence[Architecture], seeds: Sequence[int], divergence: FloatArray
    ) -> IntArray: ...


class SurrogateBenchmark(CurveBenchmark):
    """Answers for every architecture of the surrogate's space, with curves that no one has trained.

    surrogate: a fitted one. name, version: of the benchmark. licence, citation, description: of what it was
        fitted to.
    noise: whether each seed gives another noisy curve. Without noise, every seed gives the mean curve.
    diverge: whether as many noisy curves diverge as is predicted: their accuracies are NaN from an epoch to
        the end, and these epochs cost 0 s, as the training ended there. None: with noise.
    n_seeds: how many noisy curves an architecture has; None: 100 with noise, 1 without.
    first_epochs: for a surrogate that was fitted with early_epochs: a mapping from architecture (or its
        string) to its accuracies after the first epochs, in [0, 1], from real trainings. The benchmark then
        holds these architectures alone (`HeldSpace`). None where the architecture is enough.

    `query(arch, seed=s)` depends on the network that `arch` builds and s alone, the same in every process.
    Curves hold validation accuracy: `true_test_acc` is the *mean curve's validation accuracy* after the last
    epoch, that of runs that do not diverge, since no test accuracy was fitted. `best()` is known where the
    space can be listed, by asking for all of it, and None elsewhere. epoch_s: the predicted seconds; 1 where
    the training runs had none.

    Raises ConfigError for options out of range, CapabilityError for a surrogate that needs first_epochs and
    was given none, or needs none and was given some.
    """

    def __init__(
        self,
        surrogate: CurvePredictor,
        *,
        name: str = "surrogate",
        version: int = 1,
        noise: bool = True,
        diverge: bool | None = None,
        n_seeds: int | None = None,
        first_epochs: Mapping[Any, Sequence[float]] | None = None,
        licence: str = "",
        citation: str = "",
        description: str = "",
        required_files: tuple[str, ...] = (),
        details: Mapping[str, Any] | None = None,
    ) -> None:
        self._surrogate = surrogate
        self._noise = options.flag("noise", noise)
        self._diverge = self._noise if diverge is None else options.flag("diverge", diverge)
        if n_seeds is None:
            n_seeds = _N_NOISY if noise else 1
        n_seeds = options.integer("n_seeds", n_seeds, at_least=1, at_most=_REMEMBERED)
        self._early = _first_accuracies(surrogate, first_epochs, name)
        space = surrogate.space if self._early is None else HeldSpace(surrogate.space, list(self._early))
        self._known: dict[Architecture, _Answer] = {}
        self._best: tuple[Architecture, float] | None = None
        super().__init__(
            space=space,
            info=BenchmarkInfo(
                name=name,
                version=version,
                kind="surrogate",
                space=space.name,
                max_epochs=surrogate.n_epochs,
                n_seeds=n_seeds,
                metrics=("val_acc",),
                licence=licence,
                citation=citation,
                description=description or f"Predicted learning curves over {surrogate.space.name}.",
                required_files=required_files,
                details={
                    **surrogate.facts,
                    "noise": surrogate.facts["settings"]["noise"] if noise else "none: the mean curve",
                    "true_test_acc": "mean predicted validation accuracy after the last epoch, of runs "
                    "that do not diverge; no test accuracy was fitted",
                    **(details or {}),
                },
            ),
        )

    @property
    def surrogate(self) -> CurvePredictor:
        return self._surrogate

    def true_test_acc(self, arch: Architecture) -> float:
        """The mean curve's validation accuracy after the last epoch: no test accuracy was fitted."""
        self._check_pair(arch, 0)
        return float(self._answers([arch])[0].mean[-1])

    def best(self) -> tuple[Architecture, float] | None:
        """The architecture with the best `true_test_acc` and that value, of equals the first; computed at the
        first call. None for a space that cannot be listed."""
        if self._best is None:
            archs = all_architectures(self.space)
            if archs is None:
                return None
            first: dict[str, Architecture] = {}
            for arch in archs:
                first.setdefault(self.space.key(arch), arch)
            distinct = list(first.values())
            final = [answer.mean[-1] for answer in self._answers(distinct)]
            place = int(np.argmax(final))
            self._best = distinct[place], float(final[place])
        return self._best

    def _make(self, archs: Sequence[Architecture], seeds: Sequence[int]) -> list[LearningCurve]:
        known = self._answers(archs)
        means = np.array([answer.mean for answer in known])
        curves = self._surrogate.add_noise(archs, seeds, means) if self._noise else means
        epoch_s = np.repeat([[answer.epoch_s] for answer in known], curves.shape[1], axis=1)
        if self._diverge:
            divergence = np.array([answer.divergence for answer in known])
            lengths = self._surrogate.lengths(archs, seeds, divergence)
            ended = np.arange(curves.shape[1]) >= lengths[:, None]
            curves = np.where(ended, np.nan, curves)
            epoch_s[ended] = 0.0
        return curve_rows(curves, epoch_s)

    def _answers(self, archs: Sequence[Architecture]) -> list[_Answer]:
        """What is predicted of each architecture; computed once."""
        new = [arch for arch in dict.fromkeys(archs) if arch not in self._known]
        made: dict[Architecture, _Answer] = {}
        if new:
            early = None if self._early is None else np.array([self._early[arch] for arch in new])
            columns = (
                self._surrogate.mean_curves(new, early),
                self._surrogate.epoch_s(new).tolist(),
                self._surrogate.divergence(new).tolist(),
            )
            made = {arch: _Answer(*values) for arch, *values in zip(new, *columns, strict=True)}
        answers = [made[arch] if arch in made else self._known[arch] for arch in archs]
        if len(self._known) + len(made) > _REMEMBERED:
            self._known.clear()
        self._known.update(made)
        return answers


def _first_accuracies(
    surrogate: CurvePredictor, given: Mapping[Any, Sequence[float]] | None, name: str
) -> dict[Architecture, tuple[float, ...]] | None:
    n = surrogate.early_epochs
    if not n:
        if given is not None:
            raise CapabilityError(
                f"{name}: this surrogate predicts from the architecture alone; leave first_epochs out."
            )
        return None
    if not given:
        raise CapabilityError(
            f"{name}: this surrogate was fitted with early_epochs={n}: it predicts from accuracies of the "
            f"first {n} epochs, which must come from real trainings. Give first_epochs=, a mapping from "
            "architecture to these; or fit one with early_epochs=0, which answers for the whole space."
        )
    if not isinstance(given, Mapping):
        raise ConfigError(
            f"first_epochs: expected a mapping from architecture to accuracies, got {given!r:.80}."
        )
    known: dict[Architecture, tuple[float, ...]] = {}
    for key, values in given.items():
        arch = surrogate.space.parse(key) if isinstance(key, str) else key
        if not surrogate.space.contains(arch):
            raise ConfigError(
                f"first_epochs: expected architectures of the space {surrogate.space.name!r} or their "
                f"strings as keys, got {key!r:.200}."
            )
        try:
            first = tuple(float(value) for value in values)
        except (TypeError, ValueError):
            first = ()
        if len(first) != n or not all(0 <= value <= 1 and math.isfinite(value) for value in first):
            raise ConfigError(
                f"first_epochs: expected {n} accuracies in [0, 1], one an epoch, got {values!r:.80} for "
                f"{arch!s:.200}."
            )
        known[arch] = first
    return known
