"""The NAS-Bench-ASR cell space: 3 nodes, 6 operations, 6 optional skips, 13,824 architectures.

Mehrotra et al. 2021, "NAS-Bench-ASR: Reproducible Neural Architecture Search for Speech Recognition".
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from numbers import Integral
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from nascurve.benchmarks.choices import checked_choices
from nascurve.benchmarks.encodings import chosen_encoder
from nascurve.benchmarks.nbasr.model_hash import N_NODES, ZERO, cell_graph, model_hash
from nascurve.errors import ArchitectureError
from nascurve.simulator.types import Architecture, FloatArray

OPS = ("linear", "conv5", "conv5d2", "conv7", "conv7d2", "zero")
"""Operations in the official order, which the numbers of an architecture count."""
CHOICES = (6, 2, 6, 2, 2, 6, 2, 2, 2)
"""Number of choices at each of the nine places of an architecture."""
SIZE = int(np.prod(CHOICES))

_STARTS = (0, 2, 5)
"""Where a node begins among the nine places."""
_PLACES: tuple[int, ...] = tuple(int(place) for place in np.cumprod((1, *CHOICES))[:-1])
_FORM = "[[op,s],[op,s,s],[op,s,s,s]]"
_CELL = re.compile(r"\[\[([0-5]),([01])\],\[([0-5]),([01]),([01])\],\[([0-5]),([01]),([01]),([01])\]\]")


class ASRCell:
    """One cell: for each of three nodes an operation, then a flag (0 or 1) for each skip into it.

    A node's value is its operation applied to the value of the node before it (the first one's: to the cell's
    input), plus the values that its skips bring: from the cell's input, then from each earlier node.

    Each of the 13,824 values exists once in a process, so equality is identity, also after pickling.

    numbers: the nine numbers in a row. nodes: the same, node by node, as `arch_vec` in the official files.
    index: the place in the official enumeration (`get_all_architectures`), whose first number runs fastest.
    """

    __slots__ = ("index", "numbers")
    index: int
    numbers: tuple[int, ...]

    def __new__(cls, nodes: Sequence[Sequence[int]]) -> ASRCell:
        numbers = _numbers(nodes)
        if numbers is None:
            raise ArchitectureError(
                f"ASRCell: expected {_FORM} with op from 0 to {len(OPS) - 1} and s 0 or 1, "
                f"got {nodes!r:.200}. A cell's string is read by ASRSpace().parse."
            )
        return _cells()[sum(number * place for number, place in zip(numbers, _PLACES, strict=True))]

    @property
    def nodes(self) -> tuple[tuple[int, ...], ...]:
        return tuple(self.numbers[start : start + node + 2] for node, start in enumerate(_STARTS))

    @property
    def ops(self) -> tuple[str, ...]:
        """The names of the three operations."""
        return tuple(OPS[self.numbers[start]] for start in _STARTS)

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AttributeError(f"ASRCell is immutable: cannot set {name!r}.")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"ASRCell is immutable: cannot delete {name!r}.")

    def __hash__(self) -> int:
        return self.index  # not the identity's: sets of cells then have the same order in every process

    def __reduce__(self) -> tuple[type[ASRCell], tuple[tuple[tuple[int, ...], ...]]]:
        return ASRCell, (self.nodes,)

    def __copy__(self) -> ASRCell:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> ASRCell:
        return self

    def __str__(self) -> str:
        a, b, c, d, e, f, g, h, i = self.numbers
        return f"[[{a},{b}],[{c},{d},{e}],[{f},{g},{h},{i}]]"

    def __repr__(self) -> str:
        return f"<ASRCell {self}>"


def _numbers(nodes: object) -> list[int] | None:
    """The nine numbers of nested sequences; None if they are no cell."""
    if not _is_list(nodes) or len(nodes) != N_NODES:  # type: ignore[arg-type]
        return None
    numbers: list[int] = []
    for width, node in enumerate(nodes, start=2):  # type: ignore[var-annotated, arg-type]
        if not _is_list(node) or len(node) != width:
            return None
        numbers += node
    for number, choices in zip(numbers, CHOICES, strict=True):
        if not isinstance(number, Integral) or isinstance(number, bool) or not 0 <= int(number) < choices:
            return None
    return [int(number) for number in numbers]


def _is_list(value: object) -> bool:
    return isinstance(value, list | tuple)


@functools.cache
def _cells() -> tuple[ASRCell, ...]:
    """All cells, by index."""
    cells = []
    for index, numbers in enumerate(_ordinal().tolist()):
        cell = object.__new__(ASRCell)
        object.__setattr__(cell, "index", index)
        object.__setattr__(cell, "numbers", tuple(numbers))
        cells.append(cell)
    return tuple(cells)


class ASRSpace:
    """The space of all `ASRCell`. Stateless: two instances are interchangeable.

    Strings are the official notation without spaces, `[[op,s],[op,s,s],[op,s,s,s]]`, operations by number.
    `key` is the official model hash, by which the files name their rows: 8,242 values, 8,000 of them without
    the operation `zero`, and one for all cells that its graph has no path from input to output for.

    Deviation from what a key promises: among cells with `zero` the hash does not follow the computation. Its
    graph takes all edges from a node whose operation is `zero`, though the node's skips still reach it, so
    that 242 hashes stand for several computations. The files hold one training for each hash, hence so do we.
    """

    name = "asr"
    size = SIZE
    encodings = ("adjacency", "path", "ordinal")

    def __init__(self) -> None:
        self._cells = _cells()

    def __repr__(self) -> str:
        return "ASRSpace()"

    def sample(self, rng: np.random.Generator) -> ASRCell:
        """Nine independent uniform choices, as one uniform index."""
        return self._cells[int(rng.random() * SIZE)]

    def mutate(self, arch: Architecture, rng: np.random.Generator) -> ASRCell:
        """Uniform over the 21 neighbours. (NASLib's `mutate` changes operations only, so that it never adds
        or drops a skip; its `get_nbhd` has the same 21.)"""
        near = self.neighbors(arch)
        return near[int(rng.random() * len(near))]

    def crossover(self, a: Architecture, b: Architecture, rng: np.random.Generator) -> ASRCell:
        """Each of the nine numbers from either parent with equal chance."""
        parents = (_cell(a).numbers, _cell(b).numbers)
        choices = int(rng.random() * 2 ** len(CHOICES))
        return self._cells[sum(parents[choices >> i & 1][i] * place for i, place in enumerate(_PLACES))]

    def neighbors(self, arch: Architecture) -> tuple[ASRCell, ...]:
        """The 21 cells that differ in one number (15 in an operation, 6 in a skip), by place, then by
        value."""
        return _neighbors(_cell(arch).index)

    def parameters(self) -> dict[str, tuple[int, ...]]:
        """The nine numbers of a cell as independent choices (`tpe`): "op_0" to "op_2", "skip_0_0" (from the
        cell's input into node 0) to "skip_2_2"."""
        names: dict[str, tuple[int, ...]] = {}
        for node in range(N_NODES):
            names[f"op_{node}"] = tuple(range(len(OPS)))
            names |= {f"skip_{node}_{source}": (0, 1) for source in range(node + 1)}
        return names

    def from_parameters(self, values: Mapping[str, Any]) -> ASRCell:
        """The cell of one choice for each of `parameters()`. Raises ArchitectureError for any other."""
        numbers = checked_choices(self.name, self.parameters(), values)
        return ASRCell([numbers[start : start + node + 2] for node, start in enumerate(_STARTS)])

    def encode(self, archs: Sequence[Architecture], kind: str | None = None) -> FloatArray:
        """Features of shape (n, d).

        adjacency (default): d = 30, one-hot of each of the nine numbers in their order (6 columns for an
            operation, 2 for a skip). NASLib's `adjacency_one_hot` gives skips 6 columns too, of which 4 are
            always 0; distances are the same.
        path: d = 156, multi-hot of the paths from input to output in the official graph, as sequences of
            operations (White et al. 2021, BANANAS); a path of operations o_0 .. o_{l-1} (0 to 4) has the
            place (0, 1, 6, 31)[l] + sum_j o_j 5^j. Paths through `zero` do not exist.
        ordinal: d = 9, the numbers themselves (NASLib's `compact`).

        Raises ConfigError for another kind.
        """
        encoder = chosen_encoder(self, _ENCODERS, kind)
        indices = np.fromiter((_cell(arch).index for arch in archs), dtype=np.intp, count=len(archs))
        return encoder()[indices].astype(np.float64)

    def parse(self, text: str) -> ASRCell:
        """The cell of a canonical string. Raises ArchitectureError on any other text."""
        match = _CELL.fullmatch(text) if isinstance(text, str) else None
        if match is None:
            raise ArchitectureError(
                f"An {self.name} architecture string has the form {_FORM!r} without spaces, with op from "
                f"0 to {len(OPS) - 1} ({', '.join(OPS)}) and s 0 or 1; got {text!r:.99}. ASRCell takes lists."
            )
        numbers = map(int, match.groups())
        return self._cells[sum(number * place for number, place in zip(numbers, _PLACES, strict=True))]

    def contains(self, arch: object) -> bool:
        return isinstance(arch, ASRCell)

    def key(self, arch: Architecture) -> str:
        """The official model hash: 32 hex digits."""
        return _key(_cell(arch).index)

    def all(self) -> tuple[ASRCell, ...]:
        """All 13,824 cells, in the official order."""
        return self._cells


def _cell(arch: object) -> ASRCell:
    if type(arch) is ASRCell:
        return arch
    raise ArchitectureError(
        f"An architecture of the space asr was expected, got {arch!r} ({type(arch).__name__}). "
        "Strings are turned into architectures by ASRSpace().parse."
    )


@functools.cache
def _neighbors(index: int) -> tuple[ASRCell, ...]:
    cells = _cells()
    found = []
    for number, place, choices in zip(cells[index].numbers, _PLACES, CHOICES, strict=True):
        found += [cells[index + (other - number) * place] for other in range(choices) if other != number]
    return tuple(found)


def _ops_and_skips(index: int) -> tuple[list[int], list[tuple[int, ...]]]:
    nodes = _cells()[index].nodes
    return [node[0] for node in nodes], [node[1:] for node in nodes]


@functools.cache
def _key(index: int) -> str:
    return model_hash(*_ops_and_skips(index))


@functools.cache
def _ordinal() -> NDArray[np.uint8]:
    table = np.indices(CHOICES[::-1], dtype=np.uint8).reshape(len(CHOICES), SIZE)[::-1].T.copy()
    table.setflags(write=False)
    return table


@functools.cache
def _adjacency() -> NDArray[np.uint8]:
    numbers = _ordinal()
    table = np.hstack([np.eye(choices, dtype=np.uint8)[numbers[:, i]] for i, choices in enumerate(CHOICES)])
    table.setflags(write=False)
    return table


@functools.cache
def _path() -> NDArray[np.uint8]:
    table = np.zeros((SIZE, sum(ZERO**length for length in range(N_NODES + 1))), dtype=np.uint8)
    for index in range(SIZE):
        table[index, _path_places(*cell_graph(*_ops_and_skips(index)))] = 1
    table.setflags(write=False)
    return table


@functools.cache
def _path_places(labels: tuple[int, ...], predecessors: tuple[tuple[int, ...], ...]) -> list[int]:
    paths: list[list[tuple[int, ...]]] = [[()]]
    for label, before in zip(labels[1:], predecessors[1:], strict=True):
        own = () if label < 0 else (label,)
        paths.append([path + own for source in before for path in paths[source]])
    offsets = (0, 1, 6, 31)
    ends = paths[-1] if labels else []
    return [offsets[len(path)] + sum(op * ZERO**j for j, op in enumerate(path)) for path in ends]


_ENCODERS: dict[str, Callable[[], NDArray[np.uint8]]] = {
    "adjacency": _adjacency,
    "path": _path,
    "ordinal": _ordinal,
}
