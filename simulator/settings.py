"""The settings of a simulated run, checked."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from nascurve import options
from nascurve.errors import ConfigError, DataFileError
from nascurve.simulator.types import BenchmarkInfo, Optimizer, State


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What `simulate` may be told; see there. Numbers are normalised to int and float.

    Raises ConfigError for a value out of its range, and when no limit at all is given.
    """

    budget_s: float | None = None
    budget_epochs: int | None = None
    max_evaluations: int | None = None
    seed: int = 0
    workers: int = 1
    resume: bool = True
    charge_decisions: bool = False
    common_noise: bool = True

    def __post_init__(self) -> None:
        put = object.__setattr__
        if self.budget_s is not None:
            hint = "To limit a run by something else, give budget_epochs or max_evaluations."
            put(self, "budget_s", options.real("budget_s", self.budget_s, above=0, hint=hint))
        for name, lowest in (("budget_epochs", 1), ("max_evaluations", 1), ("seed", 0), ("workers", 1)):
            value = getattr(self, name)
            if value is not None or name in ("seed", "workers"):
                put(self, name, options.integer(name, value, at_least=lowest))
        for name in ("resume", "charge_decisions", "common_noise"):
            options.flag(name, getattr(self, name))
        if self.budget_s is None and self.budget_epochs is None and self.max_evaluations is None:
            raise ConfigError(
                "No budget: the run would never end. Give budget_s (simulated seconds), budget_epochs or "
                "max_evaluations; with several, the first that is reached ends the run."
            )

    def limits(self) -> tuple[float, float, float]:
        """budget_s, budget_epochs and max_evaluations, infinite where not given."""
        budget_s, budget_epochs, max_evaluations = (
            math.inf if limit is None else limit
            for limit in (self.budget_s, self.budget_epochs, self.max_evaluations)
        )
        return budget_s, budget_epochs, max_evaluations


def run_config(settings: Settings, optimizer: Optimizer, info: BenchmarkInfo) -> dict[str, Any]:
    """What a run is told apart by, JSON-able: its settings, the optimizer's class and the benchmark."""
    kind = type(optimizer)
    return asdict(settings) | {
        "optimizer": f"{kind.__module__}.{kind.__qualname__}",
        "benchmark": info.name,
        "benchmark_version": info.version,
        "data_sha256": info.details.get("data_sha256"),
        "space": info.space,
        "max_epochs": info.max_epochs,
        "n_seeds": info.n_seeds,
    }


def saved_config(state: State) -> dict[str, Any]:
    """What `run_config` was of the run that was saved. Raises DataFileError for what is no state of a run.

    States that were saved before there was `common_noise` do not name it: they drew by number, and go on so.
    """
    config = state.get("config")
    if isinstance(config, dict):
        config = {"common_noise": False} | config
        if Settings.__dataclass_fields__.keys() <= config.keys():
            return config
    raise DataFileError("The state has no settings. Start the run anew.")


def refuse_other_config(*, saved: dict[str, Any], now: dict[str, Any]) -> None:
    """Raise ConfigError, with the differences, unless both are the same."""
    differences = [
        f"{name}: saved {saved.get(name)!r}, now {now.get(name)!r}"
        for name in sorted(saved.keys() | now.keys())
        if saved.get(name) != now.get(name)
    ]
    if differences:
        raise ConfigError(
            f"Expected the settings that the state was saved with, got others: {'; '.join(differences)}. "
            "Take the saved settings (Simulation.load does), or start the run anew."
        )
