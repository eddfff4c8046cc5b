"""Gradient-boosted trees as plain arrays, of XGBoost or LightGBM, and what they predict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit  # type: ignore[attr-defined]
from numpy.typing import NDArray

from nascurve.benchmarks.x11.forest import Forest
from nascurve.simulator.types import FloatArray

_MAX_DEPTH = 1000
_ZERO_IS_MISSING = 4
_MISSING = 12


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trees:
    """One booster: the sum of `base` and one leaf of each tree.

    roots: (trees,), nodes where they begin. feature, threshold, left, right: (nodes,). A row goes left where
    its feature is less than the threshold (never equal). A leaf has left = -1, and its value as threshold.
    single: whether to compare and add in float32, as XGBoost does; LightGBM does in float64.
    base_first: whether the sum begins with `base` (XGBoost since 1.3) or the leaves are added up before; in
        float32 the last digit may differ.

    Raises ValueError, in a few words, for arrays that are no such trees over `n_features` features: so what
    predicts never leaves the arrays nor runs in circles.
    """

    n_features: int
    base: float
    single: bool
    base_first: bool
    roots: NDArray[np.int32]
    feature: NDArray[np.int32]
    threshold: FloatArray
    left: NDArray[np.int32]
    right: NDArray[np.int32]

    def __post_init__(self) -> None:
        _check(self)

    @classmethod
    def of_forest(cls, forest: Forest) -> Trees:
        """A LightGBM model. Raises ValueError for one that takes zeros for missing values."""
        if ((forest.decision_type & _MISSING) == _ZERO_IS_MISSING).any():
            raise ValueError("a LightGBM model that takes zeros for missing values")
        n_leaves = forest.n_leaves.astype(np.int64)
        n_inner = n_leaves - 1
        first = np.cumsum(n_leaves + n_inner) - (n_leaves + n_inner)  # inner nodes, then leaves
        tree = np.repeat(np.arange(len(n_leaves)), n_inner)
        inner = first[tree] + np.arange(len(tree)) - (np.cumsum(n_inner) - n_inner)[tree]
        leaf_tree = np.repeat(np.arange(len(n_leaves)), n_leaves)
        own_leaf = np.arange(len(leaf_tree)) - (np.cumsum(n_leaves) - n_leaves)[leaf_tree]
        leaf = first[leaf_tree] + n_inner[leaf_tree] + own_leaf
        n_nodes = int((n_leaves + n_inner).sum())
        arrays: dict[str, Any] = {
            name: np.full(n_nodes, -1, np.int32) for name in ("feature", "left", "right")
        }
        threshold = np.empty(n_nodes)
        threshold[leaf] = forest.leaf_value
        threshold[inner] = np.nextafter(forest.threshold, np.inf)  # x <= t where LightGBM goes left
        arrays["feature"][inner] = forest.split_feature
        for name, child in (("left", forest.left_child), ("right", forest.right_child)):
            wide = child.astype(np.int64)
            arrays[name][inner] = first[tree] + np.where(wide >= 0, wide, n_inner[tree] + ~wide)
        return cls(
            n_features=forest.n_features,
            base=0.0,
            single=False,
            base_first=True,
            roots=first.astype(np.int32),
            threshold=threshold,
            **arrays,
        )

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
        """Of rows of shape (n, n_features), without NaN: shape (n,)."""
        rows = np.ascontiguousarray(rows, np.float32 if self.single else np.float64).astype(np.float64)
        values: FloatArray = _leaves(rows, self.roots, self.feature, self.threshold, self.left, self.right)
        kind = np.float32 if self.single else np.float64
        base, zero = kind(self.base), kind(0)
        values = values.astype(kind)
        sums: NDArray[Any] = _add(values, base) if self.base_first else base + _add(values, zero)
        return sums.astype(np.float64)


_TYPES: dict[str, type] = {
    "roots": np.int32,
    "feature": np.int32,
    "threshold": np.float64,
    "left": np.int32,
    "right": np.int32,
}


@njit(cache=True)  # type: ignore[no-untyped-call, untyped-decorator]
def _leaves(
    rows: FloatArray,
    roots: NDArray[np.int32],
    feature: NDArray[np.int32],
    threshold: FloatArray,
    left: NDArray[np.int32],
    right: NDArray[np.int32],
) -> FloatArray:
    """Of each row the value of the leaf it ends in, in each tree: (n, trees)."""
    values = np.empty((len(rows), len(roots)))
    for i in range(len(rows)):
        for tree in range(len(roots)):
            node = roots[tree]
            while left[node] >= 0:
                node = left[node] if rows[i, feature[node]] < threshold[node] else right[node]
            values[i, tree] = threshold[node]
    return values


@njit(cache=True)  # type: ignore[no-untyped-call, untyped-decorator]
def _add(values: NDArray[Any], base: Any) -> NDArray[Any]:
    """base + values, tree after tree, in the type of both: the libraries' order, which numpy's sum is not."""
    sums = np.empty(len(values), values.dtype)
    for i in range(len(values)):
        total = base
        for value in values[i]:
            total += value
        sums[i] = total
    return sums


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
