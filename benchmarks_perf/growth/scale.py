"""What a very large sweep would need, worked out from what was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks_perf.growth.point import Point, by_series, marginal
from benchmarks_perf.line import number

PARTS = ("cores", "runs", "start")
"""What has to be measured."""
_RUNS = 10_000_000
_NODES = 1_000
_METHODS = 8  # those of the main comparison
_POLL_S = 0.5


@dataclass(frozen=True, slots=True)
class Need:
    """constant: what was measured.  need: what follows for the sweep."""

    what: str
    constant: str
    need: str


def needs(parts: Mapping[str, Sequence[Point]]) -> list[Need]:
    """For the methods of the main comparison, a process a node, and as many packed jobs as nodes. Constants a
    run are the growth between the two largest sweeps."""
    cores, sweeps, start = (by_series(parts[part]) for part in PARTS)
    by_seeds = sweeps["seeds"]
    runs_s = [points[0].values["run_wall_s"] for name, points in cores.items() if name != "sweep"]
    run_s = sum(runs_s) / len(runs_s)
    run_bytes = cores["sweep"][0].values["one_file_bytes_per_run"]
    largest = by_seeds[-1].values
    seed_s = largest["config_s"] / (by_seeds[-1].size / 2)
    job = start["job, pocket201-mnist"][0].values
    look_s = start["watch"][-1].values["poll_s"] / start["watch"][-1].size
    job_s = run_s * _RUNS / _NODES

    def a_run(name: str) -> float:
        return marginal(by_seeds, name)

    return [
        Need(
            "computing",
            f"{number(1e3 * run_s)} ms a run, mean of the {len(runs_s)} methods",
            f"{number(run_s * _RUNS / 3600)} core hours; {number(job_s / 60)} min on {_NODES:,} cores",
        ),
        Need(
            "start of the jobs",
            f"{number(job['wall_s'])} s, {number(job['peak_bytes'] / 1e6)} MB a process",
            f"{_NODES:,} jobs: {number(100 * job['wall_s'] / job_s)} % of the time",
        ),
        Need(
            "config.yaml, read by each process",
            f"{number(1e6 * seed_s)} µs a seed",
            f"{_RUNS // _METHODS:,} seeds: {number(seed_s * _RUNS / _METHODS)} s a job",
        ),
        Need(
            "store",
            f"{number(run_bytes)} bytes a run",
            f"{number(run_bytes * _RUNS / 1e9)} GB in {_NODES:,} files of "
            f"{number(run_bytes * _RUNS / _NODES / 1e6)} MB",
        ),
        Need(
            "appends to journals",
            "one a run, and a sync a second for each process",
            f"{number(_RUNS / job_s)} appends and {_NODES:,} syncs a second",
        ),
        Need(
            "watching the jobs",
            f"{number(1e6 * look_s)} µs a job and look",
            f"{number(1e3 * look_s * _NODES)} ms every {_POLL_S} s",
        ),
        Need(
            "the command's own time, meanwhile",
            f"{number(1e6 * a_run('cpu_s'))} µs a run",
            f"{number(a_run('cpu_s') * _RUNS / 60)} min on one core",
        ),
        Need(
            "the command's memory",
            f"{number(a_run('peak_bytes'))} bytes a run",
            f"{number(a_run('peak_bytes') * _RUNS / 1e9)} GB",
        ),
        Need(
            "the same command when all is done",
            f"{number(1e6 * a_run('again_cpu_s'))} µs a run",
            f"{number(a_run('again_cpu_s') * _RUNS / 60)} min",
        ),
        Need(
            "`nascurve results`",
            f"{number(1e6 * a_run('read_cpu_s'))} µs and {number(a_run('read_peak_bytes'))} bytes a run",
            f"{number(a_run('read_cpu_s') * _RUNS / 60)} min, "
            f"{number(a_run('read_peak_bytes') * _RUNS / 1e9)} GB",
        ),
    ]
