"""Gradient-boosted trees as plain arrays, of XGBoost or LightGBM, and what they predict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit  # type: ignore[attr-defined]
from numpy.typing import NDArray

from nascurve.simulator.types import FloatArray

_MAX_DEPTH = 1000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trees:
    """One booster: the sum of `base` and one leaf of each tree.

    roots: (trees,), nodes where they begin. feature, threshold, left, right: (nodes,). A row goes left where
    its feature is less than the threshold (never equal). A leaf has left = -1, and its value as threshold.
    single: whether to compare and add in float32, as XGBoost does; LightGBM does in float64.
    base_first: whether the sum begins with `base` (XGBoost since 1.3) or the leaves are added up before; in
        float32 the last digit may differ.
    Defaults are LightGBM's.

    Raises ValueError, in a few words, for arrays that are no such trees over `n_features` features: so what
    predicts never leaves the arrays nor runs in circles.
    """

    n_features: int
    base: float = 0.0
    single: bool = False
    base_first: bool = True
    roots: NDArray[np.int32]
    feature: NDArray[np.int32]
    threshold: FloatArray
    left: NDArray[np.int32]
    right: NDArray[np.int32]

    def __post_init__(self) -> None:
        _check(self)

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], prefix: str, meta: Mapping[str, Any]) -> Trees:
        """The trees whose arrays `to_arrays` gave, with `meta()`. Raises ValueError, KeyError."""
        own: dict[str, Any] = {name: arrays[prefix + name] for name in _TYPES}
        return cls(**meta, **own)

    def to_arrays(self, prefix: str) -> dict[str, NDArray[Any]]:
        return {prefix + name: getattr(self, name) for name in _TYPES}

    def meta(self) -> dict[str, Any]:
        return {
            "n_features": self.n_features,
            "base": self.base,
            "single": self.single,
            "base_first": self.base_first,
        }

    def predict(self, rows: FloatArray) -> FloatArray:
        """Of rows of shape (n, n_features), without NaN: shape (n,). A row's value does not depend on the
        others. Raises ValueError for rows of another width."""
        if rows.ndim != 2 or rows.shape[1] != self.n_features:
            raise ValueError(f"rows of shape {rows.shape} for trees over {self.n_features} features")
        kind = np.float32 if self.single else np.float64
        rows = np.ascontiguousarray(rows, kind).astype(np.float64)
        sums: NDArray[Any] = np.full(len(rows), self.base if self.base_first else 0.0, kind)
        _add_leaves(sums, rows, self.roots, self.feature, self.threshold, self.left, self.right)
        return (sums if self.base_first else kind(self.base) + sums).astype(np.float64)


_TYPES: dict[str, type] = {
    "roots": np.int32,
    "feature": np.int32,
    "threshold": np.float64,
    "left": np.int32,
    "right": np.int32,
}


@njit(cache=True)  # type: ignore[no-untyped-call, untyped-decorator]
def _add_leaves(
    sums: NDArray[Any],
    rows: FloatArray,
    roots: NDArray[np.int32],
    feature: NDArray[np.int32],
    threshold: FloatArray,
    left: NDArray[np.int32],
    right: NDArray[np.int32],
) -> None:
    """Add to each row's sum the leaf that it ends in, tree after tree: the libraries' order, which numpy's
    sum is not. (Two float32 added in float64, then rounded to float32, are their sum in float32.)"""
    for root in roots:  # the outer loop, so that a tree stays in the processor's cache for all rows
        for i in range(len(rows)):
            node = root
            while left[node] >= 0:
                node = left[node] if rows[i, feature[node]] < threshold[node] else right[node]
            sums[i] += threshold[node]


def _check(trees: Trees) -> None:
    for name, kind in _TYPES.items():
        array = getattr(trees, name)
        if not isinstance(array, np.ndarray) or array.ndim != 1 or array.dtype != kind:
            raise ValueError(f"{name} is no row of numbers of type {np.dtype(kind)}")
    n_nodes = len(trees.left)
    if not len(trees.roots) or {len(getattr(trees, name)) for name in _TYPES if name != "roots"} != {n_nodes}:
        raise ValueError("a model without trees, or whose arrays do not agree")
    inner = trees.left >= 0
    # nodes that pruning left behind are not checked, since nothing reaches them
    reached = np.zeros(n_nodes, bool)
    level = trees.roots.astype(np.int64)
    n_reached = 0
    for _ in range(_MAX_DEPTH):
        if len(level) and (level.min() < 0 or level.max() >= n_nodes):
            raise ValueError("a node whose child is not in its tree")
        n_reached += len(level)
        reached[level] = True
        if np.count_nonzero(reached) != n_reached:
            raise ValueError("a node with two parents")
        level = level[inner[level]]
        if not len(level):
            break
        level = np.concatenate((trees.left[level], trees.right[level])).astype(np.int64)
    else:
        raise ValueError(f"a tree of more than {_MAX_DEPTH} levels")
    split = trees.feature[reached & inner]
    if len(split) and not 0 <= split.min() <= split.max() < trees.n_features:
        raise ValueError(f"a split on a feature beyond {trees.n_features}")
    if not np.isfinite(trees.threshold[reached]).all() or not np.isfinite(trees.base):
        raise ValueError("thresholds or leaves that are not finite")
