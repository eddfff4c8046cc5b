"""A table of really trained learning curves: one row per distinct network, any number of training seeds."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from nascurve.benchmarks.array_file import Arrays, digest, read_arrays, write_arrays
from nascurve.errors import DataFileError
from nascurve.simulator.types import DataKind

FORMAT = "nascurve-curve-table"
FORMAT_VERSION = 1
DEFAULT_REMEDY = "Get the file again, or make it with `nascurve collect` and `nascurve assemble`."


@dataclass(frozen=True, slots=True, kw_only=True)
class TableMeta:
    """What a table says of itself. Every value must fit into JSON.

    benchmark, version: the id, such as `pocket201-mnist` and 1; space: the search space's id.
    n_train, n_val, n_test: number of images (examples) of the splits; counts in the table are out of these.
    training_seeds: the seeds of the training runs, in the order of the table's first axis.
    recipe: how the networks were trained; software: versions of what trained them; both free dictionaries.
    """

    benchmark: str
    version: int
    space: str
    n_train: int
    n_val: int
    n_test: int
    training_seeds: tuple[int, ...]
    kind: DataKind = "real"
    licence: str = ""
    citation: str = ""
    description: str = ""
    recipe: dict[str, Any] = field(default_factory=dict)
    software: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CurveTable:
    """Curves of n networks, S training seeds, E epochs. Raises DataFileError when arrays do not fit together.

    network:       (n,) ASCII str, the search space's keys, each once.
    trained:       (S, n) bool; where it is False, the other arrays mean nothing.
    val_correct:   (S, n, E) uint16, correctly classified out of `meta.n_val` after each epoch.
    val_loss, train_loss: (S, n, E) float32 or float16, mean loss; NaN from the epoch in which a run diverged.
    test_correct:  (S, n) uint16, out of `meta.n_test`, after the last epoch only.
    diverged_epoch: (S, n) int16, the first epoch (from 1) with a loss that is not finite; 0: none.
    train_epoch_s, eval_epoch_s: (n,) float32, seconds per epoch by the cost model: the same in every epoch
        and for every seed.
    """

    network: NDArray[np.str_]
    trained: NDArray[np.bool_]
    val_correct: NDArray[np.uint16]
    val_loss: NDArray[np.floating[Any]]
    train_loss: NDArray[np.floating[Any]]
    test_correct: NDArray[np.uint16]
    diverged_epoch: NDArray[np.int16]
    train_epoch_s: NDArray[np.float32]
    eval_epoch_s: NDArray[np.float32]
    meta: TableMeta

    def __post_init__(self) -> None:
        if self.val_correct.ndim != 3:
            raise DataFileError(f"val_correct: expected shape (S, n, E), got {self.val_correct.shape}.")
        runs, curves = self.val_correct.shape[:2], self.val_correct.shape
        for name, shape, dtypes in (
            ("network", runs[1:], None),
            ("trained", runs, ("?",)),
            ("val_correct", curves, ("<u2",)),
            ("val_loss", curves, ("<f4", "<f2")),
            ("train_loss", curves, ("<f4", "<f2")),
            ("test_correct", runs, ("<u2",)),
            ("diverged_epoch", runs, ("<i2",)),
            ("train_epoch_s", runs[1:], ("<f4",)),
            ("eval_epoch_s", runs[1:], ("<f4",)),
        ):
            array = getattr(self, name)
            allowed = array.dtype.kind == "U" if dtypes is None else array.dtype in map(np.dtype, dtypes)
            if array.shape != shape or not allowed:
                raise DataFileError(
                    f"{name}: expected shape {shape} of type {' or '.join(dtypes) if dtypes else 'str'}, got "
                    f"{array.shape} of type {array.dtype.str}."
                )
        if not (np.ascontiguousarray(self.network).view(np.uint32) < 128).all():
            raise DataFileError(
                "network: expected ASCII strings."
            )  # numpy cannot even print a bad code point
        self._check_values()

    def _check_values(self) -> None:
        n_seeds, n, epochs = self.val_correct.shape
        trained = self.trained
        diverged_at = np.where(self.diverged_epoch > 0, self.diverged_epoch, epochs + 1)[..., None]
        before = trained[..., None] & (np.arange(1, epochs + 1) < diverged_at)
        rules = {
            "at least one network, one seed and one epoch": min(n_seeds, n, epochs) > 0,
            "every network once": len(set(self.network.tolist())) == n,
            f"meta.training_seeds: {n_seeds} different ones": len(set(self.meta.training_seeds)) == n_seeds
            and len(self.meta.training_seeds) == n_seeds,
            "meta.n_val, n_test > 0": min(self.meta.n_val, self.meta.n_test) > 0,
            f"val_correct at most meta.n_val = {self.meta.n_val}": (
                self.val_correct <= self.meta.n_val
            ).all(),
            f"test_correct at most meta.n_test = {self.meta.n_test}": (
                self.test_correct <= self.meta.n_test
            ).all(),
            f"diverged_epoch from 0 to {epochs}": (
                (self.diverged_epoch >= 0) & (self.diverged_epoch <= epochs)
            ).all(),
            "finite losses before the epoch of divergence": (
                np.isfinite(self.val_loss[before]).all() and np.isfinite(self.train_loss[before]).all()
            ),
            "seconds finite and not negative": all(
                (np.isfinite(seconds) & (seconds >= 0)).all()
                for seconds in (self.train_epoch_s, self.eval_epoch_s)
            ),
        }
        broken = [rule for rule, holds in rules.items() if not holds]
        if broken:
            raise DataFileError(f"expected of a curve table, but not so: {'; '.join(broken)}.")

    @property
    def n_seeds(self) -> int:
        return len(self.trained)

    @property
    def n_networks(self) -> int:
        return len(self.network)

    @property
    def max_epochs(self) -> int:
        return int(self.val_correct.shape[2])

    def data_sha256(self) -> str:
        """SHA-256 over names, types, shapes and contents of all arrays; the meta is left out."""
        return digest({name: getattr(self, name) for name in _ARRAYS})

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write the table as an .npz file, whole or not at all."""
        meta = {"format": FORMAT, "format_version": FORMAT_VERSION, **asdict(self.meta)}
        write_arrays(path, {name: getattr(self, name) for name in _ARRAYS}, meta)

    @classmethod
    def read(cls, path: str | os.PathLike[str], *, remedy: str = DEFAULT_REMEDY) -> CurveTable:
        """Read a table. Raises DataFileError, ending with `remedy`, for any file that is not a sound one."""
        arrays, document = read_arrays(path, kind=FORMAT, format_version=FORMAT_VERSION, remedy=remedy)
        try:
            return cls(**_named(arrays), meta=_meta(document))
        except (DataFileError, ValueError, TypeError) as error:  # ValueError: a string that is no Unicode
            raise DataFileError(f"{os.fspath(path)}: {error} {remedy}") from error


