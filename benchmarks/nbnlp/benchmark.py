"""NAS-Bench-NLP: recurrent cells trained as language models."""

from __future__ import annotations

import logging
import math
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nascurve import options
from nascurve.benchmarks.curve_benchmark import CurveBenchmark, curve_rows
from nascurve.benchmarks.files.cached import open_cached
from nascurve.benchmarks.files.card import OfficialCard, OfficialFile
from nascurve.benchmarks.held_space import HeldSpace
from nascurve.benchmarks.nbnlp.cell import RecurrentCell
from nascurve.benchmarks.nbnlp.logs import is_log, read_logs
from nascurve.benchmarks.nbnlp.naslib import read_naslib
from nascurve.benchmarks.nbnlp.space import RecurrentSpace
from nascurve.benchmarks.nbnlp.table import arrays_of, cells_of
from nascurve.errors import ArchitectureError, DataFileError
from nascurve.simulator.types import Architecture, BenchmarkInfo, FloatArray, LearningCurve, SearchSpace

_LOG = logging.getLogger(__name__)
_ARCHIVE, _PICKLE = "logs.zip", "nb_nlp.pickle"
_VOCABULARIES = {"ptb": 10_000, "wikitext-2": 33_278}
_RELEASE = "github.com/fmsnew/nas-bench-nlp-release"
_FORMAT_VERSION = 2
_TRAIN, _VAL, _TEST = range(3)
TEST_EPOCHS = ("last", "best_val")


