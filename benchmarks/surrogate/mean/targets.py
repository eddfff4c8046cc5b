"""What a mean curve is learned from: training runs as rows of a regression."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nascurve.benchmarks.surrogate.curve_data import CurveData
from nascurve.simulator.types import Architecture, FloatArray

_SHORT_COUNT_LESS = 4
"""Weights fall with this power of the share of epochs that were measured: the rest of a curve is a guess."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Targets:
    """n rows. Without early accuracies a row is an architecture, its curve the mean over its runs; with them
    it is a run, with its own early accuracies and its own curve, and runs of one architecture share a weight
    of 1. Curves that end early weigh less: by the fourth power of the share of epochs that they have.

    archs: (n,). group: (n,), number of the architecture (by key). curves: (n, E), NaN where no run has a
    value. early: (n, e). weights: (n,). diverged: (n,), share of the row's runs without a last value.
    of_run: (R,), the row of each run of the data.
    """

    archs: tuple[Architecture, ...]
    group: NDArray[np.int64]
    curves: FloatArray
    early: FloatArray
    weights: FloatArray
    diverged: FloatArray
    of_run: NDArray[np.int64]

    @classmethod
    def of(cls, data: CurveData, early_epochs: int) -> Targets:
        groups = data.by_arch()
        rows = [[run] for own in groups for run in own] if early_epochs else [list(own) for own in groups]
        group = [number for number, own in enumerate(groups) for _ in (own if early_epochs else [0])]
        curves = np.array([mean_of_measured(data.val_acc[runs]) for runs in rows])
        of_run = np.empty(len(data), np.int64)
        for row, runs in enumerate(rows):
            of_run[runs] = row
        sizes = np.bincount(group)
        diverged = data.diverged
        measured = np.maximum((~np.isnan(curves)).mean(axis=1), 1 / curves.shape[1])
        return cls(
            archs=tuple(data.archs[runs[0]] for runs in rows),
            group=np.array(group, np.int64),
            curves=curves,
            early=filled_early(curves[:, :early_epochs]),
            weights=measured**_SHORT_COUNT_LESS / sizes[group],
            diverged=np.array([diverged[runs].mean() for runs in rows]),
            of_run=of_run,
        )


def mean_of_measured(runs: FloatArray) -> FloatArray:
    """Mean over runs (r, E) at each epoch, of those that have a value; NaN where none has."""
    there = ~np.isnan(runs)
    count = there.sum(axis=0)
    return np.where(count > 0, np.where(there, runs, 0).sum(axis=0) / np.maximum(count, 1), np.nan)


def filled_early(early: FloatArray) -> FloatArray:
    """Missing early accuracies are the last one before, or 0: the run has diverged or not learned."""
    filled = early.copy()
    for epoch in range(early.shape[1]):
        missing = np.isnan(filled[:, epoch])
        filled[missing, epoch] = filled[missing, epoch - 1] if epoch else 0.0
    return filled
