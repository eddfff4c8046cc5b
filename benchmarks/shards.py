"""Finished training runs on disk: small files written whole, so that a crash loses at most the one in
work."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from nascurve.benchmarks.array_file import read_arrays, write_arrays
from nascurve.benchmarks.network import Network
from nascurve.benchmarks.training import TrainingRuns
from nascurve.errors import DataFileError

_FORMAT = "nascurve-training-runs"
_VERSION = 1
_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Shard:
    """Runs of some networks with one seed; row i of `runs` belongs to `networks[i]`."""

    networks: tuple[Network, ...]
    seed: int
    runs: TrainingRuns

    def write(self, folder: Path) -> Path:
        """Write into `folder` under a name made of the contents' identity; whole or not at all."""
        path = shard_path(folder, self.networks, self.seed)
        names = [str(network) for network in self.networks]
        arrays = {field.name: getattr(self.runs, field.name) for field in fields(TrainingRuns)}
        meta = {"format": _FORMAT, "format_version": _VERSION, "seed": self.seed}
        write_arrays(path, {"network": np.array(names), **arrays}, meta)
        return path

    @classmethod
    def read(cls, path: Path) -> Shard:
        """Read a shard. Raises DataFileError for anything but a sound one."""
        remedy = "Delete it: `nascurve collect` then trains its networks again."
        arrays, meta = read_arrays(path, kind=_FORMAT, format_version=_VERSION, remedy=remedy)
        names = [field.name for field in fields(TrainingRuns)]
        seed = meta.get("seed")
        if set(arrays) != {"network", *names} or type(seed) is not int or seed < 0:
            raise DataFileError(
                f"{path}: expected the arrays network, {', '.join(names)} and a seed. {remedy}"
            )
        runs = TrainingRuns(**{name: arrays[name] for name in names})
        n = len(arrays["network"])
        if runs.val_correct.ndim != 2 or any(len(getattr(runs, name)) != n for name in names):
            raise DataFileError(
                f"{path}: its arrays do not have one row for each of its {n} networks. {remedy}"
            )
        return cls(
            networks=tuple(Network.parse(name) for name in arrays["network"].tolist()), seed=seed, runs=runs
        )


def shard_path(folder: Path, networks: Sequence[Network], seed: int) -> Path:
    """Where the shard of these networks and this seed is written."""
    identity = hashlib.sha256("\n".join(map(str, networks)).encode()).hexdigest()[:16]
    return folder / f"seed{seed}-{identity}.npz"


def read_shards(folder: Path) -> Iterator[Shard]:
    """All sound shards in a folder, in the order of their names. A damaged one is reported and passed
    over."""
    for path in sorted(folder.glob("seed*.npz")):
        try:
            yield Shard.read(path)
        except DataFileError as error:
            _log.warning("Passed over: %s", error)


def finished_runs(folder: Path) -> set[tuple[int, str]]:
    """(seed, network string) of every run in the folder's sound shards."""
    return {(shard.seed, str(network)) for shard in read_shards(folder) for network in shard.networks}


def chunks(networks: Sequence[Network], size: int) -> Iterator[tuple[Network, ...]]:
    for start in range(0, len(networks), size):
        yield tuple(networks[start : start + size])
