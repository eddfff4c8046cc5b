"""The extrapolators of an evaluation, as they are given on the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nascurve import registry
from nascurve.errors import ConfigError, did_you_mean
from nascurve.experiments.options import OptionSchema, mapping, to_plain

if TYPE_CHECKING:
    from nascurve.simulator.types import Extrapolator

_LONGEST_LABEL = 60
_EXAMPLE = "an id, or a mapping with an id such as {id: lcsvr, label: lcsvr-paper, search: paper}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtrapolatorSpec:
    """How to build an extrapolator. label: its name in tables."""

    label: str
    id: str
    options: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self) -> Extrapolator:
        """A fresh one. Raises ConfigError."""
        return registry.create_extrapolator(self.id, **self.options)

    def describe(self) -> dict[str, Any]:
        """Plain values, the defaults of options included."""
        return {"id": self.id, "options": to_plain(dict(self.options))}


def read_extrapolators(entries: Any, options: Any = None) -> tuple[ExtrapolatorSpec, ...]:
    """From ids or mappings {id, label, option: value, …}; `options` are option values by id, for all entries
    that carry the id. Each is built once. Raises UnknownIdError, ConfigError."""
    if isinstance(entries, str | Mapping):
        entries = [entries]
    if not isinstance(entries, Sequence) or not entries:
        raise ConfigError(f"extrapolators: expected a list such as [last_value,wpm], got {entries!r}.")
    by_id = mapping("extrapolator_options", options)
    specs = [_read(entry, by_id) for entry in entries]
    labels, used = [spec.label for spec in specs], [spec.id for spec in specs]
    for label in labels:
        if labels.count(label) > 1:
            raise ConfigError(
                f"extrapolators: {label!r} stands there more than once. Give each entry a label of its own: "
                "{id: …, label: …}."
            )
    for id_ in by_id:
        if id_ not in used:
            raise ConfigError(f"extrapolator_options.{id_}: not evaluated. {did_you_mean(id_, used)}")
    for spec in specs:
        spec()
    return tuple(specs)


def _read(entry: Any, by_id: Mapping[str, Any]) -> ExtrapolatorSpec:
    named = {"id": entry} if isinstance(entry, str) else entry
    id_ = named.get("id") if isinstance(named, Mapping) else None
    if not isinstance(id_, str):
        raise ConfigError(f"extrapolators: expected {_EXAMPLE}, got {entry!r}.")
    own = {str(key): value for key, value in named.items() if key not in ("id", "label")}
    schema = OptionSchema.of("extrapolators", id_)
    given = mapping(f"extrapolator_options.{id_}", by_id.get(id_)) | own
    label = str(named.get("label", id_))
    if not 0 < len(label) <= _LONGEST_LABEL or not label.isprintable():
        raise ConfigError(
            f"extrapolators: expected a label of 1 to {_LONGEST_LABEL} printable characters, got "
            f"{label!r:.100}."
        )
    return ExtrapolatorSpec(label=label, id=id_, options=schema.resolve(given))
