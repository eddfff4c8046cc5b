"""The training runs that a surrogate is fitted to."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nascurve.errors import ArchitectureError, ConfigError
from nascurve.simulator.types import Architecture, FloatArray, SearchSpace

IntArray = NDArray[np.int64]
_TOLERANCE = 1e-6
"""Accuracies may lie so far outside [0, 1]: they were rounded on the way."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CurveData:
    """R training runs of architectures of one search space, a row for each run. Arrays are read-only copies.

    space: the search space of `archs`. archs: (R,). keys: (R,), `space.key` of each: runs with the same key
        trained the same network, so data are always split by key, never by run.
    val_acc: (R, E), validation accuracy after each epoch, in [0, 1]. NaN: not measured; NaN from an epoch to
        the end: the run diverged or ended there (from the first epoch on: it diverged at once).
    epoch_s: (R,), mean seconds of an epoch; NaN: unknown. seeds: (R,), the training seed of each run.
    source: what the runs are, such as "pocket201-mnist-v2". details: more on it, as JSON can hold it.

    `CurveData.of` fills in keys, seconds and seeds. Raises ArchitectureError for a stranger to the space,
    ConfigError for no runs, lengths that differ, accuracies outside [0, 1] (percent among them), seconds
    below 0, and data without a single measured value.
    """

    space: SearchSpace
    archs: tuple[Architecture, ...]
    keys: tuple[str, ...]
    val_acc: FloatArray
    epoch_s: FloatArray
    seeds: IntArray
    source: str
    details: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "archs", tuple(self.archs))
        put(self, "keys", tuple(self.keys))
        _check_archs(self.space, self.archs, self.keys)
        n_runs = len(self.archs)
        put(self, "val_acc", _accuracies(self.val_acc, self.archs))
        put(self, "epoch_s", _seconds(self.epoch_s, n_runs))
        put(self, "seeds", _seeds(self.seeds, n_runs))
        if not isinstance(self.source, str) or not self.source:
            raise ConfigError(f"source: expected what the runs are, in a word, got {self.source!r:.80}.")

    @classmethod
    def of(
        cls,
        space: SearchSpace,
        archs: Sequence[Architecture],
        val_acc: ArrayLike,
        *,
        epoch_s: ArrayLike | None = None,
        seeds: ArrayLike | None = None,
        source: str = "own runs",
        details: Mapping[str, Any] | None = None,
    ) -> CurveData:
        """Runs of these architectures. epoch_s: unknown when None. seeds: when None, the runs of an
        architecture are numbered. Raises as the class does."""
        archs = tuple(archs)
        for arch in archs:  # keys of strangers would fail in the space's own way
            if not space.contains(arch):
                raise _stranger(space, arch)
        keys = tuple(space.key(arch) for arch in archs)
        if seeds is None:
            seen: dict[str, int] = {}
            numbers = []
            for key in keys:
                numbers.append(seen.get(key, 0))
                seen[key] = numbers[-1] + 1
            seeds = np.array(numbers, dtype=np.int64)
        return cls(
            space=space,
            archs=archs,
            keys=keys,
            val_acc=val_acc,  # type: ignore[arg-type]  # checked and converted there
            epoch_s=np.full(len(archs), np.nan) if epoch_s is None else epoch_s,  # type: ignore[arg-type]
            seeds=seeds,  # type: ignore[arg-type]
            source=source,
            details={} if details is None else details,
        )

    def __len__(self) -> int:
        return len(self.archs)

    @property
    def n_epochs(self) -> int:
        """E, the epochs of a full curve."""
        return int(self.val_acc.shape[1])

    @property
    def diverged(self) -> NDArray[np.bool_]:
        """(R,), the runs without an accuracy after the last epoch: diverged or ended early."""
        return np.isnan(self.val_acc[:, -1])

    def subset(self, rows: ArrayLike) -> CurveData:
        """The runs of these rows, by number or by mask, in that order. Raises ConfigError for none, and for
        rows that are not there."""
        index = np.asarray(rows)
        if index.dtype == np.bool_ and index.shape == (len(self),):
            index = np.flatnonzero(index)
        if index.size and (
            index.ndim != 1 or index.dtype.kind not in "iu" or not ((index >= 0) & (index < len(self))).all()
        ):
            raise ConfigError(
                f"rows: expected numbers from 0 to {len(self) - 1}, or a mask of {len(self)}, got "
                f"{rows!r:.100}."
            )
        chosen = index.astype(np.intp)
        return replace(
            self,
            archs=tuple(self.archs[row] for row in chosen),
            keys=tuple(self.keys[row] for row in chosen),
            val_acc=self.val_acc[chosen],
            epoch_s=self.epoch_s[chosen],
            seeds=self.seeds[chosen],
        )

    def by_arch(self) -> tuple[IntArray, ...]:
        """The rows of each distinct key, keys in the order of their first run."""
        rows: dict[str, list[int]] = {}
        for row, key in enumerate(self.keys):
            rows.setdefault(key, []).append(row)
        return tuple(np.array(own, dtype=np.int64) for own in rows.values())

    @property
    def sha256(self) -> str:
        """Of the space's name, the runs' architectures, accuracies, seconds and seeds, in their order."""
        digest = hashlib.sha256(self.space.name.encode())
        for arch in self.archs:
            digest.update(f"\n{arch}".encode())
        for array in (self.val_acc, self.epoch_s, self.seeds):
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()


