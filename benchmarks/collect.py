"""Trains a benchmark's curves: any networks x seeds of a task, on all cores or a GPU, resumable at any
moment."""

from __future__ import annotations

import functools
import json
import platform
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from nascurve.benchmarks.network import Network
from nascurve.benchmarks.shards import Shard, chunks, finished_runs
from nascurve.benchmarks.task import Task
from nascurve.benchmarks.task_worker import prepared_task, start_worker
from nascurve.benchmarks.training import PreparedTask, TrainingRuns, train_network
from nascurve.errors import ConfigError, DataFileError, NascurveError
from nascurve.locks import exclusive
from nascurve.processes import available_cores, worker_pool

_SETTINGS = "collection.json"
ShardJob = tuple[tuple[Network, ...], int]
"""Networks, and the seed to train them with."""
Trainer = Callable[[Task, Sequence[ShardJob], Path, Callable[[int], None]], None]
"""Trains shards and writes them into a folder; called with each shard's number of runs."""


def collection_settings(task: Task, data_checksum: str) -> dict[str, Any]:
    """What must be the same for all runs of a collection."""
    return {
        "task": task.name,
        "task_version": task.version,
        "data_sha256": data_checksum,
        "recipe": asdict(task.recipe),
        "skeleton": asdict(task.skeleton),
    }


def software_versions() -> dict[str, str]:
    """What a run's exact numbers depend on besides its settings."""
    found = {name: _version(name) for name in ("nascurve", "numpy", "numba", "llvmlite", "torch", "mlxtend")}
    return {**found, "python": platform.python_version(), "machine": platform.machine(), "cpu": _cpu_name()}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _cpu_name() -> str:
    import llvmlite.binding

    return str(llvmlite.binding.get_host_cpu_name())  # type: ignore[no-untyped-call]


def collect(
    task: Task,
    networks: Sequence[Network],
    seeds: Sequence[int],
    out: Path,
    *,
    processes: int | None = None,
    device: str = "cpu",
    shard_size: int = 16,
    trainer: Trainer | None = None,
    on_start: Callable[[int, int], None] = lambda total, done: None,
    on_shard: Callable[[int], None] = lambda runs: None,
) -> int:
    """Train every network with every seed that `out` does not hold yet. Returns the number of runs trained.

    The result of a run depends on the task, the network and the seed alone: neither on the order, nor on the
    number of processes, nor on what was there before. Shards appear whole; a killed collection goes on where
    it was and loses at most `shard_size` runs a process. Damaged shards are trained again.

    Networks and seeds that come twice are trained once. processes: workers, one thread each; all cores by
    default (one for a GPU). device: "cpu", or a torch device such as "cuda" (packs of `shard_size` networks
    then train as one). trainer: who trains the shards, in place of such workers.
    on_start(total, done): number of runs wanted, and of those found; on_shard(runs): called after every shard
    written.

    Raises ConfigError when `out` holds a collection of other settings, DataFileError when it is in use or
    cannot be written, NascurveError when a worker dies.
    """
    for name, value in (("processes", processes), ("shard_size", shard_size)):
        if value is not None and value < 1:
            raise ConfigError(f"collect: expected {name} >= 1, got {value}.")
    if not networks or not seeds or min(seeds) < 0:
        raise ConfigError("collect: expected at least one architecture and one seed, and no negative seed.")
    shards = out / "shards"
    with (
        _clear_disk_errors(out),
        exclusive(out / "collection.lock", "Another `nascurve collect` is at work in this folder"),
    ):
        shards.mkdir(exist_ok=True)
        prepared = PreparedTask(task)
        _check_settings(out, task, prepared.data.checksum())
        for leftover in shards.glob(".*.part"):
            leftover.unlink()
        done = finished_runs(shards)
        wanted = [(seed, network) for seed in dict.fromkeys(seeds) for network in dict.fromkeys(networks)]
        missing = [pair for pair in wanted if (pair[0], str(pair[1])) not in done]
        on_start(len(wanted), len(wanted) - len(missing))
        if not missing:
            return 0
        jobs = [
            (chunk, seed)
            for seed in dict.fromkeys(seed for seed, _ in missing)
            for chunk in chunks([network for own, network in missing if own == seed], shard_size)
        ]
        if trainer is None:
            workers = processes or (1 if device != "cpu" else available_cores())
            trainer = functools.partial(_train_all, workers=workers, device=device)
        trainer(task, jobs, shards, on_shard)
        return len(missing)


