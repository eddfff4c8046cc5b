"""Support vector regression on features of the learning curve (LcSVR)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from nascurve import options
from nascurve.lce._curve_learner import CurveLearner, Learnt, Sample
from nascurve.lce._features import FEATURE_SETS, checked_kind, feature_blocks
from nascurve.lce._memory import BoundedMemory, size_on_grid
from nascurve.lce.lcsvr_models import (
    CrossFitted,
    Folds,
    Setting,
    contiguous,
    cross_fit_ridge,
    cross_fit_svr,
    interleaved,
)
from nascurve.lce.lcsvr_scaling import SAME_ACC, BlockScaling, in_percent, robust_spread
from nascurve.lce.lcsvr_search import best_by_r2, best_of_grid, paper_draws
from nascurve.simulator.types import FloatArray, Prediction

_N_FOLDS = 5
_N_FOLDS_PAPER = 3
_GROWTH = 1.5
_REMEMBERED = 256


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
        self._choices: BoundedMemory[tuple[Setting, ...]] = BoundedMemory(_REMEMBERED)
        self._learner = CurveLearner(self._learn, min_curves=self._min_curves, owner=self)

    def fit(self, curves: ArrayLike, encodings: ArrayLike | None = None) -> None:
        """Keep fully trained curves (m, epochs) and the encodings (m, d) of their architectures, if any;
        models are fitted when `predict` asks for one. Raises ConfigError for bad input."""
        self._learner.fit(curves, encodings)

    def predict(self, prefixes: ArrayLike, at_epoch: int, encodings: ArrayLike | None = None) -> Prediction:
        """Predict from prefixes (n, e_few) at a later epoch; with `encodings` (n, d), if `fit` had some, by
        a model that uses them. Raises ConfigError for bad input."""
        return self._learner.predict(prefixes, at_epoch, encodings)

    def _learn(self, sample: Sample) -> Learnt:
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

        def accuracies(outputs: list[FloatArray], prefixes: FloatArray) -> FloatArray:
            values = np.full(len(prefixes), offset)
            if outputs:
                values += task.scale * np.mean(outputs, axis=0)
            return values + prefixes[:, -1] if self._increment else values

        def predict(prefixes: FloatArray, encodings: FloatArray | None) -> FloatArray:
            features = task.features(prefixes, encodings)
            return accuracies([model.predict(features) for model in models], prefixes)

        return Learnt(predict, accuracies([model.held_out for model in models], sample.seen))

    def _task(self, sample: Sample) -> _Task:
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

    def _choose(self, sample: Sample) -> tuple[Setting, ...]:
        """The settings for these curves, looked up where they were chosen before."""
        if not self._paper:
            m = size_on_grid(len(sample.target), smallest=self._min_curves, growth=_GROWTH)
            sample = sample.first(m)
        return self._choices.get(sample.key(), lambda: self._search(sample))

    def _search(self, sample: Sample) -> tuple[Setting, ...]:
        task = self._task(sample)
        folds = self._folds(len(task.y))
        if self._paper:
            return best_by_r2(task.X, task.y, folds, paper_draws(self._n_draws, self._seed))
        base = sample.seen[:, -1] / task.scale if self._increment else np.zeros_like(task.y)
        return best_of_grid(task.X, task.y, folds, base)


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
