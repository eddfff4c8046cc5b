"""NAS-Bench-301: about 50,000 training runs in the DARTS space, and the surrogates fitted to them."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nascurve import options
from nascurve.benchmarks.curve_benchmark import CurveBenchmark, curve_rows
from nascurve.benchmarks.files.cached import open_cached
from nascurve.benchmarks.files.card import OfficialCard, OfficialFile
from nascurve.benchmarks.files.source import guarded
from nascurve.benchmarks.held_space import HeldSpace
from nascurve.benchmarks.nb301.genotype import DartsGenotype
from nascurve.benchmarks.nb301.run_files import (
    FORMAT_VERSION,
    PICKLE,
    convert_naslib,
    convert_runs,
    result_files,
)
from nascurve.benchmarks.nb301.run_table import SHORT_RUNS, RunTable
from nascurve.benchmarks.nb301.space import DartsSpace
from nascurve.benchmarks.nb301.surrogate import Surrogate
from nascurve.benchmarks.synthetic_traits import normals
from nascurve.errors import CapabilityError, ConfigError
from nascurve.simulator.types import Architecture, BenchmarkInfo, FloatArray, LearningCurve

SURROGATES = ("xgb", "gnn_gin", "lgb")
MAX_EPOCHS = 98
"""Of the schedule of 100 epochs, those that the published runs have curves for."""

_SPACE = DartsSpace()
_NOISE = "nb301 noise 1"


class NB301(CurveBenchmark):
    """NAS-Bench-301 from the authors' files: real runs, or the final accuracies that a surrogate predicts.

    data_dir: for runs, the folder with `<optimizer>/results_<i>.json` below it or a zip archive of it, or
        NASLib's `nb301_full_training.pickle` (or its folder); for surrogates, the folder with `xgb_v1.0`,
        `gnn_gin_v1.0` and `lgb_runtime_v1.0` (or v0.9; of several the newest).
    cache_dir: folder of the converted cache; beside the data when None. Where it holds the cache already,
        data_dir may be left out.
    surrogate: None: the runs. "xgb", "gnn_gin" or "lgb": that model for the accuracy; the time comes from
        `lgb_runtime`. They give the last epoch only, so that LCE is refused.
    noise: of a surrogate: whether trainings scatter with the standard deviation of its members, as by default
        in the official code. There the noise comes from the global generator; here from (architecture, seed).
    n_seeds: of a surrogate with noise: trainings that can be asked for.
    short_runs: "drop" (default) or "hold": see `RunTable`.
    restrict: whether `space` holds only the architectures with runs. None: for runs, yes.

    Runs. seed: index among an architecture's runs, by optimizer and file number (no seeds are published).
    val_acc, val_loss, train_loss as logged; test_acc at the last epoch, before where it was logged; epoch_s
    = the run's seconds / its epochs. Without learning curves in the files (the surrogates' data set): the
    final accuracies only, fidelities = (last epoch,). NASLib's pickle has no test accuracy: `true_test_acc`
    is validation accuracy there. `method_of` tells which optimizers a run comes from.

    Surrogates. val_acc at the last epoch; `true_test_acc` is the prediction of *validation* accuracy without
    noise, since no surrogate predicts test accuracy; `best()` is None: nobody knows.

    Source: Zela et al. 2022 and github.com/automl/nasbench301.
    Raises ConfigError for options, DataFileError for files that are missing or not as published.
    """

    card = OfficialCard(
        id="nb301",
        kind="real",
        space=_SPACE.name,
        max_epochs=MAX_EPOCHS,
        n_seeds=1,
        files=(
            OfficialFile(
                name="<optimizer>/results_<i>.json",
                published="with learning curves: figshare.com, article 13286105 (nasbench301_full_data); "
                "without: article 13246952",
            ),
            OfficialFile(name=PICKLE, published="by github.com/automl/NASLib, instead of the runs"),
            OfficialFile(
                name="nb_models_1.0/{xgb,gnn_gin,lgb_runtime}_v1.0",
                published="for surrogate=…: figshare.com, article 13061510; v0.9: article 12962432",
            ),
        ),
        licence="of the data: see the figshare articles; of the authors' package: 3-clause BSD",
        citation="A. Zela, J. N. Siems, L. Zimmer, J. Lukasik, M. Keuper, F. Hutter. Surrogate NAS "
        "Benchmarks: Going Beyond the Limited Search Spaces of Tabular NAS Benchmarks. ICLR 2022.",
        description="CIFAR-10 networks of the DARTS space (8 cells, 32 channels), trained for 98 epochs.",
    )

    def __init__(
        self,
        *,
        data_dir: str | Path | None = None,
        cache_dir: str | Path | None = None,
        surrogate: str | None = None,
        noise: bool = True,
        n_seeds: int = 5,
        short_runs: str = "drop",
        restrict: bool | None = None,
    ) -> None:
        data = None if data_dir is None else options.path("data_dir", data_dir)
        cache = None if cache_dir is None else options.path("cache_dir", cache_dir)
        options.flag("noise", noise)
        n_seeds = options.integer("n_seeds", n_seeds, at_least=1)
        options.choice("short_runs", short_runs, SHORT_RUNS)
        if restrict is not None:
            options.flag("restrict", restrict)
        self._noise = noise
        self._table: RunTable | None = None
        self._surrogate: Surrogate | None = None
        if surrogate is None:
            self._table = _open_runs(data, cache, short_runs)
            space: DartsSpace | HeldSpace = _SPACE
            if restrict is not False:
                space = HeldSpace(_SPACE, self._table.archs, digest=self._table.digest)
            info = self._info_of(self._table, space.name)
        else:
            options.choice("surrogate", surrogate, SURROGATES)
            if restrict:
                raise ConfigError("restrict: a surrogate answers for the whole space; leave it out.")
            self._surrogate = Surrogate.open(surrogate, card=self.card, data_dir=data, cache_dir=cache)
            self._runtime = Surrogate.open("lgb_runtime", card=self.card, data_dir=data, cache_dir=cache)
            space = _SPACE
            info = self._surrogate_info(n_seeds if noise else 1)
        super().__init__(space=space, info=info)

    def _info_of(self, table: RunTable, space: str) -> BenchmarkInfo:
        test = (
            "at the last epoch; before it where it was logged"
            if table.has_test
            else "not published in this file"
        )
        details = {
            "val_acc": "after each epoch; NaN from divergence on"
            if table.fidelities is None
            else "at the last epoch; these files hold no learning curves",
            "test_acc": test,
            "true_test_acc": "test accuracy" if table.has_test else "validation accuracy at the last epoch",
            "seconds": "the run's time, evaluations included, over its epochs",
            "seeds": "not published: runs are told apart by optimizer and file number",
            **table.details,
        }
        return self._make_info(
            "real", space, table.max_epochs, table.n_seeds, table.metrics, table.fidelities, details
        )

    def _surrogate_info(self, n_seeds: int) -> BenchmarkInfo:
        details = {
            "surrogate": self._surrogate.name if self._surrogate else "",
            "n_members": self._surrogate.n_members if self._surrogate else 0,
            "runtime_surrogate": self._runtime.name,
            "noise": "normal, of the members' standard deviation" if self._noise else "none",
            "val_acc": "predicted, at the last epoch",
            "true_test_acc": "predicted validation accuracy, without noise: no model of test accuracy",
            "seconds": "predicted for the run, over its epochs",
        }
        return self._make_info(
            "surrogate", _SPACE.name, MAX_EPOCHS, n_seeds, ("val_acc",), (MAX_EPOCHS,), details
        )

    def _make_info(
        self,
        kind: Any,
        space: str,
        max_epochs: int,
        n_seeds: int,
        metrics: tuple[str, ...],
        fidelities: tuple[int, ...] | None,
        details: dict[str, Any],
    ) -> BenchmarkInfo:
        return BenchmarkInfo(
            name=self.card.id,
            version=1,
            kind=kind,
            space=space,
            max_epochs=max_epochs,
            n_seeds=n_seeds,
            metrics=metrics,
            fidelities=fidelities,
            licence=self.card.licence,
            citation=self.card.citation,
            description=self.card.description,
            required_files=tuple(file.name for file in self.card.files),
            details=details,
        )

    def _make(self, archs: Sequence[Architecture], seeds: Sequence[int]) -> list[LearningCurve]:
        if self._table is not None:
            return self._table.curves(archs, seeds)
        distinct = list(dict.fromkeys(archs))
        place = {arch: i for i, arch in enumerate(distinct)}
        rows = [place[arch] for arch in archs]
        mean, spread = self._predicted(distinct)
        acc = mean[rows]
        if self._noise:
            draws = normals([f"{_NOISE} {seed} {arch}" for arch, seed in zip(archs, seeds, strict=True)], 1)
            acc = acc + spread[rows] * draws[:, 0]
        val_acc = np.full((len(archs), MAX_EPOCHS), np.nan)
        val_acc[:, -1] = np.clip(acc / 100, 0.0, 1.0)
        seconds = np.maximum(self._runtime.predict(_genotypes(distinct))[0], 0.0)[rows] / MAX_EPOCHS
        return curve_rows(val_acc=val_acc, epoch_s=np.repeat(seconds[:, None], MAX_EPOCHS, axis=1))

    def _predicted(self, archs: Sequence[Architecture]) -> tuple[FloatArray, FloatArray]:
        """Mean and standard deviation of the accuracy surrogate's members, in %."""
        if self._surrogate is None:
            raise CapabilityError(f"{self.info.name}: these are runs; give surrogate= to ask a surrogate.")
        return self._surrogate.predict(_genotypes(archs))

    def training_runs(self, arch: Architecture) -> int:
        """How many runs of the architecture there are; of a surrogate, `info.n_seeds`."""
        self._check(arch)
        return self.info.n_seeds if self._table is None else self._table.runs(arch, self.info.name)

    def method_of(self, arch: Architecture) -> tuple[str, ...]:
        """The optimizers that the architecture's runs come from, in the order of the seeds ("naslib" in
        NASLib's pickle, which does not tell). Raises CapabilityError for a surrogate, ArchitectureError as
        `query` does."""
        self._check(arch)
        if self._table is None:
            raise CapabilityError(f"{self.info.name}: a surrogate has no runs. Leave out surrogate=.")
        return self._table.methods(arch, self.info.name)

    def true_test_acc(self, arch: Architecture) -> float:
        """Final test accuracy, mean over the runs; see the class for NASLib's pickle and surrogates."""
        self._check(arch)
        if self._table is not None:
            return self._table.truth(arch, self.info.name)
        return float(np.clip(self._predicted([arch])[0][0] / 100, 0.0, 1.0))

    def _check(self, arch: Architecture) -> None:
        if not self.space.contains(arch):
            raise self._foreign(arch)

    def best(self) -> tuple[Architecture, float] | None:
        """The best architecture with runs, by `true_test_acc`, and that value; None for a surrogate."""
        return self._best

    @functools.cached_property
    def _best(self) -> tuple[Architecture, float] | None:
        return None if self._table is None else self._table.best()


