"""A surrogate: everything that is fitted to training runs, to answer for every architecture of the space."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from nascurve import options
from nascurve.benchmarks.held_space import HeldSpace
from nascurve.benchmarks.surrogate.curve_data import CurveData, IntArray
from nascurve.benchmarks.surrogate.features import Featurizer, featurizer
from nascurve.benchmarks.surrogate.mean.mean_curve import MeanCurve
from nascurve.benchmarks.surrogate.noise.epoch_seconds import EpochSeconds
from nascurve.benchmarks.surrogate.noise.models import create_noise_model, noise_from_arrays
from nascurve.benchmarks.surrogate.noise.noise_model import NoiseModel
from nascurve.benchmarks.synthetic_traits import normals
from nascurve.errors import ArchitectureError, ConfigError, did_you_mean
from nascurve.simulator.types import Architecture, FloatArray, SearchSpace

Blob = np.ndarray[Any, Any] | str | bytes
Part = tuple[dict[str, Any], dict[str, Blob]]
"""A fitted model as JSON-able settings and named arrays, texts or bytes."""

DEFAULTS: Mapping[str, Any] = {
    "models": ["lightgbm", "extratrees"],
    "n_members": 5,
    "compression": "svd",
    "n_components": 5,
    "early_epochs": 0,
    "features": None,
    "noise": "spikes",
}
"""Settings of `Surrogate.fit`: those of `MeanCurve`, and the noise model's id."""
_FACTS = {"source": str, "details": dict, "settings": dict, "seed": int, "training": dict, "versions": dict}
_N_TRIED = 8
_MAX_EPOCHS = 100_000
_LIBRARIES = ("nascurve", "numpy", "scipy", "scikit-learn", "lightgbm", "torch")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Surrogate:
    """Predicts learning curves of validation accuracy for every architecture of `space`. Made by `fit`.

    mean: the mean curve. noise: what a training run is off it. seconds: of an epoch; None where the training
    runs had none: an epoch then costs 1. features: what noise and seconds are predicted from.
    facts: of how it was made, as JSON can hold it: source, details, settings, seed, training (sha256 of the
    runs, their number, architectures, epochs, diverged runs), versions of the libraries.
    """

    space: SearchSpace
    mean: MeanCurve
    noise: NoiseModel
    seconds: EpochSeconds | None
    features: Featurizer
    facts: Mapping[str, Any]

    @classmethod
    def fit(cls, data: CurveData, settings: Mapping[str, Any] | None = None, seed: int = 0) -> Surrogate:
        """Fit mean curve, noise and seconds to training runs. The same arguments, the same surrogate.

        settings: any of `DEFAULTS`. The noise model is fitted to the runs and to predictions of their mean
        curves by members that did not see the run's architecture: to the errors that it will make.

        Raises ConfigError for unknown settings or values out of range, and for data that are too few for
        them (see `MeanCurve`).
        """
        chosen = checked_settings(settings)
        seed = options.integer("seed", seed, at_least=0)
        noise = create_noise_model(chosen["noise"], seed=seed)
        mean = MeanCurve(**{name: value for name, value in chosen.items() if name != "noise"}, seed=seed)
        mean.fit(data)
        features = featurizer(data.space, chosen["features"])
        rows = features.encode(data.archs)
        groups = data.by_arch()
        group = np.empty(len(data), dtype=np.intp)
        for number, own in enumerate(groups):
            group[own] = number
        noise.fit(features=rows, curves=data.val_acc, mean=mean.out_of_fold(), group=group)
        seconds = None
        timed = data.epoch_s > 0  # not of NaN, unknown
        if timed.any():
            seconds = EpochSeconds(seed=seed)
            seconds.fit(rows[timed], data.epoch_s[timed])
        facts = {
            "source": data.source,
            "details": dict(data.details),
            "settings": chosen,
            "seed": seed,
            "training": {
                "sha256": data.sha256,
                "n_runs": len(data),
                "n_architectures": len(groups),
                "n_epochs": data.n_epochs,
                "n_diverged": int(data.diverged.sum()),
                "diverged_after": _epochs_before_divergence(data),
            },
            "versions": library_versions(),
        }
        space = data.space.base if isinstance(data.space, HeldSpace) else data.space
        return cls(space=space, mean=mean, noise=noise, seconds=seconds, features=features, facts=facts)

    @property
    def n_epochs(self) -> int:
        return int(self.facts["training"]["n_epochs"])

    @property
    def early_epochs(self) -> int:
        """How many first accuracies of an architecture a prediction needs besides it."""
        return int(self.facts["settings"]["early_epochs"])

    def mean_curves(self, archs: Sequence[Architecture], early: ArrayLike | None = None) -> FloatArray:
        """Mean curves of n architectures, (n, E) in [0, 1]; a row does not depend on the others.

        early: (n, early_epochs), their accuracies after the first epochs, where the surrogate was fitted with
        such. Raises ConfigError for other shapes or values, ArchitectureError for a stranger to the space.
        """
        self._check(archs)
        return self.mean.predict(archs, self._early(early, len(archs)))

    def add_noise(
        self, archs: Sequence[Architecture], seeds: Sequence[int], mean_curves: FloatArray
    ) -> FloatArray:
        """Training runs about these mean curves, (n, E) in [0, 1]. Row i depends on the network that archs[i]
        builds, seeds[i] and its mean curve alone, the same in every process."""
        keys = [self.space.key(arch) for arch in archs]
        return self.noise.sample(
            features=self.features.encode(archs),
            mean=mean_curves,
            seeds=np.asarray(seeds, dtype=np.int64),
            keys=keys,
        )

    def divergence(self, archs: Sequence[Architecture]) -> FloatArray:
        """(n,), the share of an architecture's training runs that diverge or end early; 0 where no run of the
        training data did."""
        return self.mean.diverged(archs)

    def lengths(
        self, archs: Sequence[Architecture], seeds: Sequence[int], divergence: FloatArray
    ) -> IntArray:
        """(n,), after how many epochs training runs have an accuracy: all, or where a run diverges as many as
        a random diverged run of the training data. Row i depends on network, seed and divergence[i] alone.
        """
        from scipy.special import ndtr

        full = np.full(len(archs), self.n_epochs, dtype=np.int64)
        after = np.array(self.facts["training"]["diverged_after"], dtype=np.int64)
        if not divergence.any() or not len(after):
            return full
        names = [f"divergence {int(seed)} {self.space.key(a)}" for a, seed in zip(archs, seeds, strict=True)]
        chance, place = ndtr(normals(names, 2)).T
        return np.where(chance < divergence, after[(place * len(after)).astype(np.int64)], full)

    def curves(
        self, archs: Sequence[Architecture], seeds: Sequence[int], early: ArrayLike | None = None
    ) -> FloatArray:
        """One training run of each (archs[i], seeds[i]) as it is if it does not diverge, (n, E) in [0, 1].
        Raises as `mean_curves` does."""
        if len(archs) != len(seeds):
            raise ConfigError(
                f"curves: expected one seed for each of {len(archs)} architectures, got {len(seeds)}."
            )
        return self.add_noise(archs, seeds, self.mean_curves(archs, early))

    def epoch_s(self, archs: Sequence[Architecture]) -> FloatArray:
        """Seconds of an epoch, (n,); 1 where the training runs had no times."""
        self._check(archs)
        return (
            np.ones(len(archs)) if self.seconds is None else self.seconds.predict(self.features.encode(archs))
        )

    def parts(self) -> dict[str, Part]:
        """The fitted models, to be stored."""
        parts: dict[str, Any] = {"mean": self.mean.to_arrays(), "noise": self.noise.to_arrays()}
        if self.seconds is not None:
            parts["seconds"] = self.seconds.to_arrays()
        return parts

    @classmethod
    def from_parts(cls, space: SearchSpace, parts: Mapping[str, Part], facts: Mapping[str, Any]) -> Surrogate:
        """The surrogate that gave these `parts` and has these facts. Runs no code of them. Raises ValueError,
        KeyError or TypeError for parts that are none, or do not fit each other."""
        for name, kind in _FACTS.items():
            if not isinstance(facts[name], kind):
                raise ValueError(f"{name} is no {kind.__name__}")
        chosen = checked_settings(facts["settings"])
        of_mean = parts["mean"][0]
        if any(of_mean[name] != value for name, value in chosen.items() if name != "noise"):
            raise ValueError("a mean curve with other settings than the surrogate's")
        if not 0 <= chosen["early_epochs"] < facts["training"]["n_epochs"] <= _MAX_EPOCHS:
            raise ValueError("early epochs or epochs out of range")
        if parts["noise"][0]["id"] != chosen["noise"]:
            raise ValueError("another noise model than the settings name")
        if any(type(epochs) is not int for epochs in facts["training"]["diverged_after"]):
            raise ValueError("diverged_after is no list of whole numbers")
        mean = MeanCurve.from_arrays(*parts["mean"], space)
        noise = noise_from_arrays(*_arrays_only(parts["noise"]))
        seconds = None
        if "seconds" in parts:
            seconds = EpochSeconds.from_arrays(*_arrays_only(parts["seconds"]))
        features = featurizer(space, chosen["features"])
        made = cls(space=space, mean=mean, noise=noise, seconds=seconds, features=features, facts=facts)
        with np.errstate(over="raise", invalid="raise", divide="raise"):
            made._try()
        return made

    def _try(self) -> None:
        """A few predictions: parts that do not fit each other fail here."""
        rng = np.random.default_rng(0)
        archs = [self.space.sample(rng) for _ in range(_N_TRIED)]
        early = np.full((_N_TRIED, self.early_epochs), 0.5) if self.early_epochs else None
        curves = self.curves(archs, range(_N_TRIED), early)
        if curves.shape != (_N_TRIED, self.n_epochs) or not ((curves >= 0) & (curves <= 1)).all():
            raise ValueError(f"a surrogate of {self.n_epochs} epochs with curves of {curves.shape[1]}")
        if not (self.epoch_s(archs) >= 0).all():
            raise ValueError("a surrogate that predicts negative seconds")
        lengths = self.lengths(archs, range(_N_TRIED), np.ones(_N_TRIED))
        if not ((lengths >= 0) & (lengths <= self.n_epochs)).all():
            raise ValueError("a surrogate whose runs diverge after other epochs than there are")

    def _check(self, archs: Sequence[Architecture]) -> None:
        for arch in archs:
            if not self.space.contains(arch):
                raise ArchitectureError(
                    f"The surrogate answers for architectures of the space {self.space.name!r}; got "
                    f"{arch!r:.200} ({type(arch).__name__})."
                )

    def _early(self, early: ArrayLike | None, n: int) -> FloatArray | None:
        wanted = self.early_epochs
        if early is None and not wanted:
            return None
        given = np.zeros((n, 0)) if early is None else np.asarray(early, dtype=np.float64)
        if given.shape != (n, wanted) or not ((given >= 0) & (given <= 1)).all():
            raise ConfigError(
                f"early: this surrogate was fitted with early_epochs={wanted}: expected the accuracies of "
                f"the first {wanted} epochs, shape ({n}, {wanted}) in [0, 1], got "
                f"{'none' if early is None else f'shape {given.shape}'}."
            )
        return given if wanted else None


