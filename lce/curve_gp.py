"""A parametric mean, and a Gaussian process on what it gets wrong, learnt from the curves of this run."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from nascurve import options
from nascurve.lce._inputs import checked_curves, checked_prefixes
from nascurve.lce._levels import LEVELS, MAX_STD
from nascurve.lce._memory import BoundedMemory, content_key, size_on_grid
from nascurve.lce.curve_gp_calibration import STUDENT_DOF, calibration
from nascurve.lce.curve_gp_features import IQR_OF_NORMAL, RobustScaling, describe
from nascurve.lce.curve_gp_regression import GaussianProcess, Hyperparameters, likely_hyperparameters
from nascurve.lce.predictive_distribution import with_quantiles
from nascurve.simulator.types import Extrapolator, FloatArray, Prediction

_MEANS = ("last_value", "power_law", "wpm")
_SCALE_POWERS = (0.0, 0.5, 1.0)
_GROWTH = 1.5
_REMEMBERED = 256
_LARGEST_TARGET = 4.0
_SMALLEST_SPREAD = 1e-5
_N_FITTED = 10.0
"""For `calibration`: hyperparameters and scalings come from the curves whose left-out errors calibrate."""
_CERTAIN_STD = 0.002


@dataclass(frozen=True, slots=True)
class _Base:
    """What the parametric mean says of n prefixes: mean and std (n,), features (n, d)."""

    mean: FloatArray
    std: FloatArray
    features: FloatArray

    def scale(self, power: float) -> FloatArray:
        return (self.std**2 + _CERTAIN_STD**2) ** (power / 2)


@dataclass(frozen=True, slots=True)
class _Choice:
    """What is decided on the first m' curves, for one power of the scale."""

    power: float
    centre: float
    spread: float
    hyperparameters: Hyperparameters
    stretch: float
    log_score: float


@dataclass(frozen=True, slots=True)
class _Fitted:
    scaling: RobustScaling
    choices: tuple[_Choice, ...]
    weights: tuple[float, ...]
    processes: tuple[GaussianProcess, ...]
    scores: FloatArray  # at LEVELS: quantiles of the standardised leave-one-out errors
    score_std: float


class CurveGP:
    """y_T = m(prefix) + s(prefix)^κ · g(features of the prefix) + noise, g a Gaussian process over curves.

    m and s are mean and std of a parametric extrapolator that is never fitted, so that its errors on the
    fitted curves are as large as on new ones. s^κ says how much more a curve that still moves may be off than
    one that has settled. For κ = 0, ½ and 1 there is one process each, with a smooth and a linear covariance
    (`curve_gp_regression`) of features of the prefix (`curve_gp_features`); the three are averaged, with
    weights ∝ exp(`temperature` · m' · mean leave-one-out log score). Errors are cut at 4 times their spread
    (interquartile range / 1.349) before they are learnt from: of 100 real curves, several do what no
    parametric curve foresees.

    It stands for a process over (curve, epoch): if covariance and noise are products of one over curves and
    any one over epochs, the epochs not asked for say nothing, where all fitted curves are complete
    (autokrigeability), so that regression on the errors at the epoch asked for is the exact posterior. Here
    each epoch has its own hyperparameters.

    The distribution: with r the leave-one-out errors (in closed form) in units of their predicted std, the
    quantiles are mean + std·q_r·√(1 + 10/m), where q_r are quantiles of the m values r together with 9 of
    Student's t (`curve_gp_calibration`). Hence heavy and lopsided tails where the curves have them.

    Hyperparameters, scalings and weights are chosen by marginal likelihood on the first m' curves, m' the
    largest of min_curves·1.5^i that is at most m, and remembered by the content of these curves: the rest of
    a fit is a Cholesky factorisation. Features, covariance, its prior, κ and `temperature` were chosen on
    development curves (an even SHA-256 of the architecture's string) of NAS-Bench-NLP and pocket201-mnist,
    and are the same for both.

    With fewer than `min_curves` curves, or with curves shorter than the epoch asked for: the parametric
    extrapolator, fitted on those that there are.

    mean: "last_value", "power_law" or "wpm". min_curves: at least 3. max_curves: of more curves, as many,
    evenly spread, are used, for the cost grows with their cube. temperature: from 0 (equal weights) to 1 (as
    if curves were independent and the score were exact). Raises ConfigError for other values.
    """

    def __init__(
        self, *, mean: str = "power_law", min_curves: int = 5, max_curves: int = 300, temperature: float = 0.2
    ) -> None:
        self._mean = options.choice("CurveGP.mean", mean, _MEANS)
        self._min_curves = options.integer("CurveGP.min_curves", min_curves, at_least=3)
        self._max_curves = options.integer("CurveGP.max_curves", max_curves, at_least=self._min_curves)
        self._temperature = options.real("CurveGP.temperature", temperature, at_least=0, at_most=1)
        self._base = _parametric(self._mean)
        self._fallback = _parametric(self._mean)
        self._curves: FloatArray = np.empty((0, 0))
        self._fitted: dict[tuple[int, int], _Fitted] = {}
        self._bases: BoundedMemory[_Base] = BoundedMemory(_REMEMBERED)
        self._choices: BoundedMemory[tuple[RobustScaling, tuple[_Choice, ...]]] = BoundedMemory(_REMEMBERED)

    def fit(self, curves: FloatArray) -> None:
        """Keep fully trained curves (m, epochs); processes are fitted when `predict` first needs them."""
        curves = checked_curves(curves, self)
        self._fallback.fit(curves)
        if len(curves) > self._max_curves:
            curves = curves[np.linspace(0, len(curves) - 1, self._max_curves).round().astype(int)]
        self._curves = curves.copy()
        self._fitted.clear()

    def predict(self, prefixes: FloatArray, at_epoch: int) -> Prediction:
        """Predict from prefixes (n, e_few) at a later epoch, with quantiles. Raises ConfigError for bad
        input."""
        prefixes = checked_prefixes(prefixes, at_epoch, self)
        if len(self._curves) < self._min_curves or self._curves.shape[1] < at_epoch:
            return with_quantiles(self._fallback.predict(prefixes, at_epoch))
        key = (prefixes.shape[1], at_epoch)
        if key not in self._fitted:
            self._fitted[key] = self._fit(*key)
        fitted = self._fitted[key]
        base = self._describe(prefixes, at_epoch)
        mean = np.zeros(len(prefixes))
        std = np.zeros(len(prefixes))
        features = fitted.scaling(base.features)
        for choice, weight, process in zip(fitted.choices, fitted.weights, fitted.processes, strict=True):
            ahead, ahead_std = _in_accuracy(choice, base, *process.predict(features))
            mean += weight * ahead
            std += weight * ahead_std
        quantiles = mean[:, None] + std[:, None] * fitted.scores
        return Prediction(
            mean=np.clip(mean, 0, 1),
            std=np.minimum(std * fitted.score_std, MAX_STD),
            quantiles=np.clip(quantiles, 0, 1),
            levels=LEVELS,
        )

    def _describe(self, prefixes: FloatArray, at_epoch: int) -> _Base:
        known = self._base.predict(prefixes, at_epoch)
        return _Base(known.mean, known.std, describe(prefixes, known.mean))

    def _fit(self, epochs: int, at_epoch: int) -> _Fitted:
        m = len(self._curves)
        seen = self._curves[:, :epochs]
        target = self._curves[:, at_epoch - 1]
        base = self._bases.get(
            (at_epoch, content_key(seen)), lambda: self._describe(np.ascontiguousarray(seen), at_epoch)
        )
        size = size_on_grid(m, smallest=self._min_curves, growth=_GROWTH)
        first = _Base(base.mean[:size], base.std[:size], base.features[:size])
        key = (epochs, at_epoch, content_key(self._curves[:size]))
        scaling, choices = self._choices.get(key, lambda: _choose(first, target[:size]))
        weights = _weights(choices, self._temperature * size)

        features = scaling(base.features)
        processes = []
        left_out = np.zeros(m)
        left_out_std = np.zeros(m)
        for choice, weight in zip(choices, weights, strict=True):
            units = ((target - base.mean) / base.scale(choice.power) - choice.centre) / choice.spread
            process = GaussianProcess(choice.hyperparameters, features, _cut(units))
            mean, std = _in_accuracy(choice, base, *process.leave_one_out())
            left_out += weight * mean
            left_out_std += weight * std
            processes.append(process)
        scores, score_std = calibration((target - left_out) / left_out_std, n_fitted=_N_FITTED)
        return _Fitted(scaling, choices, weights, tuple(processes), scores, score_std)


