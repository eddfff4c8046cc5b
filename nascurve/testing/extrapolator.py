"""The contract of extrapolators, as a check that any of them can be put through."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nascurve.errors import NascurveError, ProtocolError
from nascurve.lce._prediction import prediction_rows
from nascurve.simulator.types import Extrapolator, FloatArray, Prediction

_EPOCHS = 24


def check_extrapolator(
    extrapolator: Extrapolator, *, atol: float = 1e-6, constant_atol: float = 0.1, n_curves: int = 6
) -> None:
    """Put an extrapolator through its contract; raises ProtocolError with the first rule that it breaks.

    Predictions are batched, finite, with std >= 0 and ordered quantiles; deterministic; row i depends on
    curve i alone; nothing given is changed; each `fit` replaces what was learnt before; bad input raises a
    NascurveError: NaN, wrong shapes, percent instead of fractions, an epoch that was seen. Where it has an
    attribute `encoding` that is not None, all of that holds with encodings of the architectures given to
    `fit` and `predict`, and without.

    atol: how far predictions of a curve may lie apart when it is given alone, or with others, or in another
        order (accuracy). constant_atol: how far off the prediction for a constant curve may be, when constant
        curves were learnt from. n_curves: how many curves a prediction is asked for; fewer is faster.
    """
    _check(_Checker(extrapolator, atol), constant_atol, n_curves)
    if getattr(extrapolator, "encoding", None) is not None:
        check = _Checker(extrapolator, atol, encoded=True)
        check.fit(np.empty((0, _EPOCHS)))
        _check(check, constant_atol, n_curves)


def _check(check: _Checker, constant_atol: float, n_curves: int) -> None:
    rng = np.random.default_rng(0)
    train = _power_law_curves(20, rng)
    test = _power_law_curves(n_curves, rng)

    unfitted = check.predict("before any fit", test[:, :8], _EPOCHS)
    for n_train in (0, 1, len(train)):
        check.fit(train[:n_train])
        where = f"after fit on {n_train} curves"
        for e_few, at_epoch in ((1, _EPOCHS), (2, 3), (8, _EPOCHS), (8, 16), (23, _EPOCHS)):
            check.predict(where, test[:, :e_few], at_epoch)
        check.rows_are_independent(where, test[:, :8], _EPOCHS)
        check.predict(where, test[:0, :8], _EPOCHS)
        check.refuses_bad_input(where, test[:, :8])

    check.fit(train)
    fitted = check.predict("after fit", test[:, :8], _EPOCHS)
    check.fit(train[:5])
    check.fit(train)
    check.same(
        "fit on other curves in between", fitted, check.predict("after fits", test[:, :8], _EPOCHS), 0.0
    )
    check.fit(train, overwrite=True)
    check.same(
        "fit must copy what it keeps", fitted, check.predict("after a spoilt fit", test[:, :8], _EPOCHS), 0.0
    )
    check.fit(train[:0])
    check.same(
        "fit on no curves must forget all",
        unfitted,
        check.predict("after fit on none", test[:, :8], _EPOCHS),
        0.0,
    )
    check.constants_stay(constant_atol)


def _power_law_curves(n: int, rng: np.random.Generator) -> FloatArray:
    """Noisy curves (n, 24) towards asymptotes between .5 and .9."""
    final, rate = rng.uniform(0.5, 0.9, (n, 1)), rng.uniform(0.5, 1.5, (n, 1))
    clean = final - 0.4 * np.arange(1.0, _EPOCHS + 1) ** -rate
    curves: FloatArray = np.clip(clean + rng.normal(0, 0.005, clean.shape), 0, 1)
    return curves


def _encodings(curves: FloatArray) -> FloatArray:
    """Encodings (n, 3) of made-up architectures, which depend on each curve's first value alone."""
    first = curves[:, 0]
    return np.stack([np.sin(100 * first), np.cos(100 * first), first], axis=1)


