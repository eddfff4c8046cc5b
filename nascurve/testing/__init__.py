"""Contract tests for plug-ins: each `check_*` raises AssertionError or ProtocolError with the broken rule.

nascurve's own tests run them over everything that is registered; authors of plug-ins run them over theirs.
"""

from __future__ import annotations

from nascurve.testing.benchmark import check_benchmark
from nascurve.testing.callback import check_callback
from nascurve.testing.extrapolator import check_extrapolator
from nascurve.testing.optimizer import check_optimizer
from nascurve.testing.search_space import check_search_space

__all__ = [
    "check_benchmark",
    "check_callback",
    "check_extrapolator",
    "check_optimizer",
    "check_search_space",
]
