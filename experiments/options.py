"""Options of a registered component, from its constructor's signature; and checks of plain values."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from numbers import Integral, Real
from typing import Any

from nascurve import registry
from nascurve.errors import ConfigError, did_you_mean
from nascurve.options import integer
from nascurve.registry import Group

REQUIRED = "???"
"""Default of an option that has none: OmegaConf's mark of a mandatory value."""
_GIVEN = {"optimizers": ("space", "rng")}


class OptionSchema:
    """Which options a class or function takes, and their defaults.

    defaults: option -> default, REQUIRED where there is none.
    open: whether it takes others too (`**options`).
    """

    def __init__(self, name: str, build: Callable[..., Any], *, given: Sequence[str] = ()) -> None:
        self.name = name
        self.defaults: dict[str, Any] = {}
        self.open = False
        for parameter in inspect.signature(build).parameters.values():
            if parameter.kind is parameter.VAR_KEYWORD:
                self.open = True
            elif parameter.kind is not parameter.VAR_POSITIONAL and parameter.name not in given:
                has_default = parameter.default is not parameter.empty
                self.defaults[parameter.name] = parameter.default if has_default else REQUIRED

    @classmethod
    def of(cls, group: Group, id: str) -> OptionSchema:  # noqa: A002 -- the field's word
        """The schema of a registered component. Raises UnknownIdError."""
        return cls(id, registry.component(group, id), given=_GIVEN.get(group, ()))

    @classmethod
    def of_lce(cls) -> OptionSchema:
        """The schema of the LCE wrapper."""
        from nascurve.lce.wrapper import LCE

        return cls("LCE", LCE, given=tuple(inspect.signature(LCE).parameters)[:2])

    def plain_defaults(self) -> dict[str, Any]:
        """The defaults that a configuration file can hold."""
        return {name: to_plain(value) for name, value in self.defaults.items() if is_plain(value)}

    def resolve(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Defaults and options together. Raises ConfigError for an unknown option and a missing one."""
        for name in options:
            if name not in self.defaults and not self.open:
                raise ConfigError(f"{self.name} has no option {name!r}. {did_you_mean(name, self.defaults)}")
        resolved = self.plain_defaults() | dict(options)
        missing = [name for name, value in resolved.items() if value == REQUIRED]
        if missing:
            raise ConfigError(f"{self.name} needs the options {', '.join(missing)}: they have no default.")
        return resolved


def is_plain(value: Any) -> bool:
    """Whether YAML can hold it."""
    if isinstance(value, list | tuple):
        return all(map(is_plain, value))
    if isinstance(value, Mapping):
        return all(isinstance(key, str) for key in value) and all(map(is_plain, value.values()))
    return value is None or isinstance(value, bool | int | float | str)


def to_plain(value: Any) -> Any:
    """Tuples as lists, numpy numbers as Python's, mappings as dicts; so that it compares equal after YAML."""
    if isinstance(value, list | tuple):
        return [to_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value)
    return str(value)


def mapping(name: str, value: Any) -> dict[str, Any]:
    """A mapping of option names to values; None counts as empty. Raises ConfigError."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ConfigError(f"{name}: expected options such as {name}.option=value, got {value!r}.")
    return {str(key): item for key, item in value.items()}


def seeds(value: Any) -> tuple[int, ...]:
    """Seeds of a comparison: n gives 0 … n-1, otherwise a sequence of different integers >= 0.

    Raises ConfigError.
    """
    hint = "Give a number of seeds (seeds=30 means 0 … 29) or a list (seeds=[0,1,7])."
    if value is None or isinstance(value, str | Mapping | bool):
        raise ConfigError(f"seeds: got {value!r}. {hint}")
    if isinstance(value, Integral):
        if int(value) < 1:
            raise ConfigError(f"seeds: expected at least one seed, got {value!r}. {hint}")
        return tuple(range(int(value)))
    try:
        items = [integer("seeds", item, at_least=0) for item in value]
    except TypeError:
        raise ConfigError(f"seeds: got {value!r}. {hint}") from None
    if not items:
        raise ConfigError(f"seeds: expected at least one seed, got an empty list. {hint}")
    if len(set(items)) < len(items):
        twice = next(item for item in items if items.count(item) > 1)
        raise ConfigError(f"seeds: expected different seeds, but {twice} stands there more than once. {hint}")
    return tuple(items)
