"""A method of a comparison: an optimizer with its options, with or without learning-curve extrapolation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nascurve import registry
from nascurve.errors import ConfigError, UnknownIdError, did_you_mean
from nascurve.experiments.method_entries import (
    describe_entry,
    is_factory_pair,
    listed,
    read_description,
    read_entry,
    read_pair,
    refuse_twice,
    refuse_unused,
)
from nascurve.experiments.options import OptionSchema, mapping
from nascurve.experiments.presets import preset_names, read_preset

if TYPE_CHECKING:
    from nascurve.simulator.types import Extrapolator, Optimizer, SearchSpace

NO_LCE = "none"
"""In place of an extrapolator's id: the optimizer as it is."""
OptimizerFactory = Callable[..., "Optimizer"]
"""`factory(space, rng=generator)`, as the optimizers' constructors."""
LCEFactory = Callable[["Optimizer"], "Optimizer"]
"""`factory(base)`, gives the wrapped optimizer."""
Watch = Callable[["Extrapolator"], "Extrapolator"]
MAIN_OPTIMIZERS = ("rs", "re", "ls", "bananas")
MAIN_LCE = (NO_LCE, "last_value")
"""What is compared where nothing else is said: each of the one with each of the other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimizerSpec:
    """How to build an optimizer. `factory` takes the place of id and options when it comes from Python."""

    label: str
    id: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    factory: OptimizerFactory | None = None

    @classmethod
    def read(cls, entry: Any, options: Mapping[str, Any]) -> OptimizerSpec:
        """From an id, a mapping {id, label, option: value, …} or a pair (label, factory).

        options: option values by optimizer id, for all that carry the id. Raises UnknownIdError, ConfigError.
        """
        if is_factory_pair(entry):
            return cls(label=str(entry[0]), factory=entry[1])
        id_, label, own = read_entry("optimizers", entry)
        given = mapping(f"optimizer_options.{id_}", options.get(id_)) | own
        resolved = OptionSchema.of("optimizers", id_).resolve(given)
        return cls(label=label, id=id_, options=resolved)

    @classmethod
    def from_description(cls, description: Mapping[str, Any]) -> OptimizerSpec:
        """What `describe` gave. Raises ConfigError, UnknownIdError."""
        label, id_, options = read_description("optimizer", description)
        return cls(label=label, id=id_, options=OptionSchema.of("optimizers", id_).resolve(options))

    def build(self, space: SearchSpace, seed: int) -> Optimizer:
        """A fresh optimizer whose generator is `numpy.random.default_rng(seed)`."""
        if self.factory is None:
            return registry.create_optimizer(self.id, space, seed=seed, **self.options)
        import numpy as np

        return self.factory(space, rng=np.random.default_rng(seed))

    def describe(self) -> dict[str, Any]:
        return describe_entry(self.label, self.id, self.factory, dict(self.options))


@dataclass(frozen=True, slots=True, kw_only=True)
class LCESpec:
    """How to wrap an optimizer; the id `none` leaves it as it is.

    options: of the wrapper (e_few, k, top_n, …).  extrapolator: options of the extrapolator.
    """

    label: str
    id: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    extrapolator: Mapping[str, Any] = field(default_factory=dict)
    factory: LCEFactory | None = None

    @classmethod
    def read(cls, entry: Any, options: Mapping[str, Any], extrapolator_options: Mapping[str, Any]) -> LCESpec:
        """From an id, a mapping {id, label, e_few, …, extrapolator: {…}} or a pair (label, factory).

        An id is that of an extrapolator or of a preset (`presets`), whose settings stand below those of the
        mapping.
        options: of the wrapper, for every entry that does not set them; a preset does.
        extrapolator_options: by extrapolator id.  Raises UnknownIdError, ConfigError.
        """
        if is_factory_pair(entry):
            return cls(label=str(entry[0]), factory=entry[1])
        if entry is None or entry == NO_LCE:
            return cls(label=NO_LCE, id=NO_LCE)
        id_, label, own = read_entry("lce", entry)
        if id_ in preset_names():
            id_, _, settings = read_entry("lce", read_preset(id_))
            own = settings | own
        where = f"extrapolator_options.{id_}"
        inner = mapping(where, extrapolator_options.get(id_)) | mapping(
            "extrapolator", own.pop("extrapolator", None)
        )
        valid = {NO_LCE, *registry.ids("extrapolators"), *registry.ids("extrapolators", versions=True)}
        if id_ not in valid:
            valid |= set(preset_names())
            raise UnknownIdError(
                f"lce: no extrapolator or preset is called {id_!r}. {did_you_mean(id_, valid)}"
            )
        return cls(
            label=label,
            id=id_,
            options=OptionSchema.of_lce().resolve(dict(options) | own),
            extrapolator=OptionSchema.of("extrapolators", id_).resolve(inner),
        )

    @classmethod
    def from_description(cls, description: Mapping[str, Any]) -> LCESpec:
        """What `describe` gave. Raises ConfigError, UnknownIdError."""
        label, id_, options = read_description("lce", description)
        if id_ == NO_LCE:
            return cls(label=label, id=id_)
        inner = mapping("extrapolator", options.pop("extrapolator", None))
        return cls(
            label=label,
            id=id_,
            options=OptionSchema.of_lce().resolve(options),
            extrapolator=OptionSchema.of("extrapolators", id_).resolve(inner),
        )

    @property
    def is_none(self) -> bool:
        return self.id == NO_LCE

    def wrap(self, base: Optimizer, seed: int, *, watch: Watch | None = None) -> Optimizer:
        """The base inside LCE; `seed` is the wrapper's where its options set none.

        watch: gives what takes the place of the extrapolator and passes all on to it, for a report on what it
        predicted.
        """
        if self.factory is not None:
            return self.factory(base)
        if self.is_none:
            return base
        from nascurve.lce.wrapper import LCE

        options = {**self.options}
        if options.get("seed") is None:
            options["seed"] = seed
        extrapolator = registry.create_extrapolator(self.id, **self.extrapolator)
        return LCE(base, extrapolator if watch is None else watch(extrapolator), **options)

    def describe(self) -> dict[str, Any]:
        options = dict(self.options)
        if self.extrapolator:
            options["extrapolator"] = dict(self.extrapolator)
        return describe_entry(self.label, self.id, self.factory, options)


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """An optimizer with (or without) LCE; one row of the summary."""

    optimizer: OptimizerSpec
    lce: LCESpec

    @classmethod
    def from_description(cls, description: Mapping[str, Any]) -> Method:
        """The method that `describe` wrote, as an entry of `experiment: methods` in config.yaml.

        Raises ConfigError for one that came from a Python function (`factory`), which a file cannot hold, and
        for options that this version does not have; UnknownIdError for a plug-in that is not installed.
        """
        if not isinstance(description, Mapping) or not {"optimizer", "lce"} <= set(description):
            raise ConfigError(
                "config.yaml: expected a method such as {optimizer: {label: re, id: re, …}, "
                f"lce: {{label: none, id: none}}}}, got {description!r:.200}."
            )
        return cls(
            optimizer=OptimizerSpec.from_description(description["optimizer"]),
            lce=LCESpec.from_description(description["lce"]),
        )

    @property
    def key(self) -> tuple[str, str]:
        """The labels: what the columns `optimizer` and `lce` hold."""
        return self.optimizer.label, self.lce.label

    @property
    def name(self) -> str:
        return method_name(self.key)

    @property
    def from_ids(self) -> bool:
        """Whether ids and options say it all, so that another process can build it."""
        return self.optimizer.factory is None and self.lce.factory is None

    def build(self, space: SearchSpace, seed: int, *, watch: Watch | None = None) -> Optimizer:
        return self.lce.wrap(self.optimizer.build(space, seed), seed, watch=watch)

    def describe(self) -> dict[str, Any]:
        return {"optimizer": self.optimizer.describe(), "lce": self.lce.describe()}


def method_name(key: tuple[str, str]) -> str:
    """Of labels: "re" without LCE, "re+last_value" with it."""
    optimizer, lce = key
    return optimizer if lce == NO_LCE else f"{optimizer}+{lce}"


def read_methods(
    optimizers: Any = None,
    lce: Any = None,
    *,
    methods: Any = None,
    optimizer_options: Any = None,
    lce_options: Any = None,
    extrapolator_options: Any = None,
) -> tuple[Method, ...]:
    """All pairs of optimizers and LCE entries, in the order given; or those that `methods` lists.

    optimizers, lce: entries as in OptimizerSpec.read and LCESpec.read; None: those of the main job.
    methods: a list of {optimizer: entry, lce: entry}, the latter `none` where it is left out. Then
        `optimizers` and `lce` may name, by label, which of them are wanted; None: all.
    *_options: by id, for every entry that does not set them itself.
    Raises UnknownIdError, ConfigError.
    """
    by_optimizer = mapping("optimizer_options", optimizer_options)
    by_extrapolator = mapping("extrapolator_options", extrapolator_options)
    wrapper = mapping("lce_options", lce_options)
    OptionSchema.of_lce().resolve(wrapper)  # also when no entry uses them

    def read_optimizer(entry: Any) -> OptimizerSpec:
        return OptimizerSpec.read(entry, by_optimizer)

    def read_lce(entry: Any) -> LCESpec:
        return LCESpec.read(entry, wrapper, by_extrapolator)

    if methods is None:
        entries = listed("optimizers", MAIN_OPTIMIZERS if optimizers is None else optimizers)
        specs = list(map(read_optimizer, entries))
        lces = list(map(read_lce, listed("lce", MAIN_LCE if lce is None else lce)))
        refuse_twice("optimizers", [spec.label for spec in specs])
        refuse_twice("lce", [spec.label for spec in lces])
        read = [Method(optimizer=spec, lce=wrap) for spec in specs for wrap in lces]
    else:
        pairs = [read_pair(entry) for entry in listed("methods", methods)]
        read = [Method(optimizer=read_optimizer(one), lce=read_lce(other)) for one, other in pairs]
        _refuse_ambiguous(read)
    refuse_unused("optimizer_options", by_optimizer, [method.optimizer.id for method in read])
    refuse_unused("extrapolator_options", by_extrapolator, [method.lce.id for method in read])
    if methods is not None:
        read = _pick(read, optimizers, lce)
    return tuple(read)


def _refuse_ambiguous(methods: Sequence[Method]) -> None:
    """A pair of labels must name one method, and an optimizer's label one optimizer: rows with LCE are
    compared with the row of the same optimizer without."""
    optimizers: dict[str, OptimizerSpec] = {}
    keys: set[tuple[str, str]] = set()
    for method in methods:
        label = method.optimizer.label
        if optimizers.setdefault(label, method.optimizer) != method.optimizer:
            raise ConfigError(
                f"methods: the optimizer {label!r} stands there with different options. Give each a label of "
                "its own: {optimizer: {id: …, label: …}, lce: …}."
            )
        if method.key in keys:
            raise ConfigError(
                f"methods: {method.name!r} stands there more than once. Give its LCE entries labels of their "
                "own: {optimizer: …, lce: {id: …, label: …}}."
            )
        keys.add(method.key)


def _pick(methods: list[Method], optimizers: Any, lce: Any) -> list[Method]:
    """Those of `methods` whose labels are named."""
    picked = methods
    for name, wanted, side in (("optimizers", optimizers, 0), ("lce", lce, 1)):
        if wanted is None:
            continue
        labels = {method.key[side] for method in methods}
        for label in (named := listed(name, wanted)):
            if not isinstance(label, str) or label not in labels:
                raise ConfigError(
                    f"{name}: beside methods= it can only name, by label, which of them are wanted; "
                    f"{label!r:.200} is none. {did_you_mean(str(label), labels)} For all pairs of other "
                    "optimizers and lce: methods=null."
                )
        picked = [method for method in picked if method.key[side] in named]
    if not picked:
        raise ConfigError(f"methods: none of those listed has optimizers={optimizers} with lce={lce}.")
    return picked
