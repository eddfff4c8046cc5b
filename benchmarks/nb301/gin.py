"""NAS-Bench-301's graph network (GIN with a virtual node), read from its weights and evaluated in numpy."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nascurve.benchmarks.files.source import guarded
from nascurve.benchmarks.nb301.genotype import NODES, OPS, DartsGenotype
from nascurve.simulator.types import FloatArray

_MAX_BYTES = 2**28
_N_NODES = 7
_OUTPUT = 6
_INPUT_0, _INPUT_1, _INNER, _OUT = range(4)
_NODE_KINDS = (_INPUT_0, _INPUT_1, _INNER, _INNER, _INNER, _INNER, _OUT)
_N_EDGE_KINDS = len(OPS) + 1  # 0: identity
_N_DEGREES = 8
_BN_EPS = np.float32(1e-5)
_CHUNK = 256
_POOLS = ("mean", "sum", "max")
_BETWEEN = ((6, 6), (6, 7), (6, 8), (13, 0), (13, 1))
"""Edges between the two cells' graphs. The first, from the normal cell's output to itself, is a slip of the
official code; the released weights were trained with it."""

_ANY = DartsGenotype(((0, 0), (1, 0)) * 4, ((0, 0), (1, 0)) * 4)
_NORM = ("weight", "bias", "running_mean", "running_var")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GraphNetwork:
    """One member: `weights` by their names in the official state dictionary, all float32.

    undirected: whether each edge also goes back. pool: "mean", "sum" or "max" over the 14 nodes.

    Raises ValueError, in a few words, for weights that are not such a network's.
    """

    weights: Mapping[str, NDArray[np.float32]]
    undirected: bool
    pool: str

    def __post_init__(self) -> None:
        if self.pool not in _POOLS:
            raise ValueError(f"a graph network that pools by {self.pool!r:.40}")
        expected = _shapes(self.n_layers, self._width())
        for name, shape in expected.items():
            array = self.weights.get(name)
            if (
                array is None
                or array.dtype != np.float32
                or array.shape != shape
                or not np.isfinite(array).all()
                or (name.endswith("running_var") and (array < 0).any())
            ):
                raise ValueError(f"weights without a finite {name} of shape {shape} (a variance: 0 or more)")

    @property
    def n_layers(self) -> int:
        return sum(name.startswith("gnn_node.convs.") and name.endswith(".eps") for name in self.weights)

    def _width(self) -> int:
        last = self.weights.get("graph_pred_linear.weight")
        if last is None or last.ndim != 2 or not 1 <= last.shape[1] <= 1024 or not 2 <= self.n_layers <= 100:
            raise ValueError("weights of another network than a GIN")
        return int(last.shape[1])

    def predict(self, archs: Sequence[DartsGenotype]) -> FloatArray:
        """Validation accuracy in %, shape (n,), as the network gives it in evaluation mode. It does not
        depend on the other architectures."""
        parts = [self._predict(archs[i : i + _CHUNK]) for i in range(0, len(archs), _CHUNK)]
        return np.concatenate(parts) if parts else np.zeros(0)

    @np.errstate(over="ignore", invalid="ignore")
    def _predict(self, archs: Sequence[DartsGenotype]) -> FloatArray:
        graphs = [_edges(arch) for arch in archs]
        kinds = np.array(_NODE_KINDS * 2)
        sources, targets, attributes = (np.array([graph[i] for graph in graphs]) for i in range(3))
        degrees = np.array([_degrees(graph[0], graph[1]) for graph in graphs])
        if self.undirected:
            sources, targets = np.hstack((sources, targets)), np.hstack((targets, sources))
            attributes = np.hstack((attributes, attributes))
        into = (targets[:, None, :] == np.arange(2 * _N_NODES)[None, :, None]).astype(np.float32)
        weights = self.weights
        h = weights["node_encoder.type_encoder.weight"][kinds][None]
        h = h + weights["node_encoder.attribute_encoder.weight"][degrees]
        # products are of one matrix a network, never of all rows at once: BLAS sums in an order that depends
        # on the number of rows, and an answer must not depend on what it is asked with
        virtual = np.repeat(weights["gnn_node.virtualnode_embedding.weight"][None], len(archs), axis=0)
        rows = np.arange(len(archs))[:, None]
        for layer in range(self.n_layers):
            h = h + virtual
            conv = f"gnn_node.convs.{layer}."
            messages = _relu(h[rows, sources] + weights[f"{conv}edge_encoder.weight"][attributes])
            mixed = (1 + weights[f"{conv}eps"]) * h + into @ messages
            new = self._norm(self._two_layers(mixed, f"{conv}mlp."), f"gnn_node.batch_norms.{layer}.")
            if layer < self.n_layers - 1:
                new = _relu(new)
                name = f"gnn_node.mlp_virtualnode_list.{layer}."
                pooled = self._two_layers(h.sum(axis=1, dtype=np.float32, keepdims=True) + virtual, name)
                virtual = _relu(self._norm(pooled, f"{name}4."))
            h = new
        pooled = getattr(h, self.pool)(axis=1, keepdims=True)
        logits = pooled @ weights["graph_pred_linear.weight"].T + weights["graph_pred_linear.bias"]
        accuracy: FloatArray = (np.float32(100) / (1 + np.exp(-logits[:, 0, 0]))).astype(np.float64)
        return accuracy

    def _two_layers(self, x: NDArray[Any], name: str) -> NDArray[Any]:
        weights = self.weights
        hidden = x @ weights[f"{name}0.weight"].T + weights[f"{name}0.bias"]
        hidden = _relu(self._norm(hidden, f"{name}1."))
        out: NDArray[Any] = hidden @ weights[f"{name}3.weight"].T + weights[f"{name}3.bias"]
        return out

    def _norm(self, x: NDArray[Any], name: str) -> NDArray[Any]:
        gain, shift, mean, var = (self.weights[name + part] for part in _NORM)
        out: NDArray[Any] = (x - mean) / np.sqrt(var + _BN_EPS) * gain + shift
        return out


def read_gin(
    data: bytes, config: Mapping[str, Any], *, path: str | os.PathLike[str], remedy: str
) -> GraphNetwork:
    """The network of a file that `torch.save` wrote, a dictionary of tensors (read with `weights_only`).

    config: of the model's `model_config.json`. Raises DataFileError for damaged or hostile files and for
    other graph networks or settings than the released ones'.
    """
    import torch

    with guarded(path, "the weights of a GIN network, saved by torch", remedy):
        _check_size(data)
        fixed = {
            "virtual_node": True,
            "graph_preprocessing:self_loops": False,
            "graph_preprocessing:add_node_degree_one_hot": True,
        }
        wrong = next((name for name, value in fixed.items() if config.get(name) is not value), None)
        if wrong is not None:
            raise ValueError(f"a network with {wrong} = {config.get(wrong)!r:.40}, which is not supported")
        state = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
        if not isinstance(state, dict):
            raise ValueError(f"a value of type {type(state).__name__}")
        weights = {}
        n_bytes = 0
        for name, tensor in state.items():
            if isinstance(name, str) and isinstance(tensor, torch.Tensor) and tensor.dtype == torch.float32:
                n_bytes += tensor.numel() * 4  # a tensor may claim to be larger than what is stored
                if n_bytes > _MAX_BYTES:
                    raise ValueError(f"tensors of more than {_MAX_BYTES} bytes")
                weights[name] = tensor.detach().numpy().copy()
        network = GraphNetwork(
            weights=weights,
            undirected=config.get("graph_preprocessing:undirected_graph") is True,
            pool=str(config.get("graph_pooling")),
        )
        if not np.isfinite(network.predict([_ANY])).all():
            raise ValueError("weights so large that they predict no number")
        return network


def _check_size(data: bytes) -> None:
    size = len(data)
    if data.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            size = sum(member.file_size for member in archive.infolist())
    if size > _MAX_BYTES:
        raise ValueError(f"{size} bytes instead of at most {_MAX_BYTES}")


def _shapes(n_layers: int, width: int) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {
        "node_encoder.type_encoder.weight": (4, width),
        "node_encoder.attribute_encoder.weight": (_N_DEGREES, width),
        "gnn_node.virtualnode_embedding.weight": (1, width),
        "graph_pred_linear.weight": (1, width),
        "graph_pred_linear.bias": (1,),
    }
    for layer in range(n_layers):
        conv = f"gnn_node.convs.{layer}."
        shapes |= {f"{conv}eps": (1,), f"{conv}edge_encoder.weight": (_N_EDGE_KINDS, width)}
        shapes |= {f"gnn_node.batch_norms.{layer}.{part}": (width,) for part in _NORM}
        mlps = [f"{conv}mlp."]
        if layer < n_layers - 1:
            mlps.append(f"gnn_node.mlp_virtualnode_list.{layer}.")
            shapes |= {f"{mlps[1]}4.{part}": (width,) for part in _NORM}
        for mlp in mlps:
            shapes |= {f"{mlp}0.weight": (2 * width, width), f"{mlp}0.bias": (2 * width,)}
            shapes |= {f"{mlp}1.{part}": (2 * width,) for part in _NORM}
            shapes |= {f"{mlp}3.weight": (width, 2 * width), f"{mlp}3.bias": (width,)}
    return shapes


def _edges(arch: DartsGenotype) -> tuple[list[int], list[int], list[int]]:
    """Sources, targets and kinds of the 29 edges over both cells' nodes (0-6 and 7-13).

    As in the official code, the k-th edge by source (then target) gets the k-th operation by target (then
    source): most operations stand on edges that are not theirs. That is a slip, but the released weights were
    trained on these graphs, so they have to be asked with them.
    """
    sources: list[int] = []
    targets: list[int] = []
    kinds: list[int] = []
    for first, cell in zip((0, _N_NODES), arch.cells, strict=True):
        pairs = sorted((source, NODES[pair // 2]) for pair, (source, _) in enumerate(cell))
        sources += [first + source for source, _ in pairs] + [first + node for node in NODES]
        targets += [first + target for _, target in pairs] + [first + _OUTPUT] * len(NODES)
        kinds += [op + 1 for _, op in cell] + [0] * len(NODES)
    sources += [source for source, _ in _BETWEEN]
    targets += [target for _, target in _BETWEEN]
    return sources, targets, kinds + [0] * len(_BETWEEN)


def _degrees(sources: Sequence[int], targets: Sequence[int]) -> list[int]:
    """Different neighbours of each node, whatever the direction, itself included where it has a loop."""
    near: list[set[int]] = [set() for _ in range(2 * _N_NODES)]
    for source, target in zip(sources, targets, strict=True):
        near[source].add(target)
        near[target].add(source)
    return [len(others) for others in near]


def _relu(x: NDArray[Any]) -> NDArray[Any]:
    out: NDArray[Any] = np.maximum(x, np.float32(0))
    return out
