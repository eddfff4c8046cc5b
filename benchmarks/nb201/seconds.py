"""What an epoch of a NAS-Bench-201 training costs in simulated seconds."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nascurve.benchmarks.array_file import Arrays
from nascurve.errors import CapabilityError
from nascurve.simulator.types import FloatArray

CHARGES = ("auto", "train+valid", "train", "official", "epochs")


class Seconds:
    """Seconds per epoch of trainings, under one of `CHARGES`; see `OfficialCurves` for what they mean.

    said: what is charged, in words. is_default: whether "auto" charges the same. Raises CapabilityError where
    the files lack the times that the charge needs.
    """

    def __init__(self, arrays: Arrays, *, val_set: str, charge: str, name: str, source: str) -> None:
        passes = {"train+valid": val_set, "official": "x-valid"}
        auto = "train+valid" if _complete(arrays, f"{val_set} s") else "train"
        if charge == "auto":
            charge = auto
        needed = {
            "train_s": charge != "epochs",
            f"{passes.get(charge)} s": charge in passes,
        }
        for table, is_needed in needed.items():
            if is_needed and not _complete(arrays, table):
                what = "training times" if table == "train_s" else "evaluation times"
                raise CapabilityError(
                    f"{name}: {source} lacks {what} of some trainings, which charge={charge!r} needs. Give "
                    f"charge='{'epochs' if table == 'train_s' else 'train'}', or another official file."
                )
        self._arrays = arrays
        self.is_default = charge == auto
        self._charge = charge
        self._passes = passes.get(charge)
        self.said = {
            "epochs": "1 s for each epoch: simulated seconds count epochs",
            "train": "training of each epoch, without evaluation",
            "train+valid": f"training of each epoch and one pass over {val_set}",
            "official": "training of each epoch, and one pass over x-valid in the first: sums to any epoch "
            "are the costs of the authors' simulate_train_eval",
        }[charge]

    def of(self, runs: NDArray[Any], epochs: int) -> FloatArray:
        """Seconds of shape (runs, epochs)."""
        if self._charge == "epochs":
            return np.ones((len(runs), epochs))
        seconds = np.empty((len(runs), epochs))
        seconds[:] = self._arrays["train_s"][runs]
        if self._passes is not None:
            evaluation = self._arrays[f"{self._passes} s"][runs]
            if self._charge == "official":
                seconds[:, 0] += evaluation[:, -1]
            else:
                seconds += evaluation
        return seconds


def _complete(arrays: Arrays, name: str) -> bool:
    return name in arrays and not np.isnan(arrays[name]).any()
