"""Trains random entries of a table again, and says how they differ from it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass

import numpy as np
from scipy import stats

from nascurve import options
from nascurve.benchmarks.network import Network
from nascurve.benchmarks.table import CurveTable
from nascurve.benchmarks.task import Task
from nascurve.benchmarks.task_worker import prepared_task, start_worker
from nascurve.benchmarks.training import PreparedTask, TrainingRuns, train_network
from nascurve.errors import ConfigError, NascurveError
from nascurve.processes import available_cores, worker_pool
from nascurve.simulator.types import FloatArray

LEVEL = 0.01
"""Significance level of the two tests for "within seed noise"."""
_OTHER_SEED = 1_000_003
"""Added to a training seed to measure the noise between seeds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """How n runs trained again compare with the table.

    entries: (network, training seed) of each. n_exact: how many agree in every stored number.
    difference: (n,) final validation accuracy, trained again minus table. seed_difference: (n,) the same
        between two seeds trained here; None when all agree exactly, since it is not needed then.
    p_mean: of a t-test that `difference` has mean 0. p_spread: of a one-sided Levene test that `difference`
        spreads no more than `seed_difference`. Both 1 when all agree exactly.
    """

    entries: tuple[tuple[str, int], ...]
    n_exact: int
    difference: FloatArray
    seed_difference: FloatArray | None
    p_mean: float
    p_spread: float

    @property
    def verdict(self) -> str:
        """ "exact", "within seed noise" (neither test rejects at LEVEL) or "differs"."""
        if self.n_exact == len(self.entries):
            return "exact"
        return "within seed noise" if min(self.p_mean, self.p_spread) >= LEVEL else "differs"


def verify(
    table: CurveTable,
    task: Task,
    *,
    n: int,
    rng: np.random.Generator,
    processes: int | None = None,
    on_run: Callable[[int], object] = lambda runs: None,
) -> Verification:
    """Train n random entries of `table` again on the CPU.

    On the versions and the kind of processor that made the table every number agrees. Elsewhere rounding
    differs, which training amplifies: then each entry is trained with another seed too, and the differences
    to the table are judged against those between seeds (Verification.p_mean, p_spread).

    Raises ConfigError when the task is not the one that the table was made with, or its data differ.
    """
    n = options.integer("verify", n, at_least=1)
    recipe = table.meta.recipe
    made_with = recipe.get("task"), recipe.get("data_sha256")
    prepared = PreparedTask(task)
    here = task.name, prepared.data.checksum()
    if made_with != here:
        raise ConfigError(
            f"verify: the table of {table.meta.benchmark}-v{table.meta.version} was made with task and data "
            f"{made_with}; here they are {here}. Install the versions in its metadata "
            f"(nascurve describe shows them), or give the table of this task."
        )
    live = table.trained & (table.network != "empty")
    places = np.argwhere(live)
    chosen = places[np.sort(rng.permutation(len(places))[:n])]
    entries = tuple((str(table.network[row]), table.meta.training_seeds[k]) for k, row in chosen)
    again = _train(task, entries, processes, on_run)
    exact = np.array([_equal(table, k, row, run) for (k, row), run in zip(chosen, again, strict=True)])
    final = np.array([run.val_correct[0, -1] for run in again]) / table.meta.n_val
    difference = final - table.val_correct[chosen[:, 0], chosen[:, 1], -1] / table.meta.n_val
    if exact.all():
        return Verification(
            entries=entries,
            n_exact=len(entries),
            difference=difference,
            seed_difference=None,
            p_mean=1.0,
            p_spread=1.0,
        )
    others = _train(task, [(name, seed + _OTHER_SEED) for name, seed in entries], processes, on_run)
    seed_difference = np.array([run.val_correct[0, -1] for run in others]) / table.meta.n_val - final
    return Verification(
        entries=entries,
        n_exact=int(exact.sum()),
        difference=difference,
        seed_difference=seed_difference,
        p_mean=_p_of_mean(difference),
        p_spread=_p_of_spread(difference, seed_difference),
    )


def _p_of_mean(difference: FloatArray) -> float:
    if len(difference) < 2 or not difference.std() > 0:
        return 1.0 if not difference.any() else 0.0
    return float(stats.ttest_1samp(difference, 0.0).pvalue)


def _p_of_spread(difference: FloatArray, seed_difference: FloatArray) -> float:
    """One-sided: small when `difference` spreads more than `seed_difference`."""
    if len(difference) < 2:
        return 1.0
    p = float(stats.levene(difference, seed_difference, center="median").pvalue)
    wider = np.median(np.abs(difference)) > np.median(np.abs(seed_difference))
    return p / 2 if wider else 1 - p / 2


def _equal(table: CurveTable, k: int, row: int, run: TrainingRuns) -> bool:
    losses = (
        np.array_equal(getattr(table, name)[k, row], getattr(run, name)[0], equal_nan=True)
        for name in ("val_loss", "train_loss")
    )
    return (
        np.array_equal(table.val_correct[k, row], run.val_correct[0])
        and table.test_correct[k, row] == run.test_correct[0]
        and all(losses)
    )


def _train(
    task: Task,
    entries: Sequence[tuple[str, int]],
    processes: int | None,
    on_run: Callable[[int], object],
) -> list[TrainingRuns]:
    workers = min(processes or available_cores(), len(entries))
    try:
        with worker_pool(workers, start_worker, (task,)) as pool:
            futures = [pool.submit(_work, name, seed) for name, seed in entries]
            for future in as_completed(futures):
                future.result()
                on_run(1)
            return [future.result() for future in futures]
    except BrokenProcessPool as error:
        raise NascurveError(
            "verify: a worker process died (out of memory, or killed). Run the same command again, with "
            "fewer processes= if memory was short."
        ) from error


def _work(name: str, seed: int) -> TrainingRuns:
    return train_network(prepared_task(), Network.parse(name), seed)
