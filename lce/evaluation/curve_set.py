"""Complete training runs of a set of architectures, to judge extrapolators on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from nascurve.errors import DataFileError
from nascurve.lce.forecaster import bridged
from nascurve.simulator.types import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CurveSet:
    """R complete runs of N architectures.

    keys: (N,), what tells architectures apart; sorted.
    curves: (R, E), accuracies in [0, 1], without NaN.
    architecture: (R,), the place in `keys` of each run's architecture; ascending.
    n_left_out: runs that were left out because they diverged or ended before the last epoch.
    encodings: kind -> (N, d), of the architectures, as far as they are known.
    """

    keys: tuple[str, ...]
    curves: FloatArray
    architecture: NDArray[np.intp]
    n_left_out: int = 0
    encodings: Mapping[str, FloatArray] = field(default_factory=dict)

    @classmethod
    def of(cls, keys: Sequence[str], curves: FloatArray, *, at_epoch: int) -> CurveSet:
        """From the runs' architectures and their curves (R, E), cut off after `at_epoch`.

        A run without a value at `at_epoch` (diverged, ended before) is left out and counted. A missing value
        before that was not measured: it becomes a point of the straight line between its neighbours in time,
        or the first measured value. Raises DataFileError when no run is left.
        """
        cut = np.array(curves[:, :at_epoch], dtype=np.float64)
        gaps = ~np.isfinite(cut).all(axis=1)
        cut[gaps] = bridged(cut[gaps])
        sound: NDArray[np.bool_] = np.asarray(np.isfinite(cut).all(axis=1))
        kept = [key for key, whole in zip(keys, sound.tolist(), strict=True) if whole]
        if not kept:
            raise DataFileError(
                f"expected runs with an accuracy after epoch {at_epoch}, got none among {len(keys)} runs. "
                "Give a smaller at_epoch, or other data."
            )
        names = sorted(set(kept))
        number = {name: place for place, name in enumerate(names)}
        place = np.array([number[key] for key in kept], dtype=np.intp)
        order = np.argsort(place, kind="stable")
        return cls(
            keys=tuple(names),
            curves=cut[sound][order],
            architecture=place[order],
            n_left_out=int((~sound).sum()),
        )

    @property
    def max_epochs(self) -> int:
        return int(self.curves.shape[1])

    def encoded(self, kind: str | None, runs: NDArray[np.intp]) -> FloatArray | None:
        """Encodings (len(runs), d) of the architectures of runs; None where this kind is not known."""
        if kind is None or kind not in self.encodings:
            return None
        return self.encodings[kind][self.architecture[runs]]
