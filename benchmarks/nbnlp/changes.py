"""The elementary changes of a recurrent cell."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from nascurve.benchmarks.nbnlp.canonical import N_SOURCES, Graph
from nascurve.benchmarks.nbnlp.cell import (
    BLEND,
    LEAKY_RELU,
    LINEAR,
    MAX_NODES,
    PROD,
    SIGM,
    SUM,
    TANH,
    RecurrentCell,
)

_ACTIVATIONS = (SIGM, TANH, LEAKY_RELU)
_T = TypeVar("_T")
_ORDERS = ((0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0))


def changes(cell: RecurrentCell) -> list[Graph]:
    """The graphs one elementary change away, in a fixed order; some are isomorphic to each other or to the
    cell, and some break a rule of `RecurrentCell`.

    - another operation with the same inputs: among the activations; among sum, product and a linear of two;
      between blend and a linear of three, in every order of blend's inputs;
    - one input taken from another source that makes no cycle; two inputs of a blend exchanged;
    - an input more or less at a linear (two or three);
    - an activation put into an edge, or one that has a single reader taken out;
    - h_new_i given by another node, exchanged where that one is an output too.

    Each kind is undone by one of its own kind, so that neighbourhoods are mutual.
    """
    graph = cell.graph
    return [*_operations(graph), *_sources(graph), *_activations(graph), *_outputs(graph)]


def _operations(graph: Graph) -> Iterator[Graph]:
    ops, inputs, outputs = graph
    for place, (op, sources) in enumerate(zip(ops, inputs, strict=True)):
        if op in _ACTIVATIONS:
            others: tuple[int, ...] = _ACTIVATIONS
        elif len(sources) == 2:
            others = (SUM, PROD, LINEAR)
        else:
            others = (LINEAR, BLEND)
        for other in others:
            if other == op:
                continue
            changed = _replaced(ops, place, other)
            yield changed, inputs, outputs
            if other == BLEND:
                for order in _ORDERS:
                    yield changed, _replaced(inputs, place, tuple(sources[i] for i in order)), outputs


def _sources(graph: Graph) -> Iterator[Graph]:
    ops, inputs, outputs = graph
    below = _below(graph)
    for place, (op, sources) in enumerate(zip(ops, inputs, strict=True)):
        node = place + N_SOURCES
        candidates = [
            source
            for source in range(N_SOURCES + len(ops))
            if source not in sources and source != node and not below[place] >> source & 1
        ]
        for position in range(len(sources)):
            for source in candidates:
                yield ops, _replaced(inputs, place, _replaced(sources, position, source)), outputs
        if op == LINEAR and len(sources) == 2:
            for source in candidates:
                yield ops, _replaced(inputs, place, (*sources, source)), outputs
        if op == LINEAR and len(sources) == 3:
            for position in range(3):
                fewer = sources[:position] + sources[position + 1 :]
                yield ops, _replaced(inputs, place, fewer), outputs
        if op == BLEND:
            a, b, c = sources
            for swapped in ((b, a, c), (c, b, a), (a, c, b)):
                yield ops, _replaced(inputs, place, swapped), outputs


def _activations(graph: Graph) -> Iterator[Graph]:
    ops, inputs, outputs = graph
    new = N_SOURCES + len(ops)
    if len(ops) < MAX_NODES:
        for place, sources in enumerate(inputs):
            for position, source in enumerate(sources):
                longer = (*_replaced(inputs, place, _replaced(sources, position, new)), (source,))
                for op in _ACTIVATIONS:
                    yield (*ops, op), longer, outputs
    for place, op in enumerate(ops):
        node = place + N_SOURCES
        readers = [reader for reader, sources in enumerate(inputs) if node in sources]
        if op in _ACTIVATIONS and node not in outputs and len(readers) == 1:
            (source,) = inputs[place]
            kept = [
                tuple(_without(source if s == node else s, node) for s in sources)
                for other, sources in enumerate(inputs)
                if other != place
            ]
            yield (
                ops[:place] + ops[place + 1 :],
                tuple(kept),
                tuple(_without(output, node) for output in outputs),
            )


def _outputs(graph: Graph) -> Iterator[Graph]:
    ops, inputs, outputs = graph
    for number, output in enumerate(outputs):
        for node in range(N_SOURCES, N_SOURCES + len(ops)):
            if node not in outputs:
                yield ops, inputs, _replaced(outputs, number, node)
        for other in range(number):
            exchanged = _replaced(_replaced(outputs, number, outputs[other]), other, output)
            yield ops, inputs, exchanged


def _below(graph: Graph) -> list[int]:
    """For each node the set of nodes that depend on it, as bits. Nodes must be in topological order."""
    ops, inputs, _ = graph
    below = [0] * len(ops)
    for place in reversed(range(len(ops))):
        mine = below[place] | 1 << (place + N_SOURCES)
        for source in inputs[place]:
            if source >= N_SOURCES:
                below[source - N_SOURCES] |= mine
    return below


def _without(number: int, removed: int) -> int:
    return number - (number > removed)


def _replaced(values: tuple[_T, ...], place: int, value: _T) -> tuple[_T, ...]:
    return (*values[:place], value, *values[place + 1 :])
