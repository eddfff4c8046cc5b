"""The bootstrap of all statistics over studies: over seeds, stratified by task, paired across methods."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nascurve.experiments.curves import N_RESAMPLES
from nascurve.simulator.types import FloatArray

LEVELS = (0.025, 0.975)
"""Of the ends of every interval: 95 %."""
_FEWER_RESAMPLES = 500
_MANY_RUNS = 5_000
_CHUNK_CELLS = 4_000_000


def resampled_seeds(n_seeds: int, n_tasks: int) -> Iterator[NDArray[np.int64]]:
    """Chunks (b, n, m) of rows: in each of b resamples, n seeds drawn with replacement for each of m tasks.

    All methods of a study are resampled by the same rows, because they share their seeds (paired). The
    generator is fixed: the same shape, the same rows. There are 2,000 resamples, as everywhere in nascurve;
    500 with more than 5,000 runs a method, where the intervals are narrow and more would take minutes.

    Source: Agarwal et al. (2021), "Deep Reinforcement Learning at the Edge of the Statistical Precipice",
    stratified bootstrap. Their package rliable draws from NumPy's global generator, one resample at a time,
    and its bootstrap cannot be imported beside pandas 3; so it gives the statistics, not the resamples.
    """
    rng = np.random.default_rng(0)
    cells = n_seeds * n_tasks
    left = _FEWER_RESAMPLES if cells > _MANY_RUNS else N_RESAMPLES
    chunk = max(1, _CHUNK_CELLS // cells)
    while left > 0:
        n = min(chunk, left)
        yield rng.integers(n_seeds, size=(n, n_seeds, n_tasks))
        left -= n


def intervals(values: NDArray[Any], statistic: Callable[[NDArray[Any]], FloatArray]) -> FloatArray:
    """(2, …): the ends of the 95 % percentile interval of a statistic.

    values: (n, m), a value for each seed of each task.
    statistic: of resamples (b, n, m), gives (b, …).
    """
    tasks = np.arange(values.shape[1])
    drawn = [statistic(values[rows, tasks]) for rows in resampled_seeds(*values.shape)]
    return np.asarray(np.quantile(np.concatenate(drawn), LEVELS, axis=0))


def mean_intervals(values: FloatArray) -> FloatArray:
    """(2, …): the ends of the 95 % percentile interval of the mean over seeds and tasks.

    values: (n, m, …), as in `intervals`, for any number of quantities that are resampled together.
    """
    n, m = values.shape[:2]
    flat = values.reshape(n * m, -1)
    drawn = []
    for rows in resampled_seeds(n, m):
        runs = (rows * m + np.arange(m)).reshape(len(rows), -1)
        drawn.append(counts_in_rows(runs, n * m).astype(np.float64) @ flat / (n * m))
    return np.asarray(np.quantile(np.concatenate(drawn), LEVELS, axis=0)).reshape(2, *values.shape[2:])


def counts_in_rows(codes: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """(b, size): how often each code, 0 … size - 1, stands in each row of (b, n)."""
    cells = np.arange(len(codes))[:, np.newaxis] * size + codes
    return np.bincount(cells.ravel(), minlength=len(codes) * size).reshape(len(codes), size)
