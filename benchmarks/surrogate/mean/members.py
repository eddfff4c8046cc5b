"""The members of an ensemble: fitted, and stored in the libraries' own formats."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nascurve.benchmarks.nb301.lightgbm_model import read_lightgbm
from nascurve.benchmarks.surrogate.features.graphs import GraphForm, Graphs
from nascurve.benchmarks.surrogate.mean.extratrees import fit_extratrees
from nascurve.benchmarks.surrogate.mean.forest import Forest
from nascurve.benchmarks.surrogate.mean.gin import GraphNetwork, fit_gin
from nascurve.benchmarks.surrogate.mean.gradient_boosting import fit_lightgbm
from nascurve.benchmarks.surrogate.mean.xgboost import fit_xgboost, trees_of_xgboost
from nascurve.simulator.types import FloatArray

Blob = NDArray[Any] | str | bytes
MODELS = ("lightgbm", "extratrees", "xgboost", "gin")
_BOOSTERS = {"lightgbm": (fit_lightgbm, read_lightgbm), "xgboost": (fit_xgboost, trees_of_xgboost)}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Inputs:
    """What members predict from. rows: (n, w), features and what `early_columns` makes of the early
    accuracies. early: (n, e), the latter alone. Both exact in float32. graphs: where a model needs them."""

    rows: FloatArray
    early: FloatArray
    graphs: Graphs | None

    def subset(self, chosen: NDArray[Any]) -> Inputs:
        graphs = self.graphs
        if graphs is not None:
            graphs = Graphs(kinds=graphs.kinds[chosen], edges=graphs.edges[chosen])
        return Inputs(rows=self.rows[chosen], early=self.early[chosen], graphs=graphs)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MemberForm:
    """What all members share. n_rows: width of `Inputs.rows`. shift, scale: (k,), mean and standard deviation
    of the codes, by which they are standardised for boosters and networks. form: of the graphs, for gin."""

    n_rows: int
    n_early: int
    shift: FloatArray
    scale: FloatArray
    form: GraphForm | None

    @property
    def n_codes(self) -> int:
        return len(self.shift)

    def fit(
        self,
        model: str,
        inputs: Inputs,
        codes: FloatArray,
        weights: FloatArray,
        stop: NDArray[np.bool_],
        seed: int,
    ) -> dict[str, Blob]:
        """A member of this model on codes (n, k), as it is stored. stop: (n,), rows for early stopping, of
        which extratrees has none: it learns from all."""
        if model == "extratrees":
            return dict(fit_extratrees(inputs.rows, codes, weights, seed).to_arrays(""))
        standard = (codes - self.shift) / self.scale
        if model in _BOOSTERS:
            texts = _BOOSTERS[model][0](inputs.rows, standard, weights, stop, seed)
            return {str(number): text for number, text in enumerate(texts)}
        assert self.form is not None  # made where gin is among the models
        assert inputs.graphs is not None
        network = fit_gin(self.form, inputs.graphs, inputs.early, standard, weights, self.scale, stop, seed)
        return dict(network.weights)

    def forest(self, model: str, stored: Mapping[str, Blob]) -> Forest:
        """The member of a tree model. Raises ValueError, KeyError, TypeError for what is none."""
        if model == "extratrees":
            forest = Forest.from_arrays(_arrays(stored), "", self.n_rows)
            if forest.values.shape[1] != self.n_codes:
                raise ValueError(f"a forest of {forest.values.shape[1]} codes instead of {self.n_codes}")
            return forest
        texts = [stored[str(number)] for number in range(self.n_codes)]
        if len(stored) != self.n_codes or not all(isinstance(text, str) for text in texts):
            raise ValueError(f"a member of other than {self.n_codes} texts")
        read = _BOOSTERS[model][1]
        boosters = [read(str(text), n_features=self.n_rows) for text in texts]
        return Forest.of_boosters(boosters, scale=self.scale, shift=self.shift)

    def network(self, stored: Mapping[str, Blob]) -> GraphNetwork:
        """The member of gin. Raises ValueError, TypeError for what is none."""
        assert self.form is not None
        return GraphNetwork(
            weights=_arrays(stored), n_kinds=self.form.n_kinds, n_extra=self.n_early, n_codes=self.n_codes
        )


def early_columns(early: FloatArray, n_features: int) -> FloatArray:
    """Early accuracies (n, e) and their e (e - 1) / 2 differences, repeated until they are a quarter of all
    columns: trees look at random columns, and would find the few that matter most too rarely."""
    n_early = early.shape[1]
    if not n_early:
        return early
    pairs = [(b, a) for b in range(n_early) for a in range(b)]
    block = np.column_stack([early, *(early[:, b] - early[:, a] for b, a in pairs)])
    return np.tile(block, n_early_columns(n_early, n_features) // block.shape[1])


def n_early_columns(n_early: int, n_features: int) -> int:
    """How many columns `early_columns` makes of n_early accuracies."""
    width = n_early * (n_early + 1) // 2
    return width and width * max(1, round(n_features / (3 * width)))


def _arrays(stored: Mapping[str, Blob]) -> dict[str, NDArray[Any]]:
    arrays = {name: blob for name, blob in stored.items() if isinstance(blob, np.ndarray)}
    if len(arrays) < len(stored):
        raise ValueError("texts where arrays belong")
    return arrays
