"""Sliding-window standard deviations of an architecture's noise: what the scale models learn."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nascurve.simulator.types import FloatArray

_NORMAL_MEDIAN = 0.6745
"""Median size of a standard normal number."""
_CLIP = 4.0
_LEAST_SHARE = 1e-4
_SILENT = 1e-12


def window_mean(values: FloatArray, half: int) -> FloatArray:
    """Mean over the epochs up to `half` before and after each one, along the last axis, of those known (cut
    off at the ends); NaN where none is."""
    known = np.isfinite(values)
    width = values.shape[-1]
    sums = np.zeros(values.shape)
    counts = np.zeros(values.shape)
    for shift in range(-half, half + 1):
        low, high = max(0, -shift), min(width, width - shift)
        if low < high:
            sums[..., low:high] += np.where(known, values, 0.0)[..., low + shift : high + shift]
            counts[..., low:high] += known[..., low + shift : high + shift]
    return np.asarray(np.where(counts > 0, sums / np.maximum(counts, 1), np.nan))


def robust_scale(values: FloatArray) -> FloatArray:
    """Standard deviation round 0 of each column of (R, E), of values cut off at four times the one that their
    median size stands for; NaN where nothing is known, 0 where all is 0."""
    known = np.isfinite(values).any(axis=0)
    size = np.full(values.shape[1], np.nan)
    size[known] = np.nanmedian(np.abs(values[:, known]), axis=0) / _NORMAL_MEDIAN
    limit = np.where(size > 0, _CLIP * size, np.inf)
    squares = np.minimum(values**2, limit**2)
    size[known] = np.sqrt(np.nanmean(squares[:, known], axis=0))
    return size


def log_scales(
    residuals: FloatArray, group: NDArray[np.intp], half: int
) -> tuple[FloatArray, NDArray[np.intp], FloatArray]:
    """Labels of the architectures that have residuals: logarithms of their standard deviation at each epoch
    (A', E), the architectures' numbers (A',), and how many values stand behind each (A',).

    Of residuals (R, E): squares as shares of all runs' at that epoch, averaged over an architecture's runs
    and a window of 2 half + 1 epochs. So the course over epochs that all share stays sharp, and what an
    architecture differs by is smooth. At an epoch at which all residuals are 0 labels stand for 1e-12.
    """
    course = robust_scale(residuals)
    positive = course[course > 0]
    silent = course == 0
    course = np.where(course > 0, course, np.median(positive) if len(positive) else 1.0)
    share = (residuals / course) ** 2
    known = np.isfinite(share)
    n = int(group.max()) + 1
    sums, counts = np.zeros((n, share.shape[1])), np.zeros((n, share.shape[1]))
    np.add.at(sums, group, np.where(known, share, 0.0))
    np.add.at(counts, group, known.astype(np.float64))
    mean = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    archs = np.flatnonzero(counts.any(axis=1))
    smooth = window_mean(mean[archs], half)
    level = np.nanmean(smooth, axis=1)[:, None]
    smooth = np.where(np.isfinite(smooth), smooth, level)
    labels = np.log(np.maximum(smooth, _LEAST_SHARE)) / 2 + np.log(course)
    labels[:, silent] = np.log(_SILENT)
    return labels, archs, counts[archs].sum(axis=1)
