"""The predicted course of training runs: a prediction for each of the epochs to come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nascurve import options
from nascurve.errors import ConfigError
from nascurve.lce._inputs import checked_prefixes
from nascurve.lce._levels import LEVELS
from nascurve.lce._prediction import checked_prediction
from nascurve.lce.predictive_distribution import with_quantiles
from nascurve.simulator.types import Extrapolator, FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PredictiveCurves:
    """Predictions for n runs at E' later epochs.

    epochs: (E',), ascending. mean, std: (n, E'), accuracy. quantiles: (n, E', q) at `levels` (q,).
    """

    epochs: NDArray[np.intp]
    mean: FloatArray
    std: FloatArray
    quantiles: FloatArray
    levels: tuple[float, ...] = LEVELS


def predictive_curve(
    extrapolator: Extrapolator,
    prefixes: FloatArray,
    until_epoch: int,
    *,
    epochs: Sequence[int] | None = None,
    encodings: FloatArray | None = None,
) -> PredictiveCurves:
    """What an extrapolator, as it is fitted, predicts for prefixes (n, e) at each epoch e+1 … `until_epoch`.

    Epochs are predicted one by one: these are the marginal distributions, not curves that could be drawn. An
    extrapolator may have a faster method `predict_curve(prefixes, until_epoch)`, a list with the prediction
    of each epoch, which is used where there are no encodings. Quantiles are those at `LEVELS`, of the
    distribution that the prediction stands for (see PredictiveDistribution), clipped to [0, 1].

    epochs: only these, ascending, all after e and none after `until_epoch`: an extrapolator that fits a model
        for each epoch is then so much faster.
    encodings: (n, d), of the architectures, for an extrapolator that has an `encoding`.

    Raises ConfigError for bad input, ProtocolError when the extrapolator misbehaves.
    """
    prefixes = checked_prefixes(prefixes, until_epoch, extrapolator)
    n, seen = prefixes.shape
    last = int(until_epoch)
    wanted = range(seen + 1, last + 1) if epochs is None else epochs
    asked = [options.integer("epochs", epoch, at_least=seen + 1, at_most=last) for epoch in wanted]
    if asked != sorted(set(asked)):
        raise ConfigError(f"epochs: expected them in ascending order, each once, got {list(wanted)!r:.200}.")
    all_at_once: Any = getattr(extrapolator, "predict_curve", None)
    if all_at_once is not None and encodings is None:
        whole = all_at_once(prefixes, last)
        predictions = [whole[epoch - seen - 1] for epoch in asked]
    else:
        more = () if encodings is None else (encodings,)
        predictions = [extrapolator.predict(prefixes, epoch, *more) for epoch in asked]
    sound = [checked_prediction(prediction, n, extrapolator) for prediction in predictions]
    if not sound:
        nothing = np.empty((n, 0))
        return PredictiveCurves(
            epochs=np.empty(0, np.intp), mean=nothing, std=nothing, quantiles=np.empty((n, 0, len(LEVELS)))
        )
    return PredictiveCurves(
        epochs=np.array(asked, dtype=np.intp),
        mean=np.stack([prediction.mean for prediction in sound], axis=1),
        std=np.stack([prediction.std for prediction in sound], axis=1),
        quantiles=np.stack([np.clip(np.asarray(with_quantiles(p).quantiles), 0, 1) for p in sound], axis=1),
    )
