"""Architectures as independent choices, one for each named parameter: what `tpe` works on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nascurve.errors import ArchitectureError


def checked_choices(
    space: str, parameters: Mapping[str, Sequence[Any]], values: Mapping[str, Any]
) -> list[Any]:
    """The chosen values in the order of `parameters`. Raises ArchitectureError unless there is one of the
    allowed ones for each parameter, and nothing else."""
    if values.keys() != parameters.keys():
        raise ArchitectureError(
            f"{space}: expected a choice for each of {', '.join(parameters)}; got {values!r:.200}."
        )
    for name, allowed in parameters.items():
        if values[name] not in allowed:
            raise ArchitectureError(
                f"{space}: expected {name} as one of {', '.join(map(str, allowed))}; got "
                f"{values[name]!r:.80}."
            )
    return [values[name] for name in parameters]
