"""Hydra's own settings on a command line of ours: the launcher, and its options."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nascurve.experiments.usage import UsageError


@dataclass(frozen=True, slots=True)
class LaunchOptions:
    """name: of the launcher, None where none was given.  overrides: hydra.launcher.OPTION=VALUE, with a `+`
    before it where the launcher's settings do not list the option."""

    name: str | None
    overrides: tuple[str, ...] = ()

    @classmethod
    def split(cls, argv: Sequence[str], *, command: str) -> tuple[LaunchOptions, list[str]]:
        """Hydra's settings of a command line, and the rest of it. Raises UsageError."""
        given = [arg for arg in argv if _is_hydras(arg)]
        names = [arg.partition("=")[2] for arg in given if arg.startswith("hydra/launcher=")]
        overrides = [arg for arg in given if not arg.startswith("hydra/launcher=")]
        for arg in overrides:
            if not arg.lstrip("+").startswith("hydra.launcher."):
                raise UsageError(
                    f"{command}: of Hydra's settings it takes hydra/launcher=NAME and "
                    f"hydra.launcher.OPTION=VALUE, got {arg!r}."
                )
        if overrides and not names:
            raise UsageError(f"{command}: {overrides[0]!r} is for a launcher: name it, hydra/launcher=NAME.")
        rest = [arg for arg in argv if not _is_hydras(arg)]
        return cls(names[-1] if names else None, tuple(overrides)), rest


def _is_hydras(arg: str) -> bool:
    return arg.lstrip("+").startswith("hydra")
