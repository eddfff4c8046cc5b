"""nascurve: simulate neural architecture search with learning curves.

    import nascurve

    bench = nascurve.load_benchmark("pocket201-mnist")
    base = nascurve.create_optimizer("re", bench.space, seed=0)
    lce = nascurve.LCE(base, nascurve.create_extrapolator("last_value"), e_few=8, k=8, top_n=3)
    result = nascurve.simulate(lce, bench, budget_s=1_000, seed=0)

Everything is imported on first use, so that `import nascurve` stays fast.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nascurve.errors import NascurveError
    from nascurve.experiments.compare import compare, compare_tasks
    from nascurve.lce.wrapper import LCE
    from nascurve.registry import create_extrapolator, create_optimizer, create_search_space, load_benchmark
    from nascurve.simulator.simulate import simulate
    from nascurve.simulator.types import Evaluation, LearningCurve, Prediction, Trial

__version__ = "0.1.0"

_HOME = {
    "NascurveError": "nascurve.errors",
    "compare": "nascurve.experiments.compare",
    "compare_tasks": "nascurve.experiments.compare",
    "LCE": "nascurve.lce.wrapper",
    "create_extrapolator": "nascurve.registry",
    "create_optimizer": "nascurve.registry",
    "create_search_space": "nascurve.registry",
    "load_benchmark": "nascurve.registry",
    "simulate": "nascurve.simulator.simulate",
    "Evaluation": "nascurve.simulator.types",
    "LearningCurve": "nascurve.simulator.types",
    "Prediction": "nascurve.simulator.types",
    "Trial": "nascurve.simulator.types",
}
__all__ = [
    "LCE",
    "Evaluation",
    "LearningCurve",
    "NascurveError",
    "Prediction",
    "Trial",
    "compare",
    "compare_tasks",
    "create_extrapolator",
    "create_optimizer",
    "create_search_space",
    "load_benchmark",
    "simulate",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'nascurve' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