def _genotypes(archs: Sequence[Architecture]) -> list[DartsGenotype]:
    return [arch for arch in archs if isinstance(arch, DartsGenotype)]


def _open_runs(data: Path | None, cache: Path | None, short_runs: str) -> RunTable:
    card = NB301.card
    names = {"runs": f"{card.id}-runs", "naslib": f"{card.id}-naslib"}
    source = None if data is None else _source(data)
    if source is None:
        cached = (
            []
            if cache is None
            else [name for name in names.values() if (cache / f"{name}.nascurve").is_file()]
        )
        if data is not None or not cached:
            raise card.missing(data)
        name = cached[0]
    else:
        name = names["naslib" if source.suffix in (".pickle", ".pkl") else "runs"]
    convert = convert_naslib if name == names["naslib"] else convert_runs
    where = cache if cache is not None or source is None else (source if source.is_dir() else source.parent)
    arrays, meta = open_cached(
        card=card,
        sources=[] if source is None else [source],
        cache_dir=where or Path(),
        name=name,
        format_version=FORMAT_VERSION,
        convert=lambda: convert(source or Path(), remedy=card.remedy),
    )
    path = str(source if source is not None else cache)
    with guarded(path, "converted runs of NAS-Bench-301", card.remedy):
        return RunTable(arrays, meta, short_runs=short_runs, path=path, remedy=card.remedy)


def _source(data: Path) -> Path | None:
    """What to read at data_dir: a pickle, a zip archive, or a folder of runs; None: nothing known."""
    if data.is_file():
        return data if data.suffix in (".pickle", ".pkl", ".zip") else None
    if (data / PICKLE).is_file():
        return data / PICKLE
    if any(True for _ in result_files(data)):
        return data
    archives = sorted(data.glob("*.zip"))
    return archives[0] if len(archives) == 1 else None
