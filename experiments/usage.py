"""The error of a command line that cannot be understood."""

from __future__ import annotations

from nascurve.errors import NascurveError


class UsageError(NascurveError):
    """A malformed command line: the command ends with exit code 2 instead of 1."""