_ARRAYS = tuple(f.name for f in fields(CurveTable) if f.name != "meta")


def _named(arrays: Arrays) -> Arrays:
    if set(arrays) != set(_ARRAYS):
        raise DataFileError(f"expected the arrays {', '.join(_ARRAYS)}; got {', '.join(arrays) or 'none'}.")
    return arrays


_TYPES: dict[str, tuple[type, ...]] = {
    "tuple[int, ...]": (list,),
    "dict[str, Any]": (dict,),
    "int": (int,),
    "str": (str,),
    "DataKind": (str,),
}
_KINDS: tuple[Literal["real", "surrogate", "synthetic"], ...] = ("real", "surrogate", "synthetic")


def _meta(document: dict[str, Any]) -> TableMeta:
    values: dict[str, Any] = {}
    for item in fields(TableMeta):
        value = document.get(item.name)
        if not isinstance(value, _TYPES[str(item.type)]) or isinstance(value, bool):
            raise DataFileError(f"meta: expected {item.name} of type {item.type}, got {value!r:.80}.")
        values[item.name] = value
    seeds = values["training_seeds"]
    if not all(type(seed) is int and seed >= 0 for seed in seeds):
        raise DataFileError(f"meta: expected training_seeds as whole numbers >= 0, got {seeds!r:.80}.")
    if values["kind"] not in _KINDS:
        raise DataFileError(f"meta: expected kind as one of {', '.join(_KINDS)}, got {values['kind']!r:.80}.")
    return TableMeta(**{**values, "training_seeds": tuple(seeds)})
