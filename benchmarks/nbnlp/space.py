"""The search space of NAS-Bench-NLP: recurrent cells for language models."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nascurve import options
from nascurve.benchmarks.nbnlp.cell import MAX_HIDDENS, MAX_NODES, RecurrentCell, broken_rule
from nascurve.benchmarks.nbnlp.changes import changes
from nascurve.benchmarks.nbnlp.features import ENCODERS, WIDTHS
from nascurve.benchmarks.nbnlp.generator import keeps_hiddens_apart, random_graph
from nascurve.benchmarks.nbnlp.recipe import Compact, cell_of_compact, cell_of_recipe, compact_of_recipe
from nascurve.errors import ArchitectureError, ConfigError, did_you_mean
from nascurve.simulator.types import Architecture, FloatArray


class RecurrentSpace:
    """All `RecurrentCell`: up to 25 nodes and 3 hidden states.

    Klyuchnikov et al. 2022, "NAS-Bench-NLP: Neural architecture search benchmark for natural language
    processing", and the code they released. Strings are the authors' JSON recipes with nodes in canonical
    order and named `node_<place>` and `h_new_<i>`; `from_recipe` reads every other way to write the same
    cell. Isomorphic recipes are one architecture, so that `key` is the string.

    n_hidden: hidden states of the cells that `sample` draws, 1 to 3; the authors' default is 2.
    n_inner: nodes that `sample` draws beside the outputs, 1 to 21, before it drops useless ones; theirs is 7.
    Both concern `sample` only: any cell is in the space.

    size is the paper's estimate, 10^53.
    """

    name = "nlp"
    size = 1e53
    encodings = ("graph", "adjacency")

    def __init__(self, *, n_hidden: int = 2, n_inner: int = 7) -> None:
        self._n_hidden = options.integer("n_hidden", n_hidden, at_least=1, at_most=MAX_HIDDENS)
        self._n_inner = options.integer("n_inner", n_inner, at_least=1, at_most=MAX_NODES - MAX_HIDDENS - 1)

    def __repr__(self) -> str:
        return f"RecurrentSpace(n_hidden={self._n_hidden}, n_inner={self._n_inner})"

    def sample(self, rng: np.random.Generator) -> RecurrentCell:
        """A cell of the authors' generator (see `random_graph`), drawn again until it is valid and no h_new
        reads an h_prev directly."""
        while True:
            graph = random_graph(self._n_hidden, self._n_inner, rng)
            if keeps_hiddens_apart(graph) and not broken_rule(graph):
                return RecurrentCell(*graph)

    def mutate(self, arch: Architecture, rng: np.random.Generator) -> RecurrentCell:
        """One of the elementary changes (see `changes`) that give another valid cell, uniformly."""
        cell = _cell(arch)
        pool = changes(cell)
        while pool:
            graph = pool.pop(int(rng.random() * len(pool)))
            if not broken_rule(graph):
                changed = RecurrentCell(*graph)
                if changed != cell:
                    return changed
        raise ArchitectureError(f"{arch} has no neighbour.")  # no valid cell is like that

    def neighbors(self, arch: Architecture) -> tuple[RecurrentCell, ...]:
        """All cells one elementary change away, in the order of `changes`."""
        cell = _cell(arch)
        found = (RecurrentCell(*graph) for graph in changes(cell) if not broken_rule(graph))
        return tuple(dict.fromkeys(changed for changed in found if changed != cell))

    def encode(self, archs: Sequence[Architecture], kind: str | None = None) -> FloatArray:
        """Features of shape (n, d).

        graph (default): d = 213, counts of operations, pairs, gates and paths, see `graph_features`.
        adjacency: d = 975, the canonical graph itself, see `adjacency_features`.
        compact: d = 185, as the official NAS-Bench-x11 surrogate reads it, see `compact_features`. Not among
            `encodings`, as it holds cells of at most nine nodes.

        Raises ConfigError for another kind, and for a larger cell in "compact".
        """
        kind = self.encodings[0] if kind is None else kind
        if kind not in ENCODERS:
            raise ConfigError(f"{self.name} has no encoding {kind!r}. {did_you_mean(str(kind), ENCODERS)}")
        rows = np.zeros((len(archs), WIDTHS[kind]))
        for row, arch in enumerate(archs):
            rows[row] = ENCODERS[kind](_cell(arch))
        return rows

    def parse(self, text: str) -> RecurrentCell:
        """The cell of a canonical string. Raises ArchitectureError on any other text, also on a recipe that
        is written in another way."""
        if not isinstance(text, str):
            raise ArchitectureError(
                f"An architecture string of the space {self.name!r} was expected, got {text!r:.200} "
                f"({type(text).__name__})."
            )
        cell = cell_of_recipe(text)
        if str(cell) != text:
            raise ArchitectureError(
                f"{text:.300}: expected the canonical string of a cell, here {cell}. Use from_recipe to read "
                "recipes as the authors write them."
            )
        return cell

    def from_recipe(self, recipe: object) -> RecurrentCell:
        """The cell of any recipe, JSON text or a mapping. Raises ArchitectureError for no valid one."""
        return cell_of_recipe(recipe)

    def to_compact(self, arch: Architecture) -> Compact:
        """The compact form of NAS-Bench-x11 and NASLib, nodes in canonical order."""
        return compact_of_recipe(_cell(arch).recipe())

    def from_compact(self, compact: object) -> RecurrentCell:
        """The cell of a compact form, which has lost the numbers of the hidden states and may have lost the
        order of the inputs of `blend`; see `cell_of_compact`. Raises ArchitectureError for no valid one."""
        return cell_of_compact(compact)

    def contains(self, arch: object) -> bool:
        return isinstance(arch, RecurrentCell)

    def key(self, arch: Architecture) -> str:
        """The canonical string: equal exactly for isomorphic graphs. Cells that compute the same in different
        ways, such as (a + b) + c and a + (b + c), have different keys."""
        return str(_cell(arch))


def _cell(arch: object) -> RecurrentCell:
    if isinstance(arch, RecurrentCell):
        return arch
    raise ArchitectureError(
        f"An architecture of the space nlp was expected, got {arch!r:.200} ({type(arch).__name__}). Recipes "
        "are turned into architectures by RecurrentSpace().from_recipe."
    )
