"""A graph isomorphism network from architectures to codes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nascurve.benchmarks.surrogate.features.graphs import GraphForm, Graphs
from nascurve.simulator.types import FloatArray

_WIDTH = 48
_LAYERS = 4
_EPOCHS = 120
_PATIENCE = 25
_BATCH = 64
_RATE = 5e-3
_DECAY = 1e-3
_CHUNK = 1024
_MOST_WEIGHT = 100.0
"""Far above what is learned; with larger weights float32 would overflow."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GraphNetwork:
    """One member: weights, all float32, by name. n_extra: early accuracies that it reads beside the graph.

    A node's state starts as a vector of its kind. Each of the layers adds MLP((1 + eps) h + sum over
    predecessors of h P + sum over successors of h S) of the normalised states; then sum and mean over the
    nodes and the early accuracies go through two linear layers. Xu et al. 2019, "How powerful are graph
    neural networks?"; theirs sums over all neighbours alike, has no P and S, and normalises over the batch.

    Raises ValueError, in a few words, for weights that are not such a network's.
    """

    weights: Mapping[str, NDArray[np.float32]]
    n_kinds: int
    n_extra: int
    n_codes: int

    def __post_init__(self) -> None:
        shapes = _shapes(self.n_kinds, self.n_extra, self.n_codes)
        if len(self.weights) > len(shapes):
            raise ValueError("a graph network with weights that belong to nothing")
        for name, shape in shapes.items():
            array = self.weights.get(name)
            if (
                array is None
                or array.dtype != np.float32
                or array.shape != shape
                or not (np.abs(array) <= _MOST_WEIGHT).all()
            ):
                raise ValueError(f"a graph network without weights {name} of shape {shape}, up to 100")

    def predict(self, graphs: Graphs, extra: FloatArray) -> FloatArray:
        """Standardised codes (n, k); extra: (n, n_extra). A row does not depend on the others: products are
        of one matrix a graph, as BLAS sums in an order that depends on the number of rows."""
        parts = []
        for start in range(0, len(graphs.kinds), _CHUNK):
            rows = slice(start, start + _CHUNK)
            parts.append(
                _forward(self.weights, graphs.kinds[rows], graphs.edges[rows], extra[rows].astype(np.float32))
            )
        return np.concatenate(parts).astype(np.float64) if parts else np.zeros((0, self.n_codes))


def fit_gin(
    form: GraphForm,
    graphs: Graphs,
    extra: FloatArray,
    codes: FloatArray,
    weights: FloatArray,
    importance: FloatArray,
    stop: NDArray[np.bool_],
    seed: int,
) -> GraphNetwork:
    """A network on standardised codes (n, k), by Adam with decay and a cosine schedule.

    importance: (k,), weight of each code's squared error. stop: (n,), the rows that are not learned from; the
    weights of the epoch with the smallest error on them are kept, and training ends 25 epochs after it (120
    at most). seed: of the first weights and of the order of the rows.
    """
    import torch

    generator = torch.Generator().manual_seed(seed)
    n_kinds, n_extra, n_codes = form.n_kinds, extra.shape[1], codes.shape[1]
    learned = {
        name: _start(name, shape, generator).requires_grad_()
        for name, shape in _shapes(n_kinds, n_extra, n_codes).items()
    }
    kinds, edges = torch.from_numpy(graphs.kinds), torch.from_numpy(graphs.edges)
    early, target, weight, important = (
        torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))
        for array in (extra, codes, weights, importance / importance.sum())
    )
    held, seen = (torch.from_numpy(np.flatnonzero(mask)) for mask in (stop, ~stop))

    def loss(rows: Any) -> Any:
        predicted = _forward(learned, kinds[rows], edges[rows], early[rows])
        return (weight[rows] * ((predicted - target[rows]) ** 2 @ important)).sum() / weight[rows].sum()

    optimizer = torch.optim.AdamW(list(learned.values()), lr=_RATE, weight_decay=_DECAY)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, _EPOCHS)
    best, best_error, since = learned, np.inf, 0
    for _ in range(_EPOCHS):
        order = seen[torch.randperm(len(seen), generator=generator)]
        for rows in torch.split(order, _BATCH):
            optimizer.zero_grad()
            loss(rows).backward()
            torch.nn.utils.clip_grad_norm_(list(learned.values()), 1.0)
            optimizer.step()
        schedule.step()
        with torch.no_grad():
            error = float(loss(held if len(held) else seen))
        since += 1
        if error < best_error:
            best_error, since = error, 0
            best = {name: array.detach().clone() for name, array in learned.items()}
        if since >= _PATIENCE:
            break
    return GraphNetwork(
        weights={name: array.detach().numpy() for name, array in best.items()},
        n_kinds=n_kinds,
        n_extra=n_extra,
        n_codes=n_codes,
    )


def _forward(weights: Mapping[str, Any], kinds: Any, edges: Any, extra: Any) -> Any:
    """Codes (n, k), in numpy or torch alike."""
    there = (kinds > 0)[..., None]
    states = weights["kind"][kinds] * there
    before = edges.swapaxes(1, 2)
    for layer in range(_LAYERS):
        normal = _normalised(states) * there
        summed = (1 + weights[f"{layer}.eps"]) * normal
        summed = summed + (before @ normal) @ weights[f"{layer}.before"]
        summed = summed + (edges @ normal) @ weights[f"{layer}.after"]
        hidden = summed @ weights[f"{layer}.in"] + weights[f"{layer}.in bias"]
        hidden = hidden * (hidden > 0)
        states = (states + hidden @ weights[f"{layer}.out"] + weights[f"{layer}.out bias"]) * there
    total = states.sum(axis=1, keepdims=True)
    mean = total / there.sum(axis=1, keepdims=True)
    hidden = total @ weights["sum"] + mean @ weights["mean"] + weights["read bias"]
    if extra.shape[1]:
        hidden = hidden + extra[:, None, :] @ weights["early"]
    hidden = hidden * (hidden > 0)
    return (hidden @ weights["codes"] + weights["codes bias"])[:, 0]


def _normalised(states: Any) -> Any:
    centred = states - states.mean(axis=-1, keepdims=True)
    return centred / ((centred**2).mean(axis=-1, keepdims=True) + 1e-5) ** 0.5


def _shapes(n_kinds: int, n_extra: int, n_codes: int) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {"kind": (n_kinds + 1, _WIDTH)}
    for layer in range(_LAYERS):
        shapes |= {
            f"{layer}.eps": (1,),
            f"{layer}.before": (_WIDTH, _WIDTH),
            f"{layer}.after": (_WIDTH, _WIDTH),
            f"{layer}.in": (_WIDTH, 2 * _WIDTH),
            f"{layer}.in bias": (2 * _WIDTH,),
            f"{layer}.out": (2 * _WIDTH, _WIDTH),
            f"{layer}.out bias": (_WIDTH,),
        }
    shapes |= {"sum": (_WIDTH, _WIDTH), "mean": (_WIDTH, _WIDTH), "read bias": (_WIDTH,)}
    if n_extra:
        shapes["early"] = (n_extra, _WIDTH)
    return shapes | {"codes": (_WIDTH, n_codes), "codes bias": (n_codes,)}


def _start(name: str, shape: tuple[int, ...], generator: Any) -> Any:
    import torch

    if "bias" in name or "eps" in name:
        return torch.zeros(shape)
    gain = {"sum": 0.1, "codes": 0.3, "kind": 1.0}.get(name, 0.5 if ".out" in name else 1.0)
    fan_in = 1 if name == "kind" else shape[0]
    return torch.randn(shape, generator=generator) * (gain / fan_in**0.5)
