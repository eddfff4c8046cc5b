"""One comparison on real processes, in a folder: what it costs, again when all is done, and to read."""

from __future__ import annotations

import resource
import time
from pathlib import Path
from typing import Any

import nascurve
from benchmarks_perf.growth.one_run import peak_bytes

_BENCHMARK = "pocket201-digits"


def measure(
    *, folder: str, step: str, methods: list[Any], seeds: int, budget_trainings: float, processes: int
) -> dict[str, float]:
    """step: "run" for the whole of `nascurve.compare`, which a second call does with all runs there, "read"
    for `read_results` and the summary.

    wall_s: real seconds.  cpu_s, workers_cpu_s: of this process, and of its worker processes.
    peak_bytes: peak resident memory of this process, imports included.
    """
    start_s, start_cpu_s = time.perf_counter(), time.process_time()
    if step == "read":
        from nascurve.experiments.results import read_results

        read_results(Path(folder)).summarise()
    else:
        nascurve.compare(
            benchmark=_BENCHMARK,
            methods=methods,
            seeds=seeds,
            budget_trainings=budget_trainings,
            processes=processes,
            out=folder,
            quiet=True,
        )
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "wall_s": time.perf_counter() - start_s,
        "cpu_s": time.process_time() - start_cpu_s,
        "workers_cpu_s": children.ru_utime + children.ru_stime,
        "peak_bytes": peak_bytes(),
    }
