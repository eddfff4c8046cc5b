"""The settings that all studies of a surrogate share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nascurve import options
from nascurve.errors import ConfigError

if TYPE_CHECKING:
    from nascurve.benchmarks.surrogate.curve_data import CurveData
    from nascurve.benchmarks.surrogate.evaluation.key_split import KeySplit
    from nascurve.benchmarks.surrogate.surrogate import Surrogate

ALL, REPORTING, DEVELOPMENT = "all", "reporting", "development"


@dataclass(frozen=True, slots=True, kw_only=True)
class SurrogateSettings:
    """splits: number of random divisions. seed: of these and of the fits. test_share, max_test, max_train: as
    of `KeySplit.draw`. test_on: which half of the architectures may be tested. surrogate: settings of
    `Surrogate.fit`, all of them."""

    splits: int
    seed: int
    test_share: float
    max_test: int
    max_train: int | None
    test_on: str
    surrogate: Mapping[str, Any]

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> SurrogateSettings:
        """From a command line's options. Raises ConfigError."""
        from nascurve.benchmarks.surrogate.evaluation.key_split import MIN_TEST, MIN_TRAIN
        from nascurve.benchmarks.surrogate.mean.mean_curve import MeanCurve
        from nascurve.benchmarks.surrogate.noise.models import create_noise_model
        from nascurve.benchmarks.surrogate.surrogate import DEFAULTS, checked_settings

        surrogate = checked_settings({name: given[name] for name in DEFAULTS})
        MeanCurve(**{name: value for name, value in surrogate.items() if name != "noise"})  # its checks
        create_noise_model(surrogate["noise"])
        most = given["max_train"]
        return cls(
            splits=options.integer("splits", given["splits"], at_least=1),
            seed=options.integer("seed", given["seed"], at_least=0),
            test_share=options.real("test_share", given["test_share"], above=0, at_most=0.9),
            max_test=options.integer("max_test", given["max_test"], at_least=MIN_TEST),
            max_train=None if most is None else options.integer("max_train", most, at_least=MIN_TRAIN),
            test_on=options.choice("test_on", given["test_on"], (ALL, REPORTING, DEVELOPMENT)),
            surrogate=surrogate,
        )

    def describe(self) -> dict[str, Any]:
        """Plain values of what decides about a split's result; more splits may be added later."""
        from nascurve.experiments.options import to_plain

        return {
            "seed": self.seed,
            "test_share": self.test_share,
            "max_test": self.max_test,
            "max_train": self.max_train,
            "test_on": self.test_on,
            "surrogate": to_plain(self.surrogate),
        }

    def refuse_halves_and_early(self, study: str) -> None:
        """Raises ConfigError for settings that a study in which optimizers search has no use for."""
        if self.early_epochs:
            raise ConfigError(f"study={study} needs surrogates of architectures alone: early_epochs=0.")
        if self.test_on != ALL:
            raise ConfigError(f"study={study} takes all that optimizers visit: test_on=all.")

    @property
    def early_epochs(self) -> int:
        return int(self.surrogate["early_epochs"])

    def split(self, data: CurveData, number: int, reporting: frozenset[str] | None) -> KeySplit:
        """Division `number`. reporting: keys of the reporting half, needed unless all are tested. Raises
        ConfigError for too few architectures."""
        from nascurve.benchmarks.surrogate.evaluation.key_split import KeySplit

        testable = reporting
        if reporting is not None and self.test_on == DEVELOPMENT:
            testable = frozenset(data.keys) - reporting
        return KeySplit.draw(
            data,
            seed=self.seed,
            number=number,
            test_share=self.test_share,
            max_test=self.max_test,
            max_train=self.max_train,
            testable=testable,
        )

    def fit(self, data: CurveData, seed: int, **changed: Any) -> Surrogate:
        """A surrogate with these settings, or with some of them changed."""
        from nascurve.benchmarks.surrogate.surrogate import Surrogate

        return Surrogate.fit(data, {**self.surrogate, **changed}, seed)
