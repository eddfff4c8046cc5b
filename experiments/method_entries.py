"""Entries of a list of methods, as a user writes them and as config.yaml keeps them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nascurve.errors import ConfigError, did_you_mean
from nascurve.experiments.options import mapping, to_plain


def is_factory_pair(entry: Any) -> bool:
    """Whether it is (label, factory), which comes from Python."""
    return isinstance(entry, tuple) and len(entry) == 2 and isinstance(entry[0], str) and callable(entry[1])


def listed(name: str, value: Any) -> list[Any]:
    """The entries of a list; one entry alone counts as a list. Raises ConfigError."""
    if isinstance(value, str | Mapping) or value is None:
        value = [value]
    if not isinstance(value, Sequence):
        raise ConfigError(f"{name}: expected a list such as {name}=[a,b], got {value!r}.")
    if not value:
        raise ConfigError(f"{name}: expected at least one, got an empty list.")
    return list(value)


def read_entry(name: str, entry: Any) -> tuple[str, str, dict[str, Any]]:
    """Id, label and options of an id or a mapping. Raises ConfigError."""
    if isinstance(entry, str):
        return entry, entry, {}
    if isinstance(entry, Mapping) and isinstance(entry.get("id"), str):
        own = {str(key): value for key, value in entry.items() if key not in ("id", "label")}
        return entry["id"], str(entry.get("label", entry["id"])), own
    raise ConfigError(
        f"{name}: expected an id, or a mapping with an id such as {{id: re, label: re-50, option: value}}, "
        f"got {entry!r}."
    )


def read_pair(entry: Any) -> tuple[Any, Any]:
    """The optimizer's and the LCE entry of one of `methods`; None where it has no LCE. Raises ConfigError."""
    if isinstance(entry, Mapping) and "optimizer" in entry and set(entry) <= {"optimizer", "lce"}:
        return entry["optimizer"], entry.get("lce")
    raise ConfigError(
        "methods: expected entries such as {optimizer: re, lce: {id: wpm, e_few: 4}}, with nothing but these "
        f"two keys, got {entry!r:.200}."
    )


def describe_entry(
    label: str, id_: str, factory: Callable[..., Any] | None, options: dict[str, Any]
) -> dict[str, Any]:
    """Plain values, as config.yaml keeps them; a factory by its name."""
    if factory is None:
        return {"label": label, "id": id_, **to_plain(options)}
    return {"label": label, "factory": _describe_callable(factory)}


def read_description(name: str, description: Any) -> tuple[str, str, dict[str, Any]]:
    """Label, id and options of what `describe_entry` gave. Raises ConfigError, for a factory too."""
    options = mapping(name, description)
    label = str(options.pop("label", "?"))
    if "factory" in options:
        raise ConfigError(
            f"{name} {label!r}: it was built by the Python function {options['factory']}, which a file "
            "cannot bring back. Run it from Python, or give it an id: register a plug-in (docs/plugins.md)."
        )
    id_ = options.pop("id", None)
    if not isinstance(id_, str):
        raise ConfigError(f"{name} {label!r}: expected an id, as in config.yaml, got {id_!r}.")
    return label, id_, options


def refuse_unused(name: str, given: Mapping[str, Any], used: Sequence[str]) -> None:
    """Options given for ids that nothing uses. Raises ConfigError."""
    for id_ in given:
        if id_ not in used:
            raise ConfigError(
                f"{name}.{id_}: {id_!r} is not part of this comparison. {did_you_mean(id_, used)}"
            )


def refuse_twice(name: str, labels: Sequence[str]) -> None:
    """A label that two entries carry. Raises ConfigError."""
    for label in labels:
        if labels.count(label) > 1:
            raise ConfigError(
                f"{name}: {label!r} stands there more than once. Give each entry a label of its own: "
                f"{{id: …, label: …}}."
            )


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
