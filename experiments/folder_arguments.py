"""Command lines of the form FOLDER NAME=VALUE …"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nascurve.errors import did_you_mean
from nascurve.experiments.usage import UsageError


def folder_arguments(
    argv: Sequence[str], *, command: str, options: Sequence[str], flags: Sequence[str] = ()
) -> tuple[list[str], dict[str, str]]:
    """What stands alone, and the options. flags: options that may also be written `--NAME VALUE`.

    Raises UsageError for other flags, unknown options and flags without a value.
    """
    folders: list[str] = []
    given: dict[str, str] = {}
    pending = iter(argv)
    for arg in pending:
        name, separator, value = arg.partition("=")
        if arg.startswith("--") and name[2:] in flags:
            name, value = name[2:], value if separator else next(pending, "")
            if not value:
                raise UsageError(f"{command}: {name}: expected a value, got none. Example: --{name} FILE")
            given[name] = value
        elif arg.startswith("-"):
            dashed = f" (--{', --'.join(flags)} too)" if flags else ""
            raise UsageError(
                f"{command}: unknown flag {arg!r}. Options are given as name=value: "
                f"{', '.join(options)}{dashed}."
            )
        elif separator and name.isidentifier():
            if name not in options:
                raise UsageError(f"{command}: there is no option {name!r}. {did_you_mean(name, options)}")
            given[name] = value
        else:
            folders.append(arg)
    return folders, given


def one_folder(folders: Sequence[str], *, command: str) -> Path:
    """The only one. Raises UsageError."""
    if len(folders) != 1:
        got = f"got {len(folders)}: {', '.join(folders)}" if folders else "got none"
        raise UsageError(
            f"{command}: expected one folder of results, {got}. Example: nascurve {command} results/compare"
        )
    return Path(folders[0])
