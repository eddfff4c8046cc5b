"""Support vector regression on features of the learning curve (LcSVR)."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from nascurve import options
from nascurve.lce._features import (
    FEATURE_SETS,
    checked_encodings,
    checked_kind,
    feature_blocks,
    matching_encodings,
)
from nascurve.lce._inputs import checked_curves, checked_prefixes
from nascurve.lce._memory import BoundedMemory, content_key
from nascurve.lce.last_value import LastValue
from nascurve.lce.lcsvr_models import (
    CrossFitted,
    Folds,
    Setting,
    contiguous,
    cross_fit_ridge,
    cross_fit_svr,
    interleaved,
)
from nascurve.lce.lcsvr_residuals import ResidualSpread
from nascurve.lce.lcsvr_scaling import SAME_ACC, BlockScaling, in_percent, robust_spread
from nascurve.lce.lcsvr_search import best_by_r2, best_of_grid, paper_draws
from nascurve.lce.predictive_distribution import with_quantiles
from nascurve.simulator.types import FloatArray, Prediction

_log = logging.getLogger(__name__)
_N_FOLDS = 5
_N_FOLDS_PAPER = 3
_GROWTH = 1.5
_REMEMBERED = 256


@dataclass(frozen=True, slots=True)
class _Fitted:
    """What was learnt for one prefix length and one epoch."""

    features: Callable[[FloatArray, FloatArray | None], FloatArray]
    models: list[CrossFitted]
    offset: float
    scale: float
    spread: ResidualSpread


@dataclass(frozen=True, slots=True)
class _Sample:
    """Curves to learn from, cut to what is seen (m, e); accuracies (m,) to predict; encodings (m, d)."""

    seen: FloatArray
    target: FloatArray
    encodings: FloatArray | None

    def first(self, m: int) -> _Sample:
        encodings = None if self.encodings is None else self.encodings[:m]
        return _Sample(self.seen[:m], self.target[:m], encodings)

    def key(self) -> bytes:
        return content_key(self.seen, self.target, *([] if self.encodings is None else [self.encodings]))


class LcSVR:
    """ν-SVR on a prefix, its first and second differences, and its mean and standard deviation.

    Source: Baker, Gupta, Raskar and Naik, "Accelerating neural architecture search using performance
    prediction" (2017), and the port in NAS-Bench-x11 (`predictors/lcsvr.py`). Errors are learnt as well: all
    predictions have a std and quantiles, by `ResidualSpread`, from the curves that cross-validation held out.

    search="paper" is the published recipe: features and targets unscaled, in percent; RBF kernel; `n_draws`
    random hyperparameters, 3-fold cross-validation on R², the best fitted again on all curves; the accuracy
    itself as the target. It is repeated in full after every `fit`.

    search="fast", the default, ranks better and takes milliseconds. It deviates thus:
    - features are scaled block by block, outliers drawn in (`BlockScaling`); the target is the increment
      y_at - y_e, less its median, in units of twice its spread (of median absolute deviations);
    - the kernel is ⟨x, x'⟩ + exp(-γ|x - x'|²): straight lines, and departures from them;
    - 8 settings, of which the best 3 by (1 - τ)·mean √|error| in 5-fold cross-validation are averaged, each
      as the mean of its 5 models (curve i is held out in fold i mod 5);
    - these are chosen on the first m' curves, m' the largest of 1, 1.5, 1.5² … times `min_curves` that
      there are, so that a refit after a round mostly needs no search. A choice is kept by content: it
      depends on the m' curves alone.
    All of that was chosen on the development halves of NAS-Bench-NLP and pocket201-mnist (docs/lce-lcsvr.md).

    Models are fitted when `predict` first needs them for a prefix length and an epoch, and kept until the
    next `fit`. Deterministic; one thread. With fewer than `min_curves` curves, or curves shorter than the
    epoch asked for, it predicts as `LastValue`, with normal quantiles, and says so in the log, once. Where
    all targets are equal, or libsvm has no solution (ν → 0), it predicts their mean.

    search: "fast" or "paper". n_draws: of the paper's search. regressor: "svr", or "bayesian_ridge", the
        source's alternative, which needs no search (then `search` decides on the scaling alone).
    features: "curve", or "statistics", the source's alternative that replaces each series by mean and std.
    target: "increment" or "value"; None for the recipe's own. On NAS-Bench-NLP "value" has the lower RMSE,
        because of a few late starters, and the lower τ.
    encoding: None, or the kind of encoding of the architecture that joins the features where `fit` and
        `predict` are given it (the source uses architecture and hyperparameters, the x11 optimizers none).
    min_curves: at least 5. seed: of the paper's draws. Raises ConfigError for any other value.
    """

    def __init__(
        self,
        *,
        search: str = "fast",
        n_draws: int = 1000,
        regressor: str = "svr",
        features: str = "curve",
        target: str | None = None,
        encoding: str | None = None,
        min_curves: int = 15,
        seed: int = 0,
    ) -> None:
        self._paper = options.choice("LcSVR.search", search, ("fast", "paper")) == "paper"
        self._n_draws = options.integer("LcSVR.n_draws", n_draws, at_least=1)
        self._ridge = options.choice("LcSVR.regressor", regressor, ("svr", "bayesian_ridge")) != "svr"
        self._feature_set = options.choice("LcSVR.features", features, FEATURE_SETS)
        if target is None:
            target = "value" if self._paper else "increment"
        self._increment = options.choice("LcSVR.target", target, ("increment", "value")) == "increment"
        self.encoding = checked_kind(encoding, "LcSVR.encoding")
        self._min_curves = options.integer("LcSVR.min_curves", min_curves, at_least=_N_FOLDS)
        self._seed = options.integer("LcSVR.seed", seed, at_least=0)
        self._curves: FloatArray = np.empty((0, 0))
        self._encodings: FloatArray | None = None
        self._fitted: dict[tuple[int, int, bool], _Fitted] = {}
        self._choices: BoundedMemory[tuple[Setting, ...]] = BoundedMemory(_REMEMBERED)
        self._fallback = LastValue()
        self._fallback_logged = False

    def fit(self, curves: ArrayLike, encodings: ArrayLike | None = None) -> None:
        """Keep fully trained curves (m, epochs) and the encodings (m, d) of their architectures, if any;
        models are fitted when `predict` asks for one. Raises ConfigError for bad input."""
        checked = checked_curves(curves, self).copy()
        self._encodings = checked_encodings(encodings, len(checked), "LcSVR.fit")
        self._curves = checked
        self._fitted.clear()
        self._fallback.fit(self._curves)

    def predict(self, prefixes: ArrayLike, at_epoch: int, encodings: ArrayLike | None = None) -> Prediction:
        """Predict from prefixes (n, e_few) at a later epoch; with `encodings` (n, d), if `fit` had some, by
        a model that uses them. Raises ConfigError for bad input."""
        prefixes = checked_prefixes(prefixes, at_epoch, self)
        n = len(prefixes)
        encoded = matching_encodings(encodings, n, self._encodings, "LcSVR.predict")
        if len(self._curves) < self._min_curves or self._curves.shape[1] < at_epoch:
            self._log_fallback(at_epoch)
            return with_quantiles(self._fallback.predict(prefixes, at_epoch))
        if not n:
            return with_quantiles(Prediction(mean=np.empty(0), std=np.empty(0)))
        key = (prefixes.shape[1], at_epoch, encoded is not None)
        if key not in self._fitted:
            self._fitted[key] = self._learn(*key)
        fitted = self._fitted[key]
        mean = np.full(n, fitted.offset)
        if fitted.models:
            features = fitted.features(prefixes, encoded)
            mean += fitted.scale * np.mean([model.predict(features) for model in fitted.models], axis=0)
        if self._increment:
            mean += prefixes[:, -1]
        return fitted.spread.prediction(prefixes, np.clip(mean, 0, 1))

    def _learn(self, epochs: int, at_epoch: int, encoded: bool) -> _Fitted:
        sample = _Sample(
            seen=np.ascontiguousarray(self._curves[:, :epochs]),
            target=self._curves[:, at_epoch - 1].copy(),
            encodings=self._encodings if encoded else None,
        )
        task = self._task(sample)
        folds = self._folds(len(sample.target))
        models: list[CrossFitted] = []
        if task.y.any():
            if self._ridge:
                models = [cross_fit_ridge(task.X, task.y, folds)]
            else:
                settings = self._choose(sample)
                fits = [cross_fit_svr(task.X, task.y, folds, s, refit=self._paper) for s in settings]
                models = [fit for fit in fits if fit is not None]
        offset = task.offset if models else task.mean
        held_out = np.full(len(sample.target), offset)
        if models:
            held_out += task.scale * np.mean([model.held_out for model in models], axis=0)
        if self._increment:
            held_out += sample.seen[:, -1]
        held_out = np.clip(held_out, 0, 1)
        spread = ResidualSpread(sample.seen, held_out, sample.target - held_out)
        return _Fitted(task.features, models, offset, task.scale, spread)

    def _task(self, sample: _Sample) -> _Task:
        blocks = feature_blocks(sample.seen, self._feature_set)
        scaling = in_percent if self._paper else BlockScaling(blocks, sample.encodings)
        target = sample.target - sample.seen[:, -1] if self._increment else sample.target
        varied = bool(np.ptp(target) > SAME_ACC)
        if self._paper:
            offset, scale = 0.0, 0.01
        else:
            offset = float(np.median(target))
            scale = 2 * robust_spread(target - offset) if varied else 1.0
        y = (target - offset) / scale if varied else np.zeros_like(target)

        def features(prefixes: FloatArray, encodings: FloatArray | None) -> FloatArray:
            return scaling(feature_blocks(prefixes, self._feature_set), encodings)

        return _Task(features, scaling(blocks, sample.encodings), y, float(target.mean()), offset, scale)

    def _folds(self, m: int) -> Folds:
        return contiguous(m, _N_FOLDS_PAPER) if self._paper else interleaved(m, _N_FOLDS)

    def _choose(self, sample: _Sample) -> tuple[Setting, ...]:
        """The settings for these curves, looked up where they were chosen before."""
        if not self._paper:
            m = self._min_curves
            while int(m * _GROWTH) <= len(sample.target):
                m = int(m * _GROWTH)
            sample = sample.first(m)
        return self._choices.get(sample.key(), lambda: self._search(sample))

    def _search(self, sample: _Sample) -> tuple[Setting, ...]:
        task = self._task(sample)
        folds = self._folds(len(task.y))
        if self._paper:
            return best_by_r2(task.X, task.y, folds, paper_draws(self._n_draws, self._seed))
        base = sample.seen[:, -1] / task.scale if self._increment else np.zeros_like(task.y)
        return best_of_grid(task.X, task.y, folds, base)

    def _log_fallback(self, at_epoch: int) -> None:
        if not self._fallback_logged:
            self._fallback_logged = True
            _log.warning(
                "LcSVR predicts the last value until it has %d fully trained curves of %d epochs (now %d).",
                self._min_curves,
                at_epoch,
                len(self._curves) if self._curves.shape[1] >= at_epoch else 0,
            )


@dataclass(frozen=True, slots=True)
class _Task:
    """A regression problem: y (m,) on X (m, d); accuracy (or increment) = offset + scale·y. y is 0 where all
    targets are equal."""

    features: Callable[[FloatArray, FloatArray | None], FloatArray]
    X: FloatArray
    y: FloatArray
    mean: float
    offset: float
    scale: float
