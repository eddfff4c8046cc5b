"""The exceptions that nascurve raises on purpose: one root, so that a caller can catch them all."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class NascurveError(Exception):
    """Root of all errors that nascurve raises on purpose. The message says what was expected, what came
    and what to do."""


class UnknownIdError(NascurveError):
    """An id that no registered optimizer, benchmark, extrapolator, search space or callback carries."""


class ConfigError(NascurveError):
    """A setting, option or argument out of its allowed range."""


class DataFileError(NascurveError):
    """A data file that is missing, truncated, corrupt, hostile or of a version that cannot be read."""


class ArchitectureError(NascurveError):
    """An architecture that does not belong to the search space, or that the benchmark does not hold."""


class CapabilityError(NascurveError):
    """Something asked of a benchmark that it cannot give, such as curves from a table of final values."""


class ProtocolError(NascurveError):
    """A plug-in (optimizer, extrapolator, benchmark, search space) that breaks its protocol."""


def did_you_mean(name: str, valid: Iterable[str]) -> str:
    """A sentence that lists the valid names and, where one is close to `name`, suggests it."""
    names = sorted(valid)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"Did you mean {close[0]!r}? " if close else ""
    return f"{hint}Valid: {', '.join(names) if names else '(none)'}."
