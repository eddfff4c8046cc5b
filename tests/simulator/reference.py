"""The simulator once more, slow and obviously correct: no heap, no cumulated seconds, no bookkeeping."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from nascurve.simulator.training_seeds import TrainingSeeds
from nascurve.simulator.types import Evaluation, Optimizer, Problem, Trial

from .fakes import NumberBenchmark


@dataclass
class Job:
    trial: Trial
    worker: int
    training_seed: int
    epochs: int
    charged: range
    """The epochs that are charged, counted from 0."""
    started_s: float
    charged_s: float

    @property
    def finished_s(self) -> float:
        return self.started_s + self.charged_s


def run_reference(
    optimizer: Optimizer,
    benchmark: NumberBenchmark,
    *,
    budget_s: float = math.inf,
    budget_epochs: float = math.inf,
    max_evaluations: float = math.inf,
    seed: int = 0,
    workers: int = 1,
    resume: bool = True,
    common_noise: bool = True,
) -> list[Job]:
    """The evaluations that count, in order."""
    info = benchmark.info
    seeds = TrainingSeeds(seed=seed, benchmark=benchmark, common_noise=common_noise)
    optimizer.begin(
        Problem(
            space=benchmark.space,
            max_epochs=info.max_epochs,
            fidelities=info.fidelities,
            resumable=info.resumable,
        )
    )
    now_s, training, counted = 0.0, [], []
    seed_of: dict[int, int] = {}
    while len(counted) < max_evaluations:
        idle = [worker for worker in range(workers) if worker not in [job.worker for job in training]]
        trials = optimizer.ask(len(idle)) if idle else []
        for worker, trial in zip(idle, trials, strict=False):
            if trial.id not in seed_of:
                seed_of[trial.id] = seeds.draw(trial)
            earlier = [job.epochs for job in counted if job.trial.id == trial.id]
            epochs = info.max_epochs if trial.epochs is None else trial.epochs
            charged = range(max(earlier, default=0) if resume and info.resumable else 0, epochs)
            curve = benchmark.query(trial.arch, seed=seed_of[trial.id], epochs=epochs)
            seconds = math.fsum(curve.epoch_s[epoch] for epoch in charged)
            training.append(Job(trial, worker, seed_of[trial.id], epochs, charged, now_s, seconds))
        job = min(training, key=lambda job: job.finished_s)  # the first started of those that tie
        used = sum(len(done.charged) for done in counted)
        if job.finished_s > budget_s or used + len(job.charged) > budget_epochs:
            break
        training.remove(job)
        counted.append(job)
        now_s = job.finished_s
        curve = benchmark.query(job.trial.arch, seed=job.training_seed, epochs=job.epochs).observed(
            job.epochs
        )
        optimizer.tell(
            [Evaluation(trial=job.trial, curve=curve, started_s=job.started_s, finished_s=job.finished_s)]
        )
    return counted


def as_rows(jobs: list[Job], benchmark: NumberBenchmark) -> list[tuple[Any, ...]]:
    """The reference's evaluations as EvaluationRecord has them, without is_incumbent."""
    return [
        (
            job.trial.id,
            job.trial.arch,
            job.epochs,
            len(job.charged),
            job.started_s,
            job.finished_s,
            job.charged_s,
            job.worker,
            job.training_seed,
            benchmark.query(job.trial.arch, seed=job.training_seed, epochs=job.epochs).val_acc[-1],
        )
        for job in jobs
    ]
