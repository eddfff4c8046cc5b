"""Child process for nascurve's side of the simulation row."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

import nascurve
from benchmarks_perf.service import serve
from nascurve.simulator.types import Benchmark

_benchmark: Benchmark


def load(benchmark: str) -> str:
    """Load a benchmark and find its best, which the first run would otherwise pay for."""
    global _benchmark
    _benchmark = nascurve.load_benchmark(benchmark)
    _benchmark.best()
    return f"nascurve {nascurve.__version__}, numpy {np.__version__}"


def run(*, method: str, trials: int, seeds: list[int]) -> dict[str, Any]:
    """Runs of `trials` evaluations each, one a seed."""
    evaluations = 0
    start_s = time.process_time()
    for seed in seeds:
        optimizer = nascurve.create_optimizer(method, _benchmark.space, seed=seed)
        result = nascurve.simulate(optimizer, _benchmark, max_evaluations=trials, seed=seed)
        evaluations += result.n_evaluations
    return {"cpu_s": time.process_time() - start_s, "trials": evaluations}


def export(path: str) -> None:
    """Write all curves for the peer: ops (n, edges) with their names, val_acc and elapsed_s (n, seeds, epochs)."""
    space: Any = _benchmark.space
    archs = space.all()
    by_seed = [_benchmark.query_many(archs, [seed] * len(archs)) for seed in range(_benchmark.info.n_seeds)]
    names = sorted({op for arch in archs for op in arch.ops})
    place = {name: number for number, name in enumerate(names)}
    np.savez(
        path,
        ops=np.array([[place[op] for op in arch.ops] for arch in archs], dtype=np.uint8),
        op_names=np.array(names),
        val_acc=np.stack([[c.val_acc for c in curves] for curves in by_seed], axis=1).astype(np.float32),
        elapsed_s=np.stack([[np.cumsum(c.epoch_s) for c in curves] for curves in by_seed], axis=1),
    )


if __name__ == "__main__":
    serve({"load": load, "run": run, "export": export})
