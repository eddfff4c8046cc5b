"""A search space cut down to the architectures that a table holds."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nascurve import options
from nascurve.errors import ArchitectureError, CapabilityError, ConfigError
from nascurve.simulator.types import Architecture, FloatArray, SearchSpace

_CHUNK = 16_384
"""Held architectures whose distances are computed at once: bounds the memory for wide encodings."""
_EXACT_BITS = 52
"""Sums of integers below 2^52 are exact in float64, whatever the order of summation."""


class HeldSpace:
    """The `archs` of `space`, as a search space of their own: what a benchmark can answer for.

    Of a large space a table holds few architectures, which are seldom one change apart. So the neighbours of
    an architecture are
    - those of its neighbours in `space` that are held, then
    - the held ones that are near it by the Euclidean distance of `space.encode`: b is near a when each is
      among the other's `n_nearest`, ties settled by a fixed hash of the pair; and the one before and after it
      in the lexicographic order of the encodings, a ring through all of them.
    This makes neighbourhoods mutual, never empty and connected, without looking at all pairs: distances are
    computed for the architectures that are asked about, O(n_nearest x n x width) each, and remembered. They
    are exact integer sums (encodings are rounded to a fine grid where they are no integers), so that every
    machine finds the same neighbours.

    space: must have mutual neighbourhoods, as every search space promises.
    archs: distinct architectures of `space`; their order is kept, it is the order of `all()`.
    n_nearest: near architectures considered for each one, 1 or more.
    encoding: one of `space.encodings`; its default when None.
    digest: identifies the content (the checksum of a data file, say), where hashing all strings would be too
        slow; when None it is the SHA-256 of the strings in their order.

    name is `<space.name>-held-<first 8 digits of the digest>`: runs on different contents stay apart. There
    is no `crossover`, since children of held parents are seldom held.

    Raises ConfigError for no or repeated architectures and bad options, ArchitectureError for one that is not
    in `space`.
    """

    def __init__(
        self,
        space: SearchSpace,
        archs: Sequence[Architecture],
        *,
        n_nearest: int = 8,
        encoding: str | None = None,
        digest: str | None = None,
    ) -> None:
        self._base = space
        self._archs = tuple(archs)
        self._n_nearest = options.integer("n_nearest", n_nearest, at_least=1)
        self._encoding = options.choice(
            "encoding", space.encodings[0] if encoding is None else encoding, space.encodings
        )
        if not self._archs:
            raise ConfigError(
                f"HeldSpace of {space.name!r}: expected one architecture or more, got none. Use the space "
                "itself where nothing is held."
            )
        stranger = next((arch for arch in self._archs if not space.contains(arch)), None)
        if stranger is not None:
            raise ArchitectureError(
                f"HeldSpace of {space.name!r}: got {stranger!r}, which is not in that space. Make "
                "architectures with its parse."
            )
        self._rows = {arch: row for row, arch in enumerate(self._archs)}
        if len(self._rows) < len(self._archs):
            twice = next(arch for row, arch in enumerate(self._archs) if self._rows[arch] != row)
            raise ConfigError(f"HeldSpace of {space.name!r}: {twice} is held twice. Give each one once.")
        digest = _digest(self._archs) if digest is None else digest
        if not isinstance(digest, str) or len(digest) < 8:
            raise ConfigError(f"digest: expected 8 characters or more, got {digest!r:.80}.")
        self.name = f"{space.name}-held-{digest[:8]}"
        self.size = len(self._archs)
        self.encodings = space.encodings
        self._grid: _Grid | None = None
        self._codes: FloatArray | None = None
        self._neighbors: dict[int, tuple[Architecture, ...]] = {}

    def __repr__(self) -> str:
        return f"<HeldSpace {self.name!r}: {self.size} of {self._base!r}>"

    @property
    def base(self) -> SearchSpace:
        """The space that the held architectures are part of."""
        return self._base

    def sample(self, rng: np.random.Generator) -> Architecture:
        """Uniform over the held architectures."""
        return self._archs[int(rng.random() * len(self._archs))]

    def mutate(self, arch: Architecture, rng: np.random.Generator) -> Architecture:
        """Uniform over the neighbours. Raises ArchitectureError when only one architecture is held."""
        near = self.neighbors(arch)
        if not near:
            raise ArchitectureError(f"{self.name} holds a single architecture: {arch} has no neighbour.")
        return near[int(rng.random() * len(near))]

    def neighbors(self, arch: Architecture) -> tuple[Architecture, ...]:
        """Held neighbours in the base space, in its order; then the near ones, in the order of `all()`."""
        row = self._row(arch)
        found = self._neighbors.get(row)
        if found is None:
            if self._grid is None:
                self._grid = _Grid(self._base.encode(self._archs, self._encoding), self._n_nearest)
            held = [near for near in self._base.neighbors(arch) if near in self._rows]
            close = [self._archs[other] for other in sorted(self._grid.near(row))]
            found = self._neighbors[row] = tuple(dict.fromkeys((*held, *close)))
        return found

    def parameters(self) -> Mapping[str, Any]:
        """The base space's. Raises CapabilityError where that has none."""
        return self._of_base("parameters")()  # type: ignore[no-any-return]

    def from_parameters(self, values: Mapping[str, Any]) -> Architecture:
        """The base space's architecture of these choices, or the held one nearest to it by `encode` (of
        several, the first in `all()`). Raises as the base space does."""
        arch: Architecture = self._of_base("from_parameters")(values)
        row = self._rows.get(arch)
        if row is None:
            if self._codes is None:
                self._codes = self._base.encode(self._archs, self._encoding)
            distances = np.square(self._codes - self._base.encode([arch], self._encoding)).sum(axis=1)
            row = int(distances.argmin())
        return self._archs[row]

    def _of_base(self, method: str) -> Any:
        found = getattr(self._base, method, None)
        if found is None:
            raise CapabilityError(
                f"{self.name}: the architectures of {self._base.name!r} are not made of independent choices "
                f"(it has no {method}()). Choose an optimizer that does not need them, such as re or bananas."
            )
        return found

    def encode(self, archs: Sequence[Architecture], kind: str | None = None) -> FloatArray:
        """The base space's features, shape (n, d)."""
        return self._base.encode(archs, kind)

    def parse(self, text: str) -> Architecture:
        """The held architecture of a canonical string. Raises ArchitectureError on any other text."""
        arch = self._base.parse(text)
        return self._archs[self._row(arch)]

    def key(self, arch: Architecture) -> str:
        """The base space's key; several held architectures may share one."""
        return self._base.key(arch)

    def contains(self, arch: object) -> bool:
        return self._base.contains(arch) and arch in self._rows

    def all(self) -> tuple[Architecture, ...]:
        """The held architectures, in the order in which they were given."""
        return self._archs

    def _row(self, arch: object) -> int:
        if self._base.contains(arch):
            row = self._rows.get(arch)
            if row is not None:
                return int(row)
            problem = "is an architecture of the base space that is not held"
        else:
            problem = "is no architecture of the base space"
        raise ArchitectureError(
            f"{self.name} holds {self.size} architectures of the space {self._base.name!r}; {arch!s:.300} "
            f"({type(arch).__name__}) {problem}. Take one from sample, all or parse."
        )


