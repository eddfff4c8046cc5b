"""Seconds per epoch from the operations of a network, fitted on measured single runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from nascurve.benchmarks.network import Network
from nascurve.errors import DataFileError

_OPS = ("nor_conv_3x3", "nor_conv_1x1", "avg_pool_3x3", "skip_connect")
_ROUNDS = 20


def _features(networks: Sequence[Network]) -> NDArray[np.float64]:
    """(n, 6): a constant, the number of live edges of each operation, the number of nodes that convolutions
    read (each is rectified once)."""
    rows = []
    for network in networks:
        ops = [op for _, _, op in network.edges]
        readers = len({source for source, _, op in network.edges if op.startswith("nor_conv")})
        rows.append([1.0, *(float(ops.count(op)) for op in _OPS), float(readers)])
    return np.array(rows)


@dataclass(frozen=True, kw_only=True)
class CostModel:
    """A linear model with coefficients that are not negative. r2: of the measured seconds it was fitted
    on."""

    coefficients_s: tuple[float, ...]
    r2: float
    n_runs: int

    @classmethod
    def fit(cls, networks: Sequence[Network], epoch_s: NDArray[np.float64]) -> CostModel:
        """Fit on the seconds per epoch (n,) of single runs. What else ran on the machine makes some of them
        too
        long: runs are weighted down by their residual (least absolute deviations by reweighting).

        Raises DataFileError when fewer than 20 runs have finite, positive seconds.
        """
        usable = np.isfinite(epoch_s) & (epoch_s > 0)
        if usable.sum() < 20:
            raise DataFileError(
                f"Cost model: expected measured seconds of at least 20 single runs, got {int(usable.sum())}. "
                "Collect some architectures with device=cpu: packs on a GPU give no seconds of single runs."
            )
        x = _features(networks)[usable]
        y = np.asarray(epoch_s, dtype=np.float64)[usable]
        weight = np.ones(len(y))
        for _ in range(_ROUNDS):
            root = np.sqrt(weight)
            coefficients, _ = nnls(x * root[:, None], y * root, maxiter=1000)
            residual = np.abs(y - x @ coefficients)
            weight = 1.0 / np.maximum(residual, 1e-3 * np.median(y))
        explained = 1.0 - np.sum((y - x @ coefficients) ** 2) / np.sum((y - y.mean()) ** 2)
        return cls(coefficients_s=tuple(coefficients.tolist()), r2=float(explained), n_runs=len(y))

    def predict(self, networks: Sequence[Network]) -> NDArray[np.float32]:
        """Seconds per epoch, (n,)."""
        seconds: NDArray[np.float64] = _features(networks) @ np.array(self.coefficients_s)
        return seconds.astype(np.float32)
