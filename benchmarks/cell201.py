"""The NAS-Bench-201 cell space: 4 nodes, 6 edges, 5 operations, 15,625 architectures.

Dong & Yang 2020, "NAS-Bench-201: Extending the scope of reproducible neural architecture search"; it is also
the topology space of NATS-Bench.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from nascurve.benchmarks.choices import checked_choices
from nascurve.benchmarks.encodings import chosen_encoder
from nascurve.benchmarks.network import CELL_EDGES, NONE, SKIP, Network, cell_network
from nascurve.errors import ArchitectureError, did_you_mean
from nascurve.simulator.types import Architecture, FloatArray

OPS = (NONE, SKIP, "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
"""Operations in the official order."""
N_EDGES = len(CELL_EDGES)
SIZE = len(OPS) ** N_EDGES
PATHS = ((3,), (0, 4), (1, 5), (0, 2, 5))
"""The four paths from input to output, by edge number."""

_PARAMETERS = tuple(f"op_{source}_{target}" for source, target in CELL_EDGES)
_FORMAT = "|op~0|+|op~0|op~1|+|op~0|op~1|op~2|"
_CELL = re.compile(re.escape(_FORMAT).replace("op", r"([^|~+]*)"))
_PLACES: tuple[int, ...] = tuple(len(OPS) ** (N_EDGES - 1 - edge) for edge in range(N_EDGES))


class Cell201:
    """One cell: an operation on each of the edges (0,1), (0,2), (1,2), (0,3), (1,3), (2,3).

    Each of the 15,625 values exists once in a process, so equality is identity, also after pickling.

    ops: the six operations' names.
    index: the ops' positions in `OPS` read as a number of base 5, first edge first; not the index of the
        NATS-Bench files, which follows no rule.
    """

    __slots__ = ("index", "ops")
    index: int
    ops: tuple[str, ...]

    def __new__(cls, ops: Sequence[str]) -> Cell201:
        if isinstance(ops, str) or len(ops) != N_EDGES or not set(ops) <= set(OPS):
            raise ArchitectureError(
                f"Cell201: expected {N_EDGES} operations out of {', '.join(OPS)}; got {ops!r}. "
                "A cell's string is read by Cell201Space().parse."
            )
        return _cells()[sum(OPS.index(op) * place for op, place in zip(ops, _PLACES, strict=True))]

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AttributeError(f"Cell201 is immutable: cannot set {name!r}.")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"Cell201 is immutable: cannot delete {name!r}.")

    def __hash__(self) -> int:
        return self.index  # not the identity's: sets of cells then have the same order in every process

    def __reduce__(self) -> tuple[type[Cell201], tuple[tuple[str, ...]]]:
        return Cell201, (self.ops,)

    def __copy__(self) -> Cell201:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Cell201:
        return self

    def __str__(self) -> str:
        a, b, c, d, e, f = self.ops
        return f"|{a}~0|+|{b}~0|{c}~1|+|{d}~0|{e}~1|{f}~2|"

    def __repr__(self) -> str:
        return f"<Cell201 {self}>"


@functools.cache
def _cells() -> tuple[Cell201, ...]:
    """All cells, by index."""
    cells = []
    for index, ops in enumerate(itertools.product(OPS, repeat=N_EDGES)):
        cell = object.__new__(Cell201)
        object.__setattr__(cell, "index", index)
        object.__setattr__(cell, "ops", ops)
        cells.append(cell)
    return tuple(cells)


class Cell201Space:
    """The space of all `Cell201`. Stateless: two instances are interchangeable.

    Strings are the official ones, `|op~0|+|op~0|op~1|+|op~0|op~1|op~2|`. `key` tells networks apart strictly:
    two cells have equal keys exactly when they build the same network (see `Network.of`); 5,425 keys, one of
    them for the 341 cells without a live path. `official_key` is the original code's isomorphism string
    (6,466 values), for comparisons with papers.
    """

    name = "cell201"
    size = SIZE
    encodings = ("adjacency", "path", "ordinal")

    def __init__(self) -> None:
        self._cells = _cells()

    def __repr__(self) -> str:
        return "Cell201Space()"

    def sample(self, rng: np.random.Generator) -> Cell201:
        """Six independent uniform operations, as one uniform index."""
        return self._cells[int(rng.random() * SIZE)]

    def mutate(self, arch: Architecture, rng: np.random.Generator) -> Cell201:
        """Another operation on one edge, uniform over the 24 neighbours."""
        near = self.neighbors(arch)
        return near[int(rng.random() * len(near))]

    def crossover(self, a: Architecture, b: Architecture, rng: np.random.Generator) -> Cell201:
        """Each edge's operation from either parent with equal chance."""
        parents = (_cell(a).index, _cell(b).index)
        choices = int(rng.random() * 2**N_EDGES)
        index = 0
        for edge, place in enumerate(_PLACES):
            index += parents[choices >> edge & 1] // place % len(OPS) * place
        return self._cells[index]

    def parameters(self) -> dict[str, tuple[str, ...]]:
        """A cell as independent choices, for optimizers that work on these (`tpe`): the operation of each
        edge, named "op_<source>_<target>"."""
        return dict.fromkeys(_PARAMETERS, OPS)

    def from_parameters(self, values: Mapping[str, Any]) -> Cell201:
        """The cell of one choice for each of `parameters()`. Raises ArchitectureError for any other."""
        return Cell201(checked_choices(self.name, self.parameters(), values))

    def neighbors(self, arch: Architecture) -> tuple[Cell201, ...]:
        """The 24 cells that differ on one edge, by edge, then by operation."""
        return _neighbors(_cell(arch).index)

    def encode(self, archs: Sequence[Architecture], kind: str | None = None) -> FloatArray:
        """Features of shape (n, d).

        adjacency (default): d = 30, one-hot of each edge's operation, edges and operations in official order.
        path: d = 155, multi-hot of the four paths from input to output as sequences of operations (`none`
            included); a path of operations o_0 .. o_{l-1} (positions in `OPS`) has the place
            (0, 5, 30)[l-1] + sum_j o_j 5^j. naszilla's formula (White et al. 2021, BANANAS), whose operations
            however stand in the order avg_pool_3x3, nor_conv_1x1, nor_conv_3x3, none, skip_connect.
        ordinal: d = 6, the operations' positions in `OPS`, 0 to 4.

        Raises ConfigError for another kind.
        """
        encoder = chosen_encoder(self, _ENCODERS, kind)
        indices = np.fromiter((_cell(arch).index for arch in archs), dtype=np.intp, count=len(archs))
        return encoder()[indices].astype(np.float64)

    def parse(self, text: str) -> Cell201:
        """The cell of an official string. Raises ArchitectureError on any other text."""
        match = _CELL.fullmatch(text) if isinstance(text, str) else None
        if match is None:
            raise ArchitectureError(
                f"A {self.name} architecture string has the form {_FORMAT!r}, with op one of "
                f"{', '.join(OPS)}; got {text!r}."
            )
        unknown = next((op for op in match.groups() if op not in OPS), None)
        if unknown is not None:
            raise ArchitectureError(
                f"Unknown operation {unknown!r} in {text!r}. {did_you_mean(unknown, OPS)}"
            )
        return Cell201(match.groups())

    def contains(self, arch: object) -> bool:
        return isinstance(arch, Cell201)

    def key(self, arch: Architecture) -> str:
        """The canonical network's string: equal exactly for cells that build the same network."""
        return _key(_cell(arch).index)

    def network(self, arch: Architecture) -> Network:
        """The canonical network that the cell builds."""
        return _network(_cell(arch).index)

    def official_key(self, arch: Architecture) -> str:
        """The isomorphism string of the official code (`to_unique_str` with zeros considered).

        Incomplete by design of the original: dead terms stay, and an operation used twice looks like two.
        """
        return _official_key(_cell(arch).ops)

    def all(self) -> tuple[Cell201, ...]:
        """All 15,625 cells, by index."""
        return self._cells


