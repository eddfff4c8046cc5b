"""What training runs are off their architecture's course: total deviation and jitter from epoch to epoch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nascurve.benchmarks.noise.residuals import residual_maker
from nascurve.errors import ConfigError
from nascurve.simulator.types import FloatArray

LEAST_SMOOTHED = 14
"""Epochs below which a run's own smooth (seven degrees of freedom) says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RunResiduals:
    """Residuals of R runs at E epochs; NaN where nothing is known.

    off_course: (R, E). Of an architecture with S >= 2 runs at an epoch: run minus mean over its runs, times
        sqrt(S / (S - 1)). Of one with a single run: run minus its own smooth (natural cubic spline, seven
        degrees of freedom in the root of the epoch), scaled likewise. Independent noise keeps its variance.
    alone: (R,), whether the run's own smooth stands for the course. Then the residuals hold jitter only: how
        far runs of the architecture lie apart as wholes cannot be seen.
    kept_skewness: (R, E), the share of the noise's third cumulant that the residual keeps: residuals of a
        mean over few runs, of which one dips, are off in all of them.
    jitter: (R, E), each epoch's residual less the mean of its neighbours' (at the ends: less the
        neighbour's), scaled so that independent noise keeps its variance. What lasts over epochs is not in
        it.
    """

    off_course: FloatArray
    alone: NDArray[np.bool_]
    kept_skewness: FloatArray
    jitter: FloatArray

    @classmethod
    def of(cls, curves: FloatArray, group: NDArray[np.intp]) -> RunResiduals:
        """curves: (R, E), NaN where a run has no value. group: (R,), each run's architecture, 0 to A - 1."""
        known = np.isfinite(curves)
        counts = _sum_by(known.astype(np.float64), group)
        mean = (_sum_by(np.where(known, curves, 0.0), group) / np.maximum(counts, 1))[group]
        runs = counts[group]
        several = known & (runs >= 2)
        scale = np.sqrt(runs / np.maximum(runs - 1, 1))
        off_course = np.where(several, (curves - mean) * scale, np.nan)
        share = 1 / np.maximum(runs, 1)
        kept = np.where(several, ((1 - share) ** 3 - (runs - 1) * share**3) * scale**3, np.nan)
        alone = counts.max(axis=1)[group] == 1
        jitter = _less_neighbours(off_course)
        _smooth_alone(curves, np.flatnonzero(alone), off_course, kept, jitter)
        return cls(off_course=off_course, alone=alone, kept_skewness=kept, jitter=jitter)


def residuals_of(model: str, curves: FloatArray, group: NDArray[np.intp]) -> RunResiduals:
    """Residuals with something in them. Raises ConfigError, in the model's name, where there is nothing."""
    residuals = RunResiduals.of(curves, group)
    if np.isfinite(residuals.jitter).any():
        return residuals
    raise ConfigError(
        f"{model}: expected an architecture with two runs, or runs of {LEAST_SMOOTHED} epochs or more; got "
        f"single runs of {curves.shape[1]} epochs. Give more runs, or take the noise model 'none'."
    )


def _sum_by(values: FloatArray, group: NDArray[np.intp]) -> FloatArray:
    sums = np.zeros((int(group.max(initial=-1)) + 1, values.shape[1]))
    np.add.at(sums, group, values)
    return sums


def _less_neighbours(residual: FloatArray) -> FloatArray:
    """residual times `_differences`, NaN only where it or a neighbour is."""
    matrix = _differences(residual.shape[1])
    jitter: FloatArray = residual * np.diag(matrix)
    jitter[:, 1:] += residual[:, :-1] * np.diag(matrix, -1)
    jitter[:, :-1] += residual[:, 1:] * np.diag(matrix, 1)
    return jitter


def _differences(n_epochs: int) -> FloatArray:
    """The matrix that takes from each epoch the mean of its neighbours, rows of length 1."""
    matrix = np.eye(n_epochs)
    for epoch in range(n_epochs):
        beside = [place for place in (epoch - 1, epoch + 1) if 0 <= place < n_epochs]
        matrix[epoch, beside] = -1 / len(beside)
    return _unit_rows(matrix)


def _unit_rows(matrix: FloatArray) -> FloatArray:
    return np.asarray(matrix / np.sqrt((matrix**2).sum(axis=1, keepdims=True)))


def _smooth_alone(
    curves: FloatArray, rows: NDArray[np.intp], off_course: FloatArray, kept: FloatArray, jitter: FloatArray
) -> None:
    lengths = np.isfinite(curves[rows]).cumprod(axis=1).sum(axis=1)
    for length in np.unique(lengths[lengths >= LEAST_SMOOTHED]).tolist():
        maker = _unit_rows(residual_maker(np.sqrt(np.arange(1.0, length + 1))))
        those = rows[lengths == length]
        off_course[those, :length] = curves[those, :length] @ maker.T
        kept[those, :length] = (maker**3).sum(axis=1)
        jitter[those, :length] = curves[those, :length] @ _unit_rows(_differences(length) @ maker).T
