"""`nascurve surrogate`: the commands about surrogate benchmarks."""

from __future__ import annotations

from nascurve.experiments.command_group import CommandGroup

main = CommandGroup(
    name="surrogate",
    purpose="Surrogate benchmarks: learning curves predicted for every architecture of a space.",
    commands={
        "evaluate": (
            "surrogate_evaluate",
            "judge a surrogate on held-out architectures, tables and searches",
        ),
        "fit": ("surrogate_fit", "fit a surrogate to learning curves, and save it as a benchmark"),
    },
).run
"""Run the command; raises UsageError, NascurveError."""
