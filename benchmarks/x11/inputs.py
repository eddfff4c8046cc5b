"""What two of the surrogates take besides the architecture: measured values of its first trainings."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nascurve.benchmarks.held_space import HeldSpace
from nascurve.errors import CapabilityError, ConfigError
from nascurve.simulator.types import Architecture, FloatArray, SearchSpace

_BUDGETS = (4, 12, 36, 108)
_N_FIRST = 3


class MainAccuracies:
    """Mean final validation accuracies at 4, 12, 36 and 108 epochs in the table of NAS-Bench-101, and its
    times.

    nb101_dir, cache_dir: as in `NB101`. Raises CapabilityError without nb101_dir, or for a table without one
    of the budgets.
    """

    def __init__(self, nb101_dir: Path | None, cache_dir: Path | None) -> None:
        from nascurve.benchmarks.nb101.benchmark import NB101

        if nb101_dir is None:
            raise CapabilityError(
                "nb111 predicts from accuracies of NAS-Bench-101 at 4, 12, 36 and 108 epochs; give "
                "nb101_dir=, the folder of nasbench_full.tfrecord."
            )
        self._table = NB101(data_dir=nb101_dir, cache_dir=cache_dir)
        info = self._table.info
        missing = sorted(set(_BUDGETS) - set(info.fidelities or range(1, info.max_epochs + 1)))
        if missing:
            raise CapabilityError(
                f"nb111 predicts from accuracies of NAS-Bench-101 at 4, 12, 36 and 108 epochs; "
                f"{nb101_dir} has none at {', '.join(map(str, missing))}. Give nb101_dir=, the folder of "
                "nasbench_full.tfrecord."
            )
        self._known: dict[Architecture, tuple[list[float], float]] = {}

    @property
    def space(self) -> SearchSpace:
        return self._table.space

    def accuracies(self, archs: Sequence[Architecture]) -> FloatArray:
        """Means over the repeats, fractions, (n, 4)."""
        return np.array([self._of(arch)[0] for arch in archs]).reshape(len(archs), len(_BUDGETS))

    def epoch_s(self, archs: Sequence[Architecture]) -> FloatArray:
        """Seconds of an epoch, mean over the repeats of 108 epochs, (n,)."""
        return np.array([self._of(arch)[1] for arch in archs])

    def _of(self, arch: Architecture) -> tuple[list[float], float]:
        if arch not in self._known:
            repeats = range(self._table.training_runs(arch))
            final = {
                epochs: [self._table.query(arch, seed=seed, epochs=epochs) for seed in repeats]
                for epochs in _BUDGETS
            }
            means = [float(np.mean([curve.val_acc[-1] for curve in final[epochs]])) for epochs in _BUDGETS]
            seconds = float(np.mean([curve.epoch_s.sum() for curve in final[_BUDGETS[-1]]]))
            self._known[arch] = means, seconds / _BUDGETS[-1]
        return self._known[arch]


def first_losses(
    nlp_logs: Path | None,
    first_epochs: Mapping[Any, Sequence[float]] | None,
    cache_dir: Path | None,
) -> tuple[SearchSpace, dict[Architecture, tuple[float, ...]]]:
    """The recurrent cells whose first three validation losses are known, as a space, and these losses.

    Cells that are too large for the surrogate, and those whose first epochs diverged, are left out. Raises
    CapabilityError unless exactly one source is given, or when no cell is left; ConfigError for other values
    than three finite losses.
    """
    from nascurve.benchmarks.nbnlp.space import RecurrentSpace

    if (nlp_logs is None) == (first_epochs is None):
        raise CapabilityError(
            "nbnlp11 predicts from the validation losses of a cell's first three epochs; give either "
            "nlp_logs=, the official logs, or first_epochs=, a mapping from cell to three losses."
        )
    space = RecurrentSpace()
    if nlp_logs is not None:
        losses = _logged(nlp_logs, cache_dir)
    else:
        losses = dict(_given(space, arch, values) for arch, values in (first_epochs or {}).items())
    known = {arch: values for arch, values in losses.items() if _fits(space, arch)}
    if not known:
        raise CapabilityError(
            f"nbnlp11: none of the {len(losses)} cells with first epochs can be given to the surrogate. Give "
            "the losses of others."
        )
    return HeldSpace(space, list(known), n_nearest=8), known


def _logged(nlp_logs: Path, cache_dir: Path | None) -> dict[Architecture, tuple[float, ...]]:
    from nascurve.benchmarks.nbnlp.benchmark import NBNLP

    table = NBNLP(data_dir=nlp_logs, cache_dir=cache_dir)
    data = table.info.details["data"]
    if data != "ptb":
        raise CapabilityError(
            f"{nlp_logs}: logs of trainings on {data}; nbnlp11 predicts for Penn Treebank (ptb) from first "
            "epochs on it. Give nlp_logs=, the logs of train_logs_single_run or train_logs_multi_runs."
        )
    archs = table.space.all()  # type: ignore[attr-defined]
    losses = {}
    for arch, curve in zip(archs, table.query_many(archs, [0] * len(archs)), strict=True):
        first = [] if curve.val_loss is None else curve.val_loss[:_N_FIRST].tolist()
        if len(first) == _N_FIRST and all(map(math.isfinite, first)):
            losses[arch] = tuple(first)
    return losses


def _given(space: SearchSpace, arch: Any, values: Sequence[float]) -> tuple[Architecture, tuple[float, ...]]:
    cell = space.parse(arch) if isinstance(arch, str) else arch
    if not space.contains(cell):
        raise ConfigError(
            f"first_epochs: expected recurrent cells or their strings as keys, got {arch!r:.200}."
        )
    try:
        first = tuple(float(value) for value in values)
    except (TypeError, ValueError) as error:
        raise _not_three(arch, values) from error
    if len(first) != _N_FIRST or not all(map(math.isfinite, first)):
        raise _not_three(arch, values)
    return cell, first


def _not_three(arch: Any, values: Any) -> ConfigError:
    return ConfigError(
        f"first_epochs: expected three finite validation losses, one an epoch, got {values!r:.80} for "
        f"{arch!s:.200}."
    )


def _fits(space: SearchSpace, arch: Architecture) -> bool:
    """Whether the surrogate's input has room for the cell."""
    try:
        space.encode([arch], "compact")
    except ConfigError:
        return False
    return True