def _cell(arch: object) -> Cell201:
    if type(arch) is Cell201:
        return arch
    raise ArchitectureError(
        f"An architecture of the space cell201 was expected, got {arch!r} ({type(arch).__name__}). "
        "Strings are turned into architectures by Cell201Space().parse."
    )


@functools.cache
def _neighbors(index: int) -> tuple[Cell201, ...]:
    cells = _cells()
    found = []
    for place in _PLACES:
        op = index // place % len(OPS)
        found += [cells[index + (other - op) * place] for other in range(len(OPS)) if other != op]
    return tuple(found)


@functools.cache
def _network(index: int) -> Network:
    network = cell_network(_cells()[index].ops)
    return _interned(network)


@functools.cache
def _interned(network: Network) -> Network:
    return network  # about three cells share each network: keep one object of it


@functools.cache
def _network_string(network: Network) -> str:
    return str(network)


@functools.cache
def _key(index: int) -> str:
    return _network_string(_network(index))


def _official_key(ops: tuple[str, ...]) -> str:
    """NAS-Bench-201, `Structure.to_unique_str(consider_zero=True)`: "#" marks what is zero."""
    value = ["0"]
    for node in range(1, 4):
        terms = []
        for (source, target), op in zip(CELL_EDGES, ops, strict=True):
            if target == node:
                zero = op == NONE or value[source] == "#"
                terms.append("#" if zero else value[source] if op == SKIP else f"({value[source]})@{op}")
        value.append("+".join(sorted(terms)))
    return value[3]


@functools.cache
def _ordinal() -> NDArray[np.uint8]:
    table = np.indices((len(OPS),) * N_EDGES, dtype=np.uint8).reshape(N_EDGES, SIZE).T.copy()
    table.setflags(write=False)
    return table


@functools.cache
def _adjacency() -> NDArray[np.uint8]:
    table = np.eye(len(OPS), dtype=np.uint8)[_ordinal()].reshape(SIZE, N_EDGES * len(OPS))
    table.setflags(write=False)
    return table


@functools.cache
def _path() -> NDArray[np.uint8]:
    offsets = (0, 5, 30)
    table = np.zeros((SIZE, sum(len(OPS) ** length for length in (1, 2, 3))), dtype=np.uint8)
    for path in PATHS:
        powers = len(OPS) ** np.arange(len(path))
        places = offsets[len(path) - 1] + _ordinal()[:, path].astype(np.intp) @ powers
        table[np.arange(SIZE), places] = 1
    table.setflags(write=False)
    return table


_ENCODERS: dict[str, Callable[[], NDArray[np.uint8]]] = {
    "adjacency": _adjacency,
    "path": _path,
    "ordinal": _ordinal,
}
