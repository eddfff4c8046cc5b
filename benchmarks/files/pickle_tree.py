"""What a pickle gave has to be a tree of plain values of a bounded size, before anything walks over it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

import numpy as np

from nascurve.benchmarks.files.pickle_machine import UnreadableError
from nascurve.benchmarks.files.pickle_names import DTYPES, SCALARS

_MAX_DEPTH = 100
_CONTAINERS = frozenset((dict, OrderedDict, list, tuple, set, frozenset))
_LEAVES = (
    SCALARS
    | {bytearray, np.ndarray}
    | {type(dtype) for dtype in DTYPES.values()}
    | {dtype.type for dtype in DTYPES.values()}
)


def check_tree(value: Any, n_bytes: int) -> None:
    """Raises UnreadableError for other types, nesting beyond 100 levels (so for a value that holds itself),
    and for much more than the data when each value is counted wherever it stands: to walk, print or compare
    what was read costs no more than that."""
    left = 4 * n_bytes + 10_000
    path: list[Iterator[Any]] = [iter([value] if type(value) not in _LEAVES else [])]
    while path:
        container = next(path[-1], None)
        if container is None:
            path.pop()
            continue
        kind = type(container)
        if kind not in _CONTAINERS:
            raise UnreadableError(f"a value of type {kind.__name__}")
        left -= 1 + len(container)
        if left < 0:
            raise UnreadableError("values that hold each other over and over")
        inner = [item for item in container if type(item) not in _LEAVES]
        if kind is dict or kind is OrderedDict:
            inner += [item for item in container.values() if type(item) not in _LEAVES]
        if inner:
            if len(path) == _MAX_DEPTH:
                raise UnreadableError(f"values nested more than {_MAX_DEPTH} deep")
            path.append(iter(inner))
