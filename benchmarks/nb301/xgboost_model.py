"""The bytes that a pickled XGBoost booster holds, read as trees; without XGBoost."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nascurve.benchmarks.nb301.trees import Trees

_SNAPSHOT = b"CONFIG-offset:"
_OFFSET = struct.Struct("<q")
_LEARNER = struct.Struct("<fIiii29i")  # base score, features, classes, has attributes, has metrics
_LENGTH = struct.Struct("<Q")
_GBTREE = struct.Struct("<4iq34i")  # trees, roots, features, padding, buffer, outputs, leaf vector
_TREE = struct.Struct("<37i")  # roots, nodes, deleted, depth, features, leaf vector
_NODE = np.dtype([("parent", "<i4"), ("left", "<i4"), ("right", "<i4"), ("index", "<u4"), ("value", "<f4")])
_STATISTICS_BYTES = 16
_FEATURE_BITS = 0x7FFFFFFF  # the highest one tells where missing values go
_MAX_TREES = 200_000
_OBJECTIVES = ("reg:squarederror", "reg:linear")
_START = '"trees":['


def read_xgboost(data: bytes | bytearray, *, n_features: int) -> Trees:
    """The trees of a regression model with squared error over `n_features` features.

    Read are the three forms that a pickled `Booster` of XGBoost 0.8 to 1.7 holds: its binary model; since
    1.0 "CONFIG-offset:", the binary model, then its configuration; since 1.3 a JSON document of both. XGBoost
    2 and later write UBJSON, which is refused: the released models are older.

    Raises ValueError, in a few words, for everything else.
    """
    data = bytes(data)
    if data.startswith(_SNAPSHOT):
        (length,) = _OFFSET.unpack_from(data, len(_SNAPSHOT))
        start = len(_SNAPSHOT) + _OFFSET.size
        if not 0 < length <= len(data) - start:
            raise ValueError("an XGBoost model that is cut short")
        return _read_binary(data[start : start + length], n_features)
    if data.startswith(b"{L") or data.startswith(b"{l") or data.startswith(b"{i"):
        raise ValueError("an XGBoost model in UBJSON, of version 2 or later; the released ones are older")
    if data.lstrip().startswith(b"{"):
        return _read_json(data.decode(), n_features)
    return _read_binary(data, n_features)


def _read_binary(data: bytes, n_features: int) -> Trees:
    position = 4 if data.startswith(b"binf") else 0
    try:
        base, features, classes, *_ = _LEARNER.unpack_from(data, position)
        position += _LEARNER.size
        objective, position = _text(data, position)
        booster, position = _text(data, position)
        _check_kind(booster, objective, features, classes, n_features)
        n_trees, _, _, _, _, outputs, leaf_vector, *_ = _GBTREE.unpack_from(data, position)
        position += _GBTREE.size
        if not 0 < n_trees <= _MAX_TREES or outputs not in (0, 1) or leaf_vector != 0:
            raise ValueError(f"an XGBoost model of {n_trees} trees and {outputs} outputs")
        tables = []
        for _ in range(n_trees):
            _, n_nodes, _, _, _, leaf_vector, *_ = _TREE.unpack_from(data, position)
            position += _TREE.size
            if leaf_vector not in (0, 1) or n_nodes < 1:
                raise ValueError("an XGBoost tree without nodes, or with vectors in its leaves")
            tables.append(np.frombuffer(data, _NODE, n_nodes, position))
            position += n_nodes * (_NODE.itemsize + _STATISTICS_BYTES)
            if position > len(data):
                raise ValueError("an XGBoost model that is cut short")
    except struct.error as error:
        raise ValueError("an XGBoost model that is cut short") from error
    columns = [
        {
            "left": table["left"],
            "right": table["right"],
            "feature": (table["index"] & _FEATURE_BITS).astype(np.int32),
            "threshold": table["value"],
        }
        for table in tables
    ]
    return _trees(columns, base, n_features, base_first=False)


def _text(data: bytes, position: int) -> tuple[str, int]:
    (length,) = _LENGTH.unpack_from(data, position)
    position += _LENGTH.size
    if length > 100 or position + length > len(data):
        raise ValueError("no binary model of XGBoost")
    return data[position : position + length].decode(), position + length


def _read_json(text: str, n_features: int) -> Trees:
    """Tree by tree, so that the numbers of one tree at a time are Python objects."""
    start = text.find(_START)
    if start < 0 or text.find(_START, start + 1) >= 0:
        raise ValueError("a JSON document without XGBoost trees, or with several models")
    position = start + len(_START)
    decoder = json.JSONDecoder()
    columns = []
    while text[position : position + 1] != "]":
        tree, position = decoder.raw_decode(text, position)
        columns.append(_json_tree(tree))
        if text[position : position + 1] == ",":
            position += 1
        if len(columns) > _MAX_TREES:
            raise ValueError(f"an XGBoost model of more than {_MAX_TREES} trees")
    document = json.loads(text[: start + len(_START)] + text[position:])
    try:
        learner = document.get("Model", document)["learner"]
        facts = learner["learner_model_param"]
        base, features = float(facts["base_score"].strip("[]")), int(facts["num_feature"])
        booster, objective = learner["gradient_booster"]["name"], learner["objective"]["name"]
        classes = int(facts["num_class"])
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError("a JSON document that is no XGBoost model") from error
    _check_kind(booster, objective, features, classes, n_features)
    return _trees(columns, base, n_features, base_first=True)


def _json_tree(tree: Any) -> dict[str, NDArray[Any]]:
    names = {
        "left": ("left_children", np.int64),
        "right": ("right_children", np.int64),
        "feature": ("split_indices", np.int64),
        "threshold": ("split_conditions", np.float64),
    }
    try:
        if tree.get("categories"):
            raise ValueError("an XGBoost tree with splits by category")
        columns = {name: np.array(tree[theirs], kind) for name, (theirs, kind) in names.items()}
    except (AttributeError, KeyError, TypeError, OverflowError) as error:
        raise ValueError("a JSON document whose trees are not XGBoost's") from error
    n_nodes = len(columns["left"]) if columns["left"].ndim == 1 else 0
    if n_nodes < 1 or any(column.shape != (n_nodes,) for column in columns.values()):
        raise ValueError("an XGBoost tree whose lists do not agree")
    return columns


def _check_kind(booster: Any, objective: Any, features: int, classes: int, n_features: int) -> None:
    if booster != "gbtree" or objective not in _OBJECTIVES or classes > 1:
        raise ValueError(
            f"an XGBoost model {booster!r:.40} with objective {objective!r:.40} instead of 'gbtree' with "
            "squared error"
        )
    if features != n_features:
        raise ValueError(f"an XGBoost model of {features} features instead of {n_features}")


def _trees(
    columns: Sequence[Mapping[str, NDArray[Any]]], base: float, n_features: int, *, base_first: bool
) -> Trees:
    if not columns:
        raise ValueError("an XGBoost model without trees")
    sizes = np.array([len(tree["left"]) for tree in columns], np.int64)
    if sizes.sum() >= 2**31:
        raise ValueError("an XGBoost model of more than 2^31 nodes")
    roots = np.cumsum(sizes) - sizes
    joined = {name: np.concatenate([tree[name] for tree in columns]) for name in columns[0]}
    of_tree, own_size = np.repeat(roots, sizes), np.repeat(sizes, sizes)
    children = {}
    for name in ("left", "right"):
        child = joined[name].astype(np.int64)
        if ((child < -1) | (child >= own_size)).any():
            raise ValueError("a node whose child is not in its tree")
        children[name] = np.where(child < 0, -1, child + of_tree).astype(np.int32)
    feature = np.clip(joined["feature"], -1, n_features).astype(np.int32)
    with np.errstate(over="ignore"):
        threshold = joined["threshold"].astype(np.float32).astype(np.float64)
    return Trees(
        n_features=n_features,
        base=float(np.float32(base)),
        single=True,
        base_first=base_first,
        roots=roots.astype(np.int32),
        feature=feature,
        threshold=threshold,
        **children,
    )
