"""Learning curves as a few numbers each, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nascurve import options
from nascurve.errors import ConfigError
from nascurve.simulator.types import FloatArray

KINDS = ("svd", "pca_logit", "spline")
_EDGE = 1e-3
"""pca_logit: accuracies are moved this far from 0 and 1 before the logit."""
_N_ROUNDS = 10
_TINY = 1e-12
_MOST_STORED = 1e15


class Compression:
    """E accuracies as k codes: g(y) = mean + codes @ basis, where g is the identity or the logit.

    svd: mean and the first k right singular vectors of the centred training curves (NAS-Bench-x11 does not
        centre them, and so spends its first component on the mean). Codes are U s: their variances say how
        much of the curves each one carries.
    pca_logit: the same of logit(y), y moved into [0.001, 0.999]; decoded curves never leave (0, 1).
    spline: k cubic B-splines over log(epoch), knots at equal distances, nothing learned but the codes'
        mean; k is 4 at least. Codes are by least squares.

    Values that were not measured (NaN): the codes of a partly measured curve minimise
    sum over its measured epochs of (g(y) - mean - codes @ basis)^2 + e2 sum_j (code_j - m_j)^2 / var_j, where
    m, var are mean and variance of the codes and e2 is the mean squared error of an epoch, over the training
    curves: the most probable codes where codes and errors are normal. So a short curve goes on as such curves
    do, and one without any value has the mean codes. svd and pca_logit are fitted to the complete curves (to
    all, with means filled in, where those are too few), then ten times to all, filled up in this way.

    kind, n_components: as above. `fit` raises ConfigError for fewer than k + 1 curves (svd, pca_logit), fewer
    than k epochs, or an epoch that no curve has measured. Constant or equal curves are no error: components
    that carry nothing have codes 0.
    """

    def __init__(self, kind: str = "svd", n_components: int = 5) -> None:
        self.kind = options.choice("compression", kind, KINDS)
        smallest = 4 if kind == "spline" else 1
        self.n_components = options.integer("n_components", n_components, at_least=smallest)
        self._mean: FloatArray = np.zeros(0)
        self._basis: FloatArray = np.zeros((0, 0))
        self._code_mean: FloatArray = np.zeros(0)
        self._penalty: FloatArray = np.zeros(0)

    @property
    def n_epochs(self) -> int:
        return len(self._mean)

    def fit(self, curves: FloatArray) -> FloatArray:
        """Learn from curves (n, E) in [0, 1], NaN where not measured; returns their codes (n, k)."""
        n_epochs = curves.shape[1]
        k = self.n_components
        enough = np.count_nonzero(~np.isnan(curves).all(axis=1))
        if k > n_epochs or (self.kind != "spline" and enough < k + 1):
            raise ConfigError(
                f"n_components: {k} components need {k + 1} curves or more, of {k} epochs or more; got "
                f"{enough} of {n_epochs} epochs. Take fewer components or more architectures."
            )
        empty = np.flatnonzero(np.isnan(curves).all(axis=0))
        if len(empty):
            raise ConfigError(
                f"val_acc: no curve has a value at epoch {empty[0] + 1}; leave out epochs that were never "
                "measured."
            )
        values = self._to_linear(curves)
        complete = ~np.isnan(values).any(axis=1)
        if self.kind == "spline":
            self._mean, self._basis = np.zeros(n_epochs), _splines(n_epochs, k)
            self._learn_codes(values[complete] if complete.any() else _filled(values))
            return self._codes(values)
        self._learn(values[complete] if complete.sum() > k else _filled(values))
        for _ in range(0 if complete.all() else _N_ROUNDS):
            self._learn(np.where(np.isnan(values), self._linear(self._codes(values)), values))
        return self._codes(values)

    def encode(self, curves: FloatArray) -> FloatArray:
        """Codes (n, k) of curves (n, E), NaN where not measured."""
        return self._codes(self._to_linear(curves))

    def _learn(self, values: FloatArray) -> None:
        k = self.n_components
        self._mean = values.mean(axis=0)
        basis = np.linalg.svd(values - self._mean, full_matrices=False)[2][:k]
        signs = np.sign(basis[np.arange(k), np.abs(basis).argmax(axis=1)])
        self._basis = basis * signs[:, None]
        self._learn_codes(values)

    def _learn_codes(self, values: FloatArray) -> None:
        codes = np.linalg.lstsq(self._basis.T, (values - self._mean).T, rcond=None)[0].T
        error = float(np.mean((values - self._mean - codes @ self._basis) ** 2)) + _TINY
        self._code_mean = np.asarray(codes.mean(axis=0), np.float64)
        self._penalty = np.asarray(error / (codes.var(axis=0) + _TINY), np.float64)

    def _codes(self, values: FloatArray) -> FloatArray:
        codes = np.empty((len(values), self.n_components))
        for row, value in enumerate(values):
            known = ~np.isnan(value)
            basis = self._basis[:, known]
            offset = value[known] - self._mean[known] - self._code_mean @ basis
            penalty = np.zeros(len(codes.T)) if known.all() else self._penalty
            codes[row] = np.linalg.solve(basis @ basis.T + np.diag(penalty), basis @ offset)
        return codes + self._code_mean

    def decode(self, codes: FloatArray) -> FloatArray:
        """Curves (n, E) in [0, 1] of codes (n, k); a row does not depend on the others."""
        linear = self._linear(codes)
        if self.kind == "pca_logit":
            return np.asarray(1 / (1 + np.exp(-np.clip(linear, -30, 30))))
        return np.clip(linear, 0, 1)

    def _linear(self, codes: FloatArray) -> FloatArray:
        curves = np.tile(self._mean, (len(codes), 1))
        # no matrix product, whose order of summation, and so the last bit, depends on the number of rows
        for code, vector in zip(codes.T, self._basis, strict=True):
            curves += code[:, None] * vector
        return curves

    def _to_linear(self, curves: FloatArray) -> FloatArray:
        if self.kind != "pca_logit":
            return curves
        inside = np.clip(curves, _EDGE, 1 - _EDGE)
        return np.asarray(np.log(inside / (1 - inside)))

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        return {
            "mean": self._mean,
            "basis": self._basis,
            "code_mean": self._code_mean,
            "penalty": self._penalty,
        }

    @classmethod
    def from_arrays(cls, kind: str, n_components: int, arrays: Mapping[str, NDArray[Any]]) -> Compression:
        """The compression that gave these arrays. Raises ValueError, KeyError for arrays that are none."""
        made = cls(kind, n_components)
        n_epochs = len(arrays["mean"])
        shapes = {"mean": (n_epochs,), "basis": (made.n_components, n_epochs)}
        for name in ("mean", "basis", "code_mean", "penalty"):
            array = np.asarray(arrays[name])
            expected = shapes.get(name, (made.n_components,))
            if (
                array.dtype != np.float64
                or array.shape != expected
                or not (np.abs(array) <= _MOST_STORED).all()
            ):
                raise ValueError(f"{name} is no array of {expected} finite numbers up to {_MOST_STORED:g}")
            setattr(made, f"_{name}", array)
        return made


def _filled(values: FloatArray) -> FloatArray:
    return np.where(np.isnan(values), np.nanmean(values, axis=0), values)


def _splines(n_epochs: int, k: int) -> FloatArray:
    from scipy.interpolate import BSpline

    time = np.log(np.arange(1, n_epochs + 1))
    inner = np.linspace(time[0], time[-1], k - 2)
    knots = np.concatenate([[inner[0]] * 3, inner, [inner[-1]] * 3])
    return np.ascontiguousarray(BSpline.design_matrix(time, knots, 3).toarray().T)
