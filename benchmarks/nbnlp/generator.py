"""Random recurrent cells, drawn as by the authors of NAS-Bench-NLP."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nascurve.benchmarks.nbnlp.canonical import N_SOURCES, Graph
from nascurve.benchmarks.nbnlp.cell import BLEND, LEAKY_RELU, LINEAR, PROD, SIGM, SUM, TANH, live_nodes

_MAIN = (LINEAR, LINEAR, LINEAR, BLEND, PROD, SUM)
"""Operations by their weights, 3 : 1 : 1 : 1."""
_N_INPUTS = (2, 2, 2, 2, 3)
"""Inputs of a linear by their weights, 4 : 1."""
_ACTIVATIONS = (TANH, SIGM, LEAKY_RELU)


def random_graph(n_hiddens: int, n_inner: int, rng: np.random.Generator) -> Graph:
    """A graph of the authors' generator, which is valid or not: nodes are added until there are n_hiddens +
    n_inner (one more where the last is a linear, which always brings its activation); n_hiddens of them
    become outputs; those that lead to no output are dropped.

    Draws as the official `RecepieGenerator`, but from `rng`, so that seeds give other cells than there.
    """
    sources = list(range(n_hiddens + 1))
    ops: list[int] = []
    inputs: list[tuple[int, ...]] = []
    activations: list[int] = []
    while len(ops) < n_hiddens + n_inner:
        op = _one(_MAIN, rng)
        if op == LINEAR:
            candidates = sources + activations
            ops.append(op)
            inputs.append(_some(candidates, min(_one(_N_INPUTS, rng), len(candidates)), rng))
            ops.append(_one(_ACTIVATIONS, rng))
            inputs.append((len(ops) + N_SOURCES - 2,))
            activations.append(len(ops) + N_SOURCES - 1)
        else:
            candidates = sources[1:] + list(range(N_SOURCES, N_SOURCES + len(ops)))
            n_inputs = 3 if op == BLEND else 2
            if n_inputs <= len(candidates):
                ops.append(op)
                inputs.append(_some(candidates, n_inputs, rng))
    outputs = _some(range(N_SOURCES, N_SOURCES + len(ops)), n_hiddens, rng)
    live = sorted(live_nodes(inputs, outputs))
    number = {node: N_SOURCES + place for place, node in enumerate(live)}
    number.update((source, source) for source in sources)
    return (
        tuple(ops[node - N_SOURCES] for node in live),
        tuple(tuple(number[source] for source in inputs[node - N_SOURCES]) for node in live),
        tuple(number[node] for node in outputs),
    )


def keeps_hiddens_apart(graph: Graph) -> bool:
    """The generator's last rule: no h_new reads an h_prev directly."""
    _, inputs, outputs = graph
    return not any(0 < source < N_SOURCES for node in outputs for source in inputs[node - N_SOURCES])


def _one(values: Sequence[int], rng: np.random.Generator) -> int:
    return values[int(rng.random() * len(values))]


def _some(values: Sequence[int], count: int, rng: np.random.Generator) -> tuple[int, ...]:
    """`count` different ones, in random order."""
    pool = list(values)
    return tuple(pool.pop(int(rng.random() * len(pool))) for _ in range(count))
