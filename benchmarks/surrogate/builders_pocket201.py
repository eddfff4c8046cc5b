"""`pocket201-mnist-surrogate`: fitted to a part of a table that holds every network, so it can be checked."""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from nascurve import options
from nascurve.benchmarks.pocket201 import load_pocket201_mnist
from nascurve.benchmarks.surrogate.benchmark import SurrogateBenchmark
from nascurve.benchmarks.surrogate.curve_data import CurveData, IntArray
from nascurve.benchmarks.surrogate.folder import is_surrogate_folder, load_surrogate_folder, save_surrogate
from nascurve.benchmarks.surrogate.sources import runs_of_benchmark
from nascurve.benchmarks.surrogate.surrogate import Surrogate, checked_settings, library_versions
from nascurve.benchmarks.table_benchmark import TableBenchmark
from nascurve.errors import DataFileError
from nascurve.locks import exclusive
from nascurve.simulator.types import Architecture, FloatArray, SearchSpace

_LOG = logging.getLogger(__name__)
_NAME = "pocket201-mnist-surrogate"
_N_ARCHITECTURES = 1_500
_LEAST = 50
_WAIT_S = 0.2


def load_pocket201_mnist_surrogate(
    *,
    n_architectures: int = _N_ARCHITECTURES,
    seed: int = 0,
    noise: bool = True,
    n_seeds: int | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
) -> SurrogateBenchmark:
    """`pocket201-mnist-surrogate-v1`: predicted curves for every network of pocket201-mnist, from a part of
    its table.

    n_architectures: how many networks, drawn at random with `seed`, the surrogate is fitted to, with their
        three trainings each: 50 or more. The 400 networks with eight trainings are never among them, so that
        they can judge it. seed: of the fit too.
    noise, n_seeds: see `SurrogateBenchmark`.
    cache_dir: a folder in which the fitted surrogate is kept, and looked for; of several processes one fits
        it and the others wait. None: it is fitted again in each process, at the first question (some ten
        seconds), so give one to `nascurve compare`, whose processes each need it.

    The same arguments and library versions give the same curves. Raises ConfigError.
    """
    table = load_pocket201_mnist()
    counts = table.table.trained.sum(axis=0)
    n = options.integer(
        "n_architectures",
        n_architectures,
        at_least=_LEAST,
        at_most=int((counts == table.info.n_seeds).sum()),
        hint=f"So many networks of {table.info.name} are not kept for checking.",
    )
    seed = options.integer("seed", seed, at_least=0)
    folder = None
    if cache_dir is not None:
        folder = options.path("cache_dir", cache_dir) / f"{_NAME}-v1-{n}-{seed}"
    plain = (n, seed) == (_N_ARCHITECTURES, 0)
    later = FittedLater(
        lambda: runs_of_benchmark(table, archs=training_networks(table), n_architectures=n, seed=seed),
        space=table.space,
        n_epochs=table.info.max_epochs,
        facts={
            "source": f"{table.info.name}-v{table.info.version}",
            "table_sha256": table.info.details["data_sha256"],
            "n_architectures": n,
            "seed": seed,
            "settings": checked_settings(None),
        },
        folder=folder,
    )
    return SurrogateBenchmark(
        later,
        name=_NAME if plain else f"{_NAME}-{n}-{seed}",
        noise=noise,
        n_seeds=n_seeds,
        licence=table.info.licence,
        citation=table.info.citation,
        description=f"Predicted learning curves over cell201, fitted to {n} networks of {table.info.name}.",
    )


def training_networks(table: TableBenchmark) -> list[Architecture]:
    """The first architecture of each network with no more trainings than the least trained one, by key."""
    space = table.space
    first: dict[str, Architecture] = {}
    for arch in space.all():  # type: ignore[attr-defined]
        first.setdefault(space.key(arch), arch)
    return [first[key] for key in sorted(first) if table.training_runs(first[key]) == table.info.n_seeds]


class FittedLater:
    """A surrogate with default settings that is fitted, or read from its cache, at the first question.

    runs: gives the training runs. space, n_epochs: theirs. facts: what is known of it before, with the
    settings and the seed of the fit. folder: of its cache, or None. A cache that is damaged, or of other
    runs, settings or library versions, is made anew, with a warning in the log.
    """

    early_epochs = 0

    def __init__(
        self,
        runs: Callable[[], CurveData],
        *,
        space: SearchSpace,
        n_epochs: int,
        facts: Mapping[str, Any],
        folder: Path | None,
    ) -> None:
        self._runs = runs
        self.space, self.n_epochs, self.facts = space, n_epochs, facts
        self._folder = folder

    def mean_curves(self, archs: Sequence[Architecture], early: Any = None) -> FloatArray:
        return self.fitted.mean_curves(archs, early)

    def add_noise(
        self, archs: Sequence[Architecture], seeds: Sequence[int], mean_curves: FloatArray
    ) -> FloatArray:
        return self.fitted.add_noise(archs, seeds, mean_curves)

    def epoch_s(self, archs: Sequence[Architecture]) -> FloatArray:
        return self.fitted.epoch_s(archs)

    def divergence(self, archs: Sequence[Architecture]) -> FloatArray:
        return self.fitted.divergence(archs)

    def lengths(
        self, archs: Sequence[Architecture], seeds: Sequence[int], divergence: FloatArray
    ) -> IntArray:
        return self.fitted.lengths(archs, seeds, divergence)

    @functools.cached_property
    def fitted(self) -> Surrogate:
        """The surrogate itself."""
        data = self._runs()
        if self._folder is None:
            _LOG.warning("%s: fitted in this process; cache_dir= keeps it for the next ones.", _NAME)
            return self._fit(data)
        with _alone(self._folder):
            cached = self._cached(self._folder, data)
            if cached is not None:
                return cached
            surrogate = self._fit(data)
            try:
                save_surrogate(surrogate, self._folder)
            except DataFileError as error:
                _LOG.warning("The fitted surrogate is not kept: %s", error)
            return surrogate

    def _fit(self, data: CurveData) -> Surrogate:
        return Surrogate.fit(data, self.facts["settings"], self.facts["seed"])

    def _cached(self, folder: Path, data: CurveData) -> Surrogate | None:
        if not is_surrogate_folder(folder):
            return None
        try:
            surrogate, _ = load_surrogate_folder(folder)
        except DataFileError as error:
            _LOG.warning("The surrogate is fitted anew: %s", error)
            return None
        facts = surrogate.facts
        wanted = (data.sha256, self.facts["settings"], self.facts["seed"], library_versions())
        if (facts["training"]["sha256"], facts["settings"], facts["seed"], facts["versions"]) == wanted:
            return surrogate
        _LOG.warning("%s: fitted to other runs, settings or versions; it is fitted anew.", folder)
        return None


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the folder's lock, waiting for who has it. Without it where it cannot be made: nothing can be kept
    there then either."""
    with contextlib.ExitStack() as held:
        while True:
            try:
                folder.parent.mkdir(parents=True, exist_ok=True)
                held.enter_context(exclusive(folder.with_name(f".{folder.name}.lock"), "Another one fits it"))
                break
            except (DataFileError, OSError) as error:
                if not isinstance(error.__cause__, BlockingIOError):
                    break
            time.sleep(_WAIT_S)
        yield
