"""The settings of an evaluation, checked."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nascurve import options
from nascurve.errors import ConfigError
from nascurve.lce._epochs import checked_setting, resolve

RUNS = ("one", "all")
TEST_ON = ("all", "reporting", "development")
SCORES_VERSION = 1
"""Raise it when splits or scores mean something else, so that kept results are not mixed with new ones."""
MIN_TEST = 10
"""Architectures that a test set must have at least, for the best 10 % to be one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationSettings:
    """What decides about the splits and what is predicted in each; the extrapolators and the number of splits
    do not count, so that more of either can be added to what is there.

    at_epoch: the epoch that is predicted. prefixes: epochs seen, ascending. fit_curves: numbers of fitted
        curves, ascending. max_test: architectures of a test set at most. runs: "one" run of each tested
        architecture, drawn, or "all" of its runs. test_on: "all" architectures, or those of the "reporting"
        or the "development" half alone (`halves`); fitted ones come from both, whatever it is.
        min_final_acc: runs that end below it are in neither the fitted nor the tested ones; None: all count.
        seed: of the splits.
    """

    at_epoch: int
    prefixes: tuple[int, ...]
    fit_curves: tuple[int, ...]
    max_test: int
    runs: str
    test_on: str
    min_final_acc: float | None
    seed: int

    @classmethod
    def read(
        cls,
        *,
        max_epochs: int,
        fidelities: tuple[int, ...] | None = None,
        at_epoch: Any = None,
        prefixes: Any = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75),
        fit_curves: Any = (0, 20, 100),
        max_test: Any = 1000,
        runs: Any = "one",
        test_on: Any = "all",
        min_final_acc: Any = None,
        seed: Any = 0,
    ) -> EvaluationSettings:
        """Check them for curves of `max_epochs` epochs, measured at `fidelities` (None: at all). `at_epoch`
        may be given as a fraction of `max_epochs` in (0, 1), prefixes as fractions of the predicted epoch;
        fractions that mean the same epoch count once. Raises ConfigError."""
        last = max_epochs if at_epoch is None else _epoch("at_epoch", at_epoch, max_epochs, fidelities)
        if last > max_epochs:
            raise ConfigError(f"at_epoch: expected at most the last epoch, {max_epochs}, got {last}.")
        seen = sorted({_epoch("prefixes", value, last, fidelities) for value in _list("prefixes", prefixes)})
        if seen[-1] >= last:
            raise ConfigError(
                f"prefixes: expected epochs before {last}, the one that is predicted, got {seen[-1]}."
            )
        fitted = {
            options.integer("fit_curves", number, at_least=0) for number in _list("fit_curves", fit_curves)
        }
        return cls(
            at_epoch=last,
            prefixes=tuple(seen),
            fit_curves=tuple(sorted(fitted)),
            max_test=options.integer("max_test", max_test, at_least=MIN_TEST),
            runs=options.choice("runs", runs, RUNS),
            test_on=options.choice("test_on", test_on, TEST_ON),
            min_final_acc=None
            if min_final_acc is None
            else options.real("min_final_acc", min_final_acc, at_least=0, at_most=1),
            seed=options.integer("seed", seed, at_least=0),
        )

    @classmethod
    def defaults(cls) -> dict[str, Any]:
        """What `read` takes where nothing is given: option -> value."""
        parameters = inspect.signature(cls.read).parameters.values()
        return {one.name: one.default for one in parameters if one.name not in ("max_epochs", "fidelities")}

    def describe(self) -> dict[str, Any]:
        """Plain values, with the version of the scores."""
        return {
            "scores": SCORES_VERSION,
            "at_epoch": self.at_epoch,
            "prefixes": list(self.prefixes),
            "fit_curves": list(self.fit_curves),
            "max_test": self.max_test,
            "runs": self.runs,
            "test_on": self.test_on,
            "min_final_acc": self.min_final_acc,
            "seed": self.seed,
        }


def _list(name: str, value: Any) -> list[Any]:
    items = list(value) if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    if not items:
        raise ConfigError(f"{name}: expected at least one, got an empty list.")
    return items


def _epoch(name: str, value: Any, max_epochs: int, fidelities: tuple[int, ...] | None) -> int:
    setting = checked_setting(value, name)
    if isinstance(setting, float) and not [e for e in fidelities or (1,) if e < max_epochs]:
        raise ConfigError(
            f"{name}: expected curves with an epoch before the last, {max_epochs}; none was measured."
        )
    epoch = resolve(setting, max_epochs, fidelities)
    if fidelities is not None and epoch not in fidelities:
        raise ConfigError(f"{name}: expected epochs that were measured, {list(fidelities)}, got {epoch}.")
    return epoch
