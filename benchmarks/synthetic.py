"""A benchmark of parametric curves from a closed formula, on any search space: the truth is known."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from nascurve import options
from nascurve.benchmarks.curve_benchmark import CurveBenchmark, curve_rows
from nascurve.benchmarks.enumeration import all_architectures
from nascurve.benchmarks.synthetic_traits import TraitModel, Traits, calibrate_tempo_spread, normals, progress
from nascurve.errors import ConfigError
from nascurve.simulator.types import Architecture, BenchmarkInfo, FloatArray, LearningCurve, SearchSpace

_VAL, _TEST = 0, 1


class SyntheticBenchmark(CurveBenchmark):
    """Curves from a formula; `info.kind` is "synthetic".

    Each network (value of `space.key`) has three standard normal traits: quality q, tempo v, price c. A trait
    is `structure` times a random two-layer network of the architecture's encoding, so that neighbours are
    alike and a model can learn it, plus an independent part drawn by hashing the key (see `TraitModel`). With
    E = max_epochs, for epoch t, training seed i:

        a         = low + (high - low) * logistic(1.5 q)                           the final accuracy
        tau       = E/8 * exp(s v)                                                 s: set by `crossing`
        progress  = h(t/tau) / h(E/tau),  h(x) = x^1.5 / (1 + x^1.5)               rises to 1 at t = E
        expected  = low + (a - low) * progress
        curve_m   = clip(expected + noise * (n_i progress + w_t n_imt), 0, 1)      m: validation or test
        w_t       = 1/2 + (1 + cos(pi (t-1) / E)) / 2                              calms down like a cosine
        epoch_s   = mean_epoch_s * exp(cost_spread * c - cost_spread^2 / 2)        the same in every epoch
        c         = .6 q + .8 c'                                                   good networks are dearer

    where n_i (one a run) and n_imt (one for each run, metric and epoch) are standard normal, from a hash of
    key, seed and `data_seed`. So the run's luck n_i is shared by validation and test, the jitter is not.

    space: a search space or its registered id.
    noise: standard deviation of a run's luck, in accuracy.
    crossing: how often early ranks mislead: the share of pairs of distinct networks whose expected accuracies
        after a quarter of the epochs (rounded up) stand in the opposite order to those after E. 0: never. Set
        on the networks of a sample of 1,000 architectures, so that another sample's share differs by its
        sampling error; ConfigError when the curves cannot cross so often.
    cost_spread: standard deviation of the logarithm of the seconds per epoch.
    structure: share of a trait that the encoding determines, in [0, 1] (a correlation).
    encoding: the kind of `space.encode` that determines it; None: the space's default.
    low, high: accuracies between which final ones lie; `low` is also where a curve starts.
    data_seed: another one gives another benchmark of the same make.

    Networks with the same key share everything: in spaces of up to 100,000 architectures their encodings are
    averaged first. In larger ones the architecture's own encoding is used, so there the part that `structure`
    determines is shared only when equal keys have equal encodings; and `best()` is None.
    """

    def __init__(
        self,
        *,
        space: str | SearchSpace = "cell201",
        max_epochs: int = 32,
        n_seeds: int = 3,
        noise: float = 0.01,
        crossing: float = 0.15,
        cost_spread: float = 0.3,
        structure: float = 0.9,
        encoding: str | None = None,
        low: float = 0.1,
        high: float = 0.9,
        mean_epoch_s: float = 1.0,
        data_seed: int = 0,
    ) -> None:

        def integer(name: str, value: object, at_least: int) -> int:
            return options.integer(f"synthetic.{name}", value, at_least=at_least)

        def real(name: str, value: object, at_least: float, at_most: float) -> float:
            return options.real(f"synthetic.{name}", value, at_least=at_least, at_most=at_most)

        max_epochs = integer("max_epochs", max_epochs, 1)
        n_seeds = integer("n_seeds", n_seeds, 1)
        data_seed = integer("data_seed", data_seed, 0)
        noise = real("noise", noise, 0.0, 1.0)
        crossing = real("crossing", crossing, 0.0, 0.5)
        cost_spread = real("cost_spread", cost_spread, 0.0, 5.0)
        structure = real("structure", structure, 0.0, 1.0)
        low, high = real("low", low, 0.0, 1.0), real("high", high, 0.0, 1.0)
        mean_epoch_s = real("mean_epoch_s", mean_epoch_s, 1e-9, 1e9)
        if not low < high:
            raise ConfigError(f"synthetic: low must be less than high; got low={low!r}, high={high!r}.")
        if isinstance(space, str):
            from nascurve.registry import create_search_space

            space = create_search_space(space)
        if isinstance(space, type) or not hasattr(space, "encodings"):
            raise ConfigError(
                f"synthetic.space: expected a search space or its registered id such as 'cell201', got "
                f"{space!r:.100}."
            )
        if encoding is not None:
            encoding = options.choice("synthetic.encoding", encoding, space.encodings)
        details: dict[str, Any] = {
            "noise": noise,
            "crossing": crossing,
            "cost_spread": cost_spread,
            "structure": structure,
            "encoding": encoding or space.encodings[0],
            "low": low,
            "high": high,
            "mean_epoch_s": mean_epoch_s,
            "data_seed": data_seed,
        }
        super().__init__(
            space=space,
            info=BenchmarkInfo(
                name="synthetic",
                version=1,
                kind="synthetic",
                space=space.name,
                max_epochs=max_epochs,
                n_seeds=n_seeds,
                metrics=("val_acc", "test_acc"),
                licence="Apache-2.0",
                citation="none: a formula, see help(nascurve.benchmarks.synthetic.SyntheticBenchmark)",
                description="Parametric learning curves from a closed formula; nothing was trained.",
                training_seeds=tuple(range(n_seeds)),
                details=details,
            ),
        )
        self._noise, self._low, self._high = noise, low, high
        self._cost_spread, self._mean_epoch_s = cost_spread, mean_epoch_s
        self._model = TraitModel(space, encoding=encoding, structure=structure, data_seed=data_seed)
        sample = self._model.sample()
        self._tempo_spread = calibrate_tempo_spread(
            self._final_acc(sample) - self._low, sample.tempo, max_epochs=max_epochs, crossing=crossing
        )
        t = np.arange(1, max_epochs + 1)
        self._epochs = t
        self._calm = 0.5 + (1 + np.cos(np.pi * (t - 1) / max_epochs)) / 2

    def expected_acc(self, archs: Sequence[Architecture]) -> FloatArray:
        """The formula without noise, shape (n, max_epochs): what measured accuracies scatter about."""
        return self._expected(self._model.traits(archs))[0]

    def _final_acc(self, traits: Traits) -> FloatArray:
        return self._low + (self._high - self._low) / (1 + np.exp(-1.5 * traits.quality))

    def _expected(self, traits: Traits) -> tuple[FloatArray, FloatArray]:
        """Expected accuracies and progress, both (n, max_epochs)."""
        done = progress(self._epochs, traits.tempo * self._tempo_spread, self.info.max_epochs)
        return self._low + (self._final_acc(traits) - self._low)[:, None] * done, done

    def _draws(self, keys: Sequence[str], seeds: Sequence[int]) -> FloatArray:
        """Standard normal draws, (n, 1 + 2 max_epochs): a run's luck, then its jitter by metric and epoch."""
        return normals(
            [f"{self._model.salt} run {seed} {key}" for key, seed in zip(keys, seeds, strict=True)],
            1 + 2 * self.info.max_epochs,
        )

    def _noisy(self, traits: Traits, seeds: Sequence[int]) -> tuple[FloatArray, FloatArray]:
        """Validation and test accuracies, both (n, max_epochs)."""
        expected, done = self._expected(traits)
        draws = self._draws(traits.keys, seeds)
        luck = draws[:, :1] * done
        jitter = draws[:, 1:].reshape(len(expected), 2, -1) * self._calm
        val, test = (
            np.clip(expected + self._noise * (luck + jitter[:, metric]), 0.0, 1.0) for metric in (_VAL, _TEST)
        )
        return val, test

    def _make(self, archs: Sequence[Architecture], seeds: Sequence[int]) -> list[LearningCurve]:
        traits = self._model.traits(archs)
        val_acc, test_acc = self._noisy(traits, seeds)
        price = 0.6 * traits.quality + 0.8 * traits.price
        seconds = self._mean_epoch_s * np.exp(self._cost_spread * price - self._cost_spread**2 / 2)
        epoch_s = np.repeat(seconds[:, None], self.info.max_epochs, axis=1)
        return curve_rows(val_acc=val_acc, epoch_s=epoch_s, test_acc=test_acc)

    def true_test_acc(self, arch: Architecture) -> float:
        """Final test accuracy, mean over the training seeds. For reporting only."""
        if not self.space.contains(arch):
            raise self._foreign(arch)
        return float(self._true_test_acc([arch])[0])

    def _true_test_acc(self, archs: Sequence[Architecture]) -> FloatArray:
        traits = self._model.traits(archs)
        finals = [self._noisy(traits, [seed] * len(archs))[1][:, -1] for seed in range(self.info.n_seeds)]
        mean: FloatArray = np.mean(finals, axis=0)
        return mean

    def best(self) -> tuple[Architecture, float] | None:
        """The best architecture by `true_test_acc` and that value; None in a space too large to enumerate."""
        return self._best

    @functools.cached_property
    def _best(self) -> tuple[Architecture, float] | None:
        archs = all_architectures(self.space)
        if archs is None:
            return None
        distinct = list({self.space.key(arch): arch for arch in reversed(archs)}.values())[::-1]
        accuracies = self._true_test_acc(distinct)
        top = int(np.argmax(accuracies))
        return distinct[top], float(accuracies[top])
