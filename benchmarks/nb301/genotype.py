"""Architectures of the DARTS space: two cells of four nodes, in the genotype notation."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from nascurve.errors import ArchitectureError, did_you_mean

OPS = (
    "max_pool_3x3",
    "avg_pool_3x3",
    "skip_connect",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "dil_conv_3x3",
    "dil_conv_5x5",
)
"""Operations in the official order. DARTS' `none` is not among them."""
NODES = (2, 3, 4, 5)
"""The nodes of a cell; 0 and 1 are its inputs, the outputs of the cells before the last and before."""
N_PAIRS = 2 * len(NODES)
CELLS = ("normal", "reduce")
CONFIG_PREFIX = "NetworkSelectorDatasetInfo:darts:"

Pair = tuple[int, int]
"""(source node, position of the operation in `OPS`): naszilla's and NASLib's order, DARTS' is swapped."""
Cell = tuple[Pair, ...]

_CONCAT = "[2, 3, 4, 5]"
_PAIR = re.compile(r"\(\s*(['\"])(\w+)\1\s*,\s*(\d)\s*\)")
_LIST = r"\[((?:[^\[\]]){0,600})\]"
_RANGE = r"(\[[\d\s,]{0,40}\]|\([\d\s,]{0,40}\)|range\([\d\s,]{0,40}\))"
_TEXT = re.compile(
    rf"\s*Genotype\(\s*normal\s*=\s*{_LIST}\s*,\s*normal_concat\s*=\s*{_RANGE}\s*,"
    rf"\s*reduce\s*=\s*{_LIST}\s*,\s*reduce_concat\s*=\s*{_RANGE}\s*,?\s*\)\s*"
)
_FORM = (
    "Genotype(normal=[('op', source), … 8 pairs], normal_concat=[2, 3, 4, 5], reduce=[…], "
    "reduce_concat=[2, 3, 4, 5])"
)


class DartsGenotype:
    """A normal and a reduction cell: each of nodes 2 to 5 adds up two operations on different earlier nodes.

    normal, reduce: 8 pairs (source, position in `OPS`) each, pairs 2k and 2k + 1 feeding node k + 2. The
        order within a node does not matter and is made ascending by source.

    `str` is the official genotype notation. Values are equal exactly when their strings are: renumbered nodes
    make another architecture, as in the official code; see `DartsSpace.key`.

    Raises ArchitectureError for anything else than such cells.
    """

    __slots__ = ("_hash", "normal", "reduce")
    normal: Cell
    reduce: Cell

    def __init__(self, normal: Sequence[Sequence[int]], reduce: Sequence[Sequence[int]]) -> None:
        self._put(_checked(normal, "normal"), _checked(reduce, "reduce"))

    def _put(self, normal: Cell, reduce: Cell) -> None:
        put = object.__setattr__
        put(self, "normal", normal)
        put(self, "reduce", reduce)
        put(self, "_hash", hash((normal, reduce)))

    @classmethod
    def trusted(cls, normal: Cell, reduce: Cell) -> DartsGenotype:
        """Of cells that are known to be right and in order: without checks, ten times as fast."""
        genotype = object.__new__(cls)
        genotype._put(normal, reduce)
        return genotype

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AttributeError(f"DartsGenotype is immutable: cannot set {name!r}.")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"DartsGenotype is immutable: cannot delete {name!r}.")

    def __reduce__(self) -> tuple[Any, ...]:
        return DartsGenotype, (self.normal, self.reduce)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, DartsGenotype):
            return NotImplemented
        return self.normal == other.normal and self.reduce == other.reduce

    def __hash__(self) -> int:
        return self._hash  # type: ignore[attr-defined, no-any-return]

    def __str__(self) -> str:
        normal, reduce = (
            ", ".join(f"('{OPS[op]}', {source})" for source, op in cell)
            for cell in (self.normal, self.reduce)
        )
        return (
            f"Genotype(normal=[{normal}], normal_concat={_CONCAT}, "
            f"reduce=[{reduce}], reduce_concat={_CONCAT})"
        )

    def __repr__(self) -> str:
        return f"<Darts{self}>"

    @property
    def cells(self) -> tuple[Cell, Cell]:
        """Both cells; also the "compact" form of naszilla, NASLib and x11."""
        return self.normal, self.reduce


def from_genotype(genotype: Any) -> DartsGenotype:
    """The architecture of a genotype, in any order of a node's pairs.

    genotype: its text, with concatenations as lists, tuples or `range(2, 6)`; or the `Genotype` named tuple
    of the official code, or any (normal, normal_concat, reduce, reduce_concat) of (op, source) pairs.

    Raises ArchitectureError for anything else, and for other concatenations than of nodes 2 to 5: DARTS' own
    notation has them, the benchmark's space does not.
    """
    if isinstance(genotype, str):
        match = _TEXT.fullmatch(genotype) if len(genotype) <= 3000 else None
        if match is None:
            raise ArchitectureError(f"A genotype has the form {_FORM}; got {genotype!r:.300}.")
        normal, normal_concat, reduce, reduce_concat = match.groups()
        parts: Any = (_pairs(normal), _nodes(normal_concat), _pairs(reduce), _nodes(reduce_concat))
    else:
        parts = tuple(genotype) if isinstance(genotype, Sequence) else ()
    if len(parts) != 4:
        raise ArchitectureError(f"A genotype has the form {_FORM}; got {genotype!r:.300}.")
    for name, concat in (("normal_concat", parts[1]), ("reduce_concat", parts[3])):
        if not isinstance(concat, Sequence | range) or sorted(map(str, concat)) != sorted(map(str, NODES)):
            raise ArchitectureError(
                f"{name}: expected the nodes 2, 3, 4 and 5, got {concat!r:.100}. Cells with other outputs "
                "are not in this space."
            )
    return DartsGenotype(_swapped(parts[0], "normal"), _swapped(parts[2], "reduce"))


