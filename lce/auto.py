"""The extrapolator that a user gets by default: a mixture of the others, as far as they have earned it."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nascurve import options
from nascurve.errors import ConfigError
from nascurve.lce._inputs import checked_curves, checked_prefixes
from nascurve.lce._levels import LEVELS, MAX_STD
from nascurve.lce._memory import BoundedMemory, content_key, size_on_grid
from nascurve.lce._prediction import checked_prediction
from nascurve.lce.auto_stacking import pruned, stacking_weights
from nascurve.lce.curve_gp_calibration import calibration
from nascurve.lce.predictive_distribution import MIN_STD, with_quantiles
from nascurve.simulator.types import Extrapolator, FloatArray, Prediction

PRIOR = {"wpm": 0.25, "lightgbm": 0.05, "gp": 0.7}
"""The default members, and their weights before anything is known. A member that is not here has 0.1. They
are scaled to have sum 1. (With `last_value`, `power_law` and `lcsvr` besides, predictions are no better, and
cost twice as much.)"""
_PRIOR_OF_OTHERS = 0.1
_GROWTH = 2.0
_LARGEST_DECISION = 200
_ALL_UP_TO = 20
"""Curves that are all fitted on; of more, as many as `size_on_grid` says, with this growth."""
_REFIT_GROWTH = 1.15
_REMEMBERED = 256
_NORMAL_SCORE_95 = 1.6448536269514722


@dataclass(frozen=True, slots=True)
class _Decision:
    """Weights of the members (k,), and what errors of new curves will be in units of the mixture's spread:
    quantiles (q,) at LEVELS, and their standard deviation."""

    weights: FloatArray
    scores: FloatArray
    score_std: float


class Auto:
    """Predicts by the members that predicted the fully trained curves of this run best.

    As curves come in, members are compared anew when there are `min_curves`, twice as many, four times, … (at
    most 200) of them: each is fitted on all but one `n_folds`-th of these curves and predicts the rest, in
    turn (curve i is in fold i mod n_folds). From the outcomes and the quantiles predicted come the weights
    (`auto_stacking`); those below `smallest_weight` times the largest become 0. Between comparisons only
    members of positive weight are fitted again, on all curves; of more than 20 on the first 20, 23, 26, 30, …
    (growth 1.15), the largest such number that there is, so that a search does not spend its time on fits
    that change little. A comparison is remembered by the content of the curves: it depends on settings,
    curves, prefix length and epoch alone.

        mean = Σ w_k median_k;  spread = Σ w_k (q95_k - q05_k) / 3.29;  quantile_p = mean + spread·c_p

    Medians, because where a distribution is lopsided (will the curve start to rise?) its mean ranks worse.
    c_p: the quantiles, shrunk towards those of Student's t, of the errors of that very mixture on the folds
    left out (`curve_gp_calibration`). So the interval is right, on average, even if no member's is.

    With fewer than `min_curves` curves, or with curves shorter than the epoch asked for: `fallback`, fitted
    on those that there are.

    The way of stacking, the prior weights (`PRIOR`), `prior_curves` and `smallest_weight` were chosen on
    development curves (an even SHA-256 of the architecture's string) of NAS-Bench-NLP and pocket201-mnist.

    members: ids of registered extrapolators, None for those of `PRIOR`. fallback: such an id. min_curves: at
    least `n_folds`. n_folds: at least 2. prior_curves: how many curves the prior weights count for, > 0.
    smallest_weight: from 0 to 1; at 1 the best member alone predicts. seed: given to members that have one.
    Raises ConfigError for other values, UnknownIdError for an unknown id; a member that breaks its protocol
    raises ProtocolError; any other error of a member is passed on.
    """

    def __init__(
        self,
        *,
        members: Sequence[str] | None = None,
        fallback: str = "wpm",
        min_curves: int = 10,
        n_folds: int = 4,
        prior_curves: float = 10.0,
        smallest_weight: float = 0.1,
        seed: int = 0,
    ) -> None:
        self._names = _checked_members(list(PRIOR) if members is None else members, "members")
        self._n_folds = options.integer("Auto.n_folds", n_folds, at_least=2)
        self._min_curves = options.integer("Auto.min_curves", min_curves, at_least=self._n_folds)
        self._prior_curves = options.real("Auto.prior_curves", prior_curves, above=0)
        self._smallest_weight = options.real("Auto.smallest_weight", smallest_weight, at_least=0, at_most=1)
        seed = options.integer("Auto.seed", seed, at_least=0)
        self._fallback_name = _checked_members([fallback], "fallback")[0]
        self._fallback = _create(self._fallback_name, seed)
        self._members = [_create(name, seed) for name in self._names]
        self._on_trial = [_create(name, seed) for name in self._names]
        self._all_up_to = max(_ALL_UP_TO, self._min_curves)
        self._curves: FloatArray = np.empty((0, 0))
        self._learnt_from = self._curves
        self._fitted: set[int] = set()
        self._decisions: BoundedMemory[_Decision] = BoundedMemory(_REMEMBERED)

    def fit(self, curves: FloatArray) -> None:
        """Keep fully trained curves (m, epochs); `predict` compares and fits members when it needs them. What
        was fitted before is kept only where the same curves are to be learnt from."""
        curves = checked_curves(curves, self).copy()
        curves.setflags(write=False)
        learnt_from = curves
        if len(curves) > self._all_up_to:
            learnt_from = curves[: size_on_grid(len(curves), smallest=self._all_up_to, growth=_REFIT_GROWTH)]
        if not np.array_equal(learnt_from, self._learnt_from):
            self._learnt_from = learnt_from
            self._fallback.fit(learnt_from)
            self._fitted.clear()
        self._curves = curves

    def predict(self, prefixes: FloatArray, at_epoch: int) -> Prediction:
        """Predict from prefixes (n, e_few) at a later epoch, with quantiles. Raises ConfigError for bad
        input."""
        prefixes = checked_prefixes(prefixes, at_epoch, self)
        if not self._can_compare(at_epoch):
            prediction = self._fallback.predict(prefixes, at_epoch)
            checked = with_quantiles(checked_prediction(prediction, len(prefixes), self._fallback))
            return replace(checked, std=np.minimum(checked.std, MAX_STD))
        decision = self._decide(prefixes.shape[1], at_epoch)
        chosen = np.flatnonzero(decision.weights)
        for k in chosen:
            if k not in self._fitted:
                self._members[k].fit(self._learnt_from)
                self._fitted.add(int(k))
        members = [self._members[k] for k in chosen]
        mean, spread = _mixed(_quantiles(members, prefixes, at_epoch), decision.weights[chosen])
        quantiles = mean[:, None] + spread[:, None] * decision.scores
        return Prediction(
            mean=np.clip(mean, 0, 1),
            std=np.minimum(spread * decision.score_std, MAX_STD),
            quantiles=np.clip(quantiles, 0, 1),
            levels=LEVELS,
        )

    def weights(self, e_few: int, at_epoch: int) -> dict[str, float]:
        """By how much each member (or the fallback alone) has its say in a prediction of `at_epoch` from
        `e_few` epochs, as things are fitted now; the sum is 1. Raises ConfigError for bad epochs."""
        e_few = options.integer("Auto.weights: e_few", e_few, at_least=1)
        at_epoch = options.integer("Auto.weights: at_epoch", at_epoch, at_least=e_few + 1)
        if not self._can_compare(at_epoch):
            return {self._fallback_name: 1.0}
        return dict(zip(self._names, self._decide(e_few, at_epoch).weights.tolist(), strict=True))

    def _can_compare(self, at_epoch: int) -> bool:
        return len(self._curves) >= self._min_curves and self._curves.shape[1] >= at_epoch

    def _decide(self, epochs: int, at_epoch: int) -> _Decision:
        size = size_on_grid(len(self._curves), smallest=self._min_curves, growth=_GROWTH)
        first = self._curves[: min(size, max(_LARGEST_DECISION, self._min_curves))]
        key = (epochs, at_epoch, content_key(first))
        return self._decisions.get(key, lambda: self._compare(first, epochs, at_epoch))

    def _compare(self, curves: FloatArray, epochs: int, at_epoch: int) -> _Decision:
        m = len(curves)
        target = curves[:, at_epoch - 1]
        fold = np.arange(m) % self._n_folds
        quantiles = np.empty((m, len(LEVELS), len(self._names)))
        for held_out in range(self._n_folds):
            out = fold == held_out
            for member in self._on_trial:
                member.fit(curves[~out])
            quantiles[out] = _quantiles(self._on_trial, np.ascontiguousarray(curves[out, :epochs]), at_epoch)
        prior = np.array([PRIOR.get(name, _PRIOR_OF_OTHERS) for name in self._names])
        weights = pruned(
            stacking_weights(target, quantiles, prior=prior / prior.sum(), prior_curves=self._prior_curves),
            self._smallest_weight,
        )
        centre, spread = _mixed(quantiles, weights)
        scores, score_std = calibration((target - centre) / spread, n_fitted=0)
        return _Decision(weights, scores, score_std)


def _checked_members(names: object, option: str) -> tuple[str, ...]:
    """Ids of extrapolators, each once, without `auto` itself, which would never end."""
    listed = list(names) if isinstance(names, Sequence) and not isinstance(names, str) else []
    ids = [name for name in listed if isinstance(name, str)]
    if not ids or len({*ids}) < len(listed):
        raise ConfigError(
            f"Auto.{option}: expected ids of extrapolators, each once, got {names!r:.200}. "
            f"The default members are {list(PRIOR)}."
        )
    if "auto" in ids:
        raise ConfigError(
            f"Auto.{option}: expected other extrapolators than auto itself, got {names!r:.200}."
        )
    return tuple(ids)


def _create(name: str, seed: int) -> Extrapolator:
    from nascurve.registry import component, create_extrapolator

    takes_seed = "seed" in inspect.signature(component("extrapolators", name)).parameters
    more: dict[str, Any] = {"seed": seed} if takes_seed else {}
    return create_extrapolator(name, **more)


def _quantiles(members: Sequence[Extrapolator], prefixes: FloatArray, at_epoch: int) -> FloatArray:
    """Of k members for n prefixes, at LEVELS: (n, q, k)."""
    quantiles = []
    for member in members:
        prediction = checked_prediction(member.predict(prefixes, at_epoch), len(prefixes), member)
        quantiles.append(np.asarray(with_quantiles(prediction).quantiles))
    return np.stack(quantiles, axis=2)


def _mixed(quantiles: FloatArray, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Centre and spread (n,) of the weighted mean of k distributions with quantiles (n, q, k)."""
    mixed = quantiles @ weights
    spread = (mixed[:, -1] - mixed[:, 0]) / (2 * _NORMAL_SCORE_95)
    return mixed[:, len(LEVELS) // 2], np.maximum(spread, MIN_STD)
