"""Form of the noise of similar architectures, whatever its scale: what lasts, what jitters, what dips."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nascurve.benchmarks.surrogate.noise.dips import Dips
from nascurve.benchmarks.surrogate.noise.heavy_tails import MOST_KURTOSIS, heavy_tailed
from nascurve.benchmarks.surrogate.noise.joint_residuals import times
from nascurve.benchmarks.surrogate.noise.noise_model import Blobs, stored
from nascurve.benchmarks.surrogate.noise.run_scales import robust_scale, window_mean
from nascurve.simulator.types import FloatArray

LUCK_RANK = 8
_ROWS_AN_EPOCH = 10
_ROWS_A_COMPONENT = 5
_CLIP = 4.0
_LEAST_SCALE = 1e-12
_MOST_JITTER = 0.98
_SURE_SHARE = 0.3
_MOST_SKEWNESS = 3.0
_FAR_LAGS = (4, 5, 6, 7, 8)
_HALF = 2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Regime:
    """Noise of standard deviation T_t, of which jitter makes J_t (both of an architecture, at epoch t):

        sqrt(T_t^2 - J_t^2) sum_k root_tk f_k + J_t (sqrt(1 - v_t) w_t - (l_t - E l_t))

    with standard normal factors f_k (the run's luck), heavy-tailed w_t of variance 1 and excess kurtosis
    tail_t, and losses l_t of dips, of variance v_t.

    total_factor, jitter_factor: (E,), by which predicted scales are multiplied to give T and J.
    root: (E, LUCK_RANK), rows of length 1.
    """

    total_factor: FloatArray
    jitter_factor: FloatArray
    root: FloatArray
    dips: Dips
    tail: FloatArray

    @classmethod
    def fit(
        cls,
        *,
        off_course: FloatArray,
        several: FloatArray,
        jitter: FloatArray,
        kept: FloatArray,
        total_scale: FloatArray,
        jitter_scale: FloatArray,
    ) -> Regime:
        """All (R, E), NaN where nothing is known: residuals; those of them that several runs stand behind;
        their jitter; share of third cumulants that they keep; predicted scales.

        The part of the variance that is jitter, and the luck's correlation, are those of a factor analysis
        (maximum likelihood) of the residuals in predicted standard deviations, cut off at four. With fewer
        than ten complete rows of several runs for each epoch, or where they do not differ enough to be
        told apart by factors, jitter is what `RunResiduals.jitter` says, and
        luck varies as the residuals do when smoothed over five epochs (principal components, one for
        each five rows); with fewer than five rows it is alike at all epochs.
        """
        enough = np.isfinite(several).all(axis=1).sum() >= _ROWS_AN_EPOCH * several.shape[1]
        half = 0 if enough else _HALF
        total_factor = _factor(several, total_scale, half)
        total = np.maximum(total_scale * total_factor, _LEAST_SCALE)
        standard = np.clip(several / total, -_CLIP, _CLIP)
        complete = standard[np.isfinite(standard).all(axis=1)]
        ratio = _mean(jitter_scale**2) / _mean(total**2)
        if enough and np.linalg.matrix_rank(complete) > min(LUCK_RANK, complete.shape[1] - 1):
            root, share = _factors(complete)
            jitter_factor = np.sqrt(share / ratio)
        else:
            root = _smooth_luck(complete)
            jitter_factor = _factor(jitter, jitter_scale, half)
            share = np.minimum(jitter_factor**2 * ratio, _MOST_JITTER**2)
        scale = np.minimum(jitter_scale * jitter_factor, _MOST_JITTER * total)
        scale = np.maximum(scale, _LEAST_SCALE)
        third, lasting = _skewness(off_course / scale, kept, share)
        fourth = _kurtosis(jitter / scale)
        dips = Dips.fit(third, fourth, lasting)
        _, variance, _, of_dips = dips.cumulants()
        tail = np.clip((fourth - of_dips) / (1 - variance) ** 2, 0.0, MOST_KURTOSIS)
        return cls(total_factor=total_factor, jitter_factor=jitter_factor, root=root, dips=dips, tail=tail)

    def noise(self, total_scale: FloatArray, jitter_scale: FloatArray, normal: FloatArray) -> FloatArray:
        """(n, E), from predicted scales (n, E) and standard normal draws (n, LUCK_RANK + 2 E)."""
        n_epochs = len(self.tail)
        total = total_scale * self.total_factor
        jitter = np.minimum(jitter_scale * self.jitter_factor, _MOST_JITTER * total)
        luck = times(normal[:, :LUCK_RANK], self.root)
        expected, variance, _, _ = self.dips.cumulants()
        core = heavy_tailed(normal[:, LUCK_RANK : LUCK_RANK + n_epochs], self.tail) * np.sqrt(1 - variance)
        losses = self.dips.losses(normal[:, LUCK_RANK + n_epochs :]) - expected
        return np.asarray(np.sqrt(total**2 - jitter**2) * luck + jitter * (core - losses))

    def to_arrays(self, prefix: str) -> Blobs:
        own = {
            "total_factor": self.total_factor,
            "jitter_factor": self.jitter_factor,
            "root": self.root,
            "tail": self.tail,
            **self.dips.to_arrays(),
        }
        return {prefix + name: array for name, array in own.items()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], prefix: str, n_epochs: int) -> Regime:
        own = {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
        total, jitter, tail = (
            stored(own, name, (n_epochs,)) for name in ("total_factor", "jitter_factor", "tail")
        )
        if min(total.min(), jitter.min(), tail.min()) < 0 or tail.max() > MOST_KURTOSIS:
            raise ValueError(f"{prefix}: factors below 0, or tails beyond [0, {MOST_KURTOSIS:g}]")
        return cls(
            total_factor=total,
            jitter_factor=jitter,
            root=stored(own, "root", (n_epochs, LUCK_RANK)),
            dips=Dips.from_arrays(own, n_epochs),
            tail=tail,
        )


def _factors(standard: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Of complete rows: the luck's root, and the share of the variance that is not luck, (E,)."""
    from sklearn.decomposition import FactorAnalysis

    rank = min(LUCK_RANK, standard.shape[1] - 1)
    fitted: Any = FactorAnalysis(rank, svd_method="lapack")  # type: ignore[no-untyped-call]
    fitted.fit(standard)
    common = (fitted.components_**2).sum(axis=0)
    return _root(fitted.components_), fitted.noise_variance_ / (fitted.noise_variance_ + common)


def _smooth_luck(standard: FloatArray) -> FloatArray:
    rank = min(LUCK_RANK, len(standard) // _ROWS_A_COMPONENT, standard.shape[1])
    if rank == 0:
        return _root(np.ones((1, standard.shape[1])))
    _, sizes, rows = np.linalg.svd(window_mean(standard, _HALF), full_matrices=False)
    return _root(sizes[:rank, None] * rows[:rank])


def _root(loadings: FloatArray) -> FloatArray:
    """(E, LUCK_RANK) of loadings (k, E): rows of length 1."""
    root = np.zeros((loadings.shape[1], LUCK_RANK))
    root[:, : len(loadings)] = loadings.T
    length = np.sqrt((root**2).sum(axis=1, keepdims=True))
    root[length[:, 0] == 0, 0] = 1.0
    return root / np.where(length > 0, length, 1.0)


def _skewness(standard: FloatArray, kept: FloatArray, share: FloatArray) -> tuple[FloatArray, float]:
    """Third cumulant of the jitter at each epoch, (E,), and how much of a dip is left an epoch later, from
    residuals (R, E) in the jitter's standard deviations.

    A residual's third cumulant is the jitter's plus the luck's. The luck's is seen between epochs far apart,
    as the mean of r_t^2 r_s with |t - s| from 4 to 8. What is more between neighbours, r_t^2 r_(t+1), is the
    share of a dip that lasts. Where jitter is a small share (E,) of the variance little can be seen: the
    least skewness is -3 from a share of .3 on and in proportion below; lasting is judged above .3.
    """
    far = np.stack([_co_skewness(standard, kept, lag) for lag in (*_FAR_LAGS, *(-lag for lag in _FAR_LAGS))])
    known = np.isfinite(far)
    luck = np.where(known, far, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    third = window_mean(_kept_mean(standard**3, kept) - luck, _HALF)
    limit = _MOST_SKEWNESS * np.minimum(share / _SURE_SHARE, 1.0)
    third = np.where(np.isfinite(third), np.maximum(third, -limit), 0.0)
    after = _co_skewness(standard, kept, 1) - luck
    sure = (share > _SURE_SHARE) & np.isfinite(after)
    whole = float(third[sure].sum())
    lasting = float(after[sure].sum()) / whole if whole < 0 else 0.0
    return third, float(np.clip(lasting, 0.0, 0.9))


def _co_skewness(standard: FloatArray, kept: FloatArray, lag: int) -> FloatArray:
    """Mean of r_t^2 r_(t+lag) at each epoch t, (E,), by what is kept; NaN where t + lag is no epoch."""
    means = np.full(standard.shape[1], np.nan)
    here = slice(0, -lag) if lag > 0 else slice(-lag, None)
    there = slice(lag, None) if lag > 0 else slice(0, lag)
    means[here] = _kept_mean(standard[:, here] ** 2 * standard[:, there], kept[:, here])
    return means


def _kurtosis(standard: FloatArray) -> FloatArray:
    excess: FloatArray = _mean(standard**4) / np.maximum(_mean(standard**2), 1e-12) ** 2 - 3
    return window_mean(excess, _HALF)


def _kept_mean(values: FloatArray, kept: FloatArray) -> FloatArray:
    """Sum over rows by the sum of what they keep; NaN where they keep nothing."""
    known = np.isfinite(values) & np.isfinite(kept)
    below = np.where(known, kept, 0.0).sum(axis=0)
    above = np.where(known, values, 0.0).sum(axis=0)
    return np.asarray(np.where(below > 1e-9, above / np.maximum(below, 1e-9), np.nan))


def _mean(values: FloatArray) -> FloatArray:
    """Over the rows known; 1 where none is."""
    counts = np.isfinite(values).sum(axis=0)
    sums = np.where(np.isfinite(values), values, 0.0).sum(axis=0)
    return np.where(counts > 0, sums / np.maximum(counts, 1), 1.0)


def _factor(residuals: FloatArray, scale: FloatArray, half: int) -> FloatArray:
    """By what predicted scales (R, E) are multiplied at each epoch, (E,), for their mean square to be that of
    the residuals (R, E), cut off at four standard deviations; smoothed over 2 half + 1 epochs. 1 where
    nothing is known."""
    known = np.isfinite(residuals)
    limit = _CLIP * robust_scale(residuals / scale) * scale
    squares = np.where(known, np.minimum(residuals**2, np.where(limit > 0, limit, np.inf) ** 2), 0.0)
    below = np.where(known, scale**2, 0.0).sum(axis=0)
    ratio = np.where(below > 0, squares.sum(axis=0) / np.maximum(below, 1e-300), np.nan)
    smooth = window_mean(ratio, half)
    return np.sqrt(np.where(np.isfinite(smooth), smooth, 1.0))