def to_genotype(arch: DartsGenotype) -> tuple[Any, ...]:
    """(normal, normal_concat, reduce, reduce_concat) with lists of (op, source): the fields of `Genotype`."""
    normal, reduce = ([(OPS[op], source) for source, op in cell] for cell in arch.cells)
    return normal, list(NODES), reduce, list(NODES)


def from_compact(compact: Any) -> DartsGenotype:
    """The architecture of (normal, reduce) with 8 (source, operation's position) pairs each, in any order
    within a node: the keys of NASLib's pickle. Raises ArchitectureError for anything else."""
    if not isinstance(compact, Sequence) or isinstance(compact, str | bytes) or len(compact) != 2:
        raise ArchitectureError(f"A compact DARTS architecture is (normal, reduce); got {compact!r:.300}.")
    return DartsGenotype(*compact)


def to_compact(arch: DartsGenotype) -> tuple[Cell, Cell]:
    """(normal, reduce) with (source, operation's position) pairs."""
    return arch.cells


def to_config(arch: DartsGenotype) -> dict[str, str]:
    """The architecture's part of a ConfigSpace dictionary, as nasbench301's `convert_genotype_to_config`
    makes it: `edge_<cell>_<k>` for the 16 chosen edges, `inputs_node_<cell>_<n>` for nodes 3 to 5."""
    config = {}
    for name, cell in zip(CELLS, arch.cells, strict=True):
        for node, first, second in zip(NODES, cell[::2], cell[1::2], strict=True):
            for source, op in (first, second):
                config[f"{CONFIG_PREFIX}edge_{name}_{edge_index(source, node)}"] = OPS[op]
            if node > 2:
                config[f"{CONFIG_PREFIX}inputs_node_{name}_{node}"] = f"{first[0]}_{second[0]}"
    return config


def from_config(config: Mapping[str, Any]) -> DartsGenotype:
    """The architecture in a ConfigSpace dictionary; other hyper-parameters in it are ignored.

    Raises ArchitectureError when edges are missing, too many, unknown or contradict `inputs_node_…`.
    """
    cells = []
    for name in CELLS:
        pairs = []
        for node in NODES:
            edges = [
                (s, config.get(f"{CONFIG_PREFIX}edge_{name}_{edge_index(s, node)}")) for s in range(node)
            ]
            chosen = [(source, op) for source, op in edges if op is not None]
            inputs = "_".join(str(source) for source, _ in chosen)
            stated = config.get(f"{CONFIG_PREFIX}inputs_node_{name}_{node}", inputs if node == 2 else None)
            if len(chosen) != 2 or stated != inputs:
                raise ArchitectureError(
                    f"Configuration: expected two edges into node {node} of the {name} cell, the ones that "
                    f"inputs_node_{name}_{node} states; got {inputs or 'none'!r}, stated {stated!r:.50}."
                )
            pairs += [(source, _op(op)) for source, op in chosen]
        cells.append(tuple(pairs))
    return DartsGenotype(*cells)


def edge_index(source: int, node: int) -> int:
    """The number 0 … 13 of an edge among all into nodes 2 to 5, by node, then by source."""
    return (node - 2) * (node + 1) // 2 + source


def _checked(cell: Sequence[Sequence[int]], name: str) -> Cell:
    try:
        pairs = [(int(source), int(op)) for source, op in cell]
        whole = all(
            source == pair[0] and op == pair[1] for (source, op), pair in zip(cell, pairs, strict=True)
        )
    except (TypeError, ValueError, OverflowError):
        pairs, whole = [], False
    if not whole or len(pairs) != N_PAIRS:
        raise ArchitectureError(
            f"The {name} cell: expected {N_PAIRS} pairs (source, operation's position); got {cell!r:.200}."
        )
    found: list[Pair] = []
    for node, *both in zip(NODES, pairs[::2], pairs[1::2], strict=True):
        first, second = sorted(both)
        if not 0 <= first[0] < second[0] < node or not all(0 <= op < len(OPS) for _, op in both):
            raise ArchitectureError(
                f"The {name} cell: node {node} takes two different nodes of 0 to {node - 1}, with operations "
                f"0 to {len(OPS) - 1}; got {both}."
            )
        found += [first, second]
    return tuple(found)


def _op(name: Any) -> int:
    if not isinstance(name, str) or name not in OPS:
        raise ArchitectureError(f"Unknown operation {name!r:.50}. {did_you_mean(str(name)[:50], OPS)}")
    return OPS.index(name)


def _swapped(cell: Any, name: str) -> list[Pair]:
    try:
        return [(source, _op(op)) for op, source in cell]
    except (TypeError, ValueError) as error:
        raise ArchitectureError(
            f"The {name} cell: expected pairs (op, source); got {cell!r:.200}."
        ) from error


def _pairs(text: str) -> list[tuple[str, int]]:
    left = _PAIR.sub("", text)
    if left.replace(",", "").strip():
        raise ArchitectureError(f"A cell is a list of pairs ('op', source); got [{text:.200}].")
    return [(match[2], int(match[3])) for match in _PAIR.finditer(text)]


def _nodes(text: str) -> Sequence[int]:
    numbers = [int(number) for number in re.findall(r"\d+", text)]
    if text.startswith("range"):
        return range(*numbers) if 1 <= len(numbers) <= 2 and max(numbers) < 100 else []
    return numbers