class _Grid:
    """Points with integer coordinates, and which of them are near each other."""

    def __init__(self, codes: FloatArray, n_nearest: int) -> None:
        self._points = _integers(codes)
        self._n_nearest = min(n_nearest, len(codes) - 1)
        wide = self._points.astype(np.float64)
        self._squares: FloatArray = np.einsum("nd,nd->n", wide, wide)
        columns = self._points.T[::-1]
        ring = np.lexsort(columns) if len(columns) else np.arange(len(codes))
        self._after = np.empty(len(ring), dtype=np.intp)
        self._after[ring] = np.roll(ring, -1)
        self._before = np.empty(len(ring), dtype=np.intp)
        self._before[ring] = np.roll(ring, 1)
        self._lists: dict[int, frozenset[int]] = {}

    def near(self, row: int) -> set[int]:
        """The rows near this one, without it; `b in near(a)` exactly when `a in near(b)`."""
        candidates = self._nearest([row])[0]
        theirs = self._nearest(sorted(candidates))
        mutual = {other for other, back in zip(sorted(candidates), theirs, strict=True) if row in back}
        return (mutual | {int(self._before[row]), int(self._after[row])}) - {row}

    def _nearest(self, rows: list[int]) -> list[frozenset[int]]:
        """The `n_nearest` of each row."""
        new = [row for row in rows if row not in self._lists]
        if new:
            for row, squares in zip(new, self._distances(new), strict=True):
                self._lists[row] = self._smallest(row, squares)
        return [self._lists[row] for row in rows]

    def _distances(self, rows: list[int]) -> FloatArray:
        """Squared distances of shape (rows, all points); infinite from a row to itself."""
        mine = self._points[rows].astype(np.float64)
        squares = self._squares[rows, None] + self._squares
        for start in range(0, len(self._points), _CHUNK):
            part = slice(start, start + _CHUNK)
            squares[:, part] -= 2.0 * (mine @ self._points[part].astype(np.float64).T)
        squares[np.arange(len(rows)), rows] = np.inf
        return squares

    def _smallest(self, row: int, squares: FloatArray) -> frozenset[int]:
        count = self._n_nearest
        if count == 0:
            return frozenset()
        bound = np.partition(squares, count - 1)[count - 1]
        close = np.flatnonzero(squares <= bound)
        # Equal distances are the rule with discrete encodings. Preferring small indices would leave large
        # ones without mutual neighbours, so ties go by a hash that both ends of the pair compute alike.
        order = np.lexsort((close, _pair_hash(row, close), squares[close]))
        return frozenset(close[order[:count]].tolist())


def _integers(codes: FloatArray) -> NDArray[Any]:
    """The codes on an integer grid fine enough for exact distances, in the smallest dtype that holds them."""
    if not codes.size:
        return np.zeros(codes.shape, dtype=np.int8)
    codes = codes - codes.min(axis=0)
    bits = max(1, (_EXACT_BITS - 2 - int(np.ceil(np.log2(codes.shape[1] + 1)))) // 2)
    top = float(codes.max())
    if top >= 2**bits or not np.array_equal(codes, np.rint(codes)):
        codes = np.rint(codes * ((2**bits - 1) / top))
    return codes.astype(np.min_scalar_type(int(codes.max())))


def _pair_hash(row: int, others: NDArray[np.intp]) -> NDArray[np.uint64]:
    """A fixed number for each unordered pair (splitmix64)."""
    low, high = np.minimum(others, row).astype(np.uint64), np.maximum(others, row).astype(np.uint64)
    mixed = (low << np.uint64(32)) + high + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def _digest(archs: Sequence[Architecture]) -> str:
    digest = hashlib.sha256()
    for arch in archs:
        digest.update(f"{arch}\n".encode())
    return digest.hexdigest()
