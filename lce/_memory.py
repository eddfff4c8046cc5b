"""When costly choices are made anew as curves come in, and how they are remembered."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from nascurve.simulator.types import FloatArray

_Value = TypeVar("_Value")


def size_on_grid(n_curves: int, *, smallest: int, growth: float) -> int:
    """The largest of smallest, ⌊smallest·growth⌋, ⌊smallest·growth²⌋, … that is at most n_curves, which is at
    least `smallest`.

    What is decided on the first so many curves is decided O(log n) times while n curves come in.
    """
    size = smallest
    step = 1
    while (larger := int(smallest * growth**step)) <= n_curves:
        size = max(size, larger)
        step += 1
    return size


def content_key(*arrays: FloatArray) -> bytes:
    """Equal exactly for equal arrays (but for collisions of a hash of 128 bits)."""
    digest = hashlib.blake2b(digest_size=16)
    for array in arrays:
        digest.update(repr(array.shape).encode())
        digest.update(array.tobytes())
    return digest.digest()


class BoundedMemory(Generic[_Value]):
    """Values by key, computed when first asked for; the one not used for longest is forgotten."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._values: OrderedDict[Hashable, _Value] = OrderedDict()

    def get(self, key: Hashable, compute: Callable[[], _Value]) -> _Value:
        if key in self._values:
            self._values.move_to_end(key)
            return self._values[key]
        value = compute()
        self._values[key] = value
        if len(self._values) > self._capacity:
            self._values.popitem(last=False)
        return value
