"""One simulated run of an optimizer on a benchmark, from the first ask to the end of the budget."""

from __future__ import annotations

from nascurve.simulator.result import RunResult
from nascurve.simulator.simulation import Progress, Simulation
from nascurve.simulator.types import Benchmark, Optimizer


def simulate(
    optimizer: Optimizer,
    benchmark: Benchmark,
    *,
    budget_s: float | None = None,
    budget_epochs: int | None = None,
    seed: int = 0,
    workers: int = 1,
    resume: bool = True,
    charge_decisions: bool = False,
    common_noise: bool = True,
    max_evaluations: int | None = None,
    progress: Progress | None = None,
) -> RunResult:
    """Run a fresh optimizer on a benchmark until its budget is spent.

    budget_s: simulated seconds. An evaluation counts if it finishes at this moment or before.
    budget_epochs: epochs charged to all evaluations together. The first evaluation that would exceed it is
        not counted, and ends the run.
    max_evaluations: evaluations counted, prefixes and resumed trainings included. Of the three limits at
        least one has to be given; the one that is reached first ends the run.
    seed: of the draw of the training seeds. The optimizer has its own generator, given when it was created;
        the two streams are independent even when both come from the same number.
    workers: trainings that run at a time, asynchronously.
    resume: whether a trial with a known id goes on from its checkpoint and is charged the later epochs alone;
        otherwise it is charged from epoch 1 (its learning curve is the same).
    charge_decisions: whether the optimizer's own real time is added to the simulated clock. It is recorded as
        `decision_s` in any case. A run that charges it cannot be repeated exactly.
    common_noise: whether the draw of a training seed depends on `seed`, the architecture and how often this
        run has trained it before (common random numbers: the same architecture has the same noise under every
        optimizer run with this `seed`); otherwise on `seed` and the number of the draw. The same for
        benchmarks with one training run of each architecture.
    progress: called with the Simulation after every evaluation.

    Raises ConfigError for a setting out of range, ProtocolError when the optimizer or the benchmark breaks
    its protocol, and what `optimizer.begin` and `benchmark.query` raise.
    """
    return Simulation(
        optimizer,
        benchmark,
        budget_s=budget_s,
        budget_epochs=budget_epochs,
        seed=seed,
        workers=workers,
        resume=resume,
        charge_decisions=charge_decisions,
        common_noise=common_noise,
        max_evaluations=max_evaluations,
        progress=progress,
    ).run()
