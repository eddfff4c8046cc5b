"""Complete training runs of a set of architectures, to judge extrapolators on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from nascurve.errors import DataFileError
from nascurve.lce.evaluation.halves import is_reporting
from nascurve.lce.forecaster import bridged
from nascurve.simulator.types import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CurveSet:
    """R complete runs of N architectures.

    keys: (N,), what tells architectures apart; sorted.
    curves: (R, E), accuracies in [0, 1], without NaN.
    architecture: (R,), the place in `keys` of each run's architecture; ascending.
    n_left_out: runs that were left out because they diverged or ended before the last epoch.
    n_below: runs that were left out because of `min_final_acc`.
    reporting: (N,), whether choices of this project were never made on the architecture (`halves`).
    encodings: kind -> (N, d), of the architectures, as far as they are known.
    """

    keys: tuple[str, ...]
    curves: FloatArray
    architecture: NDArray[np.intp]
    reporting: NDArray[np.bool_]
    n_left_out: int = 0
    n_below: int = 0
    encodings: Mapping[str, FloatArray] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        keys: Sequence[str],
        curves: FloatArray,
        *,
        at_epoch: int,
        min_final_acc: float | None = None,
        names: Mapping[str, Sequence[str]] | None = None,
    ) -> CurveSet:
        """From the runs' architectures and their curves (R, E), cut off after `at_epoch`.

        A run without a value at `at_epoch` (diverged, ended before) is left out and counted. A missing value
        before that was not measured: it becomes a point of the straight line between its neighbours in time,
        or the first measured value.

        min_final_acc: runs that end below it are left out, too, and counted apart.
        names: all strings of each architecture, for `reporting`; where they are not given, its key alone.

        Raises DataFileError when no run is left.
        """
        cut = np.array(curves[:, :at_epoch], dtype=np.float64)
        gaps = ~np.isfinite(cut).all(axis=1)
        cut[gaps] = bridged(cut[gaps])
        sound: NDArray[np.bool_] = np.asarray(np.isfinite(cut).all(axis=1))
        if not sound.any():
            raise DataFileError(
                f"expected runs with an accuracy after epoch {at_epoch}, got none among {len(keys)} runs. "
                "Give a smaller at_epoch, or other data."
            )
        used = sound if min_final_acc is None else sound & (cut[:, -1] >= min_final_acc)
        if not used.any():
            raise DataFileError(
                f"expected runs with an accuracy of at least min_final_acc={min_final_acc:g} after epoch "
                f"{at_epoch}, got none; the best has {float(cut[sound, -1].max()):.4g}."
            )
        kept = [key for key, is_used in zip(keys, used.tolist(), strict=True) if is_used]
        ordered = sorted(set(kept))
        number = {key: place for place, key in enumerate(ordered)}
        place = np.array([number[key] for key in kept], dtype=np.intp)
        order = np.argsort(place, kind="stable")
        return cls(
            keys=tuple(ordered),
            curves=cut[used][order],
            architecture=place[order],
            reporting=np.array([is_reporting((names or {}).get(key, [key])) for key in ordered]),
            n_left_out=int((~sound).sum()),
            n_below=int((sound & ~used).sum()),
        )

    @property
    def max_epochs(self) -> int:
        return int(self.curves.shape[1])

    def encoded(self, kind: str | None, runs: NDArray[np.intp]) -> FloatArray | None:
        """Encodings (len(runs), d) of the architectures of runs; None where this kind is not known."""
        if kind is None or kind not in self.encodings:
            return None
        return self.encodings[kind][self.architecture[runs]]