class _Checker:
    def __init__(self, extrapolator: Extrapolator, atol: float, *, encoded: bool = False) -> None:
        self._extrapolator: Any = extrapolator
        self._name = type(extrapolator).__name__ + (" with encodings" if encoded else "")
        self._atol = atol
        self._encoded = encoded

    def _more(self, curves: FloatArray) -> tuple[FloatArray, ...]:
        return (_encodings(curves),) if self._encoded else ()

    def require(self, holds: bool, where: str, rule: str, got: object = None) -> None:
        if not holds:
            raise ProtocolError(
                f"{self._name}, {where}: expected {rule}" + ("." if got is None else f"; got {got!r:.300}.")
            )

    def fit(self, curves: FloatArray, *, overwrite: bool = False) -> None:
        """Fit on a copy of the curves; with `overwrite`, spoil that copy afterwards."""
        given = curves.copy()
        more = self._more(curves)
        self._extrapolator.fit(given, *more)
        self.require(np.array_equal(given, curves), "fit", "the given curves to be left unchanged")
        if overwrite:
            for array in (given, *more):
                array.fill(0.5)

    def predict(self, where: str, prefixes: FloatArray, at_epoch: int) -> Prediction:
        """A prediction that was made twice and found well-formed."""
        n = len(prefixes)
        where = f"{where}, {n} prefixes of {prefixes.shape[1]} epochs, at_epoch={at_epoch}"
        given = prefixes.copy()
        more = self._more(prefixes)
        prediction: Prediction = self._extrapolator.predict(given, at_epoch, *more)
        self.require(np.array_equal(given, prefixes), where, "the given prefixes to be left unchanged")
        self.require(isinstance(prediction, Prediction), where, "a Prediction", prediction)
        for name, values in (("mean", prediction.mean), ("std", prediction.std)):
            self.require(isinstance(values, np.ndarray), where, f"{name} to be a numpy array", values)
            self.require(values.shape == (n,), where, f"{name} of shape ({n},)", values.shape)
            self.require(bool(np.isfinite(values).all()), where, f"{name} to be finite", values)
        self.require(bool((prediction.std >= 0).all()), where, "std >= 0", prediction.std)
        self._check_quantiles(where, prediction, n)
        again = self._extrapolator.predict(given, at_epoch, *more)
        self.same(f"{where}: the same call twice", prediction, again, 0.0)
        self.require(
            not np.shares_memory(prediction.mean, given), where, "mean not to be a view of the given prefixes"
        )
        return prediction

    def _check_quantiles(self, where: str, prediction: Prediction, n: int) -> None:
        levels = prediction.levels
        if prediction.quantiles is None:
            self.require(levels == (), where, "no levels where there are no quantiles", levels)
            return
        quantiles = prediction.quantiles
        self.require(quantiles.shape == (n, len(levels)), where, f"quantiles of shape ({n}, {len(levels)})")
        self.require(bool(np.isfinite(quantiles).all()), where, "finite quantiles", quantiles)
        self.require(
            all(0 < level < 1 for level in levels) and list(levels) == sorted(set(levels)),
            where,
            "ascending levels in (0, 1)",
            levels,
        )
        self.require(bool((np.diff(quantiles, axis=1) >= 0).all()), where, "ascending quantiles", quantiles)

    def same(self, where: str, a: Prediction, b: Prediction, atol: float) -> None:
        pairs = [("mean", a.mean, b.mean), ("std", a.std, b.std)]
        self.require((a.quantiles is None) == (b.quantiles is None), where, "quantiles in both or in neither")
        if a.quantiles is not None and b.quantiles is not None:
            pairs.append(("quantiles", a.quantiles, b.quantiles))
        for name, x, y in pairs:
            self.require(
                x.shape == y.shape and bool((np.abs(x - y) <= atol).all()),
                where,
                f"equal {name} (within {atol:g})",
                (x.tolist(), y.tolist()),
            )

    def rows_are_independent(self, where: str, prefixes: FloatArray, at_epoch: int) -> None:
        whole = self.predict(where, prefixes, at_epoch)
        order = np.arange(len(prefixes))[::-1]
        turned = self.predict(where, prefixes[order], at_epoch)
        self.same(f"{where}: curves in another order", prediction_rows(whole, order), turned, self._atol)
        for row in (0, len(prefixes) - 1):
            alone = self.predict(where, prefixes[row : row + 1], at_epoch)
            self.same(f"{where}: a curve alone", prediction_rows(whole, np.array([row])), alone, self._atol)

    def refuses_bad_input(self, where: str, prefixes: FloatArray) -> None:
        broken = prefixes.copy()
        broken[0, -1] = np.nan
        fit, predict = self._extrapolator.fit, self._extrapolator.predict
        more, percent = self._more(prefixes), 100 * prefixes
        calls: dict[str, Callable[[], object]] = {
            "a NaN in the prefixes": lambda: predict(broken, _EPOCHS, *more),
            "a one-dimensional prefix": lambda: predict(prefixes[0], _EPOCHS, *more),
            "at_epoch that was seen": lambda: predict(prefixes, prefixes.shape[1], *more),
            "prefixes in percent": lambda: predict(percent, _EPOCHS, *more),
            "a NaN in the curves of fit": lambda: fit(broken, *more),
            "curves of fit in percent": lambda: fit(percent, *more),
        }
        if self._encoded:
            calls["encodings of fewer curves"] = lambda: predict(prefixes, _EPOCHS, more[0][1:])
            calls["encodings of fewer curves of fit"] = lambda: fit(prefixes, more[0][1:])
        for what, call in calls.items():
            try:
                call()
            except NascurveError:
                continue
            self.require(False, where, f"a NascurveError (such as ConfigError) for {what}")

    def constants_stay(self, atol: float) -> None:
        levels = np.linspace(0.1, 0.9, 20)
        self.fit(np.repeat(levels[:, np.newaxis], _EPOCHS, axis=1))
        for e_few in (1, 8):
            flat = np.repeat(levels[2::8, np.newaxis], e_few, axis=1)
            mean = self.predict("constant curves", flat, _EPOCHS).mean
            self.require(
                bool((np.abs(mean - flat[:, 0]) <= atol).all()),
                f"constant prefixes of {e_few} epochs after fit on constant curves",
                f"a prediction within {atol} of {flat[:, 0].tolist()}",
                mean.tolist(),
            )
