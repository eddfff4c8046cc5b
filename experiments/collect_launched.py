"""Collecting learning curves by jobs of a launcher: `nascurve collect … hydra/launcher=NAME`."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nascurve.benchmarks.collect import ShardJob, train_and_write
from nascurve.benchmarks.network import Network
from nascurve.benchmarks.shards import read_shards, shard_path
from nascurve.benchmarks.task import Task
from nascurve.experiments.hydra_jobs import HydraJobs

_MAX_JOBS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchedTrainer:
    """A trainer for `collect`: shards are packed into jobs of about `job_s` real seconds, by what trainings
    are measured to cost, and every job is done by a process of the launcher's.

    task_id, task_options: how another process makes the task.
    """

    jobs: HydraJobs
    job_s: float
    task_id: str
    task_options: Mapping[str, Any]
    device: str

    def __call__(
        self,
        task: Task,
        shard_jobs: Sequence[ShardJob],
        folder: Path,
        on_shard: Callable[[int], None],
    ) -> None:
        """Raises WorkersLostError with what the launcher reports; finished shards are kept."""
        cost_s = _measured_cost_s(folder)
        if math.isnan(cost_s):  # nothing is known yet: one shard here tells
            start_s = time.perf_counter()
            train_listed(
                self.task_id, dict(self.task_options), self.device, str(folder), [_plain(shard_jobs[0])]
            )
            n_runs = len(shard_jobs[0][0])
            cost_s = (time.perf_counter() - start_s) / n_runs
            on_shard(n_runs)
            shard_jobs = shard_jobs[1:]
        if not shard_jobs:
            return
        runs_per_job = max(1, round(self.job_s / cost_s))
        sizes = {shard_path(folder, networks, seed): len(networks) for networks, seed in shard_jobs}

        def poll() -> None:
            for path in [path for path in sizes if path.exists()]:
                on_shard(sizes.pop(path))

        self.jobs.run(
            [
                {
                    "kind": "shards",
                    "task_id": self.task_id,
                    "task_options": dict(self.task_options),
                    "device": self.device,
                    "folder": str(folder.absolute()),
                    "shards": [_plain(job) for job in group],
                }
                for group in grouped(shard_jobs, runs_per_job)
            ],
            folder.parent / "logs",
            poll,
        )


def train_listed(
    task_id: str, task_options: Mapping[str, Any], device: str, folder: str, shards: Sequence[Any]
) -> None:
    """Train shards, each [network strings, seed], one after the other, and write them into the folder."""
    from nascurve.benchmarks.tasks import create_task
    from nascurve.benchmarks.training import PreparedTask

    prepared = PreparedTask(create_task(task_id, **task_options))
    for networks, seed in shards:
        parsed = tuple(Network.parse(network) for network in networks)
        train_and_write(prepared, parsed, int(seed), Path(folder), device)


def _plain(job: ShardJob) -> list[Any]:
    networks, seed = job
    return [[str(network) for network in networks], seed]


def _measured_cost_s(folder: Path) -> float:
    """Mean seconds of a training in the shards that are there; NaN without any."""
    seconds = [
        float(np.sum(shard.runs.train_s) + np.sum(shard.runs.eval_s)) / len(shard.networks)
        for shard in read_shards(folder)
    ]
    return float(np.mean(seconds)) if seconds else math.nan


def grouped(jobs: Sequence[ShardJob], runs_per_job: int) -> list[list[ShardJob]]:
    """Shards dealt out to jobs of about so many runs, one after the other: equal in number, and in cost as
    far as chance allows."""
    n_runs = sum(len(networks) for networks, _ in jobs)
    n_groups = min(max(1, math.ceil(n_runs / runs_per_job)), _MAX_JOBS, len(jobs))
    return [list(jobs[start::n_groups]) for start in range(n_groups)]
