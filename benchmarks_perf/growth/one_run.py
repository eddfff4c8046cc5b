"""One simulated run: CPU time and memory whenever its history has grown to given sizes."""

from __future__ import annotations

import resource
import sys
import time
from pathlib import Path
from typing import Any

import nascurve
from nascurve.simulator.simulation import Simulation

_RSS_UNIT = 1 if sys.platform == "darwin" else 1024


def measure(
    *,
    optimizer: str,
    benchmark: str,
    marks: list[int],
    benchmark_options: dict[str, Any] | None = None,
    optimizer_options: dict[str, Any] | None = None,
    extrapolator: str | None = None,
    workers: int = 1,
    seed: int = 0,
) -> list[dict[str, float]]:
    """At each of the ascending `marks`, numbers of evaluations: what the run has taken until then.

    cpu_s: of this process.  decision_s: of these the optimizer's, but wall time.  peak_bytes: growth of the
    process's peak resident memory.
    """
    bench = nascurve.load_benchmark(benchmark, **(benchmark_options or {}))
    bench.best()
    base = nascurve.create_optimizer(optimizer, bench.space, seed=seed, **(optimizer_options or {}))
    searcher: Any = base
    if extrapolator is not None:
        searcher = nascurve.LCE(base, nascurve.create_extrapolator(extrapolator), e_few=0.25, k=8, top_n=3)
    found: list[dict[str, float]] = []
    waiting = iter(marks)
    mark = next(waiting)
    before_bytes = peak_bytes()
    start_s = time.process_time()

    def look(simulation: Simulation) -> None:
        nonlocal mark
        if simulation.n_evaluations == mark:
            found.append(
                {
                    "evaluations": mark,
                    "cpu_s": time.process_time() - start_s,
                    "decision_s": simulation.decision_s,
                    "peak_bytes": peak_bytes() - before_bytes,
                }
            )
            mark = next(waiting, -1)

    Simulation(searcher, bench, max_evaluations=marks[-1], seed=seed, workers=workers, progress=look).run()
    found[-1]["result_cpu_s"] = time.process_time() - start_s
    found[-1]["result_peak_bytes"] = peak_bytes() - before_bytes
    return found


def peak_bytes() -> int:
    """Peak resident memory of this process. Linux counts that of the process which started it in `ru_maxrss`,
    but not in VmHWM."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _RSS_UNIT
