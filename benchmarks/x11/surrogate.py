"""Mean curves of an x11 surrogate."""

from __future__ import annotations

from collections import Counter

import numpy as np

from nascurve.benchmarks.nb301.trees import Trees
from nascurve.benchmarks.x11.checkpoint import Checkpoint
from nascurve.simulator.types import FloatArray


class CurveSurrogate:
    """Predicts curves of all epochs from features, batched.

    Of each member: a chain of k boosters (each sees the features and the predictions before it) gives k
    standardised components; unscaled, times `basis` = diag(s[:k]) Vh[:k], they are the curve. Members that
    are equal are computed once.

    n_features: width of the features. Raises ValueError for arrays that do not fit each other, which a sound
    cache does not hold.
    """

    def __init__(self, checkpoint: Checkpoint, *, n_features: int) -> None:
        self._arrays = checkpoint.arrays
        self._counts = Counter(checkpoint.distinct)
        self._first = checkpoint.distinct[0]
        self._n_members = len(checkpoint.distinct)
        self._n_features = n_features
        for which in self._counts:
            self._check(which)
        self._chains = {which: self._chain(which) for which in self._counts}

    def mean(self, features: FloatArray) -> FloatArray:
        """Mean curve of all members, (n, epochs), in the surrogate's own units; features: (n, n_features)."""
        total = sum(count * self.member(features, which) for which, count in sorted(self._counts.items()))
        return np.asarray(total / self._n_members)

    def first(self, features: FloatArray) -> FloatArray:
        """Curve of the first member alone, as `mean`."""
        return self.member(features, self._first)

    def member(self, features: FloatArray, which: int) -> FloatArray:
        """Curve of the distinct member `which`."""
        arrays = self._arrays
        order = arrays[f"m{which}.order"].tolist()
        components = np.empty((len(features), len(order)))
        if len(features):
            chained = np.array(features, dtype=np.float64)
            for step, trees in zip(order, self._chains[which], strict=True):
                predicted = trees.predict(chained)
                components[:, step] = predicted
                chained = np.column_stack([chained, predicted])
        unscaled = components * arrays[f"m{which}.scale"] + arrays[f"m{which}.mean"]
        # not a matrix product, whose order of summation, and so the last bit, depends on the number of rows
        curves = np.zeros((len(features), arrays[f"m{which}.basis"].shape[1]))
        for component, vector in zip(unscaled.T, arrays[f"m{which}.basis"], strict=True):
            curves += component[:, None] * vector
        return curves

    def _check(self, which: int) -> None:
        order, basis = (self._arrays[f"m{which}.{name}"] for name in ("order", "basis"))
        if sorted(order.tolist()) != list(range(len(basis))) or basis.ndim != 2:
            raise ValueError("a chain of other length than its basis")
        if any(self._arrays[f"m{which}.{name}"].shape != order.shape for name in ("mean", "scale")):
            raise ValueError("a chain of other length than its scaler")

    def _chain(self, which: int) -> tuple[Trees, ...]:
        return tuple(
            Trees.from_arrays(self._arrays, f"m{which}.{step}.", {"n_features": self._n_features + step})
            for step in range(len(self._arrays[f"m{which}.order"]))
        )
