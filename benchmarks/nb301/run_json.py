"""One run file of NAS-Bench-301, `results_<i>.json`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from nascurve.benchmarks.files.source import guarded
from nascurve.benchmarks.nb301.genotype import CONFIG_PREFIX, DartsGenotype, from_config
from nascurve.errors import ArchitectureError
from nascurve.simulator.types import FloatArray

SETTINGS: Mapping[str, float] = {
    f"{CONFIG_PREFIX}layers": 8,
    f"{CONFIG_PREFIX}init_channels": 32,
    "SimpleLearningrateSchedulerSelector:cosine_annealing:T_max": 100,
    "OptimizerSelector:sgd:learning_rate": 0.025,
    "OptimizerSelector:sgd:weight_decay": 0.0003,
}
"""Training settings of the benchmark. The official folders also hold runs with others: of the fidelity and
hyper-parameter studies, which are no answers about this benchmark."""

CURVES = {
    "Train/val_accuracy": ("val_acc", 100.0),
    "Train/test_result": ("test_acc", 100.0),
    "Train/val_cross_entropy": ("val_loss", 1.0),
    "Train/loss": ("train_loss", 1.0),
}
"""Lists of `learning_curves` that are read: our name, and what to divide by. The first is known from public
code; the others are the names of the same framework's other releases, taken where they are there."""

_AGREE = 5e-4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Run:
    """One training. epochs: trained. runtime_s: of the whole run. test_acc: at the end, None where unknown.
    curves: by metric, accuracies in [0, 1], (epochs,); empty for a run without. final_val_acc: of the
        file."""

    arch: DartsGenotype
    method: str
    epochs: int
    runtime_s: float
    test_acc: float | None
    curves: Mapping[str, FloatArray]
    final_val_acc: float = math.nan

    def checked(self) -> Run:
        """Itself. Raises ValueError for numbers that cannot be."""
        if not 1 <= self.epochs <= 10**6:
            raise ValueError(f"{self.epochs} epochs")
        if not (math.isfinite(self.runtime_s) and self.runtime_s >= 0):
            raise ValueError(f"a runtime of {self.runtime_s} s")
        accuracies = [curve for name, curve in self.curves.items() if name.endswith("_acc")]
        accuracies.append(
            np.array([self.final_val_acc, math.nan if self.test_acc is None else self.test_acc])
        )
        for values in accuracies:
            known = values[~np.isnan(values)]
            if ((known < 0) | (known > 1 + 1e-9)).any():
                raise ValueError("an accuracy outside 0 to 100 %")
        return self

    @property
    def identity(self) -> tuple[Any, ...]:
        """Equal for copies of one run: two trainings do not take the same time and end alike."""
        curve = self.curves.get("val_acc")
        numbers = b"" if curve is None else curve.tobytes()
        return self.arch, self.runtime_s, repr(self.test_acc), repr(self.final_val_acc), numbers


def read_run(document: Any, *, method: str, path: str, remedy: str) -> Run | None:
    """The run of a parsed file; None when its training settings are not the benchmark's.

    Raises DataFileError for a document that is no such run, and for one with `learning_curves` but without
    "Train/val_accuracy" (the message lists the names there).
    """
    with guarded(path, "a NAS-Bench-301 run", remedy):
        if not isinstance(document, dict):
            raise ValueError(f"a {type(document).__name__}")
        config = _field(document, "optimized_hyperparamater_config", dict)  # sic
        if any(config.get(name) != value for name, value in SETTINGS.items()):
            return None
        try:
            arch = from_config(config)
        except ArchitectureError as error:
            raise ValueError(str(error)) from error
        infos = _field(document, "info", list)
        info = infos[0] if infos and isinstance(infos[0], dict) else {}
        test_acc = _number(document.get("test_accuracy"), "test_accuracy")
        curves = _curves(document.get("learning_curves"), test_acc / 100)
        val_acc = curves.get("val_acc")
        epochs = _number(info.get("epochs"), "epochs") if val_acc is None else float(len(val_acc))
        if not epochs.is_integer():
            raise ValueError(f"{epochs} epochs")
        return Run(
            arch=arch,
            method=method,
            epochs=int(epochs),
            runtime_s=_number(document.get("runtime"), "runtime"),
            test_acc=None if math.isnan(test_acc) else test_acc / 100,
            final_val_acc=_number(info.get("val_accuracy"), "val_accuracy") / 100,
            curves=curves,
        ).checked()


def _curves(lists: Any, test_acc: float) -> dict[str, FloatArray]:
    if lists is None:
        return {}
    first = next(iter(CURVES))
    if not isinstance(lists, dict) or not isinstance(lists.get(first), list):
        names = sorted(map(str, lists)) if isinstance(lists, dict) else type(lists).__name__
        raise ValueError(f"learning_curves without {first!r}: {names}")
    length = len(lists[first])
    curves: dict[str, FloatArray] = {}
    for theirs, (name, scale) in CURVES.items():
        values = lists.get(theirs)
        if isinstance(values, list) and len(values) == length:
            curves[name] = np.array([_number(value, theirs) for value in values]) / scale
    if not length:
        raise ValueError(f"learning_curves whose {first!r} is empty")
    # a test curve is believed where it ends in the run's test accuracy
    if "test_acc" in curves and not abs(curves["test_acc"][-1] - test_acc) <= _AGREE:
        del curves["test_acc"]
    bad = np.isnan(curves["val_acc"])
    curves["val_acc"][np.maximum.accumulate(bad)] = np.nan  # diverged: nothing after it counts
    return curves


def _field(document: Mapping[str, Any], name: str, kind: type) -> Any:
    value = document.get(name)
    if not isinstance(value, kind):
        raise ValueError(f"{name} is missing, or no {kind.__name__}")
    return value


def _number(value: Any, name: str) -> float:
    """A number; None, as some writers put for NaN, is NaN."""
    if value is None:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{name} is {value!r:.50} instead of a number")
    return float(value)