def _check_archs(space: SearchSpace, archs: Sequence[Architecture], keys: Sequence[str]) -> None:
    if not archs:
        raise ConfigError("CurveData: expected one training run or more, got none.")
    if len(keys) != len(archs):
        raise ConfigError(
            f"CurveData: expected one key for each of {len(archs)} architectures, got {len(keys)}."
        )
    for arch in archs:
        if not space.contains(arch):
            raise _stranger(space, arch)


def _stranger(space: SearchSpace, arch: object) -> ArchitectureError:
    return ArchitectureError(
        f"CurveData: expected architectures of the space {space.name!r}, got {arch!r:.200} "
        f"({type(arch).__name__}). Make them with its parse."
    )


def _accuracies(values: Any, archs: Sequence[Architecture]) -> FloatArray:
    try:
        array = np.array(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"val_acc: {_unequal(values) or f'expected numbers, got {error}'}.") from error
    if array.ndim != 2 or len(array) != len(archs) or not array.shape[1]:
        raise ConfigError(
            f"val_acc: expected a row of accuracies for each of {len(archs)} runs, shape ({len(archs)}, "
            f"epochs), got shape {array.shape}."
        )
    outside = ~(np.isnan(array) | ((array >= -_TOLERANCE) & (array <= 1 + _TOLERANCE)))
    if outside.any():
        row, epoch = np.argwhere(outside)[0]
        value = array[row, epoch]
        hint = " In percent? Divide by 100." if 1 < value <= 100 else ""
        raise ConfigError(
            f"val_acc, run {row + 1} ({archs[row]!s:.100}), epoch {epoch + 1}: expected an accuracy in "
            f"[0, 1] or NaN, got {value:.6g}.{hint}"
        )
    if np.isnan(array).all():
        raise ConfigError(f"val_acc: expected measured accuracies, got NaN alone, in all {len(array)} runs.")
    array = np.clip(array, 0.0, 1.0)
    array.setflags(write=False)
    return array


def _unequal(values: Any) -> str:
    try:
        lengths = {len(row) for row in values}
    except TypeError:
        return ""
    if len(lengths) < 2:
        return ""
    return (
        f"expected curves of one length, got {min(lengths)} to {max(lengths)} epochs. Fill up the shorter "
        "ones with NaN (not measured)"
    )


def _seconds(values: Any, n_runs: int) -> FloatArray:
    try:
        array = np.array(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"epoch_s: expected a number for each of {n_runs} runs, got {error}.") from error
    if array.shape != (n_runs,):
        raise ConfigError(f"epoch_s: expected a number for each of {n_runs} runs, got shape {array.shape}.")
    wrong = ~(np.isnan(array) | (np.isfinite(array) & (array >= 0)))
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise ConfigError(
            f"epoch_s, run {row + 1}: expected seconds, 0 or more, or NaN (unknown), got {array[row]:.6g}."
        )
    array.setflags(write=False)
    return array


def _seeds(values: Any, n_runs: int) -> IntArray:
    try:
        array = np.array(values)
    except ValueError as error:
        raise ConfigError(
            f"seeds: expected a whole number for each of {n_runs} runs, got {error}."
        ) from error
    if array.shape != (n_runs,) or array.dtype.kind not in "iu":
        raise ConfigError(
            f"seeds: expected a whole number for each of {n_runs} runs, got {array.dtype} of shape "
            f"{array.shape}."
        )
    array = array.astype(np.int64)
    array.setflags(write=False)
    return array