def networks_in_random_order(networks: Sequence[Network], n: int | None = None) -> list[Network]:
    """`n` of the networks (all by default) in a fixed random order, so that the part of a collection that is
    there is always a random sample of the space."""
    order = np.random.default_rng(0).permutation(len(networks))
    return [networks[i] for i in order[:n]]


def train_shard(
    prepared: PreparedTask, networks: Sequence[Network], seed: int, device: str = "cpu"
) -> TrainingRuns:
    """Train some networks with one seed; the empty one among them gets the constant prediction."""
    live = [network for network in networks if network.edges]
    if device == "cpu":
        trained = [train_network(prepared, network, seed) for network in live]
    else:
        from nascurve.benchmarks.packed_training import PackedTrainer

        packed = PackedTrainer(prepared, device=device).train(live, seed) if live else None
        trained = [] if packed is None else [packed.row(i) for i in range(len(live))]
    by_network = dict(zip(live, trained, strict=True))
    return TrainingRuns.concatenate(
        [by_network[network] if network.edges else prepared.constant_prediction() for network in networks]
    )


def train_and_write(
    prepared: PreparedTask, networks: tuple[Network, ...], seed: int, folder: Path, device: str = "cpu"
) -> None:
    """Train a shard and put it into the folder. Raises OSError."""
    Shard(networks=networks, seed=seed, runs=train_shard(prepared, networks, seed, device)).write(folder)


def _work(networks: tuple[Network, ...], seed: int, folder: Path, device: str) -> int:
    train_and_write(prepared_task(), networks, seed, folder, device)
    return len(networks)


def _train_all(
    task: Task,
    jobs: Sequence[ShardJob],
    folder: Path,
    on_shard: Callable[[int], None],
    *,
    workers: int,
    device: str,
) -> None:
    try:
        with worker_pool(min(workers, len(jobs)), start_worker, (task,)) as pool:
            futures = [pool.submit(_work, *job, folder, device) for job in jobs]
            for future in as_completed(futures):
                on_shard(future.result())
    except BrokenProcessPool as error:
        raise NascurveError(
            "collect: a worker process died (out of memory, or killed). Finished shards are kept: run the "
            "same command again to go on, with fewer processes= if memory was short."
        ) from error


@contextmanager
def _clear_disk_errors(out: Path) -> Iterator[None]:
    try:
        out.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise DataFileError(
            f"{error.filename or out}: cannot write: {error.strerror or error}. Finished shards are kept: "
            "make room or choose a folder that can be written, then run the same command again to go on."
        ) from error


def _check_settings(out: Path, task: Task, data_checksum: str) -> None:
    path, settings = out / _SETTINGS, collection_settings(task, data_checksum)
    if not path.exists():
        part = path.with_suffix(".part")
        try:
            about = {"task_options": getattr(task, "options", {}), "software": software_versions()}
            part.write_text(json.dumps({**settings, **about}, indent=1))
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
        return
    there = read_settings(out)
    changed = [
        f"{key}: {there.get(key)!r} there, {value!r} now"
        for key, value in settings.items()
        if there.get(key) != value
    ]
    if changed:
        raise ConfigError(
            f"{out} holds a collection of other settings ({'; '.join(changed)}). Give another out=, since "
            "runs of different settings do not belong into one table."
        )


def read_settings(out: Path) -> dict[str, Any]:
    """The settings and software versions that a collection was started with. Raises DataFileError."""
    path = out / _SETTINGS
    try:
        settings = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise DataFileError(
            f"{path}: expected the settings of a collection ({error}). Give the folder that `nascurve "
            "collect` wrote; if only this file is damaged, delete it and collect again: finished shards are "
            "kept."
        ) from error
    if not isinstance(settings, dict):
        raise DataFileError(
            f"{path}: expected a JSON object. Delete it and collect again: finished shards are kept."
        )
    return settings