def checked_settings(settings: Mapping[str, Any] | None) -> dict[str, Any]:
    """All settings of `Surrogate.fit`, defaults filled in. Raises ConfigError for an unknown one."""
    given = dict(settings or {})
    for name in given:
        if name not in DEFAULTS:
            raise ConfigError(f"A surrogate has no setting {name!r}. {did_you_mean(str(name), DEFAULTS)}")
    chosen = {**DEFAULTS, **given}
    models = chosen["models"]
    chosen["models"] = list(models) if isinstance(models, (list, tuple)) else [models]
    if chosen["n_members"] == 1:  # anything else that is none is told by MeanCurve
        raise ConfigError(
            "n_members: expected 2 or more, got 1: noise is fitted to predictions of members that did not "
            "see an architecture."
        )
    return chosen


def _arrays_only(part: Part) -> tuple[dict[str, Any], dict[str, np.ndarray[Any, Any]]]:
    settings, blobs = part
    arrays = {name: blob for name, blob in blobs.items() if isinstance(blob, np.ndarray)}
    if len(arrays) < len(blobs):
        raise ValueError(f"texts where arrays belong: {', '.join(sorted(set(blobs) - set(arrays)))}")
    return settings, arrays


def _epochs_before_divergence(data: CurveData) -> list[int]:
    """Of each diverged run, ascending: the epochs before the NaN that goes on to the end."""
    measured = ~np.isnan(data.val_acc[data.diverged])
    last: list[int] = np.where(measured, np.arange(1, data.n_epochs + 1), 0).max(axis=1, initial=0).tolist()
    return sorted(last)


def library_versions() -> dict[str, str]:
    """Of Python, nascurve and the libraries that a fit depends on, where they are installed."""
    found = {"python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
