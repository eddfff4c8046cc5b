"""Scales for features that differ in size and have outliers, learnt from the fitted curves."""

from __future__ import annotations

import numpy as np

from nascurve.simulator.types import FloatArray

SAME_ACC = 1e-9
"""Accuracies closer than this are the same."""
_SQUASH = 4.0
_ENCODING_SHARE = 0.1


class BlockScaling:
    """Blocks of features (m, d_b) into one matrix of total variance 1 over the fitted curves.

    Each column is centred by its median and divided by the block's spread, 1.4826 times the median absolute
    deviation of all its columns (the root mean square where that is 0): one scale for a block, so that
    epochs that hardly vary are not blown up. Then z -> 4·tanh(z / 4), because a late starter lies dozens of
    spreads away. The encoding of the architecture, if any, gets columns of equal variance, in sum a tenth of
    what the curve's features have. Constant columns become 0.
    """

    def __init__(self, blocks: list[FloatArray], encodings: FloatArray | None = None) -> None:
        self._centres = [np.median(block, axis=0) for block in blocks]
        self._spreads = [
            robust_spread(block - centre) for block, centre in zip(blocks, self._centres, strict=True)
        ]
        self._encoding: tuple[FloatArray, FloatArray] | None = None  # centre and scale of each column
        self._total = 1.0
        curve = self._curve_part(blocks)
        variance = float(curve.var(axis=0).sum())
        if variance > 0:
            self._total = float(np.sqrt(variance))
        if encodings is not None:
            spread = encodings.std(axis=0)
            varied = max(int((spread > 0).sum()), 1)
            scale = np.where(spread > 0, spread * np.sqrt(varied / _ENCODING_SHARE), np.inf)
            self._encoding = encodings.mean(axis=0), scale

    def __call__(self, blocks: list[FloatArray], encodings: FloatArray | None = None) -> FloatArray:
        """Features (n, d) of these blocks, with the encodings if it was built with encodings."""
        curve = self._curve_part(blocks)
        if encodings is None or self._encoding is None:
            return curve
        centre, scale = self._encoding
        return np.hstack([curve, (encodings - centre) / scale])

    def _curve_part(self, blocks: list[FloatArray]) -> FloatArray:
        parts = [
            _SQUASH * np.tanh((block - centre) / (_SQUASH * spread))
            for block, centre, spread in zip(blocks, self._centres, self._spreads, strict=True)
        ]
        return np.hstack(parts) / self._total


def in_percent(blocks: list[FloatArray], encodings: FloatArray | None = None) -> FloatArray:
    """The features as the source has them: unscaled, of curves in percent, encodings as they are."""
    curve = 100 * np.hstack(blocks)
    return curve if encodings is None else np.hstack([curve, encodings])


def robust_spread(centred: FloatArray) -> float:
    """1.4826 times the median absolute value, which estimates the std of normal values; the root mean square
    where that is 0, and 1 where all values are 0, or none are there."""
    if not centred.size:
        return 1.0
    spread = 1.4826 * float(np.median(np.abs(centred)))
    if spread <= SAME_ACC:
        spread = float(np.sqrt(np.mean(centred**2)))
    return spread if spread > SAME_ACC else 1.0
