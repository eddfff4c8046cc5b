"""How far off predictions will be, told from errors on curves that they were made without."""

from __future__ import annotations

import math

import numpy as np

from nascurve.lce._levels import LEVELS
from nascurve.simulator.types import FloatArray

STUDENT_DOF = 4.0
_N_PRIOR_SCORES = 9
_LARGEST_SCORE = 4.0


def calibration(scores: FloatArray, *, n_fitted: float) -> tuple[FloatArray, float]:
    """Quantiles (q,) at LEVELS, and standard deviation, of the standardised errors of new curves.

    scores: (m,), errors left out in units of their predicted spread. They are pooled with 9 quantiles of
    Student's t with 4 degrees of freedom, all that there is for m = 0; the quantiles of the pool are those
    of conformal prediction, k/(m+10) the level of the k-th smallest. For the std, scores are cut at ±4.
    n_fitted: how many numbers were fitted to the same curves; all is wider by √(1 + n_fitted/m) for them.
    """
    from scipy.special import stdtrit

    prior = stdtrit(STUDENT_DOF, (np.arange(_N_PRIOR_SCORES) + 0.5) / _N_PRIOR_SCORES)
    pool = np.concatenate([scores, prior])
    wider = math.sqrt(1 + n_fitted / max(len(scores), 1))
    cut = np.clip(pool, -_LARGEST_SCORE, _LARGEST_SCORE)
    return np.quantile(pool, LEVELS, method="weibull") * wider, float(np.sqrt((cut**2).mean())) * wider
