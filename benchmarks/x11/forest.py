"""A LightGBM regression model as plain arrays: read from its text, checked node by node, and written anew."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nascurve.simulator.types import FloatArray

LARGEST = 1e12
"""Largest number that a model may hold where it counts: no sum of them overflows."""
_AFTER_TREES = re.compile("\n(?:end of trees|feature[ _]importances:|parameters:)")
_MAX_TREES = 100_000
_MAX_LEAVES = 65_536
_MAX_LINES = 64
_MAX_NUMBER = 32
_OBJECTIVES = ("regression", "regression_l2", "l2", "mean_squared_error", "mse")
_DECISIONS = (0, 2, 4, 6, 8, 10)
"""A threshold; default direction (2); missing values as none, zero (4) or NaN (8). Odd ones are
categorical."""
_INNER = {
    "split_feature": int,
    "threshold": float,
    "decision_type": int,
    "left_child": int,
    "right_child": int,
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Forest:
    """The trees of one booster, one behind the other.

    n_leaves: (trees,). split_feature, threshold, decision_type, left_child, right_child: of all inner nodes,
    n_leaves - 1 a tree, in LightGBM's numbering: a child c >= 0 is an inner node, c < 0 is the leaf ~c.
    leaf_value: of all leaves. A prediction is the sum of one leaf of each tree.

    LightGBM's own reader trusts its text: wrong child numbers make it read and loop where it should not. So a
    forest keeps only what a prediction needs; `parse` and the constructor check that each tree is one (every
    node but the root and every leaf has exactly one parent, parents come before children), and `text` writes
    a model that LightGBM can trust.

    Raises ValueError, in a few words, for arrays that are no such forest over `n_features` features.
    """

    n_features: int
    n_leaves: NDArray[np.int32]
    split_feature: NDArray[np.int32]
    threshold: FloatArray
    decision_type: NDArray[np.uint8]
    left_child: NDArray[np.int32]
    right_child: NDArray[np.int32]
    leaf_value: FloatArray

    def __post_init__(self) -> None:
        _check(self)

    @classmethod
    def parse(cls, text: str | bytes | bytearray, *, n_features: int) -> Forest:
        """The forest of a model's text, as LightGBM 2.2 to 4 write it (`Booster.model_to_string`, and what a
        pickled Booster holds).

        Raises ValueError for anything but a regression model with squared error, gradient-boosted (not
        averaged) trees, one value an iteration, thresholds on `n_features` numeric features, and constant
        leaves.
        """
        if not isinstance(text, str):
            text = bytes(text).decode()
        if text.count("\nTree=") > _MAX_TREES:
            raise ValueError(f"a model of more than {_MAX_TREES} trees")
        text = text.replace("\r\n", "\n")
        head, *blocks = _AFTER_TREES.split(text, maxsplit=1)[0].split("\nTree=")
        _check_head(head, n_features)
        if not blocks:
            raise ValueError("a model without trees")
        columns: dict[str, list[Any]] = {name: [] for name in (*_INNER, "leaf_value")}
        n_leaves = []
        for i, block in enumerate(blocks):
            n_leaves.append(_read_tree(i, block, columns))
        return cls(
            n_features=n_features,
            n_leaves=np.array(n_leaves, np.int32),
            **{name: np.array(values, _TYPES[name]) for name, values in columns.items()},
        )

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], prefix: str, *, n_features: int) -> Forest:
        """The forest whose arrays `to_arrays` gave. Raises ValueError, KeyError."""
        return cls(n_features=n_features, **{name: arrays[prefix + name] for name in _TYPES})

    def to_arrays(self, prefix: str) -> dict[str, NDArray[Any]]:
        """All arrays, by `prefix` + name, for a file."""
        return {prefix + name: getattr(self, name) for name in _TYPES}

    def first(self, n_trees: int) -> Forest:
        """The forest of the first trees: what a model that was stopped early predicts with."""
        leaves = int(self.n_leaves[:n_trees].sum())
        nodes = leaves - len(self.n_leaves[:n_trees])
        inner = {name: getattr(self, name)[:nodes] for name in _INNER}
        return Forest(
            n_features=self.n_features,
            n_leaves=self.n_leaves[:n_trees],
            leaf_value=self.leaf_value[:leaves],
            **inner,
        )

    def text(self) -> str:
        """The model as text for `lightgbm.Booster(model_str=…)`; numbers are exact, names are LightGBM's
        default."""
        trees = list(self._tree_texts())
        return "\n".join(
            (
                "tree",
                "version=v4",
                "num_class=1",
                "num_tree_per_iteration=1",
                "label_index=0",
                f"max_feature_idx={self.n_features - 1}",
                "objective=regression",
                f"feature_names={' '.join(f'Column_{i}' for i in range(self.n_features))}",
                f"feature_infos={' '.join(['none'] * self.n_features)}",
                f"tree_sizes={' '.join(str(len(tree)) for tree in trees)}",
                "",
                f"{''.join(trees)}end of trees",
                "",
            )
        )

    def _tree_texts(self) -> Iterator[str]:
        columns = {name: getattr(self, name).tolist() for name in (*_INNER, "leaf_value")}
        node = leaf = 0
        for i, n_leaves in enumerate(self.n_leaves.tolist()):
            lines = [f"Tree={i}", f"num_leaves={n_leaves}", "num_cat=0"]
            lines += [
                f"{name}={' '.join(map(repr, columns[name][node : node + n_leaves - 1]))}" for name in _INNER
            ]
            lines.append(f"leaf_value={' '.join(map(repr, columns['leaf_value'][leaf : leaf + n_leaves]))}")
            node += n_leaves - 1
            leaf += n_leaves
            yield "\n".join([*lines, "is_linear=0", "shrinkage=1", "", "", ""])


_TYPES: dict[str, type] = {
    "n_leaves": np.int32,
    "split_feature": np.int32,
    "threshold": np.float64,
    "decision_type": np.uint8,
    "left_child": np.int32,
    "right_child": np.int32,
    "leaf_value": np.float64,
}


def _check_head(head: str, n_features: int) -> None:
    lines = head.split("\n", _MAX_LINES)
    said = dict(line.split("=", 1) for line in lines if "=" in line)
    if lines[0] != "tree" or "average_output" in lines:
        raise ValueError("no text of a LightGBM model of gradient-boosted trees")
    if said.get("num_class") != "1" or said.get("num_tree_per_iteration") != "1":
        raise ValueError("a LightGBM model of more than one output")
    if said.get("max_feature_idx") != str(n_features - 1):
        raise ValueError(
            f"a LightGBM model whose last feature is {said.get('max_feature_idx')!r:.40} "
            f"instead of {n_features - 1}"
        )
    if said.get("objective", "regression") not in _OBJECTIVES:
        raise ValueError(f"a LightGBM model with the objective {said['objective']!r:.40}")


def _read_tree(i: int, block: str, columns: dict[str, list[Any]]) -> int:
    if block.count("\n") > _MAX_LINES:
        raise ValueError(f"tree {i}: more than {_MAX_LINES} lines")
    number, *lines = block.split("\n")
    said = dict(line.split("=", 1) for line in lines if "=" in line)
    if number != str(i):
        raise ValueError(f"a tree {number!r:.20} where tree {i} belongs")
    if said.get("num_cat", "0") != "0" or said.get("is_linear", "0") != "0":
        raise ValueError(f"tree {i}: categories or linear leaves")
    count = said.get("num_leaves", "")
    if not (count.isascii() and count.isdigit() and len(count) < 8 and 1 <= int(count) <= _MAX_LEAVES):
        raise ValueError(f"tree {i}: {count!r:.20} leaves")
    n_leaves = int(count)
    for name, kind in _INNER.items():
        columns[name] += _numbers(i, name, said.get(name, ""), kind, n_leaves - 1)
    columns["leaf_value"] += _numbers(i, "leaf_value", said.get("leaf_value", ""), float, n_leaves)
    return n_leaves


def _numbers(i: int, name: str, line: str, kind: type, n: int) -> list[Any]:
    parts = line.split() if len(line) <= n * _MAX_NUMBER else []
    if len(parts) != n:
        raise ValueError(f"tree {i}: {name} is not {n} numbers")
    return list(map(kind, parts))


def _check(forest: Forest) -> None:
    for name, kind in _TYPES.items():
        array = getattr(forest, name)
        if not isinstance(array, np.ndarray) or array.ndim != 1 or array.dtype != kind:
            raise ValueError(f"{name} is no row of numbers of type {np.dtype(kind)}")
    n_leaves = forest.n_leaves.astype(np.int64)
    n_nodes = int((n_leaves - 1).sum())
    if not len(n_leaves) or n_leaves.min() < 1 or n_leaves.max() > _MAX_LEAVES:
        raise ValueError("a model without trees or leaves")
    if len(forest.leaf_value) != n_leaves.sum() or any(
        len(getattr(forest, name)) != n_nodes for name in _INNER
    ):
        raise ValueError("trees whose numbers of nodes and leaves do not agree")
    if not (np.isfinite(forest.threshold).all() and (np.abs(forest.leaf_value) <= LARGEST).all()):
        raise ValueError(f"thresholds that are not finite, or leaves beyond {LARGEST:g}")
    if not ((forest.split_feature >= 0) & (forest.split_feature < forest.n_features)).all():
        raise ValueError(f"a split on a feature beyond {forest.n_features}")
    if not np.isin(forest.decision_type, _DECISIONS).all():
        raise ValueError("a split that is no threshold")
    _check_structure(forest, n_leaves)


def _check_structure(forest: Forest, n_leaves: NDArray[np.int64]) -> None:
    tree = np.repeat(np.arange(len(n_leaves)), n_leaves - 1)
    first_node = np.cumsum(n_leaves - 1) - (n_leaves - 1)
    first_leaf = np.cumsum(n_leaves) - n_leaves
    own = np.arange(len(tree)) - first_node[tree]
    node_parents = np.zeros(len(tree), np.int64)
    leaf_parents = np.zeros(int(n_leaves.sum()), np.int64)
    for child in (forest.left_child.astype(np.int64), forest.right_child.astype(np.int64)):
        inner = child >= 0
        if (inner & ((child <= own) | (child >= n_leaves[tree] - 1))).any() or (
            ~child >= n_leaves[tree]
        ).any():
            raise ValueError("a node whose child is not in its tree")
        np.add.at(node_parents, (first_node[tree] + child)[inner], 1)
        np.add.at(leaf_parents, (first_leaf[tree] + ~child)[~inner], 1)
    grown = n_leaves > 1
    if (node_parents != (own > 0)).any() or (leaf_parents != np.repeat(grown, n_leaves)).any():
        raise ValueError("a node with no parent or two")
