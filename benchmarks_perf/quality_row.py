"""Row `quality`: whether the faster `bananas` finds as good architectures, paired over seeds. Long."""

from __future__ import annotations

import json
import multiprocessing
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

import nascurve
from benchmarks_perf.bananas_row import EVALUATIONS, NASZILLA
from benchmarks_perf.line import Line
from benchmarks_perf.settings import Settings, say
from nascurve.processes import available_cores

_SEEDS = 50
_METHODS: dict[str, dict[str, Any]] = {"ours": {}, "naszilla": NASZILLA}
_Key = tuple[str, int]


def measure(settings: Settings) -> list[Line]:
    """True test regret of our settings minus that of naszilla's settings, by seed.

    Both run in our batched code, whose steps are those of networks trained one by one (a test compares them).
    Every finished run is written down at once; with `resume` they are not run again.
    """
    evaluations = 20 if settings.quick else EVALUATIONS
    seeds = range(4 if settings.quick else _SEEDS)
    path = settings.out / "quality.jsonl"
    regrets = _read(path, settings, evaluations) if settings.resume else {}
    jobs = [(name, seed) for seed in seeds for name in _METHODS if (name, seed) not in regrets]
    with (
        path.open("a" if settings.resume else "w") as log,
        ProcessPoolExecutor(available_cores(), mp_context=multiprocessing.get_context("spawn")) as pool,
    ):
        futures = {
            pool.submit(_regrets, settings.benchmark, evaluations, name, seed): (name, seed)
            for name, seed in jobs
        }
        for done, future in enumerate(as_completed(futures), 1):
            name, seed = futures[future]
            regrets[name, seed] = future.result()
            record = {"method": name, "seed": seed, "regrets": regrets[name, seed]}
            record |= {"benchmark": settings.benchmark, "evaluations": evaluations}
            log.write(f"\n{json.dumps(record)}")  # a line of its own, also after one that was cut off
            log.flush()
            say(f"quality: {done}/{len(jobs)} runs")
    ours, theirs = (np.array([regrets[name, seed] for seed in seeds]) for name in _METHODS)
    counts = _counts(evaluations)
    return [_line(100 * ours[:, i], 100 * theirs[:, i], count) for i, count in enumerate(counts)]


def _counts(evaluations: int) -> list[int]:
    """Where the regret is read: early too, since late both may have found the best."""
    return [evaluations // 5, evaluations // 3, evaluations]


def _line(ours: Any, theirs: Any, evaluations: int) -> Line:
    """From regrets in percentage points."""
    difference = ours - theirs
    mean, error = difference.mean(), stats.sem(difference)
    half = stats.t.ppf(0.975, len(difference) - 1) * error if error > 0 else 0.0
    return Line(
        row="quality",
        what=f"bananas, true test regret after {evaluations} evaluations, percentage points, mean over "
        f"{len(difference)} seeds: our settings, against naszilla's settings",
        ours=f"{ours.mean():.3f}",
        peer=f"{theirs.mean():.3f}",
        ratio=f"difference {mean:+.3f}, 95 % CI {mean - half:+.3f} to {mean + half:+.3f}",
        target="not worse: the CI reaches 0 or below",
        met=bool(mean - half <= 0),
    )


def _regrets(benchmark_id: str, evaluations: int, name: str, seed: int) -> list[float]:
    benchmark = nascurve.load_benchmark(benchmark_id)
    optimizer = nascurve.create_optimizer("bananas", benchmark.space, seed=seed, **_METHODS[name])
    result = nascurve.simulate(optimizer, benchmark, max_evaluations=evaluations, seed=seed)
    trajectory = result.trajectory
    rows = np.searchsorted(trajectory.evaluations, _counts(evaluations), side="right") - 1
    return [float(regret) for regret in trajectory.regret[rows]]


def _read(path: Path, settings: Settings, evaluations: int) -> dict[_Key, list[float]]:
    if not path.exists():
        return {}
    records = [
        json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.endswith("}")
    ]
    return {
        (record["method"], record["seed"]): record["regrets"]
        for record in records
        if (record["benchmark"], record["evaluations"]) == (settings.benchmark, evaluations)
        and "regrets" in record
    }
