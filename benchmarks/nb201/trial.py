"""One training of NAS-Bench-201 as the official files state it, checked and turned into arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from nascurve.simulator.types import FloatArray

SETS = {
    "cifar10-valid": {"x-valid": 25_000, "ori-test": 10_000},
    "cifar10": {"ori-test": 10_000},
    "cifar100": {"x-valid": 5_000, "x-test": 5_000, "ori-test": 10_000},
    "ImageNet16-120": {"x-valid": 3_000, "x-test": 3_000, "ori-test": 6_000},
}
"""Images in each set that a training is evaluated on, by the official name of the data set."""

_NUMBERS = frozenset((float, int, np.float64, np.float32))
_MAX_TRIALS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """Arrays of shape (epochs,), NaN where the files have nothing; of sets by name, those with accuracies.

    accs: percent. losses: cross-entropy. train_s: seconds of training; eval_s: of one pass over the set.
    """

    seed: int
    train_losses: FloatArray
    train_s: FloatArray
    accs: dict[str, FloatArray]
    losses: dict[str, FloatArray]
    eval_s: dict[str, FloatArray]


def read_trials(state: Any, dataset: str, epochs: int) -> list[Trial]:
    """The trainings on a data set in an official `ArchResults` state, by ascending seed.

    Raises ValueError, TypeError or KeyError for a state that is not as published.
    """
    results = state["all_results"]
    if not isinstance(results, dict) or len(results) > _MAX_TRIALS:
        raise ValueError("all_results that is no dictionary of trainings")
    found = {}
    for key, trial in results.items():
        name, seed = key
        if name == dataset:
            if type(seed) is not int or not 0 <= seed < 2**31:
                raise ValueError(f"the training seed {seed!r:.40}")
            found[seed] = read_trial(trial, dataset, seed, epochs)
    return [found[seed] for seed in sorted(found)]


def read_trial(trial: Any, dataset: str, seed: int, epochs: int) -> Trial:
    """An official `ResultsCount` state. Raises as `read_trials`."""
    if type(trial["epochs"]) is not int or trial["epochs"] != epochs:
        raise ValueError(f"a training of {trial['epochs']!r:.40} epochs where {epochs} belong")
    accs, losses, eval_s = {}, {}, {}
    for name in SETS[dataset]:
        keys = [f"{name}@{epoch}" for epoch in range(epochs)]
        acc = column(trial["eval_acc1es"], keys)
        if np.isnan(acc).all():
            continue
        accs[name] = checked_percent(acc)
        losses[name] = column(trial["eval_losses"], keys)
        # times stand there for sets and epochs without accuracies too, and are missing in old files
        eval_s[name] = checked_seconds(column(trial["eval_times"], keys))
    return Trial(
        seed=seed,
        train_losses=column(trial["train_losses"], range(epochs)),
        train_s=checked_seconds(column(trial["train_times"], range(epochs))),
        accs=accs,
        losses=losses,
        eval_s=eval_s,
    )


def column(values: Any, keys: Any) -> FloatArray:
    """The values of a dictionary (or None) under the keys, NaN where there is none."""
    if values is None:
        values = {}
    if not isinstance(values, Mapping):
        raise TypeError(f"a {type(values).__name__} where a dictionary belongs")
    return numbers([values.get(key, np.nan) for key in keys])


def numbers(values: list[Any]) -> FloatArray:
    """A list of numbers as an array. Raises TypeError for anything else in it."""
    if not _NUMBERS.issuperset(map(type, values)):
        raise TypeError("values that are no numbers")
    return np.array(values, dtype=np.float64)


def checked_percent(acc: FloatArray) -> FloatArray:
    """The same array. Raises ValueError for what is no percentage."""
    known = acc[~np.isnan(acc)]
    if ((known < 0) | (known > 100 + 1e-6)).any():
        raise ValueError("an accuracy beyond 0 to 100 %")
    return acc


def checked_seconds(seconds: FloatArray) -> FloatArray:
    """The same array. Raises ValueError for negative and infinite times."""
    known = seconds[~np.isnan(seconds)]
    if ((known < 0) | np.isinf(known)).any():
        raise ValueError("a negative or infinite time")
    return seconds
