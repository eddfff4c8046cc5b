"""Features of the recurrent cells of NAS-Bench-NLP."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from nascurve.benchmarks.nbnlp.cell import SIGM, TANH, RecurrentCell
from nascurve.benchmarks.nbnlp.features import WIDTHS, graph_features
from nascurve.benchmarks.surrogate.features.featurizer import FeatureKind
from nascurve.benchmarks.surrogate.features.recurrent_graph import unrolled_features
from nascurve.benchmarks.surrogate.features.untrained import Untrained
from nascurve.simulator.types import FloatArray

_ANY = RecurrentCell([6, TANH, 6, SIGM], [[0, 1], [4], [5, 2], [6]], [5, 7])


def _named(features: Callable[[RecurrentCell], dict[str, float]]) -> FeatureKind:
    def encode(archs: Sequence[Any]) -> FloatArray:
        return np.array([list(features(arch).values()) for arch in archs])

    return FeatureKind(names=tuple(features(_ANY)), encode=encode)


def _graph() -> FeatureKind:
    width = WIDTHS["graph"]
    return FeatureKind(
        names=tuple(str(place) for place in range(width)),
        encode=lambda archs: np.array([graph_features(arch) for arch in archs]),  # type: ignore[arg-type]
    )


KINDS: Mapping[str, Callable[[], FeatureKind]] = {
    "unrolled": functools.partial(_named, unrolled_features),
    "untrained": lambda: _named(Untrained().features),
    "graph": _graph,
}
"""unrolled: counts, and paths over time. untrained: statistics of the cell with random weights. graph: the
encoding "graph" of the space."""
DEFAULT = ("unrolled", "untrained")