def _parametric(name: str) -> Extrapolator:
    if name == "wpm":
        from nascurve.lce.wpm import WPM

        wpm: Extrapolator = WPM()
        return wpm
    if name == "power_law":
        from nascurve.lce.power_law import PowerLaw

        return PowerLaw()
    from nascurve.lce.last_value import LastValue

    return LastValue()


def _cut(units: FloatArray) -> FloatArray:
    return np.clip(units, -_LARGEST_TARGET, _LARGEST_TARGET)


def _in_accuracy(
    choice: _Choice, base: _Base, mean: FloatArray, std: FloatArray
) -> tuple[FloatArray, FloatArray]:
    scale = base.scale(choice.power)
    return (
        base.mean + scale * (choice.centre + choice.spread * mean),
        scale * choice.spread * choice.stretch * std,
    )


def _choose(base: _Base, target: FloatArray) -> tuple[RobustScaling, tuple[_Choice, ...]]:
    scaling = RobustScaling.of(base.features)
    features = scaling(base.features)
    choices = []
    for power in _SCALE_POWERS:
        scale = base.scale(power)
        errors = (target - base.mean) / scale
        low, centre, high = np.percentile(errors, [25, 50, 75])
        spread = max((high - low) / IQR_OF_NORMAL, _SMALLEST_SPREAD)
        units = (errors - centre) / spread
        hyperparameters = likely_hyperparameters(features, _cut(units))
        mean, std = GaussianProcess(hyperparameters, features, _cut(units)).leave_one_out()
        stretch, log_score = _stretched((units - mean) / std)
        log_score -= float(np.log(std * scale * spread).mean())
        choices.append(_Choice(power, float(centre), float(spread), hyperparameters, stretch, log_score))
    return scaling, tuple(choices)


def _stretched(scores: FloatArray) -> tuple[float, float]:
    """The factor by which scores (m,) are best divided to be of Student's t, and their mean log density
    then, up to a constant."""
    factors = np.geomspace(math.exp(-1), math.exp(1.5), 41)
    tail = np.log1p((scores[:, None] / factors) ** 2 / STUDENT_DOF).mean(axis=0)
    log_density = -0.5 * (STUDENT_DOF + 1) * tail - np.log(factors)
    best = int(log_density.argmax())
    return float(factors[best]), float(log_density[best])


def _weights(choices: tuple[_Choice, ...], power: float) -> tuple[float, ...]:
    log_weights = power * np.array([choice.log_score for choice in choices])
    weights = np.exp(log_weights - log_weights.max())
    return tuple((weights / weights.sum()).tolist())