class NBNLP(CurveBenchmark):
    """Learning curves of recurrent cells on Penn Treebank (PTB) or WikiText-2, from the authors' logs.

    data_dir: `logs.zip` of one of the release's three folders, the folder that holds it, a folder of unpacked
        logs, or NASLib's `nb_nlp.pickle` (in a folder that has several, the first of these counts).
    cache_dir: where the converted cache is kept; None: beside the data. Where it is there already, the data
        may be gone and data_dir left out (the cache of NASLib's pickle needs the name of the pickle).
    vocabulary: number of words; None: 10,000 for PTB and 33,278 for WikiText-2, by the logs' data set.
    test_epoch: what `true_test_acc` takes of each training: "last", the last epoch, as everywhere in
        nascurve; "best_val", the epoch of the lowest validation loss, as the authors report.
    restrict: whether `space` holds only the cells that were trained; None means yes, as there is no end of
        others.

    Curves: val_acc = 1 - loss / ln(vocabulary), cut off to [0, 1]: 0 for a uniform guess, 1 for certainty; it
        falls with the loss, so that ranks are those of perplexity. test_acc likewise, after each epoch.
        val_loss, train_loss: cross-entropy in nats per token, as logged. epoch_s: the seconds of training
        that the log gives for each epoch, evaluation not included.
    Diverged trainings (status `loss is nan!`) are NaN from the first epoch with a NaN loss to the end, and
        cost nothing after the last epoch that was run, since the training ended there. In `true_test_acc`
        they count 0, and with test_epoch="best_val" by their best epoch before, if there is one.
    Trainings of one cell, also by isomorphic recipes, are its seeds, in the order of init_time and
        experiment_id; the logs name no random seed. Trainings that something else ended (by their status),
        and those without a second of training, are left out and counted in `info.details["left_out"]`.

    Klyuchnikov et al. 2022. Raises DataFileError for files that are missing, damaged or something else.
    """

    card = OfficialCard(
        id="nbnlp",
        kind="real",
        space="nlp",
        max_epochs=50,
        n_seeds=3,
        files=(
            OfficialFile(
                name=_ARCHIVE,
                published=f"{_RELEASE}, folder train_logs_single_run or train_logs_multi_runs (PTB) or "
                "train_logs_wikitext-2",
            ),
        ),
        licence="Apache-2.0",
        citation=(
            "N. Klyuchnikov, I. Trofimov, E. Artemova, M. Salnikov, M. Fedorov, A. Filippov, E. Burnaev. "
            "NAS-Bench-NLP: Neural Architecture Search Benchmark for Natural Language Processing. "
            "IEEE Access 10, 2022."
        ),
        description="Recurrent cells trained as language models for 50 epochs.",
    )

    def __init__(
        self,
        *,
        data_dir: str | Path | None = None,
        cache_dir: str | Path | None = None,
        vocabulary: int | None = None,
        test_epoch: str = "last",
        restrict: bool | None = None,
    ) -> None:
        card = self.card
        options.choice("test_epoch", test_epoch, TEST_EPOCHS)
        if vocabulary is not None:
            vocabulary = options.integer("vocabulary", vocabulary, at_least=2)
        source, cache = _places(data_dir, cache_dir, card)
        arrays, meta = open_cached(
            card=card,
            sources=[source],
            cache_dir=cache,
            name=_cache_name(source),
            format_version=_FORMAT_VERSION,
            convert=lambda: _convert(source, card.remedy),
        )
        n_words = _vocabulary(meta["data"], vocabulary, source)
        scale = math.log(n_words)
        self._cells = cells_of(arrays)
        self._rows = {cell: row for row, cell in enumerate(self._cells)}
        self._losses: FloatArray = arrays["losses"]
        self._wall_s: FloatArray = arrays["wall_s"]
        first = np.asarray(arrays["first_run"], dtype=np.intp)
        self._first: list[int] = first.tolist()
        alive = _alive(self._losses, arrays["n_recorded"])
        self._val_acc = _accuracy(self._losses[:, _VAL], alive, scale)
        self._test_acc = _accuracy(self._losses[:, _TEST], alive, scale)
        reported = _reported(self._losses[:, _VAL], self._test_acc, alive, test_epoch)
        self._truth: FloatArray = np.add.reduceat(reported, first[:-1]) / np.diff(first)
        base = RecurrentSpace()
        space: SearchSpace = base
        if restrict is None or options.flag("restrict", restrict):
            space = HeldSpace(base, self._cells, digest=meta["digest"])
        super().__init__(
            space=space,
            info=BenchmarkInfo(
                name=card.id,
                version=1,
                kind=card.kind,
                space=space.name,
                max_epochs=meta["epochs"],
                n_seeds=int(np.diff(first).min()),
                metrics=("val_acc", "test_acc", "val_loss", "train_loss"),
                licence=card.licence,
                citation=card.citation,
                description=card.description,
                required_files=(source.name,),
                details=_details(meta, n_words, test_epoch, len(self._cells), alive),
            ),
        )

    def _make(self, archs: Sequence[Architecture], seeds: Sequence[int]) -> list[LearningCurve]:
        runs = [self._first[self._row(arch)] + seed for arch, seed in zip(archs, seeds, strict=True)]
        return curve_rows(
            self._val_acc[runs],
            self._wall_s[runs],
            test_acc=self._test_acc[runs],
            val_loss=self._losses[runs, _VAL],
            train_loss=self._losses[runs, _TRAIN],
        )

    def training_runs(self, arch: Architecture) -> int:
        """How many trainings there are of a cell. Raises ArchitectureError as `query` does."""
        row = self._row(arch)
        return self._first[row + 1] - self._first[row]

    def true_test_acc(self, arch: Architecture) -> float:
        """Test accuracy at `test_epoch`, mean over the cell's trainings; diverged ones count 0."""
        return float(self._truth[self._row(arch)])

    def best(self) -> tuple[Architecture, float]:
        """The cell with the best `true_test_acc`, and that value."""
        row = int(self._truth.argmax())
        return self._cells[row], float(self._truth[row])

    def _row(self, arch: Architecture) -> int:
        if not isinstance(arch, RecurrentCell):
            raise self._foreign(arch)
        row = self._rows.get(arch)
        if row is None:
            raise ArchitectureError(
                f"{self.info.name} holds {len(self._cells)} trained cells; {arch!s:.300} is not one of them. "
                "Leave restrict= out, so that its space holds only those."
            )
        return row


