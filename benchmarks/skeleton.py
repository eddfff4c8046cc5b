"""The fixed part of the networks that the collector trains, and how their parameters are laid out."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nascurve.benchmarks.network import Network
from nascurve.errors import ConfigError

BN_MOMENTUM = 0.1
BN_EPS = 1e-5
KERNEL_PX = {"nor_conv_3x3": 3, "nor_conv_1x1": 1}


@dataclass(frozen=True, kw_only=True)
class Skeleton:
    """2x2-patch stem to `channels` (convolution, BN), one cell, 2x2 average pooling and a 1x1 convolution to
    twice the channels (BN), one cell, head (BN, ReLU, global average, linear).

    image_px: side of the square input images, a multiple of 4. in_channels: 1 for grey, 3 for colour.
    channels: a multiple of 4. Raises ConfigError otherwise.
    """

    image_px: int
    in_channels: int
    channels: int
    n_classes: int

    def __post_init__(self) -> None:
        if self.image_px < 8 or self.image_px % 4 or self.channels < 4 or self.channels % 4:
            raise ConfigError(
                "Skeleton: expected image_px a multiple of 4, at least 8, and channels a multiple of 4, "
                f"got image_px={self.image_px}, channels={self.channels}."
            )

    @property
    def patch_features(self) -> int:
        return 4 * self.in_channels

    @property
    def stage_px(self) -> tuple[int, int]:
        return self.image_px // 2, self.image_px // 4

    @property
    def stage_channels(self) -> tuple[int, int]:
        return self.channels, 2 * self.channels

    def patches(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n, in_channels, px, px) -> (n, patch_features, (px/2)²): the stem convolution becomes a
        product."""
        n, channels, px, _ = images.shape
        tiles = images.reshape(n, channels, px // 2, 2, px // 2, 2).transpose(0, 1, 3, 5, 2, 4)
        return np.ascontiguousarray(tiles.reshape(n, channels * 4, (px // 2) ** 2))


class ParameterLayout:
    """Where each parameter of one network lies in a flat vector, in the network's own order of operations:
    stem, cell of stage 0 edge by edge, reduction, cell of stage 1, head, linear. BN's beta follows its gamma.

    offset: name -> first index; shape: name -> shape; stat_offset: BN's name -> first index among the
    `n_stats` running statistics. Names: "stem.weight", "stage0.edge2.gamma", "linear.bias", …
    """

    def __init__(self, network: Network, skeleton: Skeleton) -> None:
        self.offset: dict[str, int] = {}
        self.shape: dict[str, tuple[int, ...]] = {}
        self.stat_offset: dict[str, int] = {}
        self.size = 0
        self.n_stats = 0
        c1, c2 = skeleton.stage_channels
        self._add_conv("stem", (c1, skeleton.patch_features))
        for stage, c in enumerate((c1, c2)):
            for number, (_, _, op) in enumerate(network.edges):
                if op in KERNEL_PX:
                    self._add_conv(f"stage{stage}.edge{number}", (c, c, KERNEL_PX[op], KERNEL_PX[op]))
            if stage == 0:
                self._add_conv("reduction", (c2, c1, 1, 1))
        self._add_norm("head", c2)
        self._add("linear.weight", (c2, skeleton.n_classes))
        self._add("linear.bias", (skeleton.n_classes,))

    def _add(self, name: str, shape: tuple[int, ...]) -> None:
        self.offset[name] = self.size
        self.shape[name] = shape
        self.size += int(np.prod(shape))

    def _add_norm(self, name: str, channels: int) -> None:
        self._add(f"{name}.gamma", (channels,))
        self._add(f"{name}.beta", (channels,))
        self.stat_offset[name] = self.n_stats
        self.n_stats += channels

    def _add_conv(self, name: str, shape: tuple[int, ...]) -> None:
        self._add(f"{name}.weight", shape)
        self._add_norm(name, shape[0])


def initial_values(network: Network, skeleton: Skeleton, seed: int) -> NDArray[np.float32]:
    """A network's initial parameters as one flat vector in its ParameterLayout: convolutions N(0, 2/fan-in),
    linear U(±1/√fan-in), biases 0, BN 1 and 0. They depend on the seed and the network's string and nothing
    else."""
    digest = hashlib.sha256(str(network).encode()).digest()
    rng = np.random.default_rng([seed, 1, int.from_bytes(digest[:8], "little")])
    layout = ParameterLayout(network, skeleton)
    values = np.zeros(layout.size, dtype=np.float32)
    for name, shape in layout.shape.items():
        start, n = layout.offset[name], int(np.prod(shape))
        if name.endswith(".gamma"):
            values[start : start + n] = 1.0
        elif name == "linear.weight":
            bound = shape[0] ** -0.5
            values[start : start + n] = rng.uniform(-bound, bound, n)
        elif name.endswith(".weight"):
            values[start : start + n] = rng.standard_normal(n) * (2.0 / int(np.prod(shape[1:]))) ** 0.5
    return values
