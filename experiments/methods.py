"""A method of a comparison: an optimizer with its options, with or without learning-curve extrapolation."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nascurve import registry
from nascurve.errors import ConfigError, UnknownIdError, did_you_mean
from nascurve.experiments.options import OptionSchema, mapping, to_plain
from nascurve.experiments.presets import preset_names, read_preset

if TYPE_CHECKING:
    from nascurve.simulator.types import Optimizer, SearchSpace

NO_LCE = "none"
"""In place of an extrapolator's id: the optimizer as it is."""
OptimizerFactory = Callable[..., "Optimizer"]
"""`factory(space, rng=generator)`, as the optimizers' constructors."""
LCEFactory = Callable[["Optimizer"], "Optimizer"]
"""`factory(base)`, gives the wrapped optimizer."""


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
        if _is_pair(entry):
            return cls(label=str(entry[0]), factory=entry[1])
        id_, label, own = _read_entry("optimizers", entry)
        given = mapping(f"optimizer_options.{id_}", options.get(id_)) | own
        resolved = OptionSchema.of("optimizers", id_).resolve(given)
        return cls(label=label, id=id_, options=resolved)

    def build(self, space: SearchSpace, seed: int) -> Optimizer:
        """A fresh optimizer whose generator is `numpy.random.default_rng(seed)`."""
        if self.factory is None:
            return registry.create_optimizer(self.id, space, seed=seed, **self.options)
        import numpy as np

        return self.factory(space, rng=np.random.default_rng(seed))

    def describe(self) -> dict[str, Any]:
        return _describe(self.label, self.id, self.factory, dict(self.options))


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
        if _is_pair(entry):
            return cls(label=str(entry[0]), factory=entry[1])
        if entry is None or entry == NO_LCE:
            return cls(label=NO_LCE, id=NO_LCE)
        id_, label, own = _read_entry("lce", entry)
        if id_ in preset_names():
            id_, _, settings = _read_entry("lce", read_preset(id_))
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

    @property
    def is_none(self) -> bool:
        return self.id == NO_LCE

    def wrap(self, base: Optimizer, seed: int) -> Optimizer:
        """The base inside LCE; `seed` is the wrapper's where its options set none."""
        if self.factory is not None:
            return self.factory(base)
        if self.is_none:
            return base
        from nascurve.lce.wrapper import LCE

        options = {**self.options}
        if options.get("seed") is None:
            options["seed"] = seed
        return LCE(base, registry.create_extrapolator(self.id, **self.extrapolator), **options)

    def describe(self) -> dict[str, Any]:
        options = dict(self.options)
        if self.extrapolator:
            options["extrapolator"] = dict(self.extrapolator)
        return _describe(self.label, self.id, self.factory, options)


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """An optimizer with (or without) LCE; one row of the summary."""

    optimizer: OptimizerSpec
    lce: LCESpec

    @property
    def key(self) -> tuple[str, str]:
        """The labels: what the columns `optimizer` and `lce` hold."""
        return self.optimizer.label, self.lce.label

    @property
    def name(self) -> str:
        return self.optimizer.label if self.lce.is_none else f"{self.optimizer.label}+{self.lce.label}"

    @property
    def from_ids(self) -> bool:
        """Whether ids and options say it all, so that another process can build it."""
        return self.optimizer.factory is None and self.lce.factory is None

    def build(self, space: SearchSpace, seed: int) -> Optimizer:
        return self.lce.wrap(self.optimizer.build(space, seed), seed)

    def describe(self) -> dict[str, Any]:
        return {"optimizer": self.optimizer.describe(), "lce": self.lce.describe()}


def read_methods(
    optimizers: Any,
    lce: Any,
    *,
    optimizer_options: Any = None,
    lce_options: Any = None,
    extrapolator_options: Any = None,
) -> tuple[Method, ...]:
    """All pairs of optimizers and LCE entries, in the order given. Raises UnknownIdError, ConfigError."""
    entries = _entries("optimizers", optimizers)
    lce_entries = _entries("lce", lce)
    by_optimizer = mapping("optimizer_options", optimizer_options)
    by_extrapolator = mapping("extrapolator_options", extrapolator_options)
    wrapper = mapping("lce_options", lce_options)
    OptionSchema.of_lce().resolve(wrapper)  # also when no entry uses them
    specs = [OptimizerSpec.read(entry, by_optimizer) for entry in entries]
    lces = [LCESpec.read(entry, wrapper, by_extrapolator) for entry in lce_entries]
    _refuse_unused("optimizer_options", by_optimizer, [spec.id for spec in specs])
    _refuse_unused("extrapolator_options", by_extrapolator, [spec.id for spec in lces])
    _refuse_twice("optimizers", [spec.label for spec in specs])
    _refuse_twice("lce", [spec.label for spec in lces])
    return tuple(Method(optimizer=spec, lce=wrap) for spec in specs for wrap in lces)


def _is_pair(entry: Any) -> bool:
    return isinstance(entry, tuple) and len(entry) == 2 and isinstance(entry[0], str) and callable(entry[1])


def _entries(name: str, value: Any) -> list[Any]:
    if isinstance(value, str | Mapping) or value is None:
        value = [value]
    if not isinstance(value, Sequence):
        raise ConfigError(f"{name}: expected a list such as {name}=[a,b], got {value!r}.")
    if not value:
        raise ConfigError(f"{name}: expected at least one, got an empty list.")
    return list(value)


def _read_entry(name: str, entry: Any) -> tuple[str, str, dict[str, Any]]:
    if isinstance(entry, str):
        return entry, entry, {}
    if isinstance(entry, Mapping) and isinstance(entry.get("id"), str):
        own = {str(key): value for key, value in entry.items() if key not in ("id", "label")}
        return entry["id"], str(entry.get("label", entry["id"])), own
    raise ConfigError(
        f"{name}: expected an id, or a mapping with an id such as {{id: re, label: re-50, option: value}}, "
        f"got {entry!r}."
    )


def _refuse_unused(name: str, given: Mapping[str, Any], used: Sequence[str]) -> None:
    for id_ in given:
        if id_ not in used:
            raise ConfigError(
                f"{name}.{id_}: {id_!r} is not part of this comparison. {did_you_mean(id_, used)}"
            )


def _refuse_twice(name: str, labels: Sequence[str]) -> None:
    for label in labels:
        if labels.count(label) > 1:
            raise ConfigError(
                f"{name}: {label!r} stands there more than once. Give each entry a label of its own: "
                f"{{id: …, label: …}}."
            )


def _describe(
    label: str, id_: str, factory: Callable[..., Any] | None, options: dict[str, Any]
) -> dict[str, Any]:
    if factory is None:
        return {"label": label, "id": id_, **to_plain(options)}
    return {"label": label, "factory": _describe_callable(factory)}


def _describe_callable(function: Callable[..., Any]) -> str:
    """A name that is the same in another process, unlike `repr`."""
    if isinstance(function, functools.partial):
        arguments = [
            *map(str, function.args),
            *(f"{key}={value!r}" for key, value in function.keywords.items()),
        ]
        return f"{_describe_callable(function.func)}({', '.join(arguments)})"
    name = getattr(function, "__qualname__", type(function).__qualname__)
    return f"{getattr(function, '__module__', '?')}.{name}"
