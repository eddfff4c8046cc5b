"""Which architectures choices may be made on, and which are left for reporting."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable


def is_reporting(names: Iterable[str]) -> bool:
    """Whether an architecture belongs to the reporting half: the SHA-256 of each of its names is odd.

    names: all strings that mean the same network (isomorphic cells), or its only one. As soon as one of them
    has an even sum, choices may have been made on the network, and it belongs to the development half.
    """
    return all(hashlib.sha256(name.encode()).digest()[-1] % 2 for name in names)
