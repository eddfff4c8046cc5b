"""All scores of a surrogate that was fitted to a part of the architectures, on the others."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from nascurve.benchmarks.surrogate.curve_data import CurveData
from nascurve.benchmarks.surrogate.evaluation.accuracy_scores import averages, scores_by_epoch
from nascurve.benchmarks.surrogate.evaluation.divergence import complete_runs, kl_scores
from nascurve.benchmarks.surrogate.evaluation.held_out import HeldOut
from nascurve.benchmarks.surrogate.evaluation.key_split import MIN_TEST, KeySplit
from nascurve.benchmarks.surrogate.evaluation.noise_scores import (
    TYPICAL_PERCENTILE,
    coverage,
    exceedance,
    jitter_scores,
    seed_scores,
    spike_scores,
    spikes,
)
from nascurve.benchmarks.surrogate.evaluation.realism import auc_real_vs_simulated
from nascurve.benchmarks.surrogate.evaluation.tables_of_seeds import SEEDS, against_tables
from nascurve.simulator.types import Architecture, FloatArray

N_DRAWS = 100
"""Simulated curves of each tested architecture; more where it has more than ten runs."""
_DRAWS_PER_RUN = 10
_MOST_CLASSIFIED = 1_000


class FittedSurrogate(Protocol):
    """What is judged. `early`: (n, early_epochs) first accuracies, where it was fitted with such."""

    def mean_curves(self, archs: Sequence[Architecture], early: FloatArray | None = None) -> FloatArray: ...

    def curves(
        self, archs: Sequence[Architecture], seeds: Sequence[int], early: FloatArray | None = None
    ) -> FloatArray: ...

    def divergence(self, archs: Sequence[Architecture]) -> FloatArray:
        """(n,), the share of an architecture's runs that diverge; `curves` are those of runs that do not."""


Fit = Callable[[CurveData, int], FittedSurrogate]
"""Fits a surrogate to data, with a seed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitResult:
    """What a split gave, plain values.

    scores: by name, NaN where the data cannot give one; n_train, n_test (architectures) and fit_cpu_s among
    them. by_epoch: r2, tau, mae at each epoch. exceedance: thresholds, and the shares of real and of
    simulated curves whose spike is above each. tables: rows of `against_tables`; none where runs are too few.
    """

    scores: dict[str, float]
    by_epoch: dict[str, list[float]]
    exceedance: dict[str, list[float]]
    tables: list[dict[str, Any]]


def evaluate_split(
    data: CurveData, split: KeySplit, fit: Fit, *, seed: int, early_epochs: int = 0
) -> SplitResult:
    """Fit to the split's training part, and score on its test part.

    Mean curves are judged against the mean of each tested architecture's runs. Simulated curves are judged
    against the runs themselves: for each complete run one simulated curve of the same architecture (ten for
    the spikes), so that a difference is one of the noise and of the predicted mean, not of the architectures.
    """
    began = time.process_time()
    surrogate = fit(data.subset(split.train), seed)
    fit_cpu_s = time.process_time() - began
    held_out = HeldOut.of(data, split.test, early_epochs=early_epochs)
    means = surrogate.mean_curves(held_out.archs, held_out.early)
    by_epoch = scores_by_epoch(held_out.truth, means)
    scores: dict[str, float] = {
        "n_train": len({data.keys[row] for row in split.train}),
        "n_test": len(held_out.archs),
        "fit_cpu_s": fit_cpu_s,
        **averages(by_epoch),
    }
    if early_epochs:
        later = averages(by_epoch, skip=early_epochs)
        scores |= {f"{name}_later": value for name, value in later.items() if name.startswith("avg_")}
    draws = _draw(surrogate, held_out)
    rng = np.random.default_rng([seed, split.number, 1])
    noise, shares = _noise(data.val_acc[split.train], held_out, draws, rng)
    return SplitResult(
        scores=scores | noise | _divergence(surrogate, held_out),
        by_epoch={name: values.tolist() for name, values in by_epoch.items()},
        exceedance=shares,
        tables=_tables(held_out, means, rng),
    )


def _noise(
    trained: FloatArray, held_out: HeldOut, draws: FloatArray, rng: np.random.Generator
) -> tuple[dict[str, float], dict[str, list[float]]]:
    real = [complete_runs(runs) for runs in held_out.runs]
    complete_draws = [complete_runs(own) for own in draws]
    twins = [own[: len(runs)] for own, runs in zip(complete_draws, real, strict=True)]
    real = [runs[: len(own)] for own, runs in zip(twins, real, strict=True)]
    keys = [key for key, runs in zip(held_out.keys, real, strict=True) for _ in runs]
    all_real, all_twins = np.concatenate(real), np.concatenate(twins)
    many = np.concatenate(
        [own[: _DRAWS_PER_RUN * len(runs)] for own, runs in zip(complete_draws, real, strict=True)]
    )
    complete = complete_runs(trained)
    typical = float(np.percentile(spikes(complete), TYPICAL_PERCENTILE)) if len(complete) else np.nan
    shown = np.sort(rng.permutation(len(keys))[:_MOST_CLASSIFIED])
    scores = {
        **kl_scores(held_out.runs, list(draws)),
        "coverage_90": coverage(held_out.runs, list(draws)),
        "spike_threshold_p95": typical,
        **spike_scores(all_real, many, typical=typical),
        "auc_real_vs_simulated": auc_real_vs_simulated(
            all_real[shown], all_twins[shown], [keys[row] for row in shown], rng=rng
        ),
        **jitter_scores(all_real, all_twins),
        **seed_scores(real, twins),
    }
    thresholds = np.concatenate([np.linspace(0, 0.02, 41), np.linspace(0.021, 0.25, 230)])
    shares = {
        "threshold": thresholds.tolist(),
        "real": exceedance(all_real, thresholds).tolist(),
        "surrogate": exceedance(many, thresholds).tolist(),
    }
    return scores, shares


def _tables(held_out: HeldOut, means: FloatArray, rng: np.random.Generator) -> list[dict[str, Any]]:
    """Of the architectures with enough complete runs; none when they are fewer than MIN_TEST."""
    complete = [complete_runs(runs) for runs in held_out.runs]
    kept = [place for place, runs in enumerate(complete) if len(runs) > max(SEEDS)]
    if len(kept) < MIN_TEST:
        return []
    n_runs = min(len(complete[place]) for place in kept)
    return against_tables(np.array([complete[place][:n_runs] for place in kept]), means[kept], rng=rng)


def _draw(surrogate: FittedSurrogate, held_out: HeldOut) -> FloatArray:
    """(n, draws, E); draw number s of every architecture has the seed s."""
    n_draws = max(N_DRAWS, _DRAWS_PER_RUN * max(map(len, held_out.runs)))
    archs = [arch for arch in held_out.archs for _ in range(n_draws)]
    early = None if held_out.early is None else np.repeat(held_out.early, n_draws, axis=0)
    curves = surrogate.curves(archs, list(range(n_draws)) * len(held_out.archs), early)
    return curves.reshape(len(held_out.archs), n_draws, -1)


def _divergence(surrogate: FittedSurrogate, held_out: HeldOut) -> dict[str, float]:
    """Shares of the real runs without a last accuracy, and of as many simulated ones, as predicted."""
    n_runs = [len(runs) for runs in held_out.runs]
    return {
        "diverged_real": float(np.isnan(np.concatenate(held_out.runs)[:, -1]).mean()),
        "diverged_surrogate": float(np.average(surrogate.divergence(held_out.archs), weights=n_runs)),
    }
