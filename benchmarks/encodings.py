"""The encodings of a search space, by the names that the field uses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from nascurve.errors import ConfigError, did_you_mean
from nascurve.simulator.types import SearchSpace

Encoder = TypeVar("Encoder")


def chosen_encoder(space: SearchSpace, encoders: Mapping[str, Encoder], kind: str | None) -> Encoder:
    """The encoder of that kind, of the space's default when None. Raises ConfigError for an unknown kind."""
    kind = space.encodings[0] if kind is None else kind
    if kind not in encoders:
        raise ConfigError(f"{space.name} has no encoding {kind!r}. {did_you_mean(str(kind), encoders)}")
    return encoders[kind]
