"""What fully trained curves say of a model's errors: a correction of its location and scale."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from nascurve.simulator.types import FloatArray

_MIN_CURVES = 5
_MIN_REGRESSION = 20
"""Curves before more than a multiple of (learnt - plain median) is added."""
_N_FEATURES = 7
_RIDGE_OF_CONSTANT = 0.3
_ERRORS_TO_BEAT = 3.0
_RIDGES = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 100.0)
_EXPECTED = (
    "0.02 0.06 0.10 0.13 0.17 0.21 0.25 0.30 0.34 0.39 0.43 0.48 0.54 0.60 0.66 0.74 0.82 0.93 1.08 1.36"
)
_OWN_RELATIVE = np.array(_EXPECTED.split(), dtype=np.float64)
"""|N(0, 1)| / 1.645 at levels (i + ½) / 20: residuals in units of half the 90 % interval, as a model expects
them of itself."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Correction:
    """Puts a prediction together from two: `plain`, with the model's own prior, and `learnt`, with the prior
    learnt from the run's curves.

    Its location is the plain median plus a linear function of features of the prefix and of both, its spread
    that of the learnt one, stretched. The learnt prior describes all curves of a run, and widens as it should
    for those that surprise; but its location ranks worse, unless the run's curves prove it better: which
    the regression finds out, since the learnt median is one of its features.

    centre, unit: (d,) of the features. coefficients: (1 + d,), the constant first. stretch: of the spread.
    """

    centre: FloatArray
    unit: FloatArray
    coefficients: FloatArray
    stretch: float

    @classmethod
    def learn(
        cls, prefixes: FloatArray, plain: FloatArray, learnt: FloatArray, truth: FloatArray
    ) -> Correction:
        """From m curves' prefixes (m, e), the quantiles (m, 5) of both predictions for them, the learnt one
        without the curve itself, and what came true (m,). Fewer than 5 curves: `neutral`.

        Weighted ridge regression of truth - plain median on all features, before 20 curves on the difference
        between the two medians alone; its penalty by the exact leave-one-out error. No regression at all,
        unless it lowers that error by more than three standard errors: a correction that does not pay adds
        noise to ranks. The stretch makes the central 90 % interval as wide, about the corrected median, as
        the left-out residuals ask for: their 90 % quantile (with the rank of split conformal prediction) in
        units of half the interval's width, pooled with 20 residuals as the model expects them of itself.
        """
        m = len(truth)
        if m < _MIN_CURVES:
            return cls.neutral()
        features = _features(prefixes, plain, learnt)
        centre, unit = features.mean(axis=0), features.std(axis=0) + 1e-6
        width = learnt[:, 4] - learnt[:, 0]
        weight = 1 / (width + 0.3 * np.median(width) + 1e-9)  # errors in units of what is expected, about
        weight /= weight.mean()
        error = truth - plain[:, 2]
        if m < _MIN_REGRESSION:
            design = features[:, -1:] / unit[-1]
            factor, residual = _regression(design, error, weight, np.empty(0))
            coefficients = np.zeros(1 + _N_FEATURES)
            coefficients[0], coefficients[-1] = factor[0] * centre[-1] / unit[-1], factor[0]
        else:
            design = np.column_stack([np.ones(m), (features - centre) / unit])
            coefficients, residual = _regression(design, error, weight, np.array([_RIDGE_OF_CONSTANT]))
        relative = np.abs(residual) / (0.5 * width + 1e-9)
        pooled = np.sort(np.concatenate([relative, _OWN_RELATIVE]))
        stretch = float(pooled[math.ceil(0.9 * (len(pooled) + 1)) - 1])
        return cls(centre=centre, unit=unit, coefficients=coefficients, stretch=stretch)

    @classmethod
    def neutral(cls) -> Correction:
        """The plain location with the learnt spread."""
        return cls(
            centre=np.zeros(_N_FEATURES),
            unit=np.ones(_N_FEATURES),
            coefficients=np.zeros(1 + _N_FEATURES),
            stretch=1.0,
        )

    def apply(self, prefixes: FloatArray, plain: FloatArray, learnt: FloatArray) -> FloatArray:
        """The quantiles (n, 5), clipped to [0, 1]."""
        features = (_features(prefixes, plain, learnt) - self.centre) / self.unit
        location = plain[:, 2] + self.coefficients[0] + features @ self.coefficients[1:]
        spread = self.stretch * (learnt - learnt[:, 2:3])
        quantiles: FloatArray = np.clip(location[:, np.newaxis] + spread, 0, 1)
        return quantiles


def _regression(
    design: FloatArray, error: FloatArray, weight: FloatArray, first: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Coefficients (d,), and the residuals (m,) of curves left out; all 0, and `error`, where none pays.

    The penalties of the leading coefficients are `first`'s, those of the others are chosen."""
    m, d = design.shape
    best, residual = np.zeros(d), error
    uncorrected = weight * np.abs(error)
    score = float(uncorrected.mean())
    gram = design.T @ (weight[:, np.newaxis] * design)
    for ridge in _RIDGES:
        penalty = np.diag(np.concatenate([first, np.full(d - len(first), ridge)]))
        solver = np.linalg.solve(gram + penalty, design.T * weight)  # (d, m)
        coefficients = solver @ error
        leverage = np.einsum("md,dm->m", design, solver)
        left_out = (error - design @ coefficients) / np.maximum(1 - leverage, 1e-3)
        gain = uncorrected - weight * np.abs(left_out)
        loss = float((weight * np.abs(left_out)).mean())
        if loss < score and float(gain.mean()) > _ERRORS_TO_BEAT * float(gain.std()) / math.sqrt(m):
            best, residual, score = coefficients, left_out, loss
    return best, residual


def _features(prefixes: FloatArray, plain: FloatArray, learnt: FloatArray) -> FloatArray:
    """(n, 7): predicted gain, last value, and relative to it the middle, start and end of the prefix; the
    width of the central half; by how much the learnt median is higher."""
    e = prefixes.shape[1]
    last = prefixes[:, -1]
    half = e // 2
    return np.column_stack(
        [
            plain[:, 2] - last,
            last,
            prefixes[:, half - 1 : half + 1].mean(axis=1) - last,
            prefixes[:, :2].mean(axis=1) - last,
            prefixes[:, -3:].mean(axis=1) - last,
            learnt[:, 3] - learnt[:, 1],
            learnt[:, 2] - plain[:, 2],
        ]
    )
