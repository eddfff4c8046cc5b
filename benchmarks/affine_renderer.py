"""Renders many distorted images of few originals: what makes a small real data set hard enough to tell
networks apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nascurve.benchmarks.task import Split, TaskData

FloatImages = NDArray[np.float32]
_CHUNK = 4000


@dataclass(frozen=True, kw_only=True)
class AffineRenderer:
    """Random affine views of square grey images, with a quarter turn that becomes part of the label.

    Each rendering: a quarter turn k (label = 4·class + k), rotation within ±15 degrees, scale .85-1.1 with
    ±10 % anisotropy, shear ±.15, shift ±10 % of half the width, bilinear at 2 px times 2 px and averaged to
    px times px, a square fragment of another original of the split drawn over it, Gaussian noise of .1,
    rounded to 8 bits.

    px: side of the rendered images. clutter_px: side of the fragment.
    """

    px: int
    clutter_px: int

    def splits(
        self,
        originals: FloatImages,
        classes: NDArray[Any],
        sizes: Sequence[tuple[str, int, int, int]],
    ) -> TaskData:
        """Render the three splits, each with a generator of its own and every original equally often.

        originals: (n, side, side) in 0 … 1; classes: (n,). sizes: for "train", "val" and "test" the first
        original, the one after the last, and the number of renderings.
        """
        return TaskData(
            **{
                name: self._render(
                    originals[start:stop], classes[start:stop], n, np.random.default_rng([0, number])
                )
                for number, (name, start, stop, n) in enumerate(sizes)
            }
        )

    def _render(
        self, originals: FloatImages, classes: NDArray[Any], n: int, rng: np.random.Generator
    ) -> Split:
        source = np.arange(n) % len(originals)
        turns = rng.integers(0, 4, n)
        images = np.empty((n, 1, self.px, self.px), dtype=np.uint8)
        for start in range(0, n, _CHUNK):
            part = slice(start, min(start + _CHUNK, n))
            size = part.stop - part.start
            image = self._transform(originals[source[part]], turns[part], rng)
            others = originals[rng.integers(0, len(originals), size)]
            clutter = self._transform(others, np.zeros(size, dtype=int), rng)
            image = np.maximum(image, clutter * self._squares(size, rng))
            image += rng.normal(0.0, 0.1, image.shape).astype(np.float32)
            images[part, 0] = np.rint(np.clip(image, 0.0, 1.0) * 255.0).astype(np.uint8)
        return Split(images=images, labels=(4 * classes[source] + turns).astype(np.int64))

    def _squares(self, n: int, rng: np.random.Generator) -> FloatImages:
        """Masks (n, px, px) that are 1 inside one square at a uniform place."""
        corner = rng.integers(0, self.px - self.clutter_px + 1, (n, 2))
        places = np.arange(self.px)
        inside = (places >= corner[..., None]) & (places < corner[..., None] + self.clutter_px)
        return (inside[:, 0, :, None] & inside[:, 1, None, :]).astype(np.float32)

    def _transform(self, images: FloatImages, turns: NDArray[Any], rng: np.random.Generator) -> FloatImages:
        """Random affine views (n, px, px) of (n, side, side). The point (x, y) of the output, in -1 … 1,
        shows the source at A·((x, y) - t); outside is black."""
        import torch
        import torch.nn.functional as F  # noqa: N812

        n = len(images)
        angle = np.radians(rng.uniform(-15.0, 15.0, n) + 90.0 * turns)
        scale = rng.uniform(0.85, 1.1, n)
        scale_x, scale_y = scale * rng.uniform(0.9, 1.1, n), scale * rng.uniform(0.9, 1.1, n)
        shear = rng.uniform(-0.15, 0.15, n)
        shift = rng.uniform(-0.1, 0.1, (n, 2))
        cos, sin = np.cos(angle), np.sin(angle)
        rows = [
            [cos / scale_x, (sin + shear * cos) / scale_y],
            [-sin / scale_x, (cos - shear * sin) / scale_y],
        ]
        matrix = np.stack([np.stack(row, -1) for row in rows], -2)
        theta = np.concatenate([matrix, -(matrix @ shift[..., None])], axis=-1).astype(np.float32)
        size = [n, 1, 2 * self.px, 2 * self.px]
        grid = F.affine_grid(torch.from_numpy(theta), size, align_corners=False)
        source = torch.from_numpy(np.ascontiguousarray(images))[:, None]
        view = F.grid_sample(source, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
        return F.avg_pool2d(view, 2)[:, 0].numpy()
