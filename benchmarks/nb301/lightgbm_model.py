"""The text that a pickled LightGBM booster holds, read as trees; without LightGBM."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nascurve.benchmarks.nb301.trees import Trees

LARGEST = 1e12
"""Largest leaf of a model: no sum of them overflows."""
_AFTER_TREES = re.compile("\n(?:end of trees|feature[ _]importances:|parameters:)")
_MAX_TREES = 100_000
_MAX_LEAVES = 65_536
_MAX_LINES = 64
_MAX_NUMBER = 32
_OBJECTIVES = ("regression", "regression_l2", "l2", "mean_squared_error", "mse")
_DECISIONS = (0, 2, 8, 10)
"""A threshold; default direction (2); missing values as none (0) or NaN (8). Odd ones are categorical."""
_ZERO_IS_MISSING = (4, 6)
_INNER: dict[str, type] = {
    "split_feature": int,
    "threshold": float,
    "decision_type": int,
    "left_child": int,
    "right_child": int,
}
_HANDLES = ("_handle", "handle")
"""Where boosters keep their text: since LightGBM 4.0 the first."""


def text_of_booster(state: Mapping[str, Any]) -> tuple[str, int | None]:
    """The model's text in the state of a pickled `lightgbm.Booster`, and how many trees it predicts with, its
    best iteration (None: all). Raises ValueError for a state without text."""
    text = next((state[name] for name in _HANDLES if name in state), None)
    if isinstance(text, bytes | bytearray):
        text = bytes(text).decode()
    if type(text) is not str:
        raise ValueError("a LightGBM booster without the text of its model")
    best = state.get("best_iteration")
    return text, best if type(best) is int and best > 0 else None


def read_lightgbm(text: str, *, n_features: int, n_trees: int | None = None) -> Trees:
    """The trees of a model's text, as LightGBM 2.2 to 4 write it: the first `n_trees`, or all.

    In the text, a child c >= 0 is an inner node of the tree, c < 0 is its leaf ~c; a row goes left where its
    feature is at most the threshold. Memory stays within a few times the text.

    Raises ValueError, in a few words, for anything but a regression model with squared error,
    gradient-boosted (not averaged) trees, one value an iteration, thresholds on `n_features` numeric
    features, and constant leaves; also where zeros count as missing values.
    """
    if text.count("\nTree=") > _MAX_TREES:
        raise ValueError(f"a LightGBM model of more than {_MAX_TREES} trees")
    text = text.replace("\r\n", "\n")
    head, *blocks = _AFTER_TREES.split(text, maxsplit=1)[0].split("\nTree=")
    _check_head(head, n_features)
    if not blocks:
        raise ValueError("a LightGBM model without trees")
    tables = [_read_tree(i, block) for i, block in enumerate(blocks[:n_trees])]
    joined = {name: np.concatenate([table[name] for table in tables]) for name in (*_INNER, "leaf_value")}
    _check_numbers(joined)
    return _trees(np.array([len(table["leaf_value"]) for table in tables], np.int64), joined, n_features)


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


def _read_tree(i: int, block: str) -> dict[str, NDArray[Any]]:
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
    table = {name: _numbers(i, name, said.get(name, ""), kind, n_leaves - 1) for name, kind in _INNER.items()}
    return {**table, "leaf_value": _numbers(i, "leaf_value", said.get("leaf_value", ""), float, n_leaves)}


def _numbers(i: int, name: str, line: str, kind: type, n: int) -> NDArray[Any]:
    parts = line.split() if len(line) <= n * _MAX_NUMBER else []
    if len(parts) != n:
        raise ValueError(f"tree {i}: {name} is not {n} numbers")
    return np.array(list(map(kind, parts)), np.int32 if kind is int else np.float64)


def _check_numbers(joined: Mapping[str, NDArray[Any]]) -> None:
    if not (np.abs(joined["leaf_value"]) <= LARGEST).all():
        raise ValueError(f"a LightGBM model with leaves beyond {LARGEST:g}")
    if np.isin(joined["decision_type"], _ZERO_IS_MISSING).any():
        raise ValueError("a LightGBM model that takes zeros for missing values")
    if not np.isin(joined["decision_type"], _DECISIONS).all():
        raise ValueError("a LightGBM model with a split that is no threshold")


def _trees(n_leaves: NDArray[np.int64], joined: Mapping[str, NDArray[Any]], n_features: int) -> Trees:
    """Of each tree the inner nodes, then the leaves."""
    n_inner = n_leaves - 1
    roots = np.cumsum(n_leaves + n_inner) - (n_leaves + n_inner)
    tree = np.repeat(np.arange(len(n_leaves)), n_inner)
    inner = roots[tree] + np.arange(len(tree)) - (np.cumsum(n_inner) - n_inner)[tree]
    leaf_tree = np.repeat(np.arange(len(n_leaves)), n_leaves)
    own_leaf = np.arange(len(leaf_tree)) - (np.cumsum(n_leaves) - n_leaves)[leaf_tree]
    n_nodes = int((n_leaves + n_inner).sum())
    nodes: dict[str, Any] = {name: np.full(n_nodes, -1, np.int32) for name in ("feature", "left", "right")}
    nodes["feature"][inner] = joined["split_feature"]
    for name in ("left", "right"):
        child = joined[f"{name}_child"].astype(np.int64)
        if ((child >= n_inner[tree]) | (~child >= n_leaves[tree])).any():
            raise ValueError("a node whose child is not in its tree")
        nodes[name][inner] = roots[tree] + np.where(child >= 0, child, n_inner[tree] + ~child)
    threshold = np.empty(n_nodes)
    threshold[roots[leaf_tree] + n_inner[leaf_tree] + own_leaf] = joined["leaf_value"]
    threshold[inner] = np.nextafter(joined["threshold"], np.inf)  # so that x <= t is x < the next number
    return Trees(n_features=n_features, roots=roots.astype(np.int32), threshold=threshold, **nodes)
