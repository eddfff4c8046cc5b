"""Trees whose leaves hold several numbers, as plain arrays; what ExtraTrees and boosters are turned into."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit  # type: ignore[attr-defined]
from numpy.typing import NDArray

from nascurve.benchmarks.nb301.trees import Trees
from nascurve.simulator.types import FloatArray

_MOST_VALUE = 1e9


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Forest:
    """Predicts k numbers of a row: `base` plus the values of one leaf of each tree.

    trees: the splits (compared in float64); a leaf's `threshold` is the number of its row in `values`.
    values: (leaves, k). base: (k,).

    Raises ValueError, in a few words, for arrays that are no such forest.
    """

    trees: Trees
    values: FloatArray
    base: FloatArray

    def __post_init__(self) -> None:
        leaves = self.trees.threshold[self.trees.left < 0]
        if self.values.ndim != 2 or self.base.shape != (self.values.shape[1],):
            raise ValueError(f"leaves of shape {self.values.shape} with a base of shape {self.base.shape}")
        if (leaves != leaves.round()).any() or leaves.min() < 0 or leaves.max() >= len(self.values):
            raise ValueError("a leaf without values")
        if not all((np.abs(array) <= _MOST_VALUE).all() for array in (self.values, self.base)):
            raise ValueError(f"leaves that are not finite, or beyond {_MOST_VALUE:g}")

    @property
    def n_features(self) -> int:
        return self.trees.n_features

    def predict(self, rows: FloatArray) -> FloatArray:
        """Of rows (n, n_features) without NaN: (n, k). A row's numbers do not depend on the other rows."""
        if rows.ndim != 2 or rows.shape[1] != self.n_features:
            raise ValueError(f"rows of shape {rows.shape} for trees over {self.n_features} features")
        sums = np.tile(self.base, (len(rows), 1))
        trees = self.trees
        _add_leaves(
            sums,
            np.ascontiguousarray(rows),
            self.values,
            trees.roots,
            trees.feature,
            trees.threshold,
            trees.left,
            trees.right,
        )
        return sums

    @classmethod
    def of_boosters(cls, boosters: Sequence[Trees], *, scale: FloatArray, shift: FloatArray) -> Forest:
        """One booster for each of k numbers, times `scale` plus `shift` (k,). Adds up in float64 what XGBoost
        adds up in float32."""
        parts = []
        for column, booster in enumerate(boosters):
            leaf = booster.left < 0
            values = np.zeros((int(leaf.sum()), len(boosters)))
            values[:, column] = booster.threshold[leaf] * scale[column]
            threshold = booster.threshold.copy()
            threshold[leaf] = np.arange(len(values))
            splits = {name: getattr(booster, name) for name in ("roots", "feature", "left", "right")}
            trees = Trees(n_features=booster.n_features, threshold=threshold, **splits)
            parts.append(cls(trees=trees, values=values, base=np.zeros(len(boosters))))
        base = np.array([booster.base for booster in boosters]) * scale + shift
        joined = cls.joined(parts, [1.0] * len(parts))
        return cls(trees=joined.trees, values=joined.values, base=base)

    @classmethod
    def joined(cls, forests: Sequence[Forest], weights: Sequence[float]) -> Forest:
        """The weighted sum of several forests over the same features, as one."""
        nodes = np.cumsum([0, *(len(forest.trees.left) for forest in forests)])
        leaves = np.cumsum([0, *(len(forest.values) for forest in forests)])
        found: dict[str, list[NDArray[Any]]] = {name: [] for name in ("roots", "threshold", "left", "right")}
        for forest, node, leaf in zip(forests, nodes, leaves, strict=False):
            trees = forest.trees
            inner = trees.left >= 0
            found["roots"].append(trees.roots + node)
            found["left"].append(np.where(inner, trees.left + node, -1))
            found["right"].append(np.where(inner, trees.right + node, -1))
            found["threshold"].append(np.where(inner, trees.threshold, trees.threshold + leaf))
        joined = Trees(
            n_features=forests[0].n_features,
            feature=np.concatenate([forest.trees.feature for forest in forests]),
            threshold=np.concatenate(found["threshold"]),
            roots=np.concatenate(found["roots"]).astype(np.int32),
            left=np.concatenate(found["left"]).astype(np.int32),
            right=np.concatenate(found["right"]).astype(np.int32),
        )
        return cls(
            trees=joined,
            values=np.concatenate(
                [forest.values * weight for forest, weight in zip(forests, weights, strict=True)]
            ),
            base=sum(
                (forest.base * weight for forest, weight in zip(forests, weights, strict=True)),
                np.zeros_like(forests[0].base),
            ),
        )

    def to_arrays(self, prefix: str) -> dict[str, NDArray[Any]]:
        return {
            **self.trees.to_arrays(prefix),
            f"{prefix}values": self.values,
            f"{prefix}base": self.base,
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], prefix: str, n_features: int) -> Forest:
        """The forest whose arrays `to_arrays` gave. Raises ValueError, KeyError."""
        trees = Trees.from_arrays(arrays, prefix, {"n_features": n_features})
        values, base = (arrays[prefix + name] for name in ("values", "base"))
        if values.dtype != np.float64 or base.dtype != np.float64:
            raise ValueError("values and base are no numbers of 64 bits")
        return cls(trees=trees, values=values, base=base)


@njit(cache=True)  # type: ignore[no-untyped-call, untyped-decorator]
def _add_leaves(
    sums: FloatArray,
    rows: FloatArray,
    values: FloatArray,
    roots: NDArray[np.int32],
    feature: NDArray[np.int32],
    threshold: FloatArray,
    left: NDArray[np.int32],
    right: NDArray[np.int32],
) -> None:
    for root in roots:  # the outer loop, so that a tree stays in the processor's cache for all rows
        for i in range(len(rows)):
            node = root
            while left[node] >= 0:
                # no branch: which way a row goes cannot be foretold
                goes_left = np.int32(rows[i, feature[node]] < threshold[node])
                node = right[node] + (left[node] - right[node]) * goes_left
            leaf = int(threshold[node])
            for j in range(sums.shape[1]):
                sums[i, j] += values[leaf, j]
