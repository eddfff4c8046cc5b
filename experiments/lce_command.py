"""`nascurve lce`: the commands about learning-curve extrapolation."""

from __future__ import annotations

from nascurve.experiments.command_group import CommandGroup

main = CommandGroup(
    name="lce",
    purpose="Learning-curve extrapolation (LCE).",
    commands={
        "evaluate": ("lce_evaluate", "judge extrapolators on real curves: ranks, errors, calibration, speed"),
        "sensitivity": ("lce_sensitivity", "what Algorithm 2 gains for each e_few, k and top_n: heat maps"),
    },
).run
"""Run the command; raises UsageError, NascurveError."""