def _places(
    data_dir: str | Path | None, cache_dir: str | Path | None, card: OfficialCard
) -> tuple[Path, Path]:
    """The archive, folder of logs or pickle that is meant, and the folder of the cache; the first may be gone
    where there is a cache."""
    cache = None if cache_dir is None else options.path("cache_dir", cache_dir)
    if data_dir is None:
        if cache is None:
            raise card.missing(None)
        return cache / _ARCHIVE, cache
    path = options.path("data_dir", data_dir)
    # os.path: what may not be looked at counts as absent, where Path would raise
    if os.path.isdir(path):  # noqa: PTH112
        cache = cache or path
        try:
            names = os.listdir(path)  # noqa: PTH208 -- names are what is wanted
        except OSError as error:
            raise card.missing(path) from error
        for name in (_ARCHIVE, _PICKLE):
            if name in names:
                return path / name, cache
        if any(map(is_log, names)):
            return path, cache
        for gone in (path / _ARCHIVE, path / _PICKLE):
            if os.path.exists(cache / f"{_cache_name(gone)}.nascurve"):  # noqa: PTH110
                return gone, cache
    elif cache is not None or os.path.exists(path):  # noqa: PTH110
        return path, cache or path.parent
    raise card.missing(path)


def _is_pickle(source: Path) -> bool:
    return source.suffix.lower() in (".pickle", ".pkl")


def _cache_name(source: Path) -> str:
    return "nbnlp-naslib" if _is_pickle(source) else "nbnlp"


def _convert(source: Path, remedy: str) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    runs, left_out = (read_naslib if _is_pickle(source) else read_logs)(source, remedy=remedy)
    arrays, meta = arrays_of(runs, left_out, path=source, remedy=remedy)
    if meta["left_out"]:
        _warn(source, meta["left_out"], len(arrays["losses"]))
    return arrays, meta


def _warn(source: Path, left_out: dict[str, int], kept: int) -> None:
    reasons = ", ".join(f"{number} x {reason}" for reason, number in Counter(left_out).most_common())
    _LOG.warning("%s: %d trainings read, %d left out: %s.", source, kept, sum(left_out.values()), reasons)


def _vocabulary(data: str, vocabulary: int | None, source: Path) -> int:
    if vocabulary is None:
        vocabulary = _VOCABULARIES.get(data)
    if vocabulary is None:
        raise DataFileError(
            f"{source}: expected trainings on {' or '.join(_VOCABULARIES)}, got the data set {data!r}. Give "
            "vocabulary=, its number of words."
        )
    return vocabulary


def _alive(losses: FloatArray, n_recorded: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Shape (runs, epochs): recorded, and before the first NaN."""
    epochs = np.arange(losses.shape[2])
    fine = ~np.isnan(losses).any(axis=1) & (epochs < np.asarray(n_recorded)[:, None])
    return np.logical_and.accumulate(fine, axis=1)


def _accuracy(losses: FloatArray, alive: NDArray[np.bool_], scale: float) -> FloatArray:
    accuracy: FloatArray = np.where(alive, np.clip(1 - losses / scale, 0.0, 1.0), np.nan)
    return accuracy


def _reported(
    val_loss: FloatArray, test_acc: FloatArray, alive: NDArray[np.bool_], test_epoch: str
) -> FloatArray:
    """Test accuracy that counts for each run; 0 where there is none."""
    epoch = np.full(len(val_loss), val_loss.shape[1] - 1)
    if test_epoch == "best_val":
        epoch = np.where(alive, val_loss, np.inf).argmin(axis=1)
    reported: FloatArray = np.nan_to_num(test_acc[np.arange(len(epoch)), epoch], nan=0.0)
    return reported


def _details(
    meta: dict[str, Any], vocabulary: int, test_epoch: str, n_cells: int, alive: NDArray[np.bool_]
) -> dict[str, Any]:
    return {
        "data": meta["data"],
        "vocabulary": vocabulary,
        "accuracy": "1 - loss / ln(vocabulary), cut off to [0, 1]; losses in nats per token",
        "epoch_s": "seconds of training as logged, without evaluation; 0 after the end of a diverged run",
        "diverged": "val_acc and test_acc NaN from the first NaN loss to the end; 0 in true_test_acc",
        "true_test_acc": f"test_epoch={test_epoch!r}; the authors report the epoch of the lowest val_loss",
        "training_seeds": "not logged; trainings of a cell are ordered by init_time and experiment_id",
        "n_cells": n_cells,
        "n_runs": len(alive),
        "n_diverged": int((~alive[:, -1]).sum()),
        "left_out": meta["left_out"],
        "data_sha256": meta["data_sha256"],
    }
