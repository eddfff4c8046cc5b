"""Counts and paths of a recurrent cell over time, as numbers that do not depend on how it is written."""

from __future__ import annotations

import itertools

import numpy as np

from nascurve.benchmarks.nbnlp.canonical import N_SOURCES
from nascurve.benchmarks.nbnlp.cell import (
    BLEND,
    LEAKY_RELU,
    LINEAR,
    OPS,
    PROD,
    SIGM,
    SUM,
    TANH,
    RecurrentCell,
    live_nodes,
)

_ACTIVATIONS = (SIGM, TANH, LEAKY_RELU)
_COSTS: dict[str, tuple[int, ...]] = {
    "nodes": tuple(range(1, len(OPS))),
    "linear": (LINEAR,),
    "bounded": (SIGM, TANH),
    "sigm": (SIGM,),
    "activations": _ACTIVATIONS,
    "products": (PROD, BLEND),
}
"""Operations that a path is charged for: the cheapest path counts."""
_DELAYS = 4
_NO_PATH = 30.0


def unrolled_features(cell: RecurrentCell) -> dict[str, float]:
    """Features of the part of a cell that its output h_new_0 can ever depend on, named.

    live: its nodes, hidden states, weight matrices, operations of each kind; pairs of operations.
    x-d<d>: paths from the token d steps ago to the output, through the hidden states: log(1 + their number),
        and the fewest nodes, linear maps, bounded activations, sigmoids, activations, products on one; 30
        where there is none.
    loop: the fewest of the same on a way from a hidden state back to itself, over any number of steps, and
        the mean over the hidden states. No linear map on a loop: a memory that keeps its content, as in an
        LSTM; no bounded activation: a state that can grow without limit.
    gates: products and blends whose state side has no linear map between itself and an h_prev; products with
        a sigmoid; blends by a sigmoid; sums with such a state side.
    out: operation of the output, one-hot; whether it reads x in the same step.
    """
    hiddens, nodes = _live(cell)
    ops = {node: cell.ops[node - N_SOURCES] for node in nodes}
    sources = {node: cell.inputs[node - N_SOURCES] for node in nodes}
    found: dict[str, float] = {
        "live nodes": len(nodes),
        "live hiddens": len(hiddens),
        "dead nodes": len(cell.ops) - len(nodes),
        "matrices": sum(len(sources[node]) for node in nodes if ops[node] == LINEAR),
        "x matrices": sum(0 in sources[node] for node in nodes if ops[node] == LINEAR),
    }
    for number, name in enumerate(OPS[1:], start=1):
        found[f"live {name}"] = sum(op == number for op in ops.values())
    for first, second in itertools.product(range(len(OPS)), range(1, len(OPS))):
        found[f"{OPS[first]} > {OPS[second]}"] = sum(
            ops.get(source, 0) == first and ops[node] == second for node in nodes for source in sources[node]
        )
    found |= _over_time(cell, hiddens, nodes)
    found |= _gates(ops, sources, nodes)
    for number, name in enumerate(OPS[1:], start=1):
        found[f"out {name}"] = float(ops[cell.outputs[0]] == number)
    return found


def _live(cell: RecurrentCell) -> tuple[list[int], list[int]]:
    """Numbers of the hidden states that the output depends on at some time, and the nodes that make them."""
    hiddens = {0}
    while True:
        nodes = live_nodes(cell.inputs, [cell.outputs[number] for number in hiddens])
        read = {
            source - 1 for node in nodes for source in cell.inputs[node - N_SOURCES] if 0 < source < N_SOURCES
        }
        if read <= hiddens:
            return sorted(hiddens), sorted(nodes)
        hiddens |= read


def _over_time(cell: RecurrentCell, hiddens: list[int], nodes: list[int]) -> dict[str, float]:
    """Paths from earlier tokens and loops. (j, i) is the path from hidden state i to the next j."""
    found: dict[str, float] = {}
    outputs = [cell.outputs[number] for number in hiddens]
    n = len(hiddens)
    number = np.ones((n, n + 1))
    for column, start in enumerate([0, *(1 + hidden for hidden in hiddens)]):
        count = dict.fromkeys(range(N_SOURCES), 0.0) | {start: 1.0}
        for node in nodes:
            count[node] = sum(count[source] for source in cell.inputs[node - N_SOURCES])
        number[:, column] = [count[node] for node in outputs]
    at = number[:, 0]
    for delay in range(_DELAYS):
        found[f"x-d{delay} log paths"] = float(np.log1p(at[0]))
        at = number[:, 1:] @ at
    for name, charged in _COSTS.items():
        cost = np.empty((n, n + 1))
        for column, start in enumerate([0, *(1 + hidden for hidden in hiddens)]):
            least = dict.fromkeys(range(N_SOURCES), np.inf) | {start: 0.0}
            for node in nodes:
                op = cell.ops[node - N_SOURCES]
                least[node] = min(least[source] for source in cell.inputs[node - N_SOURCES]) + (op in charged)
            cost[:, column] = [least[node] for node in outputs]
        at, steps = cost[:, 0], cost[:, 1:]
        for delay in range(_DELAYS):
            found[f"x-d{delay} {name}"] = min(float(at[0]), _NO_PATH)
            at = (steps + at).min(axis=1)
        closed = steps.copy()
        for over in range(n):
            closed = np.minimum(closed, closed[:, over, None] + closed[None, over])
        loops = np.minimum(np.diag(closed), _NO_PATH)
        found[f"loop least {name}"] = float(loops.min())
        found[f"loop mean {name}"] = float(loops.mean())
        found[f"loop out {name}"] = float(loops[0])
    return found


def _gates(ops: dict[int, int], sources: dict[int, tuple[int, ...]], nodes: list[int]) -> dict[str, float]:
    states = {1, 2, 3}
    for node in nodes:
        if ops[node] != LINEAR and states.intersection(sources[node]):
            states.add(node)
    names = ("state product", "state blend", "state sum", "sigm product", "sigm blend", "gated state")
    found = dict.fromkeys(names, 0.0)
    for node in nodes:
        op, above = ops[node], [ops.get(source, 0) for source in sources[node]]
        touches = bool(states.intersection(sources[node]))
        found["state product"] += op == PROD and touches
        found["state blend"] += op == BLEND and touches
        found["state sum"] += op == SUM and touches
        found["sigm product"] += op == PROD and SIGM in above
        found["sigm blend"] += op == BLEND and above[0] == SIGM
        by_sigm = (op == PROD and SIGM in above) or (op == BLEND and above[0] == SIGM)
        found["gated state"] += touches and by_sigm
    return found
