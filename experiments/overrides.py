"""Hydra's command-line overrides, with errors that say what is wrong in one sentence."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from nascurve.errors import ConfigError, did_you_mean
from nascurve.experiments.usage import UsageError

if TYPE_CHECKING:
    from hydra.core.override_parser.types import Override


def split_flags(
    args: Sequence[str], *, command: str, switches: Sequence[str] = (), valued: Sequence[str] = ()
) -> tuple[list[str], list[str]]:
    """Flags (with their values) and overrides, which may stand in any order. Raises UsageError."""
    flags: list[str] = []
    rest: list[str] = []
    pending = iter(args)
    for arg in pending:
        name, has_value, _ = arg.partition("=")
        if not arg.startswith("-"):
            rest.append(arg)
        elif arg in switches or (has_value and name in valued):
            flags.append(arg)
        elif arg in valued:
            value = next(pending, None)
            if value is None:
                raise UsageError(f"{command}: {arg} needs a value.")
            flags += [arg, value]
        else:
            raise UsageError(
                f"{command}: unknown flag {arg!r}. {did_you_mean(arg, [*switches, *valued, '--help'])} "
                "Options are given as name=value."
            )
    return flags, rest


def parse_overrides(args: Sequence[str], *, command: str) -> list[Override]:
    """Parse Hydra's grammar: key=value, +key=value, ~key, key=a,b. Raises UsageError."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import OverrideParseException

    parser = OverridesParser.create()
    parsed: list[Override] = []
    for arg in args:
        try:
            parsed += parser.parse_overrides([arg])
        except OverrideParseException as error:
            expected = (
                "expected option=value"
                if "=" not in arg
                else "the value is malformed; quote it if it has special characters"
            )
            raise UsageError(
                f"{command}: cannot read {arg!r}: {expected}. See `nascurve {command} --help`."
            ) from error
    return parsed


def check_key(key: str, valid: Mapping[str, Any], *, command: str, prefix: str = "") -> None:
    """Raises ConfigError, with a suggestion, for a key that the configuration does not have."""
    if key not in valid:
        raise ConfigError(f"{command}: there is no option {prefix + key!r}. {did_you_mean(key, valid)}")


def read_options(
    args: Sequence[str], defaults: Mapping[str, Any], *, command: str, nested: str = ""
) -> dict[str, Any]:
    """The defaults with `args` (key=value) in place. `nested`: an option that is a dictionary, which may also
    be given as NESTED.NAME=VALUE. Raises UsageError, ConfigError."""
    options = dict(defaults)
    inside: dict[str, Any] = {}
    for override in parse_overrides(args, command=command):
        key, _, inner = override.key_or_group.partition(".")
        if key == nested and inner:
            inside[inner] = override.value()
            continue
        check_key(override.key_or_group, defaults, command=command)
        options[override.key_or_group] = override.value()
    if nested:
        if not isinstance(options[nested], dict):
            raise ConfigError(f"{command}: expected {nested}.NAME=VALUE, got {options[nested]!r}.")
        options[nested] = {**options[nested], **inside}
    return options


@contextlib.contextmanager
def clear_hydra_errors(command: str) -> Iterator[None]:
    """Hydra's and OmegaConf's errors as a ConfigError of one or two lines."""
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    try:
        yield
    except (HydraException, OmegaConfBaseException) as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        cause = error.__cause__
        if isinstance(cause, OmegaConfBaseException):
            lines += [line.strip() for line in str(cause).splitlines() if line.strip()][:1]
        kept = list(itertools.takewhile(lambda line: not line.startswith("Config search path"), lines))
        kept = [
            line for line in kept if not line.startswith(("full_key:", "object_type=", "reference_type="))
        ]
        raise ConfigError(f"{command}: {' '.join(kept)}") from error
