"""What is left of a curve when its course is taken away: size, autocorrelation, tails."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from nascurve.benchmarks.noise.estimate import (
    Bootstrap,
    Estimate,
    Indices,
    Statistic,
    excess_kurtosis,
    missing,
)
from nascurve.benchmarks.noise.runs import Runs
from nascurve.simulator.types import FloatArray

SECTION = "residuals of curves"
LAGS = (1, 2, 3, 4, 5)
_KNOTS = 7
_SMOOTH = "smooth fit"
_SEEDS = "mean over runs"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Residuals:
    """Residuals of one kind, divided by their root mean square at each epoch.

    kind: "mean over runs" (what a run's curve is off its network's mean curve, times sqrt(S/(S-1)) so that
        its variance is a run's; lasting luck of a run is in it) or "smooth fit" (what a curve is off a cubic
        spline with seven degrees of freedom in sqrt(epoch); lasting luck is not in it, only jitter).
    scale_acc: (E,), root mean square at each epoch.
    autocorrelation: (len(LAGS),). white: what white noise would give: 0, or less where the fit takes away
        part of it.
    standardised: all residuals, flat.
    """

    kind: str
    epochs: FloatArray
    scale_acc: FloatArray
    autocorrelation: FloatArray
    intervals: FloatArray
    white: FloatArray
    standardised: FloatArray
    estimates: tuple[Estimate, ...]

    @classmethod
    def of(cls, runs: Runs, bootstrap: Bootstrap) -> tuple[Residuals, ...]:
        """The kinds that can be computed: none without whole curves, "mean over runs" with two runs only."""
        if not runs.has_curves or len(runs.epochs) < 2 * _KNOTS:
            return ()
        kinds = [_of_kind(_SMOOTH, *_off_fit(runs), runs, bootstrap)]
        if runs.n_judged >= 2:
            white = np.zeros(len(LAGS))
            kinds.insert(0, _of_kind(_SEEDS, _off_mean(runs), white, runs, bootstrap))
        return tuple(kinds)


def missing_residuals() -> list[Estimate]:
    return [missing(SECTION, "size, autocorrelation and tails", "needs whole curves of 14 epochs or more")]


def _off_mean(runs: Runs) -> FloatArray:
    curves = runs.judged[np.isfinite(runs.judged[:, :, -1]).sum(axis=1) >= 2]
    counts = np.isfinite(curves[:, :, -1]).sum(axis=1)[:, None, None]
    mean = np.nanmean(curves, axis=1, keepdims=True)
    return np.asarray((curves - mean) * np.sqrt(counts / (counts - 1)))


def _off_fit(runs: Runs) -> tuple[FloatArray, FloatArray]:
    """Residuals of least squares, scaled so that white noise keeps its variance; and the autocorrelations
    that white noise would have in them."""
    maker = residual_maker(np.sqrt(runs.epochs.astype(np.float64)))
    scale = np.sqrt(np.diag(maker))
    correlation = maker / np.outer(scale, scale)
    white = np.array([float(np.diagonal(correlation, lag).mean()) for lag in LAGS])
    curves = runs.judged
    there = np.isfinite(curves[:, :, -1])  # a run is there whole or not at all
    residuals = np.full(curves.shape, np.nan)
    residuals[there] = curves[there] @ maker / scale
    return residuals, white


def residual_maker(x: FloatArray) -> FloatArray:
    """I - H of a natural cubic spline with `_KNOTS` degrees of freedom, knots at equal steps of x."""
    knots = np.linspace(x[0], x[-1], _KNOTS)

    def tail(k: int) -> FloatArray:
        cube = np.maximum(x - knots[k], 0) ** 3 - np.maximum(x - knots[-1], 0) ** 3
        return np.asarray(cube / (knots[-1] - knots[k]))

    basis = [np.ones_like(x), x, *(tail(k) - tail(_KNOTS - 2) for k in range(_KNOTS - 2))]
    q, _ = np.linalg.qr(np.stack(basis, axis=1))
    return np.asarray(np.eye(len(x)) - q @ q.T)


def _shared(standard: FloatArray) -> float:
    """Variance of the mean over networks, without what chance alone gives that mean, over all variance."""
    known = np.isfinite(standard)
    counts = np.maximum(known.sum(axis=0), 2)
    means = np.where(known, standard, 0).sum(axis=0) / counts
    squares = np.where(known, standard**2, 0).sum(axis=0) / counts
    by_chance = (squares - means**2) / (counts - 1)
    return float((means**2 - by_chance).mean() / squares.mean())


def _of_kind(
    kind: str, residuals: FloatArray, white: FloatArray, runs: Runs, bootstrap: Bootstrap
) -> Residuals:
    scale = np.sqrt(np.nanmean(residuals**2, axis=(0, 1)))
    standard = residuals / np.where(scale > 0, scale, np.nan)
    n = len(residuals)
    # products of each network, summed over runs and epochs, so that a resample only adds numbers
    lagged = [standard[:, :, lag:] * standard[:, :, :-lag] for lag in LAGS]
    sums = np.stack([np.nansum(product, axis=(1, 2)) for product in lagged], axis=1)
    counts = np.stack([np.isfinite(product).sum(axis=(1, 2)) for product in lagged], axis=1)
    flat = standard[np.isfinite(standard)]
    powers = np.stack(
        [np.isfinite(standard).sum(axis=(1, 2)), *(np.nansum(standard**p, axis=(1, 2)) for p in (2, 4))],
        axis=1,
    )
    beyond = (np.abs(standard) > 3).sum(axis=(1, 2))

    def at(place: int) -> Statistic:
        return lambda indices: float(sums[indices, place].sum() / max(counts[indices, place].sum(), 1))

    def excess(indices: Indices) -> float:
        number, square, fourth = powers[indices].sum(axis=0)
        return float(fourth * number / square**2 - 3) if square > 0 else math.nan

    tag = f" ({kind})"
    expected = f"white noise would give {', '.join(f'{value:.3f}' for value in white)}"
    last = standard[:, :, -1]
    rows = [
        *(
            bootstrap.estimate(
                SECTION,
                f"autocorrelation at lag {lag}{tag}",
                at(place),
                n,
                note=expected if kind == _SMOOTH else "",
            )
            for place, lag in enumerate(LAGS)
        ),
        bootstrap.estimate(SECTION, f"excess kurtosis{tag}", excess, n, note="a normal distribution: 0"),
        bootstrap.estimate(
            SECTION,
            f"residuals beyond 3 sd{tag}",
            lambda indices: float(beyond[indices].sum() / powers[indices, 0].sum()),
            n,
            unit="%",
            factor=100.0,
            note="a normal distribution: 0.27 %",
        ),
        *(
            Estimate(
                section=SECTION,
                label=f"sd at epoch {runs.epochs[place]}{tag}",
                value=100 * float(scale[place]),
                n=n,
                unit="points",
            )
            for place in sorted(
                {len(scale) // 8 - 1, len(scale) // 4 - 1, len(scale) // 2 - 1, len(scale) - 1}
            )
            if place >= 0
        ),
    ]
    if kind == _SEEDS:
        rows.append(
            Estimate(
                section=SECTION,
                label=f"part of the variance that all networks share{tag}",
                value=100 * _shared(standard),
                n=n,
                unit="%",
                note="the mean over networks of a run number's residuals at each epoch: what the order of "
                "the training examples does, where a seed sets it for all networks alike",
            )
        )
        rows.append(
            Estimate(
                section=SECTION,
                label=f"excess kurtosis at the last epoch{tag}",
                value=excess_kurtosis(last[np.isfinite(last)]),
                n=n,
                note="a mean over few runs is taken away, which hides part of the tails",
            )
        )
    return Residuals(
        kind=kind,
        epochs=runs.epochs.astype(np.float64),
        scale_acc=scale,
        autocorrelation=np.array([row.value for row in rows[: len(LAGS)]]),
        intervals=np.array([(row.low, row.high) for row in rows[: len(LAGS)]]),
        white=white,
        standardised=flat,
        estimates=tuple(rows),
    )
