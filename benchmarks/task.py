"""What a collector needs to know of a task: data, skeleton, training recipe."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from nascurve.benchmarks.skeleton import Skeleton


@dataclass(frozen=True, kw_only=True)
class Split:
    """Labelled images. images: (n, channels, px, px) uint8; labels: (n,) int64."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class TaskData:
    """A task's three splits, made once and the same for every training run."""

    train: Split
    val: Split
    test: Split

    def checksum(self) -> str:
        """SHA-256 over all images and labels: two collections with equal checksums saw the same data."""
        digest = hashlib.sha256()
        for split in (self.train, self.val, self.test):
            digest.update(np.ascontiguousarray(split.images).tobytes())
            digest.update(np.ascontiguousarray(split.labels, dtype=np.int64).tobytes())
        return digest.hexdigest()


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Stochastic gradient descent with Nesterov momentum; learning rate peak_lr·(1 + cos(π·step/steps))/2
    without warm-up; images drawn from the training pool with replacement."""

    epochs: int = 32
    steps_per_epoch: int = 31
    batch_size: int = 64
    peak_lr: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 5e-4


class Task(Protocol):
    """A benchmark's learning problem. Everything in it is fixed: the same name, version and options, the same
    data. A task with options has an attribute `options` with those it was built with (JSON-able)."""

    name: str
    version: int
    recipe: Recipe

    @property
    def skeleton(self) -> Skeleton: ...

    def load(self) -> TaskData:
        """Make or read the data. Raises NascurveError with what to install or provide when it cannot."""

    def metadata(self) -> dict[str, Any]:
        """Source, licence and citation of the data, for the table's metadata (JSON-able)."""
