"""What the four x11 benchmarks share: queries of a surrogate, with and without noise."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from nascurve import options
from nascurve.benchmarks.curve_benchmark import CurveBenchmark, curve_rows
from nascurve.benchmarks.files.card import OfficialCard
from nascurve.benchmarks.x11.checkpoint import Checkpoint
from nascurve.benchmarks.x11.noise import ResidualNoise
from nascurve.benchmarks.x11.surrogate import CurveSurrogate
from nascurve.errors import CapabilityError, ConfigError
from nascurve.simulator.types import Architecture, BenchmarkInfo, FloatArray, LearningCurve, SearchSpace

_N_NOISY = 100
_REMEMBERED = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What makes one surrogate out of a checkpoint.

    n_features: width of the input. folders: names of the checkpoint's folder. unit: of the raw curves, in
    words.
    """

    n_features: int
    folders: tuple[str, ...]
    unit: str


class X11Benchmark(CurveBenchmark):
    """Base of the benchmarks that answer with curves predicted by a NAS-Bench-x11 checkpoint (v0.5).

    A subclass gives `card`, `setting`, and `_features`, `_epoch_s` and, if it need be, `_metrics`.

    data_dir: the checkpoint's folder (that of one member, of all, or their parent), or the path of one
        `surrogate_model.model`. cache_dir: where the converted cache is written; beside the members when
        None.
    noise: whether each seed gives another noisy curve; when None, if the checkpoint holds a noise model.
        Without noise, curves are the mean of all members, whatever the seed.
    faithful: noise exactly as in the released code, with its known faults. There, a noisy curve is that of
        the first member alone (not the mean), and the draw from the kernel density estimate is clipped to
        +-3 in the units of the curve, halved, and added although the estimate is of prediction minus truth.
        By default a noisy curve is the mean of all members minus an unclipped draw. (In both, the noise is
        that of the truncation only and the same for every architecture: the files hold no other.)
    n_seeds: how many noisy curves an architecture has; when None, 100 with noise and 1 without.

    Noise depends on the architecture's string and the seed alone; the released code draws from NumPy's global
    generator. The surrogates predict validation accuracy only: there is no test accuracy in the curves, and
    `true_test_acc` is the mean predicted validation accuracy after the last epoch.
    """

    card: ClassVar[OfficialCard]
    setting: ClassVar[Setting]

    def __init__(
        self,
        *,
        checkpoint: Checkpoint,
        space: SearchSpace,
        noise: bool | None,
        faithful: bool,
        n_seeds: int | None,
        details: dict[str, Any],
        metrics: tuple[str, ...] = ("val_acc",),
    ) -> None:
        card = self.card
        has_noise = "noise.dataset" in checkpoint.arrays
        noisy = has_noise if noise is None else options.flag("noise", noise)
        if noisy and not has_noise:
            raise CapabilityError(f"{card.id}: this checkpoint holds no noise model; give noise=false.")
        self._faithful = options.flag("faithful", faithful)
        if n_seeds is None:
            n_seeds = _N_NOISY if noisy else 1
        n_seeds = options.integer("n_seeds", n_seeds, at_least=1, at_most=_REMEMBERED)
        with checkpoint.guarded():
            self._surrogate = CurveSurrogate(checkpoint, n_features=self.setting.n_features)
            self._noise = ResidualNoise(checkpoint.arrays) if noisy else None
        self._means: dict[Architecture, FloatArray] = {}
        super().__init__(
            info=BenchmarkInfo(
                name=card.id,
                version=1,
                kind=card.kind,
                space=space.name,
                max_epochs=card.max_epochs,
                n_seeds=n_seeds,
                metrics=metrics,
                licence=card.licence,
                citation=card.citation,
                description=card.description,
                required_files=tuple(file.name for file in card.files),
                details={
                    "members": list(checkpoint.members),
                    "distinct_members": len(set(checkpoint.distinct)),
                    "noise": self._noise_in_words(),
                    "test_acc": "not predicted; true_test_acc is the mean predicted validation accuracy "
                    "after the last epoch",
                    "raw_curves": self.setting.unit,
                    **details,
                },
            ),
            space=space,
        )

    @classmethod
    def _open(cls, data_dir: Any, cache_dir: Any) -> Checkpoint:
        return Checkpoint.open(
            card=cls.card,
            data_dir=None if data_dir is None else options.path("data_dir", data_dir),
            cache_dir=None if cache_dir is None else options.path("cache_dir", cache_dir),
            folders=cls.setting.folders,
            n_features=cls.setting.n_features,
        )

    def _noise_in_words(self) -> str:
        if self._noise is None:
            return "none: the mean of all members"
        if self._faithful:
            return "as released: first member + clip(draw, -3, 3) / 2"
        return "mean of all members - draw"

    @abstractmethod
    def _features(self, archs: Sequence[Architecture]) -> FloatArray:
        """The surrogate's input, (n, n_features). Raises ArchitectureError for one it cannot be made of."""

    @abstractmethod
    def _epoch_s(self, archs: Sequence[Architecture]) -> FloatArray:
        """Seconds of each epoch, (n,)."""

    @abstractmethod
    def _metrics(self, raw: FloatArray) -> dict[str, FloatArray]:
        """Metrics from curves in the surrogate's own units, (n, epochs)."""

    def raw_curves(self, archs: Sequence[Architecture], seeds: Sequence[int] | None = None) -> FloatArray:
        """Predictions as the official `predict` returns them, (n, epochs): in its units, not clipped.

        seeds: None for the mean of all members (`with_noise=False`); otherwise one for each architecture
        (`with_noise=True`). Raises as `query` does, and CapabilityError for seeds without a noise model.
        """
        if seeds is not None and len(seeds) != len(archs):
            raise ConfigError(
                f"{self.info.name}: raw_curves needs one seed for each architecture; got {len(archs)} "
                f"architectures and {len(seeds)} seeds."
            )
        for i, arch in enumerate(archs):
            self._check_pair(arch, 0 if seeds is None else seeds[i])
        if seeds is None:
            return self._mean(archs)
        if self._noise is None:
            raise CapabilityError(f"{self.info.name} was opened without noise; give noise=true for seeds.")
        return self._noisy(archs, seeds, self._noise)

    def predict(self, features: FloatArray) -> FloatArray:
        """Mean raw curves, (n, epochs), for inputs that were made elsewhere: `raw_curves` without cells.

        features: (n, n_features) in the official encoding, finite. Raises ConfigError for others.
        """
        array = np.asarray(features, dtype=np.float64)
        if array.ndim != 2 or array.shape[1] != self.setting.n_features or not np.isfinite(array).all():
            raise ConfigError(
                f"{self.info.name}: predict takes finite features of shape (n, {self.setting.n_features}), "
                f"got {array.shape}."
            )
        return self._surrogate.mean(array)

    def true_test_acc(self, arch: Architecture) -> float:
        """Mean predicted validation accuracy after the last epoch: the surrogates predict no test
        accuracy."""
        self._check_pair(arch, 0)
        return float(self._metrics(self._mean([arch])[:, -1:])["val_acc"][0, 0])

    def best(self) -> tuple[Architecture, float] | None:
        return None

    def _make(self, archs: Sequence[Architecture], seeds: Sequence[int]) -> list[LearningCurve]:
        raw = self._mean(archs) if self._noise is None else self._noisy(archs, seeds, self._noise)
        metrics = self._metrics(raw)
        epoch_s = np.repeat(self._epoch_s(archs)[:, None], raw.shape[1], axis=1)
        return curve_rows(metrics.pop("val_acc"), epoch_s, **metrics)

    def _noisy(self, archs: Sequence[Architecture], seeds: Sequence[int], noise: ResidualNoise) -> FloatArray:
        names = [str(arch) for arch in archs]
        if self._faithful:
            different = list(dict.fromkeys(archs))
            first = dict(zip(different, self._surrogate.first(self._features(different)), strict=True))
            curves = np.stack([first[arch] for arch in archs]) if first else self._mean([])
            return curves + noise.faithful_sample(names, seeds)
        return self._mean(archs) - noise.sample(names, seeds)

    def _mean(self, archs: Sequence[Architecture]) -> FloatArray:
        """Mean raw curves, (n, epochs); computed once for each architecture."""
        new = [arch for arch in dict.fromkeys(archs) if arch not in self._means]
        made = dict(zip(new, self._surrogate.mean(self._features(new)), strict=True)) if new else {}
        curves = np.empty((len(archs), self.info.max_epochs))
        for i, arch in enumerate(archs):
            curves[i] = made[arch] if arch in made else self._means[arch]
        if len(self._means) + len(made) > _REMEMBERED:
            self._means.clear()
        self._means.update(made)
        return curves


def folder(name: str, value: Any) -> Path | None:
    """The option `name`, a path or None."""
    return None if value is None else options.path(name, value)
